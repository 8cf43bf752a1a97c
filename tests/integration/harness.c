#include "harness.h"

#include <mosquitto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void on_beat(uv_timer_t *timer)
{
}

int harness_setup(void **state)
{
    struct harness *harness = calloc(1, sizeof *harness);
    assert_non_null(harness);
    assert_int_equal(uv_loop_init(&harness->loop), 0);
    uv_timer_init(&harness->loop, &harness->beat);
    uv_timer_start(&harness->beat, on_beat, 5, 5);
    *state = harness;
    return 0;
}

static bool harness_stopped(const struct harness *harness)
{
    for (int i = 0; i < HARNESS_PEERS; i++) {
        if (harness->peers[i].client)
            return false;
    }
    return true;
}

int harness_teardown(void **state)
{
    struct harness *harness = *state;
    for (int i = 0; i < HARNESS_PEERS; i++)
        peer_stop(&harness->peers[i]);
    wait_until(&harness->loop, harness_stopped(harness), 20000);
    for (int i = 0; i < 2; i++) {
        if (harness->fakes[i].port)
            fake_broker_stop(&harness->fakes[i]);
    }
    uv_close((uv_handle_t *)&harness->beat, NULL);
    uv_run(&harness->loop, UV_RUN_DEFAULT);
    int closed = uv_loop_close(&harness->loop);
    if (closed != 0)
        uv_print_all_handles(&harness->loop, stderr);
    for (int i = 0; i < HARNESS_PEERS; i++)
        peer_deinit(&harness->peers[i]);
    broker_free(harness->broker);
    free(harness);
    if (closed != 0)
        print_error("uv_loop_close: %s\n", uv_strerror(closed));
    return closed;
}

void harness_broker(struct harness *harness, const struct broker_options *options)
{
    if (!broker_installed()) {
        print_message("skipped: mosquitto is not installed\n");
        skip();
    }
    if (!harness->broker)
        harness->broker = broker_new();
    broker_start(harness->broker, options);
}

struct peer *harness_peer(struct harness *harness, int index)
{
    char id[16];
    snprintf(id, sizeof id, "peer%d", index);
    struct mqtt_options options = peer_options(broker_url(harness->broker), id);
    peer_start(&harness->peers[index], &harness->loop, &options);
    return &harness->peers[index];
}

struct peer *harness_online_peer(struct harness *harness, int index)
{
    struct peer *peer = harness_peer(harness, index);
    wait_until(&harness->loop, mqtt_client_online(peer->client), 5000);
    return peer;
}

void harness_subscribe(struct harness *harness, struct peer *peer, const char *filter, int qos)
{
    /* The broker answers in order: when a QoS 1 message is acknowledged, the filter is in place. */
    assert_int_equal(mqtt_client_subscribe(peer->client, filter, qos), 0);
    unsigned acks = peer->ack_count;
    peer_publish(peer, "harness/nobody", "", 1);
    wait_until(&harness->loop, peer->ack_count > acks, 5000);
    peer->ack_count = acks;
}

static void on_raw_published(struct mosquitto *mosq, void *user, int mid)
{
    int *left = user;
    --*left;
}

void harness_publish_raw(struct harness *harness, const char *topic, size_t size, int count)
{
    int left = count;
    char *payload = calloc(1, size);
    assert_non_null(payload);
    mosquitto_lib_init();
    struct mosquitto *mosq = mosquitto_new(NULL, true, &left);
    assert_non_null(mosq);
    mosquitto_publish_callback_set(mosq, on_raw_published);
    int rc = mosquitto_connect(mosq, "127.0.0.1", broker_port(harness->broker), 60);
    for (int i = 0; i < count && !rc; i++)
        rc = mosquitto_publish(mosq, NULL, topic, (int)size, payload, 1, false);
    while (left > 0 && !rc)
        rc = mosquitto_loop(mosq, 100, 1);
    mosquitto_disconnect(mosq);
    mosquitto_destroy(mosq);
    mosquitto_lib_cleanup();
    free(payload);
    if (rc)
        fail_msg("raw publish: %s", mosquitto_strerror(rc));
}
