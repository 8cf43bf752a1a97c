/*
 * grouped: the channels that a detector looks at, by groups such as the links of an arm, and the
 * one score that their deviations make.
 *
 * The score is the largest over the groups of the mean |z| of the group's channels, each clipped at
 * GROUPED_CLIP: a link that is off is not hidden by six that are not, nor is one odd channel of it
 * all that counts. Memory: grouped_deinit, also after an error. Thread: z and expected are scratch
 * of the scoring thread.
 */
#ifndef ARMWATCH_MODEL_GROUPED_H
#define ARMWATCH_MODEL_GROUPED_H

#include "base/diag.h"
#include "base/json.h"
#include "model/detector.h"

#include <stddef.h>

#define GROUPED_CLIP 10.0

struct grouped {
    size_t channels; /* that are looked at */
    size_t *channel; /* [channels] places in a row */
    size_t groups;
    size_t *group;        /* [channels] 0 to groups - 1 */
    double *size;         /* [groups] channels in it */
    double *z, *expected; /* [channels] of one window; expected in the channels' units */
    double *sum;          /* [groups] scratch */
};

/* From the members "channels" and "groups" of a detector's configuration; row_channels: values of a
 * row. Errors: -EINVAL, -ENOMEM. */
int grouped_load(struct grouped *grouped, const cJSON *config, size_t row_channels,
                 struct diag *diag);
void grouped_deinit(struct grouped *grouped);

/* Of z; NAN where one of them is: the window cannot be judged. */
double grouped_score(struct grouped *grouped);
/* Of z and expected; a channel that is not looked at has no share and is as expected. row
 * [row_channels], ret_deviations [row_channels]. */
void grouped_explain(const struct grouped *grouped, const float *row, size_t row_channels,
                     struct deviation *ret_deviations);
/* The same where nothing could be judged. */
void grouped_explain_nothing(const float *row, size_t row_channels,
                             struct deviation *ret_deviations);

#endif
