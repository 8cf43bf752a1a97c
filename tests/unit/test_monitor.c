#include "golden.h"
#include "nn/blas.h"
#include "pipeline/monitor.h"
#include "tiny_model.h"

#include "base/clock.h"
#include "base/rng.h"

#include <errno.h>
#include <string.h>

#define MS CLOCK_NS_PER_MS

static struct monitor_result push(struct monitor *monitor, int64_t time_ms, float value)
{
    float values[3] = {value, value, value};
    const struct sample sample = {.time_ns = time_ms * MS, .has_time = true};
    struct monitor_result result;
    monitor_push(monitor, &sample, values, &result);
    return result;
}

static void start(struct monitor *monitor, const struct tiny_model *tiny)
{
    struct model *model = tiny_model_new(tiny);
    assert_int_equal(monitor_init(monitor, model, 1, 0), 0);
    model_unref(model); /* the monitor has its own */
}

/* Four rows in a window: the score is the mean square of the last four values. */
static void test_scores_and_an_episode(void **state)
{
    struct monitor monitor;
    start(&monitor, &(struct tiny_model){0});
    double limit = monitor.thresholds[0];
    int64_t t = 0;
    struct monitor_result result;
    for (int i = 0; i < 3; i++)
        assert_false(push(&monitor, t += 100, 0.5F).evaluated);
    result = push(&monitor, t += 100, 0.5F);
    assert_true(result.evaluated);
    expect_near(result.score.detector[0].score, 0.25, 1e-6);
    expect_near(result.ratio, 0.25 / limit, 1e-6);
    assert_int_equal(result.score.time_ns, t * MS);
    assert_int_equal(result.score.seq, 4); /* its number by arrival */

    int64_t onset = t + 100;
    enum alert_transition expected[] = {ALERT_NONE, ALERT_NONE, ALERT_RAISED};
    for (int i = 0; i < 3; i++) {
        result = push(&monitor, t += 100, 4);
        assert_int_equal(result.transition, expected[i]);
    }
    assert_int_equal(monitor.alert.episode.started_ns, onset * MS);
    assert_true(monitor.alert.episode.last.attributed);
    int windows = 0;
    while (monitor.alert.episode.open && windows < 100) {
        result = push(&monitor, t += 100, 0);
        windows++;
    }
    /* Three windows hold a 4 still; then 2 s, from the first quiet one on. */
    assert_int_equal(result.transition, ALERT_CLEARED);
    assert_int_equal(windows, 3 + 21);
    monitor_deinit(&monitor);
}

static void test_a_break_is_in_no_window(void **state)
{
    struct monitor monitor;
    start(&monitor, &(struct tiny_model){0});
    int64_t t = 0;
    for (int i = 0; i < 10; i++)
        push(&monitor, t += 100, 1);
    monitor_break(&monitor);
    t += 100;
    for (int i = 0; i < 3; i++)
        assert_false(push(&monitor, t += 100, 1).evaluated);
    assert_true(push(&monitor, t += 100, 1).evaluated);
    assert_int_equal(push(&monitor, t, 1).outcome, HISTORY_DUPLICATE);
    assert_int_equal(push(&monitor, t - 100, 1).outcome, HISTORY_LATE);
    assert_true(push(&monitor, t += 100, 1).evaluated);
    monitor_deinit(&monitor);
}

static void test_scores_from_before_a_gap_do_not_meet_those_after(void **state)
{
    struct monitor monitor;
    start(&monitor, &(struct tiny_model){0});
    int64_t t = 0;
    for (int round = 0; round < 5; round++) {
        t += 10000;
        for (int i = 0; i < 5; i++) /* two windows a round: never three */
            assert_int_equal(push(&monitor, t += 100, 4).transition, ALERT_NONE);
    }
    assert_int_equal(push(&monitor, t += 100, 4).transition, ALERT_RAISED);
    uint64_t first = monitor.alert.episode.first_seq;
    push(&monitor, t += 10000, 4);
    assert_true(monitor.alert.episode.open);
    assert_int_equal(monitor.alert.episode.first_seq, first);
    monitor_deinit(&monitor);
}

/* At any speed, in any number of pieces: the same scores and episodes. */
static void test_a_replay_is_the_same(void **state)
{
    static double scores[2][3000];
    uint64_t raised[2] = {0};
    for (int run = 0; run < 2; run++) {
        struct monitor monitor;
        struct rng rng;
        rng_init(&rng, 8);
        start(&monitor, &(struct tiny_model){.random = true, .detectors = 2});
        int64_t t = 0;
        for (int i = 0; i < 3000; i++) {
            t += rng_below(&rng, 50) ? 100 : 350;
            float spread = i / 300 % 2 ? 3 : 0.3F;
            struct monitor_result result =
                push(&monitor, t, spread * (float)(rng_uniform(&rng) - 0.5));
            scores[run][i] = result.evaluated ? result.ratio : -1;
            raised[run] += result.transition == ALERT_RAISED;
        }
        monitor_deinit(&monitor);
    }
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    assert_int_equal(raised[0], raised[1]);
}

static void test_uncalibrated_scores_and_raises_nothing(void **state)
{
    struct monitor monitor;
    start(&monitor, &(struct tiny_model){.uncalibrated = true});
    int64_t t = 0;
    struct monitor_result result = {0};
    for (int i = 0; i < 50; i++) {
        result = push(&monitor, t += 100, 100);
        assert_int_equal(result.transition, ALERT_NONE);
    }
    assert_true(result.evaluated);
    expect_near(result.score.detector[0].score, 1e4, 1);
    expect_near(result.ratio, 0, 0);
    monitor_deinit(&monitor);
}

int main(void)
{
    blas_init();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scores_and_an_episode),
        cmocka_unit_test(test_a_break_is_in_no_window),
        cmocka_unit_test(test_scores_from_before_a_gap_do_not_meet_those_after),
        cmocka_unit_test(test_a_replay_is_the_same),
        cmocka_unit_test(test_uncalibrated_scores_and_raises_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
