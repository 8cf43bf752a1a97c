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

/* Whatever an input holds: a message stands in a JSON answer, and in one line of a log. */
static void test_what_is_quoted_is_one_line_of_utf8(void **state)
{
    struct diag diag;
    diag_set(&diag, "name \"%s\"", "a\nb\tc\x7f\x1b[1m");
    assert_string_equal(diag.text, "name \"a b c  [1m\"");
    diag_set(&diag, "%.3s, %s", "x\u00e4\u00e4", "\u20ac\U0001f916");
    assert_string_equal(diag.text, "x\u00e4, \u20ac\U0001f916");
    diag_set(&diag, "%.2s|%s|%s", "x\u00e4\u00e4", "\xff\xc0\x80", "\xed\xa0\x80");
    assert_string_equal(diag.text, "x?|???|???");
    diag_errno(&diag, EIO, "%s", "\xe4");
    assert_string_equal(diag.text, "?: Input/output error");
    diag_prefix(&diag, "%s", "a\r\xe4");
    assert_string_equal(diag.text, "a ?: ?: Input/output error");
}

static void test_a_character_is_not_cut(void **state)
{
    struct diag diag;
    char text[DIAG_TEXT_MAX + 8];
    memset(text, 'a', sizeof text);
    strcpy(text + DIAG_TEXT_MAX - 2, "\u00e4");
    diag_set(&diag, "%s", text);
    assert_int_equal(strlen(diag.text), DIAG_TEXT_MAX - 1);
    assert_int_equal(diag.text[DIAG_TEXT_MAX - 2], '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_and_prefix),
        cmocka_unit_test(test_errno_of_either_sign),
        cmocka_unit_test(test_null_is_ignored),
        cmocka_unit_test(test_long_texts_are_cut),
        cmocka_unit_test(test_what_is_quoted_is_one_line_of_utf8),
        cmocka_unit_test(test_a_character_is_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
