/*
 * discovery: keeps Home Assistant told of the robots, and takes back what was told.
 *
 * A retained message for each robot, sent anew when its model changes and after each connection. It
 * is taken back, by an empty one, when discovery is switched off or its prefix changed, and of
 * robots that a start no longer expects. What is told is a part of the saved state, so that this
 * holds over restarts. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_DISCOVERY_H
#define ARMWATCH_DAEMON_DISCOVERY_H

#include "daemon/fleet.h"
#include "daemon/publisher.h"

#include <stdbool.h>
#include <stddef.h>

#define DISCOVERY_MODEL_SIZE 17 /* so much of its hash tells a model from others */

/* All zeros is one that has told of nothing; fleet and publisher are set before the first tick. */
struct discovery {
    const struct fleet *fleet;   /* borrowed */
    struct publisher *publisher; /* borrowed */
    char *prefix;                /* that it was told under; NULL: nothing was */
    size_t count, capacity;
    char (*robot)[NAME_MAX_LENGTH + 1]; /* [count] that it was told of */
    size_t told_capacity;
    char (*told)[DISCOVERY_MODEL_SIZE]; /* [told_capacity] by a robot's number: in this run, with
                                           which model; "": not yet */
    uint64_t comings;                   /* the fleet's when it was looked at last */
    bool looked;                        /* whether what was told before is still there */
};

void discovery_deinit(struct discovery *discovery);

/* Takes up what the saved state (JSON text, or NULL) holds. Errors: -ENOMEM. */
int discovery_load(struct discovery *discovery, const char *state);
/* The text of a state with this in it. `state` is taken, and may be NULL. Memory: the caller frees;
 * NULL: memory is out. */
char *discovery_save(const struct discovery *discovery, char *state);

/* Tells what is to be told, while there is a broker; again: everything. Returns true if the state
 * is to be saved. */
bool discovery_tick(struct discovery *discovery, bool again);

#endif
