#include "pipeline/track.h"

int track_init(struct track *track, const struct model *model, double max_gap_s)
{
    const struct history_options options = {.channels = model->width,
                                            .span = model->span,
                                            .period_s = model->period_s,
                                            .max_gap_s = max_gap_s};
    track->model = model;
    deriver_init(&track->deriver, &model->derivation, model->period_s);
    track->verdict = FLAT_NONE;
    int r = flat_init(&track->flat, &model->derivation);
    if (r == 0 && (r = history_init(&track->history, &options)) < 0)
        flat_deinit(&track->flat);
    return r;
}

void track_deinit(struct track *track)
{
    history_deinit(&track->history);
    flat_deinit(&track->flat);
}

int track_set_model(struct track *track, const struct model *model)
{
    struct history *history = &track->history;
    bool same_rows = model->row_shape == track->model->row_shape;
    int r = history_reshape(history, model->span, model->width, model->period_s);
    if (r < 0)
        return r;
    track->model = model;
    flat_set_derivation(&track->flat, &model->derivation);
    if (same_rows) { /* what was seen of the robot, such as its load, still holds */
        track->deriver.derivation = &model->derivation;
        return 0;
    }
    deriver_init(&track->deriver, &model->derivation, model->period_s);
    for (size_t back = history->run; back-- > 0;)
        deriver_push(&track->deriver, history_row(history, back));
    return 0;
}

float *track_next_row(struct track *track)
{
    return history_next_row(&track->history);
}

enum history_outcome track_push(struct track *track, const struct sample *sample)
{
    enum history_outcome outcome = history_push(&track->history, sample);
    if (outcome == HISTORY_DUPLICATE || outcome == HISTORY_LATE)
        return outcome;
    float *row = history_row(&track->history, 0);
    if (outcome == HISTORY_RESTARTED)
        flat_restart(&track->flat);
    flat_push(&track->flat, row);
    track->verdict = flat_judge(&track->flat, track->model);
    if (!track->history.follows)
        deriver_break(&track->deriver);
    deriver_push(&track->deriver, row);
    if (track->verdict != FLAT_NONE)
        history_break(&track->history);
    return outcome;
}

void track_restart(struct track *track)
{
    history_break(&track->history);
    flat_restart(&track->flat);
    deriver_init(&track->deriver, &track->model->derivation, track->model->period_s);
}

void track_break(struct track *track)
{
    history_break(&track->history);
}
