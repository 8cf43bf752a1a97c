#include "base/diag.h"
#include "fixture.h"

#include <errno.h>

static void test_set_and_prefix(void **state)
{
    struct diag diag = DIAG_INIT;
    assert_string_equal(diag.text, "");
    assert_int_equal(diag_set(&diag, "row %d", 7), -EINVAL);
    assert_string_equal(diag.text, "row 7");
    diag_prefix(&diag, "%s", "file");
    assert_string_equal(diag.text, "file: row 7");
}

static void test_errno_of_either_sign(void **state)
{
    struct diag diag = DIAG_INIT;
    assert_int_equal(diag_errno(&diag, ENOENT, "x"), -ENOENT);
    assert_string_equal(diag.text, "x: No such file or directory");
    assert_int_equal(diag_errno(&diag, -ENOENT, "%s", "y"), -ENOENT);
    assert_string_equal(diag.text, "y: No such file or directory");
}

static void test_null_is_ignored(void **state)
{
    assert_int_equal(diag_set(NULL, "x"), -EINVAL);
    assert_int_equal(diag_errno(NULL, EIO, "x"), -EIO);
    diag_prefix(NULL, "x");
}

static void test_long_texts_are_cut(void **state)
{
    char text[2 * DIAG_TEXT_MAX];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct {
        struct diag diag;
        char guard;
    } box = {.guard = 'g'};
    diag_set(&box.diag, "%s", text);
    assert_int_equal(strlen(box.diag.text), DIAG_TEXT_MAX - 1);
    diag_prefix(&box.diag, "p");
    assert_int_equal(strlen(box.diag.text), DIAG_TEXT_MAX - 1);
    assert_memory_equal(box.diag.text, "p: aaa", 6);
    diag_errno(&box.diag, EIO, "%s", text);
    assert_int_equal(strlen(box.diag.text), DIAG_TEXT_MAX - 1);
    diag_prefix(&box.diag, "%s", text);
    assert_int_equal(strlen(box.diag.text), DIAG_TEXT_MAX - 1);
    assert_int_equal(box.guard, 'g');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_prefix),
        cmocka_unit_test(test_errno_of_either_sign),
        cmocka_unit_test(test_null_is_ignored),
        cmocka_unit_test(test_long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
