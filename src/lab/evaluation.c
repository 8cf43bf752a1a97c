#include "lab/evaluation_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LONG_EVENT_NS INT64_C(120000000000)
#define VOLUME_TOLERANCE_S 5.0

/* ---- windows ---- */

bool evaluation_has_both_classes(const struct metrics_series *series)
{
    size_t anomalous = 0;
    for (size_t i = 0; i < series->count; i++)
        anomalous += series->label[i] != 0;
    return anomalous > 0 && anomalous < series->count;
}

/* Of each recording that has both classes, weighted by its windows; NAN where none has: put one
 * after the other, the tolerance around an anomaly would reach over the border into another
 * recording. */
static int measure_volume(const struct scored *scored, size_t count,
                          const struct scored_windows *windows, struct metrics_volume *ret_volume,
                          struct diag *diag)
{
    struct metrics_volume sum = {0};
    size_t at = 0, first = 0, used = 0;
    size_t tolerance = (size_t)lround(VOLUME_TOLERANCE_S / scored->period_s);
    for (size_t s = 0; s < count; first += scored[s++].rows) {
        struct metrics_series one = {windows->score + at, windows->label + at, 0};
        while (at < windows->count && windows->row[at] < first + scored[s].rows) {
            at++;
            one.count++;
        }
        if (!evaluation_has_both_classes(&one))
            continue;
        struct metrics_volume volume;
        int r = metrics_volume(&one, tolerance, &volume, diag);
        if (r < 0)
            return r;
        sum.pr += volume.pr * (double)one.count;
        sum.roc += volume.roc * (double)one.count;
        used += one.count;
    }
    *ret_volume =
        (struct metrics_volume){.pr = sum.pr / (double)used, .roc = sum.roc / (double)used};
    return 0;
}

static int measure_windows(const struct scored *scored, size_t count, size_t which, bool no_volume,
                           struct evaluation_figures *ret_figures, struct diag *diag)
{
    struct scored_windows windows;
    int r = scored_collect(scored, count, which, &windows);
    if (r < 0)
        return diag_errno(diag, r, "evaluation");
    const struct metrics_series series = {windows.score, windows.label, windows.count};
    metrics_confusion(&series, 1, &ret_figures->confusion);
    ret_figures->ranked = evaluation_has_both_classes(&series);
    ret_figures->volume = (struct metrics_volume){(double)NAN, (double)NAN};
    if (ret_figures->ranked)
        r = metrics_rank(&series, &ret_figures->ranking, diag);
    if (r == 0 && ret_figures->ranked && !no_volume)
        r = measure_volume(scored, count, &windows, &ret_figures->volume, diag);
    scored_windows_deinit(&windows);
    return r;
}

int evaluation_separation(const struct scored *a, size_t a_count, const struct scored *b,
                          size_t b_count, double *ret_roc_auc, struct diag *diag)
{
    struct scored_windows side[2] = {{0}};
    struct metrics_ranking ranking;
    int r = scored_collect(a, a_count, SCORED_ROBOT, &side[0]);
    if (r == 0)
        r = scored_collect(b, b_count, SCORED_ROBOT, &side[1]);
    size_t room = side[0].count + side[1].count, count = 0;
    double *score = calloc(room + 1, sizeof *score);
    int *label = calloc(room + 1, sizeof *label);
    r = r == 0 && score && label ? 0 : -ENOMEM;
    for (int s = 0; r == 0 && s < 2; s++) {
        for (size_t i = 0; i < side[s].count; i++) {
            if (side[s].label[i] != 0)
                continue;
            score[count] = side[s].score[i];
            label[count++] = s;
        }
    }
    if (r < 0)
        diag_errno(diag, r, "evaluation");
    else
        r = metrics_rank(&(struct metrics_series){score, label, count}, &ranking, diag);
    if (r == 0)
        *ret_roc_auc = ranking.roc_auc;
    free(score);
    free(label);
    scored_windows_deinit(&side[0]);
    scored_windows_deinit(&side[1]);
    return r;
}

/* ---- events ---- */

static bool is_long(const struct scored *scored)
{
    size_t first = 0;
    for (size_t i = 0; i < scored->rows; i++) {
        if (scored->label[i] == 0)
            first = i + 1;
        else if (scored->time_ns[i] - scored->time_ns[first] > LONG_EVENT_NS)
            return true;
    }
    return false;
}

bool evaluation_by_steps(const struct scored *scored, size_t count, enum evaluation_events events)
{
    if (events != EVALUATION_AUTO)
        return events == EVALUATION_STEPS;
    for (size_t s = 0; s < count; s++) {
        if (scored[s].step && is_long(&scored[s]))
            return true;
    }
    return false;
}

int evaluation_delays(const struct event *events, size_t count, double *ret_p50, double *ret_p90)
{
    double *delay_s = calloc(count + 1, sizeof *delay_s);
    size_t found = 0;
    *ret_p50 = *ret_p90 = (double)NAN;
    if (!delay_s)
        return -ENOMEM;
    for (size_t e = 0; e < count; e++) {
        if (events[e].found)
            delay_s[found++] = events[e].delay_s;
    }
    if (found > 0) {
        metrics_sort(delay_s, found);
        *ret_p50 = metrics_percentile(delay_s, found, 50);
        *ret_p90 = metrics_percentile(delay_s, found, 90);
    }
    free(delay_s);
    return 0;
}

static void count_alerts(const struct scored *scored, struct evaluation *evaluation)
{
    struct event_onset onset;
    for (size_t from = 0; event_next_onset(scored, &from, &onset);) {
        evaluation->alerts++;
        evaluation->alerts_in_event += onset.in_event;
    }
}

/* After a labelled row the windows that hold it, and the filter that holds these, still answer to
 * it, and so does the rest of its program step where steps are judged: what begins there is no
 * false alarm, and the time is not healthy. Returns the alarms: onsets if the mask is of all
 * conditions, else rows in which a condition of the mask becomes true. ret_hours: healthy time; may
 * be NULL. */
static size_t healthy_onsets(const struct scored *scored, unsigned mask, double *ret_hours)
{
    const int64_t reach_ns =
        (int64_t)((double)scored->reach * 1.5 * scored->period_s * 1e9) + EVENT_MERGE_NS;
    int64_t label_ns = INT64_MIN / 2, onset_ns = INT64_MIN / 2;
    size_t alarms = 0, rows = 0;
    bool disturbed = false; /* the step, by a label */
    for (size_t i = 0; i < scored->rows; i++) {
        int64_t time_ns = scored->time_ns[i];
        disturbed = scored->label[i] != 0 || (disturbed && event_step_goes_on(scored, i));
        if (scored->label[i] != 0)
            label_ns = time_ns;
        if (!scored_judged(scored, i) || disturbed || time_ns - label_ns <= reach_ns)
            continue;
        rows++;
        if (mask == EVENT_ANY_CONDITION ? !event_is_onset(scored, i)
                                        : !(event_begun(scored, i) & mask))
            continue;
        alarms += time_ns - onset_ns > EVENT_MERGE_NS;
        onset_ns = time_ns;
    }
    if (ret_hours)
        *ret_hours = (double)rows * scored->period_s / 3600;
    return alarms;
}

static void count_false_alarms(const struct scored *scored, struct evaluation *evaluation)
{
    double hours;
    evaluation->false_alarms += healthy_onsets(scored, EVENT_ANY_CONDITION, &hours);
    evaluation->healthy_hours += hours;
}

static int measure_events(const struct scored *scored, size_t count, struct event_list *events,
                          struct evaluation *evaluation)
{
    for (size_t e = 0; e < events->count; e++)
        evaluation->events_found += events->item[e].found;
    evaluation->events = events->count;
    for (size_t s = 0; s < count; s++) {
        count_alerts(&scored[s], evaluation);
        count_false_alarms(&scored[s], evaluation);
    }
    double days = evaluation->healthy_hours / 24;
    evaluation->event_precision = (double)evaluation->alerts_in_event / (double)evaluation->alerts;
    evaluation->false_alarms_per_day = (double)evaluation->false_alarms / days;
    evaluation->false_alarms_lower = metrics_poisson_lower(evaluation->false_alarms, 0.95) / days;
    evaluation->false_alarms_upper = metrics_poisson_upper(evaluation->false_alarms, 0.95) / days;
    return evaluation_delays(events->item, events->count, &evaluation->delay_p50_s,
                             &evaluation->delay_p90_s);
}

/* ---- all of it ---- */

static int collect_events(const struct scored *scored, size_t count, bool by_steps, unsigned mask,
                          struct event_list *ret_events)
{
    size_t first = 0;
    for (size_t s = 0; s < count; first += scored[s++].rows) {
        size_t e = ret_events->count;
        int r = event_collect(&scored[s], by_steps, mask, ret_events);
        if (r < 0)
            return r;
        for (; e < ret_events->count; e++) {
            ret_events->item[e].first += first;
            ret_events->item[e].end += first;
        }
    }
    return 0;
}

/* As the whole set is measured, by the conditions in the mask. */
static int measure_alone(const struct scored *scored, size_t count, unsigned mask,
                         const struct evaluation *evaluation, struct evaluation_found *ret_found)
{
    struct event_list events = {0};
    int r = collect_events(scored, count, evaluation->by_steps, mask, &events);
    for (size_t e = 0; r == 0 && e < events.count; e++)
        ret_found->events += events.item[e].found;
    for (size_t s = 0; r == 0 && s < count; s++)
        ret_found->false_alarms += healthy_onsets(&scored[s], mask, NULL);
    if (r == 0)
        r = evaluation_delays(events.item, events.count, &ret_found->delay_p50_s,
                              &ret_found->delay_p90_s);
    free(events.item);
    return r;
}

/* Whole runs of labels, where an event is a program step of one. */
static int measure_runs(const struct scored *scored, size_t count, struct evaluation *evaluation)
{
    struct event_list runs = {0};
    struct evaluation_found *found = &evaluation->found_runs;
    int r = collect_events(scored, count, false, EVENT_ANY_CONDITION, &runs);
    for (size_t e = 0; r == 0 && e < runs.count; e++)
        found->events += runs.item[e].found;
    if (r == 0)
        r = evaluation_delays(runs.item, runs.count, &found->delay_p50_s, &found->delay_p90_s);
    evaluation->runs = runs.count;
    free(runs.item);
    return r;
}

int evaluation_measure(const struct scored *scored, size_t count,
                       const struct evaluation_options *options, struct evaluation *ret_evaluation,
                       struct diag *diag)
{
    struct event_list events = {0};
    *ret_evaluation = (struct evaluation){.detectors = count ? scored->detectors : 0};
    for (size_t s = 0; s < count; s++) {
        for (size_t i = 0; i < scored[s].rows; i++)
            ret_evaluation->windows += scored_evaluated(&scored[s], i);
    }
    if (ret_evaluation->windows == 0)
        return diag_set(diag,
                        "no window could be evaluated: %zu unbroken rows, %g s apart, are needed",
                        count ? scored->span : 1, count ? scored->period_s : 0);
    int r = measure_windows(scored, count, SCORED_ROBOT, options->no_volume, &ret_evaluation->robot,
                            diag);
    for (size_t d = 0; r == 0 && d < scored->detectors; d++)
        r = measure_windows(scored, count, d, options->no_volume, &ret_evaluation->detector[d],
                            diag);
    if (r < 0)
        return r;
    ret_evaluation->by_steps = evaluation_by_steps(scored, count, options->events);
    r = collect_events(scored, count, ret_evaluation->by_steps, EVENT_ANY_CONDITION, &events);
    if (r == 0)
        r = measure_events(scored, count, &events, ret_evaluation);
    if (r == 0 && ret_evaluation->by_steps)
        r = measure_runs(scored, count, ret_evaluation);
    for (size_t d = 0; r == 0 && d < scored->detectors; d++)
        r = measure_alone(scored, count, 1U << d, ret_evaluation, &ret_evaluation->found[d]);
    if (r == 0)
        r = measure_alone(scored, count, SCORED_FAULT, ret_evaluation,
                          &ret_evaluation->found_fault);
    if (r < 0)
        diag_errno(diag, r, "evaluation");
    else
        r = evaluation_classes(scored, count, &events, ret_evaluation, diag);
    free(events.item);
    return r;
}

int evaluate(struct recording *const *recordings, size_t count, struct model *model,
             const struct evaluation_options *options, struct evaluation *ret_evaluation,
             struct diag *diag)
{
    *ret_evaluation = (struct evaluation){0};
    struct scored *scored = calloc(count + 1, sizeof *scored);
    int r = scored ? 0 : diag_errno(diag, ENOMEM, "evaluation");
    for (size_t s = 0; r == 0 && s < count; s++)
        r = scored_from_model(recordings[s], model, options->false_alarms_per_day, &scored[s],
                              diag);
    if (r == 0)
        r = evaluation_measure(scored, count, options, ret_evaluation, diag);
    for (size_t s = 0; scored && s < count; s++)
        scored_deinit(&scored[s]);
    free(scored);
    return r;
}
