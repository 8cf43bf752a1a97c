/*
 * The loops are written so that a compiler vectorises them without -ffast-math: no reduction in one
 * variable, no call into libm, no branch. Sums keep LANES partial sums. e^x in float is 2^n times a
 * polynomial on [-ln2/2, ln2/2]; n is rounded by adding 1.5 * 2^23, whose low bits then are n.
 */
#include "nn/vector.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64
#define LANES 16

real *vector_new(size_t count)
{
    if (count > (SIZE_MAX - ALIGNMENT) / sizeof(real))
        return NULL;
    size_t size = (count * sizeof(real) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    real *vector = aligned_alloc(ALIGNMENT, size ? size : ALIGNMENT);
    if (vector)
        memset(vector, 0, size);
    return vector;
}

NN_VECTORISED void vector_fill(size_t count, real value, real *ret_y)
{
    for (size_t i = 0; i < count; i++)
        ret_y[i] = value;
}

void vector_copy(size_t count, const real *x, real *ret_y)
{
    memcpy(ret_y, x, count * sizeof *x);
}

NN_VECTORISED void vector_add_scaled(size_t count, real scale, const real *restrict x,
                                     real *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] += scale * x[i];
}

NN_VECTORISED void vector_scale(size_t count, real scale, real *y)
{
    for (size_t i = 0; i < count; i++)
        y[i] *= scale;
}

static double lanes_total(const double *lanes)
{
    double total = 0;
    for (size_t j = 0; j < LANES; j++)
        total += lanes[j];
    return total;
}

NN_VECTORISED double vector_sum(size_t count, const real *x)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += (double)x[i + j];
    for (size_t j = 0; i + j < count; j++)
        lanes[j] += (double)x[i + j];
    return lanes_total(lanes);
}

NN_VECTORISED double vector_sum_squares(size_t count, const real *x)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += (double)x[i + j] * (double)x[i + j];
    for (size_t j = 0; i + j < count; j++)
        lanes[j] += (double)x[i + j] * (double)x[i + j];
    return lanes_total(lanes);
}

NN_VECTORISED double vector_dot(size_t count, const real *x, const real *y)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] += (double)x[i + j] * (double)y[i + j];
    for (size_t j = 0; i + j < count; j++)
        lanes[j] += (double)x[i + j] * (double)y[i + j];
    return lanes_total(lanes);
}

double vector_clip_norm(size_t count, double limit, real *y)
{
    double norm = sqrt(vector_sum_squares(count, y));
    if (norm > limit)
        vector_scale(count, (real)(limit / norm), y);
    return norm;
}

#ifdef ARMWATCH_NN_DOUBLE
static inline double exponential(double x)
{
    return exp(x);
}
#else
/* Source: the coefficients of Cephes' expf (Moshier), ln2 split in two for the reduction. */
static inline float exponential(float x)
{
    const float magic = 0x1.8p23f;
    x = x > 88.0f ? 88.0f : x; /* written so that NaN passes */
    x = x < -87.0f ? -87.0f : x;
    float shifted = x * 1.44269504f + magic;
    float n = shifted - magic;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union {
        float f;
        uint32_t u;
    } power = {.f = shifted};
    power.u = (power.u + 127) << 23;
    return p * power.f;
}
#endif

NN_VECTORISED void vector_sigmoid(size_t count, const real *x, real *ret_y)
{
    NN_ELEMENTWISE
    for (size_t i = 0; i < count; i++)
        ret_y[i] = 1 / (1 + exponential(-x[i]));
}

NN_VECTORISED void vector_add_row(size_t rows, size_t columns, const real *restrict row,
                                  real *restrict y)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            y[r * columns + c] += row[c];
}

NN_VECTORISED void vector_add_column_sums(size_t rows, size_t columns, const real *restrict x,
                                          real *restrict ret_row)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            ret_row[c] += x[r * columns + c];
}
