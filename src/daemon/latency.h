/*
 * latency: how long it took from the arrival of a sample to its score, as a histogram.
 *
 * All zeros is an empty one. Thread: one at a time.
 */
#ifndef ARMWATCH_DAEMON_LATENCY_H
#define ARMWATCH_DAEMON_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_BOUNDS 12

struct latency {
    uint64_t
        count[LATENCY_BOUNDS + 1]; /* up to each bound and over the one before; then the rest */
    int64_t sum_ns;
};

/* Upper bounds in seconds, rising. */
extern const double latency_bounds_s[LATENCY_BOUNDS];

void latency_push(struct latency *latency, int64_t duration_ns);

#endif
