/*
 * libmicrohttpd runs without a thread of its own: its epoll descriptor is one more descriptor of
 * the loop's, and what it has to do at a certain time is a timer.
 *
 * Its timeout ends connections that send nothing. One that sends a byte now and then, or takes its
 * answer so slowly, is ended here: whoever has not got through a request in HTTP_PATIENCE_S gives
 * the place to somebody else. From three quarters of the connections on, each ends with its answer,
 * so that pages that stay open leave room for others.
 *
 * The socket is made here, for the reason why it cannot be had.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/exposition.h"
#include "daemon/http_internal.h"
#include "daemon/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HTTP_MEMORY ((size_t)16 << 10) /* of a connection: a request's head and the answer's */
#define HTTP_IDLE_S 10U
#define HTTP_PATIENCE_S 20
#define HTTP_RETRY_NS (5 * CLOCK_NS_PER_S)
#define HTTP_BACKLOG 128

/* ---- the loop ---- */

static void on_timer(uv_timer_t *handle);

static void on_readable(uv_poll_t *handle, int status, int events)
{
    on_timer(&((struct http *)handle->data)->timer);
}

/* What is to be done next, and when: at once if something is left over from this turn. */
static void wait_again(struct http *http, int64_t pause_ns)
{
    MHD_UNSIGNED_LONG_LONG wait_ms;
    if (pause_ns > 0) {
        uv_poll_stop(&http->poll);
        uv_timer_start(&http->timer, on_timer, (uint64_t)(pause_ns / CLOCK_NS_PER_MS) + 1, 0);
        return;
    }
    if (!uv_is_active((const uv_handle_t *)&http->poll)) /* each start is two system calls */
        uv_poll_start(&http->poll, UV_READABLE, on_readable);
    if (MHD_get_timeout(http->mhd, &wait_ms) == MHD_YES)
        uv_timer_start(&http->timer, on_timer, wait_ms, 0);
    else
        uv_timer_stop(&http->timer);
}

/* Of this thread: what others do on a busy machine is not counted against HTTP. */
static int64_t processor_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * CLOCK_NS_PER_S + time.tv_nsec;
}

static void on_timer(uv_timer_t *handle)
{
    struct http *http = handle->data;
    if (!http->mhd)
        return;
    int64_t began_ns = processor_ns();
    MHD_run(http->mhd);
    int64_t spent_ns = processor_ns() - began_ns;
    http->busy_ns += spent_ns;
    wait_again(http, http_budget_spend(&http->budget, spent_ns, clock_monotonic_ns()));
}

/* ---- connections ---- */

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http *http = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        struct http_peer *peer = *context;
        if (peer) {
            peer->connection = NULL;
            http->peers--;
        }
        return;
    }
    *context = NULL;
    for (size_t i = 0; i < http->peers_max && !*context; i++) {
        if (!http->peer[i].connection)
            *context = &http->peer[i];
    }
    if (!*context)
        return; /* it lets no more in; one more would only be without an end to its patience */
    *(struct http_peer *)*context =
        (struct http_peer){.connection = connection, .since_ns = clock_monotonic_ns()};
    http->peers++;
}

static void hang_up(const struct http_peer *peer, int how)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(peer->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info)
        shutdown(info->connect_fd, how); /* it is closed where that is noticed */
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http *http = cls;
    struct http_peer *peer = info ? info->socket_context : NULL;
    if (!peer)
        return;
    peer->since_ns = clock_monotonic_ns();
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK && http->peers > http->peers_max / 4 * 3)
        hang_up(peer, SHUT_WR); /* what was answered still arrives */
}

static void end_slow(struct http *http, int64_t now_ns)
{
    for (size_t i = 0; i < http->peers_max; i++) {
        const struct http_peer *peer = &http->peer[i];
        if (peer->connection && now_ns - peer->since_ns > HTTP_PATIENCE_S * CLOCK_NS_PER_S)
            hang_up(peer, SHUT_RDWR);
    }
}

/* ---- listening ---- */

static int open_socket(const struct listen_address *listen_on)
{
    static const int on = 1;
    int fd =
        socket(listen_on->address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    /* Connections of the run before may still linger. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listen_on->address.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, &listen_on->address.any, listen_on->size) == 0 && listen(fd, HTTP_BACKLOG) == 0)
        return fd;
    int r = -errno;
    close(fd);
    return r;
}

static void note_url(struct http *http, int fd)
{
    struct listen_address at = http->listen;
    socklen_t size = sizeof at.address;
    if (getsockname(fd, &at.address.any, &size) < 0)
        at = http->listen;
    bool v6 = at.address.any.sa_family == AF_INET6;
    unsigned port = ntohs(v6 ? at.address.v6.sin6_port : at.address.v4.sin_port);
    snprintf(http->url, sizeof http->url, v6 ? "http://[%s]:%u/" : "http://%s:%u/", at.host, port);
}

/* On a failure the library has closed it, or not, by how far it had got; and another thread may
 * have opened something of the same number since. */
static void close_own(int fd, const struct stat *own)
{
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_dev == own->st_dev && now.st_ino == own->st_ino)
        close(fd);
}

/* The descriptor is taken. */
static struct MHD_Daemon *start_server(struct http *http, int fd)
{
    struct stat own = {0};
    fstat(fd, &own);
    unsigned flags = MHD_USE_EPOLL | MHD_USE_PEDANTIC_CHECKS |
                     (http->listen.address.any.sa_family == AF_INET6 ? MHD_USE_IPv6 : 0);
    struct MHD_Daemon *mhd = MHD_start_daemon(
        flags, 0, NULL, NULL, http_on_request, http, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)http->peers_max, MHD_OPTION_CONNECTION_TIMEOUT,
        HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, HTTP_MEMORY, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
    if (!mhd)
        close_own(fd, &own);
    return mhd;
}

static void note_failure(struct http *http, const char *reason)
{
    http->next_try_ns = clock_monotonic_ns() + HTTP_RETRY_NS;
    if (log_is_due(++http->failures))
        log_error("http: %s: %s (%llu times so far): no metrics, no page; it is tried again",
                  http->service->config->http.listen, reason, (unsigned long long)http->failures);
}

static void try_to_listen(struct http *http)
{
    int fd = open_socket(&http->listen);
    if (fd == -EPERM || fd == -EACCES) {
        note_failure(http, "not permitted: does the unit allow this port (SocketBindAllow)?");
        return;
    }
    if (fd < 0) {
        note_failure(http, strerror(-fd));
        return;
    }
    note_url(http, fd);
    http->mhd = start_server(http, fd);
    const union MHD_DaemonInfo *info =
        http->mhd ? MHD_get_daemon_info(http->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info || uv_poll_init(http->loop, &http->poll, info->epoll_fd) < 0) {
        if (http->mhd)
            MHD_stop_daemon(http->mhd);
        http->mhd = NULL;
        note_failure(http, "the server does not start: out of memory or descriptors");
        return;
    }
    http->poll.data = http;
    http->polled = true;
    http->handles++;
    http->failures = 0;
    log_info("http: %s", http->url);
    if (!http->listen.loopback)
        log_warning("http: %s is not the loopback interface: whoever reaches it may read what is "
                    "served",
                    http->listen.host);
    wait_again(http, 0);
}

int http_start(uv_loop_t *loop, struct service *service, struct http **ret_http)
{
    struct listen_address listen_on;
    *ret_http = NULL;
    if (listen_parse(service->config->http.listen, &listen_on, NULL) < 0 || listen_on.off)
        return 0;
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return -ENOMEM;
    http->peers_max = (size_t)service->config->http.connections;
    http->peer = calloc(http->peers_max, sizeof *http->peer);
    if (!http->peer) {
        free(http);
        return -ENOMEM;
    }
    http->loop = loop;
    http->service = service;
    http->listen = listen_on;
    uv_timer_init(loop, &http->timer);
    http->timer.data = http;
    http->handles = 1;
    try_to_listen(http);
    *ret_http = http;
    return 0;
}

void http_tick(struct http *http, int64_t now_ns)
{
    if (!http)
        return;
    if (!http->mhd && now_ns >= http->next_try_ns)
        try_to_listen(http);
    http_cache_expire(&http->cache, now_ns);
    end_slow(http, now_ns);
}

static void on_closed(uv_handle_t *handle)
{
    struct http *http = handle->data;
    if (--http->handles > 0)
        return;
    free(http->peer);
    free(http);
}

void http_stop(struct http *http)
{
    if (!http)
        return;
    /* The handle first: it must not be polled once its descriptor is gone. */
    if (http->polled)
        uv_close((uv_handle_t *)&http->poll, on_closed);
    uv_close((uv_handle_t *)&http->timer, on_closed);
    http_cache_expire(&http->cache, INT64_MAX);
    if (http->mhd)
        MHD_stop_daemon(http->mhd);
    http->mhd = NULL;
}

/* ---- what is told of it ---- */

bool http_failing(const struct http *http)
{
    return http && !http->mhd;
}

void http_add_url(const struct http *http, cJSON *object)
{
    if (http && http->mhd)
        cJSON_AddStringToObject(object, "http", http->url);
    else
        cJSON_AddNullToObject(object, "http");
}

size_t http_count_connections(const struct http *http)
{
    return http ? http->peers : 0;
}

double http_busy_s(const struct http *http)
{
    return http ? (double)http->busy_ns / 1e9 : 0;
}
