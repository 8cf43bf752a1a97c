/*
 * results: what comes of a window that was scored: its robot's score, alerts, evidence, and what
 * learns from scores: commissioning, candidates in shadow, the probation of models.
 *
 * The handlers of the scorer, whose `user` is a struct results. A window of a robot that is another
 * instance's by now, or of a run of rows from before it left, is dropped.
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_RESULTS_H
#define ARMWATCH_DAEMON_RESULTS_H

#include "daemon/evidence.h"
#include "daemon/fleet.h"
#include "daemon/latency.h"
#include "daemon/partitions.h"
#include "daemon/publisher.h"
#include "daemon/scorer.h"

struct results {
    struct fleet *fleet; /* borrowed, like the rest */
    struct publisher *publisher;
    struct evidence *evidence;
    struct latency *latency;             /* from a sample's arrival to its score */
    const struct partitions *partitions; /* NULL: all robots are ours */
};

extern const struct scorer_handlers results_handlers;

#endif
