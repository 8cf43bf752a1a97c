/* The public library: opaque names for a model and a monitor. */
#include <armwatch/armwatch.h>

#include "nn/blas.h"
#include "pipeline/monitor.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

struct armwatch_model {
    struct model *model;
};

struct armwatch_monitor {
    struct monitor monitor;
};

API int armwatch_model_load(const char *path, armwatch_model **ret_model,
                            char error[ARMWATCH_ERROR_MAX])
{
    _Static_assert(DIAG_TEXT_MAX <= ARMWATCH_ERROR_MAX, "a diagnostic must fit");
    struct diag diag = DIAG_INIT;
    armwatch_model *made = calloc(1, sizeof *made);
    int r = made ? 0 : diag_errno(&diag, ENOMEM, "%s", path);
    if (r == 0) {
        blas_init();
        r = model_load(path, &made->model, &diag);
    }
    if (r == 0)
        r = model_selftest(made->model, &diag);
    if (error)
        memcpy(error, diag.text, sizeof diag.text);
    if (r < 0) {
        armwatch_model_free(made);
        return r;
    }
    *ret_model = made;
    return 0;
}

API void armwatch_model_free(armwatch_model *model)
{
    if (!model)
        return;
    model_unref(model->model);
    free(model);
}

API const char *armwatch_model_name(const armwatch_model *model)
{
    return model->model->name;
}

API int64_t armwatch_model_version(const armwatch_model *model)
{
    return model->model->version;
}

API size_t armwatch_model_channels(const armwatch_model *model)
{
    return model->model->channels;
}

API const char *armwatch_model_channel_name(const armwatch_model *model, size_t channel)
{
    return channel < model->model->channels ? model->model->channel[channel].name : NULL;
}

API double armwatch_model_period_s(const armwatch_model *model)
{
    return model->model->period_s;
}

API int armwatch_monitor_new(armwatch_model *model, double false_alarms_per_day,
                             armwatch_monitor **ret_monitor)
{
    if (!(false_alarms_per_day >= 0))
        return -EINVAL;
    armwatch_monitor *monitor = calloc(1, sizeof *monitor);
    if (!monitor)
        return -ENOMEM;
    double budget =
        false_alarms_per_day > 0 ? false_alarms_per_day : model->model->false_alarms_per_day;
    int r = monitor_init(&monitor->monitor, model->model, budget, 0);
    if (r < 0) {
        free(monitor);
        return r;
    }
    *ret_monitor = monitor;
    return 0;
}

API void armwatch_monitor_free(armwatch_monitor *monitor)
{
    if (!monitor)
        return;
    monitor_deinit(&monitor->monitor);
    free(monitor);
}

API int armwatch_monitor_push(armwatch_monitor *monitor, int64_t time_ns, const float *values,
                              struct armwatch_score *ret_score)
{
    struct monitor *m = &monitor->monitor;
    *ret_score = (struct armwatch_score){.alert = m->alert.episode.open,
                                         .sensor_fault = m->fault.episode.open};
    if (time_ns < 0) {
        monitor_break(m);
        return -EINVAL;
    }
    for (size_t c = 0; c < m->model->channels; c++) {
        if (!isfinite(values[c])) {
            monitor_break(m);
            return -EINVAL;
        }
    }
    if (model_find_impossible(m->model, values) < m->model->channels) {
        monitor_break(m);
        return -ERANGE;
    }
    struct monitor_result result;
    const struct sample sample = {.time_ns = time_ns, .has_time = true};
    monitor_push(m, &sample, values, &result);
    if (result.outcome == HISTORY_DUPLICATE || result.outcome == HISTORY_LATE)
        return -EEXIST;
    ret_score->evaluated = result.evaluated;
    ret_score->score = result.evaluated ? result.ratio : 0;
    ret_score->event = (enum armwatch_event)result.transition;
    ret_score->alert = m->alert.episode.open;
    ret_score->sensor_fault = m->fault.episode.open;
    ret_score->stopped = result.verdict == FLAT_STOPPED;
    return 0;
}

API const char *armwatch_version(void)
{
    return ARMWATCH_VERSION;
}
