/*
 * channel_means: where each channel usually lies, from healthy sessions: what drift of a live robot
 * is told by.
 *
 * The mean, and as its spread the standard deviation of the means of stretches of ten minutes, over
 * all sessions: what sessions differ by is part of it, but for what a single session cannot show.
 * Under an hour of stretches there is no saying. Thread: any; one at a time.
 */
#ifndef ARMWATCH_LAB_CHANNEL_MEANS_H
#define ARMWATCH_LAB_CHANNEL_MEANS_H

#include "base/json.h"
#include "lab/recording.h"
#include "pipeline/block_means.h"

#include <stddef.h>

#define CHANNEL_MEANS_STRETCH_S 600.0
#define CHANNEL_MEANS_LEAST 6 /* stretches */

struct channel_means {
    size_t channels;
    double period_s;
    struct block_means stretch;
    double *row;            /* [channels] scratch */
    size_t stretches;       /* so far */
    double *mean, *squares; /* [channels] running mean, and squared deviations from it */
};

/* Errors: -ENOMEM. */
int channel_means_init(struct channel_means *means, size_t channels, double period_s);
void channel_means_deinit(struct channel_means *means); /* also of zeros */

/* A healthy session, whose first channels are the model's, with rotations as the model has them. */
void channel_means_add(struct channel_means *means, const struct recording *session);

/* Puts them in the "channels" of a model's configuration, in the place of those there; with too
 * few stretches there are none. */
void channel_means_put(const struct channel_means *means, cJSON *config);

#endif
