#include "base/rng.h"
#include "golden.h"
#include "model/calibration.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SECOND_NS INT64_C(1000000000)

/* A calibration on given block maxima: one window a block, half a minute each. */
static struct calibration fit(const double *maxima, size_t count)
{
    struct calibration_blocks blocks;
    calibration_blocks_init(&blocks, 30, 30);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(calibration_blocks_push(&blocks, (int64_t)i * 30 * SECOND_NS, maxima[i]),
                         0);
    assert_int_equal(calibration_blocks_end_session(&blocks), 0);
    struct calibration calibration;
    struct diag diag = DIAG_INIT;
    if (calibration_fit(&calibration, &blocks, &diag) != 0)
        fail_msg("fit: %s", diag.text);
    assert_int_equal(calibration_check(&calibration, &diag), 0);
    calibration_blocks_deinit(&blocks);
    return calibration;
}

static double exponential(struct rng *rng)
{
    return -log1p(-rng_uniform(rng));
}

static double lognormal(struct rng *rng)
{
    return exp(rng_normal(rng));
}

static double heavy(struct rng *rng)
{
    return 1 / (1 - rng_uniform(rng));
}

static struct calibration fit_random(size_t count, uint64_t seed, double (*draw)(struct rng *))
{
    double *maxima = malloc(count * sizeof *maxima);
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++)
        maxima[i] = draw(&rng);
    struct calibration calibration = fit(maxima, count);
    free(maxima);
    return calibration;
}

static void test_blocks_count_evaluated_time(void **state)
{
    struct calibration_blocks blocks;
    calibration_blocks_init(&blocks, 30, 0.1);
    assert_int_equal(blocks.full, 300);
    for (int64_t i = 0; i < 750; i++) /* two blocks and a half; the maximum of each at its end */
        assert_int_equal(calibration_blocks_push(&blocks, i * SECOND_NS / 10, (double)i), 0);
    assert_int_equal(blocks.count, 2);
    assert_int_equal(calibration_blocks_end_session(&blocks), 0);
    assert_int_equal(blocks.count, 3);
    assert_int_equal(blocks.sessions, 1);
    expect_near(blocks.maxima[0], 299, 0);
    expect_near(blocks.maxima[1], 599, 0);
    expect_near(blocks.maxima[2], 749, 0);

    for (int64_t i = 0; i < 149; i++) /* less than half a block: no block, no session */
        assert_int_equal(calibration_blocks_push(&blocks, i * SECOND_NS / 10, 1e6), 0);
    assert_int_equal(calibration_blocks_end_session(&blocks), 0);
    assert_int_equal(blocks.count, 3);
    assert_int_equal(blocks.sessions, 1);
    assert_int_equal(blocks.windows, 750);

    for (int64_t i = 0; i < 150; i++) /* and the maximum of what was dropped is forgotten */
        assert_int_equal(calibration_blocks_push(&blocks, i * SECOND_NS / 10, -5), 0);
    assert_int_equal(calibration_blocks_end_session(&blocks), 0);
    assert_int_equal(blocks.count, 4);
    assert_int_equal(blocks.sessions, 2);
    expect_near(blocks.maxima[3], -5, 0);

    struct calibration calibration;
    struct diag diag = DIAG_INIT;
    assert_int_equal(calibration_fit(&calibration, &blocks, &diag), 0);
    expect_near(calibration.hours, 90.0 / 3600, 1e-12);
    assert_int_equal(calibration.sessions, 2);
    calibration_deinit(&calibration);
    calibration_blocks_deinit(&blocks);
}

static void test_blocks_end_at_gaps(void **state)
{
    struct calibration_blocks blocks;
    calibration_blocks_init(&blocks, 10, 1);
    int64_t time_ns = 1700000000 * SECOND_NS;
    static const double steps_s[] = {1, 1, 1, 1, 1, 1, 11, 1, 1, 1, 1, -1, 9.9, 1, 1, 1, 1};
    for (size_t i = 0; i < sizeof steps_s / sizeof steps_s[0]; i++) {
        time_ns += (int64_t)(steps_s[i] * 1e9);
        assert_int_equal(calibration_blocks_push(&blocks, time_ns, (double)i), 0);
    }
    assert_int_equal(calibration_blocks_end_session(&blocks), 0);
    assert_int_equal(blocks.count, 3); /* 6, 5 and 6 of 10 windows */
    expect_near(blocks.maxima[0], 5, 0);
    expect_near(blocks.maxima[1], 10, 0);
    expect_near(blocks.maxima[2], 16, 0);
    assert_int_equal(calibration_blocks_push(&blocks, time_ns, (double)NAN), -EINVAL);
    calibration_blocks_deinit(&blocks);
}

static void test_nothing_to_fit(void **state)
{
    struct calibration_blocks blocks;
    struct calibration calibration;
    struct diag diag = DIAG_INIT;
    calibration_blocks_init(&blocks, 30, 0.1);
    assert_int_equal(calibration_fit(&calibration, &blocks, &diag), -EINVAL);
    assert_string_not_equal(diag.text, "");
    calibration_blocks_deinit(&blocks);
}

static void test_tail_by_number_of_blocks(void **state)
{
    static const struct {
        size_t blocks;
        enum calibration_tail tail;
        size_t peaks;
    } cases[] = {
        {1, CALIBRATION_MAXIMUM, 1},       {19, CALIBRATION_MAXIMUM, 1},
        {20, CALIBRATION_EXPONENTIAL, 10}, {99, CALIBRATION_EXPONENTIAL, 19},
        {100, CALIBRATION_PARETO, 20},     {200, CALIBRATION_PARETO, 30},
        {2880, CALIBRATION_PARETO, 288},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct calibration calibration = fit_random(cases[i].blocks, 5, heavy);
        assert_int_equal(calibration.tail, cases[i].tail);
        assert_int_equal(calibration.peaks, cases[i].peaks);
        /* once a day is rarer than all that these hours hold: above everything seen */
        if (cases[i].blocks < 2880)
            assert_true(calibration_threshold(&calibration, 1) >
                        calibration.maxima[calibration.stored - 1]);
        calibration_deinit(&calibration);
    }
}

static double uniform(struct rng *rng)
{
    return rng_uniform(rng);
}

/* Sessions that were not seen may lie beyond any end that the peaks show. */
static void test_no_tail_has_an_end(void **state)
{
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct calibration calibration = fit_random(150, seed, exponential);
        assert_true(calibration.excess.gamma > 1.0 / 30 - 1e-12);
        if (calibration.tail == CALIBRATION_EXPONENTIAL)
            expect_near(calibration.excess.gamma, 1.0 / 30, 1e-12);
        calibration_deinit(&calibration);
    }
    struct calibration calibration = fit_random(2880, 1, uniform);
    assert_int_equal(calibration.tail, CALIBRATION_EXPONENTIAL);
    assert_true(calibration_threshold(&calibration, 0.01) > 1);
    calibration_deinit(&calibration);
}

static void test_threshold_falls_with_the_budget(void **state)
{
    static const size_t counts[] = {1, 2, 10, 50, 300, 5000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct calibration calibration =
            fit_random(counts[i], 6 + i, i % 2 ? lognormal : exponential);
        double before = HUGE_VAL;
        for (double budget = 1e-6; budget < 1e6; budget *= 1.01) {
            double threshold = calibration_threshold(&calibration, budget);
            if (!isfinite(threshold) || threshold > before)
                fail_msg("%zu blocks: %g at %g a day, %g before", counts[i], threshold, budget,
                         before);
            before = threshold;
        }
        expect_near(before, calibration.maxima[0], 0);
        calibration_deinit(&calibration);
    }
}

/* As many blocks as the budget allows lie above the threshold, and no more. */
static void test_threshold_respects_what_was_seen(void **state)
{
    double maxima[1000];
    struct rng rng;
    rng_init(&rng, 3);
    for (size_t i = 0; i < 1000; i++)
        maxima[i] = exponential(&rng);
    maxima[123] = 500; /* an outlier that no fit of the rest would expect */
    struct calibration calibration = fit(maxima, 1000);
    for (size_t allowed = 1; allowed < 500; allowed += 7) {
        double share = (double)allowed / 1000;
        double per_day = -log1p(-share) * 86400 / 30;
        double threshold = calibration_threshold(&calibration, per_day * (1 + 1e-12));
        size_t above = 0;
        for (size_t i = 0; i < 1000; i++)
            above += maxima[i] > threshold;
        if (above > allowed)
            fail_msg("%zu of 1000 blocks above the threshold for %zu", above, allowed);
    }
    assert_true(calibration_threshold(&calibration, 0.5) >= 500);
    calibration_deinit(&calibration);
}

/* True share of healthy blocks above the threshold, averaged over many calibrations. */
static void expect_realised(size_t blocks, double per_day, double (*draw)(struct rng *), double low,
                            double high)
{
    enum { REPEATS = 200 };
    double sum = 0;
    for (uint64_t seed = 0; seed < REPEATS; seed++) {
        struct calibration calibration = fit_random(blocks, 1000 + seed, draw);
        double threshold = calibration_threshold(&calibration, per_day);
        sum += draw == lognormal ? 0.5 * erfc(log(threshold) / sqrt(2)) : exp(-threshold);
        calibration_deinit(&calibration);
    }
    double ratio = sum / REPEATS / -expm1(-per_day * 30 / 86400);
    if (!(ratio >= low && ratio <= high))
        fail_msg("%zu blocks, %g a day, exponential %d: %.3f of the budget, expected %g to %g",
                 blocks, per_day, draw == exponential, ratio, low, high);
}

static void test_realised_rate(void **state)
{
    /* within the data the rate is kept, beyond them approached */
    expect_realised(2880, 100, exponential, 0.90, 1.02);
    expect_realised(2880, 10, exponential, 0.80, 1.05);
    expect_realised(2880, 1, exponential, 0.4, 1.2);
    expect_realised(2880, 10, lognormal, 0.80, 1.05);
    expect_realised(2880, 1, lognormal, 0.4, 1.2);
    expect_realised(8640, 1, lognormal, 0.6, 1.1);
    /* half an hour with an exponential tail: the predictive distribution is unbiased */
    expect_realised(60, 1, exponential, 0.4, 2);
    /* two hours do not support one a day, but 3 / T is far from reached */
    expect_realised(240, 1, exponential, 0.5, 10);
    expect_realised(240, 1, lognormal, 0.5, 10);
}

/* Correlated scores: the alarms that follow on fresh time are those that were promised. */
static void test_correlated_scores(void **state)
{
    enum { WINDOWS = 36000 * 20 }; /* 20 h at 10 Hz */
    struct rng rng;
    rng_init(&rng, 11);
    struct calibration_blocks blocks;
    calibration_blocks_init(&blocks, 30, 0.1);
    double value = 0, threshold = 0;
    size_t onsets = 0, last = 0;
    struct calibration calibration;
    struct diag diag = DIAG_INIT;
    for (size_t i = 0; i < 2 * WINDOWS; i++) {
        value = 0.9 * value + sqrt(1 - 0.81) * rng_normal(&rng);
        if (i < WINDOWS) {
            assert_int_equal(calibration_blocks_push(&blocks, (int64_t)i * SECOND_NS / 10, value),
                             0);
            continue;
        }
        if (i == WINDOWS) {
            assert_int_equal(calibration_blocks_end_session(&blocks), 0);
            assert_int_equal(calibration_fit(&calibration, &blocks, &diag), 0);
            threshold = calibration_threshold(&calibration, 120);
        }
        if (value > threshold) {
            onsets += onsets == 0 || i - last > 10;
            last = i;
        }
    }
    expect_near(calibration.hours, 20, 1e-9);
    /* 100 expected; both the calibration and the count vary with sd 10 */
    if (onsets < 55 || onsets > 145)
        fail_msg("%zu onsets in 20 h, 100 were allowed", onsets);
    calibration_deinit(&calibration);
    calibration_blocks_deinit(&blocks);
}

static void test_p_value_values(void **state)
{
    static const double maxima[] = {3, 1, 2, 2, 5, 4, 2, 8, 6};
    struct calibration calibration = fit(maxima, 9);
    expect_near(calibration_p_value(&calibration, -1e300), 1, 0);
    expect_near(calibration_p_value(&calibration, 1), 1, 0);
    expect_near(calibration_p_value(&calibration, 2), 0.9, 1e-12); /* 8 of 9 are >= 2 */
    expect_near(calibration_p_value(&calibration, 3), 0.6, 1e-12);
    expect_near(calibration_p_value(&calibration, 2.5), 0.75, 1e-12);
    expect_near(calibration_p_value(&calibration, 8), 0.2, 1e-12);
    expect_near(calibration_p_value(&calibration, 8 + calibration.excess.sigma), 0.2 * exp(-1),
                1e-12);
    assert_true(calibration_p_value(&calibration, (double)INFINITY) > 0);
    calibration_deinit(&calibration);
}

static void test_p_value_falls_without_jumps(void **state)
{
    static const size_t counts[] = {1, 12, 60, 400, 30000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct calibration calibration = fit_random(counts[i], 21 + i, exponential);
        double top = 2 * calibration.maxima[calibration.stored - 1] + 1;
        double before = 1, step = top / 100000;
        for (double t = 0; t < top; t += step) {
            double p = calibration_p_value(&calibration, t);
            if (!(p > 0 && p <= before && before - p < 0.6))
                fail_msg("%zu blocks: p %g at %g, %g before", counts[i], p, t, before);
            before = p;
        }
        for (size_t k = 0; k < calibration.stored; k++) {
            double at = calibration.maxima[k];
            double left = calibration_p_value(&calibration, nextafter(at, -1));
            double right = calibration_p_value(&calibration, nextafter(at, 1e9));
            if (!(left - right < 1e-6))
                fail_msg("%zu blocks: p jumps from %g to %g at %g", counts[i], left, right, at);
        }
        calibration_deinit(&calibration);
    }
}

/* Conformal: on fresh healthy blocks p <= a comes no more often than a. */
static void test_p_value_is_valid(void **state)
{
    static const double levels[] = {0.5, 0.1, 0.02};
    size_t hits[3] = {0}, trials = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct calibration calibration = fit_random(150, 5000 + seed, lognormal);
        struct rng rng;
        rng_init(&rng, 90000 + seed);
        for (size_t i = 0; i < 100; i++, trials++) {
            double p = calibration_p_value(&calibration, exp(rng_normal(&rng)));
            for (size_t k = 0; k < 3; k++)
                hits[k] += p <= levels[k];
        }
        calibration_deinit(&calibration);
    }
    for (size_t k = 0; k < 3; k++) {
        double share = (double)hits[k] / (double)trials;
        if (!(share <= levels[k] * 1.05 && share > levels[k] * 0.55))
            fail_msg("p <= %g in %g of the blocks", levels[k], share);
    }
}

static void test_thinning_keeps_quantiles(void **state)
{
    enum { COUNT = 50001 };
    double *maxima = malloc(COUNT * sizeof *maxima);
    for (size_t i = 0; i < COUNT; i++)
        maxima[i] = (double)((i * 7919) % COUNT); /* 0 .. COUNT-1 in disorder */
    struct calibration calibration = fit(maxima, COUNT);
    assert_int_equal(calibration.blocks, COUNT);
    assert_int_equal(calibration.stored, CALIBRATION_STORED_MAX);
    expect_near(calibration.maxima[0], 0, 0);
    expect_near(calibration.maxima[CALIBRATION_STORED_MAX - 1], COUNT - 1, 0);
    for (double t = 0; t < COUNT; t += 997)
        expect_near(calibration_p_value(&calibration, t), 1 - t / (COUNT + 1), 1e-4);
    double threshold = calibration_threshold(&calibration, -log1p(-0.25) * 86400 / 30);
    expect_near(threshold, 0.75 * COUNT, 4);
    assert_true(threshold >= 0.75 * COUNT - 1);
    calibration_deinit(&calibration);
    free(maxima);
}

static void test_constant_statistic(void **state)
{
    static const double values[] = {0, 7};
    for (size_t v = 0; v < 2; v++) {
        for (size_t count = 1; count <= 500; count += 83) {
            double maxima[500];
            for (size_t i = 0; i < count; i++)
                maxima[i] = values[v];
            struct calibration calibration = fit(maxima, count);
            double threshold = calibration_threshold(&calibration, 0.1);
            assert_true(threshold > values[v] && threshold < values[v] * 3 + 1e-6);
            expect_near(calibration_p_value(&calibration, values[v]), 1, 0);
            assert_true(calibration_p_value(&calibration, values[v] + 10) < 0.05);
            calibration_deinit(&calibration);
        }
    }
}

/* Scores are divided by it, also where all that was seen is 0 and the budget allows for that. */
static void test_threshold_is_over_0(void **state)
{
    static const double maxima[50] = {0};
    struct calibration calibration = fit(maxima, 50);
    for (double per_day = 1e-3; per_day <= 1e6; per_day *= 10)
        assert_true(calibration_threshold(&calibration, per_day) >= CALIBRATION_THRESHOLD_MIN);
    calibration_deinit(&calibration);
}

static void test_support(void **state)
{
    struct calibration calibration = {.hours = 72, .sessions = 1};
    expect_near(calibration_supported_per_day(&calibration), 1, 1e-12);
    expect_near(calibration_new_session_risk(&calibration), 0.95, 1e-12);
    calibration.sessions = 10;
    expect_near(calibration_new_session_risk(&calibration), 0.2589, 1e-4);
}

static void test_check_refuses(void **state)
{
    double maxima[3] = {1, 2, 3};
    const struct calibration good = {
        .block_s = 30,
        .hours = 1,
        .sessions = 1,
        .blocks = 3,
        .stored = 3,
        .maxima = maxima,
        .tail = CALIBRATION_MAXIMUM,
        .level = 3,
        .peaks = 1,
        .excess = {0, 1},
    };
    struct diag diag = DIAG_INIT;
    assert_int_equal(calibration_check(&good, &diag), 0);
    double unsorted[3] = {1, 3, 2}, not_finite[3] = {1, 2, (double)INFINITY};
    double negative[3] = {-1e-9, 2, 3};
    struct calibration bad[15];
    for (size_t i = 0; i < 15; i++)
        bad[i] = good;
    bad[0].block_s = 0;
    bad[1].block_s = (double)NAN;
    bad[2].hours = -1;
    bad[3].sessions = 0;
    bad[4].sessions = 4;
    bad[5].stored = 0;
    bad[6].stored = 2;
    bad[7].maxima = unsorted;
    bad[8].maxima = not_finite;
    bad[9].peaks = 0;
    bad[10].excess.sigma = 0;
    bad[11].excess.gamma = (double)NAN;
    bad[12].level = (double)INFINITY;
    bad[13].maxima = negative;
    bad[14].level = -1e-9;
    for (size_t i = 0; i < 15; i++) {
        diag = DIAG_INIT;
        if (calibration_check(&bad[i], &diag) != -EINVAL || !diag.text[0])
            fail_msg("case %zu is not refused", i);
    }
}

static void test_tail_names(void **state)
{
    enum calibration_tail tail;
    struct diag diag = DIAG_INIT;
    assert_int_equal(calibration_tail_parse("exponential", &tail, &diag), 0);
    assert_int_equal(tail, CALIBRATION_EXPONENTIAL);
    assert_string_equal(calibration_tail_name(CALIBRATION_PARETO), "pareto");
    assert_int_equal(calibration_tail_parse("normal", &tail, &diag), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_count_evaluated_time),
        cmocka_unit_test(test_blocks_end_at_gaps),
        cmocka_unit_test(test_nothing_to_fit),
        cmocka_unit_test(test_tail_by_number_of_blocks),
        cmocka_unit_test(test_no_tail_has_an_end),
        cmocka_unit_test(test_threshold_falls_with_the_budget),
        cmocka_unit_test(test_threshold_respects_what_was_seen),
        cmocka_unit_test(test_realised_rate),
        cmocka_unit_test(test_correlated_scores),
        cmocka_unit_test(test_p_value_values),
        cmocka_unit_test(test_p_value_falls_without_jumps),
        cmocka_unit_test(test_p_value_is_valid),
        cmocka_unit_test(test_thinning_keeps_quantiles),
        cmocka_unit_test(test_constant_statistic),
        cmocka_unit_test(test_threshold_is_over_0),
        cmocka_unit_test(test_support),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test(test_tail_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
