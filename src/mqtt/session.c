/*
 * Why some things are done in a roundabout way:
 *
 * - A QoS 1 message that could not be written stays in the library's queue and is sent after the
 *   next connect. It counts as accepted, and the connection as lost.
 * - The library's own size check is a few bytes too lenient, and a QoS 1 message between the two
 *   limits would stay in its queue for ever; so the limit is checked here, on the safe side.
 * - Packet identifiers have 16 bits and QoS 0 messages use them up, too. A fast stream can meet
 *   one that still waits for its PUBACK, and the two completions could not be told apart; the next
 *   identifier is known, and such a publish is put off.
 * - While a log callback is set the library formats a line for each packet, so there is one only
 *   while connecting, when its error texts say why TLS failed.
 */
#include "mqtt/session.h"

#include "mqtt/properties.h"

#include <errno.h>
#include <mqtt_protocol.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNSENT_BYTES_MAX ((size_t)4 << 20)
#define FIXED_HEADER_MAX 5
#define PROPERTY_LENGTH_MAX 4

/* The library counts its users itself, but not safely between threads. */
static pthread_mutex_t library_mutex = PTHREAD_MUTEX_INITIALIZER;

static void library_acquire(void)
{
    pthread_mutex_lock(&library_mutex);
    mosquitto_lib_init();
    signal(SIGPIPE, SIG_IGN); /* only old versions of the library do it */
    pthread_mutex_unlock(&library_mutex);
}

static void library_release(void)
{
    pthread_mutex_lock(&library_mutex);
    mosquitto_lib_cleanup();
    pthread_mutex_unlock(&library_mutex);
}

static void on_connect(struct mosquitto *mosq, void *user, int reason, int flags,
                       const mosquitto_property *properties)
{
    struct mqtt_session *session = user;
    session->callbacks++;
    session->answered = true;
    session->connack = reason;
    uint16_t receive_maximum = MQTT_INFLIGHT_MAX;
    uint32_t packet_maximum = MQTT_PACKET_MAX;
    mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &receive_maximum, false);
    mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &packet_maximum,
                                  false);
    if (receive_maximum < MQTT_INFLIGHT_MAX)
        session->inflight_limit = receive_maximum;
    if (packet_maximum < MQTT_PACKET_MAX)
        session->packet_limit = packet_maximum;
    char *text = NULL;
    mosquitto_property_read_string(properties, MQTT_PROP_REASON_STRING, &text, false);
    if (text)
        snprintf(session->detail, sizeof session->detail, "%s", text);
    free(text);
    errno = 0;
}

static void on_disconnect(struct mosquitto *mosq, void *user, int reason,
                          const mosquitto_property *properties)
{
    struct mqtt_session *session = user;
    session->callbacks++;
    if (!session->disconnect) /* the library reports a DISCONNECT twice, the second time as 0 */
        session->disconnect = reason;
    errno = 0;
}

static void on_publish(struct mosquitto *mosq, void *user, int mid, int reason,
                       const mosquitto_property *properties)
{
    struct mqtt_session *session = user;
    session->callbacks++;
    int failure = reason < 0x80 ? 0 : reason; /* 0x10, nobody has subscribed, is a success */
    if (!mqtt_inflight_ack(&session->inflight, mid, failure) && session->unsent > 0) {
        if (--session->unsent == 0)
            session->unsent_bytes = 0;
    }
    errno = 0;
}

static void on_subscribe(struct mosquitto *mosq, void *user, int mid, int count, const int *granted,
                         const mosquitto_property *properties)
{
    struct mqtt_session *session = user;
    session->callbacks++;
    struct mqtt_subscription *item = mqtt_subscriptions_by_mid(&session->subscriptions, mid);
    if (item && count > 0 && granted[0] >= 0x80)
        item->reason = granted[0];
    errno = 0;
}

static void on_message(struct mosquitto *mosq, void *user, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    struct mqtt_session *session = user;
    session->callbacks++;
    size_t size = (size_t)message->payloadlen;
    bool oversize = size > MQTT_PACKET_MAX;
    void (*handler)(void *, const struct mqtt_message *) =
        oversize ? session->on_oversize : session->on_message;
    if (handler && !session->muted) {
        session->messages++;
        struct mqtt_properties_received received;
        mqtt_properties_received_init(&received, properties);
        session->in_handler = true;
        handler(session->user, &(struct mqtt_message){
                                   .topic = message->topic,
                                   .payload = oversize ? NULL : message->payload,
                                   .size = size,
                                   .qos = message->qos,
                                   .retained = message->retain,
                                   .response_topic = received.response_topic,
                                   .correlation = received.correlation,
                                   .correlation_size = received.correlation_size,
                               });
        session->in_handler = false;
        mqtt_properties_received_deinit(&received);
    }
    errno = 0; /* the library takes EAGAIN for the end of its input, whoever set it */
}

static void on_log(struct mosquitto *mosq, void *user, int level, const char *text)
{
    struct mqtt_session *session = user;
    if (level == MOSQ_LOG_ERR && !session->detail[0])
        snprintf(session->detail, sizeof session->detail, "%s", text);
}

int mqtt_session_init(struct mqtt_session *session, const struct mqtt_options *options,
                      struct diag *diag)
{
    *session = (struct mqtt_session){
        .url = options->url, .urls[0] = options->url, .url_count = 1, .v5 = options->protocol == 5};
    for (size_t i = 0; i < options->other_count && session->url_count < MQTT_URLS_MAX; i++)
        session->urls[session->url_count++] = options->others[i];
    if (options->protocol != 5 && options->protocol != 4)
        return diag_set(diag, "MQTT protocol %d: 5 or 4 (3.1.1) are allowed", options->protocol);
    if (!options->url.host[0])
        return diag_set(diag, "MQTT: no broker is given");
    if (!options->client_id || !options->client_id[0])
        return diag_set(diag, "MQTT: the client id is empty");
    if (options->password && !options->username)
        return diag_set(diag, "MQTT: a password is given without a user name");
    session->client_id = strdup(options->client_id);
    if (!session->client_id)
        return -ENOMEM;
    library_acquire();
    session->mosq = mosquitto_new(options->client_id, true, session);
    int r = session->mosq       ? mqtt_session_set_options(session, options, diag)
            : (errno == ENOMEM) ? -ENOMEM
                                : diag_set(diag, "MQTT: the client id is not valid UTF-8");
    if (r < 0) {
        mqtt_session_deinit(session);
        return r;
    }
    mosquitto_connect_v5_callback_set(session->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(session->mosq, on_disconnect);
    mosquitto_publish_v5_callback_set(session->mosq, on_publish);
    mosquitto_subscribe_v5_callback_set(session->mosq, on_subscribe);
    mosquitto_message_v5_callback_set(session->mosq, on_message);
    return 0;
}

void mqtt_session_deinit(struct mqtt_session *session)
{
    mosquitto_destroy(session->mosq);
    session->mosq = NULL;
    free(session->client_id);
    session->client_id = NULL;
    mqtt_subscriptions_deinit(&session->subscriptions);
    library_release();
}

void mqtt_session_turn(struct mqtt_session *session)
{
    session->url_at = (session->url_at + 1) % session->url_count;
    session->url = session->urls[session->url_at];
}

void mqtt_session_begin(struct mqtt_session *session)
{
    session->callbacks = 0;
    session->messages = 0;
    session->answered = false;
    session->connack = 0;
    session->disconnect = 0;
    session->write_error = 0;
    session->detail[0] = '\0';
    session->inflight_limit = MQTT_INFLIGHT_MAX;
    session->packet_limit = MQTT_PACKET_MAX;
    session->unsent = 0;
    session->unsent_bytes = 0;
    mosquitto_log_callback_set(session->mosq, on_log);
}

void mqtt_session_quiet(struct mqtt_session *session)
{
    mosquitto_log_callback_set(session->mosq, NULL);
}

static int session_next_mid(const struct mqtt_session *session)
{
    return session->last_mid == UINT16_MAX ? 1 : session->last_mid + 1;
}

/* Room for it in the packet, the window and the queue? */
static int session_admit(const struct mqtt_session *session, const struct mqtt_message *message,
                         size_t *ret_size)
{
    if (!message->topic || message->qos < 0 || message->qos > 1 ||
        mosquitto_pub_topic_check(message->topic))
        return -EINVAL;
    size_t size = FIXED_HEADER_MAX + 2 + strlen(message->topic) + 2 + message->size;
    if (session->v5)
        size += PROPERTY_LENGTH_MAX + mqtt_properties_publish_size(message);
    *ret_size = size;
    if (size > session->packet_limit)
        return -EMSGSIZE;
    if (message->qos == 1 ? session->inflight.count >= session->inflight_limit
                          : session->unsent_bytes + size > UNSENT_BYTES_MAX)
        return -EAGAIN;
    return mqtt_inflight_has(&session->inflight, session_next_mid(session)) ? -EAGAIN : 0;
}

/* What the library's answer means for the message: 0 is accepted. */
static int session_publish_result(struct mqtt_session *session, int rc, int qos)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
        return 0;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
        return -EINVAL;
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        return -EMSGSIZE;
    case MOSQ_ERR_NOMEM:
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
        return -EIO;
    default:
        session->write_error = rc;
        return qos == 1 ? 0 : -EIO;
    }
}

int mqtt_session_publish(struct mqtt_session *session, const struct mqtt_message *message,
                         uint64_t now_ms, uint64_t *ret_token)
{
    size_t size;
    int r = session_admit(session, message, &size);
    mosquitto_property *properties = NULL;
    if (r == 0 && session->v5)
        r = mqtt_properties_publish(message, &properties);
    if (r < 0)
        return r;
    if (message->qos == 0) { /* counted first: its callback may run inside the call */
        session->unsent++;
        session->unsent_bytes += size;
    }
    int rc =
        mosquitto_publish_v5(session->mosq, &session->last_mid, message->topic, (int)message->size,
                             message->payload, message->qos, message->retained, properties);
    mosquitto_property_free_all(&properties);
    r = session_publish_result(session, rc, message->qos);
    uint64_t token = 0;
    if (r == 0 && message->qos == 1)
        token =
            mqtt_inflight_add(&session->inflight, session->last_mid, now_ms + MQTT_ACK_TIMEOUT_MS);
    if (r < 0 && message->qos == 0 && session->unsent > 0 && --session->unsent == 0)
        session->unsent_bytes = 0;
    if (ret_token)
        *ret_token = token;
    return r;
}

void mqtt_session_subscribe(struct mqtt_session *session, struct mqtt_subscription *item)
{
    int mid = session->last_mid; /* set even where the call fails after it */
    int qos = item->options & ~MQTT_RETAIN_AS_PUBLISHED;
    int flags = session->v5 ? item->options & MQTT_RETAIN_AS_PUBLISHED : 0;
    int rc = mosquitto_subscribe_v5(session->mosq, &mid, item->filter, qos, flags, NULL);
    if (rc)
        session->write_error = rc;
    session->last_mid = item->mid = mid;
    item->reason = 0;
}

void mqtt_session_subscribe_all(struct mqtt_session *session)
{
    for (size_t i = 0; i < session->subscriptions.count && !session->write_error; i++)
        mqtt_session_subscribe(session, &session->subscriptions.items[i]);
}

void mqtt_session_unsubscribe(struct mqtt_session *session, const char *filter)
{
    int rc = mosquitto_unsubscribe(session->mosq, &session->last_mid, filter);
    if (rc)
        session->write_error = rc;
}
