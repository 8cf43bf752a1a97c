/* template on simulated sessions: what it learns, slower steps, what it cannot judge, broken files.
 */
#include "lab/draft.h"
#include "lab/fit.h"
#include "lab/runner.h"
#include "lab/simulator.h"
#include "model/grouped.h"
#include "model/template.h"
#include "nn/blas.h"

#include "golden.h"

#include <errno.h>
#include <string.h>

#define ROWS 18000 /* 30 minutes: some six cycles */
#define SESSIONS 4

static struct model *model;
static void *file; /* the same, as bytes */
static size_t file_size;

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
    static const char *const detectors[] = {"template", NULL};
    struct recording *sessions[SESSIONS];
    struct diag diag = DIAG_INIT;
    struct fit_options options = fit_defaults(ADVERSARY_NONE);
    struct fit_report report;
    struct draft *draft;
    options.detectors = detectors;
    blas_init();
    for (uint64_t s = 0; s < SESSIONS; s++)
        sessions[s] = record(s + 1, "none");
    int r = fit(sessions, SESSIONS, &options, &draft, &report, &diag);
    if (r == 0)
        r = draft_format(draft, &file, &file_size, &diag);
    if (r < 0) {
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
    free(file);
    return 0;
}

/* ---- what it finds ---- */

struct seen {
    size_t over, judged, rows; /* over: scores of 3 and more */
};

static int look(const struct runner_row *row, void *user)
{
    struct seen *seen = user;
    seen->rows++;
    if (!row->result.evaluated || !row->result.score.detector[0].evaluated)
        return 0;
    seen->judged++;
    seen->over += row->result.score.detector[0].score >= 3;
    return 0;
}

static struct seen run(uint64_t session, const char *fault)
{
    struct seen seen = {0};
    struct recording *recording = record(session, fault);
    assert_int_equal(runner_run(recording, model, 1, look, &seen), 0);
    recording_free(recording);
    return seen;
}

static void test_slow_steps_stand_out(void **state)
{
    static const char *const faults[] = {"slow:0.9", "slow:0.75", "slow:0.5"};
    struct seen healthy = run(11, "none");
    assert_true(healthy.judged > healthy.rows * 8 / 10);
    size_t before = healthy.over;
    if (before > healthy.judged / 100)
        fail_msg("healthy: %zu of %zu rows are over 3", before, healthy.judged);
    before = healthy.judged / 50;
    for (size_t i = 0; i < 3; i++) {
        struct seen slow = run(11, faults[i]);
        if (slow.over <= before)
            fail_msg("%s: %zu of %zu rows are over 3, before %zu", faults[i], slow.over,
                     slow.judged, before);
        before = slow.over;
    }
}

/* ---- one row ---- */

struct row {
    float value[SIMULATOR_CHANNELS + DERIVED_MAX];
};

static int take_first_judged(const struct runner_row *row, void *user)
{
    struct row *taken = user;
    if (!row->result.evaluated || !row->result.score.detector[0].evaluated ||
        row->result.score.detector[0].score < 0.5)
        return 0;
    const float *window = history_window(&row->monitor->track.history, 1);
    memcpy(taken->value, window, model->width * sizeof *window);
    return 1;
}

static struct row a_row(void)
{
    struct row row;
    struct recording *recording = record(12, "none");
    assert_int_equal(runner_run(recording, model, 1, take_first_judged, &row), 1);
    recording_free(recording);
    return row;
}

static double score_of(const struct row *row)
{
    const float *window = row->value;
    double score;
    detector_score(&model->detector[0], &window, 1, &score);
    return score;
}

/* The score follows from what the explanation says, by its definition. */
static void test_score_and_explanation_agree(void **state)
{
    struct row row = a_row();
    struct deviation deviations[SIMULATOR_CHANNELS + DERIVED_MAX];
    double sum[64] = {0}, count[64] = {0}, largest = 0, shares = 0;
    detector_explain(&model->detector[0], row.value, deviations);
    assert_true(model->groups <= 64);
    for (size_t c = 0; c < model->channels; c++) {
        shares += deviations[c].share;
        expect_near(deviations[c].observed, (double)row.value[c], 0);
        const char *unit = model->channel[c].unit;
        if (strcmp(unit, "deg/s") != 0 && strcmp(unit, "g") != 0) /* not looked at */
            continue;
        sum[model->channel[c].group] += fmin(fabs(deviations[c].z), GROUPED_CLIP);
        count[model->channel[c].group]++;
    }
    for (size_t g = 0; g < model->groups; g++)
        largest = count[g] > 0 ? fmax(largest, sum[g] / count[g]) : largest;
    expect_near(score_of(&row), largest, 1e-9);
    expect_near(shares, 1, 1e-9);
}

static void test_what_cannot_be_judged(void **state)
{
    size_t time = derivation_find(&model->derivation, DERIVED_MOVING_TIME);
    struct deviation deviations[SIMULATOR_CHANNELS + DERIVED_MAX];
    struct row row = a_row(), changed = row;
    assert_true(score_of(&row) >= 0.5);
    changed.value[time] = NAN; /* before the first change of step */
    assert_true(isnan(score_of(&changed)));
    changed = row;
    changed.value[model->derivation.step_channel] = 99; /* training has not seen it */
    assert_true(isnan(score_of(&changed)));
    detector_explain(&model->detector[0], changed.value, deviations);
    for (size_t c = 0; c < model->channels; c++)
        assert_true(deviations[c].share == 0 && deviations[c].z == 0);
    changed = row;
    for (size_t c = 0; c < model->channels; c++) {
        if (!strcmp(model->channel[c].unit, "deg/s"))
            changed.value[c] = NAN; /* the clip must not make it the highest score */
    }
    assert_true(isnan(score_of(&changed)));
    changed = row;
    changed.value[time] = 3000; /* beyond the last bin: held against it */
    assert_true(isfinite(score_of(&changed)));
}

static void test_bins(void **state)
{
    assert_int_equal(template_bin(0, 0.1), 0);
    assert_int_equal(template_bin((double)0.3F, 0.1), 3);
    assert_int_equal(template_bin((double)0.7F, 0.1), 7);
    assert_int_equal(template_bin(0.25, 0.1), 2);
    assert_int_equal(template_bin(-4964.93, 0.1), 0);
    assert_int_equal(template_bin(1e300, 0.1), TEMPLATE_BINS_MAX);
}

/* ---- broken files ---- */

static cJSON *member(struct draft *draft, const char *key)
{
    cJSON *item = cJSON_GetObjectItemCaseSensitive(draft_detector(draft, 0), key);
    assert_non_null(item);
    return item;
}

static void no_moving_time(struct draft *draft)
{
    cJSON_DeleteItemFromObjectCaseSensitive(draft_config(draft), "derived");
}

static void longer_window(struct draft *draft)
{
    cJSON_SetNumberValue(member(draft, "window"), 2);
}

static void bin_of_0(struct draft *draft)
{
    cJSON_SetNumberValue(member(draft, "bin_s"), 0);
}

static void channel_out_of_range(struct draft *draft)
{
    cJSON_SetNumberValue(cJSON_GetArrayItem(member(draft, "channels"), 0), 1000);
}

static void set_bins(struct draft *draft, int64_t bins)
{
    size_t steps = model->derivation.steps;
    int64_t *values = calloc(steps, sizeof *values);
    values[0] = bins;
    assert_int_equal(draft_set(draft, "0.bins", SAFETENSORS_I64, SAFETENSORS_SHAPE(steps), values),
                     0);
    free(values);
}

static void bins_below_0(struct draft *draft)
{
    set_bins(draft, -1);
}

static void too_many_bins(struct draft *draft)
{
    set_bins(draft, (int64_t)1 << 62);
}

static void bins_without_profiles(struct draft *draft)
{
    set_bins(draft, 7);
}

static void test_broken_files_are_refused(void **state)
{
    static const struct {
        void (*edit)(struct draft *draft);
        const char *text;
    } cases[] = {
        {no_moving_time, "derived"},
        {longer_window, "template has windows of 1 row"},
        {bin_of_0, "bin_s"},
        {channel_out_of_range, "channels: entry 0 must be an integer from 0 to "},
        {bins_below_0, "0.bins: entry 0 is -1, must be 0 to 65536"},
        {too_many_bins, "0.bins: entry 0 is 4611686018427387904, must be 0 to 65536"},
        {bins_without_profiles, "0.mean: missing, or not [7, 2, "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct diag diag = DIAG_INIT;
        struct draft *draft;
        struct model *broken = NULL;
        if (draft_parse(file, file_size, &draft, &diag) < 0)
            fail_msg("%s", diag.text);
        cases[i].edit(draft);
        assert_int_equal(draft_build(draft, &broken, &diag), -EINVAL);
        if (!strstr(diag.text, cases[i].text))
            fail_msg("\"%s\" does not say \"%s\"", diag.text, cases[i].text);
        draft_free(draft);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_steps_stand_out),
        cmocka_unit_test(test_score_and_explanation_agree),
        cmocka_unit_test(test_what_cannot_be_judged),
        cmocka_unit_test(test_bins),
        cmocka_unit_test(test_broken_files_are_refused),
    };
    return cmocka_run_group_tests(tests, train_model, forget_model);
}
