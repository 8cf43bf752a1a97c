/*
 * suspensions: of which robots no alerts are wanted, until when and why.
 *
 * One entry is about all robots, others about single ones: a robot is suspended until the later of
 * the two, unless it was taken out of that of all. They end by the monotonic clock; what is saved
 * is the wall clock's time of the end, for a restart. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SUSPENSIONS_H
#define ARMWATCH_DAEMON_SUSPENSIONS_H

#include "base/diag.h"
#include "base/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUSPENSION_MINUTES_MAX 10080 /* a week */
#define SUSPENSION_REASON_MAX 128    /* bytes */
#define SUSPENSIONS_MAX 2000
#define SUSPENSIONS_ALL "" /* instead of a robot's name */

struct suspension {
    char robot[NAME_MAX_LENGTH + 1];
    int64_t until_ns; /* monotonic; 0: this robot is not suspended, though all are */
    char reason[SUSPENSION_REASON_MAX + 1];
};

/* All zeros is none. */
struct suspensions {
    size_t count, capacity;
    struct suspension *item;
};

void suspensions_deinit(struct suspensions *suspensions);

/* Puts an entry in the place of the robot's; one for all also ends what was taken out of it.
 * Errors: -ENOSPC, -ENOMEM: nothing has changed. */
int suspensions_put(struct suspensions *suspensions, const struct suspension *suspension);
/* Ends the robot's, that for all included, or every one with SUSPENSIONS_ALL. Errors: -ENOSPC,
 * -ENOMEM. */
int suspensions_end(struct suspensions *suspensions, const char *robot, int64_t now_ns);
/* Forgets what is over. */
void suspensions_expire(struct suspensions *suspensions, int64_t now_ns);

/* What holds for a robot now; NULL: it is not suspended. Valid until the next change. */
const struct suspension *suspensions_find(const struct suspensions *suspensions, const char *robot,
                                          int64_t now_ns);
/* An entry of exactly this robot. */
bool suspensions_has(const struct suspensions *suspensions, const char *robot);

/* Takes up what the saved state (JSON text, or NULL) holds and is not over; of a time that cannot
 * be, because the clock was set, a week at most. wall_ns, now_ns: the two clocks at one moment.
 * Errors: -ENOMEM. */
int suspensions_load(struct suspensions *suspensions, const char *state, int64_t wall_ns,
                     int64_t now_ns);
/* The text of a state with these in it. `state` is taken, and may be NULL. Memory: the caller
 * frees; NULL: memory is out. */
char *suspensions_save(const struct suspensions *suspensions, char *state, int64_t wall_ns,
                       int64_t now_ns);

#endif
