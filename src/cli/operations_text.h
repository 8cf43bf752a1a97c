/*
 * operations_text: what `armwatch ctl` prints of thresholds, verdicts, candidates in shadow,
 * probations and the audit.
 *
 * The trees are answers of the daemon, or parts of its status, with texts made safe by
 * fields_clean.
 */
#ifndef ARMWATCH_CLI_OPERATIONS_TEXT_H
#define ARMWATCH_CLI_OPERATIONS_TEXT_H

#include "base/json.h"

#include <stdbool.h>
#include <stdio.h>

/* Prints the answer to one of these commands; false if it is another command. */
bool operations_text_answer(const char *command, const cJSON *reply, FILE *out);

/* Of a status: candidates, probations, the last rollback. instance: for the commands. */
void operations_text_status(const cJSON *status, const char *instance, FILE *out);
/* Of an entry of "robot_states": its open alerts, and a budget that is not what is configured. */
void operations_text_robot(const cJSON *robot, FILE *out);

#endif
