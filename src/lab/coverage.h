/*
 * coverage: a few rows of a matrix that leave no other row far from all of them.
 *
 * The first row, and then each time the one that is farthest from those chosen so far. Where even
 * thinning takes mostly what is common, this keeps what is rare. Thread: the one that owns BLAS.
 * Source: greedy k-centre (Gonzalez 1985), as PatchCore uses it (Roth et al. 2022).
 */
#ifndef ARMWATCH_LAB_COVERAGE_H
#define ARMWATCH_LAB_COVERAGE_H

#include <stddef.h>

/* Shape: rows [count][width]; ret_places [most], rising. Fewer than `most` are chosen where they
 * are equal to all that is left: *ret_chosen. Errors: -ENOMEM. */
int coverage_choose(const float *rows, size_t count, size_t width, size_t most, size_t *ret_places,
                    size_t *ret_chosen);

#endif
