/*
 * swaps: what a robot's scores must be while models are exchanged under it, by the same windows
 * offline.
 */
#ifndef ARMWATCH_TESTS_SWAPS_H
#define ARMWATCH_TESTS_SWAPS_H

#include "cell.h"

#define SWAPS_SPAN 5 /* rows in a window of cell_models() */

struct swaps_model {
    const char *file_name; /* in cell_models() */
    const char *name;
    int version;
};

/* The robot's stream of `rows` rows since its seed: every window was scored once, in order, each by
 * one whole model, the one that the score names; ends the test where one was not. Returns how often
 * the model changed, beginning with the first of the list. */
unsigned swaps_check(const struct cell *cell, const struct cell_robot *robot, uint64_t seed,
                     const struct swaps_model *models, size_t count);

/* Waits until the last window of a stream that has stopped was scored and heard of. */
void swaps_wait(struct cell *cell, const struct cell_robot *robot);

/* Number in the newest score of a robot; -1 where there is none. */
double swaps_last_version(const struct cell *cell, const char *robot);

#endif
