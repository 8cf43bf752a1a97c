/* Which files may become a model: broken, unsigned, tampered with, older, or changing while they
 * are read; and what a storm of commands does to the robots. */
#include "swaps.h"

#include "base/clock.h"
#include "base/file.h"
#include "model/safetensors.h"
#include "model/signature_key.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* Version 1 each, so that one may follow the other for ever. */
static const struct swaps_model twins[] = {{"cell", "cell", 1}, {"twin", "twin", 1}};
static const struct swaps_model versions[] = {{"cell", "cell", 1}, {"cell-v2", "cell", 2}};

static struct signature_private signing_key, other_key;

static int group_setup(void **state)
{
    int r = cell_group_setup(state);
    if (r == 0)
        toy_arm_train(cell_models(), &(struct toy_model){"twin", "twin", 1, TOY_ARM_CHANNELS, 4});
    return r < 0 ? r : signature_generate(&signing_key) | signature_generate(&other_key);
}

/* ---- files ---- */

static const char *model_path(const char *directory, const char *file_name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s.safetensors", directory, file_name);
    return path;
}

static unsigned char *read_model(const char *directory, const char *file_name, size_t *ret_size)
{
    void *data;
    struct diag diag = DIAG_INIT;
    if (file_read(model_path(directory, file_name), MODEL_FILE_MAX, &data, ret_size, &diag) < 0)
        fail_msg("%s", diag.text);
    return data;
}

/* In place, as cp does. */
static void overwrite(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb");
    if (!stream || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
        fail_msg("%s: %s", path, strerror(errno));
}

static void copy_model(const char *directory, const char *from, const char *to)
{
    size_t size;
    unsigned char *data = read_model(directory, from, &size);
    assert_int_equal(file_write(model_path(directory, to), data, size, NULL), 0);
    free(data);
}

static void sign(const char *directory, const char *file_name, const struct signature_private *key)
{
    size_t size;
    char path[300];
    unsigned char signature[SIGNATURE_SIZE], *data = read_model(directory, file_name, &size);
    assert_int_equal(signature_sign(key, data, size, signature), 0);
    free(data);
    snprintf(path, sizeof path, "%s.sig", model_path(directory, file_name));
    assert_int_equal(file_write(path, signature, sizeof signature, NULL), 0);
}

static void remove_signature(const char *directory, const char *file_name)
{
    char path[300];
    snprintf(path, sizeof path, "%s.sig", model_path(directory, file_name));
    assert_int_equal(unlink(path), 0);
}

/* The key beside the configuration, or where systemd would put it. */
static void write_key(const char *directory, const char *name)
{
    char public_path[160], private_path[160];
    struct diag diag = DIAG_INIT;
    snprintf(public_path, sizeof public_path, "%s/%s", directory, name);
    snprintf(private_path, sizeof private_path, "%s/private.key", directory);
    unlink(private_path);
    if (signature_key_write(&signing_key, private_path, public_path, &diag) < 0)
        fail_msg("%s", diag.text);
}

static void require_signatures(struct cell *cell)
{
    cell_configure(cell, "models.signature", "\"require\"");
    cell_configure(cell, "models.public_key_file", "\"model-pub.key\"");
}

/* ---- commands ---- */

static void reload_refused(struct cell *cell, const char *file_name, const char *code)
{
    char body[128];
    snprintf(body, sizeof body, "\"command\":\"reload\",\"model\":\"%s\"", file_name);
    cJSON *reply = cell_command(cell, body);
    if (!cJSON_IsFalse(json_at(reply, "ok")) || strcmp(json_text(reply, "error.code"), code) != 0 ||
        strlen(json_text(reply, "error.message")) < 10) {
        char *text = cJSON_Print(reply);
        fail_msg("%s: expected %s: %s", body, code, text);
    }
    cJSON_Delete(reply);
}

static void reload_ok(struct cell *cell, const char *file_name, const char *signature)
{
    char body[128];
    snprintf(body, sizeof body, "\"command\":\"reload\",\"model\":\"%s\"", file_name);
    cJSON *reply = cell_command(cell, body);
    if (!cJSON_IsTrue(json_at(reply, "ok")) ||
        strcmp(json_text(reply, "signature"), signature) != 0) {
        char *text = cJSON_Print(reply);
        fail_msg("%s: expected ok, %s: %s", body, signature, text);
    }
    cJSON_Delete(reply);
}

static double default_version(struct cell *cell)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    double version = json_number(reply, "model_version");
    cJSON_Delete(reply);
    return version;
}

/* "model" is, or is not, among the reasons of the status. */
static bool in_doubt(const struct cell *cell)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    bool doubt = json_has_text(json_at(status, "reasons"), "model");
    cJSON_Delete(status);
    return doubt;
}

/* ---- broken files
 * -------------------------------------------------------------------------------------------- */

#define CUTS (400 / TIME_SCALE)

/* What no part of a file may look like, whatever its hash says. */
static void refuse_crafted(struct cell *cell, const char *path, const unsigned char *good,
                           size_t size)
{
    static const uint64_t lengths[] = {UINT64_C(1) << 63, UINT64_C(100) << 20, UINT64_MAX, 0};
    static const char *const headers[] = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"};
    unsigned char *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, good, size);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memcpy(copy, &lengths[i], sizeof lengths[i]);
        overwrite(path, copy, size);
        reload_refused(cell, "victim", "model_invalid");
    }
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        uint64_t length = strlen(headers[i]);
        memcpy(copy, &length, sizeof length);
        memcpy(copy + sizeof length, headers[i], length);
        memcpy(copy + sizeof length + length, "12345678", 8);
        overwrite(path, copy, sizeof length + length + 8);
        reload_refused(cell, "victim", "model_invalid");
    }
    free(copy);
}

static void test_broken_files_change_nothing(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    size_t size;
    const char *directory = cell_own_models(cell);
    unsigned char *data = read_model(directory, "cell-v2", &size);
    char path[256];
    snprintf(path, sizeof path, "%s", model_path(directory, "victim"));
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 400);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    for (size_t i = 0; i < CUTS; i++) {
        size_t length = i < 20 ? i : size * i / CUTS;
        overwrite(path, data, length);
        reload_refused(cell, "victim", "model_invalid");
    }
    for (size_t i = 0; i < CUTS; i++) {
        size_t at = i < 20 ? i : size * i / CUTS;
        data[at] ^= (unsigned char)(1U << i % 8);
        overwrite(path, data, size);
        data[at] ^= (unsigned char)(1U << i % 8);
        reload_refused(cell, "victim", "model_invalid");
    }
    refuse_crafted(cell, path, data, size);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(model_path(directory, "cell-v2"), path), 0);
    reload_refused(cell, "victim", "model_invalid");
    cell_stream_stop(cell);
    swaps_wait(cell, &robot);
    assert_int_equal(swaps_check(cell, &robot, 400, versions, 2), 0);
    assert_true(robot.arm.row > 4 * SWAPS_SPAN);
    free(data);
    cell_stop(cell);
}

/* ---- signatures and versions
 * -------------------------------------------------------------------------------------------- */

static void tamper(const char *directory, const char *file_name)
{
    size_t size;
    unsigned char *data = read_model(directory, file_name, &size);
    /* What neither hash nor self-test can tell: another name for a unit of a channel, say. */
    data[size / 2] ^= 1;
    overwrite(model_path(directory, file_name), data, size);
    free(data);
}

static void test_what_is_not_signed_is_refused(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    const char *directory = cell_own_models(cell);
    write_key(cell->daemon->directory, "model-pub.key");
    require_signatures(cell);
    sign(directory, "cell", &signing_key);
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 401);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    reload_refused(cell, "cell-v2", "signature");
    sign(directory, "cell-v2", &other_key);
    reload_refused(cell, "cell-v2", "signature");
    sign(directory, "cell-v2", &signing_key);
    tamper(directory, "cell-v2");
    reload_refused(cell, "cell-v2", "signature");
    tamper(directory, "cell-v2");
    copy_model(directory, "twin", "stranger");
    sign(directory, "stranger", &signing_key);
    copy_model(directory, "cell-v2", "stranger");
    reload_refused(cell, "stranger", "signature");
    assert_int_equal(daemon_process_logged(cell->daemon, "refused (signature)"), 4);
    assert_int_equal(daemon_process_logged(cell->daemon, "is in use"), 0);
    cell_wait(cell, robot.arm.row > 50, 5000);
    reload_ok(cell, "cell-v2", "valid");
    cell_wait(cell, swaps_last_version(cell, "a") == 2, 5000);
    cell_stream_stop(cell);
    swaps_wait(cell, &robot);
    assert_int_equal(swaps_check(cell, &robot, 401, versions, 2), 1);
    cell_stop(cell);
}

static void test_an_older_version_needs_a_rollback(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 402);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    cell_wait(cell, robot.arm.row > 20, 5000);
    reload_ok(cell, "cell-v2", "unchecked");
    cell_wait(cell, swaps_last_version(cell, "a") == 2, 5000);
    reload_refused(cell, "cell", "downgrade");
    cell_stream_stop(cell);
    swaps_wait(cell, &robot);
    assert_int_equal(swaps_check(cell, &robot, 402, versions, 2), 1);
    cell_stop(cell);
    cell_start(cell);
    reload_refused(cell, "cell", "downgrade");
    daemon_process_kill(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 5000);
    cell_start(cell);
    reload_refused(cell, "cell", "downgrade");
    cJSON *reply = cell_command(cell, "\"command\":\"rollback\"");
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
    assert_true(default_version(cell) == 1);
    cell_stop(cell);
    cell_start(cell);
    assert_true(default_version(cell) == 1);
    assert_false(in_doubt(cell));
    cell_stop(cell);
}

/* The file of the model in use was replaced by an older one while nobody looked. */
static void test_a_start_with_an_older_file_watches_and_says_so(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    const char *directory = cell_own_models(cell);
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 403);
    cell_configure(cell, "models.default", "\"used\"");
    copy_model(directory, "cell-v2", "used");
    cell_start(cell); /* and no command: the start alone accepts it */
    assert_false(in_doubt(cell));
    cell_stop(cell);
    copy_model(directory, "cell", "used");
    for (int i = 0; i < 2; i++) {
        cell_start(cell);
        cell_wait(cell, in_doubt(cell), 3000);
        cell_run(cell, &robot, 10, 0);
        assert_true(swaps_last_version(cell, "a") == 1);
        reload_refused(cell, "used", "downgrade");
        cell_stop(cell);
    }
    assert_true(daemon_process_logged(cell->daemon, "used is used, for there is nothing else") > 0);
    cell_start(cell);
    reload_ok(cell, "cell-v2", "unchecked");
    cell_wait(cell, !in_doubt(cell), 3000);
    cell_stop(cell);
}

static void expect_no_start(struct cell *cell, const char *why)
{
    const char *const arguments[] = {"--config", "armwatchd.json", NULL};
    size_t before = daemon_process_logged(cell->daemon, why);
    cell_write_config(cell);
    assert_int_equal(daemon_process_run(cell->daemon, arguments), 78);
    if (daemon_process_logged(cell->daemon, why) == before)
        cell_fail(cell, __FILE__, __LINE__, why);
}

static void test_starts_by_policy(void **state)
{
    struct cell *cell = *state;
    char credentials[128];
    const char *directory = cell_own_models(cell);
    cell_configure(cell, "models.signature", "\"require\"");
    expect_no_start(cell, "models.signature: require needs models.public_key_file");
    require_signatures(cell);
    expect_no_start(cell, "models.public_key_file: model-pub.key: not readable");
    snprintf(credentials, sizeof credentials, "%s/credentials", cell->daemon->directory);
    assert_int_equal(mkdir(credentials, 0700), 0);
    write_key(credentials, "armwatch.model-pub.key");
    snprintf(cell->daemon->environment[0], sizeof cell->daemon->environment[0],
             "CREDENTIALS_DIRECTORY=%s", credentials);
    expect_no_start(cell, "cell.safetensors: not signed");
    sign(directory, "cell", &other_key);
    expect_no_start(cell, "not the signature of this file by the key");
    cell_configure(cell, "models.signature", "\"warn\"");
    cell_start(cell);
    reload_ok(cell, "cell-v2", "missing");
    reload_ok(cell, "cell-v2", "missing");
    assert_false(in_doubt(cell));
    assert_int_equal(
        daemon_process_logged(cell->daemon, "warning: models/cell-v2.safetensors: not signed"), 2);
    cell_stop(cell);
    cell_configure(cell, "models.signature", "\"require\"");
    sign(directory, "cell", &signing_key);
    cell_start(cell); /* the operator's choice is not signed: the configured one is used */
    assert_true(default_version(cell) == 1);
    cell_wait(cell, in_doubt(cell), 3000);
    cell_stop(cell);
}

static void test_a_policy_that_changes(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    const char *directory = cell_own_models(cell);
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 404);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    require_signatures(cell);
    cell_write_config(cell);
    daemon_process_signal(cell->daemon, SIGHUP); /* there is no key yet */
    cell_wait(cell,
              daemon_process_logged(
                  cell->daemon, "configuration not changed: models.public_key_file: model-pub.key"),
              3000);
    assert_false(in_doubt(cell));
    write_key(cell->daemon->directory, "model-pub.key");
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, in_doubt(cell), 3000); /* the model in use is not signed: it goes on */
    sign(directory, "cell", &signing_key);
    reload_ok(cell, "cell", "valid");
    cell_wait(cell, !in_doubt(cell), 3000);
    remove_signature(directory, "cell");
    reload_refused(cell, "cell", "signature");
    cell_stream_stop(cell);
    swaps_wait(cell, &robot);
    assert_int_equal(swaps_check(cell, &robot, 404, versions, 2), 0);
    cell_stop(cell);
}

/* ---- files that change
 * -------------------------------------------------------------------------------------------- */

#define RACES (1000 / (SANITIZED ? 4 : 1))

static struct {
    atomic_bool running;
    char path[256];
    unsigned char *data[2];
    size_t size[2];
} race;

static void *replace(void *unused)
{
    for (unsigned i = 0; atomic_load(&race.running); i++) {
        unsigned which = i & 1;
        const unsigned char *data = race.data[which];
        size_t size = race.size[which];
        int fd;
        switch (i / 2 % 3) {
        case 0: /* whole, by rename */
            file_write(race.path, data, size, NULL);
            break;
        case 1: /* in place, in two parts */
            fd = open(race.path, O_WRONLY | O_TRUNC | O_CLOEXEC);
            if (write(fd, data, size / 2) < 0 || sched_yield() < 0 ||
                write(fd, data + size / 2, size - size / 2) < 0)
                return &race;
            close(fd);
            break;
        case 2: /* cut short */
            if (truncate(race.path, (off_t)(size / 3)) < 0)
                return &race;
            break;
        }
    }
    return NULL;
}

static void test_a_file_that_changes_while_it_is_read(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    unsigned loaded[2] = {0}, refused = 0;
    const char *directory = cell_own_models(cell);
    for (size_t i = 0; i < 2; i++)
        race.data[i] = read_model(directory, twins[i].file_name, &race.size[i]);
    snprintf(race.path, sizeof race.path, "%s", model_path(directory, "victim"));
    overwrite(race.path, race.data[0], race.size[0]);
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 405);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    pthread_t thread;
    atomic_store(&race.running, true);
    assert_int_equal(pthread_create(&thread, NULL, replace, NULL), 0);
    for (int i = 0; i < RACES; i++) {
        cJSON *reply = cell_command(cell, "\"command\":\"reload\",\"model\":\"victim\"");
        if (cJSON_IsTrue(json_at(reply, "ok")))
            loaded[!strcmp(json_text(reply, "model"), "twin")]++;
        else if (!strcmp(json_text(reply, "error.code"), "model_invalid"))
            refused++;
        else
            fail_msg("%s", json_text(reply, "error.message"));
        cJSON_Delete(reply);
    }
    atomic_store(&race.running, false);
    void *failed;
    assert_int_equal(pthread_join(thread, &failed), 0);
    assert_null(failed);
    cell_stream_stop(cell);
    swaps_wait(cell, &robot);
    swaps_check(cell, &robot, 405, twins, 2);
    assert_true(loaded[0] > 0 && loaded[1] > 0 && refused > 0);
    for (size_t i = 0; i < 2; i++)
        free(race.data[i]);
    cell_stop(cell);
}

static void test_the_directory_is_watched(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    const char *directory = cell_own_models(cell);
    copy_model(directory, "cell", "used");
    cell_configure(cell, "models.default", "\"used\"");
    cell_configure(cell, "models.watch", "true");
    cell_robot_init(&robot, "a", TOY_ARM_CHANNELS, 406);
    cell_start(cell);
    cell_stream_start(cell, &robot, 1);
    cell_wait(cell, robot.arm.row > 20, 5000);
    copy_model(directory, "cell-v2", "used");
    cell_wait(cell, swaps_last_version(cell, "a") == 2, 5000);
    assert_false(in_doubt(cell));
    assert_int_equal(daemon_process_logged(cell->daemon, "audit: directory watch: reload used: "
                                                         "cell version 2 is in use"),
                     1);
    copy_model(directory, "cell", "used");
    cell_wait(cell, in_doubt(cell), 5000);
    assert_int_equal(daemon_process_logged(cell->daemon,
                                           "audit: directory watch: reload used: refused "
                                           "(downgrade)"),
                     1);
    overwrite(model_path(directory, "used"), "{}", 2);
    cell_wait(cell, daemon_process_logged(cell->daemon, "refused (model_invalid)") == 1, 5000);
    copy_model(directory, "cell-v2", "used");
    cell_wait(cell, !in_doubt(cell), 5000);
    cell_stream_stop(cell);
    swaps_wait(cell, &robot);
    assert_int_equal(swaps_check(cell, &robot, 406, versions, 2), 1);
    cell_stop(cell);
}

/* ---- a storm
 * -------------------------------------------------------------------------------------------- */

#define STORM_HZ (1000 / (TIME_SCALE * TIME_SCALE))
#define STORM_ROBOTS 2
#define STALL_MS 500 /* far over what a busy machine adds */
#define LATENCIES_MAX 200000

/* From a sample to its score, as the sender sees it. */
static struct {
    struct cell *cell;
    int64_t *sent_ns; /* [LATENCIES_MAX] by row of robot "a" */
    double ms[LATENCIES_MAX];
    size_t count;
} latencies;

static void on_storm_timer(uv_timer_t *timer)
{
    struct cell *cell = timer->data;
    for (size_t i = 0; i < cell->stream.count; i++) {
        uint64_t seq = cell_send(cell, &cell->stream.robots[i], 0);
        if (i == 0 && seq < LATENCIES_MAX)
            latencies.sent_ns[seq] = clock_monotonic_ns();
    }
}

static void on_storm_message(struct peer *peer, const struct mqtt_message *message)
{
    const char *seq = memmem(message->payload, message->size, "\"seq\":", 6);
    if (!seq || strcmp(message->topic, "armwatch/robot/a/score") != 0)
        return;
    unsigned long row = strtoul(seq + 6, NULL, 10);
    if (row < LATENCIES_MAX && latencies.count < LATENCIES_MAX)
        latencies.ms[latencies.count++] =
            (double)(clock_monotonic_ns() - latencies.sent_ns[row]) / 1e6;
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Of what was measured since the last call. */
static double p99_ms(void)
{
    size_t count = latencies.count;
    assert_true(count > 50);
    qsort(latencies.ms, count, sizeof latencies.ms[0], compare_numbers);
    latencies.count = 0;
    return latencies.ms[count * 99 / 100];
}

static size_t send_storm(struct cell *cell, double seconds)
{
    size_t sent = 0;
    int64_t start_ns = clock_monotonic_ns();
    double past_s = 0;
    while (past_s < seconds) {
        for (; (double)sent < past_s * STORM_HZ; sent++) {
            char text[128];
            int size = snprintf(text, sizeof text,
                                "{\"id\":\"storm-%zu\",\"command\":\"reload\",\"model\":\"%s\"}",
                                sent, twins[sent % 2].file_name);
            cell_publish(cell, CELL_CONTROL, text, (size_t)size);
        }
        uv_run(&cell->harness->loop, UV_RUN_ONCE);
        past_s = (double)(clock_monotonic_ns() - start_ns) / 1e9;
    }
    return sent;
}

/* Every command has its answer, and no other than these two. */
static size_t count_answers(const struct cell *cell, size_t *ret_busy)
{
    size_t ok = 0;
    *ret_busy = 0;
    for (size_t i = 0; i < cell->watcher->message_count; i++) {
        const struct peer_message *message = &cell->watcher->messages[i];
        if (strcmp(message->topic, CELL_REPLY) != 0 || !strstr(message->payload, "\"storm-"))
            continue;
        cJSON *reply = json_parse(message->payload, message->size, NULL);
        if (cJSON_IsTrue(json_at(reply, "ok")))
            ok++;
        else if (!strcmp(json_text(reply, "error.code"), "busy"))
            (*ret_busy)++;
        else
            fail_msg("%s", message->payload);
        cJSON_Delete(reply);
    }
    return ok;
}

/* ARMWATCH_STORM_S: for how long (default 3 s). */
static void test_a_storm_of_reloads(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robots[STORM_ROBOTS];
    const char *given = getenv("ARMWATCH_STORM_S");
    double seconds = given ? strtod(given, NULL) : 3;
    assert_true(seconds >= 1);
    latencies.sent_ns = calloc(LATENCIES_MAX, sizeof *latencies.sent_ns);
    assert_non_null(latencies.sent_ns);
    cell_robot_init(&robots[0], "a", TOY_ARM_CHANNELS, 407);
    cell_robot_init(&robots[1], "b", TOY_ARM_CHANNELS, 408);
    cell_start(cell);
    cell->watcher->on_message = on_storm_message;
    cell_stream_start(cell, robots, STORM_ROBOTS);
    uv_timer_start(&cell->stream.timer, on_storm_timer, 0, 10);
    cell_wait(cell, latencies.count > 150, 10000);
    send_storm(cell, 0.5); /* what is allocated once is there */
    wait_ms(&cell->harness->loop, 200);
    latencies.count = 0;
    cell_wait(cell, latencies.count > 150, 10000);
    double idle_ms = p99_ms();
    long before_kib = daemon_process_rss_kib(cell->daemon);
    int descriptors = daemon_process_descriptors(cell->daemon);
    size_t busy, ok, earlier = count_answers(cell, &busy) + busy;
    size_t sent = send_storm(cell, seconds);
    cell_wait(cell, (ok = count_answers(cell, &busy)) + busy >= earlier + sent, 10000);
    double storm_ms = p99_ms();
    cell_stream_stop(cell);
    assert_int_equal(ok + busy, earlier + sent);
    print_message("%zu commands: %zu ok, %zu busy; p99 of sample to score %.1f ms, idle %.1f ms; "
                  "memory %+ld KiB\n",
                  sent, ok, busy, storm_ms, idle_ms,
                  daemon_process_rss_kib(cell->daemon) - before_kib);
    assert_true(ok > 0 && busy > 0);
    assert_true(storm_ms < STALL_MS * TIME_SCALE);
    /* One may be open for a moment: a state is being written. */
    cell_wait(cell, daemon_process_descriptors(cell->daemon) == descriptors, 3000);
    /* A robot's record of drift is touched as it fills; models that are not freed are far more. */
    if (!SANITIZED)
        assert_true((double)(daemon_process_rss_kib(cell->daemon) - before_kib) <
                    4096 + 128 * seconds);
    cell->watcher->on_message = NULL;
    for (size_t i = 0; i < STORM_ROBOTS; i++) {
        swaps_wait(cell, &robots[i]);
        assert_true(swaps_check(cell, &robots[i], 407 + i, twins, 2) > 10);
        assert_true(cell_counter(cell, robots[i].name, "overload") == 0);
    }
    free(latencies.sent_ns);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_broken_files_change_nothing),
        CELL_TEST(test_what_is_not_signed_is_refused),
        CELL_TEST(test_an_older_version_needs_a_rollback),
        CELL_TEST(test_a_start_with_an_older_file_watches_and_says_so),
        CELL_TEST(test_starts_by_policy),
        CELL_TEST(test_a_policy_that_changes),
        CELL_TEST(test_a_file_that_changes_while_it_is_read),
        CELL_TEST(test_the_directory_is_watched),
        CELL_TEST(test_a_storm_of_reloads),
    };
    return cmocka_run_group_tests(tests, group_setup, cell_group_teardown);
}
