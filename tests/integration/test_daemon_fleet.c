/*
 * Several daemons on one broker share the partitions of a fleet, by leases in a nats-server of the
 * test's own.
 */
#include "cell.h"
#include "nats_server.h"

#include "base/clock.h"
#include "config/partition_set.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PARTITIONS 6
#define TTL_S 2
#define MEMBERS 3
#define GROSS 4.0
#define UNTOLD "0123456789abcdef0123456789abcdef"
#define ROBOT "kuka1"
#define ALERT "armwatch/robot/" ROBOT "/alert"
#define STATE "armwatch/robot/" ROBOT "/state"
#define SCORE "armwatch/robot/" ROBOT "/score"

static struct fleet_test {
    struct cell *cell;
    struct nats_server *nats;
    struct daemon_process *member[MEMBERS];
} test;

static const char *const names[MEMBERS] = {"a", "b", "c"};

static int setup(void **state)
{
    char text[96];
    if (cell_setup(state) != 0)
        return -1;
    test = (struct fleet_test){.cell = *state, .nats = nats_server_new(NULL)};
    nats_server_start(test.nats);
    snprintf(text, sizeof text, "%d", PARTITIONS);
    cell_configure(test.cell, "partitions.count", text);
    snprintf(text, sizeof text, "\"%s\"", nats_server_url(test.nats));
    cell_configure(test.cell, "partitions.lease.url", text);
    snprintf(text, sizeof text, "%d", TTL_S);
    cell_configure(test.cell, "partitions.lease.ttl_s", text);
    cell_configure(test.cell, "topics.samples",
                   "[\"part/{partition}/armwatch/robot/{robot}/sample\"]");
    cell_configure(test.cell, "mqtt.protocol", "\"3.1.1\"");
    return 0;
}

static void print_logs(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (test.member[i])
            daemon_process_print_log(test.member[i]);
    }
}

static int teardown(void **state)
{
    if (!test.cell->finished)
        print_logs();
    test.cell->finished = true;
    for (size_t i = 0; i < MEMBERS; i++)
        daemon_process_free(test.member[i]);
    nats_server_free(test.nats);
    return cell_teardown(state);
}

#define FLEET_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- members */

static const char *status_topic(size_t member)
{
    static char topic[96];
    snprintf(topic, sizeof topic, "armwatch/service/%s/status", names[member]);
    return topic;
}

static bool is_up(size_t member)
{
    const struct peer_message *last = cell_last(test.cell, status_topic(member));
    return last && !cell_last_says(test.cell, status_topic(member), "state", "offline");
}

static void start_member(size_t member)
{
    char text[32];
    if (!test.member[member])
        test.member[member] = daemon_process_new();
    snprintf(text, sizeof text, "\"%s\"", names[member]);
    cell_configure(test.cell, "instance", text);
    char *config = cJSON_Print(test.cell->config);
    daemon_process_configure(test.member[member], config);
    cJSON_free(config);
    daemon_process_start(test.member[member]);
    cell_wait(test.cell, (daemon_process_assert_alive(test.member[member]), is_up(member)), 10000);
}

static void stop_all(void)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        if (test.member[i] && test.member[i]->pid)
            daemon_process_stop(test.member[i]);
    }
    test.cell->finished = true;
}

/* What a member says that it owns. */
static struct partition_set owned(size_t member)
{
    struct partition_set set = {0};
    cJSON *status = is_up(member) ? cell_last_json(test.cell, status_topic(member)) : NULL;
    const cJSON *text = status ? json_at(status, "partitions.owned") : NULL;
    if (cJSON_IsString(text) && *text->valuestring)
        assert_int_equal(partition_set_parse(text->valuestring, PARTITIONS, &set, NULL), 0);
    cJSON_Delete(status);
    return set;
}

static size_t owned_count(size_t member)
{
    struct partition_set set = owned(member);
    return partition_set_count(&set);
}

static double told(size_t member, const char *path)
{
    cJSON *status = cell_last_json(test.cell, status_topic(member));
    double value = json_number(status, path);
    cJSON_Delete(status);
    return value;
}

/* No partition is of two, and none of nobody. */
static bool is_shared_out(void)
{
    struct partition_set all = {0};
    size_t sum = 0;
    for (size_t i = 0; i < MEMBERS; i++) {
        struct partition_set set = owned(i);
        sum += partition_set_count(&set);
        for (size_t w = 0; w < PARTITIONS_MAX / 64; w++)
            all.bits[w] |= set.bits[w];
    }
    return sum == PARTITIONS && partition_set_count(&all) == PARTITIONS;
}

#define fleet_wait(condition, limit_ms)                                                            \
    do {                                                                                           \
        uint64_t fleet_end = uv_hrtime() + (uint64_t)(limit_ms)*TIME_SCALE * 1000000;              \
        while (!(condition)) {                                                                     \
            if (uv_hrtime() > fleet_end)                                                           \
                fail_msg("did not come true: %s", #condition);                                     \
            uv_run(&test.cell->harness->loop, UV_RUN_ONCE);                                        \
        }                                                                                          \
    } while (0)

static size_t count_moved(const struct partition_set *before, size_t member)
{
    struct partition_set now = owned(member);
    size_t moved = 0;
    for (size_t p = 0; p < PARTITIONS; p++)
        moved += partition_set_has(before, p) && !partition_set_has(&now, p);
    return moved;
}

/* ---- robots */

static struct toy_arm arm;
static unsigned long seq;

static void send_row(size_t partition, double anomaly, int64_t time_ns)
{
    char topic[96], text[512], time[CLOCK_RFC3339_MAX] = "";
    float values[TOY_ARM_CHANNELS];
    toy_arm_next(&arm, anomaly, values);
    snprintf(topic, sizeof topic, "part/%zu/armwatch/robot/" ROBOT "/sample", partition);
    int size = snprintf(text, sizeof text, "{\"seq\":%lu", seq++);
    if (time_ns) {
        clock_format_rfc3339(time_ns, time);
        size += snprintf(text + size, sizeof text - (size_t)size, ",\"time\":\"%s\"", time);
    }
    size += snprintf(text + size, sizeof text - (size_t)size, ",\"values\":[%.9g,%.9g,%.9g,%.9g]}",
                     (double)values[0], (double)values[1], (double)values[2], (double)values[3]);
    cell_publish(test.cell, topic, text, (size_t)size);
}

/* A row each 10 ms until the condition is true. */
#define send_until(partition, anomaly, condition, limit_ms)                                        \
    do {                                                                                           \
        uint64_t send_next = 0;                                                                    \
        fleet_wait((send_next = send_if_due(send_next, partition, anomaly), (condition)),          \
                   limit_ms);                                                                      \
    } while (0)

static uint64_t send_if_due(uint64_t next, size_t partition, double anomaly)
{
    uint64_t now = uv_hrtime();
    if (now < next)
        return next;
    send_row(partition, anomaly, 0);
    return now + 10000000;
}

static void begin_robot(uint64_t seed)
{
    toy_arm_init(&arm, TOY_ARM_CHANNELS, seed);
    seq = 0;
}

static bool state_is_of(size_t member)
{
    return cell_last_says(test.cell, STATE, "instance", names[member]);
}

/* Two owners would both have scored one of the robot's samples. */
static void assert_scored_once(void)
{
    char *seen = calloc(seq + 1, 1);
    assert_non_null(seen);
    for (size_t i = 0; i < test.cell->watcher->message_count; i++) {
        const struct peer_message *message = &test.cell->watcher->messages[i];
        if (strcmp(message->topic, SCORE) != 0)
            continue;
        cJSON *score = cJSON_Parse(message->payload);
        size_t number = (size_t)json_number(score, "seq");
        cJSON_Delete(score);
        if (number >= seq || seen[number]++)
            fail_msg("sample %zu was scored twice", number);
    }
    free(seen);
}

static bool state_tells(const struct peer_message *message, const char *id)
{
    bool tells = false;
    cJSON *state = cJSON_Parse(message->payload), *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(state, "alerts"))
    {
        tells |= !strcmp(json_text(entry, "alert_id"), id);
    }
    cJSON_Delete(state);
    return tells;
}

/* An alert that was out before its state would be raised again by who has the robot next, if the
 * owner died in between. */
static void assert_states_come_first(void)
{
    const struct peer_message *messages = test.cell->watcher->messages;
    size_t alerts = 0;
    for (size_t i = 0; i < test.cell->watcher->message_count; i++) {
        if (strcmp(messages[i].topic, ALERT) != 0)
            continue;
        cJSON *alert = cJSON_Parse(messages[i].payload);
        bool told = false;
        for (size_t j = 0; j < i; j++)
            told |= !strcmp(messages[j].topic, STATE) &&
                    state_tells(&messages[j], json_text(alert, "data.alert_id"));
        cJSON_Delete(alert);
        if (!told)
            fail_msg("alert message %zu came before its state", alerts);
        alerts++;
    }
}

/* ---- tests */

static void test_joins_and_leaves(void **state)
{
    struct partition_set before[MEMBERS];
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    start_member(1);
    fleet_wait(owned_count(0) == 3 && owned_count(1) == 3 && is_shared_out(), 15000);
    assert_int_equal(told(0, "partitions.given"), 3);
    assert_int_equal(told(0, "partitions.lost"), 0);
    assert_int_equal(told(0, "partitions.lease.instances"), 2);
    for (size_t i = 0; i < 2; i++)
        before[i] = owned(i);
    start_member(2);
    fleet_wait(owned_count(2) == 2 && is_shared_out(), 15000);
    assert_int_equal(count_moved(&before[0], 0) + count_moved(&before[1], 1), 2);
    assert_int_equal(told(1, "partitions.lost"), 0);
    for (size_t i = 0; i < 2; i++)
        before[i] = owned(i);
    daemon_process_stop(test.member[2]); /* its partitions are free at once */
    fleet_wait(owned_count(0) == 3 && owned_count(1) == 3 && is_shared_out(), 15000);
    assert_int_equal(count_moved(&before[0], 0) + count_moved(&before[1], 1), 0);
    stop_all();
}

static size_t owner_of(size_t partition)
{
    struct partition_set set = owned(0);
    return partition_set_has(&set, partition) ? 0 : 1;
}

static void start_two(void)
{
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    start_member(1);
    fleet_wait(owned_count(0) == 3 && owned_count(1) == 3 && is_shared_out(), 15000);
}

/* The robot's alert goes on under its id, where the robot goes on. */
static void test_killed_in_an_episode(void **state)
{
    begin_robot(600);
    start_two();
    size_t first = owner_of(0), second = 1 - first;
    send_until(0, 0, state_is_of(first) && cell_last_says(test.cell, STATE, "state", "ok"), 10000);
    send_until(0, GROSS, cell_count_alerts(test.cell, ALERT, "raised") == 1, 10000);
    cell_wait(test.cell, cell_last_says(test.cell, STATE, "state", "alert"), 5000);
    daemon_process_kill(test.member[first]);
    send_until(0, GROSS, state_is_of(second) && cell_count_alerts(test.cell, ALERT, "updated") > 0,
               5000);
    fleet_wait(owned_count(second) == PARTITIONS, 5000);
    send_until(0, 0, cell_count_alerts(test.cell, ALERT, "cleared") == 1, 10000);
    assert_int_equal(cell_count_alerts(test.cell, ALERT, "raised"), 1);
    cJSON *raised = cell_json(test.cell, ALERT, 0), *last = cell_last_json(test.cell, ALERT);
    assert_string_equal(json_text(raised, "data.alert_id"), json_text(last, "data.alert_id"));
    assert_string_equal(json_text(raised, "data.started"), json_text(last, "data.started"));
    assert_string_equal(json_text(last, "source"),
                        second ? "armwatch/service/b" : "armwatch/service/a");
    cJSON_Delete(raised);
    cJSON_Delete(last);
    assert_scored_once();
    assert_states_come_first();
    /* What the dead one's journal knows of is another one's now. */
    start_member(first);
    fleet_wait(owned_count(first) == 3 && is_shared_out(), 15000);
    assert_int_equal(told(second, "partitions.taken_over"), 1); /* with what it has left */
    wait_ms(&test.cell->harness->loop, 500);
    assert_int_equal(cell_count_alerts(test.cell, ALERT, "updated") > 0, true);
    assert_int_equal(cell_count_alerts(test.cell, ALERT, "cleared"), 1);
    assert_true(state_is_of(second));
    stop_all();
}

/* An owner has died between the state and the alert that it tells of: the next one tells it, under
 * its id. */
static void test_killed_before_it_was_told(void **state)
{
    static const char told[] =
        "{\"robot\":\"" ROBOT "\",\"state\":\"alert\",\"reasons\":[],\"suspended\":null,"
        "\"since\":\"2026-11-23T17:00:00.000Z\",\"score\":2,\"coverage_1h\":1,\"clock_skew_s\":"
        "null,"
        "\"alerts\":[{\"alert_id\":\"" UNTOLD "\",\"n\":0,\"kind\":\"anomaly\",\"acked\":false,"
        "\"started\":\"2026-11-23T17:00:00.000Z\",\"severity\":\"warning\"}],\"drift\":null,"
        "\"commissioning\":null,\"model\":\"cell\",\"model_version\":1,\"partition\":0,"
        "\"instance\":\"z\",\"epoch\":1}";
    const struct mqtt_message message = {
        .topic = STATE, .payload = told, .size = strlen(told), .qos = 1, .retained = true};
    begin_robot(606);
    mqtt_client_publish(test.cell->sender->client, &message, NULL);
    cell_wait(test.cell, cell_count(test.cell, STATE) == 1, 5000);
    start_member(0);
    send_until(0, GROSS, cell_count_alerts(test.cell, ALERT, "raised") == 1, 20000);
    send_until(0, 0, cell_count_alerts(test.cell, ALERT, "cleared") == 1, 10000);
    cJSON *raised = cell_json(test.cell, ALERT, 0);
    assert_string_equal(json_text(raised, "data.alert_id"), UNTOLD);
    assert_string_equal(json_text(raised, "id"), UNTOLD "/1"); /* the same message, if it was */
    cJSON_Delete(raised);
    assert_int_equal(cell_count_alerts(test.cell, ALERT, "raised"), 1);
    assert_states_come_first();
    stop_all();
}

/* A daemon that stood still for longer than its leases last says nothing for them when it goes on.
 */
static void test_frozen(void **state)
{
    begin_robot(601);
    start_two();
    size_t first = owner_of(0), second = 1 - first;
    send_until(0, 0, state_is_of(first) && cell_last_says(test.cell, STATE, "state", "ok"), 10000);
    daemon_process_signal(test.member[first], SIGSTOP);
    send_until(0, 0,
               owned_count(second) == PARTITIONS && state_is_of(second) &&
                   cell_last_says(test.cell, STATE, "state", "ok"),
               15000);
    size_t states = cell_count(test.cell, STATE);
    daemon_process_signal(test.member[first], SIGCONT);
    /* The broker may have told its last will meanwhile. */
    send_until(0, 0, is_up(first) && told(first, "partitions.lost") >= 3, 20000);
    send_until(0, 0, owned_count(first) == 3 && is_shared_out(), 20000);
    for (size_t i = states; i < cell_count(test.cell, STATE); i++) {
        cJSON *told_state = cell_json(test.cell, STATE, i);
        size_t owner = owner_of(0);
        if (owner == second)
            assert_string_equal(json_text(told_state, "instance"), names[second]);
        cJSON_Delete(told_state);
    }
    assert_scored_once();
    stop_all();
}

/* Without the store nobody can know who owns a partition: it is given up in time. */
static void test_store_is_gone(void **state)
{
    begin_robot(602);
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    send_until(0, 0, state_is_of(0) && cell_last_says(test.cell, STATE, "state", "ok"), 10000);
    uint64_t killed = uv_hrtime();
    nats_server_kill(test.nats);
    send_until(0, 0, owned_count(0) == 0, 10000);
    if (TIME_SCALE == 1)
        assert_true(uv_hrtime() - killed < (TTL_S + 1) * UINT64_C(1000000000));
    size_t scores = cell_count(test.cell, SCORE), states = cell_count(test.cell, STATE);
    for (int i = 0; i < 50; i++)
        send_row(0, 0, 0);
    cell_wait(test.cell, cell_last_says(test.cell, status_topic(0), "state", "degraded"), 10000);
    cJSON *status = cell_last_json(test.cell, status_topic(0));
    assert_true(json_has_text(json_at(status, "reasons"), "leases"));
    cJSON_Delete(status);
    assert_int_equal(cell_count(test.cell, SCORE), scores);
    assert_int_equal(cell_count(test.cell, STATE), states);
    nats_server_start(test.nats);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    send_until(0, 0, cell_count(test.cell, STATE) > states, 10000);
    assert_int_equal(told(0, "partitions.lost"), PARTITIONS);
    stop_all();
}

/* A lease ends while the broker has not acknowledged what was sent: that is not sent again when the
 * connection is lost at last. The robot is stale within a second: its state is under way. */
static void test_messages_under_way(void **state)
{
    begin_robot(605);
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    send_until(0, 0, state_is_of(0) && cell_last_says(test.cell, STATE, "state", "ok"), 10000);
    broker_freeze(test.cell->harness->broker);
    wait_ms(&test.cell->harness->loop, 2000);
    nats_server_kill(test.nats);
    fleet_wait(daemon_process_logged(test.member[0], "messages were under way") == 1, 20000);
    nats_server_start(test.nats);
    broker_thaw(test.cell->harness->broker);
    cell_wait(test.cell,
              mqtt_client_online(test.cell->sender->client) &&
                  mqtt_client_online(test.cell->watcher->client),
              20000);
    fleet_wait(owned_count(0) == PARTITIONS, 20000);
    size_t states = cell_count(test.cell, STATE);
    send_until(0, 0, cell_count(test.cell, STATE) > states, 10000);
    stop_all();
}

/* The instances of a fleet must not differ in how long a lease lasts. */
static void test_bucket_of_another_ttl(void **state)
{
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    daemon_process_stop(test.member[0]);
    cell_configure(test.cell, "partitions.lease.ttl_s", "3");
    start_member(1);
    fleet_wait(cell_last_says(test.cell, status_topic(1), "state", "degraded"), 15000);
    cJSON *status = cell_last_json(test.cell, status_topic(1));
    assert_true(json_has_text(json_at(status, "reasons"), "leases"));
    assert_non_null(strstr(json_text(status, "partitions.lease.error"), "must be the same"));
    assert_int_equal(owned_count(1), 0);
    cJSON_Delete(status);
    stop_all();
}

/* By TLS, with a user: the certificate must be of that name. */
static void test_tls(void **state)
{
    char lines[512], text[256];
    struct broker *broker = test.cell->harness->broker; /* certificates lie in its directory */
    const char *directory = broker_directory(broker);
    if (!broker_make_certificates(broker, "DNS:localhost")) {
        test.cell->finished = true;
        skip();
    }
    snprintf(lines, sizeof lines,
             "tls { cert_file: \"%s/server.crt\", key_file: \"%s/server.key\" }\n"
             "authorization { user: armwatch, password: secret }\n",
             directory, directory);
    nats_server_free(test.nats);
    test.nats = nats_server_new(lines);
    nats_server_start(test.nats);
    test.member[0] = daemon_process_new();
    snprintf(text, sizeof text, "\"%s/ca.crt\"", directory);
    cell_configure(test.cell, "partitions.lease.ca_file", text);
    snprintf(text, sizeof text, "printf secret > %s/nats-password; chmod 600 %s/nats-password",
             test.member[0]->directory, test.member[0]->directory);
    assert_true(broker_shell(broker, text));
    cell_configure(test.cell, "partitions.lease.username", "\"armwatch\"");
    cell_configure(test.cell, "partitions.lease.password_file", "\"nats-password\"");
    snprintf(text, sizeof text, "\"tls://127.0.0.1:%d\"", nats_server_port(test.nats));
    cell_configure(test.cell, "partitions.lease.url", text);
    start_member(0);
    fleet_wait(cell_last_says(test.cell, status_topic(0), "state", "degraded"), 15000);
    assert_int_equal(owned_count(0), 0);
    daemon_process_stop(test.member[0]);
    snprintf(text, sizeof text, "[\"nats://127.0.0.1:1\",\"tls://localhost:%d\"]",
             nats_server_port(test.nats));
    cell_configure(test.cell, "partitions.lease.url", text);
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    stop_all();
}

/* What a broker has kept from before is not judged as if it were now. */
static void test_backlog(void **state)
{
    begin_robot(603);
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    int64_t now_ns = clock_realtime_ns();
    for (int i = 0; i < 20; i++)
        send_row(2, 0, now_ns - 60 * CLOCK_NS_PER_S + i * TOY_ARM_PERIOD_NS);
    for (int i = 0; i < 20; i++)
        send_row(2, 0, now_ns - 2 * CLOCK_NS_PER_S + i * TOY_ARM_PERIOD_NS);
    cell_wait(test.cell, cell_last_says(test.cell, STATE, "state", "ok"), 5000);
    cJSON *first = cell_json(test.cell, SCORE, 0);
    assert_true(json_number(first, "seq") >= 20);
    cJSON_Delete(first);
    stop_all();
}

/* Another broker in the place of the cell's, that speaks MQTT 3.1.1 only, for all of them. */
static void use_nats_as_broker(void)
{
    struct harness *harness = test.cell->harness;
    char text[96];
    for (int i = 2; i < 4; i++) {
        char id[16];
        snprintf(id, sizeof id, "peer%d", i);
        struct mqtt_options options = peer_options(nats_server_mqtt_url(test.nats), id);
        options.protocol = 4;
        peer_start(&harness->peers[i], &harness->loop, &options);
        wait_until(&harness->loop, mqtt_client_online(harness->peers[i].client), 10000);
    }
    test.cell->sender = &harness->peers[2];
    test.cell->watcher = &harness->peers[3];
    static const char *const filters[] = {"armwatch/robot/+/score", "armwatch/robot/+/alert",
                                          "armwatch/robot/+/state", "armwatch/service/#"};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        harness_subscribe(harness, test.cell->watcher, filters[i], 1);
    /* The first node is dead. */
    snprintf(text, sizeof text, "[\"mqtt://127.0.0.1:1\",\"%s\"]", nats_server_mqtt_url(test.nats));
    cell_configure(test.cell, "mqtt.url", text);
}

/* One leaves in order while an alert is open; the next one comes only then, and finds it in what
   the broker has retained. */
static void test_nats_is_the_broker(void **state)
{
    use_nats_as_broker();
    begin_robot(606);
    start_member(0);
    fleet_wait(owned_count(0) == PARTITIONS, 15000);
    send_until(3, 0, cell_last_says(test.cell, STATE, "state", "ok"), 10000);
    send_until(3, GROSS, cell_count_alerts(test.cell, ALERT, "raised") == 1, 10000);
    cell_wait(test.cell, cell_last_says(test.cell, STATE, "state", "alert"), 5000);
    daemon_process_stop(test.member[0]);
    start_member(1);
    fleet_wait(owned_count(1) == PARTITIONS, 15000);
    send_until(3, 0, cell_count_alerts(test.cell, ALERT, "cleared") == 1, 15000);
    assert_int_equal(cell_count_alerts(test.cell, ALERT, "raised"), 1);
    cJSON *raised = cell_json(test.cell, ALERT, 0), *last = cell_last_json(test.cell, ALERT);
    assert_string_equal(json_text(raised, "data.alert_id"), json_text(last, "data.alert_id"));
    assert_string_equal(json_text(last, "source"), "armwatch/service/b");
    cJSON_Delete(raised);
    cJSON_Delete(last);
    peer_publish(test.cell->sender, "armwatch/service/b/control",
                 "{\"id\":\"1\",\"command\":\"status\",\"reply_to\":\"armwatch/service/answer\"}",
                 1);
    cell_wait(test.cell, cell_count(test.cell, "armwatch/service/answer") == 1, 5000);
    cJSON *answer = cell_last_json(test.cell, "armwatch/service/answer");
    assert_string_equal(json_text(answer, "partitions.owned"), "0-5");
    cJSON_Delete(answer);
    stop_all();
}

/* Without leases: what the configuration says, and nothing else. */
static void test_static(void **state)
{
    cJSON_DeleteItemFromObject(cJSON_GetObjectItem(test.cell->config, "partitions"), "lease");
    cell_configure(test.cell, "partitions.own", "\"0-1,4\"");
    begin_robot(604);
    start_member(0);
    fleet_wait(owned_count(0) == 3, 5000);
    for (int i = 0; i < 10; i++)
        send_row(2, 0, 0); /* not ours */
    send_until(4, 0, cell_last_says(test.cell, STATE, "state", "ok"), 10000);
    cJSON *told_state = cell_last_json(test.cell, STATE);
    assert_int_equal(json_number(told_state, "partition"), 4);
    cJSON_Delete(told_state);
    cJSON *first = cell_json(test.cell, SCORE, 0);
    assert_true(json_number(first, "seq") >= 10);
    cJSON_Delete(first);
    stop_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FLEET_TEST(test_joins_and_leaves),
        FLEET_TEST(test_killed_in_an_episode),
        FLEET_TEST(test_killed_before_it_was_told),
        FLEET_TEST(test_frozen),
        FLEET_TEST(test_store_is_gone),
        FLEET_TEST(test_backlog),
        FLEET_TEST(test_tls),
        FLEET_TEST(test_bucket_of_another_ttl),
        FLEET_TEST(test_messages_under_way),
        FLEET_TEST(test_static),
        FLEET_TEST(test_nats_is_the_broker),
    };
    if (!nats_server_installed()) {
        print_message("skipped: nats-server is not installed\n");
        return 77; /* meson's code for it */
    }
    return cmocka_run_group_tests(tests, cell_group_setup, cell_group_teardown);
}
