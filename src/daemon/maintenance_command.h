/*
 * maintenance_command: the commands suspend and resume. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_MAINTENANCE_COMMAND_H
#define ARMWATCH_DAEMON_MAINTENANCE_COMMAND_H

#include "base/json.h"
#include "daemon/fleet.h"
#include "daemon/publisher.h"

struct maintenance_order {
    struct fleet *fleet;
    struct publisher *publisher;
    const char *command;
    const cJSON *arguments; /* "robot" (optional); to suspend "minutes" and "reason" (optional) */
    const char *who;        /* for the audit line */
};

/* Adds to the answer and returns NULL; or returns the code of an error, with its text in diag. */
const char *maintenance_command(const struct maintenance_order *order, cJSON *ret_answer,
                                struct diag *diag);

#endif
