/* Which model judges which robot: reload, rollback, what is refused, what is remembered. */
#include "swaps.h"

#include "base/clock.h"
#include "base/file.h"
#include "lab/draft.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SPAN SWAPS_SPAN
#define IN_USE "is in use"

static void expect_ok(cJSON *reply, double version)
{
    if (!cJSON_IsTrue(json_at(reply, "ok")) || json_number(reply, "model_version") != version) {
        char *text = cJSON_Print(reply);
        fail_msg("expected ok and version %g: %s", version, text);
    }
    cJSON_Delete(reply);
}

static void reload(struct cell *cell, const char *model, double version)
{
    char body[128];
    snprintf(body, sizeof body, "\"command\":\"reload\",\"model\":\"%s\"", model);
    expect_ok(cell_command(cell, body), version);
}

/* ---- swaps under load
 * -------------------------------------------------------------------------------------- */

static const struct swaps_model versions[] = {{"cell", "cell", 1}, {"cell-v2", "cell", 2}};

static void test_swaps_under_load(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robots[2];
    cell_robot_init(&robots[0], "a", TOY_ARM_CHANNELS, 300);
    cell_robot_init(&robots[1], "b", TOY_ARM_CHANNELS, 301);
    cell_start(cell);
    cell_stream_start(cell, robots, 2);
    cell_wait(cell, robots[0].arm.row > 50, 5000);
    reload(cell, "cell-v2", 2);
    cell_wait(cell, swaps_last_version(cell, "a") == 2 && swaps_last_version(cell, "b") == 2, 5000);
    expect_ok(cell_command(cell, "\"command\":\"rollback\""), 1);
    cell_wait(cell, swaps_last_version(cell, "a") == 1 && swaps_last_version(cell, "b") == 1, 5000);
    expect_ok(cell_command(cell, "\"command\":\"rollback\""), 2); /* forward again */
    cell_wait(cell, swaps_last_version(cell, "a") == 2, 5000);
    cell_refused(cell, "\"command\":\"reload\",\"model\":\"nothing\"", "model_not_found");
    for (int i = 0; i < 20; i++)
        reload(cell, "cell-v2", 2);
    expect_ok(cell_command(cell, "\"command\":\"reload\""), 2); /* the current file again */
    cell_stream_stop(cell);
    for (size_t i = 0; i < 2; i++) {
        swaps_wait(cell, &robots[i]);
        assert_int_equal(swaps_check(cell, &robots[i], 300 + i, versions, 2), 3);
        assert_true(cell_counter(cell, robots[i].name, "gaps") == 0);
        assert_int_equal(cell_count(cell, cell_topic(robots[i].name, "alert")), 0);
    }
    cell_stop(cell);
}

/* An episode outlives the model that raised it. */
static void test_swap_during_an_alert(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 302);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    cell_run(cell, &robot, 10, 4);
    cell_wait(cell, cell_count(cell, "armwatch/robot/a/alert") == 1, 3000);
    reload(cell, "cell-v2", 2);
    cell_run(cell, &robot, 10, 4);
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_count(cell, "armwatch/robot/a/alert") == 2, 3000);
    cJSON *raised = cell_json(cell, "armwatch/robot/a/alert", 0);
    cJSON *cleared = cell_json(cell, "armwatch/robot/a/alert", 1);
    assert_string_equal(json_text(cleared, "type"), "armwatch.alert.cleared");
    assert_string_equal(json_text(cleared, "data.alert_id"), json_text(raised, "data.alert_id"));
    assert_int_equal((int)json_number(cleared, "data.model.version"), 2);
    cJSON_Delete(raised);
    cJSON_Delete(cleared);
    cell_stop(cell);
}

/* ---- bad models
 * -------------------------------------------------------------------------------------------- */

static void write_model(const char *directory, const char *name, const void *data, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s.safetensors", directory, name);
    assert_int_equal(file_write(path, data, size, NULL), 0);
}

static unsigned char *read_model(const char *directory, size_t *ret_size)
{
    char path[256];
    void *data;
    snprintf(path, sizeof path, "%s/cell-v2.safetensors", directory);
    assert_int_equal(file_read(path, MODEL_FILE_MAX, &data, ret_size, NULL), 0);
    return data;
}

/* The hash is right, the last element of a tensor is not. */
static void write_poisoned(const char *directory, const char *name, const char *tensor_name,
                           double value)
{
    size_t size;
    unsigned char *data = read_model(directory, &size);
    struct draft *draft;
    struct safetensors *file;
    assert_int_equal(draft_parse(data, size, &draft, NULL), 0);
    assert_int_equal(safetensors_parse(data, size, &file, NULL), 0);
    const struct safetensors_tensor *tensor = safetensors_find(file, tensor_name);
    assert_non_null(tensor);
    unsigned char *bytes = malloc(tensor->size);
    assert_non_null(bytes);
    memcpy(bytes, tensor->data, tensor->size);
    float narrow = (float)value;
    bool wide = tensor->dtype == SAFETENSORS_F64;
    size_t width = wide ? sizeof value : sizeof narrow;
    memcpy(bytes + tensor->size - width, wide ? (void *)&value : (void *)&narrow, width);
    assert_int_equal(draft_set(draft, tensor_name, tensor->dtype, tensor->shape, bytes), 0);
    void *out;
    size_t out_size;
    assert_int_equal(draft_format(draft, &out, &out_size, NULL), 0);
    write_model(directory, name, out, out_size);
    free(out);
    free(bytes);
    safetensors_free(file);
    draft_free(draft);
    free(data);
}

static void write_bad_models(const char *directory)
{
    size_t size;
    unsigned char *data = read_model(directory, &size);
    write_model(directory, "truncated", data, size / 2);
    write_model(directory, "empty", data, 0);
    data[size - 100] ^= 0x10;
    write_model(directory, "flipped", data, size);
    free(data);
    write_poisoned(directory, "nan", "0.encoder.0.weight", (double)NAN);
    write_poisoned(directory, "selftest", "0.selftest.score", 1e6);
    write_poisoned(directory, "overflow", "0.decoder.0.weight", 3e38);
    char path[256];
    snprintf(path, sizeof path, "%s/directory.safetensors", directory);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void test_bad_models_are_refused(void **state)
{
    static const struct {
        const char *body, *code;
    } cases[] = {
        {"\"model\":\"truncated\"", "model_invalid"},
        {"\"model\":\"empty\"", "model_invalid"},
        {"\"model\":\"flipped\"", "model_invalid"},
        {"\"model\":\"other\"", "model_invalid"}, /* its channels */
        {"\"model\":\"nan\"", "model_invalid"},
        {"\"model\":\"selftest\"", "model_invalid"}, /* found by the scorer */
        {"\"model\":\"overflow\"", "model_invalid"},
        {"\"model\":\"directory\"", "model_invalid"},
        {"\"model\":\"missing\"", "model_not_found"},
        {"\"model\":\"../x\"", "invalid_argument"},
        {"\"model\":\"/etc/passwd\"", "invalid_argument"},
        {"\"model\":\"cell.safetensors\"", "invalid_argument"},
        {"\"model\":7", "invalid_argument"},
        {"\"model\":\"cell-v2\",\"robot\":\"nobody\"", "unknown_robot"},
        {"\"model\":\"cell-v2\",\"robot\":\"a/b\"", "invalid_argument"},
        {"\"model\":\"nan\",\"robot\":\"a\"", "model_invalid"},
    };
    struct cell *cell = *state;
    struct cell_robot robot;
    write_bad_models(cell_own_models(cell));
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 303);
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[160];
        snprintf(body, sizeof body, "\"command\":\"reload\",%s", cases[i].body);
        cell_refused(cell, body, cases[i].code);
        cell_run(cell, &robot, 5, 0);
        assert_true(swaps_last_version(cell, "a") == 1);
    }
    cell_refused(cell, "\"command\":\"rollback\"", "no_previous");
    cell_refused(cell, "\"command\":\"rollback\",\"robot\":\"a\"", "no_previous");
    assert_int_equal(daemon_process_logged(cell->daemon, IN_USE), 0);
    /* The failed reload of robot a alone has not parted it from the default. */
    reload(cell, "cell-v2", 2);
    cell_run(cell, &robot, 5, 0);
    assert_true(swaps_last_version(cell, "a") == 2);
    assert_int_equal(swaps_check(cell, &robot, 303, versions, 2), 1);
    cell_stop(cell);
}

/* A start with a bad model says so, and is no crash loop that hides the reason. */
static void test_start_with_a_bad_model(void **state)
{
    static const char *const names[] = {"truncated", "selftest", "missing"};
    struct cell *cell = *state;
    write_bad_models(cell_own_models(cell));
    for (size_t i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "\"%s\"", names[i]);
        cell_configure(cell, "models.default", text);
        cell_write_config(cell);
        const char *const arguments[] = {"--config", "armwatchd.json", NULL};
        assert_int_equal(daemon_process_run(cell->daemon, arguments), 78);
        snprintf(text, sizeof text, "%s.safetensors", names[i]);
        assert_true(daemon_process_logged(cell->daemon, text) >= 1);
    }
    cell->finished = true;
}

/* ---- commands
 * ---------------------------------------------------------------------------------------------- */

/* Publishes on the control topic; the sender's queue is empty afterwards and the broker has it. */
static void send_control(struct cell *cell, const char *text, bool retained)
{
    const struct mqtt_message message = {.topic = CELL_CONTROL,
                                         .payload = text,
                                         .size = strlen(text),
                                         .qos = 1,
                                         .retained = retained};
    cell->sender->ack_count = 0;
    assert_int_equal(mqtt_client_publish(cell->sender->client, &message, NULL), 0);
    cell_wait(cell, cell->sender->ack_count == 1, 3000);
}

static void test_ids(void **state)
{
    struct cell *cell = *state;
    const char *first = "{\"id\":\"x\",\"command\":\"reload\",\"model\":\"cell-v2\"}";
    const char *second = "{\"id\":\"y\",\"command\":\"reload\",\"model\":\"cell\"}";
    const char *other = "{\"id\":\"x\",\"command\":\"rollback\"}";
    cell_start(cell);
    /* All four are in the daemon's socket when it goes on: only the first is run. */
    daemon_process_signal(cell->daemon, SIGSTOP);
    send_control(cell, first, false);
    send_control(cell, first, false);
    send_control(cell, second, false);
    send_control(cell, other, false);
    daemon_process_signal(cell->daemon, SIGCONT);
    cell_wait(cell, cell_count(cell, CELL_REPLY) == 3, 5000);
    size_t ok = 0, busy = 0, reused = 0;
    for (size_t i = 0; i < 3; i++) {
        cJSON *reply = cell_json(cell, CELL_REPLY, i);
        const cJSON *code = json_at(reply, "error.code");
        ok += cJSON_IsTrue(json_at(reply, "ok"));
        busy += code && !strcmp(code->valuestring, "busy");
        reused += code && !strcmp(code->valuestring, "id_reused");
        cJSON_Delete(reply);
    }
    if (ok != 1 || busy != 1 || reused != 1)
        fail_msg("%zu ok, %zu busy, %zu reused", ok, busy, reused);
    send_control(cell, first, false); /* the same answer again, and nothing is run */
    cell_wait(cell, cell_count(cell, CELL_REPLY) == 4, 5000);
    assert_true(cell_last_says(cell, CELL_REPLY, "id", "x"));
    cJSON *again = cell_last_json(cell, CELL_REPLY);
    assert_true(cJSON_IsTrue(json_at(again, "ok")));
    cJSON_Delete(again);
    send_control(cell, other, false);
    cell_wait(cell, cell_count(cell, CELL_REPLY) == 5, 5000);
    assert_true(cell_last_says(cell, CELL_REPLY, "error.code", "id_reused"));
    send_control(cell, second, false); /* busy stays its answer */
    cell_wait(cell, cell_count(cell, CELL_REPLY) == 6, 5000);
    assert_true(cell_last_says(cell, CELL_REPLY, "error.code", "busy"));
    assert_int_equal(daemon_process_logged(cell->daemon, IN_USE), 1);
    cell_stop(cell);
}

static void test_where_answers_go(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    struct peer *client = harness_online_peer(cell->harness, 2);
    harness_subscribe(cell->harness, client, "answers/#", 1);
    const struct mqtt_message message = {
        .topic = CELL_CONTROL,
        .payload = "{\"id\":\"1\",\"command\":\"status\",\"reply_to\":\"answers/json\"}",
        .size = 55,
        .qos = 1,
        .response_topic = "answers/mqtt5",
        .correlation = "c-1",
        .correlation_size = 3};
    assert_int_equal(message.size, strlen(message.payload));
    assert_int_equal(mqtt_client_publish(client->client, &message, NULL), 0);
    cell_wait(cell, client->message_count == 1, 3000);
    assert_string_equal(client->messages[0].topic, "answers/mqtt5");
    assert_string_equal(client->messages[0].correlation, "c-1");
    assert_int_equal(client->messages[0].qos, 1);
    assert_false(client->messages[0].retained);
    send_control(cell, "{\"id\":\"2\",\"command\":\"reload\",\"reply_to\":\"answers/json\"}",
                 false);
    cell_wait(cell, client->message_count == 2, 3000);
    assert_string_equal(client->messages[1].topic, "answers/json");
    assert_int_equal(cell_count(cell, CELL_REPLY), 0);
    /* A place that nobody can publish to: the usual one. */
    send_control(cell, "{\"id\":\"3\",\"command\":\"status\",\"reply_to\":\"answers/#\"}", false);
    cell_wait(cell, cell_last_says(cell, CELL_REPLY, "id", "3"), 3000);
    cJSON *status = cell_last_json(cell, CELL_REPLY);
    assert_string_equal(json_text(status, "instance"), CELL_INSTANCE);
    assert_string_equal(json_text(status, "state"), "online");
    assert_int_equal((int)json_number(status, "pid"), cell->daemon->pid);
    static const char *const numbers[] = {"robots", "samples", "rejected", "alerts", "uptime"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        json_number(status, numbers[i]);
    cJSON_Delete(status);
    cell_stop(cell);
}

static void test_bad_commands(void **state)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"", "malformed"},
        {"{", "malformed"},
        {"[]", "malformed"},
        {"\"reload\"", "malformed"},
        {"{\"command\":\"status\"} x", "malformed"},
        {"{\"command\":\"reload\",\"command\":\"status\"}", "malformed"},
        {"{\"command\":\"sta\\u0000tus\"}", "malformed"},
        {"{\"id\":7,\"command\":\"status\"}", "malformed"},
        {"{\"id\":\"only\"}", "malformed"},
        {"{\"command\":1}", "malformed"},
        {"{\"id\":\"u\",\"command\":\"destroy\"}", "unknown_command"},
        {"{\"id\":\"r\",\"command\":\"reload\",\"model\":[]}", "invalid_argument"},
    };
    struct cell *cell = *state;
    cell_start(cell);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t before = cell_count(cell, CELL_REPLY);
        send_control(cell, cases[i].text, false);
        cell_wait(cell, cell_count(cell, CELL_REPLY) > before, 3000);
        if (!cell_last_says(cell, CELL_REPLY, "error.code", cases[i].code))
            fail_msg("%s: %s", cases[i].text, cell_last(cell, CELL_REPLY)->payload);
    }
    char *large = calloc(1, 6001);
    assert_non_null(large);
    memset(large, ' ', 6000);
    send_control(cell, large, false);
    free(large);
    size_t count = sizeof cases / sizeof cases[0];
    cell_wait(cell, cell_count(cell, CELL_REPLY) == count + 1, 3000);
    assert_true(cell_last_says(cell, CELL_REPLY, "error.code", "malformed"));
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
    cell_stop(cell);
}

/* It would run again at every reconnect. */
static void test_retained_command(void **state)
{
    struct cell *cell = *state;
    send_control(cell, "{\"id\":\"r\",\"command\":\"reload\",\"model\":\"cell-v2\"}", true);
    cell_start(cell);
    cell_wait(cell, cell_count(cell, CELL_REPLY) == 1, 3000);
    assert_true(cell_last_says(cell, CELL_REPLY, "error.code", "retained"));
    assert_true(cell_last_says(cell, CELL_REPLY, "id", "r"));
    assert_int_equal(daemon_process_logged(cell->daemon, IN_USE), 0);
    /* One that comes while the daemon listens would be run at its next start. */
    send_control(cell, "{\"id\":\"s\",\"command\":\"reload\",\"model\":\"cell-v2\"}", true);
    cell_wait(cell, cell_count(cell, CELL_REPLY) == 2, 3000);
    assert_true(cell_last_says(cell, CELL_REPLY, "error.code", "retained"));
    assert_int_equal(daemon_process_logged(cell->daemon, IN_USE), 0);
    cell_stop(cell);
}

/* ---- what is remembered
 * ------------------------------------------------------------------------------------ */

static double default_version(struct cell *cell)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    double version = json_number(reply, "model_version");
    cJSON_Delete(reply);
    return version;
}

static void test_swap_survives_restarts(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 304);
    cell_start(cell);
    reload(cell, "cell-v2", 2);
    cell_stop(cell);
    cell_start(cell);
    assert_true(default_version(cell) == 2);
    daemon_process_kill(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 5000);
    cell_configure(cell, "scores.rate_hz", "-1"); /* another key is no reason to forget */
    cell_configure(cell, "log.level", "\"debug\"");
    cell_start(cell);
    assert_true(default_version(cell) == 2);
    expect_ok(cell_command(cell, "\"command\":\"rollback\""), 1); /* read from its file */
    reload(cell, "cell-v2", 2);
    cell_stop(cell);
    cell_configure(cell, "models.default", "\"cell-v2\"");
    cell_start(cell);
    assert_true(default_version(cell) == 2);
    cell_refused(cell, "\"command\":\"rollback\"", "no_previous");
    cell_stop(cell);
    cell_configure(cell, "models.default", "\"cell\"");
    cell_start(cell);
    assert_true(default_version(cell) == 1); /* the key was changed: it rules */
    cell_run(cell, &robot, 10, 0);
    cell_stop(cell);
}

static void test_model_of_one_robot(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robots[2];
    cell_robot_init(&robots[0], "a", TOY_ARM_CHANNELS, 305);
    cell_robot_init(&robots[1], "b", TOY_ARM_CHANNELS, 306);
    cell_start(cell);
    for (int i = 0; i < 2; i++)
        cell_run(cell, &robots[i], 10, 0);
    expect_ok(cell_command(cell, "\"command\":\"reload\",\"model\":\"cell-v2\",\"robot\":\"a\""),
              2);
    for (int i = 0; i < 2; i++)
        cell_run(cell, &robots[i], 10, 0);
    assert_true(swaps_last_version(cell, "a") == 2 && swaps_last_version(cell, "b") == 1);
    assert_true(default_version(cell) == 1);
    cell_stop(cell);
    cell_start(cell);
    for (int i = 0; i < 2; i++)
        cell_run(cell, &robots[i], 10, 0);
    assert_true(swaps_last_version(cell, "a") == 2 && swaps_last_version(cell, "b") == 1);
    expect_ok(cell_command(cell, "\"command\":\"rollback\",\"robot\":\"a\""), 1);
    cell_run(cell, &robots[0], 5, 0);
    assert_true(swaps_last_version(cell, "a") == 1);
    cell_stop(cell);
}

/* A saved model that has gone since is no reason not to start. */
static void test_saved_model_has_gone(void **state)
{
    struct cell *cell = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/cell-v2.safetensors", cell_own_models(cell));
    cell_start(cell);
    reload(cell, "cell-v2", 2);
    cell_stop(cell);
    assert_int_equal(unlink(path), 0);
    cell_start(cell);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "degraded"), 3000);
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    assert_true(json_has_text(json_at(status, "reasons"), "model"));
    cJSON_Delete(status);
    assert_true(default_version(cell) == 1);
    cell_stop(cell);
    snprintf(path, sizeof path, "%s/state/state.json", cell->daemon->directory);
    assert_int_equal(file_write(path, "{ torn", 6, NULL), 0);
    cell_start(cell);
    assert_true(default_version(cell) == 1);
    cell_stop(cell);
}

/* ---- everything at once
 * ------------------------------------------------------------------------------------- */

#define CHAOS_ROBOTS 6
#define CHAOS_STEPS 300

static void chaos_step(struct cell *cell, struct rng *rng)
{
    static const char *const names[] = {"cell",     "cell-v2", "flipped",
                                        "selftest", "other",   "nothing"};
    static const char *const defaults[] = {"\"cell\"", "\"cell-v2\"", "\"flipped\""};
    static const char *const robots[] = {"{}", "{\"r1\":\"cell-v2\"}",
                                         "{\"r1\":\"cell\",\"r9\":\"cell-v2\"}",
                                         "{\"r2\":\"nothing\"}"};
    char text[160], robot[32] = "";
    if (rng_below(rng, 2))
        snprintf(robot, sizeof robot, ",\"robot\":\"r%u\"", (unsigned)rng_below(rng, 8));
    switch (rng_below(rng, 8)) {
    case 0:
    case 1:
    case 2:
    case 3:
        snprintf(text, sizeof text, "{\"command\":\"reload\",\"model\":\"%s\"%s}",
                 names[rng_below(rng, 6)], robot);
        break;
    case 4:
        snprintf(text, sizeof text, "{\"command\":\"reload\"%s}", robot);
        break;
    case 5:
        snprintf(text, sizeof text, "{\"command\":\"rollback\"%s}", robot);
        break;
    default:
        cell_configure(cell, "models.default", defaults[rng_below(rng, 3)]);
        cell_configure(cell, "models.robots", robots[rng_below(rng, 4)]);
        cell_write_config(cell);
        daemon_process_signal(cell->daemon, SIGHUP);
        return;
    }
    cell_publish(cell, CELL_CONTROL, text, strlen(text));
}

/* Commands, signals and new robots in every order: no window is lost, and what is asked for last
 * is what counts. */
static void test_chaos(void **state)
{
    static const char *const names[CHAOS_ROBOTS] = {"r0", "r1", "r2", "r3", "r4", "r5"};
    struct cell *cell = *state;
    struct cell_robot robots[CHAOS_ROBOTS];
    struct rng rng;
    const char *seed = getenv("CHAOS_SEED");
    rng_init(&rng, seed ? strtoull(seed, NULL, 10) : 1);
    write_bad_models(cell_own_models(cell));
    for (size_t i = 0; i < CHAOS_ROBOTS; i++)
        cell_robot_init(&robots[i], names[i], TOY_ARM_CHANNELS, 310 + i);
    cell_start(cell);
    cell_stream_start(cell, robots, 2);
    for (int i = 0; i < CHAOS_STEPS; i++) {
        cell->stream.count = 2 + (size_t)i * (CHAOS_ROBOTS - 1) / CHAOS_STEPS;
        chaos_step(cell, &rng);
        if (rng_below(&rng, 3))
            wait_ms(&cell->harness->loop, (int)rng_below(&rng, 20));
    }
    cell_configure(cell, "models.default", "\"cell\"");
    cell_configure(cell, "models.robots", "{\"r3\":\"cell-v2\"}");
    cell_write_config(cell);
    size_t before = daemon_process_logged(cell->daemon, "configuration read again");
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, daemon_process_logged(cell->daemon, "configuration read again") > before, 5000);
    cell_stream_stop(cell);
    for (size_t i = 0; i < CHAOS_ROBOTS; i++)
        cell_wait(cell,
                  cell_counter(cell, names[i], "scored") == (double)robots[i].arm.row - SPAN + 1,
                  5000);
    cJSON *reply = NULL;
    do { /* a swap of the last configuration may still be under way */
        cJSON_Delete(reply);
        reply = cell_command(cell, "\"command\":\"reload\",\"model\":\"cell-v2\"");
    } while (cJSON_IsFalse(json_at(reply, "ok")));
    expect_ok(reply, 2);
    cell_stop(cell);
}

/* ---- several robots
 * ---------------------------------------------------------------------------------------- */

static void send_on(struct cell *cell, const char *topic, const char *text)
{
    cell_publish(cell, topic, text, strlen(text));
}

static void test_two_models_and_templates(void **state)
{
    struct cell *cell = *state;
    cell_configure(
        cell, "topics.samples",
        "[\"plant/kuka/{robot}/velocity\",\"{robot}\",\"armwatch/robot/{robot}/sample\"]");
    cell_configure(cell, "models.robots", "{\"small\":\"other\"}");
    cell_start(cell);
    for (int i = 0; i < SPAN; i++) {
        char four[96], three[96];
        snprintf(four, sizeof four, "{\"time\":%d.%d,\"values\":[%d,2,3,4]}", 1763917200, i, i);
        snprintf(three, sizeof three, "{\"time\":%d.%d,\"values\":[%d,2,3]}", 1763917200, i, i);
        send_on(cell, "plant/kuka/large/velocity", four);
        send_on(cell, "small", three);
    }
    cell_wait(cell, cell_count(cell, "armwatch/robot/large/score") == 1, 3000);
    cell_wait(cell, cell_count(cell, "armwatch/robot/small/score") == 1, 3000);
    assert_true(cell_last_says(cell, "armwatch/robot/large/score", "model", "cell"));
    assert_true(cell_last_says(cell, "armwatch/robot/small/score", "model", "other"));
    assert_true(swaps_last_version(cell, "small") == 7);
    send_on(cell, "plant/kuka/small/velocity", "[1,2,3,4]"); /* the other's channels */
    cell_wait(cell, cell_counter(cell, "small", "rejected.wrong_count") == 1, 3000);
    cell_refused(cell, "\"command\":\"reload\",\"model\":\"cell\",\"robot\":\"small\"",
                 "model_invalid");
    cell_stop(cell);
}

static void test_robots_max_and_names(void **state)
{
    static const char *const invalid[] = {
        "armwatch/robot/r.1/sample", "armwatch/robot/r 1/sample", "armwatch/robot/r\xC3\xBC/sample",
        "armwatch/robot//sample",
        "armwatch/robot/a2345678901234567890123456789012345678901234567890123456789012345/sample"};
    struct cell *cell = *state;
    cell_configure(cell, "robots.max", "2");
    cell_start(cell);
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++)
        send_on(cell, invalid[i], "[1,2,3,4]");
    send_on(cell, "armwatch/robot/one/sample", "[1,2,3,4]");
    send_on(cell,
            "armwatch/robot/a234567890123456789012345678901234567890123456789012345678901234"
            "/sample",
            "[1,2,3,4]");
    send_on(cell, "armwatch/robot/three/sample", "[1,2,3,4]");
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "degraded"), 3000);
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    assert_int_equal((int)json_number(reply, "robots"), 2);
    assert_int_equal((int)json_number(reply, "samples"), 8);
    assert_int_equal((int)json_number(reply, "unassigned.invalid_name"), 5);
    assert_int_equal((int)json_number(reply, "unassigned.robots"), 1);
    assert_true(json_has_text(json_at(reply, "reasons"), "robots"));
    cJSON_Delete(reply);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_swaps_under_load),
        CELL_TEST(test_swap_during_an_alert),
        CELL_TEST(test_bad_models_are_refused),
        CELL_TEST(test_start_with_a_bad_model),
        CELL_TEST(test_ids),
        CELL_TEST(test_where_answers_go),
        CELL_TEST(test_bad_commands),
        CELL_TEST(test_retained_command),
        CELL_TEST(test_swap_survives_restarts),
        CELL_TEST(test_model_of_one_robot),
        CELL_TEST(test_saved_model_has_gone),
        CELL_TEST(test_chaos),
        CELL_TEST(test_two_models_and_templates),
        CELL_TEST(test_robots_max_and_names),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
