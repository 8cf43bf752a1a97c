#include "base/name_table.h"
#include "fixture.h"

static void test_every_name_is_found(void **state)
{
    enum { COUNT = 1000 };
    static char text[COUNT][16];
    static const char *names[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof text[i], "channel_%zu", i);
        names[i] = text[i];
    }
    struct name_table *table = name_table_new(names, COUNT);
    assert_non_null(table);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(name_table_find(table, text[i]), i);
    assert_int_equal(name_table_find(table, "channel_1000"), NAME_TABLE_NONE);
    assert_int_equal(name_table_find(table, ""), NAME_TABLE_NONE);
    name_table_free(table);
}

static void test_few_and_equal_names(void **state)
{
    static const char *const names[] = {"a", "b", "a"};
    struct name_table *none = name_table_new(NULL, 0), *some = name_table_new(names, 3);
    assert_int_equal(name_table_find(none, "a"), NAME_TABLE_NONE);
    assert_int_equal(name_table_find(some, "a"), 0);
    assert_int_equal(name_table_find(some, "b"), 1);
    name_table_free(none);
    name_table_free(some);
    name_table_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_name_is_found),
        cmocka_unit_test(test_few_and_equal_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
