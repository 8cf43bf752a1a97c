/*
 * LAPACK's divide and conquer, which OpenBLAS brings along without a C header. Fortran counts by
 * columns: the upper triangle of a row-major matrix is its lower one, and the vectors that it puts
 * into columns are our rows.
 */
#include "nn/eigen.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define N_MAX 8192 /* the work space, 2 n^2, has to fit an int */

/* The last two are the lengths of the texts, as Fortran compilers pass them. */
extern void dsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *lda,
                    double *w, double *work, const int *work_size, int *iwork,
                    const int *iwork_size, int *info, size_t job_length, size_t triangle_length);

static int decompose(int n, double *matrix, double *values)
{
    int work_size = -1, iwork_size = -1, info = 0, integers;
    double wanted;
    dsyevd_("V", "L", &n, matrix, &n, values, &wanted, &work_size, &integers, &iwork_size, &info, 1,
            1);
    if (info != 0)
        return -EINVAL;
    work_size = (int)wanted;
    iwork_size = integers;
    double *work = malloc((size_t)work_size * sizeof *work);
    int *iwork = malloc((size_t)iwork_size * sizeof *iwork);
    int r = work && iwork ? 0 : -ENOMEM;
    if (r == 0)
        dsyevd_("V", "L", &n, matrix, &n, values, work, &work_size, iwork, &iwork_size, &info, 1,
                1);
    free(work);
    free(iwork);
    return r < 0 ? r : info == 0 ? 0 : -EDOM;
}

static void swap(double *a, double *b)
{
    double kept = *a;
    *a = *b;
    *b = kept;
}

static void fix_sign(size_t n, double *vector)
{
    size_t largest = 0;
    for (size_t i = 1; i < n; i++) {
        if (fabs(vector[i]) > fabs(vector[largest]))
            largest = i;
    }
    double sign = vector[largest] < 0 ? -1 : 1;
    for (size_t i = 0; i < n; i++)
        vector[i] *= sign;
}

int eigen_symmetric(size_t n, double *matrix, double *ret_values)
{
    if (n == 0 || n > N_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = i; j < n; j++) {
            if (!isfinite(matrix[i * n + j]))
                return -EINVAL;
        }
    }
    int r = decompose((int)n, matrix, ret_values);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n / 2; i++) {
        swap(&ret_values[i], &ret_values[n - 1 - i]);
        for (size_t j = 0; j < n; j++)
            swap(&matrix[i * n + j], &matrix[(n - 1 - i) * n + j]);
    }
    for (size_t i = 0; i < n; i++)
        fix_sign(n, matrix + i * n);
    return 0;
}
