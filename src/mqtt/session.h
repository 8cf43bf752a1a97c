/*
 * session: the library's handle for one client, and everything that its callbacks touch.
 *
 * A callback holds locks of the library, so it only copies and sets flags here; the one exception
 * is a message, which goes straight to the user's handler. connection.c drives the handle and
 * client.c acts on what was left behind. The handle outlives connections: unacknowledged QoS 1
 * messages are in it, and it sends them again after a reconnect.
 *
 * Thread: the loop's, or, between connection's hand-over and hand-back, the pool job's alone.
 */
#ifndef ARMWATCH_MQTT_SESSION_H
#define ARMWATCH_MQTT_SESSION_H

#include "mqtt/client.h"
#include "mqtt/inflight.h"
#include "mqtt/subscriptions.h"

#include <mosquitto.h>

#define MQTT_REASON_MAX 256
#define MQTT_KEEPALIVE_S 5
#define MQTT_ACK_TIMEOUT_MS 10000

struct mqtt_session {
    struct mosquitto *mosq;
    struct mqtt_url url; /* of the connection, or tried next */
    struct mqtt_url urls[MQTT_URLS_MAX];
    size_t url_count, url_at;
    bool v5;
    char *client_id;

    void (*on_message)(void *user, const struct mqtt_message *message);  /* or NULL */
    void (*on_oversize)(void *user, const struct mqtt_message *message); /* or NULL */
    void *user;
    bool in_handler; /* one of these runs, so the library's locks are held */
    bool muted;      /* a stop was asked for: no more messages */

    /* Of this connection; mqtt_session_begin clears them. */
    unsigned long callbacks; /* how many ran: a read that raised none found nothing */
    unsigned messages;       /* delivered since they were last looked at */
    bool answered;           /* CONNACK came */
    int connack;             /* its reason, 0 = accepted */
    int disconnect;          /* first reason to end: MOSQ_ERR_* below 128, MQTT 5 from there on */
    int write_error;         /* MOSQ_ERR_* of a write after which the connection is useless */
    char detail[MQTT_REASON_MAX]; /* the broker's reason string, or the library's first error */
    unsigned inflight_limit;
    uint32_t packet_limit; /* bytes */
    unsigned unsent;       /* QoS 0 messages the library has not written yet */
    size_t unsent_bytes;   /* an upper bound, exact whenever unsent is 0 */

    int last_mid;
    struct mqtt_inflight inflight;
    struct mqtt_subscriptions subscriptions;
};

/* Errors: -EINVAL (options; text in diag), -ENOMEM. */
int mqtt_session_init(struct mqtt_session *session, const struct mqtt_options *options,
                      struct diag *diag);
void mqtt_session_deinit(struct mqtt_session *session);

/* Part of init (session_options.c): everything that the library keeps in the handle: protocol,
 * credentials, TLS, last will, CONNECT properties. Errors: as init. */
int mqtt_session_set_options(struct mqtt_session *session, const struct mqtt_options *options,
                             struct diag *diag);

/* The next attempt is at the broker after this one. */
void mqtt_session_turn(struct mqtt_session *session);

/* Before a connection attempt. The library's error texts are collected until mqtt_session_quiet. */
void mqtt_session_begin(struct mqtt_session *session);
void mqtt_session_quiet(struct mqtt_session *session);

/* As mqtt_client_publish; the caller knows that it is online. */
int mqtt_session_publish(struct mqtt_session *session, const struct mqtt_message *message,
                         uint64_t now_ms, uint64_t *ret_token);

/* Sends one subscription, or all of them. */
void mqtt_session_subscribe(struct mqtt_session *session, struct mqtt_subscription *item);
void mqtt_session_subscribe_all(struct mqtt_session *session);
void mqtt_session_unsubscribe(struct mqtt_session *session, const char *filter);

#endif
