/* The harness notices a test that fails: this one does, and meson.build says that it should. */
#include "fixture.h"

static void test_one_is_two(void **state)
{
    assert_int_equal(1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_is_two)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
