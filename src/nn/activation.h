/*
 * activation: ReLU, leaky ReLU and sigmoid.
 *
 * The backward passes need only the output, so x and y may be one array, and dy and dx another.
 * At 0 the rectifiers have the slope of the negative side, as PyTorch's.
 */
#ifndef ARMWATCH_NN_ACTIVATION_H
#define ARMWATCH_NN_ACTIVATION_H

#include "nn/real.h"

#include <stddef.h>

/* slope >= 0 below 0; 0 is ReLU. NaN stays NaN. */
void activation_rectify(size_t count, real slope, const real *x, real *ret_y);
/* dx = y > 0 ? dy : slope dy */
void activation_rectify_backward(size_t count, real slope, const real *y, const real *dy,
                                 real *ret_dx);

void activation_sigmoid(size_t count, const real *x, real *ret_y);
void activation_sigmoid_backward(size_t count, const real *y, const real *dy, real *ret_dx);

#endif
