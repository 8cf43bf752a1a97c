/*
 * adam: the Adam optimiser over one parameter block.
 *
 * Source: Kingma and Ba 2015, with PyTorch's placing of epsilon (outside the bias correction).
 * Memory: adam_init allocates two vectors as long as the block.
 */
#ifndef ARMWATCH_NN_ADAM_H
#define ARMWATCH_NN_ADAM_H

#include "nn/real.h"

#include <stddef.h>
#include <stdint.h>

struct adam {
    size_t count;
    double beta1, beta2, epsilon;
    uint64_t step; /* steps made */
    real *mean;    /* of the gradients */
    real *square;  /* of their squares */
};

/* epsilon is 1e-8. Errors: -ENOMEM. */
int adam_init(struct adam *adam, size_t count, double beta1, double beta2);
void adam_deinit(struct adam *adam);
void adam_step(struct adam *adam, double rate, const real *gradient, real *parameters);

#endif
