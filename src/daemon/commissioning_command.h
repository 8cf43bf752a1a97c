/*
 * commissioning_command: the commands commission, arm and disarm. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_COMMISSIONING_COMMAND_H
#define ARMWATCH_DAEMON_COMMISSIONING_COMMAND_H

#include "base/json.h"
#include "daemon/fleet.h"

/* `arguments`: "robot"; for arm "false_alarms_per_day" and "force" (optional). who: for the audit
 * line. Adds to the answer and returns NULL; or returns the code of an error, with its text in
 * diag. */
const char *commissioning_command(struct fleet *fleet, const char *command, const cJSON *arguments,
                                  const char *who, cJSON *ret_answer, struct diag *diag);

#endif
