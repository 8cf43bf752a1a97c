/* Cells that send single tags: what comes out of the assembler is judged as if it had been sent
   whole. */
#include "cell.h"

#include "lab/simulator.h"
#if ARMWATCH_SPARKPLUG
#include "edge_node.h"
#endif
#include "pipeline/sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0

static void configure_assembler(struct cell *cell, const char *text)
{
    char path[200];
    snprintf(path, sizeof path, "%s/assembler.json", cell->daemon->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    cell_configure(cell, "input.assembler_file",
                   "\"assembler.json\""); /* beside the configuration */
}

static void publish(struct cell *cell, const char *topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void publish(struct cell *cell, const char *topic, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cell_publish(cell, topic, text, strlen(text));
}

/* ---- the layout of the KUKA, 86 tags, each alone */

#define ROWS 520
#define HIT_AT 260 /* rows; a collision follows within seconds of motion */
#define HIT_END 400
#define START_NS INT64_C(1767225600000000000)

static float rows[ROWS][SIMULATOR_CHANNELS];
static int64_t times_ms[ROWS];

static void simulate_rows(void)
{
    const struct simulator_options options = {
        .robot_seed = 1, .session_seed = 900, .start_ns = START_NS};
    const struct anomaly collision = {.kind = ANOMALY_COLLISION};
    struct simulator *simulator = simulator_new(&options);
    assert_non_null(simulator);
    for (size_t i = 0; i < ROWS; i++) {
        int label;
        int64_t time_ns;
        if (i == HIT_AT)
            simulator_set_anomaly(simulator, &collision);
        if (i == HIT_END)
            simulator_set_anomaly(simulator, NULL);
        simulator_next(simulator, rows[i], &label, &time_ns);
        times_ms[i] = time_ns / 1000000;
        assert_int_equal(time_ns % 100000000, 0);
    }
    simulator_free(simulator);
}

static void send_whole(struct cell *cell, size_t row)
{
    unsigned char bytes[SAMPLE_BINARY_HEADER + 4 * SIMULATOR_CHANNELS];
    const struct sample sample = {.time_ns = times_ms[row] * 1000000, .seq = row};
    size_t size = sample_format_binary(&sample, rows[row], SIMULATOR_CHANNELS, bytes);
    cell_publish(cell, "armwatch/robot/whole/sample", bytes, size);
}

/* How many rows apart a tag is sent: what moves and turns each time, the rest at rates of its own.
 */
static size_t rate_of(size_t channel)
{
    const char *name = simulator_names()[channel];
    if (strstr(name, "temp"))
        return 10;
    return strncmp(name, "sensor_id", strlen("sensor_id")) ? 2 : 1;
}

static bool is_due(size_t channel, size_t row)
{
    /* The program's step only when it changes. */
    if (channel == 0 && row > 0)
        return rows[row][0] != rows[row - 1][0];
    return (row + channel) % rate_of(channel) == 0 || row == 0;
}

static void send_tags(struct cell *cell, const char *robot, size_t row, bool own_rates)
{
    for (size_t c = 0; c < SIMULATOR_CHANNELS; c++) {
        char topic[128];
        if (own_rates && !is_due(c, row))
            continue;
        snprintf(topic, sizeof topic, "cell7/%s/%s", robot, simulator_names()[c]);
        publish(cell, topic, "{\"v\":%.9g,\"t\":%lld}", (double)rows[row][c],
                (long long)times_ms[row]);
    }
}

struct scores {
    size_t count;
    struct {
        char time[40];
        double score;
    } at[ROWS];
};

static void collect(const struct cell *cell, const char *robot, struct scores *ret_scores)
{
    const char *topic = cell_topic(robot, "score");
    ret_scores->count = 0;
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        if (strcmp(cell->watcher->messages[i].topic, topic) != 0)
            continue;
        cJSON *tree =
            json_parse(cell->watcher->messages[i].payload, cell->watcher->messages[i].size, NULL);
        assert_true(ret_scores->count < ROWS);
        snprintf(ret_scores->at[ret_scores->count].time, 40, "%s", json_text(tree, "time"));
        ret_scores->at[ret_scores->count++].score = json_number(tree, "score");
        cJSON_Delete(tree);
    }
}

/* Both were judged at the same times; returns the largest difference of their scores. */
static double compare(const struct scores *a, const struct scores *b)
{
    double worst = 0;
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->at[i].time, b->at[i].time);
        worst = fmax(worst, fabs(a->at[i].score - b->at[i].score));
    }
    return worst;
}

static void expect_same_alerts(struct cell *cell, const char *robot)
{
    const char *ours = cell_topic(robot, "alert"), *whole = cell_topic("whole", "alert");
    size_t count = cell_count_alerts(cell, whole, "raised");
    assert_true(count > 0);
    assert_int_equal(cell_count_alerts(cell, ours, "raised"), count);
    cJSON *a = cell_json(cell, whole, 0), *b = cell_json(cell, ours, 0);
    assert_string_equal(json_text(a, "data.started"), json_text(b, "data.started"));
    assert_string_equal(json_text(a, "data.kind"), json_text(b, "data.kind"));
    cJSON_Delete(a);
    cJSON_Delete(b);
}

static void test_86_tags_each_alone(void **state)
{
    static const char *const robots[] = {"whole", "same", "own"};
    static struct scores scores[3];
    struct cell *cell = *state;
    simulate_rows();
    configure_assembler(cell, "{\"sources\":[{\"topic\":\"cell7/{robot}/{channel}\",\"value\":"
                              "\"/v\",\"time\":\"/t\",\"time_unit\":\"ms\"}],\"channels\":{"
                              "\"action\":{\"max_age_s\":\"hold\"}},\"max_age_s\":1.5}");
    cell_configure(cell, "models.directory", "\"" SHIPPED_MODELS "\"");
    cell_configure(cell, "models.default", "\"kuka-sim\"");
    cell_configure(cell, "alerts.false_alarms_per_day", "0");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    for (size_t row = 0; row < ROWS; row++) {
        send_whole(cell, row);
        send_tags(cell, "same", row, false);
        send_tags(cell, "own", row, true);
        if (row % 10 == 9) /* what is under way has a bound */
            cell_wait(cell, cell_count(cell, cell_topic("own", "score")) + 60 > row / 2 || row < 60,
                      20000);
    }
    publish(cell, "cell7/same/end", "{\"v\":0,\"t\":%lld}", (long long)times_ms[ROWS - 1] + 1);
    publish(cell, "cell7/own/end", "{\"v\":0,\"t\":%lld}", (long long)times_ms[ROWS - 1] + 1);
    cell_wait(cell, cell_counter(cell, "same", "received") == ROWS, 20000);
    cell_wait(cell, cell_counter(cell, "own", "received") == ROWS, 20000);
    for (size_t i = 0; i < 3; i++) {
        const char *topic = cell_topic(robots[i], "score");
        cell_wait(cell, cell_count(cell, topic) >= ROWS - 10, 20000);
        cell_wait(cell, cell_count(cell, topic) == cell_counter(cell, robots[i], "scored"), 20000);
        collect(cell, robots[i], &scores[i]);
    }
    assert_true(scores[0].count > ROWS / 2);
    double same = compare(&scores[0], &scores[1]), own = compare(&scores[0], &scores[2]);
    print_message("largest difference of scores: same rate %.3g, rates of their own %.3g\n", same,
                  own);
    assert_true(same < 1e-4);
    assert_true(own < 0.2);
    expect_same_alerts(cell, "same");
    expect_same_alerts(cell, "own");
    cell_stop(cell);
}

/* ---- states and counters */

#define TAGS                                                                                       \
    "{\"sources\":[{\"topic\":\"tags/{robot}/{channel}\"}],\"channels\":{\"mode\":{\"tag\":"       \
    "\"op\",\"table\":{\"AUT\":\"auto\",\"T1\":\"t1\"},\"max_age_s\":\"hold\"},\"axis4\":{"        \
    "\"tag\":\"door\",\"table\":{\"open\":0.5,\"closed\":-0.5},\"max_age_s\":\"hold\"}}}"

static double tag_counter(struct cell *cell, const char *robot, const char *name)
{
    char body[160], path[64];
    snprintf(body, sizeof body, "\"command\":\"status\",\"robot\":\"%s\"", robot);
    snprintf(path, sizeof path, "tags.%s", name);
    cJSON *reply = cell_command(cell, body);
    double value = json_number(json_at(reply, "robot_states")->child, path);
    cJSON_Delete(reply);
    return value;
}

static double source_counter(struct cell *cell, const char *path)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    const cJSON *item = json_at(reply, path);
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
    cJSON_Delete(reply);
    return value;
}

/* Without times of their own, at the time of arrival; a channel that is not sent refuses samples by
   name, and one that is wrong is told of. */
static void test_what_is_missing_is_named(void **state)
{
    struct cell *cell = *state;
    configure_assembler(cell, TAGS);
    cell_configure(cell, "input.gate.mode", "[\"auto\"]");
    cell_start(cell);
    publish(cell, "tags/kuka1/op", "AUT");
    for (int i = 0; i < 6; i++) {
        for (int c = 1; c <= 3; c++) {
            char topic[40];
            snprintf(topic, sizeof topic, "tags/kuka1/axis%d", c);
            publish(cell, topic, "%d.5", i);
        }
        wait_ms(&cell->harness->loop, 60);
    }
    cell_wait(cell, cell_counter(cell, "kuka1", "rejected.missing_channel") >= 2, 5000);
    assert_true(
        daemon_process_logged(
            cell->daemon, "channel \"axis4\" (tag \"door\") has no value (1 of 5 have none)") > 0);
    assert_int_equal(tag_counter(cell, "kuka1", "channels_without_value"), 1);
    publish(cell, "tags/kuka1/door", "ajar");
    publish(cell, "tags/kuka1/axis1", "AUT");
    publish(cell, "tags/kuka1/other", "1");
    publish(cell, "tags/kuka1/axis2", "{}");
    publish(cell, "tags/no robot/axis2", "1");
    cell_wait(cell, source_counter(cell, "sources.refused.no_robot") == 1, 5000);
    assert_int_equal(tag_counter(cell, "kuka1", "not_in_table"), 1);
    assert_int_equal(tag_counter(cell, "kuka1", "not_a_number"), 1);
    assert_int_equal(tag_counter(cell, "kuka1", "unknown"), 1);
    assert_int_equal(source_counter(cell, "sources.refused.no_value"), 1);
    publish(cell, "tags/kuka1/door", "closed");
    publish(cell, "tags/kuka1/op", "T1");
    for (int i = 0; i < 12; i++) {
        for (int c = 1; c <= 3; c++) {
            char topic[40];
            snprintf(topic, sizeof topic, "tags/kuka1/axis%d", c);
            publish(cell, topic, "%d.25", i);
        }
        wait_ms(&cell->harness->loop, 60);
    }
    cell_wait(cell, cell_counter(cell, "kuka1", "gated") >= 2, 5000);
    cell_wait(cell, cell_last_says(cell, cell_topic("kuka1", "state"), "state", "not_evaluated"),
              3000);
    cell_stop(cell);
}

/* What an old tag says is believed only where it may be old. */
static void test_retained_tags(void **state)
{
    struct cell *cell = *state;
    configure_assembler(cell, TAGS);
    static const char *const tags[][2] = {
        {"op", "AUT"}, {"door", "open"}, {"axis1", "1"}, {"axis2", "1"}, {"axis3", "1"}};
    for (size_t i = 0; i < 5; i++) {
        char topic[40];
        snprintf(topic, sizeof topic, "tags/kuka1/%s", tags[i][0]);
        const struct mqtt_message message = {.topic = topic,
                                             .payload = tags[i][1],
                                             .size = strlen(tags[i][1]),
                                             .qos = 1,
                                             .retained = true};
        mqtt_client_publish(cell->sender->client, &message, NULL);
    }
    cell_wait(cell, cell->sender->ack_count >= 5, 5000);
    cell_start(cell);
    cell_wait(cell, source_counter(cell, "sources.messages") == 5, 5000);
    assert_int_equal(tag_counter(cell, "kuka1", "channels_without_value"), 3);
    assert_int_equal(cell_counter(cell, "kuka1", "received"), 0);
    for (int i = 0; i < 40; i++) {
        for (int c = 1; c <= 3; c++) {
            char topic[40];
            snprintf(topic, sizeof topic, "tags/kuka1/axis%d", c);
            publish(cell, topic, "0.%d", i);
        }
        wait_ms(&cell->harness->loop, 20);
    }
    cell_wait(cell, cell_counter(cell, "kuka1", "windows") > 0, 5000);
    assert_int_equal(cell_counter(cell, "kuka1", "rejected.missing_channel"), 0);
    cell_stop(cell);
}

/* ---- Sparkplug B */

#if ARMWATCH_SPARKPLUG

/* With the example that is shipped. */
static void configure_sparkplug(struct cell *cell)
{
    char path[300];
    snprintf(path, sizeof path, "\"%s/sparkplug.json\"", SOURCES_DIR);
    cell_configure(cell, "input.assembler_file", path);
}

struct line {
    struct edge_node edge;
    struct toy_arm arm;
    size_t mode;
};

static void start_line(struct cell *cell, struct line *line)
{
    static const char *const ids[] = {"plant", "cell7", "kuka1"};
    edge_node_init(&line->edge, cell->harness, harness_online_peer(cell->harness, 2), ids);
    toy_arm_init(&line->arm, TOY_ARM_CHANNELS, 12);
    edge_node_add(&line->edge, "Axis 1/Position", SPARKPLUG_DOUBLE);
    for (size_t c = 1; c < TOY_ARM_CHANNELS; c++)
        edge_node_add(&line->edge, toy_arm_channel(c), SPARKPLUG_FLOAT);
    edge_node_add(&line->edge, "Serial number", SPARKPLUG_STRING);
    line->mode = edge_node_add(&line->edge, "Mode", SPARKPLUG_STRING);
    edge_node_set_text(&line->edge, line->mode, "AUT");
    line->edge.time_ms = toy_arm_time_ns(0) / 1000000 - 1;
    edge_node_birth(&line->edge);
}

static void advance(struct line *line, double anomaly)
{
    float values[TOY_ARM_CHANNELS];
    line->edge.time_ms = toy_arm_time_ns(line->arm.row) / 1000000;
    toy_arm_next(&line->arm, anomaly, values);
    for (size_t c = 0; c < TOY_ARM_CHANNELS; c++)
        edge_node_set(&line->edge, c, (double)values[c]);
}

static void run_line(struct cell *cell, struct line *line, size_t count, double anomaly)
{
    double scored = cell_counter(cell, "kuka1", "scored");
    for (size_t i = 0; i < count; i++) {
        advance(line, anomaly);
        edge_node_publish(&line->edge);
    }
    cell_wait(cell, cell_counter(cell, "kuka1", "scored") >= scored + (double)count - 8, 5000);
}

static void test_sparkplug(void **state)
{
    struct cell *cell = *state;
    static struct line line;
    memset(&line, 0, sizeof line);
    const char *alert = cell_topic("kuka1", "alert");
    configure_sparkplug(cell);
    cell_start(cell);
    start_line(cell, &line);
    advance(&line, 0);
    edge_node_publish(&line.edge);
    advance(&line, 0);
    edge_node_publish(&line.edge);
    cell_wait(cell, source_counter(cell, "robots") == 1, 5000);
    run_line(cell, &line, 40, 0);
    assert_int_equal(cell_counter(cell, "kuka1", "rejected.missing_channel"), 0);
    run_line(cell, &line, 12, GROSS);
    cell_wait(cell, cell_count_alerts(cell, alert, "raised") == 1, 3000);
    run_line(cell, &line, 60, 0);
    cell_wait(cell, cell_count_alerts(cell, alert, "cleared") == 1, 3000);
    /* Taught by hand it is not judged. */
    edge_node_set_text(&line.edge, line.mode, "T1");
    for (size_t i = 0; i < 10; i++) {
        advance(&line, GROSS);
        edge_node_publish(&line.edge);
    }
    cell_wait(cell, cell_counter(cell, "kuka1", "gated") >= 9, 5000);
    edge_node_set_text(&line.edge, line.mode, "AUT");
    run_line(cell, &line, 40, 0);
    /* A value of the past is none of the present. */
    edge_node_publish_historical(&line.edge, 0, 1000, line.edge.time_ms - 60000);
    run_line(cell, &line, 20, 0);
    assert_int_equal(source_counter(cell, "sources.sparkplug.left_out.historical"), 1);
    /* A message is lost: what was held is not known any more, and a rebirth tells it. */
    advance(&line, 0);
    edge_node_lose(&line.edge);
    unsigned births = line.edge.births;
    advance(&line, 0);
    edge_node_publish(&line.edge);
    cell_wait(cell, line.edge.births == births + 1, 5000);
    assert_int_equal(source_counter(cell, "sources.sparkplug.gaps"), 1);
    run_line(cell, &line, 40, 0);
    /* The device dies. */
    edge_node_device_dies(&line.edge);
    cell_wait(cell, tag_counter(cell, "kuka1", "channels_without_value") == TOY_ARM_CHANNELS + 1,
              5000);
    assert_int_equal(cell_count_alerts(cell, alert, "raised"), 1);
    cell_stop(cell);
}

/* A daemon that starts after the births asks for them. */
static void test_sparkplug_late(void **state)
{
    struct cell *cell = *state;
    static struct line line;
    memset(&line, 0, sizeof line);
    configure_sparkplug(cell);
    start_line(cell, &line);
    cell_start(cell);
    advance(&line, 0);
    edge_node_publish(&line.edge);
    cell_wait(cell, line.edge.rebirths == 1, 5000);
    advance(&line, 0);
    edge_node_publish(&line.edge);
    cell_wait(cell, source_counter(cell, "robots") == 1, 5000);
    run_line(cell, &line, 30, 0);
    assert_int_equal(source_counter(cell, "sources.sparkplug.refused.before_birth"), 1);
    cell_stop(cell);
}

#endif

/* ---- a daemon that is fed nonsense */

static void test_wrong_payloads_stop_nothing(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct rng rng;
    rng_init(&rng, 11);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 77);
    configure_assembler(cell, "{\"sources\":[{\"topic\":\"t/{robot}/{channel}\"},{\"topic\":"
                              "\"v/{robot}\",\"each\":\"/m\",\"name\":\"/n\",\"value\":\"/v\","
                              "\"time\":\"/t\"}]}");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    for (int i = 0; i < 1000; i++) {
        unsigned char bytes[64];
        size_t size = (size_t)(rng_next(&rng) % sizeof bytes);
        for (size_t b = 0; b < size; b++)
            bytes[b] = (unsigned char)rng_next(&rng);
        static const char frame[] = "{\"m\":[{\"n\":\"axis1\",\"v\":\"";
        if (i % 3 == 0 && size >= sizeof frame)
            memcpy(bytes, frame, sizeof frame - 1);
        cell_publish(cell, i % 2 ? "t/kuka2/axis1" : "v/kuka2", bytes, size);
        if (i % 100 == 99)
            cell_run(cell, &robot, 5, 0);
    }
    cell_wait(cell, source_counter(cell, "sources.messages") == 1000, 10000);
    cell_run(cell, &robot, 20, GROSS); /* and it sees what it has to see */
    cell_wait(cell, cell_count_alerts(cell, cell_topic("kuka1", "alert"), "raised") == 1, 3000);
    assert_int_equal(cell_count_alerts(cell, cell_topic("kuka2", "alert"), "raised"), 0);
    cell_stop(cell);
}

static void test_a_wrong_file_is_told_at_the_start(void **state)
{
    struct cell *cell = *state;
    configure_assembler(cell,
                        "{\"sources\":[{\"topic\":\"t/{robot}/{channel}\",\"vlaue\":\"/v\"}]}");
    char path[200];
    snprintf(path, sizeof path, "%s/armwatchd.json", cell->daemon->directory);
    cell_write_config(cell);
    assert_int_equal(daemon_process_run(cell->daemon, (const char *[]){"--config", path, NULL}),
                     78);
    assert_int_equal(
        daemon_process_run(cell->daemon, (const char *[]){"--config", path, "--check", NULL}), 78);
    assert_true(
        daemon_process_logged(cell->daemon, "assembler.json: sources[0]: vlaue: unknown key") == 2);
    cell->finished = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_86_tags_each_alone),
        CELL_TEST(test_what_is_missing_is_named),
        CELL_TEST(test_retained_tags),
#if ARMWATCH_SPARKPLUG
        CELL_TEST(test_sparkplug),
        CELL_TEST(test_sparkplug_late),
#endif
        CELL_TEST(test_wrong_payloads_stop_nothing),
        CELL_TEST(test_a_wrong_file_is_told_at_the_start),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
