/* An edge node, a real broker, and what the other side reads: births, changes, a gap that a rebirth
 * mends, deaths. */
#include "edge_node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const ids[3] = {"plant", "cell7", "kuka1"};

static struct {
    struct harness *harness;
    struct sparkplug *sparkplug;
    struct peer *peer; /* hears everything */
    struct edge_node edge;
    unsigned messages, gaps;
    double speed, load, stop; /* the last values */
    char mode[16];
    int64_t historical_ms;
} host;

static void keep(const struct sparkplug_metric *metric)
{
    if (metric->historical)
        host.historical_ms = metric->time_ms;
    else if (strcmp(metric->name, "speed") == 0)
        host.speed = metric->tag.number;
    else if (strcmp(metric->name, "load") == 0)
        host.load = metric->tag.type == TAG_NULL ? -1000 : metric->tag.number;
    else if (strcmp(metric->name, "stop") == 0)
        host.stop = metric->tag.number;
    else
        snprintf(host.mode, sizeof host.mode, "%s", metric->tag.text);
}

static void on_message(struct peer *peer, const struct mqtt_message *received)
{
    struct sparkplug_message message;
    struct diag diag = DIAG_INIT;
    const struct sparkplug_input input = {
        .topic = received->topic, .payload = received->payload, .size = received->size};
    enum sparkplug_refusal refusal = sparkplug_take(host.sparkplug, &input, &message, &diag);
    if (refusal && refusal != SPARKPLUG_NOT_DATA && refusal != SPARKPLUG_BEFORE_BIRTH)
        fail_msg("%s", diag.text);
    for (size_t i = 0; i < message.count; i++)
        keep(&message.metrics[i]);
    host.messages += !refusal;
    host.gaps += message.gap;
    if (!message.rebirth)
        return;
    struct sparkplug_command command;
    assert_int_equal(sparkplug_format_rebirth(&message.topic, 1000, &command), 0);
    const struct mqtt_message request = {
        .topic = command.topic, .payload = command.payload, .size = command.size};
    assert_int_equal(mqtt_client_publish(peer->client, &request, NULL), 0);
}

static int setup(void **state)
{
    memset(&host, 0, sizeof host);
    host.sparkplug = sparkplug_new(&SPARKPLUG_LIMITS_DEFAULT);
    int r = harness_setup(state);
    host.harness = *state;
    return host.sparkplug ? r : -1;
}

static int teardown(void **state)
{
    sparkplug_free(host.sparkplug);
    return harness_teardown(state);
}

static void start(void)
{
    harness_broker(host.harness, NULL);
    struct peer *peer = harness_online_peer(host.harness, 0);
    edge_node_init(&host.edge, host.harness, peer, ids);
    host.peer = harness_online_peer(host.harness, 1);
    host.peer->on_message = on_message;
    harness_subscribe(host.harness, host.peer, "spBv1.0/#", 0);
    edge_node_add(&host.edge, "speed", SPARKPLUG_FLOAT);
    edge_node_add(&host.edge, "load", SPARKPLUG_INT16);
    edge_node_add(&host.edge, "stop", SPARKPLUG_BOOLEAN);
    edge_node_add(&host.edge, "mode", SPARKPLUG_STRING);
}

#define HEARD(condition) wait_until(&host.harness->loop, condition, 10000)

static void test_changes(void **state)
{
    start();
    edge_node_set(&host.edge, 1, -3);
    edge_node_set_text(&host.edge, 3, "auto");
    edge_node_birth(&host.edge);
    HEARD(host.messages == 2);
    assert_true(host.load == -3 && !strcmp(host.mode, "auto"));
    edge_node_set(&host.edge, 0, 0.5);
    edge_node_set(&host.edge, 1, -3); /* the same */
    edge_node_set(&host.edge, 2, 1);
    assert_int_equal(edge_node_publish(&host.edge), 2);
    assert_int_equal(edge_node_publish(&host.edge), 0);
    edge_node_set_null(&host.edge, 1);
    edge_node_set_text(&host.edge, 3, "manual");
    assert_int_equal(edge_node_publish(&host.edge), 2);
    edge_node_publish_historical(&host.edge, 0, 7, 1767225500000);
    HEARD(host.messages == 5);
    assert_true(host.speed == 0.5 && host.stop == 1 && host.load == -1000);
    assert_string_equal(host.mode, "manual");
    assert_int_equal(host.historical_ms, 1767225500000);
    assert_true(host.gaps == 0 && host.edge.rebirths == 0);
}

static void test_gap_is_mended(void **state)
{
    start();
    edge_node_birth(&host.edge);
    edge_node_set(&host.edge, 0, 1);
    edge_node_set(&host.edge, 1, 7);
    edge_node_lose(&host.edge);
    edge_node_set(&host.edge, 0, 2);
    edge_node_publish(&host.edge);
    HEARD(host.edge.births == 2 && host.messages == 5);
    assert_true(host.gaps == 1 && host.edge.rebirths == 1);
    assert_true(host.speed == 2 && host.load == 7); /* the lost one, too */
    edge_node_set(&host.edge, 0, 3);
    edge_node_publish(&host.edge);
    HEARD(host.messages == 6);
    assert_true(host.gaps == 1 && host.speed == 3);
}

static void test_comes_later(void **state)
{
    start();
    host.edge.seq = 77; /* as if its births had been long ago */
    edge_node_set(&host.edge, 0, 1);
    edge_node_publish(&host.edge);
    HEARD(host.edge.rebirths == 1 && host.messages == 2);
    assert_true(host.speed == 1);
}

static void test_deaths(void **state)
{
    start();
    const struct sparkplug_topic device = {.type = SPARKPLUG_DDATA,
                                           .group = sparkplug_span_of(ids[0]),
                                           .node = sparkplug_span_of(ids[1]),
                                           .device = sparkplug_span_of(ids[2])};
    edge_node_birth(&host.edge);
    HEARD(sparkplug_online(host.sparkplug, &device));
    edge_node_device_dies(&host.edge);
    HEARD(!sparkplug_online(host.sparkplug, &device));
    edge_node_birth(&host.edge);
    HEARD(sparkplug_online(host.sparkplug, &device));
    edge_node_die(&host.edge);
    HEARD(!sparkplug_online(host.sparkplug, &device));
    edge_node_birth(&host.edge);
    HEARD(sparkplug_online(host.sparkplug, &device));
    assert_int_equal(host.edge.rebirths, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_changes),
        TEST(test_gap_is_mended),
        TEST(test_comes_later),
        TEST(test_deaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
