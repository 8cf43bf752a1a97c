/*
 * explanation: an evidence pack scored again, and what each channel read beside what was expected
 * of it.
 *
 * By the model whose content the pack names, windows are made of the pack's own derived values and
 * are exactly those that the daemon scored. By any other model of the same channels, values are
 * derived anew from the pack's samples, of which there are few: what rests on more than they show,
 * such as the time in a step or the load, is not known at first. Thread: the one that owns BLAS.
 */
#ifndef ARMWATCH_LAB_EXPLANATION_H
#define ARMWATCH_LAB_EXPLANATION_H

#include "lab/pack.h"

#include <stdbool.h>
#include <stddef.h>

#define EXPLANATION_TOLERANCE 1e-5 /* of the score or the threshold, whichever is larger */
#define EXPLANATION_CHANNELS_MAX 6

struct explanation_channel {
    size_t channel; /* of a row of the model */
    bool rotation;  /* the first of four: how far it is turned, in deg */
    double share;   /* of the score, over the windows that are over the limit */
    size_t row;     /* of these, where it is furthest off, in usual residuals */
    /* [rows]; NAN: not known */
    double *observed, *expected;
    double *usual; /* residual */
};

struct explanation {
    bool same;        /* by the very model */
    size_t scores;    /* that the daemon gave */
    size_t unchecked; /* of these: of windows that begin before the pack */
    size_t equal;     /* of the others */
    double largest_difference;
    size_t detectors;
    double threshold[MODEL_DETECTORS_MAX];
    double *score;   /* [rows][detectors] as they are now; NAN: not evaluated */
    size_t detector; /* that speaks for the channels; detectors: none has judged a window */
    size_t row;      /* its highest window */
    size_t channels;
    struct explanation_channel channel[EXPLANATION_CHANNELS_MAX]; /* largest share first */
};

/* Memory: explanation_free, which accepts NULL. Errors: -EINVAL the model has other channels, in
 * diag; -ENOMEM. */
int explanation_make(const struct pack *pack, struct model *model,
                     struct explanation **ret_explanation, struct diag *diag);
void explanation_free(struct explanation *explanation);

#endif
