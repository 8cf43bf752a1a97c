/*
 * inflight: the QoS 1 messages that wait for their PUBACK.
 *
 * Bounded, because the library's own queue is not. An entry lives through reconnects (the library
 * sends the message again by itself) until its acknowledgement has been taken.
 */
#ifndef ARMWATCH_MQTT_INFLIGHT_H
#define ARMWATCH_MQTT_INFLIGHT_H

#include "mqtt/client.h"

struct mqtt_inflight_entry {
    int mid; /* MQTT packet identifier */
    uint64_t token;
    uint64_t deadline_ms;
    bool acked;
    int reason;
};

struct mqtt_inflight {
    struct mqtt_inflight_entry entries[MQTT_INFLIGHT_MAX]; /* oldest first */
    unsigned count;
    uint64_t last_token;
};

bool mqtt_inflight_has(const struct mqtt_inflight *inflight, int mid);
/* Returns the token. The caller has checked that there is room. */
uint64_t mqtt_inflight_add(struct mqtt_inflight *inflight, int mid, uint64_t deadline_ms);
/* Notes an acknowledgement; false for an identifier that does not wait. */
bool mqtt_inflight_ack(struct mqtt_inflight *inflight, int mid, int reason);
/* Takes out the oldest acknowledged entry; false when there is none. */
bool mqtt_inflight_take(struct mqtt_inflight *inflight, struct mqtt_inflight_entry *ret_entry);
/* Whether one waits for longer than its deadline. */
bool mqtt_inflight_overdue(const struct mqtt_inflight *inflight, uint64_t now_ms);
/* After a reconnect everything is sent again and waits anew. */
void mqtt_inflight_renew(struct mqtt_inflight *inflight, uint64_t deadline_ms);

#endif
