/*
 * schedule: how the rate of an optimiser falls over a training.
 */
#ifndef ARMWATCH_NN_SCHEDULE_H
#define ARMWATCH_NN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

enum schedule_kind {
    SCHEDULE_CONSTANT,
    SCHEDULE_COSINE,      /* to 0, along half a cosine */
    SCHEDULE_STEP,        /* a tenth from the half on, a hundredth from three quarters on */
    SCHEDULE_EXPONENTIAL, /* to a hundredth, by the same factor in every step */
    SCHEDULE_KINDS,
};

const char *schedule_name(enum schedule_kind kind); /* "constant", "cosine", "step", ... */
bool schedule_from_name(const char *name, enum schedule_kind *ret_kind);

/* The rate of a step, 0 <= step <= steps, of a training that starts at base. */
double schedule_rate(enum schedule_kind kind, double base, uint64_t step, uint64_t steps);

#endif
