/*
 * linger: the polite end of a connection.
 *
 * Closing a socket with unread input sends a reset; the broker may then throw away the DISCONNECT
 * in front of it and send the last will. So the library gets to close its descriptor, while a
 * duplicate keeps the connection open for writing out, and for reading until the broker has closed
 * it, too.
 */
#ifndef ARMWATCH_MQTT_LINGER_H
#define ARMWATCH_MQTT_LINGER_H

#include <mosquitto.h>
#include <uv.h>

struct mqtt_linger {
    struct mosquitto *mosq;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd;
    unsigned handles; /* that libuv still knows */
    void (*on_done)(void *user);
    void *user;
};

/* Sends DISCONNECT behind everything that is still to be written and ends the connection, within
 * timeout_ms; then calls on_done. fd is the library's socket; nothing may poll it any more, because
 * epoll keeps a closed descriptor as long as its duplicate lives.
 * Errors: libuv's and dup's; then nothing was started and the socket may still be open. */
int mqtt_linger_start(struct mqtt_linger *linger, uv_loop_t *loop, struct mosquitto *mosq, int fd,
                      uint64_t timeout_ms, void (*on_done)(void *user), void *user);

#endif
