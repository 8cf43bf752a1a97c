/*
 * features: what a detector sees of a row of sensor values, and the way back.
 *
 * Chosen channels, a scaler, where wanted the principal components of the scaled channels, and a
 * second scaler over those. Back: what the reconstruction of a row of features says of each
 * channel, because an operator knows channels and no components.
 *
 * Shape: a sample is [channels of the model], a scaled row [channels], a row of features
 * [features_width]. Thread: whatever works on rows belongs to the one that owns BLAS, and uses
 * scratch inside; it allocates nothing.
 */
#ifndef ARMWATCH_MODEL_FEATURES_H
#define ARMWATCH_MODEL_FEATURES_H

#include "base/diag.h"
#include "model/scaler.h"

#include <stddef.h>

struct features_pca {
    size_t components; /* 0: none, the scaled channels are the features */
    double variance;   /* the share that they keep of the scaled rows' variance: for information */
    float *mean;       /* [channels] of the scaled rows */
    float *basis;      /* [components][channels] of length 1 and at right angles to each other */
};

struct features {
    size_t channels;      /* that it looks at */
    size_t *channel;      /* [channels] their places in a sample, rising */
    struct scaler scaler; /* over them */
    struct features_pca pca;
    struct scaler second; /* over the components, where there are any */
    float *scratch;
};

/* For fitting and restoring: allocates, and the caller fills the scalers (which then belong to it),
 * and mean and basis. Memory: channel is copied; features_deinit also after a failure, and on
 * zeroes. Errors: -ENOMEM. */
int features_init(struct features *features, const size_t *channel, size_t channels);
int features_add_pca(struct features *features, size_t components);
/* What was filled in. Errors: -EINVAL. */
int features_check(const struct features *features, struct diag *diag);
void features_deinit(struct features *features);

size_t features_width(const struct features *features);

/* Samples lie `stride` values apart; what is returned has no gaps. */
void features_apply(struct features *features, size_t rows, const float *samples, size_t stride,
                    float *ret_features);

/* The first two steps of it alone. Scaled rows and components may be the same memory. */
void features_scale(const struct features *features, size_t rows, const float *samples,
                    size_t stride, float *ret_scaled);
void features_project(struct features *features, size_t rows, const float *scaled,
                      float *ret_components);

/* One row of features less its reconstruction, by channel, in scaled units. Principal components
 * carry it back through the transposed basis: what they leave out has no residual. */
void features_residual(const struct features *features, const float *input, const float *output,
                       double *ret_residual);

/* What was expected of each channel, in its own unit, where a scaled row left that residual. */
void features_expected(const struct features *features, const float *scaled, const double *residual,
                       double *ret_expected);

#endif
