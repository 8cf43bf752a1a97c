/*
 * evidence_recorder: the evidence of one robot, as long as it is in memory: its newest samples, and
 * the alerts whose packs are not complete yet. Only evidence.c knows what to do with it.
 *
 * Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_EVIDENCE_RECORDER_H
#define ARMWATCH_DAEMON_EVIDENCE_RECORDER_H

#include "pipeline/evidence_pack.h"

#include <stddef.h>
#include <stdint.h>

/* An alert that was raised; its pack waits for the samples behind it. */
struct evidence_capture {
    char alert_id[HASH_HEX_SIZE];
    uint64_t row;      /* of the ring, that it was raised at */
    int64_t raised_ns; /* monotonic */
    double thresholds[MODEL_DETECTORS_MAX];
    struct evidence_moment raised, peak;
    char *alert;   /* as it was raised */
    char *cleared; /* the message that ends it, where that came meanwhile; or NULL */
    char *verdict; /* what somebody has said of it meanwhile; or NULL */
};

/* All zeros at first. */
struct evidence_recorder {
    struct model *model;        /* a reference; whose rows these are. NULL: none came yet */
    struct evidence_ring *ring; /* NULL: there is no memory for it */
    uint64_t newest_scored;     /* row of the newest score, where known: */
    bool scored;
    struct evidence_capture *capture[ALERT_KINDS]; /* NULL: none */
    int64_t day_ns;                                /* monotonic; since when packs are counted */
    unsigned packs;
};

void evidence_recorder_deinit(struct evidence_recorder *recorder);
void evidence_capture_free(struct evidence_capture *capture); /* NULL is allowed */

#endif
