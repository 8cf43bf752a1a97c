#include "nn/dense.h"

#include "nn/blas.h"
#include "nn/vector.h"

void dense_forward(const struct dense *dense, size_t rows, const real *x, real *ret_y)
{
    blas_multiply_transposed_b((struct blas_size){rows, dense->outputs, dense->inputs}, x,
                               dense->weight, false, ret_y);
    vector_add_row(rows, dense->outputs, dense->bias, ret_y);
}

void dense_backward_parameters(const struct dense *dense, size_t rows, const real *x,
                               const real *dy)
{
    blas_multiply_transposed_a((struct blas_size){dense->outputs, dense->inputs, rows}, dy, x, true,
                               dense->weight_gradient);
    vector_add_column_sums(rows, dense->outputs, dy, dense->bias_gradient);
}

void dense_backward_input(const struct dense *dense, size_t rows, const real *dy, real *ret_dx)
{
    blas_multiply((struct blas_size){rows, dense->inputs, dense->outputs}, dy, dense->weight, false,
                  ret_dx);
}
