/* Scores of a peer must come to what the same scores of a model come to: the tiny model's own
 * scores are handed in as a peer's. */
#include "base/rng.h"
#include "lab/runner.h"
#include "lab/scored.h"
#include "nn/blas.h"

#include "fixture.h"
#include "golden.h"
#include "tiny_model.h"

#include <errno.h>

#define ROWS 3000

static const char *const names[] = {"a", "b", "action"};

/* Noise with bursts, holes, missing rows, long pauses, a row twice and one that is late. */
static struct recording *make_recording(uint64_t seed, bool labels)
{
    struct rng rng;
    struct recording *recording = recording_new(ROWS, 3, names, true, labels);
    assert_non_null(recording);
    rng_init(&rng, seed);
    int64_t time_ns = 0;
    double size = 0.3;
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t chance = rng_below(&rng, 200);
        size = chance < 4 ? 2 : chance < 12 ? 0.3 : size;
        time_ns += chance == 100 ? 5000000000 : chance == 101 ? 200000000 : 100000000;
        time_ns -= chance == 102 ? 100000000 : chance == 103 ? 150000000 : 0;
        recording->time_ns[i] = time_ns;
        recording->valid[i] = chance != 104 && chance != 105;
        if (labels)
            recording->label[i] = chance < 4 ? (int)chance + 1 : 0;
        for (size_t c = 0; c < 2 && recording->valid[i]; c++)
            recording->values[i * 3 + c] = (float)(size * rng_normal(&rng));
    }
    return recording;
}

static void watch_two_channels(cJSON *config)
{
    const char *const *name = names;
    cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(config, "channels"))
        cJSON_SetValuestring(cJSON_GetObjectItemCaseSensitive(entry, "name"), *name++);
}

static const struct tiny_model tiny = {.edit = watch_two_channels};

static int keep_score(const struct runner_row *row, void *user)
{
    double *scores = user;
    /* A number in every row: those that are not evaluated must not be looked at. */
    scores[row->row] =
        row->result.evaluated && !row->hole ? row->result.score.detector[0].score : 1e6;
    return 0;
}

static struct scored_peer peer_of(const struct model *model)
{
    return (struct scored_peer){.name = "peer",
                                .period_s = model->period_s,
                                .span = model->span,
                                .filter = model->detector[0].filter,
                                .threshold = model_threshold(model, 0, 1)};
}

static void test_a_peer_is_judged_as_a_model(void **state)
{
    struct model *model = tiny_model_new(&tiny);
    struct recording *recording = make_recording(1, true);
    double scores[ROWS];
    struct scored own, other;
    struct diag diag = DIAG_INIT;
    const struct scored_peer peer = peer_of(model);
    assert_int_equal(runner_run(recording, model, 1, keep_score, scores), 0);
    assert_int_equal(scored_from_model(recording, model, 1, &own, &diag), 0);
    assert_int_equal(scored_from_peer(recording, scores, &peer, &other, &diag), 0);
    size_t evaluated = 0, triggered = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (scored_evaluated(&own, i) != scored_evaluated(&other, i))
            fail_msg("row %zu: evaluated %d by the model, %d by the peer", i,
                     scored_evaluated(&own, i), scored_evaluated(&other, i));
        assert_int_equal(own.triggered[i], other.triggered[i]);
        assert_int_equal(own.window_label[i], other.window_label[i]);
        assert_int_equal(own.hole[i], other.hole[i]);
        assert_int_equal(own.time_ns[i], other.time_ns[i]);
        evaluated += scored_evaluated(&own, i);
        triggered += own.triggered[i];
        if (!scored_evaluated(&own, i))
            continue;
        expect_near((double)own.ratio[i], (double)other.ratio[i], 0);
        expect_near((double)own.detector[0].score[i], (double)other.detector[0].score[i], 0);
    }
    if (evaluated < ROWS / 2 || evaluated > ROWS - 100 || triggered < 50)
        fail_msg("%zu evaluated, %zu triggered: the recording does not test much", evaluated,
                 triggered);
    assert_int_equal(own.reach, other.reach);
    scored_deinit(&own);
    scored_deinit(&other);
    recording_free(recording);
    model_unref(model);
}

static void test_a_peer_is_calibrated_as_a_model(void **state)
{
    struct model *model = tiny_model_new(&tiny);
    struct recording *sessions[] = {make_recording(2, false), make_recording(3, false)};
    double scores[2][ROWS];
    const double *const both[] = {scores[0], scores[1]};
    struct calibration own, other;
    struct scored_peer peer = peer_of(model);
    peer.threshold = 0; /* not known yet */
    for (size_t s = 0; s < 2; s++)
        assert_int_equal(runner_run(sessions[s], model, 1, keep_score, scores[s]), 0);
    assert_int_equal(runner_calibrate(sessions, 2, model, &own, NULL), 0);
    assert_int_equal(scored_calibrate_peer(sessions, both, 2, &peer, &other, NULL), 0);
    assert_int_equal(own.stored, other.stored);
    assert_true(own.stored >= 10);
    assert_int_equal(own.sessions, 2);
    assert_int_equal(other.sessions, 2);
    assert_memory_equal(own.maxima, other.maxima, own.stored * sizeof *own.maxima);
    expect_near(calibration_threshold(&own, 1), calibration_threshold(&other, 1), 0);
    calibration_deinit(&own);
    calibration_deinit(&other);
    recording_free(sessions[0]);
    recording_free(sessions[1]);
    model_unref(model);
}

static void test_rows_without_a_score(void **state)
{
    struct recording *recording = recording_new(10, 3, names, false, false);
    double scores[10];
    struct scored scored;
    for (size_t i = 0; i < 10; i++)
        scores[i] = i == 6 ? (double)NAN : (double)i;
    const struct scored_peer peer = {.name = "peer",
                                     .period_s = 0.5,
                                     .span = 3,
                                     .filter = {.k = 1, .n = 1, .clear_ratio = 0.8, .clear_s = 2},
                                     .threshold = 4};
    assert_int_equal(scored_from_peer(recording, scores, &peer, &scored, NULL), 0);
    for (size_t i = 0; i < 10; i++) {
        bool expected = i >= 2 && i != 6;
        if (scored_evaluated(&scored, i) != expected)
            fail_msg("row %zu: evaluated %d", i, !expected);
        assert_int_equal(scored.triggered[i], expected && i > 4);
        assert_int_equal(scored.time_ns[i], (int64_t)i * 500000000);
    }
    struct scored_windows windows;
    assert_int_equal(scored_collect(&scored, 1, SCORED_ROBOT, &windows), 0);
    assert_int_equal(windows.count, 7);
    assert_int_equal(windows.row[4], 7);
    expect_near(windows.score[4], 1.75, 0);
    scored_windows_deinit(&windows);
    scored_deinit(&scored);
    recording_free(recording);
}

static void test_refuses_bad_scores(void **state)
{
    static const double bad[] = {-1e-9, (double)INFINITY, -(double)INFINITY, 1e39};
    struct recording *recording = recording_new(5, 3, names, false, false);
    struct model *model = tiny_model_new(&tiny);
    struct scored_peer peer = peer_of(model);
    struct scored scored;
    struct calibration calibration;
    double scores[5] = {0, 0.5, 1, 2, 3};
    const double *const list[] = {scores};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct diag diag = DIAG_INIT;
        scores[3] = bad[i];
        assert_int_equal(scored_from_peer(recording, scores, &peer, &scored, &diag), -EINVAL);
        fixture_expect_text(diag.text, "row 3");
        assert_int_equal(scored_calibrate_peer(&recording, list, 1, &peer, &calibration, &diag),
                         -EINVAL);
    }
    scores[3] = 2;
    peer.threshold = 0;
    assert_int_equal(scored_from_peer(recording, scores, &peer, &scored, NULL), -EINVAL);
    recording_free(recording);
    model_unref(model);
}

/* Against a look at every row of every window. */
static void test_labels_of_windows(void **state)
{
    struct model *model = tiny_model_new(&tiny);
    struct recording *recording = make_recording(4, true);
    struct scored scored;
    for (size_t i = 0; i < ROWS; i++)
        recording->values[i * 3 + 2] = (float)(i / 50);
    assert_int_equal(scored_from_model(recording, model, 1, &scored, NULL), 0);
    for (size_t i = 0; i < ROWS; i++) {
        int expected = 0;
        for (size_t back = 0; back < model->span && back <= i; back++)
            expected = recording->label[i - back] ? recording->label[i - back] : expected;
        if (scored.window_label[i] != expected)
            fail_msg("row %zu: %d, expected %d", i, scored.window_label[i], expected);
        assert_int_equal(scored.step[i], (int)(i / 50));
    }
    scored_deinit(&scored);
    recording_free(recording);
    model_unref(model);
}

/* The model says which channel is the step; a channel that is called "action" is then but another
 * channel. */
static void test_steps_of_the_models_channel(void **state)
{
    static int steps[] = {0, 1, 2};
    static size_t motion[] = {0};
    static float rest[] = {0};
    const struct derivation derivation = {
        .channels = 3,
        .count = 1,
        .channel = {{.kind = DERIVED_MOVING_TIME, .name = "time"}},
        .step_channel = 1,
        .steps = 3,
        .step = steps,
        .motions = 1,
        .motion = motion,
        .rest = rest,
        .rest_level = rest,
        .load = DERIVED_NONE,
    };
    static const char *const prog[] = {"a", "b", "c"};
    const struct {
        struct tiny_model tiny;
        const char *const *names;
    } cases[] = {{{.derivation = &derivation}, prog},
                 {{.derivation = &derivation, .edit = watch_two_channels}, names}};
    for (size_t i = 0; i < 2; i++) {
        struct model *model = tiny_model_new(&cases[i].tiny);
        struct recording *recording = recording_new(90, 3, cases[i].names, false, false);
        struct scored scored;
        for (size_t row = 0; row < 90; row++) {
            recording->values[row * 3 + 1] = (float)(row / 30);
            recording->values[row * 3 + 2] = 7;
        }
        assert_int_equal(scored_from_model(recording, model, 1, &scored, NULL), 0);
        assert_true(scored.judges_steps);
        assert_non_null(scored.step);
        for (size_t row = 0; row < 90; row++)
            assert_int_equal(scored.step[row], row / 30);
        scored_deinit(&scored);
        recording_free(recording);
        model_unref(model);
    }
}

/* Each detector in the windows that are long enough for it. */
static void test_windows_of_each_detector(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){.detectors = 2, .window = {4, 1}});
    struct recording *recording = recording_new(20, 3, names, false, false);
    recording->valid[10] = 0;
    struct scored scored[2];
    size_t expected[] = {2 * (20 - 3 - 4), 2 * 19};
    for (size_t s = 0; s < 2; s++)
        assert_int_equal(scored_from_model(recording, model, 1, &scored[s], NULL), 0);
    for (size_t d = 0; d < 2; d++) {
        struct scored_windows windows;
        assert_int_equal(scored_collect(scored, 2, d, &windows), 0);
        assert_int_equal(windows.count, expected[d]);
        assert_int_equal(windows.row[windows.count - 1], 39);
        scored_windows_deinit(&windows);
    }
    scored_deinit(&scored[0]);
    scored_deinit(&scored[1]);
    recording_free(recording);
    model_unref(model);
}

static void test_steps_from_another_selection(void **state)
{
    static const char *const two[] = {"a", "b"};
    struct recording *with = recording_new(30, 3, names, false, false);
    struct recording *without = recording_new(30, 2, two, false, false);
    struct recording *shorter = recording_new(29, 3, names, false, false);
    const double scores[30] = {0};
    const struct scored_peer peer = {
        .name = "peer", .period_s = 0.1, .span = 1, .filter = ALERT_FILTER_DEFAULT, .threshold = 1};
    struct scored scored;
    for (size_t i = 0; i < 30; i++)
        with->values[i * 3 + 2] = (float)(i / 10) + 0.01F;
    assert_int_equal(scored_from_peer(without, scores, &peer, &scored, NULL), 0);
    assert_null(scored.step);
    assert_int_equal(scored_take_steps(&scored, without, NULL), 0);
    assert_null(scored.step);
    assert_int_equal(scored_take_steps(&scored, shorter, NULL), -EINVAL);
    assert_int_equal(scored_take_steps(&scored, with, NULL), 0);
    assert_int_equal(scored.step[9], 0);
    assert_int_equal(scored.step[29], 2);
    scored_deinit(&scored);
    recording_free(with);
    recording_free(without);
    recording_free(shorter);
}

static int start_blas(void **state)
{
    blas_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_peer_is_judged_as_a_model),
        cmocka_unit_test(test_a_peer_is_calibrated_as_a_model),
        cmocka_unit_test(test_rows_without_a_score),
        cmocka_unit_test(test_refuses_bad_scores),
        cmocka_unit_test(test_labels_of_windows),
        cmocka_unit_test(test_steps_of_the_models_channel),
        cmocka_unit_test(test_windows_of_each_detector),
        cmocka_unit_test(test_steps_from_another_selection),
    };
    return cmocka_run_group_tests(tests, start_blas, NULL);
}
