/*
 * status_text: what an operator is told of a daemon and its robots: a table of their states, what a
 * model promises, and whether a robot's scores have moved since its calibration.
 *
 * The trees are the reply to `status` and parts of it, with texts made safe by fields_clean.
 */
#ifndef ARMWATCH_CLI_STATUS_TEXT_H
#define ARMWATCH_CLI_STATUS_TEXT_H

#include "base/json.h"

#include <stdio.h>

/* All of the reply. instance, broker: as the user names them, for the commands in it. */
void status_text(const cJSON *reply, const char *instance, const char *broker, FILE *out);

/* One line about an entry of "models": the budget, and what its healthy hours support; nothing if
 * the daemon does not tell. */
void status_text_promise(const cJSON *model, FILE *out);

/* Lines about an entry of "robot_states" whose scores have moved, with the commands that would
 * calibrate anew; nothing if they have not. broker: for these commands. */
void status_text_drift(const cJSON *robot, const char *broker, FILE *out);

/* How far the clock that stamps a robot's samples is off the daemon's, where that is over a second.
 */
void status_text_skew(const cJSON *robot, FILE *out);
/* Lines about an entry of "robot_states", or an answer with "robot", that is commissioned or armed:
 * what was learnt, what it supports, and what to do; nothing where it is neither. instance: for the
 * command. */
void status_text_commissioning(const cJSON *robot, const char *instance, FILE *out);
/* The thresholds in an answer to `arm`. */
void status_text_thresholds(const cJSON *reply, FILE *out);

#endif
