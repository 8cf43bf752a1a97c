/*
 * shadow_match: the alerts of a live model beside those of a candidate on the same robot: which of
 * one side the other has no counterpart for.
 *
 * Two alerts belong together if they overlap, or are less than SHADOW_NEAR_S apart. One that has
 * none is told when its time is up: SHADOW_NEAR_S after its end, or SHADOW_LONE_S after its start
 * while it goes on. Everything is sample time. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_SHADOW_MATCH_H
#define ARMWATCH_DAEMON_SHADOW_MATCH_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHADOW_NEAR_S 10
#define SHADOW_LONE_S 30
#define SHADOW_PENDING_MAX 8 /* alerts of one side that are not settled */

enum shadow_side { SHADOW_LIVE, SHADOW_CANDIDATE, SHADOW_SIDES };

struct shadow_alert {
    int64_t started_ns, ended_ns; /* ended_ns: where it is not open */
    double peak;
    bool open;
    bool before;            /* it was open when the comparison began: it is no case of its own */
    bool matched;           /* the other side has one, too */
    bool told;              /* as one that has none */
    char id[HASH_HEX_SIZE]; /* of a live one */
};

struct shadow_match {
    struct {
        size_t count;
        struct shadow_alert item[SHADOW_PENDING_MAX];
    } side[SHADOW_SIDES];
};

/* An alert of a side that was raised has a counterpart, or is told to have none; or one that was
 * told has ended. */
enum shadow_finding { SHADOW_MATCHED, SHADOW_ALONE, SHADOW_ENDED };
typedef void shadow_found(void *user, enum shadow_side side, enum shadow_finding finding,
                          const struct shadow_alert *alert);

/* Raised; of more than SHADOW_PENDING_MAX the oldest is settled as it stands. */
void shadow_match_raise(struct shadow_match *match, enum shadow_side side,
                        const struct shadow_alert *alert, shadow_found *found, void *user);
/* The newest of that side goes on (its peak), or has ended. Nothing if there is none. */
void shadow_match_follow(struct shadow_match *match, enum shadow_side side, double peak);
void shadow_match_clear(struct shadow_match *match, enum shadow_side side, int64_t ended_ns,
                        shadow_found *found, void *user);
/* Time has passed. */
void shadow_match_turn(struct shadow_match *match, int64_t now_ns, shadow_found *found, void *user);

#endif
