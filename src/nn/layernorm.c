#include "nn/layernorm.h"

#include "nn/vector.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int layernorm_init(struct layernorm *norm, size_t max_rows)
{
    norm->normalised = vector_new(max_rows * norm->features);
    norm->inverse_deviation = vector_new(max_rows);
    if (!norm->normalised || !norm->inverse_deviation) {
        layernorm_deinit(norm);
        return -ENOMEM;
    }
    return 0;
}

void layernorm_deinit(struct layernorm *norm)
{
    free(norm->normalised);
    free(norm->inverse_deviation);
    norm->normalised = norm->inverse_deviation = NULL;
}

NN_VECTORISED static void shift(size_t count, const real *restrict x, real amount,
                                real *restrict ret_y)
{
    for (size_t i = 0; i < count; i++)
        ret_y[i] = x[i] + amount;
}

NN_VECTORISED static void scale_and_shift(const struct layernorm *norm, real inverse,
                                          real *restrict normalised, real *restrict ret_y)
{
    const real *restrict weight = norm->weight, *restrict bias = norm->bias;
    for (size_t c = 0; c < norm->features; c++) {
        normalised[c] *= inverse;
        ret_y[c] = weight[c] * normalised[c] + bias[c];
    }
}

void layernorm_forward(struct layernorm *norm, size_t rows, const real *x, real *ret_y)
{
    size_t columns = norm->features;
    for (size_t r = 0; r < rows; r++) {
        real *normalised = norm->normalised + r * columns;
        double mean = vector_sum(columns, x + r * columns) / (double)columns;
        shift(columns, x + r * columns, (real)-mean, normalised);
        double variance = vector_sum_squares(columns, normalised) / (double)columns;
        norm->inverse_deviation[r] = (real)(1 / sqrt(variance + norm->epsilon));
        scale_and_shift(norm, norm->inverse_deviation[r], normalised, ret_y + r * columns);
    }
}

NN_VECTORISED static void add_parameter_gradients(const struct layernorm *norm,
                                                  const real *restrict normalised,
                                                  const real *restrict dy)
{
    real *restrict weight_gradient = norm->weight_gradient;
    real *restrict bias_gradient = norm->bias_gradient;
    for (size_t c = 0; c < norm->features; c++) {
        weight_gradient[c] += dy[c] * normalised[c];
        bias_gradient[c] += dy[c];
    }
}

NN_VECTORISED static void multiply(size_t count, const real *restrict x, const real *restrict y,
                                   real *restrict ret_product)
{
    for (size_t i = 0; i < count; i++)
        ret_product[i] = x[i] * y[i];
}

/* dx = inverse (g - mean(g) - normalised mean(g normalised)) with g = weight dy, already in dx */
NN_VECTORISED static void centre(size_t count, real inverse, real mean, real mean_product,
                                 const real *restrict normalised, real *restrict dx)
{
    for (size_t i = 0; i < count; i++)
        dx[i] = inverse * (dx[i] - mean - normalised[i] * mean_product);
}

void layernorm_backward(struct layernorm *norm, size_t rows, const real *dy, bool parameters,
                        real *ret_dx)
{
    size_t columns = norm->features;
    for (size_t r = 0; r < rows; r++) {
        const real *normalised = norm->normalised + r * columns;
        const real *row = dy + r * columns;
        if (parameters)
            add_parameter_gradients(norm, normalised, row);
        if (!ret_dx)
            continue;
        real *dx = ret_dx + r * columns;
        multiply(columns, norm->weight, row, dx);
        double mean = vector_sum(columns, dx) / (double)columns;
        double mean_product = vector_dot(columns, dx, normalised) / (double)columns;
        centre(columns, norm->inverse_deviation[r], (real)mean, (real)mean_product, normalised, dx);
    }
}
