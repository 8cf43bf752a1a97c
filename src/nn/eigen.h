/*
 * eigen: eigenvalues and eigenvectors of a symmetric matrix, in double.
 *
 * Thread: as blas.h, whose library does the work.
 */
#ifndef ARMWATCH_NN_EIGEN_H
#define ARMWATCH_NN_EIGEN_H

#include <stddef.h>

/* Largest eigenvalue first. The vectors are orthonormal; of the two signs each could have, its
 * component of largest magnitude (the first of them) is positive, so that the same matrix gives the
 * same vectors.
 * Shape: matrix is [n][n], of which the upper triangle is read, and is replaced by the vectors, one
 * a row; ret_values is [n].
 * Errors: -EINVAL n is 0 or a value is not finite; -ENOMEM; -EDOM no convergence. */
int eigen_symmetric(size_t n, double *matrix, double *ret_values);

#endif
