#include "config/partition_set.h"
#include "fixture.h"

#include <errno.h>

static void test_parse(void **state)
{
    struct partition_set set;
    char text[PARTITION_SET_TEXT_MAX];
    static const struct {
        const char *text, *same;
        size_t count;
    } cases[] = {{"0-7,12", "0-7,12", 9}, {"12,0-7", "0-7,12", 9}, {"0", "0", 1},
                 {"3-3", "3", 1},         {"1,2,3,5", "1-3,5", 4}, {"0-255", "0-255", 256},
                 {"63,64", "63-64", 2},   {"0-23", "0-23", 24}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diag diag = DIAG_INIT;
        if (partition_set_parse(cases[i].text, PARTITIONS_MAX, &set, &diag) < 0)
            fail_msg("\"%s\": %s", cases[i].text, diag.text);
        assert_int_equal(partition_set_count(&set), cases[i].count);
        partition_set_format(&set, text);
        assert_string_equal(text, cases[i].same);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {{"", "numbers and ranges"},
                 {"a", "numbers and ranges"},
                 {"0-", "numbers and ranges"},
                 {"-3", "numbers and ranges"},
                 {"1,,2", "numbers and ranges"},
                 {"1,", "numbers and ranges"},
                 {" 1", "numbers and ranges"},
                 {"1 ", "numbers and ranges"},
                 {"+1", "numbers and ranges"},
                 {"1-2-3", "numbers and ranges"},
                 {"24", "0 to 23 are allowed"},
                 {"0-24", "0 to 23 are allowed"},
                 {"5-3", "lower to the higher"},
                 {"0-3,2", "2 is named twice"},
                 {"99999999999999999999", "0 to 23 are allowed"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct partition_set set;
        struct diag diag = DIAG_INIT;
        assert_int_equal(partition_set_parse(cases[i].text, 24, &set, &diag), -EINVAL);
        if (!strstr(diag.text, cases[i].why))
            fail_msg("\"%s\": \"%s\" does not say \"%s\"", cases[i].text, diag.text, cases[i].why);
    }
}

static void test_members(void **state)
{
    struct partition_set set = {0};
    char text[PARTITION_SET_TEXT_MAX];
    partition_set_add(&set, 200);
    partition_set_add(&set, 2);
    assert_true(partition_set_has(&set, 200) && partition_set_has(&set, 2));
    assert_false(partition_set_has(&set, 8) || partition_set_has(&set, 72));
    partition_set_remove(&set, 2);
    assert_int_equal(partition_set_count(&set), 1);
    partition_set_remove(&set, 200);
    partition_set_format(&set, text);
    assert_string_equal(text, "");
    for (size_t p = 0; p < PARTITIONS_MAX; p += 2)
        partition_set_add(&set, p);
    partition_set_format(&set, text); /* the longest text */
    struct partition_set again;
    assert_int_equal(partition_set_parse(text, PARTITIONS_MAX, &again, NULL), 0);
    assert_memory_equal(&again, &set, sizeof set);
}

/* FNV-1a's own published values (0xe40c292c, 0xbf9cf968), modulo; and what nats-server 2.9.10 did.
 */
static void test_of_a_name(void **state)
{
    assert_int_equal(partition_of_name("a", 256), 0xe40c292cU % 256);
    assert_int_equal(partition_of_name("a", 24), 0xe40c292cU % 24);
    assert_int_equal(partition_of_name("foobar", 24), 0xbf9cf968U % 24);
    assert_int_equal(partition_of_name("", 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_of_a_name),
        cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
