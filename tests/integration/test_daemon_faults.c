/* Brokers that go away, daemons that are killed, and every way to stop. */
#include "cell.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GROSS 4.0
#define ALERT "armwatch/robot/kuka1/alert"
#define STATE "armwatch/robot/kuka1/state"

/* Returns when the watcher is back and the broker has its subscriptions. */
static void start_broker_again(struct cell *cell)
{
    cell_start_broker(cell, NULL);
    harness_subscribe(cell->harness, cell->watcher, "armwatch/robot/+/alert", 1);
}

/* What somebody who subscribes now is told at once. */
static void assert_retained(struct cell *cell, const char *topic, const char *text)
{
    struct peer *late = harness_online_peer(cell->harness, 3);
    harness_subscribe(cell->harness, late, topic, 1);
    cell_wait(cell, late->message_count > 0, 3000);
    assert_true(late->messages[0].retained);
    if (!strstr(late->messages[0].payload, text))
        fail_msg("retained on %s: %s", topic, late->messages[0].payload);
    peer_stop(late);
    cell_wait(cell, !late->client, 3000);
    peer_deinit(late);
}

static void lose_broker_and_find_it(struct cell *cell, void (*end)(struct broker *broker))
{
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 400);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cell_end_broker(cell, end);
    size_t online = cell_count(cell, CELL_STATUS);
    start_broker_again(cell);
    cell_wait(cell, cell_count(cell, CELL_STATUS) > online, 10000);
    assert_retained(cell, CELL_STATUS, "\"state\":\"online\"");
    assert_retained(cell, STATE, "\"severity\":\"critical\"");
    cell_run(cell, &robot, 10, GROSS); /* subscribed again */
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 1);
    cJSON *reply = cell_command(cell, "\"command\":\"status\"");
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
    cell_stop(cell);
}

static void test_broker_restarts(void **state)
{
    lose_broker_and_find_it(*state, broker_stop);
}

static void test_broker_is_killed(void **state)
{
    lose_broker_and_find_it(*state, broker_kill);
}

/* The samples are in the daemon's socket when the broker dies. */
static void test_alert_raised_while_offline(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 401);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    daemon_process_signal(cell->daemon, SIGSTOP);
    for (int i = 0; i < 10; i++)
        cell_send(cell, &robot, GROSS);
    wait_ms(&cell->harness->loop, 200);
    broker_kill(cell->harness->broker);
    daemon_process_signal(cell->daemon, SIGCONT);
    cell_wait(cell, daemon_process_logged(cell->daemon, "raised") == 1, 5000);
    daemon_process_signal(cell->daemon, SIGSTOP); /* until somebody listens */
    start_broker_again(cell);
    assert_int_equal(cell_count_alerts(cell, ALERT, "raised"), 0);
    daemon_process_signal(cell->daemon, SIGCONT);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") > 0, 10000);
    cJSON *first = cell_json(cell, ALERT, 0);
    assert_string_equal(strrchr(json_text(first, "id"), '/'), "/1");
    for (size_t i = 1; i < cell_count(cell, ALERT); i++) { /* at least once: the same again */
        cJSON *again = cell_json(cell, ALERT, i);
        assert_string_equal(json_text(again, "id"), json_text(first, "id"));
        cJSON_Delete(again);
    }
    cJSON_Delete(first);
    cell_stop(cell);
}

static void test_alert_raised_while_broker_is_frozen(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 402);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, &robot, 10, 0);
    daemon_process_signal(cell->daemon, SIGSTOP);
    for (int i = 0; i < 10; i++)
        cell_send(cell, &robot, GROSS);
    wait_ms(&cell->harness->loop, 200);
    broker_freeze(cell->harness->broker);
    daemon_process_signal(cell->daemon, SIGCONT);
    cell_wait(cell, daemon_process_logged(cell->daemon, "raised") == 1, 5000);
    wait_ms(&cell->harness->loop, 1500);
    broker_thaw(cell->harness->broker);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 5000);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "stale"), 5000);
    cell_stop(cell);
}

static void test_start_without_broker(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 403);
    broker_stop(cell->harness->broker);
    cell_write_config(cell);
    daemon_process_start(cell->daemon);
    cell_wait(cell, daemon_process_logged(cell->daemon, "refused") > 0, 10000);
    wait_ms(&cell->harness->loop, 2000); /* and it goes on trying */
    daemon_process_assert_alive(cell->daemon);
    start_broker_again(cell);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "online"), 15000);
    cell_run(cell, &robot, 10, 0);
    cell_stop(cell);
}

/* ---- the end of the daemon
 * --------------------------------------------------------------------------------- */

static void test_last_will(void **state)
{
    struct cell *cell = *state;
    cell_start(cell);
    assert_retained(cell, CELL_STATUS, "\"state\":\"online\"");
    daemon_process_kill(cell->daemon);
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 5000);
    assert_retained(cell, CELL_STATUS, "\"state\":\"offline\"");
    cell_start(cell); /* and it comes back */
    cell_stop(cell);
    assert_retained(cell, CELL_STATUS, "\"state\":\"offline\"");
}

static void stop_in_time(struct cell *cell, const char *when)
{
    double took_s = daemon_process_stop(cell->daemon); /* asserts 5 s and exit code 0 */
    print_message("             %s: stopped in %.2f s\n", when, took_s);
}

static void wait_offline(struct cell *cell)
{
    cell_wait(cell, cell_last_says(cell, CELL_STATUS, "state", "offline"), 15000);
}

static void test_stop_in_every_state(void **state)
{
    struct cell *cell = *state;
    struct broker *broker = cell->harness->broker;
    struct cell_robot robots[4];
    static const char *const names[] = {"kuka1", "b", "c", "d"};
    for (size_t i = 0; i < 4; i++)
        cell_robot_init(&robots[i], names[i], TOY_ARM_CHANNELS, 410 + i);
    cell_start(cell);
    stop_in_time(cell, "idle");
    wait_offline(cell);

    cell_start(cell);
    cell_stream_start(cell, robots, 4);
    cell_wait(cell, cell_count(cell, cell_topic("d", "score")) > 50, 5000);
    stop_in_time(cell, "under load");
    cell_stream_stop(cell);
    wait_offline(cell);

    cell_start(cell);
    const char *reload = "{\"command\":\"reload\",\"model\":\"cell-v2\"}";
    daemon_process_signal(cell->daemon, SIGSTOP);
    cell_publish(cell, CELL_CONTROL, reload, strlen(reload));
    wait_ms(&cell->harness->loop, 100);
    daemon_process_signal(cell->daemon, SIGTERM);
    daemon_process_signal(cell->daemon, SIGCONT);
    stop_in_time(cell, "while a model is loaded");
    wait_offline(cell);

    cell_start(cell);
    broker_freeze(broker);
    stop_in_time(cell, "broker frozen");
    broker_thaw(broker);
    wait_offline(cell);

    cell_start(cell);
    broker_kill(broker);
    cell_wait(cell, daemon_process_logged(cell->daemon, "refused") > 0, 5000);
    stop_in_time(cell, "broker absent");
    cell->finished = true;
}

/* SIGTERM meets a reload at many moments of its way: the state is the old or the new one. */
static void test_stop_during_reloads(void **state)
{
    struct cell *cell = *state;
    for (int i = 0; i < 12; i++) {
        cell_start(cell);
        const char *reload = i % 2 ? "{\"command\":\"reload\",\"model\":\"cell\"}"
                                   : "{\"command\":\"reload\",\"model\":\"cell-v2\"}";
        cell_publish(cell, CELL_CONTROL, reload, strlen(reload));
        wait_ms(&cell->harness->loop, i);
        daemon_process_stop(cell->daemon);
        wait_offline(cell);
    }
    cell->finished = true;
}

/* ---- other transports
 * -------------------------------------------------------------------------------------- */

static void whole_path(struct cell *cell)
{
    struct cell_robot robot;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 420);
    cell_configure(cell, "alerts.reassert_s", "3600");
    cell_start(cell);
    cell_run(cell, &robot, 20, 0);
    cell_run(cell, &robot, 10, GROSS);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "raised") == 1, 3000);
    cJSON *reply = cell_command(cell, "\"command\":\"reload\",\"model\":\"cell-v2\"");
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
    cell_run(cell, &robot, 60, 0);
    cell_wait(cell, cell_count_alerts(cell, ALERT, "cleared") == 1, 3000);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
}

static void test_mqtt_311(void **state)
{
    struct cell *cell = *state;
    cell_configure(cell, "mqtt.protocol", "\"3.1.1\"");
    whole_path(cell);
    struct peer *client = harness_online_peer(cell->harness, 2);
    harness_subscribe(cell->harness, client, "answers", 1);
    const char *text = "{\"id\":\"1\",\"command\":\"status\",\"reply_to\":\"answers\"}";
    cell_publish(cell, CELL_CONTROL, text, strlen(text));
    cell_wait(cell, client->message_count == 1, 3000);
    size_t before = cell_count(cell, CELL_STATUS);
    cell_end_broker(cell, broker_kill);
    start_broker_again(cell);
    cell_wait(cell, cell_count(cell, CELL_STATUS) > before, 10000);
    assert_retained(cell, STATE, "\"robot\":\"kuka1\"");
    daemon_process_kill(cell->daemon);
    wait_offline(cell);
    cell_start(cell);
    cell_stop(cell);
}

static void test_unix_socket(void **state)
{
    struct cell *cell = *state;
    char url[200];
    snprintf(url, sizeof url, "\"%s\"", broker_unix_url(cell->harness->broker));
    cell_configure(cell, "mqtt.url", url);
    whole_path(cell);
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_broker_restarts),
        CELL_TEST(test_broker_is_killed),
        CELL_TEST(test_alert_raised_while_offline),
        CELL_TEST(test_alert_raised_while_broker_is_frozen),
        CELL_TEST(test_start_without_broker),
        CELL_TEST(test_last_will),
        CELL_TEST(test_stop_in_every_state),
        CELL_TEST(test_stop_during_reloads),
        CELL_TEST(test_mqtt_311),
        CELL_TEST(test_unix_socket),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
