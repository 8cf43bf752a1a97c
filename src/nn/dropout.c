#include "nn/dropout.h"

#include "nn/vector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int dropout_init(struct dropout *dropout, size_t max_count)
{
    dropout->mask = vector_new(max_count);
    dropout_seed(dropout, 0);
    return dropout->mask ? 0 : -ENOMEM;
}

void dropout_deinit(struct dropout *dropout)
{
    free(dropout->mask);
    dropout->mask = NULL;
}

void dropout_seed(struct dropout *dropout, uint64_t seed)
{
    rng_init(&dropout->rng, seed);
}

NN_VECTORISED static void multiply(size_t count, const real *x, const real *mask, real *ret_y)
{
    NN_ELEMENTWISE
    for (size_t i = 0; i < count; i++)
        ret_y[i] = x[i] * mask[i];
}

/* A draw is 32 bits: two from every number of the generator. */
static void draw_mask(struct dropout *dropout, size_t count)
{
    uint64_t limit = (uint64_t)(dropout->probability * 0x1p32);
    real kept = (real)(1 / (1 - dropout->probability));
    for (size_t i = 0; i < count; i += 2) {
        uint64_t bits = rng_next(&dropout->rng);
        dropout->mask[i] = (bits & UINT32_MAX) < limit ? 0 : kept;
        if (i + 1 < count)
            dropout->mask[i + 1] = (bits >> 32) < limit ? 0 : kept;
    }
}

void dropout_forward(struct dropout *dropout, size_t count, const real *x, bool training,
                     real *ret_y)
{
    dropout->trained = training;
    if (training) {
        draw_mask(dropout, count);
        multiply(count, x, dropout->mask, ret_y);
    } else if (ret_y != x) {
        vector_copy(count, x, ret_y);
    }
}

void dropout_backward(const struct dropout *dropout, size_t count, const real *dy, real *ret_dx)
{
    if (dropout->trained)
        multiply(count, dy, dropout->mask, ret_dx);
    else if (ret_dx != dy)
        vector_copy(count, dy, ret_dx);
}
