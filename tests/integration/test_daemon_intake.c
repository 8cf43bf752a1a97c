/* What comes in and is not judged is visible: in the states, in the coverage, in the counters. */
#include "cell.h"

#include "base/clock.h"

#include <glob.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static bool state_is(struct cell *cell, const char *robot, const char *state)
{
    return cell_last_says(cell, cell_topic(robot, "state"), "state", state);
}

static bool has_reason(struct cell *cell, const char *topic, const char *reason)
{
    cJSON *last = cell_last_json(cell, topic);
    bool yes = last && json_has_text(json_at(last, "reasons"), reason);
    cJSON_Delete(last);
    return yes;
}

static double coverage(struct cell *cell, const char *robot)
{
    char body[80];
    snprintf(body, sizeof body, "\"command\":\"status\",\"robot\":\"%s\"", robot);
    cJSON *reply = cell_command(cell, body);
    double coverage = json_number(json_at(reply, "robot_states")->child, "coverage_1h");
    cJSON_Delete(reply);
    return coverage;
}

/* A gateway whose robot has died goes on sending the last sample. */
static void test_a_source_that_repeats_itself(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 300);
    cell_configure(cell, "input.silent_s", "2");
    cell_start(cell);
    cell_run(cell, &robot, 100, 0);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    double before = coverage(cell, "kuka1");
    struct toy_arm last = robot.arm;
    last.row--;
    uint64_t until = uv_hrtime() + (uint64_t)10 * TIME_SCALE * 1000000000;
    while (!cell_last(cell, cell_topic("kuka1", "alert"))) {
        assert_true(uv_hrtime() < until);
        robot.arm = last;
        cell_send(cell, &robot, 0);
        wait_ms(&cell->harness->loop, 50);
    }
    assert_true(cell_last_says(cell, cell_topic("kuka1", "alert"), "data.kind", "silent"));
    cell_wait(cell, state_is(cell, "kuka1", "stale"), 3000);
    assert_true(has_reason(cell, cell_topic("kuka1", "state"), "duplicates"));
    assert_true(coverage(cell, "kuka1") < before * 100 / 118); /* 2 s, but for two periods */
    cell_run(cell, &robot, 10, 0);
    cell_wait(cell, cell_last_says(cell, cell_topic("kuka1", "alert"), "data.state", "cleared"),
              3000);
    cell_stop(cell);
}

/* One sent twice is judged once, and all of it is judged. */
static void test_every_message_twice(void **state)
{
    enum { ROWS = 100 };
    struct cell *cell = *state;
    struct cell_robot once, twice;
    cell_robot_init(&once, "once", TOY_ARM_CHANNELS, 301);
    cell_robot_init(&twice, "twice", TOY_ARM_CHANNELS, 301);
    cell_configure(cell, "input.stale_periods", "10000"); /* on a busy machine its silence counts */
    cell_start(cell);
    for (int i = 0; i < ROWS; i++) {
        struct toy_arm again = twice.arm;
        cell_send(cell, &once, 0);
        cell_send(cell, &twice, 0);
        twice.arm = again;
        cell_send(cell, &twice, 0);
    }
    cell_wait(cell, cell_counter(cell, "twice", "duplicates") == ROWS, 5000);
    cell_wait(cell, cell_counter(cell, "once", "scored") > ROWS - 10, 5000);
    wait_ms(&cell->harness->loop, 200); /* for what is under way */
    size_t count = cell_count(cell, "armwatch/robot/once/score");
    assert_true(count > ROWS / 2);
    cell_wait(cell, cell_count(cell, "armwatch/robot/twice/score") == count, 3000);
    for (size_t i = 0; i < count; i++) {
        cJSON *a = cell_json(cell, "armwatch/robot/once/score", i);
        cJSON *b = cell_json(cell, "armwatch/robot/twice/score", i);
        double ratio = json_number(a, "score") / json_number(b, "score");
        if (!(fabs(ratio - 1) < 1e-4)) /* batches of another size sum up in another order */
            fail_msg("score %zu: once %g, twice %g", i, json_number(a, "score"),
                     json_number(b, "score"));
        assert_true(json_number(a, "seq") == json_number(b, "seq"));
        cJSON_Delete(a);
        cJSON_Delete(b);
    }
    assert_true(coverage(cell, "twice") == (double)count / ROWS);
    cell_wait(cell, state_is(cell, "twice", "degraded"), 3000);
    cell_stop(cell);
}

/* Its times are a tenth further apart than the model's period. */
static void test_another_rate(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    for (int i = 0; i < 200; i++) {
        char text[160];
        snprintf(text, sizeof text, "{\"time\":%.3f,\"seq\":%d,\"values\":[0,%g,0,0]}",
                 1763917200 + i * 1.1 * TOY_ARM_PERIOD_NS / 1e9, i, 0.01 * i);
        cell_publish(cell, cell_topic("kuka1", "sample"), text, strlen(text));
    }
    cell_wait(cell, has_reason(cell, cell_topic("kuka1", "state"), "rate"), 3000);
    cell_wait(cell, cell_counter(cell, "kuka1", "scored") > 190, 3000);
    cell_stop(cell);
}

/* A broker accepts the subscription and delivers nothing, until the right to read is given. */
static void test_no_right_to_read(void **state)
{
    struct cell *cell = *state;
    struct broker *broker = cell->harness->broker;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 302);
    cell_end_broker(cell, broker_stop);
    broker_write(broker, "acl", "topic readwrite armwatch/service/#\ntopic write #\n");
    cell_start_broker(cell, &(struct broker_options){.lines = "acl_file acl"});
    harness_subscribe(cell->harness, cell->watcher, CELL_STATUS, 1);
    cell_configure(cell, "input.silent_s", "1");
    cell_start(cell);
    for (int i = 0; i < 10; i++)
        cell_send(cell, &robot, 0);
    cell_wait(cell, has_reason(cell, CELL_STATUS, "no_samples"), 4000);
    assert_int_equal(daemon_process_logged(cell->daemon, "the right to read"), 1);
    broker_write(broker, "acl", "topic readwrite #\n");
    broker_reload(broker);
    for (int i = 0; i < 10; i++)
        cell_send(cell, &robot, 0);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 4000);
    cell_stop(cell);
}

/* MQTT 3.1.1 has no limit of its own: what is too large comes, and counts, once each. */
static void test_oversize(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 303);
    cell_configure(cell, "mqtt.protocol", "\"3.1.1\"");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    harness_publish_raw(cell->harness, "armwatch/robot/kuka1/sample", 65537, 2);
    harness_publish_raw(cell->harness, "armwatch/robot/kuka1/sample", 3000000, 1);
    harness_publish_raw(cell->harness, CELL_CONTROL, 70000, 1);
    cell_wait(cell, cell_counter(cell, "kuka1", "rejected.too_large") == 3, 5000);
    assert_true(cell_counter(cell, "kuka1", "received") == 13);
    cell_wait(cell, daemon_process_logged(cell->daemon, "malformed, 1 so far") == 1, 3000);
    cell_run(cell, &robot, 10, 0);
    cell_stop(cell);
}

/* Nobody can fill the disk with lines about what is refused. */
static void test_refused_commands_are_logged_seldom(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    for (int i = 0; i < 100; i++)
        cell_refused(cell, "\"command\":\"dance\"", "unknown_command");
    assert_int_equal(daemon_process_logged(cell->daemon, "unknown_command"), 7); /* 1 to 64 */
    cell_stop(cell);
}

/* Sets the daemon's environment; false where libfaketime is not installed. */
static bool fake_time(struct cell *cell)
{
    glob_t found;
    bool there = glob("/usr/lib/*/faketime/libfaketimeMT.so.1", 0, NULL, &found) == 0;
    char(*environment)[256] = cell->daemon->environment;
    if (there)
        snprintf(environment[0], 256, "LD_PRELOAD=%s", found.gl_pathv[0]);
    snprintf(environment[1], 256, "FAKETIME_TIMESTAMP_FILE=%s/time", cell->daemon->directory);
    snprintf(environment[2], 256, "FAKETIME_CACHE_DURATION=1");
    snprintf(environment[3], 256, "DONT_FAKE_MONOTONIC=1");
    globfree(&found);
    return there;
}

/* As libfaketime reads it: "+3600" is an hour ahead. */
static void set_clock(struct cell *cell, const char *time)
{
    char path[128], new_path[128];
    snprintf(path, sizeof path, "%s/time", cell->daemon->directory);
    snprintf(new_path, sizeof new_path, "%s/time.new", cell->daemon->directory);
    FILE *file = fopen(new_path, "we");
    assert_non_null(file);
    fprintf(file, "%s\n", time);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(new_path, path), 0);
}

/* Ten samples a second without a time, so that the daemon's own clock is theirs. */
static void stream_undated(struct cell *cell, struct toy_arm *arm, int rows)
{
    for (int i = 0; i < rows; i++) {
        float v[TOY_ARM_CHANNELS];
        char text[160];
        toy_arm_next(arm, 0, v);
        snprintf(text, sizeof text, "[%.9g,%.9g,%.9g,%.9g]", (double)v[0], (double)v[1],
                 (double)v[2], (double)v[3]);
        cell_publish(cell, cell_topic("kuka1", "sample"), text, strlen(text));
        wait_ms(&cell->harness->loop, 100);
    }
}

/* To ten minutes: they are two readings of two clocks. */
static void expect_saved_end(struct cell *cell, const char *until)
{
    char path[128], text[4096], minute[20];
    snprintf(path, sizeof path, "%s/state/state.json", cell->daemon->directory);
    snprintf(minute, sizeof minute, "\"%.15s", until);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    if (!strstr(text, minute))
        fail_msg("%s is not in %s", until, text);
}

static void test_the_clock_of_the_host_is_set(void **state)
{
    char end[32]; /* of 32 bits, that is: it is passed */
    snprintf(end, sizeof end, "+%lld",
             (long long)(INT64_C(2147483646) - clock_realtime_ns() / CLOCK_NS_PER_S));
    const char *const times[] = {"+3600", "+0", end};
    struct cell *cell = *state;
    if (SANITIZED || !fake_time(cell)) {
        cell->finished = true;
        skip(); /* with a sanitizer it is not to be had */
    }
    set_clock(cell, "+0");
    struct toy_arm arm;
    toy_arm_init(&arm, TOY_ARM_CHANNELS, 304);
    cell_start(cell);
    stream_undated(cell, &arm, 20);
    cJSON_Delete(cell_command(cell, "\"command\":\"suspend\",\"robot\":\"kuka1\",\"minutes\":30"));
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        set_clock(cell, times[i]);
        stream_undated(cell, &arm, 30);
        cJSON *reply = cell_command(cell, "\"command\":\"status\"");
        if (json_number(reply, "clock_jumps") != (double)i + 1)
            fail_msg("%s: %g jumps", times[i], json_number(reply, "clock_jumps"));
        /* A suspension is as long as it was, and its end has another name. */
        const cJSON *robot = json_at(reply, "robot_states")->child;
        assert_string_equal(json_text(robot, "state"), "suspended");
        expect_saved_end(cell, json_text(robot, "suspended.until"));
        cJSON_Delete(reply);
    }
    cJSON *state_json = cell_last_json(cell, cell_topic("kuka1", "score"));
    assert_memory_equal(json_text(state_json, "time"), "2038-01-19T03:1", 15);
    cJSON_Delete(state_json);
    assert_true(cell_counter(cell, "kuka1", "gaps") == 0);
    assert_true(cell_counter(cell, "kuka1", "late") == 0);
    assert_true(cell_counter(cell, "kuka1", "alerts") == 0);
    assert_int_equal(daemon_process_logged(cell->daemon, "broker: connected"), 1);
    cell_stop(cell);
}

/* They throw each other out, and the daemon says so when it is heard again. */
static void test_a_twin(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    struct peer *twin = &cell->harness->peers[2];
    struct mqtt_options options =
        peer_options(broker_url(cell->harness->broker), "armwatch-" CELL_INSTANCE);
    peer_start(twin, &cell->harness->loop, &options);
    cell_wait(cell, has_reason(cell, CELL_STATUS, "client_id"), 60000);
    peer_stop(twin);
    cell_wait(cell, !twin->client, 2000);
    daemon_process_stop(cell->daemon);
    cell->finished = true;
}

static void test_subscription_is_refused(void **state)
{
    struct cell *cell = *state;
    struct fake_broker *fake = &cell->harness->fakes[0];
    fake_broker_start(fake, &cell->harness->loop, FAKE_NO_SUBSCRIPTIONS);
    char url[80];
    snprintf(url, sizeof url, "\"%s\"", fake->url);
    cell_configure(cell, "mqtt.url", url);
    cell_write_config(cell);
    daemon_process_start(cell->daemon);
    cell_wait(cell, daemon_process_logged(cell->daemon, "the subscription to") == 2, 5000);
    wait_ms(&cell->harness->loop, 500);
    assert_int_equal(daemon_process_logged(cell->daemon, "no sample has come"), 0);
    daemon_process_stop(cell->daemon);
    cell->finished = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_a_source_that_repeats_itself),
        CELL_TEST(test_every_message_twice),
        CELL_TEST(test_another_rate),
        CELL_TEST(test_no_right_to_read),
        CELL_TEST(test_oversize),
        CELL_TEST(test_refused_commands_are_logged_seldom),
        CELL_TEST(test_the_clock_of_the_host_is_set),
        CELL_TEST(test_a_twin),
        CELL_TEST(test_subscription_is_refused),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
