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
    alert_init(&monitor->alert);
    alert_set_model(&monitor->alert, model, monitor->thresholds);
    return 0;
}

void monitor_deinit(struct monitor *monitor)
{
    track_deinit(&monitor->track);
    model_unref(monitor->model);
    monitor->model = NULL;
}

void monitor_push(struct monitor *monitor, const struct sample *sample, const float *values,
                  struct monitor_result *ret_result)
{
    struct history *history = &monitor->track.history;
    memcpy(track_next_row(&monitor->track), values, monitor->model->channels * sizeof *values);
    ret_result->outcome = track_push(&monitor->track, sample);
    ret_result->evaluated = false;
    ret_result->transition = ALERT_NONE;
    if (ret_result->outcome == HISTORY_DUPLICATE || ret_result->outcome == HISTORY_LATE)
        return;
    monitor->arrivals++;
    if (ret_result->outcome == HISTORY_RESTARTED)
        alert_restart(&monitor->alert);
    size_t rows = history_valid_rows(history);
    const struct score_request request = {
        .window = history_window(history, rows), .rows = rows, .thresholds = monitor->thresholds};
    ret_result->score.time_ns = sample->time_ns;
    ret_result->score.seq = sample->has_seq ? sample->seq : monitor->arrivals;
    score_windows(monitor->model, &request, 1, &ret_result->score);
    ret_result->ratio = score_ratio(&ret_result->score, monitor->thresholds, NULL);
    ret_result->evaluated = ret_result->ratio >= 0;
    if (ret_result->evaluated)
        ret_result->transition = alert_push(&monitor->alert, &ret_result->score, false);
}

void monitor_break(struct monitor *monitor)
{
    track_break(&monitor->track);
}
