/* What Home Assistant is told of robots, and that it is taken back. homeassistant.py runs this
 * program and evaluates the templates on what was heard. */
#include "cell.h"

#include "base/file.h"

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
#define CONFIG "homeassistant/device/armwatch-" CELL_INSTANCE "/kuka1/config"
#define OTHER "house/ha/device/armwatch-" CELL_INSTANCE "/kuka1/config"
#define GHOST "homeassistant/device/armwatch-" CELL_INSTANCE "/ghost/config"
#define STATE "armwatch/robot/kuka1/state"

/* The newest message on a topic that a peer has; NULL: none. */
static const struct peer_message *newest(const struct peer *peer, const char *topic)
{
    for (size_t i = peer->message_count; i > 0; i--) {
        if (!strcmp(peer->messages[i - 1].topic, topic))
            return &peer->messages[i - 1];
    }
    return NULL;
}

static bool is_told(const struct peer *peer, const char *topic)
{
    const struct peer_message *message = newest(peer, topic);
    return message && message->size > 0;
}

static bool is_taken_back(const struct peer *peer, const char *topic)
{
    const struct peer_message *message = newest(peer, topic);
    return message && message->size == 0;
}

/* One that listens as Home Assistant does, under two prefixes. */
static struct peer *home_peer(struct cell *cell, int index)
{
    struct peer *peer = harness_online_peer(cell->harness, index);
    harness_subscribe(cell->harness, peer, "homeassistant/#", 1);
    harness_subscribe(cell->harness, peer, "house/ha/#", 1);
    return peer;
}

static cJSON *config_of(const struct peer *peer)
{
    const struct peer_message *message = newest(peer, CONFIG);
    assert_non_null(message);
    cJSON *tree = cJSON_Parse(message->payload);
    assert_non_null(tree);
    return tree;
}

static void start(struct cell *cell, struct cell_robot *robot)
{
    cell_robot_init(robot, "kuka1", TOY_ARM_CHANNELS, 41);
    cell_configure(cell, "homeassistant.discovery", "true");
    cell_start(cell);
    cell_run(cell, robot, 30, 0);
}

static void test_off_by_default(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct peer *home = home_peer(cell, 2);
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 41);
    cell_start(cell);
    cell_run(cell, &robot, 30, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    cell_stop(cell);
    assert_int_equal(home->message_count, 0);
}

static void test_told(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct peer *home = home_peer(cell, 2);
    start(cell, &robot);
    cell_wait(cell, is_told(home, CONFIG), 3000);
    cJSON *config = config_of(home);
    assert_string_equal(json_text(config, "device.name"), "kuka1");
    assert_string_equal(json_text(config, "device.model"), "cell version 1");
    assert_string_equal(json_text(config, "components.problem.device_class"), "problem");
    cJSON *unique = cJSON_Duplicate(json_at(config, "components.score.unique_id"), true);
    assert_string_equal(unique->valuestring, "armwatch." CELL_INSTANCE ".kuka1.score");
    cJSON_Delete(config);
    /* everything that a template is to be held against */
    cell_run(cell, &robot, 20, GROSS);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "alert"), 3000);
    cell_run(cell, &robot, 100, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "ok"), 3000);
    cJSON_Delete(cell_command(cell, "\"command\":\"suspend\",\"minutes\":5"));
    cell_run(cell, &robot, 20, 0);
    cell_wait(cell, cell_last_says(cell, STATE, "state", "suspended"), 3000);
    cJSON_Delete(cell_command(cell, "\"command\":\"resume\""));
    /* another model is another text, and the same entities */
    size_t before = home->message_count;
    cJSON_Delete(cell_command(cell, "\"command\":\"reload\",\"model\":\"cell-v2\""));
    cell_wait(cell, home->message_count > before, 3000);
    config = config_of(home);
    assert_string_equal(json_text(config, "device.model"), "cell version 2");
    assert_string_equal(json_text(config, "components.score.unique_id"), unique->valuestring);
    cJSON_Delete(config);
    cJSON_Delete(unique);
    /* retained: one that comes later hears it, and of a broker that has forgotten it, too */
    struct peer *late = home_peer(cell, 3);
    cell_wait(cell, is_told(late, CONFIG), 3000);
    before = home->message_count;
    cell_restart_broker(cell, NULL);
    cell_wait(cell, home->message_count > before && is_told(home, CONFIG), 15000);
    cell_stop(cell);
    assert_true(is_told(home, CONFIG)); /* it is not here now: its status says so */
}

static void test_taken_back(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct peer *home = home_peer(cell, 2);
    start(cell, &robot);
    cell_wait(cell, is_told(home, CONFIG), 3000);
    cell_configure(cell, "homeassistant.prefix", "\"house/ha\"");
    cell_write_config(cell);
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, is_taken_back(home, CONFIG) && is_told(home, OTHER), 5000);
    cell_configure(cell, "homeassistant.discovery", "false");
    cell_write_config(cell);
    daemon_process_signal(cell->daemon, SIGHUP);
    cell_wait(cell, is_taken_back(home, OTHER), 5000);
    struct peer *late = home_peer(cell, 3);
    cell_run(cell, &robot, 30, 0);
    cell_stop(cell);
    assert_int_equal(late->message_count, 0); /* nothing is retained */
}

/* What was told before a stop is taken back by a start that is to tell nothing. */
static void test_taken_back_by_another_run(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct peer *home = home_peer(cell, 2);
    start(cell, &robot);
    cell_wait(cell, is_told(home, CONFIG), 3000);
    cell_stop(cell);
    cell->finished = false;
    cell_configure(cell, "homeassistant.discovery", "false");
    cell_start(cell);
    cell_wait(cell, is_taken_back(home, CONFIG), 5000);
    cell_stop(cell);
}

static void add_ghost(const struct cell *cell)
{
    char path[256];
    void *data;
    size_t size;
    struct diag diag = DIAG_INIT;
    snprintf(path, sizeof path, "%s/state/state.json", cell->daemon->directory);
    assert_int_equal(file_read(path, 1 << 20, &data, &size, &diag), 0);
    cJSON *tree = cJSON_ParseWithLength(data, size);
    cJSON *robots = cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "discovery"), "robots");
    assert_int_equal(cJSON_GetArraySize(robots), 1);
    cJSON_AddItemToArray(robots, cJSON_CreateString("ghost"));
    char *text = cJSON_Print(tree);
    assert_int_equal(file_write(path, text, strlen(text), &diag), 0);
    cJSON_free(text);
    cJSON_Delete(tree);
    free(data);
}

/* A robot that was told of and is expected no more. */
static void test_forgotten(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    struct peer *home = home_peer(cell, 2);
    start(cell, &robot);
    cell_wait(cell, is_told(home, CONFIG), 3000);
    cell_stop(cell);
    cell->finished = false;
    add_ghost(cell);
    const struct mqtt_message ghost = {
        .topic = GHOST, .payload = "\xff", .size = 1, .qos = 1, .retained = true};
    assert_int_equal(mqtt_client_publish(cell->sender->client, &ghost, NULL), 0);
    cell_wait(cell, is_told(home, GHOST), 3000);
    size_t before = home->message_count;
    cell_start(cell);
    cell_wait(cell, is_taken_back(home, GHOST), 5000);
    cell_wait(cell, home->message_count >= before + 2, 5000);
    assert_true(is_told(home, CONFIG)); /* that one was heard within the week */
    cell_stop(cell);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CELL_TEST(test_off_by_default), CELL_TEST(test_told),
        CELL_TEST(test_taken_back),     CELL_TEST(test_taken_back_by_another_run),
        CELL_TEST(test_forgotten),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
