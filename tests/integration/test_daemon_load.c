/* Many samples, bad samples, samples all at once: nothing is lost, scored twice, or kept. */
#include "cell.h"

#include "base/clock.h"
#include "pipeline/sample.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROBOTS 10
#define RATE_HZ (2000 / (TIME_SCALE * TIME_SCALE)) /* of all robots together */
#define ROWS (2000 / (TIME_SCALE * TIME_SCALE))    /* of each */
#define SPAN 5

/* ---- load
 * -----------------------------------------------------------------------------------------------
 */

static unsigned char scored[ROBOTS][ROWS]; /* how often */

static void count_score(struct peer *peer, const struct mqtt_message *message)
{
    unsigned robot;
    const char *seq = memmem(message->payload, message->size, "\"seq\":", 6);
    if (seq && sscanf(message->topic, "armwatch/robot/r%u/score", &robot) == 1 && robot < ROBOTS) {
        unsigned long row = strtoul(seq + 6, NULL, 10);
        if (row < ROWS && scored[robot][row] < 255)
            scored[robot][row]++;
        peer_forget(peer); /* searching a list of all would be the load */
    }
}

/* Binary, as a fast source would send. */
static void send_binary(struct cell *cell, struct cell_robot *robot)
{
    float values[TOY_ARM_CHANNELS];
    unsigned char bytes[SAMPLE_BINARY_HEADER + 4 * TOY_ARM_CHANNELS];
    const struct sample sample = {.time_ns = toy_arm_time_ns(robot->arm.row),
                                  .seq = robot->arm.row,
                                  .has_time = true,
                                  .has_seq = true};
    toy_arm_next(&robot->arm, 0, values);
    size_t size = sample_format_binary(&sample, values, TOY_ARM_CHANNELS, bytes);
    cell_publish(cell, cell_topic(robot->name, "sample"), bytes, size);
}

static void send_paced(struct cell *cell, struct cell_robot robots[ROBOTS])
{
    int64_t start_ns = clock_monotonic_ns();
    for (size_t sent = 0; sent < (size_t)ROBOTS * ROWS;) {
        double due = (double)(clock_monotonic_ns() - start_ns) / 1e9 * RATE_HZ;
        for (; (double)sent < due && sent < (size_t)ROBOTS * ROWS; sent++) {
            if (sent % 2)
                send_binary(cell, &robots[sent % ROBOTS]);
            else
                cell_send(cell, &robots[sent % ROBOTS], 0);
        }
        uv_run(&cell->harness->loop, UV_RUN_ONCE);
    }
}

static void test_ten_robots_two_hundred_a_second(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robots[ROBOTS];
    char names[ROBOTS][8];
    memset(scored, 0, sizeof scored);
    for (unsigned r = 0; r < ROBOTS; r++) {
        snprintf(names[r], sizeof names[r], "r%u", r);
        cell_robot_init(&robots[r], names[r], TOY_ARM_CHANNELS, 200 + r);
    }
    cell_start(cell);
    cell->watcher->on_message = count_score;
    send_paced(cell, robots);
    for (unsigned r = 0; r < ROBOTS; r++) {
        cell_wait(cell, scored[r][ROWS - 1] > 0, 10000);
        for (size_t row = 0; row < ROWS; row++) {
            if (scored[r][row] != (row >= SPAN - 1))
                fail_msg("%s row %zu was scored %u times", names[r], row, scored[r][row]);
        }
    }
    cell->watcher->on_message = NULL;
    for (unsigned r = 0; r < ROBOTS; r++) {
        assert_true(cell_counter(cell, names[r], "received") == ROWS);
        assert_true(cell_counter(cell, names[r], "windows") == ROWS - SPAN + 1);
        assert_true(cell_counter(cell, names[r], "scored") == ROWS - SPAN + 1);
        static const char *const none[] = {"duplicates", "late", "gaps", "overload", "alerts"};
        for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
            assert_true(cell_counter(cell, names[r], none[i]) == 0);
    }
    cell_stop(cell);
}

/* A link that stalls and comes back brings everything at once. */
static void test_burst_after_a_stall(void **state)
{
    enum { BURST = 200 };
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 220);
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    daemon_process_signal(cell->daemon, SIGSTOP);
    for (int i = 0; i < BURST; i++)
        cell_send(cell, &robot, 0);
    wait_ms(&cell->harness->loop, 300);
    daemon_process_signal(cell->daemon, SIGCONT);
    cell_wait(cell, cell_counter(cell, "kuka1", "received") == 10 + BURST, 5000);
    cell_wait(cell, cell_counter(cell, "kuka1", "scored") == 10 + BURST - SPAN + 1, 5000);
    assert_true(cell_counter(cell, "kuka1", "overload") == 0);
    cell_stop(cell);
}

/* The reply to `status` is one packet, however large the fleet. */
static void test_status_of_a_fleet(void **state)
{
    enum { FLEET = 300 };
    struct cell *cell = *state;
    cell_configure(cell, "robots.max", "300");
    cell_start(cell);
    for (unsigned i = 0; i < FLEET + 2; i++) {
        char topic[64];
        snprintf(topic, sizeof topic, "armwatch/robot/robot-%03u/sample", i);
        cell_publish(cell, topic, "[1,2,3,4]", 9);
    }
    cJSON *reply = NULL;
    do {
        cJSON_Delete(reply);
        reply = cell_command(cell, "\"command\":\"status\"");
    } while (json_number(reply, "samples") < FLEET + 2);
    assert_int_equal((int)json_number(reply, "robots"), FLEET);
    int listed = cJSON_GetArraySize(json_at(reply, "robot_states"));
    assert_int_equal(listed + (int)json_number(reply, "robots_omitted"), FLEET);
    assert_true(listed > 50);
    cJSON_Delete(reply);
    assert_true(cell_counter(cell, "robot-299", "received") == 1);
    cell_refused(cell, "\"command\":\"status\",\"robot\":\"robot-300\"", "unknown_robot");
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "degraded"), 3000);
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    assert_true(json_has_text(json_at(status, "reasons"), "robots"));
    cJSON_Delete(status);
    cell_stop(cell);
}

/* ---- malformed
 * ------------------------------------------------------------------------------------------ */

struct bad_payload {
    const char *reason;
    const char *bytes;
    size_t size;
};

#define TEXT(reason, text)                                                                         \
    {                                                                                              \
        reason, text, sizeof(text) - 1                                                             \
    }
#define HEADER(count) "\xA1\x01\0\0" count "\0\0\0\0\0\0\0\0\x01"
#define ONE "\0\0\x80\x3F"

static const struct bad_payload bad_payloads[] = {
    TEXT("empty", ""),
    TEXT("malformed", "{"),
    TEXT("malformed", "nonsense"),
    TEXT("malformed", "\"text\""),
    TEXT("malformed", "{\"values\":[1,2,3,4]} x"),
    TEXT("malformed", "{\"values\":[1,2,3,4],\"values\":[1,2,3,4]}"),
    TEXT("malformed", "{\"\xff\":1,\"values\":[1,2,3,4]}"),
    TEXT("malformed", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"),
    TEXT("no_values", "{}"),
    TEXT("no_values", "{\"values\":[1,2,3,4],\"channels\":{}}"),
    TEXT("wrong_count", "{\"values\":[1,2,3]}"),
    TEXT("wrong_count", "[1,2,3,4,5]"),
    TEXT("not_a_number", "{\"values\":[1,2,null,4]}"),
    TEXT("not_a_number", "{\"values\":[1,\"2\",3,4]}"),
    TEXT("missing_channel", "{\"channels\":{\"axis1\":1,\"axis2\":2,\"axis3\":3}}"),
    TEXT("nonfinite", "{\"values\":[1,2,3,1e39]}"),
    TEXT("nonfinite", "{\"values\":[1,2,3,-1e999]}"),
    TEXT("nonfinite", "{\"channels\":{\"axis1\":1e999,\"axis2\":2,\"axis3\":3,\"axis4\":4}}"),
    TEXT("out_of_range", "{\"values\":[1,2,3,1e30]}"),
    TEXT("bad_time", "{\"time\":\"yesterday\",\"values\":[1,2,3,4]}"),
    TEXT("bad_time", "{\"time\":1763917200123,\"values\":[1,2,3,4]}"),
    TEXT("bad_seq", "{\"seq\":-1,\"values\":[1,2,3,4]}"),
    TEXT("bad_seq", "{\"seq\":1.5,\"values\":[1,2,3,4]}"),
    TEXT("bad_mode", "{\"mode\":5,\"values\":[1,2,3,4]}"),
    TEXT("bad_binary", "\xA1"),
    TEXT("bad_binary", "\xA1\x02\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    TEXT("bad_binary", HEADER("\x04\0\0\0") "\0\0\0\0\0\0\0" ONE ONE ONE),
    TEXT("wrong_count", HEADER("\x03\0\0\0") "\0\0\0\0\0\0\0" ONE ONE ONE),
    TEXT("nonfinite", HEADER("\x04\0\0\0") "\0\0\0\0\0\0\0" ONE ONE ONE "\0\0\xC0\x7F"),
    TEXT("bad_seq", HEADER("\x04\0\0\0") "\0\0\0\0\0\0\x80" ONE ONE ONE ONE),
};
#define KINDS (sizeof bad_payloads / sizeof bad_payloads[0])

static void send_bad(struct cell *cell, size_t rounds)
{
    for (size_t i = 0; i < rounds; i++) {
        for (size_t k = 0; k < KINDS; k++)
            cell_publish(cell, "armwatch/robot/bad/sample", bad_payloads[k].bytes,
                         bad_payloads[k].size);
        uv_run(&cell->harness->loop, UV_RUN_NOWAIT);
    }
}

static void check_reasons(struct cell *cell, size_t rounds)
{
    double total = 0;
    for (size_t k = 0; k < KINDS; k++) {
        char path[64];
        size_t kinds = 0;
        for (size_t i = 0; i < KINDS; i++)
            kinds += !strcmp(bad_payloads[i].reason, bad_payloads[k].reason);
        snprintf(path, sizeof path, "rejected.%s", bad_payloads[k].reason);
        double count = cell_counter(cell, "bad", path);
        if (count != (double)(kinds * rounds))
            fail_msg("%s: %g, expected %zu", bad_payloads[k].reason, count, kinds * rounds);
        total += count / (double)kinds;
    }
    assert_true(total == (double)(KINDS * rounds));
}

static void test_ten_thousand_malformed(void **state)
{
    enum { WARM_UP = 30, ROUNDS = 400 };
    struct cell *cell = *state;
    struct cell_robot good;
    cell_robot_init(&good, "bad", TOY_ARM_CHANNELS, 230);
    cell_start(cell);
    cell_run(cell, &good, 30, 0);
    send_bad(cell, WARM_UP);
    cell_wait(cell, cell_counter(cell, "bad", "received") == 30 + WARM_UP * KINDS, 10000);
    long before = daemon_process_rss_kib(cell->daemon);
    send_bad(cell, ROUNDS - WARM_UP);
    cell_wait(cell, cell_counter(cell, "bad", "received") == 30 + ROUNDS * KINDS, 20000);
    long after = daemon_process_rss_kib(cell->daemon);
    if (!SANITIZED && after - before >= 1024)
        fail_msg("resident memory grew from %ld to %ld KiB", before, after);
    check_reasons(cell, ROUNDS);
    assert_true(cell_counter(cell, "bad", "scored") == 30 - SPAN + 1);
    assert_int_equal(cell_count(cell, "armwatch/robot/bad/alert"), 0);
    cell_wait(cell, cell_last_says(cell, "armwatch/robot/bad/state", "state", "degraded"), 3000);
    cell_run(cell, &good, 30, 0); /* and the robot goes on as if nothing had been */
    assert_true(cell_counter(cell, "bad", "scored") == 2 * (30 - SPAN + 1));
    cell_stop(cell);
}

/* An MQTT 5 broker withholds what is over our packet limit; the largest that passes is read. */
static void test_large_payloads(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    harness_publish_raw(cell->harness, "armwatch/robot/kuka1/sample", 200000, 2);
    harness_publish_raw(cell->harness, "armwatch/robot/kuka1/sample", 65400, 3);
    cell_wait(cell, cell_last(cell, "armwatch/robot/kuka1/state") != NULL, 3000);
    cell_wait(cell, cell_counter(cell, "kuka1", "rejected.malformed") == 3, 3000);
    assert_true(cell_counter(cell, "kuka1", "received") == 3);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_ten_robots_two_hundred_a_second),
        CELL_TEST(test_burst_after_a_stall),
        CELL_TEST(test_status_of_a_fleet),
        CELL_TEST(test_ten_thousand_malformed),
        CELL_TEST(test_large_payloads),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
