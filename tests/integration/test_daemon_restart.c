/* What a crash must not take: alerts on their way, and the episodes that are open. */
#include "cell.h"

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
#define ALERT "armwatch/robot/kuka1/alert"
#define STATE "armwatch/robot/kuka1/state"

/* Every message so far is about one alert, and no id has two contents. */
static void assert_one_alert(const struct cell *cell)
{
    size_t count = cell_count(cell, ALERT);
    for (size_t i = 0; i < count; i++) {
        cJSON *one = cell_json(cell, ALERT, i), *first = cell_json(cell, ALERT, 0);
        assert_string_equal(json_text(one, "data.alert_id"), json_text(first, "data.alert_id"));
        assert_string_equal(json_text(one, "data.started"), json_text(first, "data.started"));
        for (size_t j = 0; j < i; j++) {
            cJSON *other = cell_json(cell, ALERT, j);
            if (!strcmp(json_text(one, "id"), json_text(other, "id")))
                assert_string_equal(json_text(one, "type"), json_text(other, "type"));
            cJSON_Delete(other);
        }
        cJSON_Delete(one);
        cJSON_Delete(first);
    }
}

static void begin(struct cell *cell, struct cell_robot *robot, uint64_t seed)
{
    cell_robot_init(robot, "kuka1", TOY_ARM_CHANNELS, seed);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, robot, 20, 0);
}

static void wait_offline(struct cell *cell)
{
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 15000);
}

/* What was told is on the disk, unless that has kept an alert waiting for too long: then what was
   told has to get there first. */
static void kill_told(struct cell *cell)
{
    cJSON *status = cell_command(cell, "\"command\":\"status\"");
    if (json_number(status, "outbox.journal_late") > 0)
        cell_settle(cell);
    cJSON_Delete(status);
    daemon_process_kill(cell->daemon);
    wait_offline(cell);
}

/* The arm goes on to move wrongly, and comes right after a while. */
static void test_killed_in_an_episode(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 500);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    for (int kill = 0; kill < 3; kill++) {
        kill_told(cell);
        cell_start(cell);
        cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") == (size_t)kill + 1, 3000);
        cell_run(cell, &robot, 10, GROSS);
        cell_wait(cell, cell_last_says(cell, STATE, "state", "alert"), 3000);
    }
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    assert_int_equal(cell_count_alerts(cell, ALERT, "cleared"), 0);
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    assert_one_alert(cell);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    kill_told(cell); /* and what is over stays so */
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "cleared"), 1);
    cell_stop(cell);
}

static int open_alerts(const struct cell *cell)
{
    cJSON *retained = cell_last_json(cell, STATE);
    int count = cJSON_GetArraySize(json_at(retained, "alerts"));
    cJSON_Delete(retained);
    return count;
}

/* The robot never comes back: its alert is still there, and so is its silence. */
static void test_killed_and_the_robot_is_gone(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 501);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cell_configure(cell, "input.silent_s", "1");
    kill_told(cell);
    cell_start(cell);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 2,
              6000); /* the second is `silent` */
    cJSON *last = cell_last_json(cell, ALERT);
    assert_string_equal(json_text(last, "data.kind"), "silent");
    cJSON_Delete(last);
    cell_wait(cell, open_alerts(cell) == 2, 3000);
    cell_stop(cell);
}

/* Whether the journal has a text that was in none of its transactions before. */
static bool journal_has(const struct cell *cell, const char *text)
{
    static char log[1 << 20];
    char path[320];
    snprintf(path, sizeof path, "%s/state/outbox.db-wal", cell->daemon->directory);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(log, 1, sizeof log, file) : 0;
    if (file)
        fclose(file);
    return memmem(log, size, text, strlen(text)) != NULL;
}

/* A robot that was well when the daemon was killed, and never comes back, is missed; one that has
   never given a row is not. */
static void test_killed_and_a_well_robot_is_gone(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 505);
    cell_publish(cell, "armwatch/robot/ghost/sample", "{}", 2);
    cell_wait(cell, journal_has(cell, "kuka1"), 10000); /* with a tick some time after its rows */
    cell_configure(cell, "input.silent_s", "1");
    kill_told(cell);
    cell_start(cell);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 6000);
    cJSON *last = cell_last_json(cell, ALERT);
    assert_string_equal(json_text(last, "data.kind"), "silent");
    cJSON_Delete(last);
    cell_run(cell, &robot, 20, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    assert_int_equal(cell_count_alerts(cell, "armwatch/robot/ghost/alert", "raised"), 0);
    cell_stop(cell);
}

/* Raised while nobody could be told, and then the daemon dies. */
static void test_killed_with_undelivered_alerts(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    begin(cell, &robot, 502);
    daemon_process_signal(cell->daemon, SIGSTOP);
    for (int i = 0; i < 10; i++)
        cell_send(cell, &robot, GROSS);
    wait_ms(&cell->harness->loop, 200);
    cell_end_broker(cell, broker_kill);
    daemon_process_signal(cell->daemon, SIGCONT);
    cell_wait(cell, daemon_process_logged(cell->daemon, "raised") == 1, 5000);
    cell_wait(cell, journal_has(cell, "armwatch.alert.raised"),
              10000); /* the disk takes its time */
    daemon_process_kill(cell->daemon);
    cell_start_broker(cell, NULL);
    harness_subscribe(cell->harness, cell->watcher, "armwatch/robot/+/alert", 1);
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_start(cell);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 5000);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") == 1, 5000);
    assert_one_alert(cell);
    assert_int_equal(daemon_process_logged(cell->daemon, "1 alert messages of the run before"), 1);
    cell_stop(cell);
    wait_offline(cell);
    cell_start(cell); /* what was delivered is not told again */
    cell_wait(cell, cell_count_alerts(cell, ALERT, "updated") == 2, 5000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    cell_stop(cell);
}

static size_t in_outbox(const struct cell *cell, const char *key)
{
    cJSON *status = cell_last_json(cell, CELL_STATUS);
    cJSON *outbox = cJSON_GetObjectItemCaseSensitive(status, "outbox");
    size_t value = (size_t)json_number(outbox, key);
    cJSON_Delete(status);
    return value;
}

static bool status_has(const struct cell *cell, const char *reason)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", reason);
    const struct peer_message *status = cell_last(cell, CELL_STATUS);
    const char *reasons = status ? strstr(status->payload, "\"reasons\":[") : NULL;
    const char *found = reasons ? strstr(reasons, quoted) : NULL;
    return found && found < strchr(reasons, ']');
}

/* A directory stands where the journal should be: nothing can be kept, everything is told. */
static void test_journal_cannot_be_written(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    char directory[300], path[320];
    snprintf(directory, sizeof directory, "%s/state", cell->daemon->directory);
    snprintf(path, sizeof path, "%s/outbox.db", directory);
    mkdir(directory, 0700);
    assert_int_equal(mkdir(path, 0700), 0);
    cell_configure(cell, "state_directory", "\"state\"");
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 503);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_write_config(cell);
    daemon_process_start(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "degraded"), 10000);
    assert_true(status_has(cell, "journal"));
    cell_run(cell, &robot, 20, 0);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    assert_int_equal(rmdir(path), 0);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 5000);
    assert_true(in_outbox(cell, "journal_errors") >= 1);
    kill_told(cell); /* what it could not write then is written by now */
    cell_start(cell);
    cell_run(cell, &robot, 10, GROSS);
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    assert_one_alert(cell);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    cell_stop(cell);
}

/* Nothing but alerts is denied, and then that is, too. */
static void test_denied_alerts_stay(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    static const char open[] = "topic readwrite #\n";
    static const char denied[] = "topic read #\ntopic write armwatch/robot/+/sample\n"
                                 "topic write armwatch/robot/+/state\n"
                                 "topic write armwatch/robot/+/score\n"
                                 "topic write armwatch/service/#\n";
    cell_end_broker(cell, broker_stop);
    broker_write(cell->harness->broker, "acl", denied);
    cell_start_broker(cell, &(struct broker_options){.lines = "acl_file acl"});
    harness_subscribe(cell->harness, cell->watcher, "armwatch/robot/+/alert", 1);
    begin(cell, &robot, 504);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, status_has(cell, "refused"), 3000);
    assert_int_equal(cell_count(cell, ALERT), 0);
    cell_run(cell, &robot, 60, 0); /* it is over before anybody could be told */
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    assert_int_equal(cell_count(cell, ALERT), 0);
    broker_write(cell->harness->broker, "acl", open);
    broker_reload(cell->harness->broker);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 15000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    assert_one_alert(cell);
    cJSON *first = cell_json(cell, ALERT, 0);
    assert_string_equal(json_text(first, "data.state"), "raised"); /* in order */
    cJSON_Delete(first);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_killed_in_an_episode),
        CELL_TEST(test_killed_and_the_robot_is_gone),
        CELL_TEST(test_killed_and_a_well_robot_is_gone),
        CELL_TEST(test_killed_with_undelivered_alerts),
        CELL_TEST(test_journal_cannot_be_written),
        CELL_TEST(test_denied_alerts_stay),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
