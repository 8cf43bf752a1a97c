/*
 * beta is 0 where nothing is accumulated, so that BLAS never reads (and never keeps a NaN of) an
 * output that was not written yet.
 */
#include "nn/blas.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>

#ifdef ARMWATCH_NN_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

static blasint dimension(size_t size)
{
    assert(size > 0 && size <= INT_MAX);
    return (blasint)size;
}

void blas_multiply(struct blas_size size, const real *a, const real *b, bool accumulate,
                   real *ret_c)
{
    blasint m = dimension(size.m), n = dimension(size.n), k = dimension(size.k);
    GEMM(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, b, n, accumulate ? 1 : 0,
         ret_c, n);
}

void blas_multiply_transposed_b(struct blas_size size, const real *a, const real *b,
                                bool accumulate, real *ret_c)
{
    blasint m = dimension(size.m), n = dimension(size.n), k = dimension(size.k);
    GEMM(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, k, 1, a, k, b, k, accumulate ? 1 : 0, ret_c,
         n);
}

void blas_multiply_transposed_a(struct blas_size size, const real *a, const real *b,
                                bool accumulate, real *ret_c)
{
    blasint m = dimension(size.m), n = dimension(size.n), k = dimension(size.k);
    GEMM(CblasRowMajor, CblasTrans, CblasNoTrans, m, n, k, 1, a, m, b, n, accumulate ? 1 : 0, ret_c,
         n);
}

void blas_vector_matrix(size_t rows, size_t columns, const real *x, const real *a, real *ret_y)
{
    GEMV(CblasRowMajor, CblasTrans, dimension(rows), dimension(columns), 1, a, dimension(columns),
         x, 1, 0, ret_y, 1);
}

void blas_init(void)
{
    enum { EDGE = 64 };
    static real a[EDGE * EDGE], b[EDGE * EDGE], c[EDGE * EDGE];
    struct blas_size size = {EDGE, EDGE, EDGE};
    openblas_set_num_threads(1);
    blas_multiply(size, a, b, false, c);
    blas_multiply_transposed_b(size, a, b, false, c);
    blas_multiply_transposed_a(size, a, b, false, c);
    blas_vector_matrix(EDGE, EDGE, a, b, c);
}

const char *blas_core_name(void)
{
    return openblas_get_corename();
}

int blas_threads(void)
{
    return openblas_get_num_threads();
}
