#include "golden.h"
#include "pipeline/alert.h"
#include "tiny_model.h"

#include "base/clock.h"
#include "base/rng.h"

#include <string.h>

/* A robot at `period_ms` with thresholds of 1, so that a score is its ratio. */
struct robot {
    struct model *model;
    struct alert alert;
    int64_t time_ms, period_ms;
    uint64_t seq;
};

static const double thresholds[] = {1, 1};

static struct robot make(const struct tiny_model *tiny, int64_t period_ms)
{
    struct robot robot = {.model = tiny_model_new(tiny), .period_ms = period_ms, .seq = 100};
    assert_int_equal(alert_set_model(&robot.alert, robot.model, thresholds), 0);
    return robot;
}

static void unmake(struct robot *robot)
{
    alert_deinit(&robot->alert);
    model_unref(robot->model);
}

static struct robot make_3_of_5(void)
{
    return make(&(struct tiny_model){0}, 100);
}

static enum alert_transition push_both(struct robot *robot, double first, double second, bool muted)
{
    struct score score = {.detectors = robot->alert.detectors};
    robot->time_ms += robot->period_ms;
    robot->seq++;
    score.time_ns = robot->time_ms * CLOCK_NS_PER_MS;
    score.seq = robot->seq;
    score.detector[0].score = first;
    score.detector[0].evaluated = first >= 0;
    score.detector[1].score = second;
    score.detector[1].evaluated = second >= 0 && score.detectors > 1;
    return alert_push(&robot->alert, &score, muted);
}

static enum alert_transition push(struct robot *robot, double score)
{
    return push_both(robot, score, -1, false);
}

#define expect_scores(robot, transition, ...)                                                      \
    expect_scores_at(__LINE__, robot, transition, (const double[]){__VA_ARGS__},                   \
                     sizeof((double[]){__VA_ARGS__}) / sizeof(double))

static void expect_scores_at(int line, struct robot *robot, enum alert_transition transition,
                             const double *scores, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum alert_transition found = push(robot, scores[i]);
        if (found != transition)
            fail_msg("line %d, score %zu: %s instead of %s", line, i, alert_transition_name(found),
                     alert_transition_name(transition));
    }
}

static void test_k_of_n(void **state)
{
    struct robot robot = make_3_of_5();
    expect_scores(&robot, ALERT_NONE, 2, 2, 0, 0, 0, 2, 2, 1, 0.5, 0);
    expect_scores(&robot, ALERT_NONE, 2, 0, 2, 0);
    expect_scores(&robot, ALERT_RAISED, 1.5);
    const struct alert_episode *episode = &robot.alert.episode;
    assert_true(episode->open);
    assert_int_equal(episode->severity, ALERT_WARNING);
    assert_int_equal(episode->started_ns, 1100 * CLOCK_NS_PER_MS); /* the first of the three */
    assert_int_equal(episode->first_seq, 111);
    assert_int_equal(episode->last_seq, 115);
    assert_int_equal(episode->windows, 3);
    expect_near(episode->score, 1.5, 0);
    assert_true(episode->p_value > 0 && episode->p_value < 1);
    expect_scores(&robot, ALERT_NONE, 2, 2.5, 0.9);
    assert_int_equal(episode->windows, 5);
    expect_near(episode->peak_score, 2.5, 0);
    expect_near(episode->score, 0.9, 0);
    assert_int_equal(episode->last_seq, 118);
    assert_int_equal(episode->last.seq, 117); /* the newest over the limit */
    unmake(&robot);
}

static void test_the_limit_itself_is_no_alarm(void **state)
{
    struct robot robot = make_3_of_5();
    for (int i = 0; i < 20; i++)
        assert_int_equal(push(&robot, 1), ALERT_NONE);
    unmake(&robot);
}

static void test_severity_rises_and_is_told_once(void **state)
{
    struct robot robot = make_3_of_5();
    expect_scores(&robot, ALERT_NONE, 2, 2);
    expect_scores(&robot, ALERT_RAISED, 2);
    expect_scores(&robot, ALERT_NONE, 2.99);
    expect_scores(&robot, ALERT_UPDATED, 3);
    expect_scores(&robot, ALERT_NONE, 5, 1, 4);
    assert_int_equal(robot.alert.episode.severity, ALERT_CRITICAL); /* it does not fall */
    unmake(&robot);

    robot = make_3_of_5();
    expect_scores(&robot, ALERT_NONE, 2, 2);
    expect_scores(&robot, ALERT_RAISED, 7);
    assert_int_equal(robot.alert.episode.severity, ALERT_CRITICAL);
    unmake(&robot);
}

static void raise_alert(struct robot *robot)
{
    expect_scores(robot, ALERT_NONE, 2, 2);
    expect_scores(robot, ALERT_RAISED, 2);
}

/* Under 0.8 for 2 s of sample time, and not a window earlier. */
static void test_clears_after_two_quiet_seconds(void **state)
{
    struct robot robot = make_3_of_5();
    raise_alert(&robot);
    for (int i = 0; i < 100; i++)
        expect_scores(&robot, ALERT_NONE, 0.8); /* not under it */
    for (int i = 0; i < 20; i++)
        expect_scores(&robot, ALERT_NONE, 0.79);
    expect_scores(&robot, ALERT_NONE, 0.81);
    for (int i = 0; i < 20; i++)
        expect_scores(&robot, ALERT_NONE, 0.79);
    int64_t before = robot.time_ms;
    expect_scores(&robot, ALERT_CLEARED, 0.79);
    assert_false(robot.alert.episode.open);
    assert_int_equal(robot.alert.episode.ended_ns, (before + 100) * CLOCK_NS_PER_MS);
    assert_int_equal(robot.alert.episode.windows, 3);
    unmake(&robot);
}

/* Two of 64: the scores that raised the first episode are in the ring for long. */
static void test_nothing_old_raises_again_after_a_clear(void **state)
{
    const struct tiny_model tiny = {
        .filter = {.k = 2, .n = 64, .clear_ratio = 0.8, .clear_s = 0.5}};
    struct robot robot = make(&tiny, 100);
    expect_scores(&robot, ALERT_NONE, 2);
    expect_scores(&robot, ALERT_RAISED, 2);
    expect_scores(&robot, ALERT_NONE, 0, 0, 0, 0, 0);
    expect_scores(&robot, ALERT_CLEARED, 0);
    expect_scores(&robot, ALERT_NONE, 0.5, 2, 0.5);
    expect_scores(&robot, ALERT_RAISED, 2);
    unmake(&robot);
}

/* One sample a second: two seconds are three windows. */
static void test_at_one_hertz(void **state)
{
    struct robot robot = make(&(struct tiny_model){.period_s = 1}, 1000);
    raise_alert(&robot);
    expect_scores(&robot, ALERT_NONE, 0, 0);
    expect_scores(&robot, ALERT_CLEARED, 0);
    expect_scores(&robot, ALERT_NONE, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0);
    raise_alert(&robot);
    unmake(&robot);
}

static void test_restart_parts_the_scores_and_keeps_the_episode(void **state)
{
    struct robot robot = make_3_of_5();
    expect_scores(&robot, ALERT_NONE, 2, 2);
    alert_restart(&robot.alert);
    expect_scores(&robot, ALERT_NONE, 2, 2);
    expect_scores(&robot, ALERT_RAISED, 2);
    const struct alert_episode before = robot.alert.episode;
    for (int i = 0; i < 15; i++)
        expect_scores(&robot, ALERT_NONE, 0);
    alert_restart(&robot.alert);
    assert_true(robot.alert.episode.open);
    assert_int_equal(robot.alert.episode.started_ns, before.started_ns);
    for (int i = 0; i < 20; i++) /* the quiet time begins again */
        expect_scores(&robot, ALERT_NONE, 0);
    expect_scores(&robot, ALERT_CLEARED, 0);
    unmake(&robot);
}

static void test_a_clock_that_was_set_back_does_not_clear(void **state)
{
    struct robot robot = make_3_of_5();
    robot.time_ms = 1000000;
    raise_alert(&robot);
    expect_scores(&robot, ALERT_NONE, 0);
    robot.time_ms = 0; /* the quiet time begins again, at 100 ms */
    for (int i = 0; i < 20; i++)
        expect_scores(&robot, ALERT_NONE, 0);
    expect_scores(&robot, ALERT_CLEARED, 0);
    unmake(&robot);
}

static void test_muted_raises_nothing_and_clears(void **state)
{
    struct robot robot = make_3_of_5();
    for (int i = 0; i < 10; i++)
        assert_int_equal(push_both(&robot, 5, -1, true), ALERT_NONE);
    expect_scores(&robot, ALERT_RAISED, 5); /* it lasts: raised when it is no longer muted */
    assert_int_equal(robot.alert.episode.windows, 5);
    enum alert_transition transition = ALERT_NONE;
    for (int i = 0; i < 21; i++)
        transition = push_both(&robot, 0, -1, true);
    assert_int_equal(transition, ALERT_CLEARED);
    unmake(&robot);
}

static void test_model_swap_keeps_the_episode(void **state)
{
    struct robot robot = make(&(struct tiny_model){.detectors = 2}, 100);
    struct model *next = tiny_model_new(&(struct tiny_model){.name = "next"});
    for (int i = 0; i < 2; i++)
        assert_int_equal(push_both(&robot, 0.5, 4, false), ALERT_NONE);
    assert_int_equal(push_both(&robot, 0.5, 4, false), ALERT_RAISED);
    assert_int_equal(robot.alert.episode.last.detectors, 2);
    const struct alert_episode before = robot.alert.episode;
    assert_int_equal(alert_set_model(&robot.alert, next, thresholds), 0);
    assert_true(robot.alert.episode.open);
    assert_int_equal(robot.alert.episode.started_ns, before.started_ns);
    assert_int_equal(robot.alert.episode.first_seq, before.first_seq);
    assert_int_equal(robot.alert.episode.windows, before.windows);
    /* What the old model said of its detectors and groups must not be told by the new one. */
    assert_int_equal(robot.alert.episode.last.detectors, 0);
    assert_false(robot.alert.episode.last.attributed);
    expect_scores(&robot, ALERT_NONE, 2);
    assert_int_equal(robot.alert.episode.last.detectors, 1);
    for (int i = 0; i < 20; i++)
        expect_scores(&robot, ALERT_NONE, 0);
    expect_scores(&robot, ALERT_CLEARED, 0);
    unmake(&robot);
    model_unref(next);
}

static void test_thresholds_of_the_same_model(void **state)
{
    struct robot robot = make_3_of_5();
    alert_set_thresholds(&robot.alert, (const double[]){10});
    for (int i = 0; i < 10; i++)
        expect_scores(&robot, ALERT_NONE, 9);
    alert_set_thresholds(&robot.alert, (const double[]){4});
    expect_scores(&robot, ALERT_RAISED, 8); /* the scores in the filter count by the new limit */
    expect_near(robot.alert.episode.score, 2, 0);
    unmake(&robot);
}

static void test_two_detectors_one_episode(void **state)
{
    struct robot robot = make(&(struct tiny_model){.detectors = 2}, 100);
    /* Two of each are not three of one. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(push_both(&robot, 2, 0, false), ALERT_NONE);
    for (int i = 0; i < 2; i++)
        assert_int_equal(push_both(&robot, 0, 2, false), ALERT_NONE);
    assert_int_equal(push_both(&robot, 0, 2, false), ALERT_RAISED);
    assert_int_equal(robot.alert.episode.started_ns, 300 * CLOCK_NS_PER_MS);
    /* Both must be quiet. */
    for (int i = 0; i < 30; i++)
        assert_int_equal(push_both(&robot, 0, 0.9, false), ALERT_NONE);
    for (int i = 0; i < 20; i++)
        assert_int_equal(push_both(&robot, 0, 0, false), ALERT_NONE);
    assert_int_equal(push_both(&robot, 0, 0, false), ALERT_CLEARED);
    unmake(&robot);
}

/* It fired, and then a lost sample or another model takes what it needs: nothing says that what it
 * has found is over. */
static void test_a_detector_that_cannot_judge_holds_the_episode(void **state)
{
    struct robot robot = make(&(struct tiny_model){.detectors = 2}, 100);
    for (int i = 0; i < 3; i++)
        push_both(&robot, 0, 2, false);
    assert_true(robot.alert.episode.open);
    for (int i = 0; i < 50; i++)
        assert_int_equal(push_both(&robot, 0, -1, false), ALERT_NONE);
    assert_int_equal(alert_set_model(&robot.alert, robot.model, thresholds), 0);
    for (int i = 0; i < 50; i++)
        assert_int_equal(push_both(&robot, 0, -1, false), ALERT_NONE);
    for (int i = 0; i < 20; i++) /* one quiet window of its own, and it holds nothing any more */
        assert_int_equal(push_both(&robot, 0, i == 0 ? 0 : -1, false), ALERT_NONE);
    assert_int_equal(push_both(&robot, 0, -1, false), ALERT_CLEARED);
    /* One that has not fired holds nothing. */
    for (int i = 0; i < 3; i++)
        push_both(&robot, 2, 0.9, false);
    assert_true(robot.alert.episode.open);
    for (int i = 0; i < 20; i++)
        assert_int_equal(push_both(&robot, 0, -1, false), ALERT_NONE);
    assert_int_equal(push_both(&robot, 0, -1, false), ALERT_CLEARED);
    unmake(&robot);
}

static void test_time_without_a_verdict_is_not_quiet(void **state)
{
    struct robot robot = make_3_of_5();
    expect_scores(&robot, ALERT_NONE, 2, 2);
    expect_scores(&robot, ALERT_RAISED, 2);
    expect_scores(&robot, ALERT_NONE, 0);
    for (int i = 0; i < 50; i++)
        expect_scores(&robot, ALERT_NONE, -1);
    for (int i = 0; i < 20; i++)
        expect_scores(&robot, ALERT_NONE, 0);
    expect_scores(&robot, ALERT_CLEARED, 0);
    unmake(&robot);
}

static void test_an_overflow_is_not_quiet(void **state)
{
    struct robot robot = make(&(struct tiny_model){.detectors = 2}, 100);
    for (int i = 0; i < 3; i++)
        push_both(&robot, 2, 0, false);
    assert_true(robot.alert.episode.open);
    struct score score = {.detectors = 2, .nonfinite = true};
    score.detector[1].evaluated = true;
    for (int i = 0; i < 100; i++) {
        score.time_ns = (robot.time_ms += 100) * CLOCK_NS_PER_MS;
        assert_int_equal(alert_push(&robot.alert, &score, false), ALERT_NONE);
    }
    assert_true(robot.alert.episode.open);
    unmake(&robot);
}

static void test_a_window_without_a_score_changes_nothing(void **state)
{
    struct robot robot = make_3_of_5();
    expect_scores(&robot, ALERT_NONE, 2, 2);
    const struct alert before = robot.alert;
    expect_scores(&robot, ALERT_NONE, -1, -1, -1, -1, -1, -1);
    assert_memory_equal(&before, &robot.alert, sizeof before);
    expect_scores(&robot, ALERT_RAISED, 2);
    unmake(&robot);
}

static int compare_falling(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

static void test_statistic_is_the_kth_largest(void **state)
{
    struct rng rng;
    rng_init(&rng, 6);
    for (unsigned n = 1; n <= 9; n++) {
        for (unsigned k = 1; k <= n; k++) {
            struct robot robot = make(
                &(struct tiny_model){.filter = {.k = k, .n = n, .clear_ratio = 0.8, .clear_s = 2}},
                100);
            double all[40];
            for (size_t i = 0; i < 40; i++) {
                all[i] = rng_uniform(&rng);
                push(&robot, all[i]);
                size_t count = i + 1 < n ? i + 1 : n;
                double last[9];
                memcpy(last, all + i + 1 - count, count * sizeof *last);
                qsort(last, count, sizeof *last, compare_falling);
                expect_near(alert_trigger_statistic(&robot.alert, 0), count < k ? -1 : last[k - 1],
                            0);
            }
            unmake(&robot);
        }
    }
}

static void test_names(void **state)
{
    assert_string_equal(alert_severity_name(ALERT_INFO), "info");
    assert_string_equal(alert_severity_name(ALERT_CRITICAL), "critical");
    assert_string_equal(alert_transition_name(ALERT_RAISED), "raised");
    assert_string_equal(alert_transition_name(ALERT_CLEARED), "cleared");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_k_of_n),
        cmocka_unit_test(test_the_limit_itself_is_no_alarm),
        cmocka_unit_test(test_severity_rises_and_is_told_once),
        cmocka_unit_test(test_clears_after_two_quiet_seconds),
        cmocka_unit_test(test_nothing_old_raises_again_after_a_clear),
        cmocka_unit_test(test_at_one_hertz),
        cmocka_unit_test(test_restart_parts_the_scores_and_keeps_the_episode),
        cmocka_unit_test(test_a_clock_that_was_set_back_does_not_clear),
        cmocka_unit_test(test_muted_raises_nothing_and_clears),
        cmocka_unit_test(test_model_swap_keeps_the_episode),
        cmocka_unit_test(test_thresholds_of_the_same_model),
        cmocka_unit_test(test_two_detectors_one_episode),
        cmocka_unit_test(test_a_detector_that_cannot_judge_holds_the_episode),
        cmocka_unit_test(test_time_without_a_verdict_is_not_quiet),
        cmocka_unit_test(test_an_overflow_is_not_quiet),
        cmocka_unit_test(test_a_window_without_a_score_changes_nothing),
        cmocka_unit_test(test_statistic_is_the_kth_largest),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
