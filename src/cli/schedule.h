/*
 * schedule: which anomalies a simulated robot has, one after the other, and for how long:
 * "healthy:20,collision:10,slow:0.5:15" is ANOMALY[:AMOUNT]:SECONDS, joined by commas.
 */
#ifndef ARMWATCH_CLI_SCHEDULE_H
#define ARMWATCH_CLI_SCHEDULE_H

#include "base/diag.h"
#include "lab/anomaly.h"

#include <stddef.h>

#define SCHEDULE_STEPS_MAX 256

struct schedule {
    size_t count;
    struct schedule_step {
        struct anomaly anomaly;
        char text[64]; /* of the anomaly, "healthy" for none */
        double seconds;
    } step[SCHEDULE_STEPS_MAX];
};

/* Errors: -EINVAL with what is allowed in diag. */
int schedule_parse(const char *text, struct schedule *ret_schedule, struct diag *diag);

double schedule_seconds(const struct schedule *schedule);

/* The step at a time after the start; the last one lasts for ever. */
size_t schedule_at(const struct schedule *schedule, double seconds);

#endif
