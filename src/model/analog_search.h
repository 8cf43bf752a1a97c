/*
 * analog_search: the rows of a program step whose two predecessors are nearest to those of a
 * sample.
 *
 * Distances are squared, and those that are told are summed in one order everywhere: which row is
 * the last to count must not hang on the kernel that BLAS chose, or on the windows beside this one.
 * Memory: init and deinit. Thread: one at a time.
 */
#ifndef ARMWATCH_MODEL_ANALOG_SEARCH_H
#define ARMWATCH_MODEL_ANALOG_SEARCH_H

#include "base/diag.h"

#include <stddef.h>

struct analog_neighbour {
    double distance;
    size_t row;
};

/* Of one step, in floors. base: the squares of the two predecessors of each row; INFINITY: it has
 * not got them. */
struct analog_search_rows {
    const float *row; /* [count][channels] */
    const float *base;
    size_t count;
};

struct analog_search {
    size_t channels, neighbours;
    float *query;                 /* [DETECTOR_BATCH_MAX][2][channels] */
    float *product;               /* [DETECTOR_BATCH_MAX][2][rows of a block] */
    float *sum;                   /* [rows of a block] of one window */
    struct analog_sought *sought; /* [DETECTOR_BATCH_MAX] */
};

/* Errors: -ENOMEM. */
int analog_search_init(struct analog_search *search, size_t channels, size_t neighbours,
                       struct diag *diag);
void analog_search_deinit(struct analog_search *search);

/* To be filled: [2][channels], the predecessors of window i in floors, the newer first. */
float *analog_search_query(struct analog_search *search, size_t i);
/* For the first `count` queries. */
void analog_search_run(struct analog_search *search, const struct analog_search_rows *among,
                       size_t count);
/* [neighbours] of query i, the nearest first; NULL: there are not that many at a finite distance.
 */
const struct analog_neighbour *analog_search_nearest(const struct analog_search *search, size_t i);

/* Of `count` values: of what a base is the sum. */
float analog_square(const float *values, size_t count);

#endif
