/* The client and a real broker that behaves; test_mqtt_faults.c has one that does not. */
#include "harness.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_options_are_checked(void **state)
{
    struct harness *harness = *state;
    struct mqtt_handlers handlers = {0};
    struct mqtt_options good = peer_options("mqtts://127.0.0.1:1", "x");
    struct mqtt_options cases[7];
    const char *const words[] = {"protocol",  "client id", "key's file", "missing-ca.crt",
                                 "user name", "mqtts",     "last will"};
    for (size_t i = 0; i < 7; i++)
        cases[i] = good;
    cases[0].protocol = 3;
    cases[1].client_id = "";
    cases[2].cert_file = "client.crt";
    cases[3].ca_file = "missing-ca.crt";
    cases[4].password = "secret";
    cases[5].url.tls = false;
    cases[5].ca_file = "ca.crt";
    cases[6].will = (struct mqtt_message){.topic = "a/#"};
    for (size_t i = 0; i < 7; i++) {
        struct mqtt_client *client = NULL;
        struct diag diag = DIAG_INIT;
        int r = mqtt_client_start(&harness->loop, &cases[i], &handlers, NULL, &client, &diag);
        if (r != -EINVAL || !strstr(diag.text, words[i]))
            fail_msg("case %zu: %d \"%s\", expected -EINVAL and \"%s\"", i, r, diag.text, words[i]);
        assert_null(client);
    }
}

static void test_broker_comes_later(void **state)
{
    struct harness *harness = *state;
    if (!broker_installed())
        skip();
    harness->broker = broker_new();
    struct peer *peer = harness_peer(harness, 0);
    assert_int_equal(mqtt_client_subscribe(peer->client, "late/#", 1), 0);
    assert_int_equal(mqtt_client_subscribe(peer->client, "bad/#/filter", 1), -EINVAL);
    struct mqtt_message message = {.topic = "late/1"};
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), -ENOTCONN);
    wait_until(&harness->loop, peer->offline >= 2, 5000);
    if (!strstr(peer->reason, "refused"))
        fail_msg("reason \"%s\"", peer->reason);
    assert_string_equal(mqtt_client_reason(peer->client), peer->reason);
    harness_broker(harness, NULL);
    wait_until(&harness->loop, mqtt_client_online(peer->client), 5000);
    assert_string_equal(mqtt_client_reason(peer->client), "");
    peer_publish(peer, "late/1", "hello", 1);
    wait_until(&harness->loop, peer->message_count == 1 && peer->ack_count == 1, 5000);
    assert_string_equal(peer->messages[0].payload, "hello");
    assert_int_equal(peer->acks[0].reason, 0);
}

/* Everything that both versions of the protocol have. */
static void exchange(struct harness *harness, const char *url, int protocol)
{
    struct mqtt_options options = peer_options(url, "exchange");
    options.protocol = protocol;
    struct peer *peer = &harness->peers[0];
    peer_start(peer, &harness->loop, &options);
    wait_until(&harness->loop, mqtt_client_online(peer->client), 5000);
    harness_subscribe(harness, peer, "exchange/+", 1);
    uint64_t token = peer_publish(peer, "exchange/a", "one", 1);
    peer_publish(peer, "exchange/b", "", 0);
    wait_until(&harness->loop, peer->message_count == 2 && peer->ack_count == 1, 5000);
    assert_true(peer->acks[0].token == token);
    assert_int_equal(peer->acks[0].reason, 0);
    assert_int_equal(mqtt_client_inflight(peer->client), 0);
    assert_string_equal(peer->messages[0].topic, "exchange/a");
    assert_string_equal(peer->messages[0].payload, "one");
    assert_int_equal(peer->messages[0].qos, 1);
    assert_int_equal(peer->messages[1].size, 0);
    assert_int_equal(peer->messages[1].qos, 0);
    assert_true(peer->drained >= 1);
    assert_int_equal(mqtt_client_unsubscribe(peer->client, "exchange/+"), 0);
    assert_int_equal(mqtt_client_unsubscribe(peer->client, "exchange/+"), -ENOENT);
    peer_publish(peer, "exchange/c", "nobody hears", 1);
    wait_until(&harness->loop, peer->ack_count == 2, 5000);
    assert_int_equal(peer->message_count, 2);
    peer_stop(peer);
    wait_until(&harness->loop, !peer->client, 2000);
    peer_deinit(peer);
}

static void test_exchange(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, &(struct broker_options){.unix_socket = true});
    exchange(harness, broker_url(harness->broker), 5);
    exchange(harness, broker_url(harness->broker), 4);
    exchange(harness, broker_unix_url(harness->broker), 5);
    exchange(harness, broker_unix_url(harness->broker), 4);
}

static void answer(struct peer *peer, const struct mqtt_message *message)
{
    struct mqtt_message reply = {.topic = message->response_topic,
                                 .payload = "yes",
                                 .size = 3,
                                 .qos = 1,
                                 .correlation = message->correlation,
                                 .correlation_size = message->correlation_size,
                                 .content_type = "text/plain"};
    assert_int_equal(mqtt_client_publish(peer->client, &reply, NULL), 0);
}

static void test_response_topic_and_correlation(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *server = harness_online_peer(harness, 0);
    struct peer *caller = harness_online_peer(harness, 1);
    server->on_message = answer;
    harness_subscribe(harness, server, "ask", 1);
    harness_subscribe(harness, caller, "reply/42", 1);
    struct mqtt_message question = {.topic = "ask",
                                    .qos = 1,
                                    .response_topic = "reply/42",
                                    .correlation = "nr 7",
                                    .correlation_size = 4};
    assert_int_equal(mqtt_client_publish(caller->client, &question, NULL), 0);
    wait_until(&harness->loop, caller->message_count == 1 && server->ack_count == 1, 5000);
    assert_string_equal(server->messages[0].response_topic, "reply/42");
    assert_string_equal(caller->messages[0].payload, "yes");
    assert_string_equal(caller->messages[0].correlation, "nr 7");
    assert_null(caller->messages[0].response_topic);
}

static void test_retained_flag(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    struct mqtt_message message = {
        .topic = "kept", .payload = "old", .size = 3, .qos = 1, .retained = true};
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), 0);
    wait_until(&harness->loop, peer->ack_count == 1, 5000);
    harness_subscribe(harness, peer, "kept", 1);
    wait_until(&harness->loop, peer->message_count == 1, 5000);
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), 0);
    wait_until(&harness->loop, peer->message_count == 2, 5000);
    assert_true(peer->messages[0].retained);  /* stored before the subscription */
    assert_false(peer->messages[1].retained); /* live */
}

static void test_inflight_bound(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    broker_freeze(harness->broker);
    uint64_t tokens[MQTT_INFLIGHT_MAX];
    for (int i = 0; i < MQTT_INFLIGHT_MAX; i++)
        tokens[i] = peer_publish(peer, "flight", "x", 1);
    struct mqtt_message message = {.topic = "flight", .qos = 1};
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), -EAGAIN);
    assert_int_equal(mqtt_client_inflight(peer->client), MQTT_INFLIGHT_MAX);
    message.qos = 0; /* has no window */
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), 0);
    broker_thaw(harness->broker);
    wait_until(&harness->loop, peer->ack_count == MQTT_INFLIGHT_MAX, 5000);
    for (int i = 0; i < MQTT_INFLIGHT_MAX; i++)
        assert_true(peer->acks[i].token == tokens[i]);
    assert_int_equal(mqtt_client_inflight(peer->client), 0);
}

/* Identifiers come round after 65535 messages; QoS 0 ones must never be taken for an ack. */
static void test_identifiers_wrap(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    broker_freeze(harness->broker);
    uint64_t token = peer_publish(peer, "wrap", "first", 1);
    struct mqtt_message message = {.topic = "w"};
    int sent = 0, r = 0;
    while (sent < 70000 && (r = mqtt_client_publish(peer->client, &message, NULL)) == 0)
        sent++;
    /* Every other identifier was used once, and the queue of 4 MiB was no hindrance. */
    assert_int_equal(r, -EAGAIN);
    assert_int_equal(sent, 65534);
    broker_thaw(harness->broker);
    wait_until(&harness->loop, peer->ack_count == 1, 10000);
    assert_true(peer->acks[0].token == token);
    assert_int_equal(mqtt_client_publish(peer->client, &message, NULL), 0);
}

static void test_unsent_bound(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    broker_freeze(harness->broker);
    char *payload = calloc(1, 60000);
    struct mqtt_message message = {.topic = "flood", .payload = payload, .size = 60000};
    int sent = 0, r = 0;
    while (sent < 10000 && (r = mqtt_client_publish(peer->client, &message, NULL)) == 0)
        sent++;
    free(payload);
    assert_int_equal(r, -EAGAIN);
    broker_thaw(harness->broker);
    message.size = 0;
    wait_until(&harness->loop, mqtt_client_publish(peer->client, &message, NULL) == 0, 5000);
    assert_true(mqtt_client_online(peer->client));
}

static void test_size_limit(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    for (int protocol = 5; protocol >= 4; protocol--) {
        struct peer *peer = &harness->peers[0];
        struct mqtt_options options = peer_options(broker_url(harness->broker), "limit");
        options.protocol = protocol;
        peer_start(peer, &harness->loop, &options);
        wait_until(&harness->loop, mqtt_client_online(peer->client), 5000);
        harness_subscribe(harness, peer, "big", 0);
        harness_publish_raw(harness, "big", 70000, 1);
        harness_publish_raw(harness, "big", 65000, 1);
        wait_until(&harness->loop, peer->message_count == 1, 5000);
        assert_int_equal(peer->messages[0].size, 65000);
        assert_int_equal(peer->oversize, protocol == 5 ? 0 : 70000); /* withheld, or told */
        char *payload = calloc(1, 70000);
        struct mqtt_message message = {.topic = "big", .payload = payload, .qos = 1};
        for (size_t size = 65400; size < 65600; size++) { /* refused, or really sent */
            message.size = size;
            int r = mqtt_client_publish(peer->client, &message, NULL);
            assert_true(r == 0 || (r == -EMSGSIZE && size > 65500));
            unsigned want = r == 0;
            wait_until(&harness->loop, peer->ack_count == want, 5000);
            peer->ack_count = 0;
            if (r < 0)
                break;
        }
        free(payload);
        assert_true(message.size < 65540);
        peer_stop(peer);
        wait_until(&harness->loop, !peer->client, 2000);
        peer_deinit(peer);
    }
}

static void echo(struct peer *peer, const struct mqtt_message *message)
{
    struct mqtt_message copy = *message;
    copy.topic = "echo";
    assert_int_equal(mqtt_client_publish(peer->client, &copy, NULL), 0);
}

static void test_burst_in_order(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, &(struct broker_options){.lines = "max_queued_messages 0"});
    struct peer *receiver = harness_online_peer(harness, 0);
    struct peer *sender = harness_online_peer(harness, 1);
    const unsigned count = 3000;
    receiver->on_message = echo; /* publishing from within on_message */
    harness_subscribe(harness, receiver, "burst", 0);
    harness_subscribe(harness, sender, "echo", 0);
    for (unsigned i = 0; i < count; i++) {
        char text[200];
        snprintf(text, sizeof text, "%0*u", (int)(10 + i % 150), i);
        peer_publish(sender, "burst", text, 0);
    }
    uv_sleep(500); /* the loop stands still, so that they pile up in the socket */
    wait_until(&harness->loop, sender->message_count == count, 10000);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(strtoul(receiver->messages[i].payload, NULL, 10), i);
        assert_int_equal(strtoul(sender->messages[i].payload, NULL, 10), i);
    }
    assert_true(receiver->drained > 0);
    if (receiver->drained > count / 2)
        fail_msg("%u bursts for %u messages", receiver->drained, count);
}

static void stop_myself(struct peer *peer, const struct mqtt_message *message)
{
    peer_stop(peer);
}

static void test_stop_from_a_handler(void **state)
{
    struct harness *harness = *state;
    harness_broker(harness, NULL);
    struct peer *peer = harness_online_peer(harness, 0);
    struct peer *other = harness_online_peer(harness, 1);
    peer->on_message = stop_myself;
    harness_subscribe(harness, peer, "stop", 0);
    peer_publish(other, "stop", "now", 0);
    peer_publish(other, "stop", "too late", 0);
    wait_until(&harness->loop, !peer->client, 2000);
    assert_int_equal(peer->message_count, 1);
}

static void test_wrong_password(void **state)
{
    struct harness *harness = *state;
    if (!broker_installed())
        skip();
    harness->broker = broker_new();
    if (!broker_shell(harness->broker, "mosquitto_passwd -b -c users robot right")) {
        print_message("skipped: no mosquitto_passwd\n");
        skip();
    }
    harness_broker(harness, &(struct broker_options){.refuse_anonymous = true,
                                                     .lines = "password_file users"});
    for (int protocol = 5; protocol >= 4; protocol--) {
        struct mqtt_options options = peer_options(broker_url(harness->broker), "wrong");
        options.protocol = protocol;
        options.username = "robot";
        options.password = "wrong";
        struct peer *peer = &harness->peers[0];
        peer_start(peer, &harness->loop, &options);
        wait_until(&harness->loop, peer->offline >= 2, 5000); /* it goes on trying */
        if (!strstr(peer->reason, "refused") || !strstr(peer->reason, "uthori"))
            fail_msg("reason \"%s\"", peer->reason);
        assert_int_equal(peer->online, 0);
        peer_stop(peer);
        options.client_id = "right";
        options.password = "right";
        peer_start(&harness->peers[1], &harness->loop, &options);
        wait_until(&harness->loop, harness->peers[1].online == 1 && !peer->client, 5000);
        peer_stop(&harness->peers[1]);
        wait_until(&harness->loop, !harness->peers[1].client, 2000);
        peer_deinit(peer);
        peer_deinit(&harness->peers[1]);
    }
}

static void test_denied_publish(void **state)
{
    struct harness *harness = *state;
    if (!broker_installed())
        skip();
    harness->broker = broker_new();
    broker_write(harness->broker, "acl", "topic readwrite open/#\n");
    harness_broker(harness, &(struct broker_options){.lines = "acl_file acl"});
    struct peer *peer = harness_online_peer(harness, 0);
    uint64_t denied = peer_publish(peer, "closed/1", "x", 1);
    uint64_t allowed = peer_publish(peer, "open/1", "x", 1);
    wait_until(&harness->loop, peer->ack_count == 2, 5000);
    assert_true(peer->acks[0].token == denied);
    assert_int_equal(peer->acks[0].reason, 135);
    assert_true(peer->acks[1].token == allowed);
    assert_int_equal(peer->acks[1].reason, 0); /* the broker said 0x10, no subscribers */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_options_are_checked),
        TEST(test_broker_comes_later),
        TEST(test_exchange),
        TEST(test_response_topic_and_correlation),
        TEST(test_retained_flag),
        TEST(test_inflight_bound),
        TEST(test_identifiers_wrap),
        TEST(test_unsent_bound),
        TEST(test_size_limit),
        TEST(test_burst_in_order),
        TEST(test_stop_from_a_handler),
        TEST(test_wrong_password),
        TEST(test_denied_publish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
