/* Alerts that nobody wants now: suspended robots, and those that are not judged. */
#include "cell.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0
#define ALERT "armwatch/robot/kuka1/alert"
#define STATE "armwatch/robot/kuka1/state"
#define SCORE "armwatch/robot/kuka1/score"

static void begin(struct cell *cell, struct cell_robot *robot, uint64_t seed)
{
    cell_robot_init(robot, "kuka1", TOY_ARM_CHANNELS, seed);
    cell_configure(cell, "alerts.reassert_s", "1");
    cell_start(cell);
    cell_run(cell, robot, 20, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
}

static void command(struct cell *cell, const char *body)
{
    cJSON *reply = cell_command(cell, body);
    if (!cJSON_IsTrue(json_at(reply, "ok")))
        fail_msg("%s was refused: %s", body, json_text(reply, "error.message"));
    cJSON_Delete(reply);
}

#define SUSPEND "\"command\":\"suspend\",\"robot\":\"kuka1\",\"minutes\":60,\"reason\":\"gripper\""
#define RESUME "\"command\":\"resume\",\"robot\":\"kuka1\""

static bool state_is(const struct cell *cell, const char *state)
{
    return cell_last_says(cell, STATE, "state", state);
}

static bool has_reason(const struct cell *cell, const char *reason)
{
    cJSON *state = cell_last_json(cell, STATE);
    bool has = state && json_has_text(json_at(state, "reasons"), reason);
    cJSON_Delete(state);
    return has;
}

static void raise_alert(struct cell *cell, struct cell_robot *robot, size_t nth)
{
    cell_run(cell, robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == nth, 3000);
}

static void test_nothing_is_raised(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 600);
    command(cell, SUSPEND);
    cell_wait(cell, state_is(cell, "suspended"), 3000);
    assert_true(cell_last_says(cell, STATE, "suspended.reason", "gripper"));
    size_t scores = cell_count(cell, SCORE);
    cell_run(cell, &robot, 40, GROSS);
    assert_true(cell_count(cell, SCORE) >= scores + 30);
    /* What was anomalous meanwhile raises nothing afterwards, up to its last row. */
    command(cell, RESUME);
    cell_run(cell, &robot, 40, 0);
    cell_wait(cell, state_is(cell, "ok"), 3000);
    assert_int_equal(cell_count(cell, ALERT), 0);
    raise_alert(cell, &robot, 1); /* but what comes then does */
    assert_int_equal(daemon_process_logged(cell->daemon, "audit: control"), 2);
    cell_stop(cell);
}

static void test_an_open_episode_is_not_told_again(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 601);
    raise_alert(cell, &robot, 1);
    command(cell, SUSPEND);
    size_t updates = cell_count_alerts(cell, ALERT, "updated");
    for (int i = 0; i < 10; i++) {
        cell_run(cell, &robot, 5, 2 * GROSS);
        wait_ms(&cell->harness->loop, 250);
    }
    assert_int_equal(cell_count_alerts(cell, ALERT, "updated"), updates);
    cell_wait(cell, has_reason(cell, "alert"), 3000);
    command(cell, RESUME); /* it stands still, and is told again */
    cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") > updates, 3000);
    command(cell, SUSPEND);
    cell_run(cell, &robot, 80, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    cell_stop(cell);
}

/* Writes a saved end of all suspensions that is so far away. */
static void let_end_in(struct cell *cell, double seconds)
{
    char path[128], text[8192], until[CLOCK_RFC3339_MAX];
    snprintf(path, sizeof path, "%s/state/state.json", cell->daemon->directory);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    char *at = strstr(text, "\"until\":");
    assert_non_null(at);
    at = strchr(at + 8, '"') + 1;
    clock_format_rfc3339(clock_realtime_ns() + (int64_t)(seconds * 1e9), until);
    memcpy(at, until, strlen(until));
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_a_restart_keeps_it_and_it_ends_by_itself(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 602);
    command(cell, SUSPEND);
    cell_stop(cell);
    let_end_in(cell, 6);
    cell_start(cell);
    cell_run(cell, &robot, 30, GROSS);
    cell_wait(cell, state_is(cell, "suspended"), 3000);
    assert_true(cell_last_says(cell, STATE, "suspended.reason", "gripper"));
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_wait(cell, !state_is(cell, "suspended"), 10000);
    assert_int_equal(daemon_process_logged(cell->daemon, "audit: time: 1 suspension is over"), 1);
    cell_run(cell, &robot, 30, 0);
    cell_wait(cell, state_is(cell, "ok"), 3000);
    assert_int_equal(cell_count(cell, ALERT), 0);
    raise_alert(cell, &robot, 1);
    cell_stop(cell);
    cell_start(cell); /* and is forgotten */
    cell_run(cell, &robot, 30, 0);
    cell_wait(cell, cell_last(cell, STATE) && !state_is(cell, "suspended"), 3000);
    cell_stop(cell);
}

static void test_a_suspended_robot_may_be_silent(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_configure(cell, "input.silent_s", "1");
    begin(cell, &robot, 603);
    command(cell, "\"command\":\"suspend\",\"minutes\":1");
    wait_ms(&cell->harness->loop, 3000);
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_wait(cell, has_reason(cell, "stale"), 3000);
    command(cell, "\"command\":\"resume\"");
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 4000); /* it is still away */
    cell_stop(cell);
}

/* ---- the gate and an open episode */

static void send_mode(struct cell *cell, struct cell_robot *robot, const char *mode)
{
    float v[TOY_ARM_CHANNELS];
    char time[CLOCK_RFC3339_MAX], text[256];
    uint64_t seq = robot->arm.row;
    clock_format_rfc3339(toy_arm_time_ns(robot->arm.row), time);
    toy_arm_next(&robot->arm, 0, v);
    int size = snprintf(text, sizeof text,
                        "{\"time\":\"%s\",\"seq\":%llu,\"mode\":\"%s\",\"values\":[%g,%g,%g,%g]}",
                        time, (unsigned long long)seq, mode, (double)v[0], (double)v[1],
                        (double)v[2], (double)v[3]);
    cell_publish(cell, cell_topic(robot->name, "sample"), text, (size_t)size);
}

/* What was not judged is not over, and is not told again and again. */
static void test_the_gate_closes_in_an_episode(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 604);
    raise_alert(cell, &robot, 1);
    send_mode(cell, &robot, "t1");
    cell_wait(cell, has_reason(cell, "mode t1"), 3000);
    assert_true(state_is(cell, "alert") && has_reason(cell, "not_evaluated"));
    size_t updates = cell_count_alerts(cell, ALERT, "updated");
    for (int i = 0; i < 50; i++) { /* over two reassertions, and long enough to clear */
        for (int row = 0; row < 4; row++)
            send_mode(cell, &robot, "t1");
        wait_ms(&cell->harness->loop, 50);
    }
    assert_int_equal(cell_count_alerts(cell, ALERT, "updated"), updates);
    assert_int_equal(cell_count_alerts(cell, ALERT, "cleared"), 0);
    cell_run(cell, &robot, 6, 0); /* judged again, but not for long enough */
    cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") > updates, 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "cleared"), 0);
    cell_run(cell, &robot, 80, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_nothing_is_raised),
        CELL_TEST(test_an_open_episode_is_not_told_again),
        CELL_TEST(test_a_restart_keeps_it_and_it_ends_by_itself),
        CELL_TEST(test_a_suspended_robot_may_be_silent),
        CELL_TEST(test_the_gate_closes_in_an_episode),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
