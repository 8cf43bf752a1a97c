#include "golden.h"
#include "model/pareto.h"

#include <errno.h>
#include <math.h>

#define CASES 6

static void test_golden_fit(void **state)
{
    struct golden golden = golden_open("pareto.safetensors");
    for (int i = 0; i < CASES; i++) {
        char prefix[8];
        size_t count, two;
        snprintf(prefix, sizeof prefix, "%d.", i);
        double *excess = golden_values(&golden, prefix, "excess", &count);
        double *expected = golden_values(&golden, prefix, "fit", &two);
        struct pareto pareto;
        assert_int_equal(pareto_fit(excess, count, &pareto), 0);
        expect_near(pareto.gamma, expected[0], 1e-4);
        expect_near(pareto.sigma, expected[1], 1e-4 * expected[1]);
        free(excess);
        free(expected);
    }
    golden_close(&golden);
}

static void test_golden_distribution(void **state)
{
    struct golden golden = golden_open("pareto.safetensors");
    for (int i = 0; i < CASES; i++) {
        char prefix[8];
        size_t count;
        snprintf(prefix, sizeof prefix, "%d.", i);
        double *fit = golden_values(&golden, prefix, "fit", &count);
        double *at = golden_values(&golden, prefix, "at", &count);
        double *survival = golden_values(&golden, prefix, "survival", &count);
        double *share = golden_values(&golden, prefix, "share", &count);
        double *quantile = golden_values(&golden, prefix, "quantile", &count);
        struct pareto pareto = {.gamma = fit[0], .sigma = fit[1]};
        for (size_t j = 0; j < count; j++) {
            expect_near(pareto_survival(&pareto, at[j]), survival[j], 1e-12);
            expect_near(pareto_quantile(&pareto, share[j]), quantile[j], 1e-9 * quantile[j]);
        }
        free(fit);
        free(at);
        free(survival);
        free(share);
        free(quantile);
    }
    golden_close(&golden);
}

static void test_exponential_is_the_limit(void **state)
{
    struct pareto zero = {.gamma = 0, .sigma = 2}, near = {.gamma = 1e-8, .sigma = 2};
    expect_near(pareto_survival(&zero, 3), exp(-1.5), 1e-15);
    expect_near(pareto_survival(&near, 3), exp(-1.5), 1e-7);
    expect_near(pareto_quantile(&zero, 1e-4), pareto_quantile(&near, 1e-4), 1e-5);
    expect_near(pareto_quantile(&zero, 1), 0, 0);
}

static void test_end_of_a_bounded_tail(void **state)
{
    struct pareto pareto = {.gamma = -0.5, .sigma = 1};
    expect_near(pareto_survival(&pareto, 2), 0, 0);
    expect_near(pareto_survival(&pareto, 5), 0, 0);
    expect_near(pareto_quantile(&pareto, 1e-300), 2, 1e-9);
}

/* Excesses of a uniform distribution have gamma = -1, where the likelihood has no maximum. */
static void test_shape_is_bounded(void **state)
{
    double excess[200];
    for (size_t i = 0; i < 200; i++)
        excess[i] = (double)(i + 1) / 200;
    struct pareto pareto;
    assert_int_equal(pareto_fit(excess, 200, &pareto), 0);
    if (!(pareto.gamma >= -0.5 && pareto.gamma < -0.45))
        fail_msg("gamma %g", pareto.gamma);
    if (!(-pareto.sigma / pareto.gamma >= 1))
        fail_msg("ends at %g, before the largest excess", -pareto.sigma / pareto.gamma);
}

static void test_degenerate(void **state)
{
    struct pareto pareto;
    double zeros[3] = {0}, one[1] = {2}, wild[2] = {1, (double)INFINITY};
    assert_int_equal(pareto_fit(zeros, 3, &pareto), -EINVAL);
    assert_int_equal(pareto_fit(wild, 2, &pareto), -EINVAL);
    assert_int_equal(pareto_fit(one, 1, &pareto), 0);
    assert_true(pareto.sigma > 0 && isfinite(pareto.gamma));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_fit),
        cmocka_unit_test(test_golden_distribution),
        cmocka_unit_test(test_exponential_is_the_limit),
        cmocka_unit_test(test_end_of_a_bounded_tail),
        cmocka_unit_test(test_shape_is_bounded),
        cmocka_unit_test(test_degenerate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
