/*
 * Every loop runs along a row, so that it vectorises over the features; the sums over the batch are
 * vectors. The variance is taken from centred values: E[x^2] - E[x]^2 loses all digits in float
 * when the mean is large beside the deviation.
 */
#include "nn/batchnorm.h"

#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define MOMENTUM 0.1

int batchnorm_init(struct batchnorm *norm, size_t max_rows)
{
    norm->normalised = vector_new(max_rows * norm->features);
    norm->inverse_deviation = vector_new(norm->features);
    norm->sums = vector_new(2 * norm->features);
    if (!norm->normalised || !norm->inverse_deviation || !norm->sums) {
        batchnorm_deinit(norm);
        return -ENOMEM;
    }
    return 0;
}

void batchnorm_deinit(struct batchnorm *norm)
{
    free(norm->normalised);
    free(norm->inverse_deviation);
    free(norm->sums);
    norm->normalised = norm->inverse_deviation = norm->sums = NULL;
}

NN_VECTORISED static void subtract_row(size_t rows, size_t columns, const real *x,
                                       const real *restrict row, real *restrict ret_y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            ret_y[r * columns + c] = x[r * columns + c] - row[c];
}

NN_VECTORISED static void add_squared_column_sums(size_t rows, size_t columns,
                                                  const real *restrict x, real *restrict ret_row)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            ret_row[c] += x[r * columns + c] * x[r * columns + c];
}

/* normalised *= row; y = weight normalised + bias */
NN_VECTORISED static void scale_and_shift(const struct batchnorm *norm, size_t rows,
                                          real *restrict ret_y)
{
    size_t columns = norm->features;
    const real *restrict inverse = norm->inverse_deviation;
    const real *restrict weight = norm->weight, *restrict bias = norm->bias;
    real *restrict normalised = norm->normalised;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            real value = normalised[r * columns + c] * inverse[c];
            normalised[r * columns + c] = value;
            ret_y[r * columns + c] = weight[c] * value + bias[c];
        }
}

static void follow(real *running, double value)
{
    *running = (real)((1 - MOMENTUM) * (double)*running + MOMENTUM * value);
}

/* Leaves x - mean in normalised. */
static void batch_statistics(struct batchnorm *norm, size_t rows, const real *x)
{
    real *mean = norm->sums, *square = norm->sums + norm->features;
    vector_fill(2 * norm->features, 0, norm->sums);
    vector_add_column_sums(rows, norm->features, x, mean);
    vector_scale(norm->features, (real)1 / (real)rows, mean);
    subtract_row(rows, norm->features, x, mean, norm->normalised);
    add_squared_column_sums(rows, norm->features, norm->normalised, square);
    for (size_t c = 0; c < norm->features; c++) {
        double sum = (double)square[c];
        norm->inverse_deviation[c] = (real)(1 / sqrt(sum / (double)rows + norm->epsilon));
        follow(&norm->running_mean[c], (double)mean[c]);
        follow(&norm->running_var[c], sum / (double)(rows - 1));
    }
}

void batchnorm_forward(struct batchnorm *norm, size_t rows, const real *x, bool training,
                       real *ret_y)
{
    norm->trained = training;
    if (training) {
        assert(rows >= 2);
        batch_statistics(norm, rows, x);
    } else {
        for (size_t c = 0; c < norm->features; c++)
            norm->inverse_deviation[c] =
                (real)(1 / sqrt((double)norm->running_var[c] + norm->epsilon));
        subtract_row(rows, norm->features, x, norm->running_mean, norm->normalised);
    }
    scale_and_shift(norm, rows, ret_y);
}

NN_VECTORISED static void add_products(size_t rows, size_t columns, const real *restrict x,
                                       const real *restrict y, real *restrict ret_row)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            ret_row[c] += x[r * columns + c] * y[r * columns + c];
}

/* dx = weight inverse (dy - mean(dy) - normalised mean(dy normalised)); the means are constants in
 * evaluation, and arrive here as 0 then. */
NN_VECTORISED static void input_gradient(const struct batchnorm *norm, size_t rows, const real *dy,
                                         real *ret_dx)
{
    size_t columns = norm->features;
    const real *mean = norm->sums, *mean_product = norm->sums + columns;
    const real *weight = norm->weight, *inverse = norm->inverse_deviation;
    const real *normalised = norm->normalised;
    for (size_t r = 0; r < rows; r++) {
        NN_ELEMENTWISE
        for (size_t c = 0; c < columns; c++) {
            size_t i = r * columns + c;
            ret_dx[i] =
                weight[c] * inverse[c] * (dy[i] - mean[c] - normalised[i] * mean_product[c]);
        }
    }
}

void batchnorm_backward(struct batchnorm *norm, size_t rows, const real *dy, bool parameters,
                        real *ret_dx)
{
    size_t columns = norm->features;
    real *sum = norm->sums, *product_sum = norm->sums + columns;
    vector_fill(2 * columns, 0, norm->sums);
    if (parameters || norm->trained) {
        vector_add_column_sums(rows, columns, dy, sum);
        add_products(rows, columns, dy, norm->normalised, product_sum);
    }
    if (parameters) {
        vector_add_scaled(columns, 1, sum, norm->bias_gradient);
        vector_add_scaled(columns, 1, product_sum, norm->weight_gradient);
    }
    if (ret_dx) {
        vector_scale(2 * columns, norm->trained ? (real)1 / (real)rows : 0, norm->sums);
        input_gradient(norm, rows, dy, ret_dx);
    }
}
