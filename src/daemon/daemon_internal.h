/*
 * daemon_internal: everything that armwatchd has, in one place, for the files that begin, turn and
 * end it: daemon.c wires it together and starts it, daemon_state.c keeps what outlasts it,
 * daemon_broker.c is its side of the connection, daemon_tick.c what time brings, daemon_stop.c its
 * end. No module below knows this struct: each has pointers to what it uses, set in daemon.c.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_DAEMON_INTERNAL_H
#define ARMWATCH_DAEMON_DAEMON_INTERNAL_H

#include "base/diag.h"
#include "config/config.h"
#include "daemon/assembly.h"
#include "daemon/control.h"
#include "daemon/discovery.h"
#include "daemon/evidence.h"
#include "daemon/fleet.h"
#include "daemon/http.h"
#include "daemon/intake.h"
#include "daemon/model_watch.h"
#include "daemon/operations.h"
#include "daemon/partitions.h"
#include "daemon/publisher.h"
#include "daemon/recovery.h"
#include "daemon/resubscription.h"
#include "daemon/results.h"
#include "daemon/saved_state.h"
#include "daemon/scorer.h"
#include "daemon/service.h"
#include "daemon/silence.h"
#include "mqtt/client.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

enum phase {
    PHASE_RUNNING,
    PHASE_FAREWELL, /* the scorer ends, and what is left is told */
    PHASE_CLOSING
};

struct daemon {
    uv_loop_t loop;
    struct config *config;
    struct mqtt_client *client;
    struct scorer *scorer;
    struct fleet fleet;
    struct publisher publisher;
    struct intake intake;
    struct assembly assembly;
    struct results results; /* of the scorer */
    struct evidence evidence;
    struct control control;
    struct operations operations;
    struct service service;
    struct silence silence;
    struct recovery recovery;
    struct http *http; /* NULL: off, or closed */
    struct discovery discovery;
    struct partitions partitions;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t tick, farewell, stop_guard;
    enum phase phase;
    int64_t watchdog_ns, watchdog_next_ns;
    struct saved_state saved;
    char offline_reason[600]; /* as it was logged last */
    int64_t offline_again_ns; /* when the same one is worth another line */
    size_t offline_lines;     /* since it was online */
    struct resubscription control_again;
    struct model_watch watch;
};

static inline bool daemon_is_parted(const struct daemon *daemon)
{
    return daemon->intake.partitions != NULL;
}

/* daemon_state.c: what outlasts a run. */

/* Reads state.json and makes the fleet: its models, and what the run before has left of suspensions
 * and discovery. What is outdated in the file is replaced. Errors: -EINVAL with what is wrong in
 * diag, -ENOMEM. */
int daemon_restore(struct daemon *daemon, struct diag *diag);
/* Writes the present state, off the loop. Handlers of the fleet: `user` is the daemon. */
void daemon_save(void *user);
/* The same after an operator has chosen a model anew: the one that could not be used at the start
 * is no trouble any more. */
void daemon_save_choice(void *user);
/* Tells Home Assistant what is to be told; again: everything. Saves what that changes. */
void daemon_tell_discovery(struct daemon *daemon, bool again);

/* daemon_broker.c: the connection. */

/* Starts the client with its last will and subscriptions; does not wait for the broker. Errors:
 * those of broker_connect and of subscriptions, with the reason in diag. */
int daemon_connect(struct daemon *daemon, struct diag *diag);
/* Drops the connection, and with it what the library would send again, and makes another. Where
 * that fails the one that is there goes on, which is logged. */
void daemon_connect_anew(struct daemon *daemon);

/* daemon_tick.c: what time brings. */
void daemon_on_tick(uv_timer_t *timer); /* data: the daemon */

/* daemon_stop.c: the end. */

/* SIGTERM, SIGINT: everything ends in order, and the loop with it. data: the daemon. */
void daemon_on_stop_signal(uv_signal_t *signal, int signum);
/* After daemon_restore or anything behind it has failed: the loop only has to get rid of what was
 * opened. */
void daemon_undo_start(struct daemon *daemon);
/* The loop is empty. Takes one that was never started, too. */
void daemon_free(struct daemon *daemon);
#endif
