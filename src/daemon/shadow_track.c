#include "daemon/shadow_track.h"

#include <stdlib.h>
#include <string.h>

static void on_found(void *user, enum shadow_side side, enum shadow_finding finding,
                     const struct shadow_alert *alert)
{
    struct shadow_track *track = user;
    shadow_report_found(track->report, track->robot, side, finding, alert);
    *track->changed = true;
}

/* ---- life ---- */

void shadow_track_begin(struct shadow_track *track, const struct robot *robot)
{
    const struct alert_episode *episode = &robot->alert.episode;
    memset(&track->match, 0, sizeof track->match);
    memset(track->live, 0, sizeof track->live);
    if (!episode->open)
        return;
    struct shadow_alert alert = {.started_ns = episode->started_ns,
                                 .open = true,
                                 .before = true,
                                 .peak = episode->peak_score};
    strcpy(alert.id, robot->alerts[ALERT_ANOMALY].id);
    shadow_match_raise(&track->match, SHADOW_LIVE, &alert, on_found, track);
}

struct shadow_track *shadow_track_new(const struct robot *robot,
                                      const struct shadow_track_options *options)
{
    struct shadow_track *track = calloc(1, sizeof *track);
    if (!track)
        return NULL;
    if (track_init(&track->track, options->model, options->max_gap_s) < 0) {
        free(track);
        return NULL;
    }
    track->shadow = options->shadow;
    track->model = options->model;
    track->report = options->report;
    track->changed = options->changed;
    strcpy(track->robot, robot->name);
    if (alert_set_model(&track->alert, options->model, options->thresholds) < 0) {
        shadow_track_free(track);
        return NULL;
    }
    shadow_track_begin(track, robot);
    return track;
}

void shadow_track_free(struct shadow_track *track)
{
    if (!track)
        return;
    track_deinit(&track->track);
    alert_deinit(&track->alert);
    free(track);
}

void shadow_track_break(struct shadow_track *track)
{
    track_break(&track->track);
}

void shadow_track_restart(struct shadow_track *track)
{
    track_restart(&track->track);
}

void shadow_track_shift(struct shadow_track *track, int64_t step_ns)
{
    history_shift(&track->track.history, step_ns);
}

/* ---- windows ---- */

static size_t shortest_span(const struct model *model)
{
    size_t shortest = SIZE_MAX;
    for (size_t d = 0; d < model->detectors; d++) {
        size_t span = detector_span(&model->detector[d]);
        shortest = span < shortest ? span : shortest;
    }
    return shortest;
}

static void send_window(struct shadow_track *track, struct scorer *scorer,
                        const struct robot *robot, const struct sample *sample, int64_t now_ns)
{
    size_t rows = history_valid_rows(&track->track.history);
    if (track->track.verdict != FLAT_NONE || rows < shortest_span(track->model))
        return;
    const struct scorer_window window = {.robot = robot->number,
                                         .shadow = track->shadow,
                                         .rows = rows,
                                         .channels = track->track.history.channels,
                                         .values = history_window(&track->track.history, rows),
                                         .row_shape = track->model->row_shape,
                                         .time_ns = sample->time_ns,
                                         .seq = sample->has_seq ? sample->seq : robot->arrivals,
                                         .epoch = robot->epoch,
                                         .received_ns = now_ns};
    if (track->pending < SHADOW_TRACK_PENDING_MAX && scorer_push(scorer, &window))
        track->pending++;
    else
        track->report->lost++;
}

void shadow_track_push(struct shadow_track *track, struct scorer *scorer, struct robot *robot,
                       const struct sample *sample, int64_t now_ns)
{
    const float *row = history_row(&robot->track.history, 0);
    memcpy(track_next_row(&track->track), row, track->model->channels * sizeof *row);
    enum history_outcome outcome = track_push(&track->track, sample);
    if (outcome == HISTORY_DUPLICATE || outcome == HISTORY_LATE)
        return;
    send_window(track, scorer, robot, sample, now_ns);
}

/* ---- results ---- */

static void follow(struct shadow_track *track, enum shadow_side side,
                   enum alert_transition transition, const struct alert_episode *episode,
                   const char *id)
{
    struct shadow_alert alert = {
        .started_ns = episode->started_ns, .open = true, .peak = episode->peak_score};
    switch (transition) {
    case ALERT_RAISED:
        strcpy(alert.id, id);
        track->report->alerts[side]++;
        *track->changed = true;
        shadow_match_raise(&track->match, side, &alert, on_found, track);
        break;
    case ALERT_CLEARED:
        shadow_match_follow(&track->match, side, episode->peak_score);
        shadow_match_clear(&track->match, side, episode->ended_ns, on_found, track);
        break;
    case ALERT_NONE:
    case ALERT_UPDATED:
        if (episode->open)
            shadow_match_follow(&track->match, side, episode->peak_score);
        break;
    }
}

void shadow_track_live(struct shadow_track *track, const struct robot *robot,
                       const struct scorer_result *result, double ratio,
                       enum alert_transition transition)
{
    size_t at = track->next++ % SHADOW_TRACK_SCORES;
    track->live[at].epoch = result->epoch + 1; /* 0 is free */
    track->live[at].seq = result->score.seq;
    track->live[at].ratio = ratio;
    track->report->windows[SHADOW_LIVE]++;
    shadow_report_cost(track->report, SHADOW_LIVE, result->cost_ns);
    follow(track, SHADOW_LIVE, transition, &robot->alert.episode, robot->alerts[ALERT_ANOMALY].id);
    shadow_match_turn(&track->match, result->score.time_ns, on_found, track);
}

/* The live score of the same window; negative if there was none. */
static double find_live(const struct shadow_track *track, const struct scorer_result *result)
{
    for (size_t back = 1; back <= SHADOW_TRACK_SCORES && back <= track->next; back++) {
        size_t at = (track->next - back) % SHADOW_TRACK_SCORES;
        if (track->live[at].seq == result->score.seq && track->live[at].epoch == result->epoch + 1)
            return track->live[at].ratio;
    }
    return -1;
}

static double ratio_of(const struct shadow_track *track, const struct score *score)
{
    double thresholds[MODEL_DETECTORS_MAX];
    for (size_t d = 0; d < track->alert.detectors; d++)
        thresholds[d] = track->alert.trigger[d].threshold;
    return score->detectors == track->alert.detectors ? score_ratio(score, thresholds, NULL) : -1;
}

void shadow_track_result(struct shadow_track *track, const struct scorer_result *result, bool muted)
{
    track->pending -= track->pending > 0;
    if (!result->scored) {
        track->report->lost++;
        return;
    }
    double ratio = ratio_of(track, &result->score);
    track->report->nonfinite += result->score.nonfinite;
    shadow_report_cost(track->report, SHADOW_CANDIDATE, result->cost_ns);
    if (ratio < 0) {
        alert_unjudged(&track->alert);
        return;
    }
    if (result->epoch != track->alert_epoch) {
        track->alert_epoch = result->epoch;
        alert_restart(&track->alert);
    }
    track->report->windows[SHADOW_CANDIDATE]++;
    double live = find_live(track, result);
    if (live >= 0)
        shadow_report_pair(track->report, live, ratio);
    enum alert_transition transition = alert_push(&track->alert, &result->score, muted);
    follow(track, SHADOW_CANDIDATE, transition, &track->alert.episode, "");
    shadow_match_turn(&track->match, result->score.time_ns, on_found, track);
}
