/* Sensors that stand still, robots that stop, and robots that fall silent. */
#include "cell.h"

#include "base/clock.h"
#include "lab/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ALERT "armwatch/robot/kuka1/alert"
#define ROWS 400

static bool state_is(const struct cell *cell, const char *robot, const char *state)
{
    return cell_last_says(cell, cell_topic(robot, "state"), "state", state);
}

/* Rows in which channels of the toy arm keep the value of the row before. */
static struct recording *make_rows(void)
{
    struct recording *recording = toy_arm_record(TOY_ARM_CHANNELS, 203, ROWS);
    for (size_t i = 1; i < ROWS; i++) {
        float *row = recording->values + i * TOY_ARM_CHANNELS;
        bool stuck = i >= 100 && i < 150;   /* axis2, alone */
        bool dead = i >= 200 && i < 212;    /* axis1 and axis3: found, and soon over */
        bool stopped = i >= 300 && i < 350; /* everything */
        for (size_t c = 0; c < TOY_ARM_CHANNELS; c++) {
            if ((stuck && c == 1) || (dead && c % 2 == 0) || stopped)
                row[c] = row[c - TOY_ARM_CHANNELS];
        }
    }
    return recording;
}

static void send_row(struct cell *cell, const struct recording *recording, size_t row)
{
    const float *values = recording->values + row * TOY_ARM_CHANNELS;
    char time[CLOCK_RFC3339_MAX], text[256];
    clock_format_rfc3339(recording->time_ns[row], time);
    int size =
        snprintf(text, sizeof text, "{\"time\":\"%s\",\"values\":[%.9g,%.9g,%.9g,%.9g]}", time,
                 (double)values[0], (double)values[1], (double)values[2], (double)values[3]);
    cell_publish(cell, "armwatch/robot/kuka1/sample", text, (size_t)size);
}

static void send_rows(struct cell *cell, const struct recording *recording, size_t first,
                      size_t end)
{
    for (size_t i = first; i < end; i++)
        send_row(cell, recording, i);
    cell_wait(cell, cell_counter(cell, "kuka1", "received") >= (double)end, 5000);
}

struct offline {
    struct {
        enum alert_transition transition;
        int64_t started_ns;
        size_t row;
    } change[16];
    size_t changes, evaluated, faulty, stopped;
};

static int note_row(const struct runner_row *row, void *user)
{
    struct offline *offline = user;
    offline->evaluated += row->result.evaluated;
    offline->faulty += row->result.verdict == FLAT_SENSOR_FAULT;
    offline->stopped += row->result.verdict == FLAT_STOPPED;
    if (row->result.fault == ALERT_NONE)
        return 0;
    assert_true(offline->changes < 16);
    offline->change[offline->changes].transition = row->result.fault;
    offline->change[offline->changes].started_ns = row->monitor->fault.episode.started_ns;
    offline->change[offline->changes++].row = row->row;
    return 0;
}

static void run_offline(const struct recording *recording, struct offline *ret_offline)
{
    struct model *model = toy_arm_load(cell_models(), "cell");
    *ret_offline = (struct offline){0};
    assert_int_equal(runner_run(recording, model, CELL_FALSE_ALARMS, note_row, ret_offline), 0);
    model_unref(model);
}

/* The alerts of that kind, one by one, are what the same rows give offline. */
static void compare(struct cell *cell, const struct offline *offline)
{
    size_t n = 0;
    for (size_t i = 0; i < cell_count(cell, ALERT); i++) {
        cJSON *event = cell_json(cell, ALERT, i);
        if (!strcmp(json_text(event, "data.kind"), "sensor_fault")) {
            char started[CLOCK_RFC3339_MAX];
            assert_true(n < offline->changes);
            clock_format_rfc3339(offline->change[n].started_ns, started);
            assert_string_equal(json_text(event, "data.state"),
                                alert_transition_name(offline->change[n].transition));
            assert_string_equal(json_text(event, "data.started"), started);
            n++;
        }
        cJSON_Delete(event);
    }
    assert_int_equal(n, offline->changes);
    assert_int_equal(cell_counter(cell, "kuka1", "faulty"), offline->faulty);
    assert_int_equal(cell_counter(cell, "kuka1", "stopped"), offline->stopped);
    cell_wait(cell, cell_counter(cell, "kuka1", "scored") >= (double)offline->evaluated, 3000);
    assert_int_equal(cell_counter(cell, "kuka1", "scored"), offline->evaluated);
}

static void test_sensors_and_stops(void **state)
{
    struct cell *cell = *state;
    struct recording *recording = make_rows();
    struct offline offline;
    run_offline(recording, &offline);
    assert_int_equal(offline.changes, 4);             /* two episodes */
    assert_in_range(offline.change[0].row, 108, 112); /* a second */
    assert_in_range(offline.change[1].row, 168, 172); /* two seconds after it moves again */
    assert_in_range(offline.change[2].row, 208, 211);
    assert_in_range(offline.stopped, 45, 49);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    send_rows(cell, recording, 0, 150);
    cell_wait(cell, state_is(cell, "kuka1", "alert"), 3000);
    cJSON *raised = cell_json(cell, ALERT, 0);
    assert_string_equal(json_text(raised, "type"), "armwatch.alert.raised");
    assert_string_equal(json_text(raised, "data.kind"), "sensor_fault");
    assert_string_equal(json_text(raised, "data.severity"), "warning");
    const char *text = json_text(raised, "data.text");
    if (strncmp(text, "axis2 stands still while the arm moves (1 channel flat for 1.", 61) != 0)
        fail_msg("%s", text);
    assert_true(cJSON_IsNull(json_at(raised, "data.score")));
    const cJSON *channel = json_at(raised, "data.channels")->child;
    assert_string_equal(json_text(channel, "name"), "axis2");
    assert_true(json_number(channel, "share") == 1);
    cJSON_Delete(raised);
    send_rows(cell, recording, 150, 325);
    cell_wait(cell, state_is(cell, "kuka1", "stopped"), 3000);
    send_rows(cell, recording, 325, ROWS);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    compare(cell, &offline);
    recording_free(recording);
    cell_stop(cell);
}

/* ---- silence */

static bool alert_says(const struct cell *cell, const char *robot, const char *type)
{
    return cell_last_says(cell, cell_topic(robot, "alert"), "type", type);
}

static bool state_has_alert(const struct cell *cell, const char *robot)
{
    cJSON *state = cell_last_json(cell, cell_topic(robot, "state"));
    bool has = state && json_at(state, "alerts")->child;
    cJSON_Delete(state);
    return has;
}

static void test_a_silent_robot(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 300);
    cell_configure(cell, "input.silent_s", "1");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    cell_wait(cell, alert_says(cell, "kuka1", "armwatch.alert.raised"), 5000);
    cJSON *raised = cell_json(cell, ALERT, 0);
    assert_string_equal(json_text(raised, "data.kind"), "silent");
    assert_string_equal(json_text(raised, "data.severity"), "info");
    if (!strstr(json_text(raised, "data.text"), "kuka1 is silent: no sample for"))
        fail_msg("%s", json_text(raised, "data.text"));
    cell_wait(cell, state_has_alert(cell, "kuka1"), 3000);
    cJSON *now = cell_last_json(cell, cell_topic("kuka1", "state"));
    assert_string_equal(json_text(now, "state"), "stale");
    assert_true(json_has_text(json_at(now, "reasons"), "alert"));
    assert_string_equal(json_text(json_at(now, "alerts")->child, "kind"), "silent");
    assert_string_equal(json_text(json_at(now, "alerts")->child, "alert_id"),
                        json_text(raised, "data.alert_id"));
    cJSON_Delete(now);
    cell_run(cell, &robot, 10, 0);
    cell_wait(cell, alert_says(cell, "kuka1", "armwatch.alert.cleared"), 3000);
    cJSON *cleared = cell_last_json(cell, ALERT);
    assert_string_equal(json_text(cleared, "data.alert_id"), json_text(raised, "data.alert_id"));
    cJSON_Delete(cleared);
    cJSON_Delete(raised);
    /* Silent once more: a late subscriber finds it, and after the daemon's end it still stands. */
    cell_wait(cell, alert_says(cell, "kuka1", "armwatch.alert.raised"), 5000);
    cell_stop(cell);
    struct peer *late = harness_online_peer(cell->harness, 2);
    harness_subscribe(cell->harness, late, "armwatch/robot/+/state", 1);
    cell_wait(cell, late->message_count >= 1, 3000);
    assert_true(late->messages[0].retained);
    assert_non_null(strstr(late->messages[0].payload, "\"kind\":\"silent\""));
}

static size_t count_of_kind(const struct cell *cell, const struct cell_robot *robots, size_t count,
                            const char *kind)
{
    size_t found = 0;
    for (size_t r = 0; r < count; r++) {
        const char *topic = cell_topic(robots[r].name, "alert");
        for (size_t i = 0; i < cell_count(cell, topic); i++) {
            cJSON *event = cell_json(cell, topic, i);
            found += !strcmp(json_text(event, "data.kind"), kind);
            cJSON_Delete(event);
        }
    }
    return found;
}

static bool status_has(const struct cell *cell, const char *reason)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    bool has = status && json_has_text(json_at(status, "reasons"), reason);
    cJSON_Delete(status);
    return has;
}

static void test_many_that_fall_silent_together(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    struct cell *cell = *state;
    struct cell_robot robots[4];
    cell_configure(cell, "input.silent_s", "1");
    cell_start(cell);
    for (int i = 0; i < 4; i++) {
        cell_robot_init(&robots[i], names[i], TOY_ARM_CHANNELS, 400 + (uint64_t)i);
        cell_send(cell, &robots[i], 0);
    }
    cell_wait(cell, status_has(cell, "silent"), 5000);
    assert_true(cell_last_says(cell, CELL_STATUS, "state", "degraded"));
    cell_stream_start(cell, robots, 4);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 5000);
    assert_int_equal(count_of_kind(cell, robots, 4, "silent"), 0);
    /* One of four is not many. */
    cell->stream.count = 3;
    cell_wait(cell, alert_says(cell, "d", "armwatch.alert.raised"), 5000);
    assert_int_equal(count_of_kind(cell, robots, 3, "silent"), 0);
    assert_int_equal(count_of_kind(cell, robots, 4, "silent"), 1);
    assert_false(status_has(cell, "silent"));
    cell_stream_stop(cell);
    cell_stop(cell);
}

/* Robots cannot be heard while the broker is away, for longer than they may be silent. */
static void test_without_a_broker_nobody_is_silent(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 500);
    cell_configure(cell, "input.silent_s", "5");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 5000);
    broker_stop(cell->harness->broker);
    wait_ms(&cell->harness->loop, 6000);
    broker_start(cell->harness->broker, NULL);
    cell_wait(cell, daemon_process_logged(cell->daemon, "broker: connected") == 2, 30000);
    wait_ms(&cell->harness->loop, 1000);
    assert_int_equal(daemon_process_logged(cell->daemon, "silent alert"), 0);
    /* From here on it can be heard, and is not. */
    cell_wait(cell, daemon_process_logged(cell->daemon, "silent alert") == 1, 8000);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 30000);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_sensors_and_stops),
        CELL_TEST(test_a_silent_robot),
        CELL_TEST(test_many_that_fall_silent_together),
        CELL_TEST(test_without_a_broker_nobody_is_silent),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
