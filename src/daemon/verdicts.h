/*
 * verdicts: what operators said of alerts: with the open alert itself, and in a record of their
 * own, from which false alarms can be counted later.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_VERDICTS_H
#define ARMWATCH_DAEMON_VERDICTS_H

#include "base/diag.h"
#include "base/json.h"
#include "daemon/chronicle.h"
#include "daemon/fleet.h"
#include "daemon/publisher.h"

#define VERDICTS_KEPT 1000 /* that are counted */
#define VERDICTS_LAST_MAX 150
#define VERDICTS_LAST 20

struct verdicts {
    struct chronicle chronicle;
    struct fleet *fleet;         /* borrowed */
    struct publisher *publisher; /* borrowed */
};

/* The command `ack`: alert_id, verdict, note. An alert that has ended takes a verdict, too, as long
 * as it is remembered: the last of its kind of each robot, and those in the episode log. Returns
 * NULL, with what the answer has to tell, or the code of the error. */
const char *verdicts_ack(struct verdicts *verdicts, const cJSON *arguments, const char *who,
                         cJSON *ret_answer, struct diag *diag);

/* The command `verdicts` (`last`, `robot`): the newest entries, and how many alerts of each verdict
 * there are; the last verdict of an alert counts. */
const char *verdicts_command(const struct verdicts *verdicts, const cJSON *arguments,
                             cJSON *ret_answer, struct diag *diag);

#endif
