#include "base/decimal.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include "base/rng.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* printf is the oracle. */
static void expect_printf(double value)
{
    char expected[64], text[DECIMAL_SIX_MAX];
    memset(text, 'x', sizeof text);
    int length = snprintf(expected, sizeof expected, "%.6g", value);
    assert_int_equal(decimal_six(value, text), length);
    assert_string_equal(text, expected);
}

static void test_known(void **state)
{
    const double values[] = {0,        1,          -1,        0.5,      0.1,       0.0001,
                             1e-5,     9.99e-5,    123456,    1234567,  999999,    999999.4,
                             999999.5, 1e6,        100,       120,      0.000123,  1.5,
                             5.5,      2.73,       -0.69,     1e300,    5e-324,    DBL_MAX,
                             0.999999, 0.9999995,  0.9999994, 9.999995, 99.99995,  0.00099999949,
                             1.000005, 1.00000500, 2.5e-4,    100000.5, 100001.5,  262144.25,
                             1.0 / 3,  2.0 / 3,    1e5,       1e-4,     0.0312345, 31234.55};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        expect_printf(values[i]);
        expect_printf(-values[i]);
        expect_printf(nextafter(values[i], 0));
        expect_printf(nextafter(values[i], (double)INFINITY) < DBL_MAX
                          ? nextafter(values[i], (double)INFINITY)
                          : values[i]);
    }
}

/* Halves of the last digit, which round to even only where they are exact, and their neighbours. */
static void test_halves(void **state)
{
    struct rng rng;
    rng_init(&rng, 3);
    for (int i = 0; i < 20000; i++) {
        double digits = floor(100000 + 900000 * rng_uniform(&rng)) + 0.5;
        double value = digits * pow(10, floor(rng_uniform(&rng) * 36) - 22);
        expect_printf(value);
        expect_printf(nextafter(value, 0));
        expect_printf(nextafter(value, (double)INFINITY));
    }
    for (int exponent = -20; exponent <= 20; exponent++) {
        expect_printf(pow(10, exponent));
        expect_printf(nextafter(pow(10, exponent), 0));
        expect_printf(0.9999995 * pow(10, exponent));
    }
}

static void test_random(void **state)
{
    struct rng rng;
    rng_init(&rng, 4);
    for (int i = 0; i < 200000; i++) {
        double value = pow(10, 36 * rng_uniform(&rng) - 18);
        expect_printf(i % 2 ? value : -value);
        expect_printf(round(value));
        expect_printf((double)(float)value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
