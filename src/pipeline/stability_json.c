#include "pipeline/stability_json.h"

#include "base/clock.h"
#include "pipeline/alert_json.h"

#include <math.h>

#define CHANNELS_MAX 3

static void add_channels(cJSON *drift, const struct stability *stability)
{
    struct stability_channel moved[CHANNELS_MAX];
    size_t count = stability_moved(stability, CHANNELS_MAX, moved);
    cJSON *list = cJSON_AddArrayToObject(drift, "channels");
    for (size_t i = 0; i < count; i++) {
        const struct model_channel *channel = &stability->model->channel[moved[i].channel];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", channel->name);
        if (*channel->unit)
            cJSON_AddStringToObject(entry, "unit", channel->unit);
        alert_json_number(entry, "mean", moved[i].mean);
        alert_json_number(entry, "usual", moved[i].usual);
        alert_json_number(entry, "z", moved[i].z);
        json_append(list, entry);
    }
}

void stability_json(cJSON *object, const struct stability *stability)
{
    const struct stability_finding *finding = &stability->finding;
    if (!finding->known) {
        cJSON_AddNullToObject(object, "drift");
        return;
    }
    const struct detector *detector = &stability->model->detector[finding->detector];
    char since[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(finding->since_ns, since);
    cJSON *drift = cJSON_AddObjectToObject(object, "drift");
    cJSON_AddStringToObject(drift, "level", psi_level_name(finding->psi.level));
    alert_json_number(drift, "psi", finding->psi.index);
    const struct calibration *calibration = &detector->calibration;
    alert_json_number(drift, "between_sessions",
                      calibration->sessions > 1 ? calibration->reference.between : (double)NAN);
    cJSON_AddStringToObject(drift, "detector", detector->name);
    alert_json_number(drift, "hours", finding->hours);
    cJSON_AddStringToObject(drift, "since", since);
    if (finding->psi.level != PSI_STABLE)
        add_channels(drift, stability);
}
