/*
 * harness: a loop, a broker, fake brokers and peers for one test, and the proof at its end that
 * nothing is left open.
 */
#ifndef ARMWATCH_TESTS_HARNESS_H
#define ARMWATCH_TESTS_HARNESS_H

#include "broker.h"
#include "fake_broker.h"
#include "peer.h"

#define HARNESS_PEERS 4

struct harness {
    uv_loop_t loop;
    uv_timer_t beat; /* wakes the loop every 5 ms, for wait_until */
    struct broker *broker;
    struct fake_broker fakes[2];
    struct peer peers[HARNESS_PEERS];
};

/* cmocka's setup and teardown. The teardown stops everything and asserts uv_loop_close() == 0. */
int harness_setup(void **state);
int harness_teardown(void **state);

/* Starts the broker; skips the test where none is installed. */
void harness_broker(struct harness *harness, const struct broker_options *options);

/* Starts peers[index] on the broker's plain listener, MQTT 5, named "peer<index>". */
struct peer *harness_peer(struct harness *harness, int index);
/* As harness_peer, and waits until it is online. */
struct peer *harness_online_peer(struct harness *harness, int index);

/* Subscribes and waits until the broker has the subscription. */
void harness_subscribe(struct harness *harness, struct peer *peer, const char *filter, int qos);

/* Publishes size bytes with a second, blocking client, without a turn of the loop. */
void harness_publish_raw(struct harness *harness, const char *topic, size_t size, int count);

#endif
