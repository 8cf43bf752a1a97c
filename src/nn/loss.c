/*
 * Values are added in double in fixed lanes: a sum over a batch of windows has some 100,000 terms,
 * and the lanes are what lets the loop be vectorised.
 */
#include "nn/loss.h"

#include "nn/vector.h"

#include <math.h>

NN_VECTORISED static void differences(size_t count, const real *restrict y,
                                      const real *restrict target, real scale,
                                      real *restrict ret_gradient)
{
    for (size_t i = 0; i < count; i++)
        ret_gradient[i] = scale * (y[i] - target[i]);
}

#define BLOCK 256

double loss_mse(size_t count, const real *y, const real *target, real *ret_gradient)
{
    double sum = 0;
    real block[BLOCK];
    for (size_t i = 0; i < count; i += BLOCK) {
        size_t size = count - i < BLOCK ? count - i : BLOCK;
        differences(size, y + i, target + i, 1, block);
        sum += vector_sum_squares(size, block);
    }
    if (ret_gradient)
        differences(count, y, target, (real)(2 / (double)count), ret_gradient);
    return sum / (double)count;
}

/* With m = min(|d|, beta) both branches are m (|d| - m / 2) / beta. */
NN_VECTORISED static void smooth_l1_values(size_t count, const real *restrict y,
                                           const real *restrict target, real beta,
                                           real *restrict ret_value)
{
    for (size_t i = 0; i < count; i++) {
        real d = y[i] - target[i];
        real size = d < 0 ? -d : d;
        real low = size > beta ? beta : size;
        ret_value[i] = low * (size - low / 2);
    }
}

NN_VECTORISED static void smooth_l1_gradients(size_t count, const real *restrict y,
                                              const real *restrict target, real beta, real scale,
                                              real *restrict ret_gradient)
{
    for (size_t i = 0; i < count; i++) {
        real d = y[i] - target[i];
        d = d > beta ? beta : d;
        d = d < -beta ? -beta : d;
        ret_gradient[i] = scale * d;
    }
}

double loss_smooth_l1(size_t count, const real *y, const real *target, double beta,
                      real *ret_gradient)
{
    double sum = 0;
    real block[BLOCK];
    for (size_t i = 0; i < count; i += BLOCK) {
        size_t size = count - i < BLOCK ? count - i : BLOCK;
        smooth_l1_values(size, y + i, target + i, (real)beta, block);
        sum += vector_sum(size, block);
    }
    if (ret_gradient)
        smooth_l1_gradients(count, y, target, (real)beta, (real)(1 / (beta * (double)count)),
                            ret_gradient);
    return sum / (beta * (double)count);
}

double loss_bce_logits(size_t count, const real *logits, double label, real *ret_gradient)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        double x = (double)logits[i];
        double tail = exp(-fabs(x));
        sum += fmax(x, 0) - x * label + log1p(tail);
        double probability = x >= 0 ? 1 / (1 + tail) : tail / (1 + tail);
        if (ret_gradient)
            ret_gradient[i] = (real)((probability - label) / (double)count);
    }
    return sum / (double)count;
}

double loss_smoothed_label(double label, double smoothing)
{
    return label * (1 - smoothing) + smoothing / 2;
}
