/*
 * The order of things, and why:
 *
 * - The library closes its socket inside almost any call, and says so reliably only through
 *   mosquitto_socket(): a failed TLS handshake calls no callback. So after every call the socket is
 *   compared with the polled one, and the poll handle stopped before anything can open a descriptor
 *   with the same number.
 * - A read delivers one message whatever it is told, so it is repeated. What OpenSSL has decrypted
 *   already no poll will ever report, so it is drained, and looked at again each tick.
 * - While TLS is being negotiated only a read advances it, the library's want_write means nothing,
 *   and an error of the socket reads as "in progress" for ever: hence the check of the peer, the
 *   limit on rounds and the deadline.
 */
#include "mqtt/connection.h"

#include "mqtt/linger.h"
#include "mqtt/reason.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TICK_MS 500
#define CONNECT_TIMEOUT_MS 5000
#define REACH_TIMEOUT_MS 2000 /* where there are other brokers to try */
#define UNHEARD_TIMEOUT_MS 5000
#define FINISH_TIMEOUT_MS 1000
#define READS_MAX 64
#define DRAINS_MAX 4096
#define HANDSHAKE_ROUNDS_MAX 100

struct mqtt_connection {
    uv_loop_t *loop;
    struct mqtt_session *session;
    struct mqtt_connection_events events;
    void *user;

    uv_work_t work; /* look-up and connect */
    uv_timer_t tick;
    uv_poll_t poll; /* on fd */
    struct mqtt_linger linger;
    unsigned handles; /* that libuv still knows */
    bool working, polling, closing;
    bool driving; /* inside the library on the loop's behalf */
    bool reached; /* somebody has taken the connection */
    bool lost;
    int fd;
    int mask;             /* what it is polled for; 0: not yet */
    uint64_t deadline_ms; /* for CONNACK */
    unsigned handshake_rounds;
    char reason[MQTT_REASON_MAX];

    int connect_rc, connect_errno; /* the job's result */
};

static void connection_release(struct mqtt_connection *c)
{
    if (!c->closing || c->working || c->handles > 0)
        return;
    void (*on_closed)(void *user) = c->events.on_closed;
    void *user = c->user;
    free(c);
    on_closed(user);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct mqtt_connection *c = handle->data;
    c->handles--;
    connection_release(c);
}

static void connection_stop_polling(struct mqtt_connection *c)
{
    if (!c->polling)
        return;
    c->polling = false;
    uv_poll_stop(&c->poll);
    uv_close((uv_handle_t *)&c->poll, on_handle_closed);
}

static bool connection_attached(const struct mqtt_connection *c)
{
    return mosquitto_socket(c->session->mosq) == c->fd;
}

static bool connection_has_peer(const struct mqtt_connection *c)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    return getpeername(c->fd, (struct sockaddr *)&peer, &size) == 0;
}

bool mqtt_connection_reached(const struct mqtt_connection *c)
{
    return c->reached;
}

/* The handle is negotiating TLS. */
static SSL *connection_handshake_ssl(const struct mqtt_connection *c)
{
    SSL *ssl = mosquitto_ssl_get(c->session->mosq);
    return ssl && !SSL_is_init_finished(ssl) ? ssl : NULL;
}

static void connection_fail(struct mqtt_connection *c, const char *reason)
{
    connection_stop_polling(c);
    if (c->lost)
        return;
    c->lost = true;
    snprintf(c->reason, sizeof c->reason, "%s", reason);
}

/* As connection_fail, for a MOSQ_ERR_* and its errno. */
static void connection_fail_library(struct mqtt_connection *c, int rc, int error)
{
    char reason[MQTT_REASON_MAX];
    mqtt_reason_library(c->session, rc, error, reason);
    connection_fail(c, reason);
}

static void on_poll(uv_poll_t *poll, int status, int events);
static void on_tick(uv_timer_t *timer);

/* uv_poll_start takes the descriptor out of epoll and puts it back: two system calls, also where
 * nothing changes. */
static void connection_update_mask(struct mqtt_connection *c)
{
    SSL *ssl = connection_handshake_ssl(c);
    bool write = ssl ? c->handshake_rounds == 0 || SSL_want_write(ssl)
                     : mosquitto_want_write(c->session->mosq);
    int mask = UV_READABLE | (write ? UV_WRITABLE : 0);
    if (mask == c->mask)
        return;
    c->mask = mask;
    int r = uv_poll_start(&c->poll, mask, on_poll);
    if (r < 0)
        connection_fail(c, uv_strerror(r));
}

/* After library calls that returned rc: is the connection still there, and what does it wait for?
 */
static void connection_settle(struct mqtt_connection *c, int rc, int error)
{
    if (!c->polling)
        return;
    if (!rc)
        rc = c->session->write_error;
    if (!rc && !connection_attached(c))
        rc = c->session->disconnect > 0 && c->session->disconnect < 0x80 ? c->session->disconnect
                                                                         : MOSQ_ERR_CONN_LOST;
    if (!rc) {
        connection_update_mask(c);
        return;
    }
    connection_fail_library(c, rc, error);
}

/* Tells the owner. Nothing of the connection is touched after on_lost: it may be closing. */
static void connection_report(struct mqtt_connection *c)
{
    c->events.on_progress(c->user);
    if (c->lost && !c->closing)
        c->events.on_lost(c->user, c->reason);
}

static int connection_read(struct mqtt_connection *c)
{
    struct mqtt_session *session = c->session;
    for (int i = 0; i < READS_MAX; i++) {
        unsigned long before = session->callbacks;
        int rc = mosquitto_loop_read(session->mosq, 1);
        if (rc || !connection_attached(c))
            return rc;
        if (session->callbacks == before)
            break;
    }
    SSL *ssl = mosquitto_ssl_get(session->mosq);
    for (int i = 0; ssl && SSL_pending(ssl) > 0; i++) {
        if (i == DRAINS_MAX) { /* a flood: let the loop do something else in between */
            uv_timer_start(&c->tick, on_tick, 0, TICK_MS);
            break;
        }
        int rc = mosquitto_loop_read(session->mosq, 1);
        if (rc || !connection_attached(c))
            return rc;
    }
    return 0;
}

static int connection_write(struct mqtt_connection *c)
{
    return mosquitto_want_write(c->session->mosq) ? mosquitto_loop_write(c->session->mosq, 1) : 0;
}

/* The socket's own error, 0 when there is none. */
static int connection_socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? errno : error;
}

static int connection_handshake(struct mqtt_connection *c, SSL *ssl)
{
    if (!connection_has_peer(c)) {
        int error = connection_socket_error(c->fd);
        if (c->handshake_rounds > 0 || error)
            connection_fail_library(c, error ? MOSQ_ERR_ERRNO : MOSQ_ERR_CONN_LOST, error);
        else /* OpenSSL has met the error, and swallowed it */
            connection_fail(c, "no connection to the broker (refused, or closed at once)");
        return 0;
    }
    if (++c->handshake_rounds > HANDSHAKE_ROUNDS_MAX) {
        connection_fail(c, "TLS: the handshake does not come to an end");
        return 0;
    }
    int rc = mosquitto_loop_read(c->session->mosq, 1);
    if (rc || !connection_attached(c) || !SSL_is_init_finished(ssl))
        return rc;
    return connection_write(c); /* CONNECT waited for this */
}

static void connection_drive(struct mqtt_connection *c, bool readable)
{
    SSL *ssl = connection_handshake_ssl(c);
    int rc = 0;
    c->driving = true;
    errno = 0;
    if (ssl)
        rc = connection_handshake(c, ssl);
    else if (readable)
        rc = connection_read(c);
    if (!rc && !ssl && connection_attached(c))
        rc = connection_write(c); /* also what the handlers have published */
    int error = errno;
    c->driving = false;
    connection_settle(c, rc, error);
    connection_report(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct mqtt_connection *c = poll->data;
    c->reached = c->reached || connection_has_peer(c);
    if (status == 0) {
        connection_drive(c, events & UV_READABLE);
        return;
    }
    /* An error of the socket. What the broker said before it may still be there to read. */
    int error = connection_socket_error(c->fd);
    if (!connection_handshake_ssl(c)) {
        c->driving = true;
        connection_read(c);
        c->driving = false;
    }
    connection_fail_library(c, error ? MOSQ_ERR_ERRNO : MOSQ_ERR_CONN_LOST, error);
    connection_report(c);
}

static void on_tick(uv_timer_t *timer)
{
    struct mqtt_connection *c = timer->data;
    if (c->lost) {
        connection_report(c);
        return;
    }
    uint64_t now = uv_now(c->loop);
    if (!c->session->answered && now > c->deadline_ms)
        connection_fail(c, "no answer from the broker within 5 s");
    else if (!c->reached && c->session->url_count > 1 &&
             now > c->deadline_ms - CONNECT_TIMEOUT_MS + REACH_TIMEOUT_MS)
        connection_fail(c, "no connection to the broker within 2 s");
    else if (mqtt_inflight_overdue(&c->session->inflight, now) && c->session->answered)
        connection_fail(c, "a message was not acknowledged within 10 s");
    if (c->lost) {
        connection_report(c);
        return;
    }
    c->driving = true;
    int rc = c->session->answered ? mosquitto_loop_misc(c->session->mosq) : 0;
    int error = errno;
    c->driving = false;
    connection_settle(c, rc, error);
    SSL *ssl = c->lost ? NULL : mosquitto_ssl_get(c->session->mosq);
    if (ssl && !connection_handshake_ssl(c) && SSL_pending(ssl) > 0)
        connection_drive(c, true);
    else
        connection_report(c);
}

void mqtt_connection_touch(struct mqtt_connection *c)
{
    if (c->driving || c->lost)
        return;
    connection_settle(c, 0, errno);
    if (c->lost)
        uv_timer_start(&c->tick, on_tick, 0, TICK_MS);
}

/* Each packet of MQTT is a write of its own, and without this a packet of the network, too, which
 * wakes the other side. A socket that knows no such thing sends at once. */
void mqtt_connection_cork(struct mqtt_connection *c, bool cork)
{
    int value = cork;
    if (!c->lost && !c->session->url.is_unix && connection_attached(c))
        setsockopt(c->fd, IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

static void work_connect(uv_work_t *work)
{
    struct mqtt_connection *c = work->data;
    const struct mqtt_url *url = &c->session->url;
    errno = 0;
    c->connect_rc = mosquitto_connect_bind_async(c->session->mosq, url->host, url->port,
                                                 MQTT_KEEPALIVE_S, NULL);
    c->connect_errno = errno;
}

/* Sent and not received: a host that is gone is noticed sooner than by what it does not answer.
 * Where there is no other broker a link that stands still for a while is better waited for. */
static void connection_watch(const struct mqtt_connection *c)
{
    unsigned value = UNHEARD_TIMEOUT_MS;
    if (!c->session->url.is_unix && c->session->url_count > 1)
        setsockopt(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, sizeof value);
}

static void after_connect(uv_work_t *work, int status)
{
    struct mqtt_connection *c = work->data;
    c->working = false;
    if (c->closing) {
        connection_release(c);
        return;
    }
    c->deadline_ms = uv_now(c->loop) + CONNECT_TIMEOUT_MS;
    uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
    c->fd = mosquitto_socket(c->session->mosq);
    int rc = c->connect_rc;
    if (!rc && c->fd < 0)
        rc = MOSQ_ERR_NO_CONN;
    if (rc) {
        connection_fail_library(c, rc, c->connect_errno);
        connection_report(c);
        return;
    }
    connection_watch(c);
    int r = uv_poll_init(c->loop, &c->poll, c->fd);
    if (r < 0) {
        connection_fail(c, uv_strerror(r));
    } else {
        c->poll.data = c;
        c->polling = true;
        c->mask = 0;
        c->handles++;
        connection_settle(c, 0, 0);
    }
    if (c->lost)
        connection_report(c);
}

int mqtt_connection_open(uv_loop_t *loop, struct mqtt_session *session,
                         const struct mqtt_connection_events *events, void *user,
                         struct mqtt_connection **ret_connection)
{
    struct mqtt_connection *c = calloc(1, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->loop = loop;
    c->session = session;
    c->events = *events;
    c->user = user;
    c->fd = -1;
    c->work.data = c;
    mqtt_session_begin(session);
    int r = uv_queue_work(loop, &c->work, work_connect, after_connect);
    if (r < 0) {
        free(c);
        return r;
    }
    c->working = true;
    uv_timer_init(loop, &c->tick);
    c->tick.data = c;
    c->handles++;
    *ret_connection = c;
    return 0;
}

void mqtt_connection_close(struct mqtt_connection *c)
{
    if (c->closing)
        return;
    c->closing = true;
    connection_stop_polling(c);
    if (c->working) {
        uv_cancel((uv_req_t *)&c->work); /* fails when it runs; then its end is awaited */
    } else {
        /* The library closes it with the next connect or at the end; the broker hears it now. */
        int fd = mosquitto_socket(c->session->mosq);
        if (fd >= 0)
            shutdown(fd, SHUT_RDWR);
    }
    uv_close((uv_handle_t *)&c->tick, on_handle_closed);
}

/* Closed in this way the kernel resets the connection and forgets what it has still to send. */
void mqtt_connection_discard(struct mqtt_connection *c)
{
    int fd = c->closing || c->working ? -1 : mosquitto_socket(c->session->mosq);
    const struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

static void on_lingered(void *user)
{
    struct mqtt_connection *c = user;
    c->handles--;
    mqtt_connection_close(c);
}

void mqtt_connection_finish(struct mqtt_connection *c)
{
    bool connected = !c->lost && connection_attached(c);
    connection_stop_polling(c);
    uv_timer_stop(&c->tick);
    if (connected && mqtt_linger_start(&c->linger, c->loop, c->session->mosq, c->fd,
                                       FINISH_TIMEOUT_MS, on_lingered, c) == 0)
        c->handles++;
    else
        mqtt_connection_close(c);
}
