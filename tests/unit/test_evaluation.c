/* Calibration, self-test and evaluation on recordings whose scores are known: the tiny model scores
 * a window by the mean of its squared values, and its limit is 1. */
#include "lab/evaluation.h"
#include "lab/fit.h"
#include "lab/runner.h"
#include "nn/blas.h"

#include "fixture.h"
#include "scored_fixture.h"
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

/* A step that was upset may still be too long seconds later; that it is is no false alarm, until
 * the next step begins. */
static void test_the_rest_of_an_upset_step_is_no_false_alarm(void **state)
{
    for (int judged = 0; judged <= 1; judged++) {
        struct scored scored = scored_fixture(1000, 0.1, true);
        struct evaluation evaluation;
        struct diag diag = DIAG_INIT;
        const struct evaluation_options options = {
            .false_alarms_per_day = 1, .events = EVALUATION_RUNS, .no_volume = true};
        for (size_t i = 0; i < 1000; i++)
            scored.step[i] = (int)(i / 100);
        scored.judges_steps = judged;
        scored_fixture_label(&scored, 210, 220, 1);
        scored_fixture_trigger(&scored, 260, 290); /* the step is upset */
        scored_fixture_trigger(&scored, 360, 390); /* the next is not */
        assert_int_equal(evaluation_measure(&scored, 1, &options, &evaluation, &diag), 0);
        assert_int_equal(evaluation.events_found, 0);
        assert_int_equal(evaluation.alerts, 2);
        assert_int_equal(evaluation.alerts_in_event, judged ? 1 : 0);
        assert_int_equal(evaluation.false_alarms, judged ? 1 : 2);
        assert_int_equal(evaluation.found[0].false_alarms, judged ? 1 : 2);
        expect_near(evaluation.healthy_hours * 36000, judged ? 910 : 979, 1e-6);
        scored_deinit(&scored);
    }
}

/* An alert that lasts finds the step that it began in, and the whole of the fault. */
static void test_runs_beside_steps(void **state)
{
    struct scored scored = scored_fixture(1000, 0.1, true);
    struct evaluation evaluation;
    struct diag diag = DIAG_INIT;
    const struct evaluation_options options = {
        .false_alarms_per_day = 1, .events = EVALUATION_STEPS, .no_volume = true};
    for (size_t i = 0; i < 1000; i++)
        scored.step[i] = (int)(i / 100);
    scored_fixture_label(&scored, 100, 500, 1);
    scored_fixture_label(&scored, 600, 900, 1);
    scored_fixture_trigger(&scored, 230, 520);
    assert_int_equal(evaluation_measure(&scored, 1, &options, &evaluation, &diag), 0);
    assert_int_equal(evaluation.events, 7);
    assert_int_equal(evaluation.events_found, 1);
    assert_int_equal(evaluation.runs, 2);
    assert_int_equal(evaluation.found_runs.events, 1);
    expect_near(evaluation.found_runs.delay_p50_s, 13, 1e-6);
    scored_deinit(&scored);
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

static const struct evaluation_options by_runs = {.false_alarms_per_day = 1,
                                                  .events = EVALUATION_RUNS};

static void measure(const struct scored *scored, size_t count, struct evaluation *ret_evaluation)
{
    struct diag diag = DIAG_INIT;
    if (evaluation_measure(scored, count, &by_runs, ret_evaluation, &diag) < 0)
        fail_msg("%s", diag.text);
}

/* Inside, within a second after, later, merged with one inside, merged with one outside, carried
 * over into an event. */
static void test_precision_of_alerts(void **state)
{
    struct scored scored = scored_fixture(1000, 0.1, false);
    struct evaluation evaluation;
    static const size_t onset[] = {105, 158, 265, 302, 308, 500, 508, 590};
    for (size_t e = 1; e <= 6; e++)
        scored_fixture_label(&scored, e * 100, e * 100 + 50, 1);
    for (size_t i = 0; i < sizeof onset / sizeof onset[0]; i++)
        scored_fixture_trigger(&scored, onset[i], onset[i] + 2);
    scored_fixture_label(&scored, 500, 503, 0);
    scored_fixture_trigger(&scored, 590, 620);
    measure(&scored, 1, &evaluation);
    assert_int_equal(evaluation.events, 6);
    assert_int_equal(evaluation.events_found, 3); /* 100, 300, 500 */
    assert_int_equal(evaluation.alerts, 6);
    assert_int_equal(evaluation.alerts_in_event, 3); /* 105, 158, 302; 500 was outside */
    expect_near(evaluation.event_precision, 0.5, 0);
    scored_deinit(&scored);
}

static void test_no_alert_has_no_precision(void **state)
{
    struct scored scored = scored_fixture(100, 0.1, false);
    struct evaluation evaluation;
    scored_fixture_label(&scored, 10, 20, 1);
    measure(&scored, 1, &evaluation);
    assert_true(isnan(evaluation.event_precision));
    assert_int_equal(evaluation.classes, 0); /* one kind only */
    scored_deinit(&scored);
}

/* Kind 2 is seen well, kind 5 not at all; both stand against the same normal windows. */
static void test_each_label_apart(void **state)
{
    struct scored scored[2] = {scored_fixture(1000, 0.1, false), scored_fixture(1000, 0.1, false)};
    struct evaluation evaluation;
    for (size_t i = 0; i < 1000; i++)
        scored_fixture_ratio(&scored[1], i, (double)(i % 10) / 20);
    scored_fixture_label(&scored[0], 100, 200, 2);
    scored_fixture_label(&scored[0], 200, 230,
                         5); /* at once after the other: an event of its own */
    scored_fixture_label(&scored[1], 700, 800, 2);
    scored_fixture_trigger(&scored[0], 110, 200);
    scored_fixture_trigger(&scored[1], 705, 750);
    measure(scored, 2, &evaluation);
    assert_int_equal(evaluation.events, 3);
    assert_int_equal(evaluation.classes, 2);
    const struct evaluation_class *well = &evaluation.class[0], *badly = &evaluation.class[1];
    assert_int_equal(well->part, EVALUATION_LABEL);
    assert_int_equal(well->label, 2);
    assert_int_equal(well->windows, 200);
    assert_int_equal(well->events, 2);
    assert_int_equal(well->events_found, 2);
    expect_near(well->recall, 135.0 / 200, 1e-15);
    expect_near(well->delay_p50_s, 0.75, 1e-9);
    expect_near(well->ranking.prevalence, 200.0 / (200 + 2000 - 230), 1e-15);
    assert_true(well->ranking.roc_auc > 0.8);
    assert_int_equal(badly->label, 5);
    assert_int_equal(badly->windows, 30);
    assert_int_equal(badly->events, 1);
    assert_int_equal(badly->events_found, 0);
    expect_near(badly->recall, 0, 0);
    assert_true(isnan(badly->delay_p50_s));
    assert_true(badly->ranking.roc_auc < 0.5);
    scored_deinit(&scored[0]);
    scored_deinit(&scored[1]);
}

/* The second half of a file that is labelled throughout is worse; a hole without label at its
 * beginning does not matter. */
static void test_each_half_apart(void **state)
{
    struct scored scored[2] = {scored_fixture(500, 0.1, false), scored_fixture(1001, 0.1, true)};
    struct evaluation evaluation;
    scored_fixture_label(&scored[1], 1, 1001, 1);
    scored[1].hole[0] = true;
    scored[1].ratio[0] = NAN;
    for (size_t i = 0; i < 1001; i++)
        scored[1].step[i] = (int)(i / 100);
    scored_fixture_trigger(&scored[1], 10, 20);
    scored_fixture_trigger(&scored[1], 600, 900);
    struct diag diag = DIAG_INIT;
    const struct evaluation_options by_steps = {.events = EVALUATION_STEPS, .no_volume = true};
    assert_int_equal(evaluation_measure(scored, 2, &by_steps, &evaluation, &diag), 0);
    assert_int_equal(evaluation.classes, 2);
    const struct evaluation_class *half = evaluation.class;
    assert_int_equal(half[0].part, EVALUATION_FIRST_HALF);
    assert_int_equal(half[1].part, EVALUATION_SECOND_HALF);
    assert_int_equal(half[1].recording, 1);
    assert_int_equal(half[0].windows, 499);
    assert_int_equal(half[1].windows, 501);
    expect_near(half[0].recall, 10.0 / 499, 1e-15);
    expect_near(half[1].recall, 300.0 / 501, 1e-15);
    assert_int_equal(half[0].events, 5);
    assert_int_equal(half[1].events, 6);
    assert_int_equal(half[0].events_found, 1);
    assert_int_equal(half[1].events_found, 1);
    expect_near(half[1].ranking.roc_auc, 0.5 + 0.5 * 300 / 501, 1e-12);
    assert_true(isnan(evaluation.robot.volume.pr));
    scored_deinit(&scored[0]);
    scored_deinit(&scored[1]);
}

static void test_what_an_event_is(void **state)
{
    struct scored scored = scored_fixture(1000, 1, true);
    scored_fixture_label(&scored, 100, 221, 1);
    assert_false(evaluation_by_steps(&scored, 1, EVALUATION_AUTO));
    scored_fixture_label(&scored, 221, 222, 1);
    assert_true(evaluation_by_steps(&scored, 1, EVALUATION_AUTO));
    assert_false(evaluation_by_steps(&scored, 1, EVALUATION_RUNS));
    free(scored.step);
    scored.step = NULL;
    assert_false(evaluation_by_steps(&scored, 1, EVALUATION_AUTO));
    assert_true(evaluation_by_steps(&scored, 1, EVALUATION_STEPS));
    scored_deinit(&scored);
}

static void test_separation_of_sessions(void **state)
{
    struct scored scored[3];
    double auc;
    for (size_t s = 0; s < 3; s++) {
        scored[s] = scored_fixture(400, 0.1, false);
        for (size_t i = 0; i < 400; i++)
            scored_fixture_ratio(&scored[s], i, (double)(i % 100) / 100 + (s == 2 ? 0.5 : 0));
    }
    scored_fixture_label(&scored[1], 0, 40, 1); /* what is labelled does not count */
    for (size_t i = 0; i < 40; i++)
        scored_fixture_ratio(&scored[1], i, 50);
    scored_fixture_label(&scored[1], 40, 100, 1);
    assert_int_equal(evaluation_separation(&scored[0], 1, &scored[1], 1, &auc, NULL), 0);
    expect_near(auc, 0.5, 1e-12);
    assert_int_equal(evaluation_separation(scored, 2, &scored[2], 1, &auc, NULL), 0);
    expect_near(auc, 1 - 0.5 * 0.5 * 0.5, 1e-9); /* two uniform scores, half a width apart */
    assert_int_equal(evaluation_separation(&scored[2], 1, scored, 2, &auc, NULL), 0);
    expect_near(auc, 0.5 * 0.5 * 0.5, 1e-9);
    scored_fixture_label(&scored[2], 0, 400, 1);
    assert_true(evaluation_separation(scored, 2, &scored[2], 1, &auc, NULL) < 0);
    for (size_t s = 0; s < 3; s++)
        scored_deinit(&scored[s]);
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
        cmocka_unit_test(test_the_rest_of_an_upset_step_is_no_false_alarm),
        cmocka_unit_test(test_runs_beside_steps),
        cmocka_unit_test(test_a_false_alarm_is_counted_once),
        cmocka_unit_test(test_an_onset_finds_one_step),
        cmocka_unit_test(test_precision_of_alerts),
        cmocka_unit_test(test_no_alert_has_no_precision),
        cmocka_unit_test(test_each_label_apart),
        cmocka_unit_test(test_each_half_apart),
        cmocka_unit_test(test_what_an_event_is),
        cmocka_unit_test(test_separation_of_sessions),
        cmocka_unit_test(test_selftest_rows_with_ignored_channels),
        cmocka_unit_test(test_windows_of_a_split),
    };
    return cmocka_run_group_tests(tests, start_blas, NULL);
}
