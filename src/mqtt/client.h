/*
 * client: a reconnecting MQTT client on a libuv loop, MQTT 5 or 3.1.1, over libmosquitto.
 *
 * Thread: everything is called on the loop's thread, and every handler runs there. Name look-up and
 * connect run in libuv's pool with the connection exclusively theirs. Memory: options and strings
 * are copied. Messages are borrowed for the time of the handler. Process: SIGPIPE is ignored.
 *
 * A lost broker is noticed within 11 s; one of several whose host is gone, within 5 s of something
 * sent. The next attempt comes after backoff_min_s to backoff_max_s, doubling and with jitter, to 3
 * s at most while there is nothing to connect to, or after 30 s when the broker says that another
 * client with this id has taken the session. A broker's name with several addresses should lead to
 * it by the first: others are tried only where that one fails at once. Of several brokers the one
 * that answers is kept until it is lost; then the next one is tried, and each one once,
 * backoff_min_s apart, before the wait grows.
 */
#ifndef ARMWATCH_MQTT_CLIENT_H
#define ARMWATCH_MQTT_CLIENT_H

#include "base/diag.h"
#include "mqtt/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* Bytes; larger messages are withheld by an MQTT 5 broker. With 3.1.1 they come, and the library
 * holds them in memory whole: the broker should have a limit of its own. */
#define MQTT_PACKET_MAX 65536
#define MQTT_INFLIGHT_MAX 16

struct mqtt_message {
    const char *topic;
    const void *payload;
    size_t size;
    int qos;
    bool retained;
    const char *response_topic; /* MQTT 5, or NULL; not sent with 3.1.1 */
    const void *correlation;    /* MQTT 5 Correlation Data, or NULL */
    size_t correlation_size;
    const char *content_type; /* MQTT 5, publish only, or NULL */
};

struct mqtt_options {
    struct mqtt_url url;
    const struct mqtt_url *others; /* of the same cluster and scheme, tried in turn after it */
    size_t other_count;            /* below MQTT_URLS_MAX */
    int protocol;                  /* 5 or 4 (3.1.1) */
    const char *client_id;
    const char *username; /* or NULL */
    const char *password; /* or NULL */
    const char *ca_file, *cert_file,
        *key_file;            /* or NULL; mqtts only. Without ca_file the system's store is used */
    bool tls_insecure;        /* tests only: no verification of the peer */
    struct mqtt_message will; /* topic NULL: none */
    double backoff_min_s, backoff_max_s; /* 0: 0.5 and 30 */
};

/* Each may be NULL. Every one may publish, subscribe and stop. */
struct mqtt_handlers {
    void (*on_online)(void *user); /* connected, subscriptions sent */
    void (*on_offline)(
        void *user,
        const char *reason); /* lost, or an attempt failed; the client tries again by itself */
    void (*on_message)(void *user, const struct mqtt_message *message);
    /* One over MQTT_PACKET_MAX: its size is told, its payload is NULL. */
    void (*on_oversize)(void *user, const struct mqtt_message *message);
    void (*on_drained)(void *user); /* once after each burst of messages read from the socket */
    void (*on_ack)(
        void *user, uint64_t token,
        int reason); /* QoS 1: 0 accepted; else the MQTT 5 reason, 128 and up, e.g. 135 */
    void (*on_refused)(void *user, const char *filter,
                       int reason); /* the broker refused this subscription */
};

struct mqtt_client;

/* Starts connecting; a broker that is not there is no error, the client goes on trying.
 * Errors: -EINVAL (options; text in diag), -ENOMEM. */
int mqtt_client_start(uv_loop_t *loop, const struct mqtt_options *options,
                      const struct mqtt_handlers *handlers, void *user,
                      struct mqtt_client **ret_client, struct diag *diag);

/* Sends DISCONNECT if connected (so the last will is not sent), closes every handle, then calls
 * on_stopped (may be NULL) from the loop and frees the client. Never blocks. What was published
 * before is still written out, for a second at most; unacknowledged QoS 1 messages are dropped. No
 * handler runs after the call (a message being handled excepted). When a name look-up hangs in the
 * pool, on_stopped comes at its end, with a dead DNS server in some ten seconds. */
void mqtt_client_stop(struct mqtt_client *client, void (*on_stopped)(void *user), void *user);

/* The same without a word: what has not reached the broker yet does not reach it any more, as far
 * as that is up to us, and the broker sends the last will. The client frees itself. */
void mqtt_client_abandon(struct mqtt_client *client);

/* Kept and renewed at every connect. options: QoS 0 or 1, with MQTT_RETAIN_AS_PUBLISHED where a
 * message that was published as retained must be told from others even when it arrives at once
 * (MQTT 5; 3.1.1 cannot). Errors: -EINVAL, -ENOMEM; unsubscribe: -ENOENT. */
#define MQTT_RETAIN_AS_PUBLISHED 0x08 /* the bit of MQTT 5's subscription options */
int mqtt_client_subscribe(struct mqtt_client *client, const char *filter, int options);
int mqtt_client_unsubscribe(struct mqtt_client *client, const char *filter);

/* Publishes now. For QoS 1 the token comes back in on_ack; ret_token may be NULL.
 * Errors: -ENOTCONN offline; -EAGAIN MQTT_INFLIGHT_MAX messages are unacknowledged, or 4 MiB of QoS
 * 0 wait for a slow link; -EMSGSIZE; -EINVAL (topic, QoS, properties); -EIO, -ENOMEM. Nothing is
 * queued on an error. A QoS 1 message that was accepted survives reconnects (sent again, perhaps
 * twice). */
int mqtt_client_publish(struct mqtt_client *client, const struct mqtt_message *message,
                        uint64_t *ret_token);

/* What is published until the gathering ends may leave together, in fewer packets of the network.
 */
void mqtt_client_gather(struct mqtt_client *client, bool gather);

bool mqtt_client_online(const struct mqtt_client *client);
unsigned mqtt_client_inflight(const struct mqtt_client *client);
/* How often another client with this id has, or seems to have, taken the session. */
unsigned mqtt_client_takeovers(const struct mqtt_client *client);
/* Of the brokers that the options named: which one is connected, or tried next. */
size_t mqtt_client_broker(const struct mqtt_client *client);
/* Before the loop turns again: the first attempt of a new client is at that one. */
void mqtt_client_begin_at(struct mqtt_client *client, size_t broker);
/* Why it is offline, "" while online. */
const char *mqtt_client_reason(const struct mqtt_client *client);

#endif
