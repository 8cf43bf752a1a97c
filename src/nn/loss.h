/*
 * loss: mean losses and their gradients.
 *
 * Every function returns the mean over all values and, where ret_gradient is not NULL, writes the
 * gradient of that mean with respect to the first array.
 */
#ifndef ARMWATCH_NN_LOSS_H
#define ARMWATCH_NN_LOSS_H

#include "nn/real.h"

#include <stddef.h>

double loss_mse(size_t count, const real *y, const real *target, real *ret_gradient);

/* d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; beta > 0. Source: Girshick 2015; PyTorch's
 * SmoothL1Loss. */
double loss_smooth_l1(size_t count, const real *y, const real *target, double beta,
                      real *ret_gradient);

/* Binary cross-entropy on logits against one label in [0, 1] for all of them. Never overflows. */
double loss_bce_logits(size_t count, const real *logits, double label, real *ret_gradient);

/* The label a loss with smoothing sees: label (1 - smoothing) + smoothing / 2, as Keras has it. */
double loss_smoothed_label(double label, double smoothing);

#endif
