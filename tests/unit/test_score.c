#include "golden.h"
#include "nn/blas.h"
#include "pipeline/score.h"
#include "tiny_model.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

static void test_ratio_is_the_largest_of_the_evaluated(void **state)
{
    struct score score = {.detectors = 3};
    const double thresholds[] = {2, 4, 0.5};
    size_t which = 99;
    assert_true(score_ratio(&score, thresholds, &which) < 0);
    assert_int_equal(which, 99);
    score.detector[0].score = 1;
    score.detector[1].score = 3;
    score.detector[2].score = 100;
    score.detector[0].evaluated = score.detector[1].evaluated = true;
    expect_near(score_ratio(&score, thresholds, &which), 0.75, 0);
    assert_int_equal(which, 1);
    score.detector[2].evaluated = true;
    expect_near(score_ratio(&score, thresholds, NULL), 200, 0);
    /* Without a calibration there is a score, and no limit that it could reach. */
    expect_near(score_ratio(&score, (double[]){2, 4, (double)INFINITY}, &which), 0.75, 0);
}

/* The first detector looks at four rows, the second at one: both at the newest. */
static void test_windows_of_all_lengths(void **state)
{
    const struct tiny_model tiny = {.random = true, .detectors = 2};
    struct model *model = tiny_model_new(&tiny);
    const double thresholds[] = {1e9, 1e9};
    struct rng rng;
    rng_init(&rng, 4);
    float rows[DETECTOR_BATCH_MAX][6 * 3];
    struct score_request requests[DETECTOR_BATCH_MAX];
    static struct score scores[DETECTOR_BATCH_MAX];
    for (size_t i = 0; i < DETECTOR_BATCH_MAX; i++) {
        for (size_t k = 0; k < 18; k++)
            rows[i][k] = (float)rng_normal(&rng);
        requests[i] =
            (struct score_request){.window = rows[i], .rows = 1 + i % 6, .thresholds = thresholds};
        scores[i].time_ns = (int64_t)i;
        scores[i].nonfinite = scores[i].attributed = true;
    }
    score_windows(model, requests, DETECTOR_BATCH_MAX, scores);
    for (size_t i = 0; i < DETECTOR_BATCH_MAX; i++) {
        size_t n = 1 + i % 6;
        assert_int_equal(scores[i].detectors, 2);
        assert_int_equal(scores[i].time_ns, i);
        assert_false(scores[i].nonfinite || scores[i].attributed);
        assert_int_equal(scores[i].detector[0].evaluated, n >= 4);
        assert_true(scores[i].detector[1].evaluated);
        if (n >= 4)
            expect_near(scores[i].detector[0].score,
                        tiny_model_score(&tiny, 0, rows[i] + (n - 4) * 3), 1e-5);
        expect_near(scores[i].detector[1].score, tiny_model_score(&tiny, 1, rows[i] + (n - 1) * 3),
                    1e-5);
    }
    model_unref(model);
}

static void test_overflow_is_a_fault_of_its_own(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2});
    float rows[4 * 3] = {[2] = 3e38F}; /* in the oldest row: the second detector does not see it */
    const struct score_request request = {rows, 4, (const double[]){1, 1}};
    struct score score;
    score_windows(model, &request, 1, &score);
    assert_true(score.nonfinite);
    assert_false(score.detector[0].evaluated);
    assert_true(score.detector[1].evaluated);
    expect_near(score_ratio(&score, request.thresholds, NULL), 0, 1e-6);
    model_unref(model);
}

static void test_attribution_from_the_limit_on(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.channels = 8, .window = {2}});
    float rows[2 * 8] = {0};
    for (size_t c = 1; c < 8; c++)
        rows[8 + c] = (float)c;
    double total = 0;
    for (size_t c = 1; c < 8; c++)
        total += (double)(c * c);
    struct score score;
    struct score_request request = {rows, 2, (const double[]){total / 16 * 1.01}};
    score_windows(model, &request, 1, &score);
    assert_false(score.attributed);
    request.thresholds = (const double[]){total / 16 * 0.99};
    score_windows(model, &request, 1, &score);
    assert_true(score.attributed);
    const struct attribution *attribution = &score.attribution;
    assert_int_equal(attribution->channels, SCORE_CHANNELS_MAX);
    for (size_t i = 0; i < SCORE_CHANNELS_MAX; i++) {
        size_t c = 7 - i; /* the largest first */
        assert_int_equal(attribution->channel[i].channel, c);
        expect_near(attribution->channel[i].share, (double)(c * c) / total, 1e-6);
        expect_near(attribution->channel[i].observed, (double)c, 0);
    }
    assert_int_equal(attribution->groups, SCORE_GROUPS_MAX);
    assert_string_equal(model->group_names[attribution->group[0].group], "h");
    /* Channel 0 does not deviate: a group has the sum of its channels. */
    rows[8 + 1] = 20;
    score_windows(model, &request, 1, &score);
    assert_string_equal(model->group_names[score.attribution.group[0].group], "arm");
    assert_int_equal(score.attribution.channel[0].channel, 1);
    expect_near(score.attribution.group[0].share, score.attribution.channel[0].share, 1e-9);
    model_unref(model);
}

/* A burst of the load within one window says nothing of the program's steps. */
static void test_a_finding_is_of_its_detector(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.window = {1}});
    const float row[] = {0, 0, 900};
    const struct score_request request = {row, 1, (const double[]){1}};
    struct score score;
    model->derivation.load = 2;
    score_windows(model, &request, 1, &score);
    assert_true(score.attributed);
    expect_near(score.attribution.channel[0].share, 1, 1e-6);
    assert_int_equal(score.attribution.finding.kind, FINDING_VALUE);
    assert_int_equal(score.attribution.finding.channel, 2);
    model_unref(model);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ratio_is_the_largest_of_the_evaluated),
        cmocka_unit_test(test_windows_of_all_lengths),
        cmocka_unit_test(test_overflow_is_a_fault_of_its_own),
        cmocka_unit_test(test_attribution_from_the_limit_on),
        cmocka_unit_test(test_a_finding_is_of_its_detector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
