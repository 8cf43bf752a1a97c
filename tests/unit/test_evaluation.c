/* Calibration, self-test and evaluation on recordings whose scores are known: the tiny model scores
 * a window by the mean of its squared values, and its limit is 1. */
#include "lab/evaluation.h"
#include "lab/fit.h"
#include "lab/runner.h"
#include "nn/blas.h"

#include "fixture.h"
#include "tiny_model.h"

#include <math.h>

static const char *const names[] = {"a", "b", "action"};

/* Rows a period apart, all values `quiet`; the third channel is the program step. */
static struct recording *make_recording(size_t rows, double period_s, float quiet, bool labels)
{
    struct recording *recording = recording_new(rows, 3, names, true, labels);
    assert_non_null(recording);
    for (size_t i = 0; i < rows; i++) {
        recording->time_ns[i] = (int64_t)llround((double)i * period_s * 1e9);
        for (size_t c = 0; c < 3; c++)
            recording->values[i * 3 + c] = quiet;
    }
    return recording;
}

static void set_row(struct recording *recording, size_t row, float value)
{
    recording->values[row * 3] = recording->values[row * 3 + 1] = value;
}

static void name_step_channel(cJSON *config)
{
    const char *const *name = names;
    cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(config, "channels"))
        cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(entry, "name"), *name++);
}

/* What an older threshold raised and cleared must not move the newer one. */
static void test_calibration_does_not_depend_on_the_old_one(void **state)
{
    struct recording *session = make_recording(6000, 0.1, 0.5F, false);
    for (size_t i = 100; i < 6000; i += 200) {
        for (size_t j = 0; j < 10 + i % 7; j++)
            set_row(session, i + j, 2 + (float)(i % 13) / 10);
    }
    const double limits[] = {0.3, 1, 1e6};
    struct calibration first = {0};
    for (size_t l = 0; l < 3; l++) {
        struct model *model = tiny_model_new(&(struct tiny_model){.limit = limits[l]});
        struct calibration calibration;
        assert_int_equal(runner_calibrate(&session, 1, model, &calibration, NULL), 0);
        if (l == 0)
            first = calibration;
        assert_int_equal(calibration.stored, first.stored);
        assert_memory_equal(calibration.maxima, first.maxima, first.stored * sizeof(double));
        if (l > 0)
            calibration_deinit(&calibration);
        model_unref(model);
    }
    calibration_deinit(&first);
    recording_free(session);
}

static void evaluate_one(struct recording *recording, const struct tiny_model *tiny,
                         enum evaluation_events events, struct evaluation *ret_evaluation)
{
    struct model *model = tiny_model_new(tiny);
    const struct evaluation_options options = {.false_alarms_per_day = 1, .events = events};
    struct diag diag = DIAG_INIT;
    if (evaluate(&recording, 1, model, &options, ret_evaluation, &diag) < 0)
        fail_msg("%s", diag.text);
    model_unref(model);
}

/* At one sample a second the filter holds a labelled row for long after its label has ended. */
static void test_the_aftermath_of_an_event_is_no_false_alarm(void **state)
{
    struct recording *recording = make_recording(3000, 1, 0, true);
    for (size_t i = 50; i < 3000; i += 100) {
        set_row(recording, i, 40);
        recording->label[i] = 1;
    }
    struct evaluation evaluation;
    evaluate_one(recording,
                 &(struct tiny_model){.period_s = 1,
                                      .edit = name_step_channel,
                                      .filter = {.k = 3, .n = 5, .clear_ratio = 0.8, .clear_s = 2}},
                 EVALUATION_RUNS, &evaluation);
    assert_int_equal(evaluation.events, 30);
    assert_int_equal(evaluation.false_alarms, 0);
    assert_true(evaluation.healthy_hours > 0.6 && evaluation.healthy_hours < 0.83);
    recording_free(recording);
}

static void test_a_false_alarm_is_counted_once(void **state)
{
    struct recording *recording = make_recording(3000, 0.1, 0, true);
    recording->label[10] = 1; /* far away */
    for (size_t i = 1000; i < 1030; i++)
        set_row(recording, i, 40);
    for (size_t i = 2000; i < 2030; i++)
        set_row(recording, i, 40);
    struct evaluation evaluation;
    evaluate_one(recording, &(struct tiny_model){.edit = name_step_channel}, EVALUATION_RUNS,
                 &evaluation);
    assert_int_equal(evaluation.events, 1);
    assert_int_equal(evaluation.events_found, 0);
    assert_int_equal(evaluation.false_alarms, 2);
    recording_free(recording);
}

/* Only every other step is faulty: an onset belongs to one of them. */
static void test_an_onset_finds_one_step(void **state)
{
    struct recording *recording = make_recording(4000, 0.1, 0, true);
    for (size_t i = 0; i < 4000; i++) {
        size_t step = i / 50;
        recording->label[i] = 1;
        recording->values[i * 3 + 2] = (float)(step % 2) / 1000 + (float)(step % 2);
        if (step % 2)
            set_row(recording, i, i % 50 < 25 ? 40 : 0);
    }
    struct evaluation evaluation;
    evaluate_one(recording, &(struct tiny_model){.edit = name_step_channel}, EVALUATION_STEPS,
                 &evaluation);
    assert_int_equal(evaluation.events, 80);
    assert_int_equal(evaluation.events_found, 40);
    assert_true(evaluation.delay_p90_s < 1);
    recording_free(recording);
}

/* Rows of the recording itself, whole and in a row, whatever the detector does not look at. */
static void test_selftest_rows_with_ignored_channels(void **state)
{
    struct recording *recording = make_recording(3000, 0.1, 0, false);
    for (size_t i = 0; i < 3000; i++) {
        recording->values[i * 3] = sinf((float)i / 7);
        recording->values[i * 3 + 1] = cosf((float)i / 11);
        recording->values[i * 3 + 2] = (float)i;
    }
    struct fit_options options = fit_defaults(ADVERSARY_NONE);
    const char *const ignore[] = {"action", NULL};
    options.ignore = ignore;
    options.train.epochs = 2;
    struct draft *draft;
    struct fit_report report;
    struct diag diag = DIAG_INIT;
    if (fit(&recording, 1, &options, &draft, &report, &diag) < 0)
        fail_msg("%s", diag.text);
    const float *rows = report.model->selftest_input;
    size_t first = (size_t)rows[2];
    assert_true(first >= 2000); /* held out, not trained on */
    for (size_t i = 0; i < report.model->selftest_rows; i++)
        assert_memory_equal(rows + i * 3, recording->values + (first + i) * 3, 3 * sizeof(float));
    draft_free(draft);
    fit_report_deinit(&report);
    recording_free(recording);
}

static void test_windows_of_a_split(void **state)
{
    struct recording *recording = make_recording(1000, 0.1, 0, false);
    recording->valid[20] = 0;
    for (size_t i = 40; i < 1000; i++)
        recording->time_ns[i] += 1000000000; /* a gap before row 40 */
    struct split split;
    assert_int_equal(split_make(&recording, 1, 50, &split, NULL), 0);
    assert_int_equal(split.count, 3);
    for (size_t b = 1; b < 3; b++)
        assert_true(split.block[b].first >= split.block[b - 1].end + 50);
    const struct split_windows windows = {.sessions = &recording, .period_s = 0.1, .span = 5};
    size_t *ends, count;
    assert_int_equal(split_collect(&split, SPLIT_TRAINING, &windows, &ends, &count), 0);
    assert_int_equal(count, split.block[0].end - 4 - 5 - 4);
    for (size_t i = 0; i < count; i++) {
        assert_false(ends[i] >= 20 && ends[i] < 25);
        assert_false(ends[i] >= 40 && ends[i] < 44);
    }
    free(ends);
    split_deinit(&split);
    recording_free(recording);
}

static int start_blas(void **state)
{
    blas_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calibration_does_not_depend_on_the_old_one),
        cmocka_unit_test(test_the_aftermath_of_an_event_is_no_false_alarm),
        cmocka_unit_test(test_a_false_alarm_is_counted_once),
        cmocka_unit_test(test_an_onset_finds_one_step),
        cmocka_unit_test(test_selftest_rows_with_ignored_channels),
        cmocka_unit_test(test_windows_of_a_split),
    };
    return cmocka_run_group_tests(tests, start_blas, NULL);
}
