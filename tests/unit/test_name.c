#include "base/name.h"
#include "fixture.h"

static void test_names(void **state)
{
    char long_name[NAME_MAX_LENGTH + 2];
    memset(long_name, 'a', sizeof long_name);
    long_name[NAME_MAX_LENGTH] = '\0';
    assert_true(name_valid(long_name));
    long_name[NAME_MAX_LENGTH] = 'a';
    long_name[NAME_MAX_LENGTH + 1] = '\0';
    assert_false(name_valid(long_name));
    static const char *const good[] = {"a", "0", "_", "-", "kuka-7_B"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(name_valid(good[i]));
}

/* Every single byte but those of the rule, and what would leave a directory or a topic level. */
static void test_what_is_no_name(void **state)
{
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", "a b", "a+", "#", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (name_valid(bad[i]))
            fail_msg("\"%s\" is taken for a name", bad[i]);
    }
    int allowed = 0;
    for (int c = 1; c < 256; c++)
        allowed += name_valid((char[]){(char)c, '\0'});
    assert_int_equal(allowed, 26 + 26 + 10 + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
