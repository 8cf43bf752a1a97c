/*
 * dropout: in training, zeroes each value with a probability and scales the rest to keep the mean.
 *
 * Memory: dropout_init allocates the mask. Random numbers are its own, so that its draws depend on
 * its seed and the calls alone. Source: Srivastava et al. 2014, in the inverted form.
 */
#ifndef ARMWATCH_NN_DROPOUT_H
#define ARMWATCH_NN_DROPOUT_H

#include "base/rng.h"
#include "nn/real.h"

#include <stdbool.h>
#include <stddef.h>

struct dropout {
    double probability; /* of a zero, 0 <= p < 1 */
    struct rng rng;
    bool trained; /* the last forward dropped */
    real *mask;   /* [max_count], 0 or 1 / (1 - p) */
};

/* probability is set by the caller. Errors: -ENOMEM. */
int dropout_init(struct dropout *dropout, size_t max_count);
void dropout_deinit(struct dropout *dropout);
void dropout_seed(struct dropout *dropout, uint64_t seed);

/* ret_y may be x; ret_dx may be dy. */
void dropout_forward(struct dropout *dropout, size_t count, const real *x, bool training,
                     real *ret_y);
void dropout_backward(const struct dropout *dropout, size_t count, const real *dy, real *ret_dx);

#endif
