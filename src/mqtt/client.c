/*
 * WAITING --retry--> CONNECTING --CONNACK 0--> ONLINE --lost--> WAITING; any --stop--> STOPPING.
 *
 * Another client with the same id ends this one's connection. An MQTT 5 broker may say so
 * (reason 0x8E), and then this client waits for long. Others, mosquitto 2.0 among them, just close:
 * then backoff.c slows the fight down, and after a few rounds the reason names the suspicion.
 */
#include "mqtt/client.h"

#include "mqtt/backoff.h"
#include "mqtt/connection.h"
#include "mqtt/reason.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKOFF_MIN_S 0.5
#define BACKOFF_MAX_S 30
#define TAKEOVER_WAIT_S 30
#define EVICTIONS_SUSPECT 3

enum client_state { CLIENT_WAITING, CLIENT_CONNECTING, CLIENT_ONLINE, CLIENT_STOPPING };

struct mqtt_client {
    uv_loop_t *loop;
    struct mqtt_handlers handlers;
    void *user;

    enum client_state state;
    struct mqtt_session session;
    struct mqtt_connection *connection; /* while CONNECTING and ONLINE */
    unsigned connections;               /* not closed yet, old ones included */
    char reason[3 * MQTT_REASON_MAX];

    uv_timer_t retry;
    struct mqtt_backoff backoff;
    size_t failed; /* attempts since it was online */
    unsigned takeovers;
    unsigned evictions; /* accepted at the first attempt and soon thrown out, in a row */
    uint64_t online_since_ms;

    bool gathering, corked; /* corked by the first that is published then */

    bool stop_asked; /* from within on_message; done when the library has returned */
    void (*on_stopped)(void *user);
    void *stopped_user;
};

static const struct mqtt_connection_events connection_events;

static void on_retry(uv_timer_t *timer);

/* Goes offline for a while and says why. The client may be stopping when this returns. */
static void client_wait(struct mqtt_client *client, double wait_s)
{
    client->state = CLIENT_WAITING;
    uv_timer_start(&client->retry, on_retry, (uint64_t)ceil(wait_s * 1e3), 0);
    if (client->handlers.on_offline)
        client->handlers.on_offline(client->user, client->reason);
}

static void on_retry(uv_timer_t *timer)
{
    struct mqtt_client *client = timer->data;
    int r = mqtt_connection_open(client->loop, &client->session, &connection_events, client,
                                 &client->connection);
    if (r < 0) {
        snprintf(client->reason, sizeof client->reason, "%s", strerror(-r));
        client_wait(client, mqtt_backoff_next(&client->backoff, 0));
        return;
    }
    client->state = CLIENT_CONNECTING;
    client->connections++;
}

static void client_go_online(struct mqtt_client *client)
{
    client->state = CLIENT_ONLINE;
    client->online_since_ms = uv_now(client->loop);
    client->reason[0] = '\0';
    client->failed = 0;
    mqtt_session_quiet(&client->session);
    mqtt_inflight_renew(&client->session.inflight, client->online_since_ms + MQTT_ACK_TIMEOUT_MS);
    mqtt_session_subscribe_all(&client->session);
    mqtt_connection_touch(client->connection);
    if (client->handlers.on_online)
        client->handlers.on_online(client->user);
}

static void client_report_acks(struct mqtt_client *client)
{
    struct mqtt_inflight_entry entry;
    while (client->state == CLIENT_ONLINE &&
           mqtt_inflight_take(&client->session.inflight, &entry)) {
        if (client->handlers.on_ack)
            client->handlers.on_ack(client->user, entry.token, entry.reason);
    }
}

static void client_report_refused(struct mqtt_client *client)
{
    struct mqtt_subscriptions *subscriptions = &client->session.subscriptions;
    for (size_t i = 0; i < subscriptions->count && client->state == CLIENT_ONLINE; i++) {
        struct mqtt_subscription *item = &subscriptions->items[i];
        int reason = item->reason;
        item->reason = 0;
        if (reason && client->handlers.on_refused)
            client->handlers.on_refused(client->user, item->filter, reason);
    }
}

static void client_begin_stop(struct mqtt_client *client);

static void on_connection_progress(void *user)
{
    struct mqtt_client *client = user;
    struct mqtt_session *session = &client->session;
    if (client->stop_asked && client->state != CLIENT_STOPPING)
        client_begin_stop(client);
    if (client->state == CLIENT_CONNECTING && session->answered && session->connack == 0)
        client_go_online(client);
    client_report_acks(client);
    client_report_refused(client);
    bool delivered = session->messages > 0;
    session->messages = 0;
    if (delivered && client->state == CLIENT_ONLINE && client->handlers.on_drained)
        client->handlers.on_drained(client->user);
}

/* Whether the broker has thrown the client out several times in a row without a word. */
static bool client_suspects_twin(struct mqtt_client *client, double online_s)
{
    bool evicted = client->state == CLIENT_ONLINE && online_s < 2 * client->backoff.max_s &&
                   client->session.disconnect == MOSQ_ERR_CONN_LOST;
    client->evictions = evicted ? client->evictions + 1 : 0;
    return client->evictions >= EVICTIONS_SUSPECT;
}

/* Those of several brokers that were not tried yet do not have to wait for long. */
static double client_turn(struct mqtt_client *client, double online_s)
{
    bool attempt = client->state == CLIENT_CONNECTING;
    mqtt_session_turn(&client->session);
    if (attempt && ++client->failed % client->session.url_count != 0)
        return client->backoff.min_s;
    return mqtt_connection_reached(client->connection)
               ? mqtt_backoff_next(&client->backoff, online_s)
               : mqtt_backoff_absent(&client->backoff);
}

static void on_connection_lost(void *user, const char *reason)
{
    struct mqtt_client *client = user;
    char text[MQTT_REASON_MAX], more[MQTT_REASON_MAX] = "",
                                host[sizeof client->session.url.host] = "";
    double online_s = client->state == CLIENT_ONLINE
                          ? 1e-3 * (double)(uv_now(client->loop) - client->online_since_ms)
                          : 0;
    if (client->session.url_count > 1)
        strcpy(host, client->session.url.host);
    if (!mqtt_reason_broker(&client->session, text))
        snprintf(text, sizeof text, "%s", reason);
    double wait_s = client_turn(client, online_s);
    if (client_suspects_twin(client, online_s)) {
        client->takeovers++;
        snprintf(more, sizeof more, "; does another client use the client id \"%.128s\", too?",
                 client->session.client_id);
    }
    if (mqtt_reason_is_takeover(&client->session)) {
        client->takeovers++;
        wait_s = TAKEOVER_WAIT_S;
        snprintf(more, sizeof more, "; trying again in %d s", TAKEOVER_WAIT_S);
    }
    snprintf(client->reason, sizeof client->reason, "%s%s%s%s", host, *host ? ": " : "", text,
             more);
    mqtt_connection_close(client->connection);
    client->connection = NULL;
    client->corked = false;
    client_wait(client, wait_s);
}

static void on_retry_closed(uv_handle_t *handle)
{
    struct mqtt_client *client = handle->data;
    void (*on_stopped)(void *user) = client->on_stopped;
    void *user = client->stopped_user;
    mqtt_session_deinit(&client->session);
    free(client);
    if (on_stopped)
        on_stopped(user);
}

static void client_end_if_idle(struct mqtt_client *client)
{
    if (client->state == CLIENT_STOPPING && client->connections == 0)
        uv_close((uv_handle_t *)&client->retry, on_retry_closed);
}

static void on_connection_closed(void *user)
{
    struct mqtt_client *client = user;
    client->connections--;
    client_end_if_idle(client);
}

static const struct mqtt_connection_events connection_events = {
    .on_progress = on_connection_progress,
    .on_lost = on_connection_lost,
    .on_closed = on_connection_closed,
};

int mqtt_client_start(uv_loop_t *loop, const struct mqtt_options *options,
                      const struct mqtt_handlers *handlers, void *user,
                      struct mqtt_client **ret_client, struct diag *diag)
{
    struct mqtt_client *client = calloc(1, sizeof *client);
    if (!client)
        return -ENOMEM;
    client->loop = loop;
    client->handlers = *handlers;
    client->user = user;
    mqtt_backoff_init(&client->backoff,
                      options->backoff_min_s > 0 ? options->backoff_min_s : BACKOFF_MIN_S,
                      options->backoff_max_s > 0 ? options->backoff_max_s : BACKOFF_MAX_S,
                      uv_hrtime() ^ ((uint64_t)getpid() << 32));
    snprintf(client->reason, sizeof client->reason, "not connected yet");
    int r = mqtt_session_init(&client->session, options, diag);
    if (r < 0) {
        free(client);
        return r;
    }
    client->session.on_message = handlers->on_message;
    client->session.on_oversize = handlers->on_oversize;
    client->session.user = user;
    uv_timer_init(loop, &client->retry);
    client->retry.data = client;
    uv_timer_start(&client->retry, on_retry, 0, 0);
    *ret_client = client;
    return 0;
}

static void client_begin_stop(struct mqtt_client *client)
{
    bool online = client->state == CLIENT_ONLINE;
    client->state = CLIENT_STOPPING;
    uv_timer_stop(&client->retry);
    if (client->connection && online)
        mqtt_connection_finish(client->connection);
    else if (client->connection)
        mqtt_connection_close(client->connection);
    client->connection = NULL;
    client->corked = false;
    client_end_if_idle(client);
}

void mqtt_client_stop(struct mqtt_client *client, void (*on_stopped)(void *user), void *user)
{
    if (client->stop_asked)
        return;
    client->stop_asked = true;
    client->session.muted = true;
    client->on_stopped = on_stopped;
    client->stopped_user = user;
    if (!client->session.in_handler)
        client_begin_stop(client);
}

void mqtt_client_abandon(struct mqtt_client *client)
{
    if (client->connection)
        mqtt_connection_discard(client->connection);
    if (client->state == CLIENT_ONLINE)
        client->state = CLIENT_CONNECTING; /* there is nothing to be finished */
    mqtt_client_stop(client, NULL, NULL);
}

int mqtt_client_subscribe(struct mqtt_client *client, const char *filter, int options)
{
    int qos = options & ~MQTT_RETAIN_AS_PUBLISHED;
    if (qos < 0 || qos > 1 || !filter || mosquitto_sub_topic_check(filter) ||
        mosquitto_validate_utf8(filter, (int)strlen(filter)))
        return -EINVAL;
    struct mqtt_subscription *item;
    int r = mqtt_subscriptions_put(&client->session.subscriptions, filter, options, &item);
    if (r == 0 && client->state == CLIENT_ONLINE) {
        mqtt_session_subscribe(&client->session, item);
        mqtt_connection_touch(client->connection);
    }
    return r;
}

int mqtt_client_unsubscribe(struct mqtt_client *client, const char *filter)
{
    if (!mqtt_subscriptions_remove(&client->session.subscriptions, filter))
        return -ENOENT;
    if (client->state == CLIENT_ONLINE) {
        mqtt_session_unsubscribe(&client->session, filter);
        mqtt_connection_touch(client->connection);
    }
    return 0;
}

int mqtt_client_publish(struct mqtt_client *client, const struct mqtt_message *message,
                        uint64_t *ret_token)
{
    if (client->state != CLIENT_ONLINE)
        return -ENOTCONN;
    if (client->gathering && !client->corked) {
        mqtt_connection_cork(client->connection, true);
        client->corked = true;
    }
    int r = mqtt_session_publish(&client->session, message, uv_now(client->loop), ret_token);
    mqtt_connection_touch(client->connection);
    return r;
}

void mqtt_client_gather(struct mqtt_client *client, bool gather)
{
    client->gathering = gather;
    if (gather || !client->corked)
        return;
    client->corked = false;
    if (client->connection)
        mqtt_connection_cork(client->connection, false);
}

bool mqtt_client_online(const struct mqtt_client *client)
{
    return client->state == CLIENT_ONLINE;
}

unsigned mqtt_client_inflight(const struct mqtt_client *client)
{
    return client->session.inflight.count;
}

unsigned mqtt_client_takeovers(const struct mqtt_client *client)
{
    return client->takeovers;
}

size_t mqtt_client_broker(const struct mqtt_client *client)
{
    return client->session.url_at;
}

void mqtt_client_begin_at(struct mqtt_client *client, size_t broker)
{
    while (client->session.url_at != broker % client->session.url_count)
        mqtt_session_turn(&client->session);
}

const char *mqtt_client_reason(const struct mqtt_client *client)
{
    return client->reason;
}
