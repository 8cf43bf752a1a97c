/*
 * score: what one window of one robot came to, over all detectors of its model.
 *
 * The robot's score is the largest of its detectors' score / threshold, so 1 is always the limit.
 */
#ifndef ARMWATCH_PIPELINE_SCORE_H
#define ARMWATCH_PIPELINE_SCORE_H

#include "model/model.h"
#include "pipeline/finding.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCORE_CHANNELS_MAX 5
#define SCORE_GROUPS_MAX 3

struct score_group {
    size_t group; /* of the model */
    double share;
};

/* The channels that deviate most, largest share first. Words for it are "channels that deviate",
 * never "cause". */
struct attribution {
    size_t detector; /* whose score is explained */
    size_t channels, groups;
    struct deviation channel[SCORE_CHANNELS_MAX];
    struct score_group group[SCORE_GROUPS_MAX];
    struct finding finding;
};

struct score {
    int64_t time_ns; /* of the newest row */
    uint64_t seq;    /* its sequence number, or its number by arrival */
    size_t detectors;
    struct {
        double score;
        bool evaluated; /* its whole span was valid, it can judge it, and the score is finite */
    } detector[MODEL_DETECTORS_MAX];
    bool nonfinite; /* some detector's arithmetic overflowed: a fault of its own, never "normal" */
    bool attributed;
    struct attribution attribution; /* where attributed */
};

/* Largest score / threshold over the evaluated detectors; thresholds [detectors]. ret_detector:
 * which one. Returns a negative number if none was evaluated. */
double score_ratio(const struct score *score, const double *thresholds, size_t *ret_detector);

/* Scores `count` windows of one model. windows[i] points to the oldest of rows[i] contiguous valid
 * rows, so a detector with a span over rows[i] is not evaluated. scores[i].time_ns and .seq are the
 * caller's. A window whose ratio reaches 1 is attributed. Shape: thresholds[i] [model->detectors];
 * count <= DETECTOR_BATCH_MAX. Thread: the one that owns BLAS. */
struct score_request {
    const float *window;
    size_t rows;
    const double *thresholds;
};
void score_windows(struct model *model, const struct score_request *requests, size_t count,
                   struct score *scores);

#endif
