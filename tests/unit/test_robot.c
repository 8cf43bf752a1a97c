#include "daemon/robot.h"
#include "golden.h"
#include "tiny_model.h"

#include "base/clock.h"

#include <string.h>

#define SECOND CLOCK_NS_PER_S
#define MINUTE (60 * CLOCK_NS_PER_S)
#define START (1000 * MINUTE)

static const double thresholds[] = {1, 1};

static struct robot *make(struct model *model)
{
    struct robot *robot = robot_new("kuka1", 7, model, 0);
    assert_non_null(robot);
    assert_int_equal(alert_set_model(&robot->alert, model, thresholds), 0);
    return robot;
}

static void test_coverage_of_the_last_hour(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model);
    expect_near(robot_coverage_1h(robot, START), 1, 0); /* nothing was due */
    for (int i = 0; i < 10; i++)
        robot_count_window(robot, i < 4, START);
    expect_near(robot_coverage_1h(robot, START), 0.4, 1e-12);
    for (int i = 0; i < 10; i++)
        robot_count_window(robot, true, START + 30 * MINUTE);
    expect_near(robot_coverage_1h(robot, START + 59 * MINUTE), 0.7, 1e-12);
    expect_near(robot_coverage_1h(robot, START + 60 * MINUTE), 1, 0); /* the first minute is over */
    expect_near(robot_coverage_1h(robot, START + 90 * MINUTE), 1, 0); /* and so is the second */
    /* The place of a minute is used again an hour later. */
    robot_count_window(robot, false, START + 60 * MINUTE);
    robot_count_window(robot, true, START + 60 * MINUTE + SECOND);
    expect_near(robot_coverage_1h(robot, START + 95 * MINUTE), 0.5, 1e-12);
    robot_free(robot);
    model_unref(model);
}

static void test_rejected_is_over_one_in_a_hundred(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model);
    for (int i = 0; i < 100; i++)
        robot_note_received(robot, START);
    robot_note_trouble(robot, ROBOT_REJECTED, START);
    assert_false(robot_has_trouble(robot, ROBOT_REJECTED, START));
    robot_note_trouble(robot, ROBOT_REJECTED, START);
    assert_true(robot_has_trouble(robot, ROBOT_REJECTED, START));
    assert_true(robot_has_trouble(robot, ROBOT_REJECTED, START + 10 * SECOND));
    assert_false(robot_has_trouble(robot, ROBOT_REJECTED, START + 20 * SECOND));
    robot_free(robot);
    model_unref(model);
}

static void test_shares_of_what_came(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    for (int t = 0; t < ROBOT_SHARES; t++) {
        struct robot *robot = make(model);
        for (int i = 0; i < 200; i++)
            robot_note_received(robot, START);
        for (int i = 0; i < 2; i++)
            robot_note_trouble(robot, (enum robot_trouble)t, START);
        assert_int_equal(robot_states(robot, START), 1U << ROBOT_WARMING);
        robot_note_trouble(robot, (enum robot_trouble)t, START);
        assert_int_equal(robot_states(robot, START), 1U << ROBOT_WARMING | 1U << ROBOT_DEGRADED);
        robot_free(robot);
    }
    struct robot *robot = make(model);
    for (int i = 0; i < 200; i++)
        robot_note_received(robot, START);
    robot_note_missing(robot, 2, START);
    assert_false(robot_has_trouble(robot, ROBOT_MISSING, START));
    robot_note_missing(robot, 5000000000, START);
    assert_true(robot_has_trouble(robot, ROBOT_MISSING, START));
    robot_free(robot);
    model_unref(model);
}

/* Windows that were due so far, none of which was evaluated. */
static uint64_t due(const struct robot *robot)
{
    uint64_t due = 0;
    for (size_t i = 0; i < ROBOT_COVERAGE_MINUTES; i++)
        due += robot->coverage[i].expected;
    return due;
}

#define PERIOD (SECOND / 10)

static void test_missing_rows_are_due(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model);
    assert_int_equal(robot_heard_row(robot, 0, START), 0);
    assert_int_equal(due(robot), 0); /* its own window is judged or not */
    assert_int_equal(robot_heard_row(robot, 7, START + PERIOD), 7);
    assert_int_equal(due(robot), 7);
    /* Two that were refused have numbers, which are missing between the rows. */
    robot_heard(robot, START + 2 * PERIOD);
    robot_heard(robot, START + 3 * PERIOD);
    assert_int_equal(due(robot), 9);
    assert_int_equal(robot_heard_row(robot, 5, START + 7 * PERIOD), 3);
    assert_int_equal(due(robot), 12);
    robot_heard(robot, START + 8 * PERIOD);
    assert_int_equal(robot_heard_row(robot, 0, START + 9 * PERIOD), 0);
    assert_int_equal(due(robot), 13);
    /* A counter that was set: an hour is all that coverage knows of. */
    assert_int_equal(robot_heard_row(robot, UINT64_MAX - 1, START + 10 * PERIOD), 36000);
    assert_int_equal(due(robot), 36013);
    robot_free(robot);
    model_unref(model);
}

static void test_silence_is_due(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model);
    robot_heard_nothing(robot, START); /* not heard yet: nothing is due */
    assert_int_equal(due(robot), 0);
    robot_heard_row(robot, 0, START);
    robot_heard_nothing(robot, START + 20 * PERIOD);
    robot_heard_nothing(robot, START + 20 * PERIOD + PERIOD / 2);
    assert_int_equal(due(robot), 20);
    robot_heard_nothing(robot, START + 50 * PERIOD + 1);
    assert_int_equal(due(robot), 50);
    assert_int_equal(robot_periods_since_row(robot, START + 50 * PERIOD + 1), 50);
    /* What its numbers say beyond that counts, and is not counted twice. */
    assert_int_equal(robot_heard_row(robot, 60, START + 51 * PERIOD), 60);
    assert_int_equal(due(robot), 60);
    /* A source that pauses its numbers, too: the time stays counted. */
    robot_heard_nothing(robot, START + 71 * PERIOD + 1);
    assert_int_equal(robot_heard_row(robot, 0, START + 72 * PERIOD), 0);
    assert_int_equal(due(robot), 80);
    /* Silence counts from the message before, whatever that was. */
    robot_heard(robot, START + 73 * PERIOD);
    robot_heard_nothing(robot, START + 93 * PERIOD + 1);
    assert_int_equal(due(robot), 101);
    robot_heard_nothing(robot, START + 60000 * MINUTE);
    assert_int_equal(due(robot), 36000 - 20); /* the place of that minute is used again */
    robot_free(robot);
    model_unref(model);
}

static void test_copies_are_no_sign_of_life(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct robot *robot = make(model);
    int64_t now = START;
    for (int i = 0; i < 10; i++) { /* every message twice: all was judged */
        robot_heard_row(robot, 0, now += PERIOD);
        robot_heard_copy(robot, now);
    }
    assert_int_equal(due(robot), 0);
    for (int i = 0; i < 30; i++) /* and then only the last one, again and again */
        robot_heard_copy(robot, now + i * PERIOD);
    assert_int_equal(due(robot), 30);
    assert_int_equal(robot->last_arrival_ns, now);
    robot_heard_nothing(robot, now + 31 * PERIOD + 1); /* the same time, by the clock */
    assert_int_equal(due(robot), 31);
    robot_heard_copy(robot, now + 31 * PERIOD);
    assert_int_equal(due(robot), 31);
    robot_free(robot);
    model_unref(model);
}

static void test_other_troubles_show_for_ten_to_twenty_seconds(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    for (int t = ROBOT_OVERLOAD; t <= ROBOT_CLOCK; t++) {
        struct robot *robot = make(model);
        enum robot_trouble trouble = (enum robot_trouble)t;
        robot_note_trouble(robot, trouble, START);
        assert_true(robot_has_trouble(robot, trouble, START + 19 * SECOND));
        assert_false(robot_has_trouble(robot, trouble, START + 20 * SECOND));
        robot_note_trouble(robot, trouble, START + 29 * SECOND);
        assert_true(robot_has_trouble(robot, trouble, START + 39 * SECOND));
        assert_false(robot_has_trouble(robot, trouble, START + 500 * SECOND));
        robot_free(robot);
    }
    model_unref(model);
}

static void test_states_and_their_precedence(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct model *raw = tiny_model_new(&(struct tiny_model){.uncalibrated = true});
    struct robot *robot = make(model);
    assert_int_equal(robot_states(robot, START), 1U << ROBOT_WARMING);
    robot->scored = true;
    assert_int_equal(robot_states(robot, START), 1U << ROBOT_OK);
    robot->stopped = true;
    assert_int_equal(robot_states(robot, START), 1U << ROBOT_STOPPED);
    robot->stopped = false;
    robot->fault.episode.open = true;
    assert_int_equal(robot_states(robot, START), 1U << ROBOT_ALERT);
    robot->fault.episode.open = false;
    robot->gated = true;
    robot->alert.episode.open = true;
    robot->stale = true;
    robot_note_trouble(robot, ROBOT_OVERLOAD, START);
    assert_int_equal(robot_states(robot, START), 1U << ROBOT_STALE | 1U << ROBOT_ALERT |
                                                     1U << ROBOT_NOT_EVALUATED |
                                                     1U << ROBOT_DEGRADED);
    robot->suspended = true;
    assert_int_equal(__builtin_ctz(robot_states(robot, START)), ROBOT_SUSPENDED);
    robot->suspended = false;
    robot->gated = robot->alert.episode.open = robot->stale = false;
    robot->rate.off = true;
    assert_int_equal(robot_states(robot, START + MINUTE), 1U << ROBOT_DEGRADED);
    assert_string_equal(robot_trouble_name(ROBOT_RATE), "rate");
    robot->rate.off = false;
    assert_int_equal(robot_set_model(robot, raw, thresholds), 0);
    assert_int_equal(robot_states(robot, START + MINUTE), 1U << ROBOT_COMMISSIONING);
    /* The order of the interface's description. */
    static const char *const names[] = {"suspended",     "stale",         "alert",
                                        "stopped",       "not_evaluated", "degraded",
                                        "commissioning", "warming",       "ok"};
    for (int s = 0; s < ROBOT_STATES; s++)
        assert_string_equal(robot_state_name((enum robot_state)s), names[s]);
    robot_free(robot);
    robot_free(NULL);
    model_unref(model);
    model_unref(raw);
}

static void test_a_model_with_a_longer_window(void **state)
{
    struct model *model = tiny_model_new(&(struct tiny_model){0});
    struct model *longer = tiny_model_new(&(struct tiny_model){.window = {20}});
    struct robot *robot = make(model);
    for (int i = 0; i < 10; i++) {
        memset(track_next_row(&robot->track), 0, 3 * sizeof(float));
        const struct sample sample = {.time_ns = i * SECOND / 10, .has_time = true};
        track_push(&robot->track, &sample);
    }
    assert_int_equal(history_valid_rows(&robot->track.history), 4);
    assert_int_equal(robot_set_model(robot, longer, thresholds), 0);
    assert_ptr_equal(robot->model, longer);
    assert_int_equal(history_valid_rows(&robot->track.history), 10);
    robot_free(robot);
    model_unref(model);
    model_unref(longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage_of_the_last_hour),
        cmocka_unit_test(test_rejected_is_over_one_in_a_hundred),
        cmocka_unit_test(test_shares_of_what_came),
        cmocka_unit_test(test_missing_rows_are_due),
        cmocka_unit_test(test_silence_is_due),
        cmocka_unit_test(test_copies_are_no_sign_of_life),
        cmocka_unit_test(test_other_troubles_show_for_ten_to_twenty_seconds),
        cmocka_unit_test(test_states_and_their_precedence),
        cmocka_unit_test(test_a_model_with_a_longer_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
