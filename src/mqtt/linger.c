#include "mqtt/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#define DISCARD_BYTES 16384
#define DISCARDS_MAX 64 /* in one turn of the loop */

static void on_handle_closed(uv_handle_t *handle)
{
    struct mqtt_linger *linger = handle->data;
    if (--linger->handles == 0)
        linger->on_done(linger->user);
}

static void linger_end(struct mqtt_linger *linger)
{
    if (uv_is_closing((uv_handle_t *)&linger->timer))
        return;
    uv_poll_stop(&linger->poll);
    uv_close((uv_handle_t *)&linger->poll, on_handle_closed);
    uv_close((uv_handle_t *)&linger->timer, on_handle_closed);
    close(linger->fd);
}

static void on_timeout(uv_timer_t *timer)
{
    linger_end(timer->data);
}

/* Reads on and throws it away; true when the broker has closed its side. */
static bool linger_discard(int fd)
{
    char buffer[DISCARD_BYTES];
    for (int i = 0; i < DISCARDS_MAX; i++) {
        ssize_t count = read(fd, buffer, sizeof buffer);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
            return true;
        if (count < 0)
            return false;
    }
    return false;
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* DISCONNECT is out, or cannot be written: no more output, and wait for the broker's end. */
static void linger_shut(struct mqtt_linger *linger)
{
    shutdown(linger->fd, SHUT_WR);
    if (uv_poll_start(&linger->poll, UV_READABLE, on_poll) < 0)
        linger_end(linger);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct mqtt_linger *linger = poll->data;
    if (status < 0) {
        linger_end(linger);
    } else if (mosquitto_socket(linger->mosq) < 0) {
        if (linger_discard(linger->fd))
            linger_end(linger);
    } else if (mosquitto_loop_write(linger->mosq, 1) || mosquitto_socket(linger->mosq) < 0) {
        linger_shut(linger);
    }
}

int mqtt_linger_start(struct mqtt_linger *linger, uv_loop_t *loop, struct mosquitto *mosq, int fd,
                      uint64_t timeout_ms, void (*on_done)(void *user), void *user)
{
    *linger = (struct mqtt_linger){.mosq = mosq, .on_done = on_done, .user = user};
    linger->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (linger->fd < 0)
        return -errno;
    int r = uv_poll_init(loop, &linger->poll, linger->fd);
    if (r < 0) {
        close(linger->fd);
        return r;
    }
    uv_timer_init(loop, &linger->timer);
    linger->poll.data = linger->timer.data = linger;
    linger->handles = 2;
    uv_timer_start(&linger->timer, on_timeout, timeout_ms, 0);
    mosquitto_disconnect(mosq);
    if (mosquitto_socket(mosq) < 0)
        linger_shut(linger);
    else if (uv_poll_start(&linger->poll, UV_WRITABLE, on_poll) < 0)
        linger_end(linger);
    return 0;
}
