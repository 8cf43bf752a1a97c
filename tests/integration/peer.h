/*
 * peer: an MQTT client that remembers everything that happened to it, and a loop to wait on.
 */
#ifndef ARMWATCH_TESTS_PEER_H
#define ARMWATCH_TESTS_PEER_H

#include "mqtt/client.h"

#include <uv.h>

#define PEER_ACKS_MAX 64

struct peer_message {
    char *topic, *payload; /* both NUL-terminated */
    size_t size;
    int qos;
    bool retained;
    char *response_topic; /* or NULL */
    char *correlation;    /* NUL-terminated, or NULL */
};

struct peer {
    struct mqtt_client *client; /* NULL when it has stopped */
    char reason[512];           /* of the last on_offline */
    unsigned online, offline, drained;
    struct peer_message *messages;
    size_t message_count, message_capacity;
    struct {
        uint64_t token;
        int reason;
    } acks[PEER_ACKS_MAX];
    unsigned ack_count;
    int refused; /* reason of a refused subscription, or 0 */
    char refused_filter[128];
    void (*on_message)(struct peer *peer, const struct mqtt_message *message); /* or NULL */
    size_t oversize; /* bytes of the last message that was too large */
};

/* Fills what every test wants: protocol 5, a fast backoff. The URL is parsed. */
struct mqtt_options peer_options(const char *url, const char *client_id);

/* Starts it; ends the test where that fails. */
void peer_start(struct peer *peer, uv_loop_t *loop, const struct mqtt_options *options);
/* Starts stopping it, if it runs; wait until client is NULL. */
void peer_stop(struct peer *peer);
void peer_deinit(struct peer *peer);
void peer_forget(struct peer *peer); /* drops the messages */

/* Publishes a string; ends the test on an error. Returns the token. */
uint64_t peer_publish(struct peer *peer, const char *topic, const char *text, int qos);

/* Waits on the loop; needs a running timer there (harness_beat). */
#define wait_until(loop, condition, limit_ms)                                                      \
    do {                                                                                           \
        uint64_t wait_end = uv_hrtime() + (uint64_t)(limit_ms)*1000000;                            \
        while (!(condition)) {                                                                     \
            if (uv_hrtime() > wait_end)                                                            \
                fail_msg("not within %d ms: %s", (int)(limit_ms), #condition);                     \
            uv_run(loop, UV_RUN_ONCE);                                                             \
        }                                                                                          \
    } while (0)

#define wait_ms(loop, ms)                                                                          \
    do {                                                                                           \
        for (uint64_t wait_end = uv_hrtime() + (uint64_t)(ms)*1000000; uv_hrtime() < wait_end;)    \
            uv_run(loop, UV_RUN_ONCE);                                                             \
    } while (0)

#endif
