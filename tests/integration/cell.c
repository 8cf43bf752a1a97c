#include "cell.h"

#include "base/clock.h"
#include "child.h"
#include "daemon/held.h"
#include "hearing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BURST 25 /* rows that cell_run has under way */

static char models[64];

int cell_group_setup(void **state)
{
    static const struct toy_model all[] = {{"cell", "cell", 1, TOY_ARM_CHANNELS, 1},
                                           {"cell-v2", "cell", 2, TOY_ARM_CHANNELS, 2},
                                           {"other", "other", 7, 3, 3}};
    if (!broker_installed()) {
        print_message("skipped: mosquitto is not installed\n");
        exit(77); /* meson's code for it */
    }
    snprintf(models, sizeof models, "/tmp/armwatch-models-XXXXXX");
    child_make_directory(models);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        toy_arm_train(models, &all[i]);
    return 0;
}

int cell_group_teardown(void **state)
{
    child_remove_directory(models);
    return 0;
}

const char *cell_models(void)
{
    return models;
}

const char *cell_own_models(struct cell *cell)
{
    static char path[128];
    char command[256];
    snprintf(path, sizeof path, "%s/models", cell->daemon->directory);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", models, path);
    assert_int_equal(system(command), 0);
    cell_configure(cell, "models.directory", "\"models\"");
    return path;
}

static void start_peers(struct cell *cell)
{
    cell->sender = harness_online_peer(cell->harness, 0);
    cell->watcher = harness_online_peer(cell->harness, 1);
    static const char *const filters[] = {"armwatch/robot/+/score", "armwatch/robot/+/alert",
                                          "armwatch/robot/+/state", "armwatch/service/#"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        harness_subscribe(cell->harness, cell->watcher, filters[i], 1);
}

int cell_setup(void **state)
{
    struct cell *cell = calloc(1, sizeof *cell);
    assert_non_null(cell);
    if (harness_setup((void **)&cell->harness) != 0)
        return -1;
    *state = cell;
    harness_broker(cell->harness,
                   &(struct broker_options){.lines = "max_queued_messages 0", .unix_socket = true});
    cell->daemon = daemon_process_new();
    cell->config = cJSON_CreateObject();
    char text[160];
    cell_configure(cell, "instance", "\"" CELL_INSTANCE "\"");
    snprintf(text, sizeof text, "\"%s\"", broker_url(cell->harness->broker));
    cell_configure(cell, "mqtt.url", text);
    snprintf(text, sizeof text, "\"%s\"", models);
    cell_configure(cell, "models.directory", text);
    cell_configure(cell, "models.default", "\"cell\"");
    snprintf(text, sizeof text, "%g", CELL_FALSE_ALARMS);
    cell_configure(cell, "alerts.false_alarms_per_day", text);
    cell_configure(cell, "scores.rate_hz", "-1");
    cell_configure(cell, "state_directory", "\"state\"");
    cell_configure(cell, "http.listen", "\"127.0.0.1:0\"");
    start_peers(cell);
    return 0;
}

int cell_teardown(void **state)
{
    struct cell *cell = *state;
    cell_stream_stop(cell);
    if (cell->daemon && !cell->finished)
        daemon_process_print_log(cell->daemon);
    daemon_process_free(cell->daemon);
    cJSON_Delete(cell->config);
    int r = harness_teardown((void **)&cell->harness);
    free(cell);
    return r;
}

void cell_configure(struct cell *cell, const char *path, const char *json)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    cJSON *object = cell->config, *value = cJSON_Parse(json);
    assert_non_null(value);
    char *rest = copy, *part = strsep(&rest, ".");
    while (rest) {
        cJSON *next = cJSON_GetObjectItemCaseSensitive(object, part);
        object = next ? next : cJSON_AddObjectToObject(object, part);
        part = strsep(&rest, ".");
    }
    cJSON_DeleteItemFromObjectCaseSensitive(object, part);
    cJSON_AddItemToObject(object, part, value);
}

void cell_write_config(struct cell *cell)
{
    char *text = cJSON_Print(cell->config);
    daemon_process_configure(cell->daemon, text);
    cJSON_free(text);
}

void cell_start(struct cell *cell)
{
    cell_write_config(cell);
    size_t before = cell_count(cell, CELL_STATUS);
    daemon_process_start(cell->daemon);
    cell_wait(cell,
              (daemon_process_assert_alive(cell->daemon),
               cell_count(cell, CELL_STATUS) > before &&
                   !cell_last_says(cell, CELL_STATUS, "state", "offline")),
              10000);
}

double cell_stop(struct cell *cell)
{
    double took_s = daemon_process_stop(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 5000);
    cell->finished = true;
    return took_s;
}

static bool peers_online(const struct cell *cell)
{
    return mqtt_client_online(cell->sender->client) && mqtt_client_online(cell->watcher->client);
}

void cell_end_broker(struct cell *cell, void (*end)(struct broker *broker))
{
    end(cell->harness->broker);
    cell_wait(cell,
              !mqtt_client_online(cell->sender->client) &&
                  !mqtt_client_online(cell->watcher->client),
              10000);
}

void cell_start_broker(struct cell *cell, const struct broker_options *options)
{
    broker_start(cell->harness->broker, options);
    cell_wait(cell, peers_online(cell), 15000);
}

void cell_restart_broker(struct cell *cell, const struct broker_options *options)
{
    cell_end_broker(cell, broker_stop);
    cell_start_broker(cell, options);
}

void cell_fail(struct cell *cell, const char *file, int line, const char *what)
{
    if (cell->daemon)
        daemon_process_print_log(cell->daemon);
    fail_msg("%s:%d: did not come true: %s", file, line, what);
}

/* ---- what was sent
 * -------------------------------------------------------------------------------------------- */

void cell_publish(struct cell *cell, const char *topic, const void *payload, size_t size)
{
    const struct mqtt_message message = {.topic = topic, .payload = payload, .size = size};
    int r;
    while ((r = mqtt_client_publish(cell->sender->client, &message, NULL)) == -EAGAIN)
        uv_run(&cell->harness->loop, UV_RUN_ONCE);
    if (r < 0)
        fail_msg("publish on %s: %s", topic, strerror(-r));
}

void cell_robot_init(struct cell_robot *robot, const char *name, size_t channels, uint64_t seed)
{
    robot->name = name;
    toy_arm_init(&robot->arm, channels, seed);
}

#define ROW_TEXT_MAX 512

static size_t format_next_row(struct cell_robot *robot, double anomaly, char text[ROW_TEXT_MAX])
{
    char time[CLOCK_RFC3339_MAX];
    float values[TOY_ARM_CHANNELS];
    uint64_t seq = robot->arm.row;
    clock_format_rfc3339(toy_arm_time_ns(robot->arm.row), time);
    toy_arm_next(&robot->arm, anomaly, values);
    int size = snprintf(text, ROW_TEXT_MAX, "{\"time\":\"%s\",\"seq\":%llu,\"values\":[", time,
                        (unsigned long long)seq);
    for (size_t c = 0; c < robot->arm.channels; c++)
        size += snprintf(text + size, ROW_TEXT_MAX - (size_t)size, "%s%.9g", c ? "," : "",
                         (double)values[c]);
    size += snprintf(text + size, ROW_TEXT_MAX - (size_t)size, "]}");
    return (size_t)size;
}

uint64_t cell_send(struct cell *cell, struct cell_robot *robot, double anomaly)
{
    char text[ROW_TEXT_MAX];
    uint64_t seq = robot->arm.row;
    size_t size = format_next_row(robot, anomaly, text);
    cell_publish(cell, cell_topic(robot->name, "sample"), text, size);
    hearing_judged("sample", text, size, true);
    return seq;
}

void cell_send_if_possible(struct cell *cell, struct cell_robot *robot, double anomaly)
{
    char text[ROW_TEXT_MAX];
    const struct mqtt_message message = {.topic = cell_topic(robot->name, "sample"),
                                         .payload = text,
                                         .size = format_next_row(robot, anomaly, text)};
    mqtt_client_publish(cell->sender->client, &message, NULL);
}

static bool was_scored(const struct cell *cell, const char *robot, uint64_t seq)
{
    cJSON *score = cell_last_json(cell, cell_topic(robot, "score"));
    bool yes = score && json_number(score, "seq") >= (double)seq;
    cJSON_Delete(score);
    return yes;
}

void cell_run(struct cell *cell, struct cell_robot *robot, size_t rows, double anomaly)
{
    for (size_t i = 0; i < rows; i++) {
        uint64_t seq = cell_send(cell, robot, anomaly);
        if ((i + 1) % BURST == 0 || i + 1 == rows)
            cell_wait(cell, was_scored(cell, robot->name, seq), 5000);
    }
}

static void on_stream(uv_timer_t *timer)
{
    struct cell *cell = timer->data;
    for (size_t i = 0; i < cell->stream.count; i++) {
        if (mqtt_client_online(cell->sender->client))
            cell_send(cell, &cell->stream.robots[i], 0);
    }
}

void cell_stream_start(struct cell *cell, struct cell_robot *robots, size_t count)
{
    cell->stream.robots = robots;
    cell->stream.count = count;
    cell->stream.open = true;
    cell->stream.timer.data = cell;
    uv_timer_init(&cell->harness->loop, &cell->stream.timer);
    uv_timer_start(&cell->stream.timer, on_stream, 0, 10);
}

void cell_stream_stop(struct cell *cell)
{
    if (!cell->stream.open)
        return;
    cell->stream.open = false;
    uv_close((uv_handle_t *)&cell->stream.timer, NULL);
    uv_run(&cell->harness->loop, UV_RUN_NOWAIT);
}

/* ---- what the daemon said
 * ------------------------------------------------------------------------------------- */

const char *cell_topic(const char *robot, const char *leaf)
{
    static char topics[4][160];
    static unsigned next;
    char *topic = topics[next++ % 4];
    snprintf(topic, sizeof topics[0], "armwatch/robot/%s/%s", robot, leaf);
    return topic;
}

const struct peer_message *cell_last(const struct cell *cell, const char *topic)
{
    for (size_t i = cell->watcher->message_count; i > 0; i--) {
        if (!strcmp(cell->watcher->messages[i - 1].topic, topic))
            return &cell->watcher->messages[i - 1];
    }
    return NULL;
}

size_t cell_count(const struct cell *cell, const char *topic)
{
    size_t count = 0;
    for (size_t i = 0; i < cell->watcher->message_count; i++)
        count += !strcmp(cell->watcher->messages[i].topic, topic);
    return count;
}

static cJSON *parse(const struct peer_message *message)
{
    struct diag diag = DIAG_INIT;
    cJSON *tree = json_parse(message->payload, message->size, &diag);
    if (!tree)
        fail_msg("%s: %s: %s", message->topic, diag.text, message->payload);
    return tree;
}

cJSON *cell_json(const struct cell *cell, const char *topic, size_t nth)
{
    size_t count = 0;
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        const struct peer_message *message = &cell->watcher->messages[i];
        if (!strcmp(message->topic, topic) && count++ == nth)
            return parse(message);
    }
    fail_msg("%zu messages on %s, number %zu is wanted", count, topic, nth);
    return NULL;
}

cJSON *cell_last_json(const struct cell *cell, const char *topic)
{
    const struct peer_message *message = cell_last(cell, topic);
    return message ? parse(message) : NULL;
}

bool cell_last_says(const struct cell *cell, const char *topic, const char *path, const char *text)
{
    cJSON *tree = cell_last_json(cell, topic);
    const cJSON *item = tree ? json_at(tree, path) : NULL;
    bool yes = cJSON_IsString(item) && !strcmp(item->valuestring, text);
    cJSON_Delete(tree);
    return yes;
}

static cJSON *find_reply(const struct cell *cell, const char *id)
{
    for (size_t i = cell->watcher->message_count; i > 0; i--) {
        const struct peer_message *message = &cell->watcher->messages[i - 1];
        if (strcmp(message->topic, CELL_REPLY) != 0 || !strstr(message->payload, id))
            continue;
        cJSON *tree = parse(message);
        const cJSON *found = json_at(tree, "id");
        if (cJSON_IsString(found) && !strcmp(found->valuestring, id))
            return tree;
        cJSON_Delete(tree);
    }
    return NULL;
}

/* Whether a command was understood, whatever came of it. */
static bool is_well_formed(const cJSON *reply)
{
    static const char *const codes[] = {"malformed", "unknown_command", "invalid_argument"};
    const cJSON *code = json_at(reply, "error.code");
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (cJSON_IsString(code) && !strcmp(code->valuestring, codes[i]))
            return false;
    }
    return true;
}

cJSON *cell_command(struct cell *cell, const char *body)
{
    char id[32], text[1024];
    snprintf(id, sizeof id, "test-%u", ++cell->commands);
    snprintf(text, sizeof text, "{\"id\":\"%s\",%s}", id, body);
    cell_publish(cell, CELL_CONTROL, text, strlen(text));
    cJSON *reply = NULL;
    cell_wait(cell, (reply = find_reply(cell, id)), 10000);
    hearing_judged("control", text, strlen(text), is_well_formed(reply));
    return reply;
}

void cell_refused(struct cell *cell, const char *body, const char *code)
{
    cJSON *reply = cell_command(cell, body);
    if (!cJSON_IsFalse(json_at(reply, "ok")) || strcmp(json_text(reply, "error.code"), code) != 0) {
        char *text = cJSON_Print(reply);
        fail_msg("%s: expected %s: %s", body, code, text);
    }
    cJSON_Delete(reply);
}

/* The answer to a command that changes something, also to one that is refused, waits for the disk:
   for HELD_MS at most, so that one that came sooner has not waited in vain. */
void cell_settle(struct cell *cell)
{
    uint64_t end_ns = uv_hrtime() + UINT64_C(20000000000) * TIME_SCALE, asked_ns;
    do {
        asked_ns = uv_hrtime();
        if (asked_ns > end_ns)
            cell_fail(cell, __FILE__, __LINE__, "the disk has everything");
        cell_refused(cell, "\"command\":\"ack\",\"alert_id\":\"0\",\"verdict\":\"false\"",
                     "unknown_alert");
    } while (uv_hrtime() - asked_ns >= HELD_MS * UINT64_C(1000000));
}

double cell_counter(struct cell *cell, const char *robot, const char *path)
{
    char body[160], full[96];
    snprintf(body, sizeof body, "\"command\":\"status\",\"robot\":\"%s\"", robot);
    snprintf(full, sizeof full, "counters.%s", path);
    cJSON *reply = cell_command(cell, body);
    const cJSON *list = json_at(reply, "robot_states");
    assert_int_equal(cJSON_GetArraySize(list), 1);
    const cJSON *item = json_at(list->child, full);
    double value = cJSON_IsNumber(item) ? item->valuedouble : 0;
    cJSON_Delete(reply);
    return value;
}

/* ---- JSON by path
 * --------------------------------------------------------------------------------------------- */

const cJSON *json_at(const cJSON *tree, const char *path)
{
    char copy[128];
    snprintf(copy, sizeof copy, "%s", path);
    char *rest = copy;
    while (tree && rest)
        tree = cJSON_GetObjectItemCaseSensitive(tree, strsep(&rest, "."));
    return tree;
}

double json_number(const cJSON *tree, const char *path)
{
    const cJSON *item = json_at(tree, path);
    if (!cJSON_IsNumber(item))
        fail_msg("%s is %s", path, item ? json_type_name(item) : "not there");
    return item->valuedouble;
}

const char *json_text(const cJSON *tree, const char *path)
{
    const cJSON *item = json_at(tree, path);
    if (!cJSON_IsString(item))
        fail_msg("%s is %s", path, item ? json_type_name(item) : "not there");
    return item->valuestring;
}

bool json_has_text(const cJSON *array, const char *text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (cJSON_IsString(item) && !strcmp(item->valuestring, text))
            return true;
    }
    return false;
}

size_t cell_count_alerts(const struct cell *cell, const char *topic, const char *type)
{
    size_t distinct = 0, count = cell_count(cell, topic);
    char full[64];
    snprintf(full, sizeof full, "armwatch.alert.%s", type);
    for (size_t i = 0; i < count; i++) {
        cJSON *one = cell_json(cell, topic, i);
        bool known = strcmp(json_text(one, "type"), full) != 0;
        for (size_t j = 0; j < i && !known; j++) {
            cJSON *other = cell_json(cell, topic, j);
            known = !strcmp(json_text(one, "id"), json_text(other, "id"));
            cJSON_Delete(other);
        }
        distinct += !known;
        cJSON_Delete(one);
    }
    return distinct;
}
