/*
 * adversary: a discriminator that learns to tell reconstructions from real windows, and the pull it
 * has on the autoencoder.
 *
 * As presets: `paper` is 256-128-64 with LayerNorm and dropout, smoothed labels, and a
 * cross-entropy term beside the reconstruction loss. `stable` is 256-128-64 with leaky ReLU only,
 * logistic loss with zero-centred gradient penalties on both kinds of rows (R1 + R2), and a pull
 * scaled to a fraction of the reconstruction gradient, so that it can neither vanish nor take over.
 * Shape: rows are [rows][width]. Thread: whoever calls BLAS. Memory: adversary_new allocates
 * everything. Source: Mescheder et al. 2018 (penalties).
 */
#ifndef ARMWATCH_LAB_ADVERSARY_H
#define ARMWATCH_LAB_ADVERSARY_H

#include "base/diag.h"
#include "lab/adversary_options.h"
#include "nn/network.h"

#include <stddef.h>
#include <stdint.h>

struct adversary_size {
    size_t width;
    size_t max_rows;     /* of a batch of one kind */
    size_t max_measured; /* rows of one kind between two adversary_measure_end */
    uint64_t batches;    /* of the whole training, which the schedule spreads over */
};

struct adversary;

/* Errors: -EINVAL (an option is out of range, see diag), -ENOMEM. kind is not ADVERSARY_NONE. */
int adversary_new(struct adversary_size size, const struct adversary_options *options,
                  uint64_t seed, struct adversary **ret_adversary, struct diag *diag);
void adversary_free(struct adversary *adversary);
struct network *adversary_network(struct adversary *adversary);

/* The discriminator sees a batch and, as its balance allows, learns from it. Returns its loss
 * before that, penalties left out. */
double adversary_step(struct adversary *adversary, size_t rows, const real *genuine,
                      const real *reconstructed);

/* Adds its pull on the reconstructed rows of the last step to their gradient [rows][width], which
 * holds that of the reconstruction loss. 0 <= influence <= 1. The discriminator only answers: its
 * parameters and gradients stay. With penalties it answers as it was before that step. */
void adversary_pull(struct adversary *adversary, double influence, real *gradient);

/* Measured on held-out rows; threshold 0 on the logit. */
struct adversary_health {
    double accuracy_real, accuracy_reconstructed, balanced_accuracy;
    double
        reported_accuracy; /* what Keras would print: a smoothed label array equals no prediction */
    double auc;            /* real against reconstructed */
    double logit_real, logit_reconstructed;                 /* means */
    double gradient_norm_real, gradient_norm_reconstructed; /* means of ||dD/dx|| */
    double penalty; /* gamma / 2 (R1 + R2); 0 where there is none */
    double
        relative_step; /* ||change of its parameters|| since the last measurement, / their norm */
    double pull_ratio; /* ||pull|| / ||reconstruction gradient|| before scaling, mean of the steps
                          since the last measurement; 0 without influence */
    double learnt;     /* steps it made in a batch, mean since the last measurement */
};
void adversary_measure(struct adversary *adversary, size_t rows, const real *genuine,
                       const real *reconstructed);
void adversary_measure_end(struct adversary *adversary, struct adversary_health *ret_health);

enum adversary_state {
    ADVERSARY_TRAINING,   /* none of the others */
    ADVERSARY_DEAD,       /* tells nothing apart (AUC < 0.6), or has stopped moving */
    ADVERSARY_HEALTHY,    /* AUC 0.65 to 0.98 and a loss within 1.1 of the twin's */
    ADVERSARY_SATURATED,  /* AUC > 0.99 */
    ADVERSARY_DOMINATING, /* the autoencoder's loss is over 1.25 of the twin's */
    ADVERSARY_STATES,
};
const char *adversary_state_name(enum adversary_state state);
enum adversary_state adversary_judge(const struct adversary_health *health, double loss,
                                     double twin_loss);

/* Chance that a value of `high` is above one of `low`, ties as half. Sorts both arrays; counts > 0.
 */
double adversary_auc(size_t highs, double *high, size_t lows, double *low);

#endif
