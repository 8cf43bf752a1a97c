/*
 * model_watch: tells the fleet when the file of a model in use, or its signature, was replaced.
 *
 * The directory is watched, for a watch on a file ends with the first rename over it. A change
 * counts when the directory has been quiet for a moment. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_MODEL_WATCH_H
#define ARMWATCH_DAEMON_MODEL_WATCH_H

#include "base/diag.h"
#include "daemon/fleet.h"

#include <stdbool.h>
#include <uv.h>

#define MODEL_WATCH_QUIET_MS 200

struct model_watch {
    uv_fs_event_t event;
    uv_timer_t quiet;
    struct fleet *fleet; /* borrowed */
    bool open;
};

/* Errors: errnos, with the directory in diag; then there is nothing to stop. */
int model_watch_start(struct model_watch *watch, struct fleet *fleet, struct diag *diag);
/* Closes its handles, if it runs; the loop must turn once more. */
void model_watch_stop(struct model_watch *watch);

#endif
