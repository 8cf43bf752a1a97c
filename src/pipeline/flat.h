/*
 * flat: readings that stand still while the arm moves, and robots that stand still whole.
 *
 * A sensor that is dead, frozen or unplugged repeats its last value, or zero. Healthy ones do so
 * too, some for long: power is held between two polls of the meter, a gyro at rest reads exactly
 * 0. So a model knows for how long each channel, all channels of each group, and the whole sample
 * stood still in health, and twice that is the limit. Channels and groups are counted in rows in
 * which the arm moves: then no wait for a late part, however long, brings a resting gyro nearer to
 * its limit. A row is in motion if a motion channel of the model is beyond its rest and has just
 * changed; if none has while other channels have, and most of them are beyond their rest,
 * as when all sensors of a bus froze at speed; or, in a model without motion channels, if at least
 * half of the channels have changed.
 *
 * Values are compared as they came, before anything is derived. Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_FLAT_H
#define ARMWATCH_PIPELINE_FLAT_H

#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLAT_LIMIT 2             /* times the longest healthy run */
#define FLAT_CHANNEL_LEAST_S 1.0 /* the limit of a single channel is not below it */

/* How long values have stood still, in rows: 1 as they change. */
struct flat {
    const struct derivation *derivation; /* borrowed: its channels, and what tells motion */
    bool started;
    float *last;     /* [channels] */
    uint32_t *run;   /* [channels] rows in motion with this value */
    uint32_t *rows;  /* [channels] all rows with this value */
    uint32_t *group; /* [channels + 1] of flat_judge: the shortest run in each group */
    uint32_t whole;  /* rows since any channel changed */
};

/* Errors: -ENOMEM. */
int flat_init(struct flat *flat, const struct derivation *derivation);
void flat_deinit(struct flat *flat); /* also of zeros */
/* Another derivation of the same channels: the runs stay. */
void flat_set_derivation(struct flat *flat, const struct derivation *derivation);

/* The stream begins anew: the next row has none before it. */
void flat_restart(struct flat *flat);
/* sample [channels]. A row that is missing is passed over: what stood still before it and does so
 * behind it has not moved. Returns true if the arm moves. */
bool flat_push(struct flat *flat, const float *sample);

enum flat_verdict {
    FLAT_NONE,
    FLAT_SENSOR_FAULT, /* a channel or a group is over its limit: the row is not to be scored */
    FLAT_STOPPED,      /* the whole sample is over its limit: there is nothing to be scored */
};

/* Of the row that was pushed last. */
enum flat_verdict flat_judge(struct flat *flat, const struct model *model);
/* The channel has a limit, of its own or in its group. */
bool flat_limited(const struct model *model, size_t channel);
/* After flat_judge: the channel is over its own limit; or that one is, or its group is. */
bool flat_has_alone(const struct flat *flat, const struct model *model, size_t channel);
bool flat_has(const struct flat *flat, const struct model *model, size_t channel);

#endif
