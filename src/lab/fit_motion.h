/*
 * fit_motion: the channels that show how the links move, for the kinds that compare movements.
 *
 * Inertial channels (angular rates, accelerations); where samples have none, all that are not
 * constant. Each with the deviation under which nothing is said: what healthy sessions differ by,
 * as measured on three training sessions and more, and at least a constant of its unit.
 */
#ifndef ARMWATCH_LAB_FIT_MOTION_H
#define ARMWATCH_LAB_FIT_MOTION_H

#include "lab/fit_kind.h"

struct fit_motion {
    size_t channels, groups;
    size_t *channel; /* [channels] places in a row, rising */
    size_t *group;   /* [channels] 0 to groups - 1: the part of the machine */
    float *floor;    /* [channels] in the channel's units */
};

/* What healthy sessions differ by in a channel at least, by its unit: the turn-on bias of a rate
 * sensor, the mounting of an accelerometer. 0: not an inertial channel. */
double fit_motion_floor(const char *name);

/* Memory: fit_motion_deinit, also after a failure. Errors: -EINVAL no channel is left; -ENOMEM. */
int fit_motion_find(const struct fit_source *source, const char *kind,
                    struct fit_motion *ret_motion, struct diag *diag);
void fit_motion_deinit(struct fit_motion *motion);

/* Members "channels" and "groups" of a detector's entry. */
void fit_motion_put(const struct fit_motion *motion, cJSON *entry);

#endif
