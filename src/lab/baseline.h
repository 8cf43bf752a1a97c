/*
 * baseline: what an autoencoder has to beat, written as networks, so that a model file, the
 * pipeline and the calibration treat them like one.
 *
 * Each maps a window to what it takes for normal; the mean squared difference is its score.
 * Source: principal components and Mahalanobis' distance as in any textbook.
 */
#ifndef ARMWATCH_LAB_BASELINE_H
#define ARMWATCH_LAB_BASELINE_H

#include "base/diag.h"
#include "lab/architecture.h"
#include "lab/train.h"
#include "nn/network.h"

enum baseline_kind {
    BASELINE_NONE,        /* it is trained */
    BASELINE_UNTRAINED,   /* the autoencoder with the weights that training starts from */
    BASELINE_RANGE,       /* how far channels leave the range 0..1: for the minmax scaler */
    BASELINE_PCA,         /* what the principal components of windows (95 %) leave over */
    BASELINE_MAHALANOBIS, /* distance from the mean in units of the covariance */
    BASELINE_KINDS,
};

const char *baseline_kind_key(enum baseline_kind kind);  /* "range" */
const char *baseline_kind_name(enum baseline_kind kind); /* for a table */

/* From the training windows of scaled rows. `architecture` is that of the autoencoder and becomes
 * that of the baseline; `kind` is none but BASELINE_NONE. Memory: network_free. max_rows: of a
 * batch. Errors: -EINVAL (see diag), -ENOMEM. */
int baseline_make(enum baseline_kind kind, const struct train_data *data, uint64_t seed,
                  size_t max_rows, struct architecture *architecture, struct network **ret_network,
                  struct diag *diag);

#endif
