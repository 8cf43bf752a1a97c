/*
 * rate: whether a robot's samples come at the period that its model was made for.
 *
 * Judged on the source's own times in stretches of some seconds, by the mean step from one number
 * to the next; without numbers by the mean of the steps that miss none, so that losses do not look
 * like a slower source, unless most steps are too long. Where the source sends no times those of
 * arrival must do, over longer stretches: a network that holds samples back and then brings them
 * all makes one stretch slow and the next one fast, and only two that are off to the same side
 * count. Thread: the loop.
 */
#ifndef ARMWATCH_DAEMON_RATE_H
#define ARMWATCH_DAEMON_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_LIMIT 0.05 /* of the model's period */

struct rate {
    struct rate_sum {
        double s;
        uint64_t steps, samples;
    } whole, broken; /* of the present stretch: steps that miss none, and others */
    int side;        /* of the stretch before: -1 too fast, 1 too slow, 0 as it should be */
    bool off;        /* for two stretches now */
    double period_s; /* as measured in the last stretch; 0: none is over yet */
};

/* All zeros is a start. */
struct rate_step {
    double s;
    uint64_t samples; /* that far on: 1, or more by their numbers */
    bool broken;      /* one is missing, how many is not known */
    bool arrival;     /* s is from arrival to arrival */
};
void rate_push(struct rate *rate, const struct rate_step *step, double period_s);

/* A clock or a counter was set: what was measured of this stretch is forgotten. */
void rate_restart(struct rate *rate);

#endif
