#include "model/trust.h"

#include "base/file.h"
#include "fixture.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* Two good files, each signed, and one that somebody else has signed. */
static struct content {
    void *data;
    size_t size;
    unsigned char signature[SIGNATURE_SIZE];
    char sha256[HASH_HEX_SIZE]; /* of the model */
} old, new, foreign;
static struct trust require;
static char path[256], signature_path[300];

static void make_content(const struct tiny_model *tiny, const struct signature_private *key,
                         struct content *ret_content)
{
    struct model *model = tiny_model_new(tiny);
    strcpy(ret_content->sha256, model->sha256);
    model_unref(model);
    tiny_model_format(tiny, &ret_content->data, &ret_content->size);
    assert_int_equal(
        signature_sign(key, ret_content->data, ret_content->size, ret_content->signature), 0);
}

static int group_setup(void **state)
{
    struct signature_private key, stranger;
    blas_init();
    assert_int_equal(signature_generate(&key), 0);
    assert_int_equal(signature_generate(&stranger), 0);
    require = (struct trust){.policy = TRUST_REQUIRE, .has_key = true};
    assert_int_equal(signature_public_of(&key, &require.key), 0);
    make_content(&(struct tiny_model){.name = "m", .random = true}, &key, &old);
    make_content(&(struct tiny_model){.name = "m", .version = 2, .channels = 5}, &key, &new);
    make_content(&(struct tiny_model){.name = "m", .version = 3, .channels = 4}, &stranger,
                 &foreign);
    assert_int_equal(fixture_setup(state), 0);
    snprintf(path, sizeof path, "%s", fixture_path("m.safetensors"));
    snprintf(signature_path, sizeof signature_path, "%s.sig", path);
    return 0;
}

static int group_teardown(void **state)
{
    free(old.data);
    free(new.data);
    free(foreign.data);
    return fixture_teardown(state);
}

static int setup(void **state)
{
    unlink(path);
    unlink(signature_path);
    assert_int_equal(file_write(path, old.data, old.size, NULL), 0);
    assert_int_equal(file_write(signature_path, old.signature, SIGNATURE_SIZE, NULL), 0);
    return 0;
}

/* Loads by one policy and says how it went. */
static int load_by(enum trust_policy policy, struct trust_origin *ret_origin, struct diag *diag)
{
    struct trust trust = require;
    struct model *model = NULL;
    trust.policy = policy;
    *diag = DIAG_INIT;
    int r = trust_load_model(&trust, path, &model, ret_origin, diag);
    if (r == 0) {
        assert_string_equal(model->sha256, old.sha256);
        assert_int_equal(model->signature, ret_origin->signature);
        model_unref(model);
    } else {
        assert_null(model);
        assert_true(*diag->text);
    }
    return r;
}

/* Off does not look; warn says what require refuses. */
static void expect(enum signature_verdict verdict, const char *why)
{
    struct trust_origin origin;
    struct diag diag;
    assert_int_equal(load_by(TRUST_OFF, &origin, &diag), 0);
    assert_int_equal(origin.signature, SIGNATURE_UNCHECKED);
    assert_string_equal(origin.warning.text, "");
    assert_int_equal(load_by(TRUST_WARN, &origin, &diag), 0);
    assert_int_equal(origin.signature, verdict);
    fixture_expect_text(origin.warning.text, why);
    int r = load_by(TRUST_REQUIRE, &origin, &diag);
    assert_int_equal(r, verdict == SIGNATURE_VALID ? 0 : -EKEYREJECTED);
    assert_int_equal(origin.signature, verdict);
    fixture_expect_text(diag.text, why);
    assert_int_equal(strlen(origin.file_sha256), 64);
}

static void test_signed(void **state)
{
    struct trust_origin origin;
    struct diag diag;
    expect(SIGNATURE_VALID, "");
    assert_int_equal(load_by(TRUST_WARN, &origin, &diag), 0);
    assert_string_equal(origin.warning.text, "");
}

static void test_not_signed(void **state)
{
    unlink(signature_path);
    expect(SIGNATURE_MISSING, "not signed: there is no m.safetensors.sig");
}

/* Nobody has asked for signatures: nothing is looked for, and nothing said. */
static void test_without_a_key(void **state)
{
    const struct trust trust = {.policy = TRUST_WARN};
    struct model *model;
    struct trust_origin origin;
    struct diag diag = DIAG_INIT;
    unlink(signature_path);
    assert_int_equal(trust_load_model(&trust, path, &model, &origin, &diag), 0);
    assert_int_equal(origin.signature, SIGNATURE_UNCHECKED);
    assert_string_equal(origin.warning.text, "");
    model_unref(model);
}

static void test_of_another_key_or_file(void **state)
{
    struct signature_private key;
    unsigned char other[SIGNATURE_SIZE];
    assert_int_equal(signature_generate(&key), 0);
    assert_int_equal(signature_sign(&key, old.data, old.size, other), 0);
    file_write(signature_path, other, sizeof other, NULL);
    expect(SIGNATURE_INVALID, "not the signature of this file by the key");
    file_write(signature_path, new.signature, SIGNATURE_SIZE, NULL);
    expect(SIGNATURE_INVALID, "not the signature of this file by the key");
}

static void test_what_is_no_signature(void **state)
{
    unsigned char many[SIGNATURE_SIZE + 1] = {0};
    char target[256];
    for (size_t size = 0; size <= sizeof many; size += size == 0 ? 63 : 2) {
        file_write(signature_path, many, size, NULL);
        expect(SIGNATURE_INVALID, "a signature has 64");
    }
    file_write(signature_path, many, SIGNATURE_SIZE, NULL);
    expect(SIGNATURE_INVALID, "not the signature");
    snprintf(target, sizeof target, "%s", fixture_path("elsewhere"));
    file_write(target, old.signature, SIGNATURE_SIZE, NULL);
    unlink(signature_path);
    assert_int_equal(symlink(target, signature_path), 0);
    expect(SIGNATURE_INVALID, "a symbolic link");
    unlink(signature_path);
    assert_int_equal(mkdir(signature_path, 0700), 0);
    expect(SIGNATURE_INVALID, "not a regular file");
    rmdir(signature_path);
}

/* The signature is looked at before the file is. */
static void test_every_changed_byte_is_refused(void **state)
{
    struct trust_origin origin;
    struct diag diag;
    unsigned char *copy = malloc(old.size);
    assert_non_null(copy);
    memcpy(copy, old.data, old.size);
    for (size_t i = 0; i < old.size; i++) {
        copy[i] ^= 0x20;
        FILE *stream = fopen(path, "wb");
        assert_non_null(stream);
        assert_int_equal(fwrite(copy, 1, old.size, stream), old.size);
        assert_int_equal(fclose(stream), 0);
        copy[i] ^= 0x20;
        int r = load_by(TRUST_REQUIRE, &origin, &diag);
        if (r != -EKEYREJECTED)
            fail_msg("byte %zu of %zu: %d, %s", i, old.size, r, diag.text);
    }
    free(copy);
}

static void test_files_that_are_none(void **state)
{
    struct trust_origin origin;
    struct diag diag;
    char target[256];
    unlink(path);
    assert_int_equal(load_by(TRUST_REQUIRE, &origin, &diag), -ENOENT);
    assert_string_equal(origin.file_sha256, "");
    snprintf(target, sizeof target, "%s", fixture_path("target"));
    assert_int_equal(file_write(target, old.data, old.size, NULL), 0);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(load_by(TRUST_OFF, &origin, &diag), -ELOOP);
    fixture_expect_text(diag.text, "symbolic link");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load_by(TRUST_OFF, &origin, &diag), -EINVAL);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(load_by(TRUST_OFF, &origin, &diag), -EINVAL);
    rmdir(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600); /* a hole costs nothing */
    assert_int_equal(ftruncate(fd, (off_t)MODEL_FILE_MAX + 1), 0);
    close(fd);
    assert_int_equal(load_by(TRUST_OFF, &origin, &diag), -EFBIG);
    fixture_expect_text(diag.text, "at most");
}

static void test_same(void **state)
{
    struct trust other = require, none = {.policy = TRUST_WARN};
    assert_true(trust_same(&other, &require));
    other.key.bytes[31] ^= 1;
    assert_false(trust_same(&other, &require));
    other.has_key = false;
    assert_false(trust_same(&other, &require));
    other.policy = TRUST_WARN;
    assert_true(trust_same(&other, &none));
    other.policy = TRUST_OFF;
    assert_false(trust_same(&other, &none));
}

/* ---- a file that changes while it is read ---- */

#define RACES 1000

static atomic_bool racing;

static void overwrite(const struct content *content, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (size_t at = 0; at < size && fd >= 0;) {
        ssize_t n = write(fd, (const char *)content->data + at, size - at < 997 ? size - at : 997);
        at += n > 0 ? (size_t)n : size;
    }
    if (fd >= 0)
        close(fd);
}

static void *replace(void *argument)
{
    for (unsigned i = 0; atomic_load(&racing); i++) {
        const struct content *content = (const struct content *[]){&old, &new, &foreign}[i % 3];
        switch (i / 3 % 4) {
        case 0:
            file_write(path, content->data, content->size, NULL);
            file_write(signature_path, content->signature, SIGNATURE_SIZE, NULL);
            break;
        case 1:
            overwrite(content, content->size);
            break;
        case 2:
            overwrite(content, content->size / 2);
            break;
        case 3:
            if (truncate(path, (off_t)(content->size / 3)) < 0)
                return argument;
            break;
        }
    }
    return NULL;
}

/* Returns how many were refused. */
static unsigned race(enum trust_policy policy)
{
    struct trust trust = require;
    trust.policy = policy;
    const char *const sha256[] = {old.sha256, new.sha256, foreign.sha256};
    unsigned loaded[3] = {0}, refused = 0;
    pthread_t thread;
    atomic_store(&racing, true);
    assert_int_equal(pthread_create(&thread, NULL, replace, NULL), 0);
    for (int i = 0; i < RACES || ((!loaded[0] || !loaded[1] || !refused) && i < 100 * RACES); i++) {
        struct model *model;
        struct trust_origin origin;
        struct diag diag = DIAG_INIT;
        if (trust_load_model(&trust, path, &model, &origin, &diag) < 0) {
            assert_true(*diag.text);
            refused++;
            continue;
        }
        unsigned which = (unsigned)model->version - 1;
        assert_in_range(which, 0, policy == TRUST_REQUIRE ? 1 : 2);
        assert_string_equal(model->sha256, sha256[which]);
        struct diag selftest = DIAG_INIT;
        if (model_selftest(model, &selftest) < 0)
            fail_msg("mixed: %s", selftest.text);
        loaded[which]++;
        model_unref(model);
    }
    atomic_store(&racing, false);
    void *failed;
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    assert_true(loaded[0] > 0 && loaded[1] > 0);
    return refused;
}

static void test_old_or_new_and_never_mixed(void **state)
{
    assert_true(race(TRUST_OFF) > 0); /* torn ones */
    assert_true(race(TRUST_REQUIRE) > 0);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_signed),
        TEST(test_not_signed),
        TEST(test_without_a_key),
        TEST(test_of_another_key_or_file),
        TEST(test_what_is_no_signature),
        TEST(test_every_changed_byte_is_refused),
        TEST(test_files_that_are_none),
        TEST(test_same),
        TEST(test_old_or_new_and_never_mixed),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
