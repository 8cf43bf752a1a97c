#include "base/text.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

static void test_pieces(void **state)
{
    struct text text = {0};
    size_t size;
    text_add(&text, "a");
    text_char(&text, 'b');
    text_bytes(&text, "cde", 2);
    text_integer(&text, 0);
    text_integer(&text, UINT64_MAX);
    text_put(&text, "/%s/%d", "x", -5);
    char *data = text_take(&text, &size);
    assert_string_equal(data, "abcd018446744073709551615/x/-5");
    assert_int_equal(size, strlen(data));
    assert_null(text.data);
    free(data);
}

/* Over every capacity that it has, also with one piece that does not fit what is left. */
static void test_growth(void **state)
{
    struct text text = {0};
    for (int i = 0; i < 2000; i++)
        text_put(&text, "%04d,", i);
    assert_int_equal(text.size, 10000);
    assert_memory_equal(text.data + 9995, "1999,", 6);
    char long_piece[5000];
    memset(long_piece, 'x', sizeof long_piece - 1);
    long_piece[sizeof long_piece - 1] = '\0';
    text_put(&text, "%s", long_piece);
    assert_int_equal(text.size, 14999);
    assert_int_equal(strlen(text.data), 14999);
    text_clear(&text);
    assert_int_equal(text.size, 0);
    assert_string_equal(text.data, "");
    text_add(&text, "again");
    assert_string_equal(text.data, "again");
    text_deinit(&text);
}

static void test_empty(void **state)
{
    struct text text = {0};
    size_t size = 7;
    char *data = text_take(&text, &size);
    assert_string_equal(data, "");
    assert_int_equal(size, 0);
    free(data);
    text_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pieces), cmocka_unit_test(test_growth),
                                       cmocka_unit_test(test_empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
