/*
 * adversary_options: what a discriminator is made of and how it learns, as settings with names.
 *
 * The two kinds are presets: every setting can be changed apart from the others, so that each
 * reading of the paper, and each remedy it suggests, is a combination of settings.
 */
#ifndef ARMWATCH_LAB_ADVERSARY_OPTIONS_H
#define ARMWATCH_LAB_ADVERSARY_OPTIONS_H

#include "base/diag.h"
#include "nn/schedule.h"
#include "nn/spec.h"

#include <stdbool.h>
#include <stddef.h>

#define ADVERSARY_HIDDEN_MAX 8
#define ADVERSARY_LAYERS_MAX (4 * ADVERSARY_HIDDEN_MAX + 1)
#define ADVERSARY_HIDDEN_TEXT 80 /* bytes of the longest list of widths */

enum adversary_kind { ADVERSARY_NONE, ADVERSARY_PAPER, ADVERSARY_STABLE, ADVERSARY_KINDS };

/* Where label smoothing acts; s is its amount. The paper does not say which it used. */
enum adversary_smoothing {
    ADVERSARY_SMOOTHING_NONE,
    ADVERSARY_SMOOTHING_ONE_SIDED, /* labels 1 - s and 0 */
    ADVERSARY_SMOOTHING_TWO_SIDED, /* labels 1 - s and s */
    ADVERSARY_SMOOTHING_IN_LOSS,   /* labels 1 and 0 that the loss turns into 1 - s/2 and s/2 */
    ADVERSARY_SMOOTHINGS,
};

/* Behind the leaky ReLU of every hidden layer. */
enum adversary_norm {
    ADVERSARY_NORM_NONE,
    ADVERSARY_NORM_LAYER,
    ADVERSARY_NORM_BATCH, /* real and reconstructed rows are normalised apart */
    ADVERSARY_NORMS,
};

struct adversary_options {
    enum adversary_kind kind;
    size_t hidden[ADVERSARY_HIDDEN_MAX]; /* widths, leaky ReLU 0.2 behind each */
    size_t hidden_count;
    enum adversary_norm norm;
    bool dropout; /* 0.4 behind the second hidden layer, 0.3 behind the later ones */
    /* Its Adam. */
    double rate, beta1, beta2;
    enum schedule_kind schedule;
    /* Balance: steps > 1 learns several times from each batch, every > 1 from each n-th only. Above
     * accuracy_limit (its balanced accuracy on the batch) a step is left out; 0: no limit. */
    unsigned steps, every;
    double accuracy_limit;
    bool frozen;  /* never learns: the reading that it was compiled while frozen */
    double gamma; /* of the gradient penalties; above 0 only without norm, where they are exact */
    double noise; /* deviation of Gaussian noise on everything it sees; 0: none */
    enum adversary_smoothing smoothing;
    double smoothing_amount;
    double weight;          /* `stable`: the pull's norm relative to the reconstruction gradient's;
                               `paper`: the factor of the cross-entropy term */
    unsigned warmup_epochs; /* it learns without influence */
    unsigned ramp_epochs;   /* its influence grows to the full */
};
struct adversary_options adversary_defaults(enum adversary_kind kind);

/* Errors: -EINVAL, diag says which setting and what is allowed. */
int adversary_options_check(const struct adversary_options *options, struct diag *diag);

/* The discriminator, [ADVERSARY_LAYERS_MAX]; returns how many layers it has. */
size_t adversary_layers(const struct adversary_options *options, struct nn_layer_spec *ret_layers);

/* The influence that the options give a moment of training, in epochs from its start. */
double adversary_influence(const struct adversary_options *options, double epochs);

/* ---- as text */

const char *adversary_kind_name(enum adversary_kind kind); /* "none", "paper", "stable" */
bool adversary_kind_from_name(const char *name, enum adversary_kind *ret_kind);

/* "none", "one-sided", "two-sided", "in-loss" */
const char *adversary_smoothing_name(enum adversary_smoothing smoothing);
bool adversary_smoothing_from_name(const char *name, enum adversary_smoothing *ret_smoothing);

const char *adversary_norm_name(enum adversary_norm norm); /* "none", "layer", "batch" */
bool adversary_norm_from_name(const char *name, enum adversary_norm *ret_norm);

/* "256,128,64". The parser changes the widths only. Errors: -EINVAL. */
int adversary_hidden_parse(const char *text, struct adversary_options *options, struct diag *diag);
void adversary_hidden_format(const struct adversary_options *options,
                             char ret_text[ADVERSARY_HIDDEN_TEXT]);

/* "2": two steps a batch; "1/4": one step every fourth batch. Errors: -EINVAL. */
int adversary_balance_parse(const char *text, struct adversary_options *options, struct diag *diag);

#endif
