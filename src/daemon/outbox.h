/*
 * outbox: what must reach the broker: alerts, states, status, replies; in order, at QoS 1, until it
 * is acknowledged.
 *
 * Bounded: when it is full, the oldest that was not sent goes, counted. A retained topic has one
 * message that waits at most: a newer one takes its place, but for one that was put ahead. At most
 * MQTT_INFLIGHT_MAX are with the library, which sends them again itself after a reconnect. Alerts
 * are kept messages: they have a number in the journal, are sent when that is ready, stay when the
 * broker refuses them, and are given up only for want of room or when they are too old. Thread: the
 * loop.
 */
#ifndef ARMWATCH_DAEMON_OUTBOX_H
#define ARMWATCH_DAEMON_OUTBOX_H

#include "mqtt/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_MAX 8192             /* messages */
#define OUTBOX_BYTES_MAX (16 << 20) /* topics and payloads */
#define OUTBOX_RETRY_S 5.0          /* until a refused alert is sent again */

struct outbox;

/* on_gone (may be NULL): a kept message was acknowledged or given up. NULL when memory is out. */
struct outbox *outbox_new(void (*on_gone)(void *user, int64_t number), void *user);
void outbox_free(struct outbox *outbox);

/* Copies the message and queues it. Errors: -ENOMEM (counted as dropped). */
int outbox_put(struct outbox *outbox, const struct mqtt_message *message);

/* As outbox_put of a retained one, but that a newer one does not take its place: what is put next
 * is not to be out before it. */
int outbox_put_ahead(struct outbox *outbox, const struct mqtt_message *message);

/* One that is in the journal: number and time, by the wall clock, of its making. It is not sent
 * before outbox_ready has named its number. now_ns: monotonic; age_s: at that time. */
struct outbox_kept {
    int64_t number;
    int64_t created_ns;
    double age_s;
    int64_t now_ns;
};
int outbox_put_kept(struct outbox *outbox, const struct mqtt_message *message,
                    const struct outbox_kept *kept);

/* Kept messages up to this number may be sent from now on. */
void outbox_ready(struct outbox *outbox, int64_t number);

/* From now on each message is asked for before it is sent. One that is not ours is put aside if it
 * is kept, until outbox_recall; else it is dropped: a state that is not ours to tell. One that has
 * to wait holds up those behind it. */
enum outbox_leave { OUTBOX_SEND, OUTBOX_WAIT, OUTBOX_NOT_OURS };
void outbox_set_gate(struct outbox *outbox, enum outbox_leave (*ask)(void *user, const char *topic),
                     void *user);
/* At most so many messages are with the library at a time; 0: as many as it takes. */
void outbox_set_window(struct outbox *outbox, size_t window);
/* What was put aside is queued again: it is asked for anew. */
void outbox_recall(struct outbox *outbox);
/* Gives up what was put aside for a topic. Returns how many that were. */
size_t outbox_disown(struct outbox *outbox, const char *topic);
/* What was sent and not acknowledged is to be sent again, by another client: it is asked for anew.
 */
void outbox_resend(struct outbox *outbox);

/* Sends what the client takes now: after outbox_put, outbox_ready, on_online and on_ack. */
void outbox_flush(struct outbox *outbox, struct mqtt_client *client);

/* The broker's answer to a message; an unknown token is none of ours. One that was refused (reason
 * >= 128) is counted, and gone unless it is kept. */
void outbox_ack(struct outbox *outbox, uint64_t token, int reason, int64_t now_ns);

/* Time passes: refused ones are queued again, at once if `now` (the connection is new), and kept
 * ones older than max_age_s are given up. now_ns: monotonic. */
void outbox_tick(struct outbox *outbox, double max_age_s, bool now, int64_t now_ns);

/* Every kept message, in order. */
void outbox_each_kept(const struct outbox *outbox,
                      void (*each)(void *user, const struct mqtt_message *message,
                                   const struct outbox_kept *kept),
                      void *user);

/* The topic of each message that waits or is unacknowledged, those put aside excepted. */
void outbox_each_topic(const struct outbox *outbox, void (*each)(void *user, const char *topic),
                       void *user);

size_t outbox_count(const struct outbox *outbox);     /* waiting or unacknowledged */
size_t outbox_aside(const struct outbox *outbox);     /* not ours to tell at present; not counted
                                                         there */
uint64_t outbox_dropped(const struct outbox *outbox); /* for want of room */
uint64_t outbox_expired(const struct outbox *outbox); /* too old */
uint64_t outbox_refused(const struct outbox *outbox); /* answers of the broker */

#endif
