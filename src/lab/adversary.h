/*
 * adversary: a discriminator that learns to tell reconstructions from real windows, and the pull it
 * has on the autoencoder.
 *
 * `paper` is 256-128-64 with LayerNorm and dropout, smoothed labels, and a cross-entropy term
 * beside the reconstruction loss. `stable` is 256-128-64 with leaky ReLU only, logistic loss with
 * zero-centred gradient penalties on both kinds of rows (R1 + R2), and a pull scaled to a fraction
 * of the reconstruction gradient, so that it can neither vanish nor take over. Shape: rows are
 * [rows][width]. Thread: whoever calls BLAS. Memory: adversary_new allocates everything. Source:
 * Mescheder et al. 2018 (penalties).
 */
#ifndef ARMWATCH_LAB_ADVERSARY_H
#define ARMWATCH_LAB_ADVERSARY_H

#include "base/diag.h"
#include "nn/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum adversary_kind { ADVERSARY_NONE, ADVERSARY_PAPER, ADVERSARY_STABLE, ADVERSARY_KINDS };

const char *adversary_kind_name(enum adversary_kind kind); /* "none", "paper", "stable" */
bool adversary_kind_from_name(const char *name, enum adversary_kind *ret_kind);

/* Where label smoothing acts; s is its amount. The paper does not say which it used. */
enum adversary_smoothing {
    ADVERSARY_SMOOTHING_NONE,
    ADVERSARY_SMOOTHING_ONE_SIDED, /* labels 1 - s and 0 */
    ADVERSARY_SMOOTHING_TWO_SIDED, /* labels 1 - s and s */
    ADVERSARY_SMOOTHING_IN_LOSS,   /* labels 1 and 0 that the loss turns into 1 - s/2 and s/2 */
    ADVERSARY_SMOOTHINGS,
};

struct adversary_options {
    enum adversary_kind kind;
    double rate, beta1, beta2; /* of its Adam */
    double gamma;              /* of the penalties; `stable` only */
    double noise;              /* deviation of Gaussian noise on everything it sees; 0: none */
    enum adversary_smoothing smoothing;
    double smoothing_amount;
    double weight;          /* `stable`: the pull's norm relative to the reconstruction gradient's;
                               `paper`: the factor of the cross-entropy term */
    unsigned warmup_epochs; /* it learns without influence */
    unsigned ramp_epochs;   /* its influence grows to the full */
};
struct adversary_options adversary_defaults(enum adversary_kind kind);

struct adversary_size {
    size_t width;
    size_t max_rows;     /* of a batch of one kind */
    size_t max_measured; /* rows of one kind between two adversary_measure_end */
};

struct adversary;

/* Errors: -EINVAL (an option is out of range, see diag), -ENOMEM. kind is not ADVERSARY_NONE. */
int adversary_new(struct adversary_size size, const struct adversary_options *options,
                  uint64_t seed, struct adversary **ret_adversary, struct diag *diag);
void adversary_free(struct adversary *adversary);
struct network *adversary_network(struct adversary *adversary);

/* One step of the discriminator. Returns its loss, penalties left out. */
double adversary_step(struct adversary *adversary, size_t rows, const real *genuine,
                      const real *reconstructed);

/* Adds its pull on the reconstructed rows of the last step to their gradient [rows][width], which
 * holds that of the reconstruction loss. 0 <= influence <= 1. The discriminator only answers: its
 * parameters and gradients stay. */
void adversary_pull(struct adversary *adversary, double influence, real *gradient);

/* The influence that the options give a moment of training, in epochs from its start. */
double adversary_influence(const struct adversary_options *options, double epochs);

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
