/*
 * batchnorm: normalises each feature over the batch, then scales and shifts it.
 *
 * In training the statistics are the batch's (biased variance), and the running ones follow with
 * momentum 0.1 (unbiased variance); in evaluation the running ones are used. Shape: x, y
 * [rows][features]; rows >= 2 in training. Parameter gradients are added to what is there.
 * Memory: batchnorm_init allocates the scratch and borrows the rest. Source: Ioffe and Szegedy
 * 2015, conventions of PyTorch's BatchNorm1d.
 */
#ifndef ARMWATCH_NN_BATCHNORM_H
#define ARMWATCH_NN_BATCHNORM_H

#include "nn/real.h"

#include <stdbool.h>
#include <stddef.h>

struct batchnorm {
    size_t features;
    double epsilon;
    real *weight, *bias; /* all vectors are [features] */
    real *weight_gradient, *bias_gradient;
    real *running_mean, *running_var;
    /* kept from forward for backward */
    bool trained;            /* the last forward used the batch's statistics */
    real *normalised;        /* [max_rows][features] */
    real *inverse_deviation; /* 1 / sqrt(variance + epsilon) */
    real *sums;              /* [2][features], scratch */
};

/* The borrowed members are set by the caller. Errors: -ENOMEM. */
int batchnorm_init(struct batchnorm *norm, size_t max_rows);
void batchnorm_deinit(struct batchnorm *norm);

void batchnorm_forward(struct batchnorm *norm, size_t rows, const real *x, bool training,
                       real *ret_y);
/* ret_dx may be NULL, and may be dy. */
void batchnorm_backward(struct batchnorm *norm, size_t rows, const real *dy, bool parameters,
                        real *ret_dx);

#endif
