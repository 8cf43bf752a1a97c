#include "daemon/commissioning_json.h"

#include "base/clock.h"
#include "daemon/commissioning.h"
#include "pipeline/alert_json.h"

#include <math.h>

#define RATE_KNOWN_H 0.05 /* evaluated, before a day is foretold from it */
#define FORETOLD_H (1000 * 24.0)

static struct commissioning_progress progress_of(const struct robot *robot)
{
    return commissioning_progress(robot->commissioning, clock_realtime_ns());
}

static bool is_ready(const struct robot *robot)
{
    return commissioning_learns(robot) && progress_of(robot).ready;
}

/* When the target will be supported if it goes on like this. */
static void add_expected(cJSON *object, const struct commissioning_progress *progress)
{
    double hours = (progress->needed_hours - progress->hours) / progress->rate;
    if (progress->ready || progress->hours < RATE_KNOWN_H || !(hours < FORETOLD_H)) {
        cJSON_AddNullToObject(object, "ready_at");
        return;
    }
    char text[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(clock_realtime_ns() + (int64_t)(hours * 3.6e12), text);
    cJSON_AddStringToObject(object, "ready_at", text);
}

void commissioning_json(cJSON *root, const struct robot *robot)
{
    const struct commissioning_record *record = robot->commissioning;
    if (!record) {
        cJSON_AddNullToObject(root, "commissioning");
        return;
    }
    struct commissioning_progress progress = progress_of(robot);
    bool armed = record->mode == COMMISSIONING_ARMED, learns = commissioning_learns(robot);
    cJSON *object = cJSON_AddObjectToObject(root, "commissioning");
    cJSON_AddStringToObject(object, "mode", commissioning_mode_name(record->mode));
    alert_json_number(object, "hours", progress.hours);
    cJSON_AddNumberToObject(object, "sessions", (double)progress.sessions);
    cJSON_AddNumberToObject(object, "windows", (double)progress.windows);
    alert_json_number(object, "false_alarms_per_day", armed ? record->per_day : record->target);
    alert_json_number(object, "supported_per_day", progress.supported_per_day);
    alert_json_number(object, "needed_hours", progress.needed_hours);
    if (learns)
        add_expected(object, &progress);
    if (learns && progress.ready)
        cJSON_AddStringToObject(object, "advice", "target supported: arm it");
}

void commissioning_json_reasons(cJSON *reasons, const struct robot *robot)
{
    if (is_ready(robot))
        json_append(reasons, cJSON_CreateString(COMMISSIONING_READY));
    if (commissioning_learns(robot) && robot->commissioning->full)
        json_append(reasons, cJSON_CreateString(COMMISSIONING_FULL));
}

unsigned commissioning_json_key(const struct robot *robot)
{
    const struct commissioning_record *record = robot->commissioning;
    if (!record)
        return 0;
    unsigned hours = (unsigned)fmin(progress_of(robot).hours, 1e6);
    return 1 + (unsigned)record->mode + 4 * (unsigned)is_ready(robot) + 8 * (unsigned)record->full +
           16 * hours;
}
