#include "daemon/rate.h"

#include "base/rng.h"
#include "fixture.h"

#include <math.h>

#define PERIOD 0.1

static void push(struct rate *rate, double s)
{
    rate_push(rate, &(struct rate_step){.s = s, .samples = 1}, PERIOD);
}

/* Seconds of sample time until it is off, at most 60; then infinite. */
static double time_until_off(struct rate *rate, double step_s)
{
    double s = 0;
    while (!rate->off) {
        push(rate, step_s);
        s += step_s;
        if (s > 60)
            return (double)INFINITY;
    }
    return s;
}

static void test_both_sides(void **state)
{
    static const double off[] = {1.1, 0.9, 1.06, 0.94, 0.1, 1.4};
    for (size_t i = 0; i < sizeof off / sizeof off[0]; i++) {
        struct rate rate = {0};
        double s = time_until_off(&rate, off[i] * PERIOD);
        if (!(s >= 9.9 && s <= 10.5))
            fail_msg("%g: off after %g s", off[i], s);
        assert_true(fabs(rate.period_s / (off[i] * PERIOD) - 1) < 1e-9);
    }
    static const double good[] = {1, 1.04, 0.96};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct rate rate = {0};
        assert_true(isinf(time_until_off(&rate, good[i] * PERIOD)));
    }
}

/* From any moment of a stretch on it is told within 15 s, and over within 10. */
static void test_change_and_return(void **state)
{
    for (int before = 0; before < 60; before++) {
        struct rate rate = {0};
        for (int i = 0; i < before; i++)
            push(&rate, PERIOD);
        double s = time_until_off(&rate, 1.1 * PERIOD);
        if (!(s <= 15))
            fail_msg("%d: %g s", before, s);
        s = 0;
        while (rate.off) {
            push(&rate, PERIOD);
            s += PERIOD;
            assert_true(s <= 10.1);
        }
    }
}

/* Lost samples are no other rate, with numbers or without. */
static void test_losses(void **state)
{
    struct rng rng;
    rng_init(&rng, 1);
    struct rate numbered = {0}, bare = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t n = 1;
        while (rng_below(&rng, 10) < 2)
            n++;
        rate_push(&numbered, &(struct rate_step){.s = (double)n * PERIOD, .samples = n}, PERIOD);
        rate_push(&bare,
                  &(struct rate_step){.s = (double)n * PERIOD, .samples = 1, .broken = n > 1},
                  PERIOD);
        assert_false(numbered.off || bare.off);
    }
    assert_true(fabs(numbered.period_s - PERIOD) < 1e-9);
    assert_true(fabs(bare.period_s - PERIOD) < 1e-9);
}

/* Each step as long as if some were missing: it is the source that is slow. */
static void test_much_too_slow(void **state)
{
    static const double slow[] = {2, 3.3, 10};
    for (size_t k = 0; k < sizeof slow / sizeof slow[0]; k++) {
        struct rate rate = {0};
        double s = 0;
        for (; !rate.off && s < 60; s += slow[k] * PERIOD)
            rate_push(&rate,
                      &(struct rate_step){.s = slow[k] * PERIOD, .samples = 1, .broken = true},
                      PERIOD);
        if (!(s <= 15))
            fail_msg("%g: %g s", slow[k], s);
        assert_true(fabs(rate.period_s / (slow[k] * PERIOD) - 1) < 1e-9);
    }
    /* One long pause is none of that, nor is a clock that was set forward. */
    struct rate rate = {0};
    for (int i = 0; i < 2000; i++) {
        push(&rate, PERIOD);
        if (i % 60 == 0)
            rate_push(&rate, &(struct rate_step){.s = 3e7, .samples = 1, .broken = true}, PERIOD);
        assert_false(rate.off);
    }
}

/* A network that holds everything back for two seconds now and then, in the times of arrival. */
static void test_jitter_of_arrival(void **state)
{
    struct rng rng;
    for (uint64_t seed = 0; seed < 20; seed++) {
        rng_init(&rng, seed);
        struct rate rate = {0};
        double arrived = 0, free_from = 0;
        for (int i = 1; i < 20000; i++) {
            double sent = i * PERIOD;
            if (rng_below(&rng, 100) == 0)
                free_from = sent + 2;
            double now = sent > free_from ? sent : free_from;
            rate_push(&rate, &(struct rate_step){.s = now - arrived, .samples = 1, .arrival = true},
                      PERIOD);
            arrived = now;
            if (rate.off)
                fail_msg("seed %d, sample %d: period %g", (int)seed, i, rate.period_s);
        }
    }
}

static void test_a_restart_forgets_the_stretch(void **state)
{
    struct rate rate = {0};
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 40; k++)
            push(&rate, 1.2 * PERIOD);
        rate_restart(&rate);
    }
    assert_true(rate.period_s == 0);
}

/* Slow models: ten steps at least. */
static void test_long_periods(void **state)
{
    struct rate rate = {0};
    for (int i = 0; i < 10; i++) {
        assert_true(rate.period_s == 0);
        rate_push(&rate, &(struct rate_step){.s = 5, .samples = 1}, 5);
    }
    assert_true(rate.period_s == 5 && !rate.off);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_sides),
        cmocka_unit_test(test_change_and_return),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_much_too_slow),
        cmocka_unit_test(test_jitter_of_arrival),
        cmocka_unit_test(test_a_restart_forgets_the_stretch),
        cmocka_unit_test(test_long_periods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
