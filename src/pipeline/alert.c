#include "pipeline/alert.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *alert_kind_name(enum alert_kind kind)
{
    static const char *const names[ALERT_KINDS] = {"anomaly", "sensor_fault", "silent"};
    return names[kind];
}

const char *alert_severity_name(enum alert_severity severity)
{
    static const char *const names[] = {"info", "warning", "critical"};
    return names[severity];
}

const char *alert_transition_name(enum alert_transition transition)
{
    static const char *const names[] = {"none", "raised", "updated", "cleared"};
    return names[transition];
}

void alert_deinit(struct alert *alert)
{
    free(alert->windows);
    *alert = (struct alert){.detectors = 0};
}

/* Scores of the model before mean nothing beside the thresholds of the new one. But what held the
 * episode open still does, until the detector of that name has judged a window. */
static void move_episode(struct alert *alert, const struct alert *before)
{
    memset(alert->holding, 0, sizeof alert->holding);
    for (size_t d = 0; d < alert->detectors; d++) {
        for (size_t old = 0; old < before->detectors; old++) {
            if (!strcmp(before->trigger[old].name, alert->trigger[d].name))
                alert->holding[d] = before->holding[old];
        }
    }
    memset(alert->episode.fired, 0, sizeof alert->episode.fired);
    alert->episode.last = (struct score){0}; /* its detectors and groups are those of before */
}

/* Room for the windows that the filters look at: what many robots have each is kept small. */
static int set_filters(struct alert *alert, size_t detectors,
                       const struct alert_filter *const *filters)
{
    size_t windows = 0;
    for (size_t d = 0; d < detectors; d++) {
        assert(filters[d]->k >= 1 && filters[d]->k <= filters[d]->n &&
               filters[d]->n <= ALERT_FILTER_N_MAX);
        windows += filters[d]->n;
    }
    struct alert_window *room = calloc(windows, sizeof *room);
    if (!room)
        return -ENOMEM;
    free(alert->windows);
    alert->windows = room;
    alert->detectors = detectors;
    for (size_t d = 0; d < detectors; d++) {
        alert->trigger[d] = (struct alert_trigger){.filter = *filters[d], .last = room};
        room += filters[d]->n;
    }
    alert->below = false;
    return 0;
}

int alert_set_model(struct alert *alert, const struct model *model, const double *thresholds)
{
    const struct alert before = *alert;
    const struct alert_filter *filters[MODEL_DETECTORS_MAX];
    for (size_t d = 0; d < model->detectors; d++)
        filters[d] = &model->detector[d].filter;
    int r = set_filters(alert, model->detectors, filters);
    if (r < 0)
        return r;
    for (size_t d = 0; d < model->detectors; d++) {
        const struct detector *detector = &model->detector[d];
        memcpy(alert->trigger[d].name, detector->name, sizeof alert->trigger[d].name);
        alert->trigger[d].calibration = detector->calibrated ? &detector->calibration : NULL;
    }
    move_episode(alert, &before);
    alert_set_thresholds(alert, thresholds);
    return 0;
}

int alert_set_filter(struct alert *alert, const struct alert_filter *filter, double threshold)
{
    int r = set_filters(alert, 1, &filter);
    if (r == 0)
        alert->trigger[0].threshold = threshold;
    return r;
}

void alert_set_thresholds(struct alert *alert, const double *thresholds)
{
    for (size_t d = 0; d < alert->detectors; d++)
        alert->trigger[d].threshold = thresholds[d];
}

void alert_set_calibration(struct alert *alert, size_t detector,
                           const struct calibration *calibration)
{
    alert->trigger[detector].calibration = calibration;
}

void alert_restart(struct alert *alert)
{
    for (size_t d = 0; d < alert->detectors; d++)
        alert->trigger[d].count = alert->trigger[d].next = 0;
    alert->below = false;
}

double alert_trigger_statistic(const struct alert *alert, size_t detector)
{
    const struct alert_trigger *trigger = &alert->trigger[detector];
    if (trigger->count < trigger->filter.k)
        return -1;
    /* n is a handful: a sorted copy by insertion. */
    double sorted[ALERT_FILTER_N_MAX];
    for (unsigned i = 0; i < trigger->count; i++) {
        unsigned at = i;
        for (; at > 0 && sorted[at - 1] < trigger->last[i].score; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = trigger->last[i].score;
    }
    return sorted[trigger->filter.k - 1];
}

/* A detector that cannot judge the present window has nothing to say about it: what stands in its
 * filter is of before. */
bool alert_triggered(const struct alert *alert, const struct score *score, size_t detector)
{
    return score->detector[detector].evaluated &&
           alert_trigger_statistic(alert, detector) > alert->trigger[detector].threshold;
}

static void trigger_push(struct alert_trigger *trigger, double score, const struct score *window)
{
    trigger->last[trigger->next] =
        (struct alert_window){.score = score, .time_ns = window->time_ns, .seq = window->seq};
    trigger->next = (trigger->next + 1) % trigger->filter.n;
    if (trigger->count < trigger->filter.n)
        trigger->count++;
}

/* The oldest window in the filter that is over the threshold: where the episode began. */
static void find_start(const struct alert_trigger *trigger, struct alert_episode *episode)
{
    unsigned oldest = trigger->count < trigger->filter.n ? 0 : trigger->next;
    for (unsigned i = 0; i < trigger->count; i++) {
        const struct alert_window *window = &trigger->last[(oldest + i) % trigger->filter.n];
        if (window->score <= trigger->threshold)
            continue;
        if (episode->started_ns == INT64_MIN || window->time_ns < episode->started_ns) {
            episode->started_ns = window->time_ns;
            episode->first_seq = window->seq;
        }
        return;
    }
}

static enum alert_severity severity_of(double score)
{
    return score >= ALERT_CRITICAL_SCORE ? ALERT_CRITICAL : ALERT_WARNING;
}

/* Of the most unusual of what the detectors that have judged this window go by. */
static double p_value_of(const struct alert *alert, const struct score *score)
{
    double p_value = 1;
    for (size_t d = 0; d < alert->detectors; d++) {
        const struct calibration *calibration = alert->trigger[d].calibration;
        if (!calibration || !score->detector[d].evaluated)
            continue;
        double statistic = alert_trigger_statistic(alert, d);
        if (statistic >= 0)
            p_value = fmin(p_value, calibration_p_value(calibration, statistic));
    }
    /* As many chances as there are detectors (Bonferroni). */
    return fmin(1, p_value * (double)alert->detectors);
}

static void note_window(struct alert *alert, const struct score *score, double ratio)
{
    struct alert_episode *episode = &alert->episode;
    double p_value = p_value_of(alert, score);
    episode->score = ratio;
    episode->last_seq = score->seq;
    if (ratio > episode->peak_score)
        episode->peak_score = ratio;
    if (p_value < episode->p_value)
        episode->p_value = p_value;
    if (ratio >= 1) {
        episode->windows++;
        episode->last = *score;
    }
}

/* Which detectors the episode rests on. */
static void note_fired(struct alert *alert, const struct score *score)
{
    for (size_t d = 0; d < alert->detectors; d++) {
        double *fired = &alert->episode.fired[d];
        if (alert_triggered(alert, score, d))
            *fired =
                fmax(*fired, fmax(score->detector[d].score, alert_trigger_statistic(alert, d)));
    }
}

/* Of the detectors that have judged this window. */
static void note_holding(struct alert *alert, const struct score *score)
{
    for (size_t d = 0; d < alert->detectors; d++) {
        const struct alert_trigger *trigger = &alert->trigger[d];
        if (score->detector[d].evaluated)
            alert->holding[d] =
                alert->episode.fired[d] > 0 &&
                score->detector[d].score >= trigger->filter.clear_ratio * trigger->threshold;
    }
}

static void open_episode(struct alert *alert, const struct score *score, double ratio)
{
    struct alert_episode *episode = &alert->episode;
    *episode = (struct alert_episode){.open = true, .started_ns = INT64_MIN, .p_value = 1};
    for (size_t d = 0; d < alert->detectors; d++) {
        const struct alert_trigger *trigger = &alert->trigger[d];
        if (alert_triggered(alert, score, d)) {
            find_start(trigger, episode);
            unsigned over = 0;
            for (unsigned i = 0; i < trigger->count; i++)
                over += trigger->last[i].score > trigger->threshold;
            if (over > episode->windows + 1)
                episode->windows = over - 1; /* note_window counts the newest */
        }
    }
    episode->severity = severity_of(ratio);
    note_window(alert, score, ratio);
    note_fired(alert, score);
    memset(alert->holding, 0, sizeof alert->holding);
    note_holding(alert, score);
    alert->below = false;
}

/* Under the clear ratio for clear_s of sample time, by the strictest of the detectors' filters. A
 * score that overflowed is not under anything. */
static bool has_cleared(struct alert *alert, const struct score *score)
{
    double clear_s = 0;
    bool below = !score->nonfinite;
    for (size_t d = 0; d < alert->detectors; d++) {
        const struct alert_trigger *trigger = &alert->trigger[d];
        clear_s = fmax(clear_s, trigger->filter.clear_s);
        below &= score->detector[d].evaluated
                     ? score->detector[d].score < trigger->filter.clear_ratio * trigger->threshold
                     : !alert->holding[d];
    }
    if (!below) {
        alert->below = false;
        return false;
    }
    if (!alert->below || score->time_ns < alert->below_since_ns) {
        alert->below = true;
        alert->below_since_ns = score->time_ns;
    }
    return (double)(score->time_ns - alert->below_since_ns) >= clear_s * (double)CLOCK_NS_PER_S;
}

static enum alert_transition continue_episode(struct alert *alert, const struct score *score,
                                              double ratio)
{
    struct alert_episode *episode = &alert->episode;
    note_window(alert, score, ratio);
    note_fired(alert, score);
    note_holding(alert, score);
    if (has_cleared(alert, score)) {
        episode->open = false;
        episode->ended_ns = score->time_ns;
        alert_restart(alert); /* what raised this episode must not raise the next one */
        return ALERT_CLEARED;
    }
    if (severity_of(ratio) > episode->severity) {
        episode->severity = severity_of(ratio);
        return ALERT_UPDATED;
    }
    return ALERT_NONE;
}

void alert_unjudged(struct alert *alert)
{
    alert->below = false;
}

enum alert_transition alert_push(struct alert *alert, const struct score *score, bool muted)
{
    assert(score->detectors == alert->detectors);
    double thresholds[MODEL_DETECTORS_MAX];
    bool triggered = false;
    for (size_t d = 0; d < alert->detectors; d++) {
        struct alert_trigger *trigger = &alert->trigger[d];
        thresholds[d] = trigger->threshold;
        if (!score->detector[d].evaluated)
            continue;
        trigger_push(trigger, score->detector[d].score, score);
        triggered |= alert_triggered(alert, score, d);
    }
    double ratio = score_ratio(score, thresholds, NULL);
    if (ratio < 0) {
        alert_unjudged(alert);
        return ALERT_NONE;
    }
    if (alert->episode.open)
        return continue_episode(alert, score, ratio);
    if (!triggered || muted || ratio < 1)
        return ALERT_NONE;
    open_episode(alert, score, ratio);
    return ALERT_RAISED;
}
