/*
 * episode_text: a robot's open episode as text for the journal, and back.
 *
 * Enough for the episode to go on after a restart as the same one. Which channels deviated is not
 * in it: the next window over the limit says it anew. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_EPISODE_TEXT_H
#define ARMWATCH_DAEMON_EPISODE_TEXT_H

#include "base/diag.h"
#include "daemon/robot.h"

/* Of the episode of a kind, which is open. Memory: the caller frees; NULL when it is out. */
char *episode_text(const struct robot *robot, enum alert_kind kind);

/* Opens the episode of a kind in a robot that has none. What its model does not know any more,
 * detectors and channels, is left out. Errors: -EINVAL, nothing changed. */
int episode_restore(struct robot *robot, const char *kind, const char *text, struct diag *diag);

#endif
