/*
 * recovery: what is alike before and after a restart: alerts on their way, open episodes, and the
 * robots that are expected to send.
 *
 * It ties the journal to the outbox and the robots. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_RECOVERY_H
#define ARMWATCH_DAEMON_RECOVERY_H

#include "daemon/fleet.h"
#include "daemon/journal.h"
#include "daemon/publisher.h"
#include "daemon/takeover.h"

struct recovery {
    struct fleet *fleet;         /* borrowed */
    struct publisher *publisher; /* borrowed; it gets the journal */
    struct takeover *takeover;   /* borrowed; NULL: every robot is ours */
};

/* Starts the journal and takes up what the run before has left: its messages are queued before any
 * other, and a robot with an open episode is there from the start, in that episode; one that was
 * heard within the last week is there as well, so that its silence is noticed. Errors: -ENOMEM. */
int recovery_start(struct recovery *recovery, uv_loop_t *loop, const char *state_directory);

/* Now and then: keeps which robots were heard. */
void recovery_tick(struct recovery *recovery, int64_t wall_ns, int64_t now_ns);

/* Ends the journal; then on_stopped (may be NULL) from the loop. */
void recovery_stop(struct recovery *recovery, void (*on_stopped)(void *user), void *user);

#endif
