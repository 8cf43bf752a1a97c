/* The broker's configuration and ACL that are shipped, at a real broker: who may do what. */
#include "cell.h"
#include "shipped.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DENIED 135 /* MQTT 5: not authorised */
#define ROBOT_SAMPLE "armwatch/robot/kuka1/sample"

enum { ROBOT, VIEWER, OPERATOR, DAEMON }; /* peers */

static const char *const users[] = {"kuka1", "viewer", "operator", "armwatch"};

/* What the administrator has to adapt: the port, and where the files are. */
static void start_shipped_broker(struct harness *harness)
{
    struct broker *broker = harness->broker = broker_new();
    char listener[64], directory[128];
    if (!broker_make_certificates(broker, "IP:127.0.0.1")) {
        print_message("skipped: the openssl command does not work here\n");
        skip();
    }
    if (!broker_shell(broker, "touch armwatch.passwd; for user in kuka1 kuka2 viewer operator "
                              "armwatch; do mosquitto_passwd -b armwatch.passwd $user secret-$user "
                              "|| exit 1; done")) {
        print_message("skipped: there is no mosquitto_passwd\n");
        skip();
    }
    char *acl = shipped_read("armwatch.acl"), *conf = shipped_read("armwatch.conf");
    broker_write(broker, "armwatch.acl", acl);
    free(acl);
    snprintf(listener, sizeof listener, "listener %s 127.0.0.1",
             strrchr(broker_tls_url(broker), ':') + 1);
    snprintf(directory, sizeof directory, "%s/", broker_directory(broker));
    conf = shipped_replace(conf, "listener 8883", listener);
    conf = shipped_replace(conf, "/etc/mosquitto/certs/", directory);
    conf = shipped_replace(conf, "/etc/mosquitto/", directory);
    /* Debian's mosquitto.conf, which includes the shipped one, says this as well. */
    size_t size = strlen(conf) + 200;
    char *lines = malloc(size);
    assert_non_null(lines);
    snprintf(lines, size, "persistence_location %s\n%s", directory, conf);
    broker_start(broker, &(struct broker_options){.lines = lines});
    free(lines);
    free(conf);
}

static void start_peer(struct cell *cell, int index, const char *user, const char *password)
{
    char ca[128];
    snprintf(ca, sizeof ca, "%s/ca.crt", broker_directory(cell->harness->broker));
    struct mqtt_options options =
        peer_options(broker_tls_url(cell->harness->broker), user ? user : "anonymous");
    options.ca_file = ca;
    options.username = user;
    options.password = password;
    peer_start(&cell->harness->peers[index], &cell->harness->loop, &options);
}

static void start_role(struct cell *cell, int index)
{
    char password[64];
    struct peer *peer = &cell->harness->peers[index];
    snprintf(password, sizeof password, "secret-%s", users[index]);
    start_peer(cell, index, users[index], password);
    wait_until(&cell->harness->loop, mqtt_client_online(peer->client), 5000);
}

static int setup(void **state)
{
    struct cell *cell = calloc(1, sizeof *cell);
    assert_non_null(cell);
    *state = cell;
    assert_int_equal(harness_setup((void **)&cell->harness), 0);
    cell->finished = true;
    return 0;
}

/* A broker cannot be had in a setup that may skip; so each test begins with this. */
static void start(struct cell *cell)
{
    start_shipped_broker(cell->harness);
    for (int index = ROBOT; index <= OPERATOR; index++)
        start_role(cell, index);
    cell->sender = &cell->harness->peers[ROBOT];
    cell->watcher = &cell->harness->peers[VIEWER];
    harness_subscribe(cell->harness, cell->watcher, "armwatch/#", 1);
}

/* Publishes at QoS 1 and holds the broker's answer against what is expected. */
static void expect_publish(struct cell *cell, int index, const char *topic, bool allowed)
{
    struct peer *peer = &cell->harness->peers[index];
    peer->ack_count = 0;
    peer_publish(peer, topic, "{}", 1);
    wait_until(&cell->harness->loop, peer->ack_count == 1, 5000);
    int reason = peer->acks[0].reason;
    if (allowed ? reason >= 128 : reason != DENIED)
        fail_msg("%s publishes on %s: reason %d", users[index], topic, reason);
    peer->ack_count = 0;
}

static void test_who_may_write_what(void **state)
{
    static const struct {
        const char *topic;
        bool allowed[4]; /* robot kuka1, viewer, operator, daemon */
    } rules[] = {
        {ROBOT_SAMPLE, {true, false, false, false}},
        {"armwatch/robot/kuka2/sample", {false, false, false, false}},
        {"armwatch/robot/viewer/sample", {false, false, false, false}},
        {"armwatch/robot/operator/sample", {false, false, false, false}},
        {"armwatch/robot/armwatch/sample", {false, false, false, false}},
        {CELL_CONTROL, {false, false, true, false}},
        {CELL_REPLY, {false, false, false, true}},
        {CELL_REPLY "/42", {false, false, false, true}},
        {CELL_STATUS, {false, false, false, true}},
        {"armwatch/robot/kuka1/score", {false, false, false, true}},
        {"armwatch/robot/kuka1/alert", {false, false, false, true}},
        {"armwatch/robot/kuka1/state", {false, false, false, true}},
        {"armwatch", {false, false, false, false}},
        {"elsewhere", {false, false, false, false}},
    };
    struct cell *cell = *state;
    start(cell);
    start_role(cell, DAEMON);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        peer_forget(cell->watcher);
        size_t written = 0;
        for (int index = ROBOT; index <= DAEMON; index++) {
            expect_publish(cell, index, rules[i].topic, rules[i].allowed[index]);
            written += rules[i].allowed[index];
        }
        wait_until(&cell->harness->loop, cell->watcher->message_count >= written, 5000);
        assert_int_equal(cell->watcher->message_count, written);
    }
}

/* Reading is not refused by this broker; nothing arrives. */
static void test_who_hears_what(void **state)
{
    struct cell *cell = *state;
    start(cell);
    start_role(cell, DAEMON);
    struct peer *robot = &cell->harness->peers[ROBOT], *daemon = &cell->harness->peers[DAEMON],
                *operator= & cell->harness->peers[OPERATOR];
    harness_subscribe(cell->harness, robot, "#", 1);
    harness_subscribe(cell->harness, operator, "#", 1);
    harness_subscribe(cell->harness, daemon, "#", 1);
    peer_forget(cell->watcher);
    expect_publish(cell, ROBOT, ROBOT_SAMPLE, true);
    expect_publish(cell, OPERATOR, CELL_CONTROL, true);
    expect_publish(cell, DAEMON, "armwatch/robot/kuka1/alert", true);
    wait_until(&cell->harness->loop,
               cell->watcher->message_count == 3 && operator->message_count == 3, 5000);
    wait_until(&cell->harness->loop, daemon->message_count == 2, 5000);
    wait_ms(&cell->harness->loop, 100);
    assert_int_equal(robot->message_count, 0);
    assert_int_equal(daemon->message_count, 2); /* the sample, the command */
}

static void expect_locked_out(struct cell *cell, const char *user, const char *password)
{
    struct peer *peer = &cell->harness->peers[DAEMON];
    start_peer(cell, DAEMON, user, password);
    wait_until(&cell->harness->loop, peer->offline >= 1, 5000);
    assert_int_equal(peer->online, 0);
    if (!strstr(peer->reason, "uthori"))
        fail_msg("reason \"%s\"", peer->reason);
    peer_stop(peer);
    wait_until(&cell->harness->loop, !peer->client, 5000);
    peer_deinit(peer);
}

static void test_who_gets_in(void **state)
{
    struct cell *cell = *state;
    start(cell);
    expect_locked_out(cell, NULL, NULL);
    expect_locked_out(cell, "armwatch", "guessed");
    expect_locked_out(cell, "armwatch", NULL);
    expect_locked_out(cell, "nobody", "secret-nobody");
}

/* Debian's defaults would keep nothing: written each half hour, or at a clean end. */
static void test_retained_states_outlive_a_crash(void **state)
{
    struct cell *cell = *state;
    start(cell);
    start_role(cell, DAEMON);
    struct peer *daemon = &cell->harness->peers[DAEMON];
    const struct mqtt_message message = {.topic = "armwatch/robot/kuka1/state",
                                         .payload = "ok",
                                         .size = 2,
                                         .qos = 1,
                                         .retained = true};
    assert_int_equal(mqtt_client_publish(daemon->client, &message, NULL), 0);
    wait_until(&cell->harness->loop, daemon->ack_count == 1, 5000);
    assert_int_equal(daemon->acks[0].reason, 0);
    wait_until(&cell->harness->loop, cell->watcher->message_count == 1, 5000);
    wait_until(&cell->harness->loop,
               broker_shell(cell->harness->broker, "grep -q kuka1/state mosquitto.db"), 5000);
    peer_forget(cell->watcher);
    broker_kill(cell->harness->broker);
    broker_start(cell->harness->broker, NULL);
    wait_until(&cell->harness->loop, cell->watcher->message_count == 1, 10000);
    assert_true(cell->watcher->messages[0].retained);
    assert_string_equal(cell->watcher->messages[0].payload, "ok");
}

static void configure_daemon(struct cell *cell)
{
    char text[160];
    const char *directory = broker_directory(cell->harness->broker);
    cell->daemon = daemon_process_new();
    cell->config = cJSON_CreateObject();
    cell_configure(cell, "instance", "\"" CELL_INSTANCE "\"");
    snprintf(text, sizeof text, "\"%s\"", broker_tls_url(cell->harness->broker));
    cell_configure(cell, "mqtt.url", text);
    cell_configure(cell, "mqtt.username", "\"armwatch\"");
    snprintf(text, sizeof text, "\"%s/secret\"", directory);
    cell_configure(cell, "mqtt.password_file", text);
    snprintf(text, sizeof text, "\"%s/ca.crt\"", directory);
    cell_configure(cell, "mqtt.ca_file", text);
    snprintf(text, sizeof text, "\"%s\"", cell_models());
    cell_configure(cell, "models.directory", text);
    cell_configure(cell, "models.default", "\"cell\"");
    cell_configure(cell, "scores.rate_hz", "-1");
    cell_configure(cell, "state_directory", "\"state\"");
    cell_configure(cell, "http.listen", "\"127.0.0.1:0\"");
    assert_true(broker_shell(cell->harness->broker, "umask 077; printf secret-armwatch > secret"));
}

static void test_the_whole_flow(void **state)
{
    struct cell *cell = *state;
    struct cell_robot robot;
    start(cell);
    configure_daemon(cell);
    cell->finished = false;
    cell_robot_init(&robot, "kuka1", TOY_ARM_CHANNELS, 600);
    cell_start(cell);
    cell_run(cell, &robot, 50, 0);
    cell_run(cell, &robot, 20, 4);
    cell_wait(cell, cell_last_says(cell, "armwatch/robot/kuka1/alert", "data.state", "raised"),
              5000);
    cell_wait(cell, cell_last_says(cell, "armwatch/robot/kuka1/state", "state", "alert"), 5000);
    cell->sender = &cell->harness->peers[OPERATOR];
    cJSON *reply = cell_command(cell, "\"command\":\"reload\",\"model\":\"cell-v2\"");
    assert_true(cJSON_IsTrue(json_at(reply, "ok")));
    cJSON_Delete(reply);
    reply = cell_command(cell, "\"command\":\"status\"");
    assert_string_equal(json_text(reply, "state"), "online"); /* nothing of its own was refused */
    cJSON_Delete(reply);
    assert_int_equal(daemon_process_logged(cell->daemon, "refused"), 0);
    cell_stop(cell);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, cell_teardown)

int main(void)
{
    unsetenv("ARMWATCH_HEARING"); /* clients say here what no daemon would */
    const struct CMUnitTest tests[] = {
        TEST(test_who_may_write_what), TEST(test_who_hears_what),
        TEST(test_who_gets_in),        TEST(test_retained_states_outlive_a_crash),
        TEST(test_the_whole_flow),
    };
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
