/* From samples to alerts: what a consumer sees, and that live is the same as offline. */
#include "cell.h"

#include "base/clock.h"
#include "lab/runner.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SLIGHT 0.7 /* anomaly that is a warning */
#define GROSS 4.0  /* anomaly that is critical */

static bool state_is(const struct cell *cell, const char *robot, const char *state)
{
    return cell_last_says(cell, cell_topic(robot, "state"), "state", state);
}

/* ---- alerts
 * --------------------------------------------------------------------------------------------- */

static void check_channels(const cJSON *data)
{
    const cJSON *item, *channels = json_at(data, "channels");
    double shares = 0;
    bool culprit = false;
    assert_true(cJSON_GetArraySize(channels) >= 1);
    cJSON_ArrayForEach(item, channels)
    {
        culprit |= !strcmp(json_text(item, "name"), "axis1");
        shares += json_number(item, "share");
        json_number(item, "observed");
        json_number(item, "expected");
        json_number(item, "z");
    }
    if (!(shares > 0.5 && shares <= 1.0001))
        fail_msg("the channels' shares sum up to %g", shares);
    assert_true(culprit);
    assert_true(cJSON_GetArraySize(json_at(data, "groups")) >= 1);
    json_text(json_at(data, "groups")->child, "name");
}

static void check_detectors(const cJSON *data)
{
    const cJSON *first = json_at(data, "detectors")->child;
    assert_non_null(first);
    assert_string_equal(json_text(first, "name"), "autoencoder");
    double ratio = json_number(first, "score") / json_number(first, "threshold");
    if (fabs(ratio / json_number(first, "ratio") - 1) > 1e-4)
        fail_msg("score / threshold is %g, ratio says %g", ratio, json_number(first, "ratio"));
}

/* Every field that the contract names. */
static void check_event(const cJSON *event, const char *robot, const char *state)
{
    char expected[128];
    int64_t time_ns;
    assert_string_equal(json_text(event, "specversion"), "1.0");
    assert_string_equal(json_text(event, "source"), "armwatch/service/" CELL_INSTANCE);
    snprintf(expected, sizeof expected, "armwatch.alert.%s", state);
    assert_string_equal(json_text(event, "type"), expected);
    snprintf(expected, sizeof expected, "robot/%s", robot);
    assert_string_equal(json_text(event, "subject"), expected);
    assert_string_equal(json_text(event, "datacontenttype"), "application/json");
    const char *time = json_text(event, "time");
    assert_true(clock_parse_rfc3339(time, strlen(time), &time_ns));
    const cJSON *data = json_at(event, "data");
    const char *alert_id = json_text(data, "alert_id"), *id = json_text(event, "id");
    size_t length = strlen(alert_id);
    if (length < 8 || strncmp(id, alert_id, length) != 0 || id[length] != '/')
        fail_msg("id %s, alert_id %s", id, alert_id);
    assert_string_equal(json_text(data, "robot"), robot);
    assert_string_equal(json_text(data, "state"), state);
    assert_string_equal(json_text(data, "kind"), "anomaly");
    assert_true(strlen(json_text(data, "text")) > 10);
    double score = json_number(data, "score"), peak = json_number(data, "peak_score");
    bool critical = !strcmp(json_text(data, "severity"), "critical");
    if (score > peak + 1e-9 || critical != (peak >= 3))
        fail_msg("score %g, peak %g, %s", score, peak, json_text(data, "severity"));
    double p_value = json_number(data, "p_value");
    assert_true(p_value > 0 && p_value < 0.5);
    time = json_text(data, "started");
    assert_true(clock_parse_rfc3339(time, strlen(time), &time_ns));
    assert_true(cJSON_IsNull(json_at(data, "ended")) == (strcmp(state, "cleared") != 0));
    assert_true(json_number(data, "windows") >= 1);
    assert_true(json_number(data, "first_seq") <= json_number(data, "last_seq"));
    assert_string_equal(json_text(data, "model.name"), "cell");
    assert_int_equal((int)json_number(data, "model.version"), 1);
    assert_int_equal(strlen(json_text(data, "model.sha256")), 64);
    check_detectors(data);
    check_channels(data);
}

static void test_alert_from_start_to_end(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 100);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, &robot, 300, 0);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    const char *topic = "armwatch/robot/kuka1/alert";
    assert_int_equal(cell_count(cell, topic), 0);
    size_t first_bad = robot.arm.row;
    cell_run(cell, &robot, 20, SLIGHT);
    cell_wait(cell, state_is(cell, "kuka1", "alert"), 3000);
    assert_int_equal(cell_count(cell, topic), 1);
    assert_int_equal(cell_last(cell, topic)->qos, 1);
    cJSON *raised = cell_json(cell, topic, 0);
    check_event(raised, "kuka1", "raised");
    assert_string_equal(json_text(raised, "data.severity"), "warning");
    double first_seq = json_number(raised, "data.first_seq");
    if (!(first_seq >= (double)first_bad && first_seq < (double)first_bad + 5))
        fail_msg("first_seq %g, the anomaly began at %zu", first_seq, first_bad);
    cell_run(cell, &robot, 20, GROSS);
    cell_wait(cell, cell_count(cell, topic) == 2, 3000);
    cJSON *updated = cell_json(cell, topic, 1);
    check_event(updated, "kuka1", "updated");
    assert_string_equal(json_text(updated, "data.severity"), "critical");
    const char *state_topic = "armwatch/robot/kuka1/state";
    cell_wait(cell, strstr(cell_last(cell, state_topic)->payload, "\"n\":2"), 3000);
    cJSON *retained = cell_last_json(cell, state_topic);
    const cJSON *open = json_at(retained, "alerts")->child;
    assert_string_equal(json_text(open, "alert_id"), json_text(raised, "data.alert_id"));
    assert_string_equal(json_text(open, "severity"), "critical");
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    assert_int_equal(cell_count(cell, topic), 3);
    cJSON *cleared = cell_json(cell, topic, 2);
    check_event(cleared, "kuka1", "cleared");
    assert_string_equal(json_text(cleared, "data.alert_id"), json_text(raised, "data.alert_id"));
    assert_string_equal(json_text(cleared, "data.started"), json_text(raised, "data.started"));
    const char *const ids[] = {json_text(raised, "id"), json_text(updated, "id"),
                               json_text(cleared, "id")};
    for (int i = 0; i < 3; i++) {
        char ending[8];
        snprintf(ending, sizeof ending, "/%d", i + 1);
        assert_string_equal(strrchr(ids[i], '/'), ending);
    }
    cJSON_Delete(retained);
    cJSON_Delete(raised);
    cJSON_Delete(updated);
    cJSON_Delete(cleared);
    cell_stop(cell);
}

/* The second episode is another one; a late subscriber knows the state at once. */
static void test_second_episode_and_late_subscriber(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 101);
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    for (int i = 0; i < 2; i++) {
        cell_run(cell, &robot, 15, GROSS);
        cell_run(cell, &robot, 60, 0);
    }
    cell_run(cell, &robot, 15, GROSS);
    const char *topic = "armwatch/robot/kuka1/alert";
    cell_wait(cell, cell_count(cell, topic) == 5, 3000);
    static const char *const types[] = {"armwatch.alert.raised", "armwatch.alert.cleared",
                                        "armwatch.alert.raised", "armwatch.alert.cleared",
                                        "armwatch.alert.raised"};
    char ids[5][128];
    for (size_t i = 0; i < 5; i++) {
        cJSON *event = cell_json(cell, topic, i);
        assert_string_equal(json_text(event, "type"), types[i]);
        assert_string_equal(json_text(event, "data.severity"), "critical");
        snprintf(ids[i], sizeof ids[i], "%s", json_text(event, "id"));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
        cJSON_Delete(event);
    }
    struct peer *late = harness_online_peer(cell->harness, 2);
    harness_subscribe(cell->harness, late, "armwatch/robot/+/state", 1);
    harness_subscribe(cell->harness, late, "armwatch/robot/+/alert", 1);
    cell_wait(cell, late->message_count >= 1, 3000);
    assert_true(late->messages[0].retained);
    assert_non_null(strstr(late->messages[0].payload, "\"state\":\"alert\""));
    assert_int_equal(late->message_count, 1); /* alerts are not retained */
    cell_stop(cell);
}

static void test_reassertion(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 102);
    cell_configure(cell, "alerts.reassert_s", "1");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    cell_run(cell, &robot, 10, GROSS);
    const char *topic = "armwatch/robot/kuka1/alert";
    cell_wait(cell, cell_count(cell, topic) >= 3, 5000);
    cJSON *raised = cell_json(cell, topic, 0);
    for (size_t i = 1; i < 3; i++) {
        char id[160];
        cJSON *event = cell_json(cell, topic, i);
        check_event(event, "kuka1", "updated");
        snprintf(id, sizeof id, "%s/%zu", json_text(raised, "data.alert_id"), i + 1);
        assert_string_equal(json_text(event, "id"), id);
        cJSON_Delete(event);
    }
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_last_says(cell, topic, "type", "armwatch.alert.cleared"), 3000);
    size_t after = cell_count(cell, topic);
    wait_ms(&cell->harness->loop, 1500);
    assert_int_equal(cell_count(cell, topic), after);
    cJSON_Delete(raised);
    cell_stop(cell);
}

/* ---- live and offline
 * ------------------------------------------------------------------------------------- */

struct offline_score {
    int64_t time_ns;
    uint64_t seq;
    double ratio, score;
};

struct offline_alert {
    enum alert_transition transition;
    struct alert_episode episode;
};

struct offline {
    struct offline_score *scores;
    size_t score_count;
    struct offline_alert alerts[64];
    size_t alert_count;
};

static int note_row(const struct runner_row *row, void *user)
{
    struct offline *offline = user;
    const struct monitor_result *result = &row->result;
    if (row->hole || !result->evaluated)
        return 0;
    offline->scores[offline->score_count++] = (struct offline_score){
        row->time_ns, result->score.seq, result->ratio, result->score.detector[0].score};
    if (result->transition != ALERT_NONE) {
        assert_true(offline->alert_count < 64);
        offline->alerts[offline->alert_count++] =
            (struct offline_alert){result->transition, row->monitor->alert.episode};
    }
    return 0;
}

/* Two anomalies, and everything that goes wrong between a robot and a broker. */
static struct recording *make_troubled_recording(size_t rows)
{
    struct recording *recording = toy_arm_record(TOY_ARM_CHANNELS, 103, rows);
    int64_t shift_ns = 0;
    for (size_t i = 0; i < rows; i++) {
        bool anomalous = (i >= 300 && i < 360) || (i >= 700 && i < 705) || (i >= 900 && i < 990);
        recording->values[i * TOY_ARM_CHANNELS] += anomalous ? 3 : 0;
        if (i % 97 == 50)
            recording->valid[i] = 0;
        if (i % 211 == 100)
            shift_ns += TOY_ARM_PERIOD_NS; /* one sample was lost */
        if (i % 307 == 200 || i == 940)
            shift_ns += 20 * TOY_ARM_PERIOD_NS; /* many were */
        recording->time_ns[i] += shift_ns;
    }
    for (size_t i = 1; i < rows; i++) {
        if (i % 83 == 70)
            recording->time_ns[i] = recording->time_ns[i - 1]; /* twice the same */
        if (i % 149 == 120)
            recording->time_ns[i] = recording->time_ns[i - 1] - 3 * TOY_ARM_PERIOD_NS; /* late */
    }
    for (size_t i = 0; i < rows; i++)
        recording->holes += !recording->valid[i];
    return recording;
}

/* Values in order and channels by name take turns; a hole is a null. */
static void send_row(struct cell *cell, const struct recording *recording, size_t row)
{
    char text[512], time[CLOCK_RFC3339_MAX];
    const float *values = recording->values + row * TOY_ARM_CHANNELS;
    bool named = row % 2 != 0;
    clock_format_rfc3339(recording->time_ns[row], time);
    int size = snprintf(text, sizeof text, "{\"time\":\"%s\",\"%s\":%s", time,
                        named ? "channels" : "values", named ? "{\"unknown\":1" : "[");
    for (size_t i = 0; i < TOY_ARM_CHANNELS; i++) {
        size_t c = named ? TOY_ARM_CHANNELS - 1 - i : i;
        char number[32];
        snprintf(number, sizeof number, "%.9g", (double)values[c]);
        if (named)
            size +=
                snprintf(text + size, sizeof text - (size_t)size, ",\"%s\":", toy_arm_channel(c));
        else if (i > 0)
            text[size++] = ',';
        bool hole = c == 2 && !recording->valid[row];
        size += snprintf(text + size, sizeof text - (size_t)size, "%s", hole ? "null" : number);
    }
    size += snprintf(text + size, sizeof text - (size_t)size, "%s}", named ? "}" : "]");
    cell_publish(cell, "armwatch/robot/replay/sample", text, (size_t)size);
}

static void compare_scores(const struct cell *cell, const struct offline *offline)
{
    const char *topic = "armwatch/robot/replay/score";
    size_t n = 0;
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        const struct peer_message *message = &cell->watcher->messages[i];
        if (strcmp(message->topic, topic) != 0)
            continue;
        cJSON *live = json_parse(message->payload, message->size, NULL);
        const struct offline_score *expected = &offline->scores[n++];
        const char *time = json_text(live, "time");
        int64_t time_ns;
        assert_true(clock_parse_rfc3339(time, strlen(time), &time_ns));
        double ratio = json_number(live, "score");
        double score = json_number(json_at(live, "detectors")->child, "score");
        if (time_ns != expected->time_ns || json_number(live, "seq") != (double)expected->seq ||
            fabs(ratio / expected->ratio - 1) > 1e-5 || fabs(score / expected->score - 1) > 1e-5)
            fail_msg("score %zu: live %s ratio %.9g score %.9g, offline ratio %.9g score %.9g", n,
                     message->payload, ratio, score, expected->ratio, expected->score);
        cJSON_Delete(live);
    }
    assert_int_equal(n, offline->score_count);
}

static void compare_alerts(const struct cell *cell, const struct offline *offline)
{
    const char *topic = "armwatch/robot/replay/alert";
    assert_int_equal(cell_count(cell, topic), offline->alert_count);
    for (size_t i = 0; i < offline->alert_count; i++) {
        const struct alert_episode *episode = &offline->alerts[i].episode;
        cJSON *live = cell_json(cell, topic, i);
        char started[CLOCK_RFC3339_MAX], ended[CLOCK_RFC3339_MAX];
        clock_format_rfc3339(episode->started_ns, started);
        clock_format_rfc3339(episode->ended_ns, ended);
        assert_string_equal(json_text(live, "data.state"),
                            alert_transition_name(offline->alerts[i].transition));
        assert_string_equal(json_text(live, "data.started"), started);
        if (offline->alerts[i].transition == ALERT_CLEARED)
            assert_string_equal(json_text(live, "data.ended"), ended);
        assert_true(json_number(live, "data.first_seq") == (double)episode->first_seq);
        assert_true(json_number(live, "data.last_seq") == (double)episode->last_seq);
        assert_true(json_number(live, "data.windows") == (double)episode->windows);
        if (fabs(json_number(live, "data.peak_score") / episode->peak_score - 1) > 1e-5)
            fail_msg("peak: live %.9g, offline %.9g", json_number(live, "data.peak_score"),
                     episode->peak_score);
        cJSON_Delete(live);
    }
}

/* All rows were taken and every window of theirs is scored: the scorer has a thread of its own, and
   room for so many windows only. */
static bool is_through(struct cell *cell, size_t rows)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\",\"robot\":\"replay\"");
    const cJSON *robot = json_at(reply, "robot_states")->child;
    bool through = json_number(robot, "counters.received") == (double)rows &&
                   json_number(robot, "counters.scored") == json_number(robot, "counters.windows");
    cJSON_Delete(reply);
    return through;
}

static void test_live_equals_offline(void **state)
{
    enum { ROWS = 1200 };
    struct cell *cell = *state;
    struct recording *recording = make_troubled_recording(ROWS);
    struct model *model = toy_arm_load(cell_models(), "cell");
    struct offline offline = {.scores = calloc(ROWS, sizeof *offline.scores)};
    assert_non_null(offline.scores);
    assert_int_equal(runner_run(recording, model, CELL_FALSE_ALARMS, note_row, &offline), 0);
    assert_true(offline.alert_count >= 4 && offline.score_count > ROWS / 2);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    for (size_t i = 0; i < ROWS; i++) {
        send_row(cell, recording, i);
        if ((i + 1) % 20 == 0)
            cell_wait(cell, is_through(cell, i + 1), 5000);
    }
    cell_wait(cell, cell_count(cell, "armwatch/robot/replay/score") >= offline.score_count, 5000);
    cell_wait(cell, cell_count(cell, "armwatch/robot/replay/alert") >= offline.alert_count, 5000);
    wait_ms(&cell->harness->loop, 300); /* for what must not come */
    compare_scores(cell, &offline);
    compare_alerts(cell, &offline);
    assert_true(cell_counter(cell, "replay", "rejected.not_a_number") == (double)recording->holes);
    assert_true(cell_counter(cell, "replay", "duplicates") > 5);
    assert_true(cell_counter(cell, "replay", "late") > 5);
    assert_true(cell_counter(cell, "replay", "gaps") > 2);
    cell_stop(cell);
    free(offline.scores);
    model_unref(model);
    recording_free(recording);
}

/* ---- what is not judged
 * ----------------------------------------------------------------------------------- */

static void send_mode(struct cell *cell, struct cell_robot *robot, const char *mode)
{
    char text[512];
    float v[TOY_ARM_CHANNELS];
    int64_t time_ns = toy_arm_time_ns(robot->arm.row);
    size_t seq = robot->arm.row;
    toy_arm_next(&robot->arm, GROSS, v);
    int size = snprintf(text, sizeof text,
                        "{\"time\":%lld.%lld,\"seq\":%zu,\"mode\":\"%s\",\"values\":[%g,%g,%g,%g]}",
                        (long long)(time_ns / CLOCK_NS_PER_S),
                        (long long)(time_ns % CLOCK_NS_PER_S / TOY_ARM_PERIOD_NS), seq, mode,
                        (double)v[0], (double)v[1], (double)v[2], (double)v[3]);
    cell_publish(cell, cell_topic(robot->name, "sample"), text, (size_t)size);
}

static void test_gate(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 104);
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    size_t scores = cell_count(cell, "armwatch/robot/kuka1/score");
    for (int i = 0; i < 20; i++)
        send_mode(cell, &robot, "t1");
    cell_wait(cell, state_is(cell, "kuka1", "not_evaluated"), 3000);
    cell_wait(cell, cell_counter(cell, "kuka1", "gated") == 20, 3000);
    assert_int_equal(cell_count(cell, "armwatch/robot/kuka1/score"), scores);
    assert_int_equal(cell_count(cell, "armwatch/robot/kuka1/alert"), 0);
    uint64_t first = robot.arm.row;
    cell_run(cell, &robot, 10, 0);
    cJSON *score = cell_json(cell, "armwatch/robot/kuka1/score", scores);
    assert_true(json_number(score, "seq") == (double)first + 4); /* no window reaches into t1 */
    cJSON_Delete(score);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    cJSON *last = cell_last_json(cell, "armwatch/robot/kuka1/state");
    double coverage = json_number(last, "coverage_1h");
    if (!(coverage > 0.2 && coverage < 0.5)) /* 12 of 40 */
        fail_msg("coverage_1h %g", coverage);
    cJSON_Delete(last);
    cell_stop(cell);
}

static void test_stale_and_warming(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 105);
    cell_start(cell);
    cell_send(cell, &robot, 0);
    cell_wait(cell, state_is(cell, "kuka1", "warming"), 3000);
    cell_run(cell, &robot, 9, 0);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    cell_wait(cell, state_is(cell, "kuka1", "stale"), 3000); /* after one second of nothing */
    robot.arm.row += 50;
    cell_send(cell, &robot, 0);
    cell_wait(cell, state_is(cell, "kuka1", "warming"), 3000);
    cell_run(cell, &robot, 9, 0);
    cell_wait(cell, state_is(cell, "kuka1", "ok"), 3000);
    assert_true(cell_counter(cell, "kuka1", "gaps") == 1);
    assert_true(cell_counter(cell, "kuka1", "scored") == 12);
    cell_stop(cell);
}

static void test_time_in_another_unit(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    const char *text = "{\"time\":1763917200123,\"values\":[1,2,3,4]}";
    cell_publish(cell, "armwatch/robot/kuka1/sample", text, strlen(text));
    cell_wait(cell, daemon_process_logged(cell->daemon, "must be milliseconds: set time_unit") == 1,
              3000);
    assert_true(cell_counter(cell, "kuka1", "rejected.bad_time") == 1);
    cell_stop(cell);
    cell_configure(cell, "input.time_unit", "\"ms\"");
    cell_start(cell);
    for (int i = 0; i < 5; i++) {
        char sample[128];
        snprintf(sample, sizeof sample, "{\"time\":%lld,\"values\":[%d,2,3,4]}",
                 1763917200123LL + 100 * i, i);
        cell_publish(cell, "armwatch/robot/kuka1/sample", sample, strlen(sample));
    }
    cell_wait(cell, cell_count(cell, "armwatch/robot/kuka1/score") == 1, 3000);
    cJSON *score = cell_json(cell, "armwatch/robot/kuka1/score", 0);
    assert_string_equal(json_text(score, "time"), "2025-11-23T17:00:00.523Z");
    cJSON_Delete(score);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_alert_from_start_to_end),
        CELL_TEST(test_second_episode_and_late_subscriber),
        CELL_TEST(test_reassertion),
        CELL_TEST(test_live_equals_offline),
        CELL_TEST(test_gate),
        CELL_TEST(test_stale_and_warming),
        CELL_TEST(test_time_in_another_unit),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
