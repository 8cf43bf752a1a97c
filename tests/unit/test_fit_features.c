/* Which channels a fit looks at, and what it makes of them; training is one short epoch. */
#include "base/json.h"
#include "base/rng.h"
#include "golden.h"
#include "lab/fit.h"
#include "nn/blas.h"

#include <errno.h>
#include <string.h>

#define SESSIONS 5
#define ROWS 1000
#define PERIOD_S 1.0

enum channel { ACTION, FIRST, SECOND, SUM, YAW, STILL, TIRED, CHANNELS };
static const char *const names[CHANNELS] = {"action", "first", "second", "sum",
                                            "yaw",    "still", "tired"};

/* Movements of different periods and one that is the sum of two others; yaw is elsewhere in each
 * session, and tired wanders. label: where second is larger. */
static struct recording *record(uint64_t session, bool labelled)
{
    struct recording *recording = recording_new(ROWS, CHANNELS, names, false, labelled);
    assert_non_null(recording);
    recording->named = true;
    struct rng rng;
    rng_init(&rng, session);
    double offset = rng_normal(&rng);
    for (size_t i = 0; i < ROWS; i++) {
        bool anomalous = labelled && i % 100 < 30;
        float *row = recording->values + i * CHANNELS;
        row[ACTION] = (float)(i / 10 % 4);
        row[FIRST] = (float)(sin(0.7 * (double)i) + 0.05 * rng_normal(&rng));
        row[SECOND] = (float)(cos(1.1 * (double)i) + 0.05 * rng_normal(&rng) + (anomalous ? 4 : 0));
        row[SUM] = row[FIRST] + row[SECOND] * 0.5F;
        row[YAW] = (float)(10 * offset + sin((double)i));
        row[STILL] = 144.12F;
        row[TIRED] = (float)i * 0.01F;
        if (labelled)
            recording->label[i] = anomalous;
    }
    return recording;
}

struct bench {
    struct recording *sessions[SESSIONS];
    struct fit_options options;
    struct draft *draft;
    struct fit_report report;
};

static const char *const detectors[] = {"autoencoder", NULL};

static struct bench bench_new(void)
{
    struct bench bench = {.options = fit_defaults(ADVERSARY_NONE)};
    for (size_t s = 0; s < SESSIONS; s++)
        bench.sessions[s] = record(s + 1, false);
    bench.options.period_s = PERIOD_S;
    bench.options.train.epochs = 1;
    bench.options.detectors = detectors;
    return bench;
}

static void bench_fit(struct bench *bench)
{
    struct diag diag = DIAG_INIT;
    int r = fit(bench->sessions, SESSIONS, &bench->options, &bench->draft, &bench->report, &diag);
    if (r != 0)
        fail_msg("fit: %d: %s", r, diag.text);
}

static void bench_free(struct bench *bench)
{
    for (size_t s = 0; s < SESSIONS; s++)
        recording_free(bench->sessions[s]);
    draft_free(bench->draft);
    fit_report_deinit(&bench->report);
}

static void expect_left_out(const struct bench *bench, const char *const expected[CHANNELS])
{
    const cJSON *list = cJSON_GetObjectItem(draft_detector(bench->draft, 0), "left_out");
    size_t at = 0;
    for (size_t c = 0; c < CHANNELS; c++) {
        bool found = at < bench->report.left_out_count && bench->report.left_out[at].channel == c;
        const char *reason = found ? bench->report.left_out[at].reason : "";
        if (strcmp(reason, expected[c] ? expected[c] : "") != 0)
            fail_msg("%s: \"%s\", expected \"%s\"", names[c], reason,
                     expected[c] ? expected[c] : "");
        if (!found)
            continue;
        const cJSON *entry = cJSON_GetArrayItem(list, (int)at++);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(entry, "name")), names[c]);
        assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(entry, "reason")), reason);
    }
    assert_int_equal(cJSON_GetArraySize(list), (int)at);
}

static void test_leaves_out_drift(void **state)
{
    struct bench bench = bench_new();
    bench.options.ignore = (const char *const[]){"sec*", NULL};
    bench_fit(&bench);
    assert_int_equal(bench.report.drift_sessions, 3);
    expect_left_out(&bench, (const char *const[CHANNELS]){[ACTION] = "program step",
                                                          [SECOND] = "ignored as asked",
                                                          [YAW] = "differs between sessions",
                                                          [STILL] = "constant",
                                                          [TIRED] = "drifts within a session"});
    bench_free(&bench);
}

static void test_keeps_drift(void **state)
{
    struct bench bench = bench_new();
    bench.options.keep_drift = true;
    bench_fit(&bench);
    expect_left_out(&bench, (const char *const[CHANNELS]){NULL});
    bench_free(&bench);
}

/* What only the rows for calibration do is not known in training. */
static void test_looks_at_training_rows_only(void **state)
{
    struct bench bench = bench_new();
    struct recording *last = bench.sessions[SESSIONS - 1];
    for (size_t i = 0; i < ROWS; i++) {
        last->values[i * CHANNELS + STILL] = (float)i;
        last->values[i * CHANNELS + FIRST] += 100;
    }
    bench_fit(&bench);
    expect_left_out(&bench, (const char *const[CHANNELS]){[ACTION] = "program step",
                                                          [YAW] = "differs between sessions",
                                                          [STILL] = "constant",
                                                          [TIRED] = "drifts within a session"});
    bench_free(&bench);
}

static void test_nothing_left(void **state)
{
    struct bench bench = bench_new();
    struct diag diag = DIAG_INIT;
    bench.options.ignore = (const char *const[]){"first", "second", "sum", NULL};
    int r = fit(bench.sessions, SESSIONS, &bench.options, &bench.draft, &bench.report, &diag);
    assert_int_equal(r, -EINVAL);
    assert_string_equal(diag.text, "no channel is left: each is ignored, constant, drifts or is "
                                   "the program step");
    bench_free(&bench);
}

/* The sum is no information of its own: two components carry three channels. */
static void expect_components(bool sigmoid, const char *second_scaler)
{
    struct bench bench = bench_new();
    bench.options.reduction = FIT_REDUCTION_PCA;
    bench.options.architecture.sigmoid = sigmoid;
    bench_fit(&bench);
    const cJSON *reduction = cJSON_GetObjectItem(draft_detector(bench.draft, 0), "reduction");
    const cJSON *second = cJSON_GetObjectItem(reduction, "second_scaler");
    expect_near(cJSON_GetNumberValue(cJSON_GetObjectItem(reduction, "components")), 2, 0);
    assert_true(cJSON_GetNumberValue(cJSON_GetObjectItem(reduction, "variance")) > 0.95);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(second, "kind")), second_scaler);
    struct diag diag = DIAG_INIT;
    if (model_selftest(bench.report.model, &diag) < 0)
        fail_msg("%s", diag.text);
    bench_free(&bench);
}

static void test_components(void **state)
{
    expect_components(false, "standard");
    expect_components(true, "minmax");
}

static void test_mutual_information(void **state)
{
    struct bench bench = bench_new();
    struct recording *labelled[2] = {record(21, true), record(22, true)};
    bench.options.reduction = FIT_REDUCTION_MUTUAL_INFORMATION;
    bench.options.labelled = labelled;
    bench.options.labelled_count = 2;
    bench_fit(&bench);
    expect_left_out(&bench, (const char *const[CHANNELS]){[ACTION] = "program step",
                                                          [FIRST] = "says little about the label",
                                                          [YAW] = "differs between sessions",
                                                          [STILL] = "constant",
                                                          [TIRED] = "drifts within a session"});
    draft_free(bench.draft);
    fit_report_deinit(&bench.report);
    bench.options.keep_channels = 1;
    bench_fit(&bench);
    assert_int_equal(bench.report.left_out_count, CHANNELS - 1);
    assert_int_equal(bench.report.left_out[SUM - 1].channel, SUM);
    bench_free(&bench);
    recording_free(labelled[0]);
    recording_free(labelled[1]);
}

static void test_mutual_information_refuses(void **state)
{
    struct bench bench = bench_new();
    struct recording *labelled[1] = {record(21, false)};
    struct diag diag = DIAG_INIT;
    bench.options.reduction = FIT_REDUCTION_MUTUAL_INFORMATION;
    bench.options.labelled = labelled;
    bench.options.labelled_count = 1;
    int r = fit(bench.sessions, SESSIONS, &bench.options, &bench.draft, &bench.report, &diag);
    assert_int_equal(r, -EINVAL);
    assert_string_equal(diag.text, "a recording to select channels by has no labels");
    bench_free(&bench);
    recording_free(labelled[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves_out_drift),
        cmocka_unit_test(test_keeps_drift),
        cmocka_unit_test(test_looks_at_training_rows_only),
        cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_mutual_information),
        cmocka_unit_test(test_mutual_information_refuses),
    };
    blas_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
