/* step-time on simulated sessions: what it learns, and slower steps; and what it cannot judge. */
#include "lab/curves.h"
#include "lab/draft.h"
#include "lab/fit.h"
#include "lab/runner.h"
#include "lab/simulator.h"
#include "nn/blas.h"
#include "pipeline/track.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 12000 /* 20 minutes: some four cycles */
#define SESSIONS 4

static struct model *model;

static struct recording *record(uint64_t session, const char *fault)
{
    struct diag diag = DIAG_INIT;
    struct recording *recording = NULL;
    struct simulator_options options = {.robot_seed = 2, .session_seed = session};
    if (anomaly_parse(fault, &options.anomaly, &diag) < 0 ||
        simulator_record(&options, ROWS, &recording, &diag) < 0)
        fail_msg("%s", diag.text);
    return recording;
}

static int train_model(void **state)
{
    static const char *const detectors[] = {"step-time", "cycle-power", NULL};
    struct recording *sessions[SESSIONS];
    struct diag diag = DIAG_INIT;
    struct fit_options options = fit_defaults(ADVERSARY_NONE);
    struct fit_report report;
    struct draft *draft;
    options.detectors = detectors;
    blas_init();
    for (uint64_t s = 0; s < SESSIONS; s++)
        sessions[s] = record(s + 1, "none");
    if (fit(sessions, SESSIONS, &options, &draft, &report, &diag) < 0) {
        fprintf(stderr, "%s\n", diag.text);
        return -1;
    }
    model = model_ref(report.model);
    for (size_t s = 0; s < SESSIONS; s++)
        recording_free(sessions[s]);
    draft_free(draft);
    fit_report_deinit(&report);
    return 0;
}

static int forget_model(void **state)
{
    model_unref(model);
    return 0;
}

/* What a session came to. */
struct seen {
    size_t detector;
    double highest; /* score */
    size_t judged, rows;
};

static int look(const struct runner_row *row, void *user)
{
    struct seen *seen = user;
    seen->rows++;
    if (!row->result.evaluated || !row->result.score.detector[seen->detector].evaluated)
        return 0;
    seen->judged++;
    seen->highest = fmax(seen->highest, row->result.score.detector[seen->detector].score);
    return 0;
}

static struct seen run(uint64_t session, const char *fault, size_t detector)
{
    struct seen seen = {.detector = detector};
    struct recording *recording = record(session, fault);
    assert_int_equal(runner_run(recording, model, 1, look, &seen), 0);
    recording_free(recording);
    return seen;
}

static void expect_over(double high, double low, double times, const char *what)
{
    if (!(high > times * low))
        fail_msg("%s: %g, must be over %g times %g", what, high, times, low);
}

static void test_longer_steps(void **state)
{
    struct seen healthy = run(11, "none", 0), slow = run(11, "slow:0.9", 0),
                half = run(11, "slow:0.5", 0);
    assert_true(healthy.highest > 0 && healthy.highest < 5);
    expect_over(slow.highest, healthy.highest, 2, "a tenth slower");
    expect_over(half.highest, slow.highest, 3, "half as fast");
    /* Step 0 has no movement, and nothing is known before the first change of step. */
    double share = (double)healthy.judged / (double)healthy.rows;
    if (!(share > 0.85 && share < 0.99))
        fail_msg("%.3f of the rows were judged", share);
}

static void test_explains(void **state)
{
    const struct detector *detector = &model->detector[0];
    size_t place = derivation_find(&model->derivation, DERIVED_MOVING_TIME);
    float row[SIMULATOR_CHANNELS + DERIVED_MAX] = {0};
    struct deviation deviations[SIMULATOR_CHANNELS + DERIVED_MAX];
    double score;
    const float *window = row;
    row[model->derivation.step_channel] = 7;
    row[place] = 100;
    detector_score(&model->detector[0], &window, 1, &score);
    detector_explain(&model->detector[0], row, deviations);
    assert_string_equal(detector->name, "step-time");
    assert_true(deviations[place].share == 1 && deviations[place].observed == 100);
    assert_true(deviations[place].expected > 1 && deviations[place].expected < 30);
    if (fabs(deviations[place].z - score) > 1e-6 * score)
        fail_msg("z %g, score %g", deviations[place].z, score);
    row[place] = (float)deviations[place].expected - 0.1F;
    detector_score(&model->detector[0], &window, 1, &score);
    assert_true(score == 0);
    row[model->derivation.step_channel] = 99; /* a step that training has not seen */
    detector_score(&model->detector[0], &window, 1, &score);
    assert_true(isnan(score));
    row[model->derivation.step_channel] = 7;
    row[place] = NAN;
    detector_score(&model->detector[0], &window, 1, &score);
    assert_true(isnan(score));
}

static void test_load(void **state)
{
    struct seen healthy = run(12, "none", 1), heavy = run(12, "payload:4", 1),
                rough = run(12, "friction:2", 1);
    expect_over(heavy.highest, healthy.highest, 2, "4 kg");
    expect_over(rough.highest, healthy.highest, 2, "twice the friction");
}

/* The load's deviation is that of program steps: observed less expected is the excess. */
static void test_load_explained(void **state)
{
    float row[SIMULATOR_CHANNELS + DERIVED_MAX] = {0};
    struct deviation deviations[SIMULATOR_CHANNELS + DERIVED_MAX];
    size_t load = model->derivation.load;
    assert_string_equal(model->channel[load].unit, "W");
    row[derivation_find(&model->derivation, DERIVED_LOAD_SUM)] = 9;
    row[derivation_find(&model->derivation, DERIVED_LOAD_EXCESS)] = 4;
    const float *window = row;
    double score;
    detector_score(&model->detector[1], &window, 1, &score);
    detector_explain(&model->detector[1], row, deviations);
    assert_true(score == 9 && deviations[load].share == 1);
    assert_true(fabs(deviations[load].observed - deviations[load].expected - 4) < 1e-9);
    assert_true(deviations[load].expected > 120 && deviations[load].expected < 220);
    row[derivation_find(&model->derivation, DERIVED_LOAD_SUM)] = NAN;
    detector_score(&model->detector[1], &window, 1, &score);
    assert_true(isnan(score));
}

static float load_sum(const struct track *track)
{
    size_t place = derivation_find(&model->derivation, DERIVED_LOAD_SUM);
    return history_window(&track->history, 1)[place];
}

/* A model that makes the same rows, such as one that was calibrated anew, goes on from what was
 * seen of the robot. */
static void test_a_swap_forgets_no_load(void **state)
{
    struct recording *recording = record(12, "payload:4");
    struct track kept, swapped;
    assert_int_equal(track_init(&kept, model, 0), 0);
    assert_int_equal(track_init(&swapped, model, 0), 0);
    for (size_t i = 0; i < recording->rows; i++) {
        const struct sample sample = {.time_ns = (int64_t)i * 100000000, .has_time = true};
        const float *values = recording->values + i * recording->channels;
        memcpy(track_next_row(&kept), values, recording->channels * sizeof *values);
        memcpy(track_next_row(&swapped), values, recording->channels * sizeof *values);
        track_push(&kept, &sample);
        track_push(&swapped, &sample);
        if (i < recording->rows / 2)
            continue;
        assert_true(load_sum(&kept) > 3 && load_sum(&swapped) == load_sum(&kept));
        if (i == recording->rows / 2)
            assert_int_equal(track_set_model(&swapped, model), 0);
    }
    track_deinit(&kept);
    track_deinit(&swapped);
    recording_free(recording);
}

/* What a report says of windows: that of slow steps is in the derived channel. Some only, because a
 * program that is slow throughout takes another load too. */
static void test_attribution_in_a_report(void **state)
{
    struct recording *slow = record(13, "slow:0.5/some");
    struct scored scored;
    struct diag diag = DIAG_INIT;
    cJSON *json = NULL;
    assert_int_equal(scored_from_model(slow, model, 1, &scored, &diag), 0);
    const struct curves_input input = {
        .scored = &scored, .count = 1, .model = model, .recordings = &slow};
    assert_int_equal(curves_json(&input, &json, &diag), 0);
    const cJSON *attribution = cJSON_GetObjectItemCaseSensitive(json, "attribution");
    const cJSON *shares = cJSON_GetObjectItemCaseSensitive(attribution, "anomalous");
    assert_int_equal(cJSON_GetArraySize(shares), model->width);
    double sum = 0;
    for (int c = 0; c < cJSON_GetArraySize(shares); c++)
        sum += cJSON_GetArrayItem(shares, c)->valuedouble;
    assert_true(fabs(sum - 1) < 1e-6);
    size_t place = derivation_find(&model->derivation, DERIVED_MOVING_TIME);
    assert_true(cJSON_GetArrayItem(shares, (int)place)->valuedouble > 0.5);
    cJSON_Delete(json);
    scored_deinit(&scored);
    recording_free(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_longer_steps),
                                       cmocka_unit_test(test_explains),
                                       cmocka_unit_test(test_load),
                                       cmocka_unit_test(test_load_explained),
                                       cmocka_unit_test(test_a_swap_forgets_no_load),
                                       cmocka_unit_test(test_attribution_in_a_report)};
    return cmocka_run_group_tests(tests, train_model, forget_model);
}
