/*
 * train: fits an autoencoder to windows of normal rows, alone or against an adversary.
 *
 * With an adversary a twin is always trained beside it: same seed, same batches, no adversary. What
 * the adversary gains or costs is the difference between the two.
 * Shape: a window that ends at row e is rows e - (window - 1) spacing, ..., e - spacing, e, oldest
 * first, as one input of window * channels values.
 * Memory: windows are gathered batch by batch and never stand in memory all at once; train
 * allocates before the first batch only. Thread: the one that calls BLAS; blas_init came before.
 * The same data, options and machine give the same network to the last bit.
 */
#ifndef ARMWATCH_LAB_TRAIN_H
#define ARMWATCH_LAB_TRAIN_H

#include "base/diag.h"
#include "lab/adversary.h"
#include "nn/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All borrowed. Every window must lie inside the rows; that it lies inside one session and spans no
 * hole is the caller's matter. */
struct train_data {
    const float *rows; /* [row_count][channels], scaled */
    size_t row_count;
    size_t channels;
    size_t window, spacing;
    const size_t *training; /* last rows of the windows to fit; at least 2 */
    size_t training_count;
    const size_t *held_out; /* last rows of normal windows that choose the epoch; at least 1 */
    size_t held_out_count;
};

enum train_loss { TRAIN_MSE, TRAIN_SMOOTH_L1 };

/* batch counts from 1; after the last batch of an epoch. Non-zero cancels. */
typedef int (*train_progress)(size_t epoch, size_t batch, size_t batches, void *user);

struct train_options {
    const struct nn_layer_spec *layers; /* borrowed; as wide at the end as a window */
    size_t layer_count;
    enum train_loss loss;
    double beta;                 /* of TRAIN_SMOOTH_L1 */
    double rate;                 /* of Adam */
    enum schedule_kind schedule; /* of the rate, over all epochs */
    size_t epochs;
    size_t batch;       /* windows, at least 2 */
    double clip_norm;   /* of the gradient; 0: not clipped */
    size_t patience;    /* epochs without a better held-out loss before it ends; 0: never */
    double input_noise; /* deviation of Gaussian noise on the input, not on the target; 0: none */
    uint64_t seed;
    struct adversary_options adversary;
    train_progress progress; /* or NULL */
    void *user;
};

/* The recipe for that adversary, layers left open: ADVERSARY_PAPER has the paper's (mean squared
 * error, Adam 0.005 throughout), the others the stable one. */
struct train_options train_defaults(enum adversary_kind adversary);

struct train_epoch {
    double loss; /* reconstruction, mean over the training batches */
    double held_out_loss;
    double gradient_norm; /* mean, before clipping */
    /* the rest only with an adversary */
    double twin_held_out_loss;
    double discriminator_loss;
    double influence; /* in its last batch */
    struct adversary_health adversary;
    enum adversary_state state;
};

struct train_result {
    struct network *network; /* at its best held-out epoch */
    struct network *twin;    /* likewise; NULL without an adversary */
    struct train_epoch *epochs;
    size_t epoch_count; /* those that were run */
    size_t best_epoch, twin_best_epoch;
    double best_loss, twin_best_loss; /* held-out */
};

/* With an adversary the best epoch is sought, and patience counted, once its influence is full
 * (from the last epoch, if it never is): an epoch of the warm-up would be the twin under another
 * name. Errors: -EINVAL (diag says what), -ENOMEM, -ECANCELED, -EDOM (the loss is no longer
 * finite). */
int train(const struct train_data *data, const struct train_options *options,
          struct train_result *ret_result, struct diag *diag);
void train_result_deinit(struct train_result *result);

/* Copies windows by their last rows. Shape: ret_windows [count][window * channels]. */
void train_gather(const struct train_data *data, const size_t *ends, size_t count,
                  float *ret_windows);

#endif
