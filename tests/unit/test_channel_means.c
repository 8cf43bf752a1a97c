/* Where channels and scores lie in health, as training and calibration store it. */
#include "lab/channel_means.h"
#include "lab/runner.h"

#include "golden.h"
#include "nn/blas.h"
#include "tiny_model.h"

#include "base/rng.h"

#include <string.h>

#define STRETCH 600 /* rows a second apart */
static const char *const names[] = {"a", "b", "c"};

/* Stretches of one value each; c holds still. */
static struct recording *session(const float *values, size_t stretches, size_t rows_more)
{
    size_t rows = stretches * STRETCH + rows_more;
    struct recording *recording = recording_new(rows, 3, names, false, false);
    assert_non_null(recording);
    for (size_t i = 0; i < rows; i++) {
        size_t stretch = i / STRETCH < stretches ? i / STRETCH : stretches - 1;
        recording->values[3 * i] = values[stretch] + (i % 2 ? 0.5F : -0.5F);
        recording->values[3 * i + 1] = -10 * values[stretch];
        recording->values[3 * i + 2] = 144;
    }
    return recording;
}

static cJSON *make_config(void)
{
    static const char text[] = "{\"channels\":[{\"name\":\"a\",\"mean\":1,\"spread\":2},"
                               "{\"name\":\"b\"},{\"name\":\"c\"}]}";
    cJSON *config = json_parse(text, sizeof text - 1, NULL);
    assert_non_null(config);
    return config;
}

static void expect_channel(const cJSON *config, int channel, double mean, double spread)
{
    const cJSON *entry = cJSON_GetArrayItem(cJSON_GetObjectItem(config, "channels"), channel);
    assert_true(cJSON_HasObjectItem(entry, "mean"));
    expect_near(cJSON_GetObjectItem(entry, "mean")->valuedouble, mean, 1e-6);
    expect_near(cJSON_GetObjectItem(entry, "spread")->valuedouble, spread, 1e-6);
}

static void test_mean_and_spread_of_stretches(void **state)
{
    const float first[] = {1, 2, 3}, second[] = {5, 6, 7};
    struct recording *sessions[] = {session(first, 3, 100), session(second, 3, 0)};
    for (size_t i = 0; i < 2 * STRETCH / 5; i++) /* holes: what is left of the stretch counts */
        sessions[1]->valid[5 * i] = 0;
    struct channel_means means;
    assert_int_equal(channel_means_init(&means, 3, 1), 0);
    for (size_t s = 0; s < 2; s++)
        channel_means_add(&means, sessions[s]);
    cJSON *config = make_config();
    channel_means_put(&means, config);
    /* Of the second session, 600 rows are 750 s: 480 of the first value and 120 of the second, 360
     * of it and 240 of the third, and the 360 rows that are left. */
    const double stretch[] = {1, 2, 3, (480 * 5 + 120 * 6) / 600.0, (360 * 6 + 240 * 7) / 600.0, 7};
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 6; i++)
        sum += stretch[i];
    for (size_t i = 0; i < 6; i++)
        squares += (stretch[i] - sum / 6) * (stretch[i] - sum / 6);
    const cJSON *a = cJSON_GetArrayItem(cJSON_GetObjectItem(config, "channels"), 0);
    expect_near(cJSON_GetObjectItem(a, "mean")->valuedouble, sum / 6, 0.05); /* odd rows, +-.5 */
    expect_channel(config, 1, -10 * sum / 6, 10 * sqrt(squares / 5));
    expect_channel(config, 2, 144, 0);
    channel_means_deinit(&means);
    cJSON_Delete(config);
    recording_free(sessions[0]);
    recording_free(sessions[1]);
}

static void test_under_an_hour_nothing_is_said(void **state)
{
    const float values[] = {1, 2, 3, 4, 5};
    struct recording *recording = session(values, 5, 100);
    struct channel_means means;
    assert_int_equal(channel_means_init(&means, 3, 1), 0);
    channel_means_add(&means, recording);
    cJSON *config = make_config();
    channel_means_put(&means, config);
    const cJSON *a = cJSON_GetArrayItem(cJSON_GetObjectItem(config, "channels"), 0);
    assert_false(cJSON_HasObjectItem(a, "mean")); /* what stood there is of another calibration */
    assert_false(cJSON_HasObjectItem(a, "spread"));
    channel_means_deinit(&means);
    cJSON_Delete(config);
    recording_free(recording);
}

/* ---- scores */

#define ROWS 6000 /* a second apart: 200 blocks, less the first windows */

static struct recording *noise(uint64_t seed, double amplitude)
{
    struct rng rng;
    struct recording *recording = recording_new(ROWS, 3, names, false, false);
    assert_non_null(recording);
    rng_init(&rng, seed);
    for (size_t i = 0; i < ROWS * 3; i++)
        recording->values[i] = (float)(amplitude * rng_normal(&rng));
    return recording;
}

/* The same blocks by hand: of scores by plain C, from the first whole window on. */
static size_t plain_means(const struct tiny_model *tiny, const struct recording *recording,
                          double *ret_means)
{
    double sum = 0;
    size_t in_block = 0, count = 0;
    for (size_t i = 3; i < ROWS; i++) {
        sum += tiny_model_score(tiny, 0, recording->values + 3 * (i - 3));
        if (++in_block == 30 || (i + 1 == ROWS && in_block >= 15)) {
            ret_means[count++] = sum / (double)in_block;
            in_block = 0;
            sum = 0;
        }
    }
    return count;
}

static void test_calibration_keeps_how_scores_lie(void **state)
{
    const struct tiny_model tiny = {.period_s = 1};
    struct model *model = tiny_model_new(&tiny);
    struct recording *sessions[] = {noise(1, 0.1), noise(2, 0.11)};
    double means[2 * ROWS / 30];
    size_t session_end[2];
    session_end[0] = plain_means(&tiny, sessions[0], means);
    session_end[1] = session_end[0] + plain_means(&tiny, sessions[1], means + session_end[0]);
    assert_int_equal(session_end[1], 400);
    struct psi_reference expected;
    assert_int_equal(psi_reference_fit(means, session_end, 2, &expected), 0);
    assert_int_equal(expected.bins, PSI_BINS);
    struct calibration calibration;
    struct diag diag = DIAG_INIT;
    if (runner_calibrate(sessions, 2, model, &calibration, &diag) < 0)
        fail_msg("%s", diag.text);
    assert_int_equal(calibration.reference.bins, PSI_BINS);
    for (size_t b = 0; b + 1 < PSI_BINS; b++) {
        expect_near(calibration.reference.edge[b], expected.edge[b], 1e-6 * expected.edge[b]);
        expect_near(calibration.reference.count[b], 40, 1);
    }
    expect_near(calibration.reference.design_effect, expected.design_effect, 0.1);
    expect_near(calibration.reference.between, expected.between, 0.05);
    assert_true(expected.between > 0.25); /* a tenth more noise */
    calibration_deinit(&calibration);
    recording_free(sessions[0]);
    recording_free(sessions[1]);
    model_unref(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_and_spread_of_stretches),
        cmocka_unit_test(test_under_an_hour_nothing_is_said),
        cmocka_unit_test(test_calibration_keeps_how_scores_lie),
    };
    blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
