/*
 * mutual_information: how much a channel says about the label of its row, and the channels that
 * say most.
 *
 * Source: Ross 2014, "Mutual information between discrete and continuous data sets", with the
 * three nearest neighbours, as scikit-learn's mutual_info_classif. Where a sensor's steps make
 * neighbours equal, rows are counted at the same value on both sides (Gao et al. 2017) instead of
 * being told apart by noise, so that the result is the same each time.
 */
#ifndef ARMWATCH_LAB_MUTUAL_INFORMATION_H
#define ARMWATCH_LAB_MUTUAL_INFORMATION_H

#include "base/diag.h"

#include <stddef.h>

struct labelled_rows {
    size_t rows;
    size_t channels;
    const float *values;        /* [rows][channels], finite where valid */
    const int *label;           /* [rows] 0 = normal, else anomalous */
    const unsigned char *valid; /* [rows] 0 = leave out; NULL: all are valid */
};

/* In nats, >= 0; independent of a channel's unit. Shape: ret_information is [channels]. Takes
 * O(rows log rows) a channel. Errors: -EINVAL fewer than five valid rows of a class; -ENOMEM. */
int mutual_information(const struct labelled_rows *rows, double *ret_information,
                       struct diag *diag);

/* The places of the keep largest values, in ascending order of place; of equal values the first
 * wins. keep <= count. Errors: -ENOMEM. */
int mutual_information_best(const double *information, size_t count, size_t keep,
                            size_t *ret_places);

#endif
