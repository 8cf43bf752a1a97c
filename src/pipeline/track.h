/*
 * track: one robot's rows on their way to the windows of its model: history, derived channels, and
 * which rows are not to be judged because readings stand still.
 *
 * What the daemon and the monitor have in common, so that a row is made by one piece of code.
 * Thread: one at a time.
 */
#ifndef ARMWATCH_PIPELINE_TRACK_H
#define ARMWATCH_PIPELINE_TRACK_H

#include "model/model.h"
#include "pipeline/flat.h"
#include "pipeline/history.h"

struct track {
    const struct model *model; /* borrowed */
    struct history history;    /* rows of [model->width] */
    struct deriver deriver;
    struct flat flat;
    enum flat_verdict verdict; /* of the newest row: other than FLAT_NONE it is in no window */
};

/* max_gap_s 0: three sample periods. Errors: -ENOMEM. */
int track_init(struct track *track, const struct model *model, double max_gap_s);
void track_deinit(struct track *track);

/* Another model with the same channels: the rows stay, and what it derives is derived from them,
 * unless it derives the same (model->row_shape): then it goes on from what was seen before.
 * Errors: -ENOMEM, and nothing has changed. */
int track_set_model(struct track *track, const struct model *model);

/* Where the values of the next sample are to be written: [model->channels]. */
float *track_next_row(struct track *track);

/* Judges the sample whose values stand at track_next_row, as history_push does, and completes its
 * row; then track->verdict is new, but for HISTORY_DUPLICATE and HISTORY_LATE. */
enum history_outcome track_push(struct track *track, const struct sample *sample);

/* As at a start: nothing that was seen of the robot counts any more, its load included. */
void track_restart(struct track *track);

/* A sample was refused or must not be judged. */
void track_break(struct track *track);

#endif
