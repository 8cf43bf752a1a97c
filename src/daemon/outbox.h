/*
 * outbox: what must reach the broker: alerts, states, status, replies; in order, at QoS 1, until it
 * is acknowledged.
 *
 * Kept in memory and bounded. A retained topic has one message that waits at most: a newer one
 * takes its place. At most MQTT_INFLIGHT_MAX are with the library, which sends them again itself
 * after a reconnect. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_OUTBOX_H
#define ARMWATCH_DAEMON_OUTBOX_H

#include "mqtt/client.h"

#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX 8192 /* messages */

struct outbox;

/* NULL when memory is out. */
struct outbox *outbox_new(void);
void outbox_free(struct outbox *outbox);

/* Copies the message and queues it. Errors: -ENOBUFS the outbox is full (counted); -ENOMEM. */
int outbox_put(struct outbox *outbox, const struct mqtt_message *message);

/* Sends what the client takes now: after outbox_put, on_online and on_ack. */
void outbox_flush(struct outbox *outbox, struct mqtt_client *client);

/* The broker's answer to a message; an unknown token is none of ours. A refusal (reason >= 128)
 * drops the message, counted. */
void outbox_ack(struct outbox *outbox, uint64_t token, int reason);

size_t outbox_count(const struct outbox *outbox);     /* waiting or unacknowledged */
uint64_t outbox_dropped(const struct outbox *outbox); /* for want of room */
uint64_t outbox_refused(const struct outbox *outbox); /* by the broker */

#endif
