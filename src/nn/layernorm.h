/*
 * layernorm: normalises each row over its features, then scales and shifts it.
 *
 * Shape: x, y [rows][features]. Parameter gradients are added to what is there. Memory:
 * layernorm_init allocates the scratch and borrows the rest. Source: Ba, Kiros and Hinton 2016,
 * conventions of PyTorch's LayerNorm.
 */
#ifndef ARMWATCH_NN_LAYERNORM_H
#define ARMWATCH_NN_LAYERNORM_H

#include "nn/real.h"

#include <stdbool.h>
#include <stddef.h>

struct layernorm {
    size_t features;
    double epsilon;
    real *weight, *bias; /* [features] */
    real *weight_gradient, *bias_gradient;
    /* kept from forward for backward */
    real *normalised;        /* [max_rows][features] */
    real *inverse_deviation; /* [max_rows] */
};

/* The borrowed members are set by the caller. Errors: -ENOMEM. */
int layernorm_init(struct layernorm *norm, size_t max_rows);
void layernorm_deinit(struct layernorm *norm);

void layernorm_forward(struct layernorm *norm, size_t rows, const real *x, real *ret_y);
/* ret_dx may be NULL; it may not be dy. */
void layernorm_backward(struct layernorm *norm, size_t rows, const real *dy, bool parameters,
                        real *ret_dx);

#endif
