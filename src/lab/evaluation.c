/*
 * One pass through the pipeline per recording fills a table with a line per row: label, scores, and
 * whether the k-of-n condition held. All figures are then counted from the table.
 */
#include "lab/evaluation.h"

#include "lab/runner.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FOUND_AFTER_NS INT64_C(1000000000) /* an onset this soon after an event still finds it */
#define ONSET_MERGE_NS INT64_C(1000000000) /* onsets closer than this are one */
#define LONG_EVENT_NS INT64_C(600000000000)
#define VOLUME_TOLERANCE_S 5.0

struct line {
    int64_t time_ns;
    int label;        /* of the row */
    int window_label; /* of the first labelled row in the window that ends here */
    int step;
    bool evaluated;
    bool triggered; /* k of the last n scores of some detector are over its threshold */
    double ratio;
    double score[MODEL_DETECTORS_MAX]; /* over its threshold, so that 1 is the limit */
};

struct table {
    struct line *line; /* [rows] */
    size_t rows;
    const struct recording *recording;
    ptrdiff_t step_channel; /* -1: there is none */
};

static int fill_line(const struct runner_row *row, void *user)
{
    struct table *table = user;
    const struct recording *recording = table->recording;
    struct line *line = &table->line[row->row];
    *line = (struct line){.time_ns = row->time_ns,
                          .label = recording->label ? recording->label[row->row] : 0};
    for (size_t back = 0; back < row->monitor->model->span && back <= row->row; back++) {
        int label = recording->label ? recording->label[row->row - back] : 0;
        line->window_label = label ? label : line->window_label;
    }
    if (table->step_channel >= 0)
        line->step = (int)lroundf(
            recording->values[row->row * recording->channels + (size_t)table->step_channel]);
    line->evaluated = !row->hole && row->result.evaluated;
    if (!line->evaluated)
        return 0;
    const struct alert *alert = &row->monitor->alert;
    line->ratio = row->result.ratio;
    for (size_t d = 0; d < alert->detectors; d++) {
        line->triggered |= alert_trigger_statistic(alert, d) > alert->trigger[d].threshold;
        if (row->result.score.detector[d].evaluated)
            line->score[d] = row->result.score.detector[d].score / row->monitor->thresholds[d];
    }
    return 0;
}

static int fill_table(const struct recording *recording, struct model *model,
                      double false_alarms_per_day, struct table *ret_table)
{
    *ret_table =
        (struct table){.recording = recording, .rows = recording->rows, .step_channel = -1};
    for (size_t c = 0; c < recording->channels; c++) {
        if (!strcmp(recording->names[c], "action"))
            ret_table->step_channel = (ptrdiff_t)c;
    }
    ret_table->line = calloc(recording->rows, sizeof *ret_table->line);
    if (!ret_table->line)
        return -ENOMEM;
    return runner_run(recording, model, false_alarms_per_day, fill_line, ret_table);
}

/* ---- windows ---- */

struct series {
    double *score;
    int *label;
    size_t count;
};

/* Detector d's scores, or (d == MODEL_DETECTORS_MAX) the robot's, of the evaluated lines. */
static void append_series(const struct table *table, size_t d, struct series *series)
{
    for (size_t i = 0; i < table->rows; i++) {
        const struct line *line = &table->line[i];
        if (!line->evaluated)
            continue;
        series->score[series->count] = d < MODEL_DETECTORS_MAX ? line->score[d] : line->ratio;
        series->label[series->count++] = line->window_label;
    }
}

static bool has_both_classes(const struct series *series)
{
    size_t anomalous = 0;
    for (size_t i = 0; i < series->count; i++)
        anomalous += series->label[i] != 0;
    return anomalous > 0 && anomalous < series->count;
}

/* Of each recording that has both classes, weighted by its windows; NAN where none has: put one
 * after the other, the tolerance around an anomaly would reach over the border into another
 * recording. */
static int measure_volume(const struct table *tables, size_t count, size_t d, size_t tolerance,
                          struct series *all, struct metrics_volume *ret_volume, struct diag *diag)
{
    struct metrics_volume sum = {0};
    size_t windows = 0;
    for (size_t t = 0; t < count; t++) {
        struct series one = {.score = all->score, .label = all->label};
        append_series(&tables[t], d, &one);
        if (!has_both_classes(&one))
            continue;
        struct metrics_volume volume;
        const struct metrics_series series = {one.score, one.label, one.count};
        int r = metrics_volume(&series, tolerance, &volume, diag);
        if (r < 0)
            return r;
        sum.pr += volume.pr * (double)one.count;
        sum.roc += volume.roc * (double)one.count;
        windows += one.count;
    }
    *ret_volume =
        (struct metrics_volume){.pr = sum.pr / (double)windows, .roc = sum.roc / (double)windows};
    return 0;
}

static int measure_windows(const struct table *tables, size_t count, size_t d, double period_s,
                           struct evaluation_figures *ret_figures, struct diag *diag)
{
    size_t rows = 0;
    for (size_t t = 0; t < count; t++)
        rows += tables[t].rows;
    struct series all = {.score = calloc(rows, sizeof(double)), .label = calloc(rows, sizeof(int))};
    int r = all.score && all.label ? 0 : diag_errno(diag, ENOMEM, "evaluation");
    for (size_t t = 0; r == 0 && t < count; t++)
        append_series(&tables[t], d, &all);
    const struct metrics_series series = {all.score, all.label, all.count};
    if (r == 0) {
        metrics_confusion(&series, 1, &ret_figures->confusion);
        ret_figures->ranked = has_both_classes(&all);
    }
    if (r == 0 && ret_figures->ranked) {
        r = metrics_rank(&series, &ret_figures->ranking, diag);
        if (r == 0)
            r = measure_volume(tables, count, d, (size_t)lround(VOLUME_TOLERANCE_S / period_s),
                               &all, &ret_figures->volume, diag);
    }
    free(all.score);
    free(all.label);
    return r;
}

/* ---- events ---- */

static bool is_long(const struct table *table)
{
    size_t first = 0;
    for (size_t i = 0; i < table->rows; i++) {
        if (table->line[i].label == 0)
            first = i + 1;
        else if (table->line[i].time_ns - table->line[first].time_ns > LONG_EVENT_NS)
            return true;
    }
    return false;
}

static bool same_event(const struct line *before, const struct line *line, bool by_steps)
{
    return line->label != 0 && before->label != 0 && (!by_steps || before->step == line->step);
}

static bool is_onset(const struct table *table, size_t i)
{
    if (!table->line[i].triggered)
        return false;
    for (size_t j = i; j-- > 0;) {
        if (table->line[j].evaluated)
            return !table->line[j].triggered;
    }
    return true;
}

struct delays {
    double *delay_s;
    size_t count, capacity;
};

static int add_delay(struct delays *delays, double delay_s)
{
    if (delays->count == delays->capacity) {
        size_t capacity = delays->capacity ? 2 * delays->capacity : 64;
        double *grown = realloc(delays->delay_s, capacity * sizeof *grown);
        if (!grown)
            return -ENOMEM;
        delays->delay_s = grown;
        delays->capacity = capacity;
    }
    delays->delay_s[delays->count++] = delay_s;
    return 0;
}

static int count_events(const struct table *table, bool by_steps, struct evaluation *evaluation,
                        struct delays *delays)
{
    size_t first = 0;
    while (first < table->rows) {
        if (table->line[first].label == 0) {
            first++;
            continue;
        }
        size_t end = first + 1;
        while (end < table->rows && same_event(&table->line[end - 1], &table->line[end], by_steps))
            end++;
        int64_t start_ns = table->line[first].time_ns;
        int64_t until_ns = table->line[end - 1].time_ns + FOUND_AFTER_NS;
        evaluation->events++;
        for (size_t i = first; i < table->rows && table->line[i].time_ns <= until_ns; i++) {
            if (i >= end && table->line[i].label != 0)
                break; /* the next event has begun: what comes now is its own */
            if (!is_onset(table, i))
                continue;
            evaluation->events_found++;
            if (add_delay(delays, (double)(table->line[i].time_ns - start_ns) / 1e9) < 0)
                return -ENOMEM;
            break;
        }
        first = end;
    }
    return 0;
}

/* After a labelled row the windows that hold it, and the filter that holds these, still answer to
 * it. */
static int64_t aftermath_ns(const struct model *model)
{
    size_t rows = 0;
    for (size_t d = 0; d < model->detectors; d++) {
        const struct detector *detector = &model->detector[d];
        size_t reach = detector_span(detector) - 1 + detector->filter.n;
        rows = reach > rows ? reach : rows;
    }
    return (int64_t)((double)rows * 1.5 * model->period_s * 1e9) + ONSET_MERGE_NS;
}

static void count_false_alarms(const struct table *table, const struct model *model,
                               struct evaluation *evaluation)
{
    const int64_t reach_ns = aftermath_ns(model);
    int64_t label_ns = INT64_MIN / 2, onset_ns = INT64_MIN / 2;
    for (size_t i = 0; i < table->rows; i++) {
        const struct line *line = &table->line[i];
        if (line->label != 0)
            label_ns = line->time_ns;
        if (!line->evaluated || line->label != 0 || line->time_ns - label_ns <= reach_ns)
            continue;
        evaluation->healthy_hours += model->period_s / 3600;
        if (!is_onset(table, i))
            continue;
        evaluation->false_alarms += line->time_ns - onset_ns > ONSET_MERGE_NS;
        onset_ns = line->time_ns;
    }
}

static int measure_events(const struct table *tables, size_t count, const struct model *model,
                          const struct evaluation_options *options, struct evaluation *evaluation)
{
    struct delays delays = {0};
    int r = 0;
    evaluation->by_steps = options->events == EVALUATION_STEPS;
    for (size_t t = 0; options->events == EVALUATION_AUTO && t < count; t++)
        evaluation->by_steps |= tables[t].step_channel >= 0 && is_long(&tables[t]);
    for (size_t t = 0; r == 0 && t < count; t++) {
        r = count_events(&tables[t], evaluation->by_steps, evaluation, &delays);
        count_false_alarms(&tables[t], model, evaluation);
    }
    evaluation->delay_p50_s = evaluation->delay_p90_s = (double)NAN;
    if (r == 0 && delays.count > 0) {
        metrics_sort(delays.delay_s, delays.count);
        evaluation->delay_p50_s = metrics_percentile(delays.delay_s, delays.count, 50);
        evaluation->delay_p90_s = metrics_percentile(delays.delay_s, delays.count, 90);
    }
    free(delays.delay_s);
    double days = evaluation->healthy_hours / 24;
    evaluation->false_alarms_per_day = (double)evaluation->false_alarms / days;
    evaluation->false_alarms_lower = metrics_poisson_lower(evaluation->false_alarms, 0.95) / days;
    evaluation->false_alarms_upper = metrics_poisson_upper(evaluation->false_alarms, 0.95) / days;
    return r;
}

static int measure(const struct table *tables, size_t count, const struct model *model,
                   const struct evaluation_options *options, struct evaluation *evaluation,
                   struct diag *diag)
{
    for (size_t t = 0; t < count; t++) {
        for (size_t i = 0; i < tables[t].rows; i++)
            evaluation->windows += tables[t].line[i].evaluated;
    }
    if (evaluation->windows == 0)
        return diag_set(diag,
                        "no window could be evaluated: %zu unbroken rows, %g s apart, are needed",
                        model->span, model->period_s);
    evaluation->detectors = model->detectors;
    int r = measure_windows(tables, count, MODEL_DETECTORS_MAX, model->period_s, &evaluation->robot,
                            diag);
    for (size_t d = 0; r == 0 && d < model->detectors; d++)
        r = measure_windows(tables, count, d, model->period_s, &evaluation->detector[d], diag);
    if (r == 0 && (r = measure_events(tables, count, model, options, evaluation)) < 0)
        diag_errno(diag, r, "evaluation");
    return r;
}

int evaluate(struct recording *const *recordings, size_t count, struct model *model,
             const struct evaluation_options *options, struct evaluation *ret_evaluation,
             struct diag *diag)
{
    *ret_evaluation = (struct evaluation){0};
    if (!model_calibrated(model))
        return diag_set(diag, "model %s is not calibrated: it has no threshold", model->name);
    struct table *tables = calloc(count, sizeof *tables);
    int r = tables ? 0 : -ENOMEM;
    for (size_t t = 0; r == 0 && t < count; t++)
        r = fill_table(recordings[t], model, options->false_alarms_per_day, &tables[t]);
    if (r < 0)
        diag_errno(diag, r, "evaluation");
    else
        r = measure(tables, count, model, options, ret_evaluation, diag);
    for (size_t t = 0; tables && t < count; t++)
        free(tables[t].line);
    free(tables);
    return r;
}
