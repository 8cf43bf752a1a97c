#include "base/rng.h"
#include "fixture.h"

#include <math.h>

/* The published reference code of xoshiro256++. */
static uint64_t reference(uint64_t s[4])
{
    uint64_t sum = s[0] + s[3], result = ((sum << 23) | (sum >> 41)) + s[0], t = s[1] << 17;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t;
    s[3] = (s[3] << 45) | (s[3] >> 19);
    return result;
}

static void test_same_numbers_everywhere(void **state)
{
    /* splitmix64 of 0: its published first outputs. */
    uint64_t s[4] = {UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4),
                     UINT64_C(0x06c45d188009454f), UINT64_C(0xf88bb8a8724c81ec)};
    struct rng rng;
    rng_init(&rng, 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(rng_next(&rng), reference(s));
}

static void test_uniform_and_normal(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    double sum = 0, normal = 0, square = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        double u = rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        double z = rng_normal(&rng);
        normal += z;
        square += z * z;
    }
    /* Five standard errors each. */
    if (fabs(sum / n - 0.5) > 5 * sqrt(1.0 / 12 / n) || fabs(normal / n) > 5 / sqrt(n) ||
        fabs(square / n - 1) > 5 * sqrt(2.0 / n))
        fail_msg("means %g, %g, square %g", sum / n, normal / n, square / n);
}

static void test_below_is_even(void **state)
{
    struct rng rng;
    rng_init(&rng, 2);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = rng_below(&rng, 7);
        assert_true(x < 7);
        counts[x]++;
    }
    for (int i = 0; i < 7; i++) {
        if (abs(counts[i] - 10000) > 500)
            fail_msg("%d came %d times of 10000", i, counts[i]);
    }
    assert_int_equal(rng_below(&rng, 1), 0);
}

static void test_shuffle_is_a_permutation(void **state)
{
    struct rng rng;
    rng_init(&rng, 3);
    size_t items[100], moved = 0;
    bool seen[100] = {false};
    for (size_t i = 0; i < 100; i++)
        items[i] = i;
    rng_shuffle(&rng, items, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_false(seen[items[i]]);
        seen[items[i]] = true;
        moved += items[i] != i;
    }
    assert_true(moved > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_numbers_everywhere),
        cmocka_unit_test(test_uniform_and_normal),
        cmocka_unit_test(test_below_is_even),
        cmocka_unit_test(test_shuffle_is_a_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
