/*
 * nearest: the rows of a matrix that lie nearest to given ones, by Euclidean distance.
 *
 * Exact. A few directions in which the rows differ most tell which rows can be near at all: with
 * 10,000 rows of 200 values and 16 directions, all but some ten. Thread: nearest_init any,
 * nearest_find one at a time, the one that owns BLAS; it allocates nothing.
 */
#ifndef ARMWATCH_MODEL_NEAREST_H
#define ARMWATCH_MODEL_NEAREST_H

#include "base/diag.h"

#include <stddef.h>

#define NEAREST_NEIGHBOURS_MAX 64
#define NEAREST_DIRECTIONS_MAX 32

struct neighbour {
    double distance; /* squared; INFINITY: it overflowed, and row is of no meaning */
    size_t row;
};

/* All borrowed. */
struct nearest_rows {
    const float *row; /* [rows][width] */
    size_t rows, width;
    const float *direction; /* [directions][width] of length 1 and at right angles to each other */
    size_t directions;      /* 1 to NEAREST_DIRECTIONS_MAX and to width */
};

struct nearest {
    struct nearest_rows among;
    size_t neighbours;
    float *projected; /* [directions + 1][rows]; the last: half of their squares */
    float slack;      /* what rounding may add to half of a distance of projections */
    float *query;     /* scratch */
    float *product;
};

/* neighbours: 1 to NEAREST_NEIGHBOURS_MAX, at most rows. Memory: nearest_deinit, also after a
 * failure and on zeros. Errors: -EINVAL the directions are not what they must be; -ENOMEM. */
int nearest_init(struct nearest *nearest, const struct nearest_rows *among, size_t neighbours,
                 struct diag *diag);
void nearest_deinit(struct nearest *nearest);

/* Shape: queries [count][width]; ret_neighbours [count][neighbours], nearest first. */
void nearest_find(struct nearest *nearest, const float *queries, size_t count,
                  struct neighbour *ret_neighbours);

/* ret_mean [width]: of the neighbours of one query. */
void nearest_mean(const struct nearest *nearest, const struct neighbour *neighbours,
                  float *ret_mean);

#endif
