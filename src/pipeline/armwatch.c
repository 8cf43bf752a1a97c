/* The public library: opaque names for a model and a monitor. */
#include <armwatch/armwatch.h>

#include "nn/blas.h"
#include "pipeline/alert_json.h"
#include "pipeline/monitor.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

struct armwatch_model {
    struct model *model;
};

struct armwatch_monitor {
    struct monitor monitor;
    struct score last; /* of the sample that was pushed last; no detectors: it was not scored */
};

/* `parsed` is taken, whatever comes of it. */
static int finish_load(int r, struct model *parsed, armwatch_model **ret_model, struct diag *diag)
{
    armwatch_model *made = r == 0 ? calloc(1, sizeof *made) : NULL;
    if (r == 0 && !made)
        r = diag_errno(diag, ENOMEM, "model");
    if (r == 0)
        r = model_selftest(parsed, diag);
    if (r < 0) {
        model_unref(parsed);
        free(made);
        return r;
    }
    made->model = parsed;
    *ret_model = made;
    return 0;
}

static void tell(const struct diag *diag, char *error)
{
    _Static_assert(DIAG_TEXT_MAX <= ARMWATCH_ERROR_MAX, "a diagnostic must fit");
    if (error)
        memcpy(error, diag->text, sizeof diag->text);
}

API int armwatch_model_load(const char *path, armwatch_model **ret_model,
                            char error[ARMWATCH_ERROR_MAX])
{
    struct diag diag = DIAG_INIT;
    struct model *parsed = NULL;
    blas_init();
    int r = model_load(path, &parsed, &diag);
    r = finish_load(r, parsed, ret_model, &diag);
    tell(&diag, error);
    return r;
}

API int armwatch_model_load_memory(const void *data, size_t size, armwatch_model **ret_model,
                                   char error[ARMWATCH_ERROR_MAX])
{
    struct diag diag = DIAG_INIT;
    struct model *parsed = NULL;
    blas_init();
    int r = model_parse(data, size, &parsed, &diag);
    r = finish_load(r, parsed, ret_model, &diag);
    tell(&diag, error);
    return r;
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

API size_t armwatch_model_find_channel(const armwatch_model *model, const char *name)
{
    size_t c = 0;
    while (c < model->model->channels && strcmp(model->model->channel[c].name, name) != 0)
        c++;
    return c;
}

API double armwatch_model_period_s(const armwatch_model *model)
{
    return model->model->period_s;
}

API double armwatch_model_false_alarms_per_day(const armwatch_model *model)
{
    return model->model->false_alarms_per_day;
}

API const char *armwatch_model_sha256(const armwatch_model *model)
{
    return model->model->sha256;
}

API size_t armwatch_model_detectors(const armwatch_model *model)
{
    return model->model->detectors;
}

API const char *armwatch_model_detector_name(const armwatch_model *model, size_t detector)
{
    return detector < model->model->detectors ? model->model->detector[detector].name : NULL;
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
    monitor->last.detectors = 0;
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
    if (result.verdict == FLAT_NONE)
        monitor->last = result.score;
    ret_score->evaluated = result.evaluated;
    ret_score->score = result.evaluated ? result.ratio : 0;
    ret_score->event = (enum armwatch_event)result.transition;
    ret_score->alert = m->alert.episode.open;
    ret_score->sensor_fault = m->fault.episode.open;
    ret_score->stopped = result.verdict == FLAT_STOPPED;
    return 0;
}

API int armwatch_monitor_detector(const armwatch_monitor *monitor, size_t detector,
                                  struct armwatch_detector_score *ret_score)
{
    const struct score *last = &monitor->last;
    if (detector >= monitor->monitor.model->detectors)
        return -EINVAL;
    bool evaluated = detector < last->detectors && last->detector[detector].evaluated;
    *ret_score =
        (struct armwatch_detector_score){.evaluated = evaluated,
                                         .score = evaluated ? last->detector[detector].score : 0,
                                         .threshold = monitor->monitor.thresholds[detector]};
    return 0;
}

API size_t armwatch_monitor_text(const armwatch_monitor *monitor, char *text, size_t size)
{
    const struct monitor *m = &monitor->monitor;
    char sentence[ALERT_TEXT_MAX] = "";
    if (m->alert.episode.open)
        alert_text(m->model, &m->alert, sentence);
    else if (m->fault.episode.open)
        alert_text_fault(m->model, &m->fault, false, sentence);
    return (size_t)snprintf(text, size, "%s", sentence);
}

API const char *armwatch_version(void)
{
    return ARMWATCH_VERSION;
}
