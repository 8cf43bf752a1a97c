#include "pipeline/monitor.h"

#include <string.h>

int monitor_init(struct monitor *monitor, struct model *model, double false_alarms_per_day,
                 double max_gap_s)
{
    memset(monitor, 0, sizeof *monitor);
    int r = track_init(&monitor->track, model, max_gap_s);
    if (r < 0)
        return r;
    monitor->model = model_ref(model);
    for (size_t d = 0; d < model->detectors; d++)
        monitor->thresholds[d] = model_threshold(model, d, false_alarms_per_day);
    r = alert_set_model(&monitor->alert, model, monitor->thresholds);
    if (r < 0)
        monitor_deinit(monitor);
    return r;
}

void monitor_deinit(struct monitor *monitor)
{
    track_deinit(&monitor->track);
    alert_deinit(&monitor->alert);
    model_unref(monitor->model);
    monitor->model = NULL;
}

static void score_newest(struct monitor *monitor, int64_t time_ns, uint64_t seq,
                         struct monitor_result *ret_result)
{
    struct history *history = &monitor->track.history;
    size_t rows = history_valid_rows(history);
    const struct score_request request = {
        .window = history_window(history, rows), .rows = rows, .thresholds = monitor->thresholds};
    ret_result->score.time_ns = time_ns;
    ret_result->score.seq = seq;
    score_windows(monitor->model, &request, 1, &ret_result->score);
    ret_result->ratio = score_ratio(&ret_result->score, monitor->thresholds, NULL);
    ret_result->evaluated = ret_result->ratio >= 0;
    if (ret_result->evaluated)
        ret_result->transition = alert_push(&monitor->alert, &ret_result->score, false);
}

void monitor_push(struct monitor *monitor, const struct sample *sample, const float *values,
                  struct monitor_result *ret_result)
{
    memcpy(track_next_row(&monitor->track), values, monitor->model->channels * sizeof *values);
    ret_result->outcome = track_push(&monitor->track, sample);
    ret_result->evaluated = false;
    ret_result->transition = ret_result->fault = ALERT_NONE;
    ret_result->verdict = FLAT_NONE;
    if (ret_result->outcome == HISTORY_DUPLICATE || ret_result->outcome == HISTORY_LATE)
        return;
    monitor->arrivals++;
    if (ret_result->outcome == HISTORY_RESTARTED)
        alert_restart(&monitor->alert);
    uint64_t seq = sample->has_seq ? sample->seq : monitor->arrivals;
    const struct sensor_fault_row row = {
        .verdict = monitor->track.verdict, .time_ns = sample->time_ns, .seq = seq};
    ret_result->verdict = row.verdict;
    ret_result->fault =
        sensor_fault_push(&monitor->fault, &monitor->track.flat, monitor->model, &row);
    if (row.verdict == FLAT_NONE)
        score_newest(monitor, sample->time_ns, seq, ret_result);
}

void monitor_break(struct monitor *monitor)
{
    track_break(&monitor->track);
}
