#include "pipeline/track.h"

int track_init(struct track *track, const struct model *model, double max_gap_s)
{
    const struct history_options options = {.channels = model->width,
                                            .span = model->span,
                                            .period_s = model->period_s,
                                            .max_gap_s = max_gap_s};
    track->model = model;
    deriver_init(&track->deriver, &model->derivation, model->period_s);
    return history_init(&track->history, &options);
}

void track_deinit(struct track *track)
{
    history_deinit(&track->history);
}

int track_set_model(struct track *track, const struct model *model)
{
    struct history *history = &track->history;
    int r = history_reshape(history, model->span, model->width, model->period_s);
    if (r < 0)
        return r;
    track->model = model;
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
    if (!track->history.follows)
        deriver_break(&track->deriver);
    deriver_push(&track->deriver, history_row(&track->history, 0));
    return outcome;
}

void track_break(struct track *track)
{
    history_break(&track->history);
}
