/*
 * shadows_internal: what shadows.c and shadows_saved.c do for each other. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SHADOWS_INTERNAL_H
#define ARMWATCH_DAEMON_SHADOWS_INTERNAL_H

#include "daemon/shadows.h"

/* One more, of which nothing is read yet; there has to be room. NULL: memory is out. */
struct shadow *shadows_add(struct shadows *shadows, const char *robot, const char *name);

/* Into the robot's new track: live alerts of before the restart that were not settled. One that is
 * still open goes on. */
void shadows_restore_unsettled(struct shadow *shadow, struct robot *robot);

#endif
