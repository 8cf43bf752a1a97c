#include "nn/activation.h"

#include "nn/vector.h"

NN_VECTORISED void activation_rectify(size_t count, real slope, const real *x, real *ret_y)
{
    NN_ELEMENTWISE
    for (size_t i = 0; i < count; i++)
        ret_y[i] = x[i] < 0 ? slope * x[i] : x[i];
}

NN_VECTORISED void activation_rectify_backward(size_t count, real slope, const real *y,
                                               const real *dy, real *ret_dx)
{
    NN_ELEMENTWISE
    for (size_t i = 0; i < count; i++)
        ret_dx[i] = (y[i] > 0 ? 1 : slope) * dy[i];
}

void activation_sigmoid(size_t count, const real *x, real *ret_y)
{
    vector_sigmoid(count, x, ret_y);
}

NN_VECTORISED void activation_sigmoid_backward(size_t count, const real *y, const real *dy,
                                               real *ret_dx)
{
    NN_ELEMENTWISE
    for (size_t i = 0; i < count; i++)
        ret_dx[i] = dy[i] * y[i] * (1 - y[i]);
}
