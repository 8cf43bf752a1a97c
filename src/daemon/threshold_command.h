/*
 * threshold_command: the control command `threshold`: another budget of false alarms, and the
 * thresholds that follow from the calibration that is in use. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_THRESHOLD_COMMAND_H
#define ARMWATCH_DAEMON_THRESHOLD_COMMAND_H

#include "base/diag.h"
#include "daemon/fleet.h"

/* Runs it. who: for the audit line. Returns NULL and what the answer has to tell, or the code of
 * the error with its text in diag. */
const char *threshold_command(struct fleet *fleet, const cJSON *arguments, const char *who,
                              cJSON *ret_answer, struct diag *diag);

#endif
