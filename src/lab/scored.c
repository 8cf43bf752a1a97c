/*
 * A peer's scores run through a history and an alert of their own, with one channel of zeros in the
 * place of the rows: what breaks a window, what empties the filter and what a trigger statistic is
 * are then decided by the code that decides it live.
 *
 * Scores are kept as float: a quarter of a million rows times many detectors and seeds must fit
 * into memory, and triggers are decided in double before that.
 */
#include "lab/scored.h"

#include "lab/runner.h"
#include "pipeline/alert.h"
#include "pipeline/history.h"

#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP_CHANNEL "action"

/* ---- the table ---- */

static size_t find_step_channel(const struct recording *recording)
{
    for (size_t c = 0; c < recording->channels; c++) {
        if (!strcmp(recording->names[c], STEP_CHANNEL))
            return c;
    }
    return DERIVED_NONE;
}

static int take_steps(struct scored *scored, const struct recording *recording, size_t channel,
                      struct diag *diag)
{
    if (recording->rows != scored->rows)
        return diag_set(diag, "steps of %zu rows for %zu", recording->rows, scored->rows);
    if (channel == DERIVED_NONE)
        return 0;
    if (!scored->step && !(scored->step = calloc(scored->rows, sizeof *scored->step)))
        return diag_errno(diag, ENOMEM, "%zu rows", scored->rows);
    for (size_t i = 0; i < scored->rows; i++)
        scored->step[i] = (int)lroundf(recording->values[i * recording->channels + channel]);
    return 0;
}

int scored_take_steps(struct scored *scored, const struct recording *recording, struct diag *diag)
{
    return take_steps(scored, recording, find_step_channel(recording), diag);
}

static int allocate(struct scored *scored)
{
    size_t rows = scored->rows;
    scored->time_ns = calloc(rows, sizeof *scored->time_ns);
    scored->hole = calloc(rows, sizeof *scored->hole);
    scored->label = calloc(rows, sizeof *scored->label);
    scored->window_label = calloc(rows, sizeof *scored->window_label);
    scored->triggered = calloc(rows, sizeof *scored->triggered);
    scored->ratio = malloc(rows * sizeof *scored->ratio);
    bool whole = scored->time_ns && scored->hole && scored->label && scored->window_label &&
                 scored->triggered && scored->ratio;
    for (size_t d = 0; d < scored->detectors; d++) {
        scored->detector[d].score = malloc(rows * sizeof(float));
        whole &= scored->detector[d].score != NULL;
    }
    if (!whole)
        return -ENOMEM;
    for (size_t i = 0; i < rows; i++) {
        scored->ratio[i] = NAN;
        for (size_t d = 0; d < scored->detectors; d++)
            scored->detector[d].score[i] = NAN;
    }
    return 0;
}

static void take_labels(struct scored *scored, const int *label)
{
    size_t oldest = 0; /* labelled row of the window, or the row after it */
    if (!label)
        return;
    memcpy(scored->label, label, scored->rows * sizeof *label);
    for (size_t i = 0; i < scored->rows; i++) {
        while (oldest <= i && (oldest + scored->span <= i || label[oldest] == 0))
            oldest++;
        scored->window_label[i] = oldest <= i ? label[oldest] : 0;
    }
}

/* Everything but scores, from the recording; span, reach, period and detectors are set.
 * step_channel: of the recording; DERIVED_NONE: by its name. */
static int begin(struct scored *scored, const struct recording *recording, size_t step_channel,
                 struct diag *diag)
{
    scored->rows = recording->rows;
    int r = allocate(scored);
    if (r < 0)
        return diag_errno(diag, r, "%zu rows", recording->rows);
    take_labels(scored, recording->label);
    for (size_t i = 0; i < scored->rows; i++) {
        scored->time_ns[i] = runner_row_time(recording, i, scored->period_s);
        scored->hole[i] = !recording->valid[i];
    }
    if (step_channel == DERIVED_NONE)
        step_channel = find_step_channel(recording);
    return take_steps(scored, recording, step_channel, diag);
}

void scored_deinit(struct scored *scored)
{
    free(scored->time_ns);
    free(scored->hole);
    free(scored->label);
    free(scored->window_label);
    free(scored->step);
    free(scored->triggered);
    free(scored->ratio);
    for (size_t d = 0; d < scored->detectors; d++)
        free(scored->detector[d].score);
    *scored = (struct scored){0};
}

/* ---- from a model ---- */

static int take_row(const struct runner_row *row, void *user)
{
    struct scored *scored = user;
    const struct alert *alert = &row->monitor->alert;
    if (row->hole)
        return 0;
    if (row->result.verdict == FLAT_SENSOR_FAULT)
        scored->triggered[row->row] = SCORED_FAULT;
    if (!row->result.evaluated)
        return 0;
    scored->ratio[row->row] = (float)row->result.ratio;
    for (size_t d = 0; d < alert->detectors; d++) {
        if (alert_triggered(alert, &row->result.score, d))
            scored->triggered[row->row] |= (uint16_t)(1U << d);
        if (row->result.score.detector[d].evaluated)
            scored->detector[d].score[row->row] = (float)row->result.score.detector[d].score;
    }
    return 0;
}

int scored_from_model(const struct recording *recording, struct model *model,
                      double false_alarms_per_day, struct scored *ret_scored, struct diag *diag)
{
    if (!model_calibrated(model))
        return diag_set(diag, "model %s is not calibrated: it has no threshold", model->name);
    *ret_scored = (struct scored){
        .period_s = model->period_s,
        .span = model->span,
        .detectors = model->detectors,
        .judges_steps = derivation_find(&model->derivation, DERIVED_MOVING_TIME) != DERIVED_NONE};
    for (size_t d = 0; d < model->detectors; d++) {
        const struct detector *detector = &model->detector[d];
        size_t reach = detector_span(detector) - 1 + detector->filter.n;
        ret_scored->reach = reach > ret_scored->reach ? reach : ret_scored->reach;
        ret_scored->detector[d].threshold = model_threshold(model, d, false_alarms_per_day);
        memcpy(ret_scored->detector[d].name, detector->name, sizeof detector->name);
    }
    /* The recording is laid out as the model's samples are: places in the one are those in the
     * other. */
    int r = begin(ret_scored, recording, model->derivation.step_channel, diag);
    if (r == 0 &&
        (r = runner_run(recording, model, false_alarms_per_day, take_row, ret_scored)) < 0)
        diag_errno(diag, r, "scoring");
    if (r < 0)
        scored_deinit(ret_scored);
    return r;
}

/* ---- from a peer ---- */

struct stream {
    const struct recording *recording;
    const double *scores;
    const struct scored_peer *peer;
    struct history history;
    struct alert alert;
};

static void stream_deinit(struct stream *stream)
{
    history_deinit(&stream->history);
    alert_deinit(&stream->alert);
}

static int stream_init(struct stream *stream, const struct recording *recording,
                       const double *scores, const struct scored_peer *peer, struct diag *diag)
{
    for (size_t i = 0; i < recording->rows; i++) {
        if (!isnan(scores[i]) && !(scores[i] >= 0 && scores[i] <= (double)FLT_MAX))
            return diag_set(diag, "%s: row %zu: score %g, must be 0 or over, and finite",
                            peer->name, i, scores[i]);
    }
    if (!(peer->threshold > 0))
        return diag_set(diag, "%s: threshold %g, must be over 0", peer->name, peer->threshold);
    *stream = (struct stream){.recording = recording, .scores = scores, .peer = peer};
    const struct history_options options = {
        .channels = 1, .span = peer->span, .period_s = peer->period_s};
    int r = history_init(&stream->history, &options);
    if (r == 0)
        r = alert_set_filter(&stream->alert, &peer->filter, peer->threshold);
    if (r < 0) {
        stream_deinit(stream);
        return diag_errno(diag, r, "%s", peer->name);
    }
    return 0;
}

/* Returns true if the row was evaluated: what monitor_push does, from a score that is there. */
static bool stream_push(struct stream *stream, size_t row, int64_t time_ns)
{
    struct history *history = &stream->history;
    if (!stream->recording->valid[row]) {
        history_break(history);
        return false;
    }
    *history_next_row(history) = 0;
    const struct sample sample = {.time_ns = time_ns, .has_time = true};
    enum history_outcome outcome = history_push(history, &sample);
    if (outcome == HISTORY_DUPLICATE || outcome == HISTORY_LATE)
        return false;
    if (outcome == HISTORY_RESTARTED)
        alert_restart(&stream->alert);
    if (history_valid_rows(history) < stream->peer->span || isnan(stream->scores[row]))
        return false;
    struct score score = {.time_ns = time_ns, .seq = row, .detectors = 1};
    score.detector[0].score = stream->scores[row];
    score.detector[0].evaluated = true;
    alert_push(&stream->alert, &score, false);
    return true;
}

int scored_from_peer(const struct recording *recording, const double *scores,
                     const struct scored_peer *peer, struct scored *ret_scored, struct diag *diag)
{
    struct stream stream;
    *ret_scored = (struct scored){.period_s = peer->period_s,
                                  .span = peer->span,
                                  .reach = peer->span - 1 + peer->filter.n,
                                  .detectors = 1};
    struct scored_detector *detector = &ret_scored->detector[0];
    snprintf(detector->name, sizeof detector->name, "%s", peer->name);
    detector->threshold = peer->threshold;
    int r = begin(ret_scored, recording, DERIVED_NONE, diag);
    if (r == 0)
        r = stream_init(&stream, recording, scores, peer, diag);
    if (r < 0) {
        scored_deinit(ret_scored);
        return r;
    }
    for (size_t i = 0; i < recording->rows; i++) {
        if (!stream_push(&stream, i, ret_scored->time_ns[i]))
            continue;
        detector->score[i] = (float)scores[i];
        ret_scored->ratio[i] = (float)(scores[i] / peer->threshold);
        ret_scored->triggered[i] = alert_trigger_statistic(&stream.alert, 0) > peer->threshold;
    }
    stream_deinit(&stream);
    return 0;
}

static int push_session(const struct recording *session, const double *scores,
                        const struct scored_peer *peer, struct calibration_blocks *blocks,
                        struct diag *diag)
{
    struct stream stream;
    int r = stream_init(&stream, session, scores, peer, diag);
    if (r < 0)
        return r;
    for (size_t i = 0; r == 0 && i < session->rows; i++) {
        int64_t time_ns = runner_row_time(session, i, peer->period_s);
        if (!stream_push(&stream, i, time_ns))
            continue;
        double statistic = alert_trigger_statistic(&stream.alert, 0);
        if (statistic >= 0)
            r = calibration_blocks_push(blocks, time_ns, statistic);
    }
    stream_deinit(&stream);
    if (r == 0)
        r = calibration_blocks_end_session(blocks);
    return r < 0 ? diag_errno(diag, r, "calibration") : 0;
}

int scored_calibrate_peer(struct recording *const *sessions, const double *const *scores,
                          size_t count, const struct scored_peer *peer,
                          struct calibration *ret_calibration, struct diag *diag)
{
    /* Without a threshold, as in runner_calibrate: an episode that clears would empty the filter.
     */
    struct scored_peer unlimited = *peer;
    unlimited.threshold = (double)INFINITY;
    struct calibration_blocks blocks;
    int r = 0;
    calibration_blocks_init(&blocks, CALIBRATION_BLOCK_S, peer->period_s);
    for (size_t s = 0; r == 0 && s < count; s++)
        r = push_session(sessions[s], scores[s], &unlimited, &blocks, diag);
    if (r == 0)
        r = calibration_fit(ret_calibration, &blocks, diag);
    calibration_blocks_deinit(&blocks);
    return r;
}

/* ---- windows ---- */

int scored_collect(const struct scored *scored, size_t count, size_t which,
                   struct scored_windows *ret_windows)
{
    size_t rows = 0, first = 0;
    for (size_t s = 0; s < count; s++)
        rows += scored[s].rows;
    *ret_windows = (struct scored_windows){.score = calloc(rows, sizeof(double)),
                                           .label = calloc(rows, sizeof(int)),
                                           .row = calloc(rows, sizeof(uint32_t))};
    if (!ret_windows->score || !ret_windows->label || !ret_windows->row) {
        scored_windows_deinit(ret_windows);
        return -ENOMEM;
    }
    for (size_t s = 0; s < count; first += scored[s++].rows) {
        const struct scored_detector *detector =
            which < SCORED_ROBOT ? &scored[s].detector[which] : NULL;
        const float *score = detector ? detector->score : scored[s].ratio;
        double limit = detector ? detector->threshold : 1;
        for (size_t i = 0; i < scored[s].rows; i++) {
            if (isnan(score[i]))
                continue;
            ret_windows->score[ret_windows->count] = (double)score[i] / limit;
            ret_windows->label[ret_windows->count] = scored[s].window_label[i];
            ret_windows->row[ret_windows->count++] = (uint32_t)(first + i);
        }
    }
    return 0;
}

void scored_windows_deinit(struct scored_windows *windows)
{
    free(windows->score);
    free(windows->label);
    free(windows->row);
    *windows = (struct scored_windows){0};
}
