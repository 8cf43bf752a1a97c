#include "daemon/shipped.h"

#include "base/file.h"
#include "fixture.h"
#include "tiny_model.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static char own[256], shipped[300];
static const struct trust trust = {.policy = TRUST_OFF};
static const struct shipped_paths paths = {own, shipped};

static int group_setup(void **state)
{
    assert_int_equal(fixture_setup(state), 0);
    snprintf(own, sizeof own, "%s", fixture_path("m.safetensors"));
    const char *directory = fixture_path("shipped");
    assert_int_equal(mkdir(directory, 0700), 0);
    char *made = shipped_path(directory, own);
    snprintf(shipped, sizeof shipped, "%s", made);
    fixture_expect_text(made, "/shipped/m.safetensors");
    free(made);
    return 0;
}

static int setup(void **state)
{
    unlink(own);
    unlink(shipped);
    return 0;
}

static int64_t load_version(void)
{
    struct model *model = NULL;
    struct trust_origin origin;
    assert_int_equal(shipped_load_model(&trust, &paths, &model, &origin, NULL), 0);
    assert_int_equal(strlen(origin.file_sha256), 64);
    int64_t version = model->version;
    model_unref(model);
    return version;
}

static int load_error(struct diag *diag)
{
    struct model *model = NULL;
    struct trust_origin origin;
    int r = shipped_load_model(&trust, &paths, &model, &origin, diag);
    assert_true(r < 0);
    assert_null(model);
    return r;
}

static void test_the_own_goes_before(void **state)
{
    tiny_model_write(&(struct tiny_model){.version = 7}, shipped);
    assert_int_equal(load_version(), 7);
    tiny_model_write(&(struct tiny_model){.version = 3}, own);
    assert_int_equal(load_version(), 3);
}

static void test_what_is_there_and_bad_is_not_replaced(void **state)
{
    struct diag diag = DIAG_INIT;
    tiny_model_write(&(struct tiny_model){.version = 7}, shipped);
    assert_int_equal(file_write(own, "wrong", 5, NULL), 0);
    assert_int_equal(load_error(&diag), -EINVAL);
    fixture_expect_text(diag.text, own);
    unlink(own);
    assert_int_equal(file_write(shipped, "wrong", 5, NULL), 0);
    diag = DIAG_INIT;
    assert_int_equal(load_error(&diag), -EINVAL);
    fixture_expect_text(diag.text, shipped);
}

static void test_neither_is_there(void **state)
{
    struct diag diag = DIAG_INIT;
    assert_int_equal(load_error(&diag), -ENOENT);
    fixture_expect_text(diag.text, own);
    assert_int_equal(load_error(NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_own_goes_before, setup),
        cmocka_unit_test_setup(test_what_is_there_and_bad_is_not_replaced, setup),
        cmocka_unit_test_setup(test_neither_is_there, setup),
    };
    return cmocka_run_group_tests(tests, group_setup, fixture_teardown);
}
