/*
 * operations: what operators do over the control topic beside loading models: thresholds, verdicts,
 * candidates in shadow; what the daemon undoes by itself; and the record of all that.
 *
 * It ties budgets, verdicts, audit and held answers together, and keeps their state in
 * operations.json in the state directory. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_OPERATIONS_H
#define ARMWATCH_DAEMON_OPERATIONS_H

#include "base/diag.h"
#include "base/json.h"
#include "daemon/audit.h"
#include "daemon/fleet.h"
#include "daemon/held.h"
#include "daemon/publisher.h"
#include "daemon/saved_state.h"
#include "daemon/verdicts.h"

#include <stdbool.h>

struct operations {
    struct fleet *fleet; /* borrowed, like the next two */
    struct publisher *publisher;
    const struct saved_state *state; /* which models are in use; NULL: not saved */
    struct saved_state saved;        /* operations.json */
    struct audit audit;
    struct verdicts verdicts;
    struct held held;
};

/* Reads what earlier runs left, into the fleet too. The pointers above have to be set. What cannot
 * be read is logged, and ends no start. Errors: -ENOMEM. */
int operations_init(struct operations *operations, uv_loop_t *loop, const char *state_directory);
void operations_deinit(struct operations *operations);

/* The loop will turn: answers may be held. */
void operations_start(struct operations *operations, uv_loop_t *loop);
/* The daemon stops: what is held is sent, and the state is saved. May be called again. */
void operations_stop(struct operations *operations);

/* now_ns: monotonic. */
void operations_tick(struct operations *operations, int64_t now_ns);

/* A command that is done at once: threshold, ack, audit, verdicts, unshadow, ... who: for the log.
 * Returns NULL and what the answer has to tell, or the code of the error with its text in diag. */
struct operations_order {
    const char *command;
    const cJSON *arguments;
    const char *who;
};
const char *operations_command(struct operations *operations, const struct operations_order *order,
                               cJSON *ret_answer, struct diag *diag);

/* Something could not be written. */
bool operations_failed(const struct operations *operations);

/* Something in the state has changed: it is written. */
void operations_save(struct operations *operations);

#endif
