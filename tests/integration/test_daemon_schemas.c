/* Every kind of message that the daemon publishes, and what it takes and refuses. What is heard is
 * held against the schemas by schemas.py --complete, which runs this program. */
#include "cell.h"
#include "hearing.h"

#include "base/clock.h"
#include "pipeline/sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0
#define STATE "armwatch/robot/kuka1/state"
#define ALERT "armwatch/robot/kuka1/alert"
#define SAMPLE "armwatch/robot/kuka1/sample"
#define HELD_ALL 15U /* channels */

/* ---- samples: the reader and the schema agree */

static void test_samples(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    static const char *const payloads[] = {
        "[1,2,3]",
        "[1,2,null]",
        "[]",
        "{\"values\":[1,2,3]}",
        "{\"values\":[1,\"2\",3]}",
        "{\"values\":[1,2,true]}",
        "{\"values\":[1,2,1e39]}",
        "{\"values\":null}",
        "{\"values\":{\"a\":1}}",
        "{\"channels\":[1,2,3]}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3,\"d\":\"anything\"}}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3},\"values\":[1,2,3]}",
        "{\"channels\":{\"a\":1,\"b\":2,\"c\":3},\"values\":null}",
        "{\"values\":[1,2,3],\"channels\":null}",
        "{\"time\":\"2026-11-23T17:00:00.123Z\",\"seq\":4711,\"mode\":\"auto\",\"values\":[1,2,3]}",
        "{\"time\":\"2026-11-23t17:00:00+01:00\",\"values\":[1,2,3]}",
        "{\"time\":\"2026-11-23 17:00:00.5-05:30\",\"values\":[1,2,3]}",
        "{\"time\":\"2026-11-23T17:00:00\",\"values\":[1,2,3]}",
        "{\"time\":\"23.11.2026 17:00\",\"values\":[1,2,3]}",
        "{\"time\":1763917200.123,\"values\":[1,2,3]}",
        "{\"time\":-1,\"values\":[1,2,3]}",
        "{\"time\":null,\"values\":[1,2,3]}",
        "{\"time\":true,\"values\":[1,2,3]}",
        "{\"seq\":0,\"values\":[1,2,3]}",
        "{\"seq\":9007199254740992,\"values\":[1,2,3]}",
        "{\"seq\":-1,\"values\":[1,2,3]}",
        "{\"seq\":1.5,\"values\":[1,2,3]}",
        "{\"seq\":\"1\",\"values\":[1,2,3]}",
        "{\"mode\":\"\",\"values\":[1,2,3]}",
        "{\"mode\":1,\"values\":[1,2,3]}",
        "{\"mode\":\"0123456789012345678901234567890\",\"values\":[1,2,3]}",
        "{\"mode\":\"01234567890123456789012345678901\",\"values\":[1,2,3]}",
        "{\"values\":[1,2,3],\"cell\":7}",
        "{}",
        "3",
        "\"a\"",
        "null",
        "{\"values\":[1,2,3]",
    };
    struct sample_decoder *decoder = sample_decoder_new(names, 3, SAMPLE_TIME_S);
    assert_non_null(decoder);
    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        struct sample sample;
        struct diag diag = DIAG_INIT;
        float values[3];
        size_t size = strlen(payloads[i]);
        bool good =
            sample_decode(decoder, payloads[i], size, &sample, values, &diag) == SAMPLE_ACCEPTED;
        hearing_judged("sample", payloads[i], size, good);
    }
    sample_decoder_free(decoder);
}

/* ---- messages */

/* Rows in which channels keep their value, or that say another mode. */
static void send_rows(struct cell *cell, struct cell_robot *robot, size_t rows, unsigned held,
                      const char *mode)
{
    static float values[TOY_ARM_CHANNELS];
    for (size_t i = 0; i < rows; i++) {
        float next[TOY_ARM_CHANNELS];
        char time[CLOCK_RFC3339_MAX], text[256];
        size_t seq = robot->arm.row;
        clock_format_rfc3339(toy_arm_time_ns(seq), time);
        toy_arm_next(&robot->arm, 0, next);
        for (unsigned c = 0; c < TOY_ARM_CHANNELS; c++)
            values[c] = (held >> c & 1U) && i > 0 ? values[c] : next[c];
        int size = snprintf(text, sizeof text,
                            "{\"time\":\"%s\",\"seq\":%zu,\"mode\":\"%s\","
                            "\"values\":[%.9g,%.9g,%.9g,%.9g]}",
                            time, seq, mode, (double)values[0], (double)values[1],
                            (double)values[2], (double)values[3]);
        cell_publish(cell, SAMPLE, text, (size_t)size);
        hearing_judged("sample", text, (size_t)size, true);
    }
    cell_wait(cell, cell_counter(cell, "kuka1", "received") > 0, 3000);
}

static bool has_state(const struct cell *cell, const char *state)
{
    return cell_last_says(cell, STATE, "state", state);
}

/* Alerts of a kind and transition. */
static size_t count(const struct cell *cell, const char *kind, const char *transition)
{
    size_t found = 0;
    for (size_t i = 0; i < cell_count(cell, ALERT); i++) {
        cJSON *event = cell_json(cell, ALERT, i);
        found += !strcmp(json_text(event, "data.kind"), kind) &&
                 !strcmp(json_text(event, "data.state"), transition);
        cJSON_Delete(event);
    }
    return found;
}

static void run_until(struct cell *cell, struct cell_robot *robot, const char *state)
{
    for (int i = 0; i < 200 && !has_state(cell, state); i++)
        cell_run(cell, robot, 10, 0);
    cell_wait(cell, has_state(cell, state), 1000);
}

static void run_until_told(struct cell *cell, struct cell_robot *robot, double anomaly,
                           const char *kind, const char *transition)
{
    for (int i = 0; i < 200 && count(cell, kind, transition) == 0; i++)
        cell_run(cell, robot, 10, anomaly);
    cell_wait(cell, count(cell, kind, transition) > 0, 3000);
}

static void command(struct cell *cell, const char *body)
{
    cJSON *reply = cell_command(cell, body);
    if (!cJSON_IsTrue(json_at(reply, "ok"))) {
        char *text = cJSON_Print(reply);
        fail_msg("%s: %s", body, text);
    }
    cJSON_Delete(reply);
}

static void start(struct cell *cell, struct cell_robot *robot)
{
    cell_configure(cell, "alerts.reassert_s", "1");
    cell_configure(cell, "input.silent_s", "3");
    cell_configure(cell, "robots.max", "1");
    cell_robot_init(robot, "kuka1", TOY_ARM_CHANNELS, 21);
    cell_start(cell);
    cell_send(cell, robot, 0);
    cell_wait(cell, has_state(cell, "warming"), 3000);
    run_until(cell, robot, "ok");
}

static void test_alerts_and_states(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot);
    run_until_told(cell, &robot, GROSS, "anomaly", "updated");
    run_until_told(cell, &robot, 0, "anomaly", "cleared");
    send_rows(cell, &robot, 50, 2, "auto"); /* axis2 */
    cell_wait(cell, count(cell, "sensor_fault", "raised") > 0, 3000);
    run_until_told(cell, &robot, 0, "sensor_fault", "cleared");
    send_rows(cell, &robot, 50, HELD_ALL, "auto");
    cell_wait(cell, has_state(cell, "stopped"), 3000);
    send_rows(cell, &robot, 5, 0, "t1");
    cell_wait(cell, has_state(cell, "not_evaluated"), 3000);
    cell_wait(cell, has_state(cell, "stale"), 5000);
    run_until(cell, &robot, "ok");
    cell_wait(cell, count(cell, "silent", "raised") > 0, 8000);
    run_until_told(cell, &robot, 0, "silent", "cleared");
    for (int i = 0; i < 200; i++) /* over a hundredth of the messages */
        cell_publish(cell, SAMPLE, "{", 1);
    run_until(cell, &robot, "degraded");
    cell_publish(cell, "armwatch/robot/kuka2/sample", "[1,2,3,4]", 9);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "degraded"), 3000);
    cell_stop(cell);
}

static void acknowledge(struct cell *cell, struct cell_robot *robot)
{
    char body[160];
    run_until_told(cell, robot, GROSS, "anomaly", "raised");
    cJSON *alert = cell_last_json(cell, ALERT);
    snprintf(body, sizeof body, "\"command\":\"ack\",\"alert_id\":\"%s\",\"verdict\":\"false\"",
             json_text(alert, "data.alert_id"));
    cJSON_Delete(alert);
    command(cell, body);
    run_until_told(cell, robot, 0, "anomaly", "cleared");
}

static void test_commands(void **state)
{
    static const char *const good[] = {
        "\"command\":\"status\"",
        "\"command\":\"suspend\",\"robot\":\"kuka1\",\"minutes\":5,\"reason\":\"gripper\"",
        "\"command\":\"status\",\"robot\":\"kuka1\"",
        "\"command\":\"resume\",\"robot\":\"kuka1\"",
        "\"command\":\"suspend\",\"minutes\":5",
        "\"command\":\"resume\"",
        "\"command\":\"reload\",\"model\":\"cell-v2\"",
        "\"command\":\"rollback\"",
        "\"command\":\"threshold\",\"false_alarms_per_day\":0.02",
        "\"command\":\"shadow\",\"model\":\"cell-v2\"",
        "\"command\":\"shadow-report\"",
        "\"command\":\"unshadow\"",
        "\"command\":\"shadow\",\"model\":\"cell-v2\"",
        "\"command\":\"promote\"",
        "\"command\":\"verdicts\"",
        "\"command\":\"audit\",\"last\":200",
        "\"command\":\"commission\",\"robot\":\"kuka1\"",
    };
    static const struct {
        const char *body, *code;
    } refused[] = {
        {"\"command\":\"status\",\"robot\":\"nobody\"", "unknown_robot"},
        {"\"command\":\"status\",\"robot\":\"../x\"", "invalid_argument"},
        {"\"command\":\"reload\",\"model\":\"nothing\"", "model_not_found"},
        {"\"command\":\"reload\",\"model\":7", "invalid_argument"},
        {"\"command\":\"rollback\",\"robot\":\"nobody\"", "unknown_robot"},
        {"\"command\":\"suspend\"", "invalid_argument"},
        {"\"command\":\"suspend\",\"minutes\":0", "invalid_argument"},
        {"\"command\":\"suspend\",\"minutes\":1,\"reason\":\"a\\nb\"", "invalid_argument"},
        {"\"command\":\"resume\",\"robot\":\"nobody\"", "unknown_robot"},
        {"\"command\":\"commission\",\"robot\":\"nobody\"", "unknown_robot"},
        {"\"command\":\"commission\"", "invalid_argument"},
        {"\"command\":\"arm\",\"robot\":\"kuka1\"", "not_supported"},
        {"\"command\":\"arm\",\"robot\":\"kuka1\",\"false_alarms_per_day\":0", "invalid_argument"},
        {"\"command\":\"threshold\",\"false_alarms_per_day\":0", "invalid_argument"},
        {"\"command\":\"ack\",\"alert_id\":\"0\",\"verdict\":\"false\"", "unknown_alert"},
        {"\"command\":\"ack\",\"alert_id\":\"0\",\"verdict\":\"perhaps\"", "invalid_argument"},
        {"\"command\":\"shadow\"", "invalid_argument"},
        {"\"command\":\"unshadow\"", "no_shadow"},
        {"\"command\":\"promote\"", "no_shadow"},
        {"\"command\":\"audit\",\"last\":0", "invalid_argument"},
        {"\"command\":\"dance\"", "unknown_command"},
        {"\"robot\":\"kuka1\"", "malformed"},
    };
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell, &robot);
    acknowledge(cell, &robot);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        command(cell, good[i]);
    run_until(cell, &robot, "commissioning");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        cell_refused(cell, refused[i].body, refused[i].code);
    cell_run(cell, &robot, 700, 0);
    command(cell, "\"command\":\"arm\",\"robot\":\"kuka1\",\"false_alarms_per_day\":5000,"
                  "\"force\":true");
    command(cell, "\"command\":\"disarm\",\"robot\":\"kuka1\"");
    cell_refused(cell, "\"command\":\"disarm\",\"robot\":\"kuka1\"", "not_commissioned");
    size_t replies = cell_count(cell, CELL_REPLY);
    cell_publish(cell, CELL_CONTROL, "no JSON", 7);
    cell_wait(cell, cell_count(cell, CELL_REPLY) > replies, 3000);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        CELL_TEST(test_alerts_and_states),
        CELL_TEST(test_commands),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
