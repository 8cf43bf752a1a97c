/* armwatch model keygen, sign and verify: what they write, what they refuse, and that openssl
 * agrees. */
#include "command.h"
#include "toy_arm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT_MS 60000

struct bench {
    struct harness *harness;
    struct command command;
};

/* A model, toy.safetensors, and a pair of keys, a.key and a.pub. */
static char directory[64];

static int shell(const char *line)
{
    char command[512];
    snprintf(command, sizeof command, "cd '%s' && { %s; } >/dev/null 2>&1", directory, line);
    return system(command);
}

static void expect(struct bench *bench, int expected, const char *words, const char *line)
{
    command_start(&bench->command, directory, "%s", line);
    int code = command_wait(&bench->command, &bench->harness->loop, LIMIT_MS);
    bool said = strstr(command_err(&bench->command), words);
    said |= strstr(command_out(&bench->command), words) != NULL;
    if (code != expected || !said)
        fail_msg("%s: exit code %d, expected %d with \"%s\"; stderr: %s", line, code, expected,
                 words, command_err(&bench->command));
}

static int group_setup(void **state)
{
    snprintf(directory, sizeof directory, "/tmp/armwatch-sign-XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    toy_arm_train(directory, &(struct toy_model){"toy", "toy", 3, 2, 1});
    return 0;
}

static int group_teardown(void **state)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command);
}

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof *bench);
    void *harness = NULL;
    assert_non_null(bench);
    harness_setup(&harness);
    bench->harness = harness;
    *state = bench;
    shell("rm -f *.key *.pub *.sig");
    expect(bench, 0, "key ", "model keygen --private a.key --public a.pub");
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    void *harness = bench->harness;
    command_deinit(&bench->command);
    free(bench);
    return harness_teardown(&harness);
}

static mode_t mode_of(const char *name)
{
    char path[128];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

static void test_keys_are_never_overwritten(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(mode_of("a.key"), 0600);
    assert_int_equal(shell("cp -p a.key kept"), 0);
    expect(bench, 1, "a.key: File exists", "model keygen --private a.key --public b.pub");
    expect(bench, 1, "a.pub: File exists", "model keygen --private b.key --public a.pub");
    expect(bench, 1, "b.key: File exists", "model keygen --private b.key --public b.key");
    expect(bench, 1, "No such file", "model keygen --private no/b.key --public b.pub");
    assert_int_equal(shell("cmp a.key kept && ! ls b.key b.pub"), 0);
    expect(bench, 2, "--public FILE is needed", "model keygen --private b.key");
}

static void test_sign_and_verify(void **state)
{
    struct bench *bench = *state;
    expect(bench, 66, "not signed: there is no toy.safetensors.sig",
           "model verify --public-key a.pub toy.safetensors");
    expect(bench, 0, "good", "model verify toy.safetensors");
    expect(bench, 0, "toy.safetensors.sig: toy version 3, signed with key ",
           "model sign --key a.key toy.safetensors");
    assert_int_equal(shell("test $(stat -c %s toy.safetensors.sig) = 64 && ! ls *.sig.*"), 0);
    expect(bench, 0, "toy version 3, signature, hash and self-test hold",
           "model verify --public-key a.pub toy.safetensors");
    expect(bench, 0, "\"signature\":\"valid\"",
           "model verify --json --public-key a.pub toy.safetensors");
    expect(bench, 0, "\"signature\":\"unchecked\"", "model verify --json toy.safetensors");
    expect(bench, 0, "", "model keygen --private b.key --public b.pub");
    expect(bench, 65, "not the signature of this file by the key",
           "model verify --public-key b.pub toy.safetensors");
    expect(bench, 65, "\"signature\":\"invalid\"",
           "model verify --json --public-key b.pub toy.safetensors");
    expect(bench, 0, "", "model sign --key b.key toy.safetensors"); /* in the place of the first */
    expect(bench, 0, "good", "model verify --public-key b.pub toy.safetensors");
}

static void test_tampered_files(void **state)
{
    struct bench *bench = *state;
    expect(bench, 0, "", "model sign --key a.key toy.safetensors");
    assert_int_equal(shell("cp toy.safetensors.sig x.safetensors.sig && "
                           "sed 's/toy/tox/' toy.safetensors > x.safetensors"),
                     0);
    expect(bench, 65, "not the signature of this file",
           "model verify --public-key a.pub x.safetensors");
    assert_int_equal(shell("cp toy.safetensors x.safetensors && : > x.safetensors.sig"), 0);
    expect(bench, 65, "0 bytes, a signature has 64",
           "model verify --public-key a.pub x.safetensors");
    assert_int_equal(shell("head -c 1000 toy.safetensors > x.safetensors"), 0);
    expect(bench, 65, "x.safetensors", "model sign --key a.key x.safetensors"); /* no model */
}

static void test_keys_that_do_not_serve(void **state)
{
    struct bench *bench = *state;
    expect(bench, 66, "no.key", "model sign --key no.key toy.safetensors");
    expect(bench, 66, "no.pub", "model verify --public-key no.pub toy.safetensors");
    expect(bench, 66, "no.safetensors", "model sign --key a.key no.safetensors");
    expect(bench, 65, "no public key", "model verify --public-key a.key toy.safetensors");
    assert_int_equal(shell("chmod 644 a.key"), 0);
    expect(bench, 1, "others may read it", "model sign --key a.key toy.safetensors");
    expect(bench, 2, "--key FILE is needed", "model sign toy.safetensors");
    assert_int_equal(shell("! ls *.sig"), 0);
}

static void test_openssl_agrees(void **state)
{
    struct bench *bench = *state;
    if (shell("openssl version") != 0) {
        print_message("skipped: openssl is not installed\n");
        skip();
    }
    expect(bench, 0, "", "model sign --key a.key toy.safetensors");
    assert_int_equal(shell("openssl pkeyutl -verify -rawin -pubin -inkey a.pub "
                           "-in toy.safetensors -sigfile toy.safetensors.sig"),
                     0);
    assert_int_not_equal(shell("openssl pkeyutl -verify -rawin -pubin -inkey a.pub -in a.pub "
                               "-sigfile toy.safetensors.sig"),
                         0);
    assert_int_equal(shell("openssl genpkey -algorithm ed25519 -out o.key && chmod 600 o.key && "
                           "openssl pkey -in o.key -pubout -out o.pub && "
                           "openssl pkeyutl -sign -rawin -inkey o.key -in toy.safetensors "
                           "-out toy.safetensors.sig"),
                     0);
    expect(bench, 0, "signature, hash", "model verify --public-key o.pub toy.safetensors");
    assert_int_equal(shell("cp toy.safetensors.sig openssl.sig"), 0);
    expect(bench, 0, "", "model sign --key o.key toy.safetensors");
    assert_int_equal(shell("cmp toy.safetensors.sig openssl.sig"), 0); /* Ed25519 has one answer */
    assert_int_equal(shell("openssl pkey -in o.key -aes256 -passout pass:x -out e.key && "
                           "openssl genpkey -algorithm x25519 -out x.key && "
                           "openssl genpkey -algorithm ed448 -out y.key && chmod 600 ?.key"),
                     0);
    expect(bench, 65, "encrypted", "model sign --key e.key toy.safetensors");
    expect(bench, 65, "must be Ed25519", "model sign --key x.key toy.safetensors");
    expect(bench, 65, "must be Ed25519", "model sign --key y.key toy.safetensors");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keys_are_never_overwritten),
        TEST(test_sign_and_verify),
        TEST(test_tampered_files),
        TEST(test_keys_that_do_not_serve),
        TEST(test_openssl_agrees),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
