/* What the real daemon keeps of its alerts, and what `armwatch explain` makes of it. */
#include "base/clock.h"
#include "command.h"
#include "lab/pack.h"
#include "pipeline/evidence_pack.h"
#include "plant_arm.h"

#include <dirent.h>
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

#define GROSS 4.0
#define LIMIT_MS 30000
#define SKIPPED 77

static struct command command;

static int teardown(void **state)
{
    command_deinit(&command);
    command = (struct command){0};
    return cell_teardown(state);
}

static const char *in_state(const struct cell *cell, const char *name)
{
    static char path[320];
    snprintf(path, sizeof path, "%s/state/%s", cell->daemon->directory, name);
    return path;
}

/* A figure of the member "evidence" of the status. */
static double figure(struct cell *cell, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "evidence.%s", name);
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    double value = json_number(reply, path);
    cJSON_Delete(reply);
    return value;
}

static double raised(struct cell *cell)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    double value = json_number(reply, "alerts");
    cJSON_Delete(reply);
    return value;
}

static bool has_reason(struct cell *cell, const char *reason)
{
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    bool has = json_has_text(json_at(reply, "reasons"), reason);
    cJSON_Delete(reply);
    return has;
}

/* Asks not too often until it is so. */
#define wait_for(cell, condition)                                                                  \
    do {                                                                                           \
        int tries = 150 * TIME_SCALE;                                                              \
        while (!(condition)) {                                                                     \
            if (--tries == 0)                                                                      \
                cell_fail(cell, __FILE__, __LINE__, #condition);                                   \
            wait_ms(&(cell)->harness->loop, 100);                                                  \
        }                                                                                          \
    } while (0)

struct census {
    size_t packs, hidden;
    uint64_t bytes;
};

/* Everything that is visible must be whole. */
static struct census take_census(const struct cell *cell)
{
    struct census census = {0};
    DIR *stream = opendir(in_state(cell, "evidence"));
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        char path[640];
        struct pack *pack = NULL;
        struct diag diag = DIAG_INIT;
        int64_t time_ns;
        census.hidden += entry->d_name[0] == '.' && strlen(entry->d_name) > 2;
        if (!evidence_id_valid(entry->d_name))
            continue;
        snprintf(path, sizeof path, "%s/%s", in_state(cell, "evidence"), entry->d_name);
        if (pack_load(path, &pack, &diag) < 0)
            fail_msg("%s", diag.text);
        pack_free(pack);
        census.packs++;
        census.bytes += evidence_measure(in_state(cell, "evidence"), entry->d_name, &time_ns);
    }
    if (stream)
        closedir(stream);
    return census;
}

/* The alert of that kind that was raised last, by its id. */
static const char *find_alert(const struct cell *cell, const char *robot, const char *kind)
{
    static char id[64];
    *id = '\0';
    for (size_t i = 0; i < cell_count(cell, cell_topic(robot, "alert")); i++) {
        cJSON *event = cell_json(cell, cell_topic(robot, "alert"), i);
        if (!strcmp(json_text(event, "data.kind"), kind))
            snprintf(id, sizeof id, "%s", json_text(event, "data.alert_id"));
        cJSON_Delete(event);
    }
    return id;
}

static bool has_alert(const struct cell *cell, const char *robot, const char *kind)
{
    return *find_alert(cell, robot, kind) != '\0';
}

static const char *alert_id(const struct cell *cell, const char *robot, const char *kind)
{
    const char *id = find_alert(cell, robot, kind);
    if (!*id)
        fail_msg("no alert of the kind %s", kind);
    return id;
}

static cJSON *explain(struct cell *cell, const char *id, const char *models, int expected)
{
    command_start(&command, cell->daemon->directory,
                  "explain %s --state-directory state --model %s --json", id, models);
    int code = command_wait(&command, &cell->harness->loop, LIMIT_MS);
    if (code != expected)
        fail_msg("%d: %s", code, command_err(&command));
    cJSON *explained = cJSON_Parse(command_out(&command));
    assert_non_null(explained);
    return explained;
}

/* ---- a collision, from the arm to the page */

static void collide(struct cell *cell, struct plant_arm *arm)
{
    const struct anomaly collision = {.kind = ANOMALY_COLLISION};
    plant_arm_run(arm, 300);
    simulator_set_anomaly(arm->simulator, &collision);
    for (int i = 0; i < 20 && cell_count_alerts(cell, "armwatch/robot/kuka1/alert", "raised") == 0;
         i++)
        plant_arm_run(arm, 50);
    simulator_set_anomaly(arm->simulator, NULL);
    for (int i = 0; i < 10 && cell_count_alerts(cell, "armwatch/robot/kuka1/alert", "cleared") == 0;
         i++)
        plant_arm_run(arm, 100);
}

/* Each score of the pack is what was published when it was made. */
static void compare_published(struct cell *cell, const char *id)
{
    struct pack *pack = NULL;
    char name[96];
    size_t compared = 0;
    snprintf(name, sizeof name, "evidence/%s", id);
    assert_int_equal(pack_load(in_state(cell, name), &pack, NULL), 0);
    assert_in_range(pack->rows, 120, 155);
    for (size_t i = 0; i < cell_count(cell, "armwatch/robot/kuka1/score"); i++) {
        cJSON *score = cell_json(cell, "armwatch/robot/kuka1/score", i);
        for (size_t row = 5; row < pack->at; row++) { /* a replay may be ahead of its scores */
            char time[40];
            clock_format_rfc3339((int64_t)(pack->time_s[row] * 1e9 + 5e5), time);
            const cJSON *first = json_at(score, "detectors")->child;
            if (strcmp(json_text(score, "time"), time) != 0)
                continue;
            double was = json_number(first, "score"), is = pack->scores[row * pack->detectors];
            assert_string_equal(json_text(first, "name"), pack->detector[0].name);
            if (!(was - is <= 1e-5 * was + 1e-9 && is - was <= 1e-5 * was + 1e-9))
                fail_msg("row %zu: %g, published as %g", row, is, was);
            compared++;
        }
        cJSON_Delete(score);
    }
    assert_true(compared > 80);
    pack_free(pack);
}

static void check_page(struct cell *cell, const char *id)
{
    struct stat st;
    char path[160];
    command_start(
        &command, cell->daemon->directory,
        "explain %.8s --state-directory state --model " SHIPPED_MODELS " --html page.html", id);
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 0);
    if (!strstr(command_out(&command), "rescored   equal"))
        fail_msg("%s", command_out(&command));
    assert_non_null(strstr(command_out(&command), "What deviates"));
    snprintf(path, sizeof path, "%s/page.html", cell->daemon->directory);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 20000);
    command_start(&command, cell->daemon->directory, "explain --list --state-directory state");
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 0);
    assert_non_null(strstr(command_out(&command), "anomaly"));
}

/* The snippet of the documentation, as it stands there. */
static void check_python(struct cell *cell, const char *id)
{
    char text[640];
    snprintf(text, sizeof text,
             "/usr/bin/python3 " SNIPPET " " EVIDENCE_PAGE " %s/%s >%s/python.out",
             in_state(cell, "evidence"), id, cell->daemon->directory);
    int code = system(text);
    if (WEXITSTATUS(code) == SKIPPED)
        print_message("numpy is not installed: the snippet was not tried\n");
    else
        assert_int_equal(code, 0);
}

static void test_collision_is_explained(void **state)
{
    struct cell *cell = *state;
    struct plant_arm arm;
    char id[64];
    cell_configure(cell, "models.directory", "\"" SHIPPED_MODELS "\"");
    cell_configure(cell, "models.default", "\"kuka-sim\"");
    cell_configure(cell, "alerts.false_alarms_per_day", "1");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    plant_arm_init(&arm, cell, "kuka1", 21);
    collide(cell, &arm);
    wait_for(cell, figure(cell, "written") >= 1 && figure(cell, "waiting") == 0);
    snprintf(id, sizeof id, "%s", alert_id(cell, "kuka1", "anomaly"));
    cJSON *explained = explain(cell, id, SHIPPED_MODELS, 0);
    assert_string_equal(json_text(explained, "rescored.result"), "equal");
    assert_int_equal(json_number(explained, "rescored.unchecked"), 0);
    assert_true(json_number(explained, "rescored.scores") > 400);
    assert_true(cJSON_GetArraySize(json_at(explained, "channels")) > 2);
    assert_true(json_number(explained, "duration_s") > 0); /* how it ended is known */
    cJSON_Delete(explained);
    compare_published(cell, id);
    check_page(cell, id);
    check_python(cell, id);
    plant_arm_deinit(&arm);
    cell_stop(cell);
}

/* ---- which model */

static void raise_once(struct cell *cell, struct cell_robot *robot)
{
    size_t before = cell_count_alerts(cell, cell_topic(robot->name, "alert"), "raised");
    cell_run(cell, robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, cell_topic(robot->name, "alert"), "raised") > before,
              5000);
}

static void test_model_is_gone(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    char id[64], path[256];
    const char *models = cell_own_models(cell);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 700);
    cell_start(cell);
    cell_run(cell, &robot, 150, 0);
    raise_once(cell, &robot);
    cell_run(cell, &robot, 60, 0);
    wait_for(cell, figure(cell, "written") == 1);
    cell_stop(cell);
    snprintf(id, sizeof id, "%s", alert_id(cell, "kuka1", "anomaly"));
    cJSON *explained = explain(cell, id, models, 0);
    assert_string_equal(json_text(explained, "rescored.result"), "equal");
    cJSON_Delete(explained);
    snprintf(path, sizeof path, "%s/cell.safetensors", models);
    assert_int_equal(unlink(path), 0);
    explained = explain(cell, id, models, 0);
    assert_string_equal(json_text(explained, "rescored.result"), "no_model");
    assert_non_null(strstr(json_text(explained, "rescored.why"), "version 2"));
    assert_true(cJSON_GetArraySize(json_at(explained, "channels")) > 0); /* what the pack says */
    cJSON_Delete(explained);
    snprintf(path, sizeof path, "%s/cell-v2.safetensors", models);
    explained = explain(cell, id, path, 0);
    assert_string_equal(json_text(explained, "rescored.result"), "other_model");
    cJSON_Delete(explained);
    snprintf(path, sizeof path, "%s/other.safetensors", models);
    command_start(&command, cell->daemon->directory,
                  "explain %s --state-directory state --model %s", id, path);
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 65);
    assert_non_null(strstr(command_err(&command), "3 channels, the pack has 4"));
    command_start(&command, cell->daemon->directory, "explain %s --state-directory state --forget",
                  id);
    assert_int_equal(command_wait(&command, &cell->harness->loop, LIMIT_MS), 0);
    assert_int_equal(take_census(cell).packs, 0);
}

/* ---- the other kinds */

static void send_stuck(struct cell *cell, struct cell_robot *robot, size_t rows)
{
    float values[TOY_ARM_CHANNELS];
    for (size_t i = 0; i < rows; i++) {
        char text[256], time[40];
        clock_format_rfc3339(toy_arm_time_ns(robot->arm.row), time);
        unsigned long long seq = robot->arm.row;
        toy_arm_next(&robot->arm, 0, values);
        snprintf(text, sizeof text,
                 "{\"time\":\"%s\",\"seq\":%llu,\"values\":[%.9g,0.25,%.9g,%.9g]}", time, seq,
                 (double)values[0], (double)values[2], (double)values[3]);
        cell_publish(cell, cell_topic(robot->name, "sample"), text, strlen(text));
    }
}

static void test_sensor_fault_and_silence(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 701);
    cell_configure(cell, "input.silent_s", "2");
    cell_configure(cell, "evidence.after_s", "1");
    cell_start(cell);
    cell_run(cell, &robot, 150, 0);
    send_stuck(cell, &robot, 40);
    cell_wait(cell, has_alert(cell, "kuka1", "silent"), 20000);
    wait_for(cell, figure(cell, "written") == raised(cell));
    cell_stop(cell);
    cJSON *explained = explain(cell, alert_id(cell, "kuka1", "sensor_fault"), cell_models(), 0);
    const cJSON *channel = json_at(explained, "channels")->child;
    assert_string_equal(json_text(channel, "name"), "axis2");
    assert_string_equal(json_text(explained, "rescored.result"), "equal");
    assert_true(json_number(explained, "rows") > 100);
    cJSON_Delete(explained);
    explained = explain(cell, alert_id(cell, "kuka1", "silent"), cell_models(), 0);
    assert_string_equal(json_text(explained, "rescored.result"), "equal");
    const cJSON *times = json_at(explained, "time");
    assert_true(cJSON_GetArrayItem(times, cJSON_GetArraySize(times) - 1)->valuedouble == 0);
    cJSON_Delete(explained);
}

/* ---- ends */

static void test_stop_right_after_an_alert(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct pack *pack = NULL;
    char name[96];
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 702);
    cell_start(cell);
    cell_run(cell, &robot, 150, 0);
    raise_once(cell, &robot);
    cell_stop(cell);
    snprintf(name, sizeof name, "evidence/%s", alert_id(cell, "kuka1", "anomaly"));
    assert_int_equal(pack_load(in_state(cell, name), &pack, NULL), 0);
    assert_in_range(pack->rows, 100, 120);
    assert_string_equal(json_text(pack->about, "cut"), "the daemon stopped");
    pack_free(pack);
}

#define ROBOTS 16
#define KILLS 12

/* All of them at once, each with an alert of its own. */
static void raise_all(struct cell *cell, struct cell_robot *robots, size_t count, size_t healthy)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t row = 0; row < healthy + 10; row++)
            cell_send(cell, &robots[i], row < healthy ? 0 : GROSS);
    }
}

static void test_kill_while_writing(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robots[ROBOTS];
    char names[ROBOTS][16];
    size_t halves = 0, packs = 0;
    for (size_t i = 0; i < ROBOTS; i++) {
        snprintf(names[i], sizeof names[i], "kuka%zu", i);
        cell_robot_init(&robots[i], names[i], TOY_ARM_CHANNELS, 710 + i);
    }
    cell_configure(cell, "evidence.after_s", "0");
    cell_configure(cell, "evidence.max_per_day", "1000");
    for (int k = 0; k < KILLS; k++) {
        cell_start(cell);
        wait_for(cell, take_census(cell).hidden == 0); /* what the kill left is cleared */
        raise_all(cell, robots, ROBOTS, 40);
        for (int turn = 0; turn < 400 && take_census(cell).packs == packs; turn++)
            wait_ms(&cell->harness->loop, 5);
        wait_ms(&cell->harness->loop, 3 * k);
        daemon_process_kill(cell->daemon);
        struct census census = take_census(cell);
        halves += census.hidden;
        packs = census.packs;
        cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 10000);
    }
    print_message("%d kills: %zu halves, %zu whole packs\n", KILLS, halves, packs);
    assert_true(packs > 0);
    cell->finished = true;
}

/* ---- bounds */

static void test_flood(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robots[ROBOTS];
    char names[ROBOTS][16];
    cell_configure(cell, "evidence.max_mib", "1");
    cell_configure(cell, "evidence.max_per_day", "3");
    cell_configure(cell, "evidence.after_s", "0");
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_configure(cell, "scores.rate_hz", "0");
    cell_start(cell);
    size_t episodes = 5;
    for (size_t i = 0; i < ROBOTS; i++) {
        snprintf(names[i], sizeof names[i], "kuka%zu", i);
        cell_robot_init(&robots[i], names[i], TOY_ARM_CHANNELS, 730 + i);
    }
    for (size_t e = 0; e < episodes; e++) {
        raise_all(cell, robots, ROBOTS, 40);
        for (size_t i = 0; i < ROBOTS; i++)
            cell_wait(cell,
                      cell_count_alerts(cell, cell_topic(names[i], "alert"), "raised") == e + 1,
                      10000);
    }
    wait_for(cell, figure(cell, "waiting") == 0);
    assert_int_equal(figure(cell, "written") + figure(cell, "dropped"), 3 * ROBOTS);
    assert_int_equal(figure(cell, "limited"), (episodes - 3) * ROBOTS);
    struct census census = take_census(cell);
    assert_true(census.bytes <= 1048576);
    assert_int_equal(census.packs, figure(cell, "packs"));
    assert_in_range(census.packs, 1, 3 * ROBOTS - 1);
    cell_stop(cell);
}

#define FLEET 200

static void test_memory_of_a_fleet(void **state)
{
    struct cell *cell = *state;
    static struct cell_robot robots[FLEET];
    static char names[FLEET][16];
    cell_configure(cell, "evidence.memory_mib", "1");
    cell_configure(cell, "scores.rate_hz", "0");
    cell_start(cell);
    for (size_t i = 0; i < FLEET; i++) {
        snprintf(names[i], sizeof names[i], "kuka%zu", i);
        cell_robot_init(&robots[i], names[i], TOY_ARM_CHANNELS, 800 + i);
        for (int row = 0; row < 3; row++)
            cell_send(cell, &robots[i], 0);
    }
    wait_for(cell, cell_counter(cell, names[FLEET - 1], "received") == 3);
    double unbuffered = figure(cell, "unbuffered"), memory = figure(cell, "memory");
    assert_in_range(unbuffered, 1, FLEET - 1);
    assert_in_range(memory, 1, 1048576 / 4 * 3);
    raise_all(cell, &robots[FLEET - 1], 1, 40); /* it has no samples, and its alert all the same */
    cell_wait(cell, cell_count_alerts(cell, cell_topic(names[FLEET - 1], "alert"), "raised") == 1,
              5000);
    cell_stop(cell);
    struct pack *pack = NULL;
    char name[96];
    snprintf(name, sizeof name, "evidence/%s", alert_id(cell, names[FLEET - 1], "anomaly"));
    assert_int_equal(pack_load(in_state(cell, name), &pack, NULL), 0);
    assert_int_equal(pack->rows, 0);
    pack_free(pack);
}

/* ---- disks */

static bool mount_small(struct cell *cell)
{
    char text[480];
    mkdir(in_state(cell, ""), 0750);
    mkdir(in_state(cell, "evidence"), 0750);
    snprintf(text, sizeof text, "mount -t tmpfs -o size=1m tmpfs '%s' 2>/dev/null",
             in_state(cell, "evidence"));
    return system(text) == 0;
}

/* What it says is nothing of ours. */
static void fill_disk(const char *path)
{
    char text[480];
    snprintf(text, sizeof text, "dd if=/dev/zero of='%s' bs=4k 2>/dev/null", path);
    assert_int_not_equal(system(text), 0);
}

static void unmount(const char *path)
{
    char text[480];
    snprintf(text, sizeof text, "umount '%s'", path);
    assert_int_equal(system(text), 0);
}

static void test_full_disk(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 703);
    cell_configure(cell, "evidence.keep_free_mib", "0");
    cell_configure(cell, "evidence.after_s", "0");
    if (!mount_small(cell)) {
        print_message("no right to mount: the full disk was not tried\n");
        cell->finished = true;
        return;
    }
    fill_disk(in_state(cell, "evidence/full"));
    cell_start(cell);
    cell_run(cell, &robot, 50, 0);
    raise_once(cell, &robot);
    wait_for(cell, has_reason(cell, "evidence"));
    assert_false(has_reason(cell, "journal"));
    assert_true(figure(cell, "failed") >= 1);
    assert_int_equal(take_census(cell).packs + take_census(cell).hidden, 0);
    cell_run(cell, &robot, 60, 0);
    raise_once(cell, &robot); /* alerts go on */
    unlink(in_state(cell, "evidence/full"));
    wait_for(cell, figure(cell, "written") == 2);
    assert_false(has_reason(cell, "evidence"));
    cell_stop(cell);
    assert_int_equal(take_census(cell).packs, 2);
    unmount(in_state(cell, "evidence"));
}

int main(void)
{
#define EVIDENCE_TEST(name) cmocka_unit_test_setup_teardown(name, cell_setup, teardown)
    const struct CMUnitTest tests[] = {
        EVIDENCE_TEST(test_collision_is_explained),   EVIDENCE_TEST(test_model_is_gone),
        EVIDENCE_TEST(test_sensor_fault_and_silence), EVIDENCE_TEST(test_stop_right_after_an_alert),
        EVIDENCE_TEST(test_kill_while_writing),       EVIDENCE_TEST(test_flood),
        EVIDENCE_TEST(test_memory_of_a_fleet),        EVIDENCE_TEST(test_full_disk),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
