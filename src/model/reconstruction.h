/*
 * reconstruction: what detectors share that say what a window of features should have been: a
 * network that gives it back, the nearest windows that are known.
 *
 * The error between a window and its reconstruction, and what it says of each channel in the
 * channel's own unit. Thread: reconstruction_explain on the scoring thread; it allocates nothing.
 */
#ifndef ARMWATCH_MODEL_RECONSTRUCTION_H
#define ARMWATCH_MODEL_RECONSTRUCTION_H

#include "base/diag.h"
#include "base/json.h"
#include "model/detector.h"
#include "model/features.h"
#include "model/safetensors.h"

#include <stdbool.h>
#include <stddef.h>

struct reconstruction {
    struct features features;
    bool smooth_l1; /* else squared */
    float beta;     /* of Smooth-L1 */
    float *floor;   /* [channels] usual residual, in the channel's units */
    float *weight;  /* [width of the features] what their residuals count; NULL: all the same */
    /* Scratch. */
    float *weighted;                     /* [width of the features] */
    float *scaled;                       /* [channels] */
    double *residual, *error, *expected; /* [channels] */
};

/* Features and "channel.floor" of the detector with that number. Memory: reconstruction_deinit,
 * also after a failure and on zeros. Errors: -EINVAL with what is wrong, -ENOMEM. */
int reconstruction_load(struct reconstruction *reconstruction, const struct detector *detector,
                        const cJSON *config, const struct safetensors *tensors, struct diag *diag);
void reconstruction_deinit(struct reconstruction *reconstruction);

/* "feature.weight", for shares: reconstruction_error does not know it. */
int reconstruction_load_weight(struct reconstruction *reconstruction, size_t index,
                               const struct safetensors *tensors, struct diag *diag);

/* The features of one window, flattened: ret_input [window * width]. */
void reconstruction_input(struct reconstruction *reconstruction, const struct detector *detector,
                          const float *window, float *ret_input);

/* The mean over `count` elements; INFINITY where it is not finite. */
double reconstruction_error(const struct reconstruction *reconstruction, const float *input,
                            const float *output, size_t count);

/* As detector_explain, of a window with its input and output. */
void reconstruction_explain(struct reconstruction *reconstruction, const struct detector *detector,
                            const float *window, const float *input, const float *output,
                            struct deviation *ret_deviations);

#endif
