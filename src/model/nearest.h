/*
 * nearest: the rows of a matrix that lie nearest to given ones, by Euclidean distance.
 *
 * Exact, by matrix products. Thread: one at a time, the one that owns BLAS; nearest_find allocates
 * nothing.
 */
#ifndef ARMWATCH_MODEL_NEAREST_H
#define ARMWATCH_MODEL_NEAREST_H

#include <stddef.h>

#define NEAREST_BATCH_MAX 64
#define NEAREST_NEIGHBOURS_MAX 64

struct neighbour {
    double distance; /* squared; INFINITY: it overflowed, and row is of no meaning */
    size_t row;
};

struct nearest_list;

struct nearest {
    size_t rows, width, neighbours;
    const float *row;   /* [rows][width], borrowed */
    float *half_square; /* [rows] */
    float *product;     /* scratch */
    struct nearest_list *list;
};

/* neighbours: 1 to NEAREST_NEIGHBOURS_MAX, at most rows. Memory: nearest_deinit, also after a
 * failure and on zeros. Errors: -ENOMEM. */
int nearest_init(struct nearest *nearest, const float *row, size_t rows, size_t width,
                 size_t neighbours);
void nearest_deinit(struct nearest *nearest);

/* count <= NEAREST_BATCH_MAX queries [count][width]. ret_neighbours [count][neighbours], nearest
 * first. */
void nearest_find(struct nearest *nearest, const float *queries, size_t count,
                  struct neighbour *ret_neighbours);

/* ret_mean [width]: of the neighbours of one query. */
void nearest_mean(const struct nearest *nearest, const struct neighbour *neighbours,
                  float *ret_mean);

#endif
