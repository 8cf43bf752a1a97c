#include "peer.h"

#include "hearing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *copy_bytes(const void *data, size_t size)
{
    char *copy = calloc(1, size + 1);
    assert_non_null(copy);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

static void peer_on_online(void *user)
{
    struct peer *peer = user;
    peer->online++;
}

static void peer_on_offline(void *user, const char *reason)
{
    struct peer *peer = user;
    peer->offline++;
    snprintf(peer->reason, sizeof peer->reason, "%s", reason);
}

static void peer_on_message(void *user, const struct mqtt_message *message)
{
    struct peer *peer = user;
    hearing_heard(message->topic, message->payload, message->size);
    if (peer->message_count == peer->message_capacity) {
        peer->message_capacity = peer->message_capacity ? 2 * peer->message_capacity : 64;
        peer->messages =
            reallocarray(peer->messages, peer->message_capacity, sizeof *peer->messages);
        assert_non_null(peer->messages);
    }
    peer->messages[peer->message_count++] = (struct peer_message){
        .topic = strdup(message->topic),
        .payload = copy_bytes(message->payload, message->size),
        .size = message->size,
        .qos = message->qos,
        .retained = message->retained,
        .response_topic = message->response_topic ? strdup(message->response_topic) : NULL,
        .correlation = message->correlation
                           ? copy_bytes(message->correlation, message->correlation_size)
                           : NULL,
    };
    if (peer->on_message)
        peer->on_message(peer, message);
}

static void peer_on_oversize(void *user, const struct mqtt_message *message)
{
    struct peer *peer = user;
    assert_null(message->payload);
    peer->oversize = message->size;
}

static void peer_on_drained(void *user)
{
    struct peer *peer = user;
    peer->drained++;
}

static void peer_on_ack(void *user, uint64_t token, int reason)
{
    struct peer *peer = user;
    assert_true(peer->ack_count < PEER_ACKS_MAX);
    peer->acks[peer->ack_count].token = token;
    peer->acks[peer->ack_count++].reason = reason;
}

static void peer_on_refused(void *user, const char *filter, int reason)
{
    struct peer *peer = user;
    peer->refused = reason;
    snprintf(peer->refused_filter, sizeof peer->refused_filter, "%s", filter);
}

struct mqtt_options peer_options(const char *url, const char *client_id)
{
    struct mqtt_options options = {
        .protocol = 5,
        .client_id = client_id,
        .backoff_min_s = 0.05,
        .backoff_max_s = 0.2,
    };
    struct diag diag = DIAG_INIT;
    if (mqtt_url_parse(url, &options.url, &diag) < 0)
        fail_msg("%s", diag.text);
    return options;
}

void peer_start(struct peer *peer, uv_loop_t *loop, const struct mqtt_options *options)
{
    static const struct mqtt_handlers handlers = {
        .on_online = peer_on_online,
        .on_offline = peer_on_offline,
        .on_message = peer_on_message,
        .on_oversize = peer_on_oversize,
        .on_drained = peer_on_drained,
        .on_ack = peer_on_ack,
        .on_refused = peer_on_refused,
    };
    struct diag diag = DIAG_INIT;
    int r = mqtt_client_start(loop, options, &handlers, peer, &peer->client, &diag);
    if (r < 0)
        fail_msg("%d: %s", r, diag.text);
}

static void peer_on_stopped(void *user)
{
    struct peer *peer = user;
    peer->client = NULL;
}

void peer_stop(struct peer *peer)
{
    if (peer->client)
        mqtt_client_stop(peer->client, peer_on_stopped, peer);
}

void peer_forget(struct peer *peer)
{
    for (size_t i = 0; i < peer->message_count; i++) {
        free(peer->messages[i].topic);
        free(peer->messages[i].payload);
        free(peer->messages[i].response_topic);
        free(peer->messages[i].correlation);
    }
    peer->message_count = 0;
}

void peer_deinit(struct peer *peer)
{
    peer_forget(peer);
    free(peer->messages);
    *peer = (struct peer){0};
}

uint64_t peer_publish(struct peer *peer, const char *topic, const char *text, int qos)
{
    uint64_t token = 0;
    struct mqtt_message message = {
        .topic = topic, .payload = text, .size = strlen(text), .qos = qos};
    int r = mqtt_client_publish(peer->client, &message, &token);
    if (r < 0)
        fail_msg("publish %s: %s (%s)", topic, strerror(-r), mqtt_client_reason(peer->client));
    return token;
}
