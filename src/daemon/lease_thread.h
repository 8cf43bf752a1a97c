/*
 * lease_thread: the keeper of leases on a thread of its own, with a bucket in NATS as its store.
 *
 * The store's calls block, for seconds where a server is dead; the loop only reads the board.
 * Thread: every function is the loop's, and on_turn runs on the loop.
 */
#ifndef ARMWATCH_DAEMON_LEASE_THREAD_H
#define ARMWATCH_DAEMON_LEASE_THREAD_H

#include "base/diag.h"
#include "config/config.h"
#include "daemon/lease.h"

#include <uv.h>

struct lease_thread;

struct lease_thread_handlers {
    /* The keeper has looked at everything; error: why the store does not answer, "" if it does. */
    void (*on_turn)(void *user, const char *error);
    void *user;
};

/* The board is borrowed. Errors: -ENOTSUP in a build without NATS, -EINVAL or -ENOENT a secret,
 * -ENOMEM and errnos of the thread. */
int lease_thread_start(uv_loop_t *loop, const struct config *config, struct lease_board *board,
                       const struct lease_thread_handlers *handlers,
                       struct lease_thread **ret_thread, struct diag *diag);

/* It looks at the board at once. */
void lease_thread_poke(struct lease_thread *thread);

/* Gives every lease back (the loop must use none any more), ends, then calls on_stopped from the
 * loop and frees the thread. Does not block. */
void lease_thread_stop(struct lease_thread *thread, void (*on_stopped)(void *user), void *user);

#endif
