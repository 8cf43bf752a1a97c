/*
 * dense: y = x W^T + b, forward and backward.
 *
 * Shape: x [rows][inputs], y [rows][outputs], weight [outputs][inputs] as in PyTorch's Linear.
 * Parameter gradients are added to what is there. Memory: borrows everything, owns nothing.
 */
#ifndef ARMWATCH_NN_DENSE_H
#define ARMWATCH_NN_DENSE_H

#include "nn/real.h"

#include <stddef.h>

struct dense {
    size_t inputs, outputs;
    real *weight;          /* [outputs][inputs] */
    real *bias;            /* [outputs] */
    real *weight_gradient; /* shaped as weight */
    real *bias_gradient;
};

void dense_forward(const struct dense *dense, size_t rows, const real *x, real *ret_y);
void dense_backward_parameters(const struct dense *dense, size_t rows, const real *x,
                               const real *dy);
void dense_backward_input(const struct dense *dense, size_t rows, const real *dy, real *ret_dx);

#endif
