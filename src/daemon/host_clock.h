/*
 * host_clock: the wall clock for samples that bring no time of their own.
 *
 * It runs on the monotonic clock, so that setting the host's clock does not tear the samples of one
 * movement apart: it is told of such a step, takes the new time over and counts it. Thread: the
 * loop.
 */
#ifndef ARMWATCH_DAEMON_HOST_CLOCK_H
#define ARMWATCH_DAEMON_HOST_CLOCK_H

#include <stdint.h>

struct host_clock {
    int64_t offset_ns; /* wall less monotonic, as it is used */
    uint64_t jumps;    /* how often the wall clock was set */
};

/* wall_ns and now_ns (monotonic): the two clocks at one moment. */
void host_clock_init(struct host_clock *clock, int64_t wall_ns, int64_t now_ns);

/* Now and then: returns by how much the wall clock was set, over a second either way, or 0. */
int64_t host_clock_check(struct host_clock *clock, int64_t wall_ns, int64_t now_ns);

/* Wall time. now_ns: monotonic. */
int64_t host_clock_ns(const struct host_clock *clock, int64_t now_ns);

#endif
