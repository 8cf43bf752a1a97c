/*
 * blas: matrix products on one thread. The only home of cblas.h.
 *
 * Shape: row-major, contiguous. Every product is c = op(a) op(b) + (accumulate ? c : 0) with op(a)
 * of m x k and op(b) of k x n.
 * Thread: one thread in the whole process may be inside: OpenBLAS's serial flavour is not
 * thread-safe (two threads get wrong products).
 */
#ifndef ARMWATCH_NN_BLAS_H
#define ARMWATCH_NN_BLAS_H

#include "nn/real.h"

#include <stdbool.h>
#include <stddef.h>

/* Sets one thread and makes one product of each kind, so that the first real one meets warm buffers
 * and pages. Once, before any other function of nn. */
void blas_init(void);
const char *blas_core_name(void); /* the kernels OpenBLAS chose, such as "Haswell" */
int blas_threads(void);

struct blas_size {
    size_t m, n, k;
};

/* c[m][n] = a[m][k] b[k][n] */
void blas_multiply(struct blas_size size, const real *a, const real *b, bool accumulate,
                   real *ret_c);
/* c[m][n] = a[m][k] b[n][k]^T */
void blas_multiply_transposed_b(struct blas_size size, const real *a, const real *b,
                                bool accumulate, real *ret_c);
/* c[m][n] = a[k][m]^T b[k][n] */
void blas_multiply_transposed_a(struct blas_size size, const real *a, const real *b,
                                bool accumulate, real *ret_c);

/* y[columns] = x[rows] a[rows][columns] */
void blas_vector_matrix(size_t rows, size_t columns, const real *x, const real *a, real *ret_y);

#endif
