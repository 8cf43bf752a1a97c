/*
 * pca_fit: principal components of rows, the fewest that explain a share of their variance.
 *
 * Thread: as nn/blas.h. Source: scikit-learn's PCA(n_components=share): the covariance of n rows is
 * divided by n - 1.
 */
#ifndef ARMWATCH_LAB_PCA_FIT_H
#define ARMWATCH_LAB_PCA_FIT_H

#include "base/diag.h"

#include <stddef.h>

struct pca_rows {
    size_t rows;
    size_t channels;
    const float *values;        /* [rows][channels], scaled */
    const unsigned char *valid; /* [rows] 0 = leave out; NULL: all are valid */
};

struct pca_fit {
    size_t channels;
    size_t components; /* kept, 1..channels */
    double *mean;      /* [channels] */
    double *component; /* [components][channels], orthonormal, the most important first */
    double *variance;  /* [components] along each */
    double explained;  /* share of the whole variance that the kept ones have */
};

/* Keeps the fewest components whose share of the variance is above share (0..1). Memory:
 * pca_fit_deinit, after an error too. Errors: -EINVAL fewer than two valid rows, a value that is
 * not finite, or no variance at all; -ENOMEM; -EDOM. */
int pca_fit(const struct pca_rows *rows, double share, struct pca_fit *ret_fit, struct diag *diag);
void pca_fit_deinit(struct pca_fit *fit);

#endif
