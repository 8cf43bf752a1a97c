/*
 * connection: one connection of a session to its broker, from name look-up to the closed socket.
 *
 * Opening hands the session's handle to a pool job (look-up and connect block); until it is back
 * nobody else may touch the handle. After that the connection polls the socket and drives the
 * library. One object per connection: libuv aborts when a poll handle meets a descriptor that was
 * closed under it, so neither is ever used again.
 *
 * Thread: the loop's. Events are never raised from within a call below, only from the loop.
 */
#ifndef ARMWATCH_MQTT_CONNECTION_H
#define ARMWATCH_MQTT_CONNECTION_H

#include "mqtt/session.h"

struct mqtt_connection;

struct mqtt_connection_events {
    void (*on_progress)(void *user); /* the library ran: see what its callbacks left behind */
    void (*on_lost)(void *user, const char *reason); /* once; then the owner closes it */
    void (*on_closed)(void *user); /* after close or finish: it is gone, the handle is free */
};

/* Errors: -ENOMEM, and libuv's. */
int mqtt_connection_open(uv_loop_t *loop, struct mqtt_session *session,
                         const struct mqtt_connection_events *events, void *user,
                         struct mqtt_connection **ret_connection);

/* Whether somebody has taken the connection, whatever came of it then. */
bool mqtt_connection_reached(const struct mqtt_connection *connection);

/* To be called after everything that may have written: publish, subscribe. */
void mqtt_connection_touch(struct mqtt_connection *connection);

/* What is written may wait in the kernel until this is called again with false. */
void mqtt_connection_cork(struct mqtt_connection *connection, bool cork);

/* Ends it without a word (the broker sends the last will). When the pool job still runs, on_closed
 * waits for its end. */
void mqtt_connection_close(struct mqtt_connection *connection);

/* What was written and has not reached the broker is not to reach it any more: before close. */
void mqtt_connection_discard(struct mqtt_connection *connection);

/* Ends it with DISCONNECT, after everything that is still to be written; within a second. */
void mqtt_connection_finish(struct mqtt_connection *connection);

#endif
