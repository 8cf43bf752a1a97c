/*
 * score_ring: the highest score of a robot in each second of the last ten minutes, for the page.
 *
 * By the clock of this host, at the time when the scores came. All zeros is an empty one. Thread:
 * the loop.
 */
#ifndef ARMWATCH_DAEMON_SCORE_RING_H
#define ARMWATCH_DAEMON_SCORE_RING_H

#include <stddef.h>
#include <stdint.h>

#define SCORE_RING_INTERVALS 600
#define SCORE_RING_INTERVAL_S 1

struct score_ring {
    int64_t newest;  /* number of the newest interval that has a score, from 1 on */
    uint32_t filled; /* intervals back to the first score, at most all */
    float highest[SCORE_RING_INTERVALS]; /* by number; negative: nothing was scored */
};

/* now_ns: monotonic. */
void score_ring_push(struct score_ring *ring, double score, int64_t now_ns);

/* What it holds up to now: ret_values [SCORE_RING_INTERVALS], oldest first, negative where nothing
 * was scored. Returns how many, from the first that has a score; *ret_first_ns: the beginning of
 * that one (monotonic). */
size_t score_ring_read(const struct score_ring *ring, int64_t now_ns, float *ret_values,
                       int64_t *ret_first_ns);

#endif
