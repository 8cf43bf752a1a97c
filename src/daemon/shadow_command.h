/*
 * shadow_command: the control commands `unshadow` and `shadow-report`. (`shadow` and `promote` load
 * a model: control_models.c.) Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SHADOW_COMMAND_H
#define ARMWATCH_DAEMON_SHADOW_COMMAND_H

#include "base/diag.h"
#include "daemon/fleet.h"

/* Each returns NULL, with what the answer has to tell, or the code of the error. */
const char *shadow_command_end(struct fleet *fleet, const cJSON *arguments, const char *who,
                               cJSON *ret_answer, struct diag *diag);
const char *shadow_command_report(const struct fleet *fleet, const cJSON *arguments,
                                  cJSON *ret_answer, struct diag *diag);

/* Member "shadows" of the status: figures alone. */
void shadow_command_status(const struct fleet *fleet, cJSON *root);

#endif
