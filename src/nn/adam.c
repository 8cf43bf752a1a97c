#include "nn/adam.h"

#include "nn/vector.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

int adam_init(struct adam *adam, size_t count, double beta1, double beta2)
{
    *adam = (struct adam){
        .count = count,
        .beta1 = beta1,
        .beta2 = beta2,
        .epsilon = 1e-8,
        .mean = vector_new(count),
        .square = vector_new(count),
    };
    if (!adam->mean || !adam->square) {
        adam_deinit(adam);
        return -ENOMEM;
    }
    return 0;
}

void adam_deinit(struct adam *adam)
{
    free(adam->mean);
    free(adam->square);
    adam->mean = adam->square = NULL;
}

#ifdef ARMWATCH_NN_DOUBLE
#define SQRT sqrt
#else
#define SQRT sqrtf
#endif

NN_VECTORISED static void update(const struct adam *adam, real rate, real scale,
                                 const real *restrict gradient, real *restrict parameters)
{
    real beta1 = (real)adam->beta1, beta2 = (real)adam->beta2, epsilon = (real)adam->epsilon;
    real fresh1 = (real)(1 - adam->beta1), fresh2 = (real)(1 - adam->beta2);
    real *restrict mean = adam->mean, *restrict square = adam->square;
    for (size_t i = 0; i < adam->count; i++) {
        mean[i] = beta1 * mean[i] + fresh1 * gradient[i];
        square[i] = beta2 * square[i] + fresh2 * gradient[i] * gradient[i];
        parameters[i] -= rate * mean[i] / (SQRT(square[i]) * scale + epsilon);
    }
}

void adam_step(struct adam *adam, double rate, const real *gradient, real *parameters)
{
    adam->step++;
    double correction1 = 1 - pow(adam->beta1, (double)adam->step);
    double correction2 = 1 - pow(adam->beta2, (double)adam->step);
    update(adam, (real)(rate / correction1), (real)(1 / sqrt(correction2)), gradient, parameters);
}
