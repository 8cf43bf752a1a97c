#include "lab/runner.h"

#include "lab/score_means.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

int64_t runner_row_time(const struct recording *recording, size_t row, double period_s)
{
    return recording->time_ns ? recording->time_ns[row]
                              : (int64_t)llround((double)row * period_s * 1e9);
}

static int run_monitor(const struct recording *recording, struct monitor *monitor,
                       runner_sink *sink, void *user)
{
    const struct model *model = monitor->model;
    int r = 0;
    for (size_t i = 0; r == 0 && i < recording->rows; i++) {
        const float *values = recording->values + i * recording->channels;
        struct runner_row row = {.row = i, .monitor = monitor, .hole = !recording->valid[i]};
        row.hole = row.hole || model_find_impossible(model, values) < model->channels;
        row.time_ns = runner_row_time(recording, i, model->period_s);
        if (row.hole) {
            monitor_break(monitor);
        } else {
            const struct sample sample = {.time_ns = row.time_ns, .has_time = true};
            monitor_push(monitor, &sample, values, &row.result);
        }
        r = sink(&row, user);
    }
    return r;
}

int runner_run(const struct recording *recording, struct model *model, double false_alarms_per_day,
               runner_sink *sink, void *user)
{
    struct monitor monitor;
    assert(recording->channels == model->channels);
    int r = monitor_init(&monitor, model, false_alarms_per_day, 0);
    if (r < 0)
        return r;
    r = run_monitor(recording, &monitor, sink, user);
    monitor_deinit(&monitor);
    return r;
}

/* Without a threshold: an episode of the old one that clears would empty the filter, and the new
 * calibration would depend on the old. */
static int run_unlimited(const struct recording *recording, struct model *model, runner_sink *sink,
                         void *user)
{
    struct monitor monitor;
    assert(recording->channels == model->channels);
    int r = monitor_init(&monitor, model, 1, 0);
    if (r < 0)
        return r;
    for (size_t d = 0; d < model->detectors; d++)
        monitor.thresholds[d] = (double)INFINITY;
    alert_set_thresholds(&monitor.alert, monitor.thresholds);
    r = run_monitor(recording, &monitor, sink, user);
    monitor_deinit(&monitor);
    return r;
}

struct calibrating {
    size_t detectors;
    struct calibration_blocks blocks[MODEL_DETECTORS_MAX];
    struct score_means means;
};

static int push_statistics(const struct runner_row *row, void *user)
{
    struct calibrating *calibrating = user;
    if (row->hole || !row->result.evaluated)
        return 0;
    for (size_t d = 0; d < calibrating->detectors; d++) {
        double statistic = alert_trigger_statistic(&row->monitor->alert, d);
        if (!row->result.score.detector[d].evaluated || statistic < 0)
            continue;
        int r = calibration_blocks_push(&calibrating->blocks[d], row->time_ns, statistic);
        if (r < 0)
            return r;
    }
    return score_means_push(&calibrating->means, &row->result.score);
}

static int run_sessions(struct recording *const *sessions, size_t count, struct model *model,
                        struct calibrating *calibrating)
{
    for (size_t s = 0; s < count; s++) {
        int r = run_unlimited(sessions[s], model, push_statistics, calibrating);
        for (size_t d = 0; r == 0 && d < calibrating->detectors; d++)
            r = calibration_blocks_end_session(&calibrating->blocks[d]);
        if (r == 0)
            r = score_means_end_session(&calibrating->means);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Each session is tried at the budget that the detector gets from model_threshold. */
static int fit_sessions(const struct calibrating *calibrating, const struct model *model,
                        size_t detector, struct calibration *ret_calibration, struct diag *diag)
{
    const struct calibration_blocks *blocks = &calibrating->blocks[detector];
    int r = calibration_fit(ret_calibration, blocks, diag);
    if (r < 0)
        return r;
    double per_day = model->false_alarms_per_day / (double)model->detectors;
    r = calibration_leave_out(ret_calibration, blocks, per_day, diag);
    if (r == 0 &&
        (r = score_means_fit(&calibrating->means, detector, &ret_calibration->reference)) < 0)
        diag_errno(diag, r, "calibration");
    if (r < 0)
        calibration_deinit(ret_calibration);
    return r;
}

int runner_calibrate(struct recording *const *sessions, size_t count, struct model *model,
                     struct calibration *ret_calibrations, struct diag *diag)
{
    struct calibrating calibrating = {.detectors = model->detectors};
    for (size_t d = 0; d < model->detectors; d++)
        calibration_blocks_init(&calibrating.blocks[d], CALIBRATION_BLOCK_S, model->period_s);
    int r = score_means_init(&calibrating.means, model);
    if (r == 0)
        r = run_sessions(sessions, count, model, &calibrating);
    if (r < 0)
        diag_errno(diag, r, "calibration");
    size_t fitted = 0;
    for (; r == 0 && fitted < model->detectors; fitted++)
        r = fit_sessions(&calibrating, model, fitted, &ret_calibrations[fitted], diag);
    for (size_t d = 0; r < 0 && d + 1 < fitted; d++)
        calibration_deinit(&ret_calibrations[d]);
    for (size_t d = 0; d < model->detectors; d++)
        calibration_blocks_deinit(&calibrating.blocks[d]);
    score_means_deinit(&calibrating.means);
    return r;
}
