#include "daemon/commissioning_command.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/commissioning.h"
#include "daemon/commissioning_json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What a command is about, and where its answer goes. */
struct context {
    struct fleet *fleet;
    struct robot *robot;
    const cJSON *arguments;
    const char *who;
    cJSON *answer;
    struct diag *diag;
};

static void audit(const struct context *context, const char *what)
{
    const struct model *model = context->robot->model;
    log_info("audit: %s: %s, robot %s, model %s version %lld, sha256 %s", context->who, what,
             context->robot->name, model->name, (long long)model->version, model->sha256);
}

static const char *commission(const struct context *context)
{
    int r = commissioning_begin(&context->fleet->commissioning, context->robot);
    if (r == -ENOSPC)
        diag_set(context->diag, "%d robots are commissioned or armed, no more have room",
                 COMMISSIONING_RECORDS_MAX);
    else if (r < 0)
        diag_errno(context->diag, r, "commission");
    if (r < 0)
        return r == -ENOSPC ? "no_room" : "failed";
    audit(context, "commission: it raises no alerts from scores until it is armed");
    return NULL;
}

static const char *check_budget(const struct context *context, double per_day)
{
    const struct commissioning_record *record = context->robot->commissioning;
    struct commissioning_progress progress = commissioning_progress(record, clock_realtime_ns());
    bool force = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(context->arguments, "force"));
    if (progress.supported_per_day <= per_day || force)
        return NULL;
    if (progress.hours <= 0) {
        diag_set(context->diag,
                 "%.4g false alarms a day need %.4g h of healthy movement, nothing was learnt yet",
                 per_day, calibration_hours_for_rate(per_day));
        return "not_supported";
    }
    diag_set(context->diag,
             "%.4g false alarms a day need %.4g h of healthy movement, %.4g h in %zu session%s are "
             "there and support %.4g a day: wait, or name a budget that is supported, or force it",
             per_day, calibration_hours_for_rate(per_day), progress.hours, progress.sessions,
             progress.sessions == 1 ? "" : "s", progress.supported_per_day);
    return "not_supported";
}

static void add_detectors(const struct context *context)
{
    const struct commissioning_record *record = context->robot->commissioning;
    double thresholds[MODEL_DETECTORS_MAX];
    cJSON *list = cJSON_AddArrayToObject(context->answer, "detectors");
    commissioning_thresholds(record, thresholds);
    for (size_t d = 0; d < record->detectors; d++) {
        const struct calibration *calibration = &record->calibration[d];
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", context->robot->model->detector[d].name);
        cJSON_AddNumberToObject(entry, "threshold", thresholds[d]);
        cJSON_AddNumberToObject(entry, "blocks", (double)calibration->blocks);
        cJSON_AddStringToObject(entry, "tail", calibration_tail_name(calibration->tail));
        json_append(list, entry);
    }
}

static void audit_arm(const struct context *context)
{
    const struct commissioning_record *record = context->robot->commissioning;
    const struct model *model = context->robot->model;
    struct commissioning_progress progress = commissioning_progress(record, clock_realtime_ns());
    double thresholds[MODEL_DETECTORS_MAX];
    char text[512];
    int used =
        snprintf(text, sizeof text,
                 "arm: thresholds for %.4g false alarms a day from %.2f h in %zu sessions "
                 "(supported %.4g)",
                 record->per_day, progress.hours, progress.sessions, progress.supported_per_day);
    commissioning_thresholds(record, thresholds);
    for (size_t d = 0; d < record->detectors && used < (int)sizeof text; d++)
        used += snprintf(text + used, sizeof text - (size_t)used, ", %s %.6g",
                         model->detector[d].name, thresholds[d]);
    audit(context, text);
}

static const char *arm(const struct context *context)
{
    struct commissioning_record *record = context->robot->commissioning;
    const struct model *model = context->robot->model;
    if (!record) {
        diag_set(context->diag, "nothing was learnt for it: commission it first");
        return "not_commissioned";
    }
    double per_day = fleet_target_per_day(context->fleet, context->robot->name, model, NULL);
    if (json_get_number(context->arguments, "false_alarms_per_day", false, 1e-6, 1e6, &per_day,
                        context->diag) < 0)
        return "invalid_argument";
    const char *code = check_budget(context, per_day);
    if (code)
        return code;
    int r = commissioning_arm(record, model, per_day, context->diag);
    if (r < 0)
        return r == -ENODATA ? "not_supported" : "failed";
    if (cJSON_GetObjectItemCaseSensitive(context->arguments, "false_alarms_per_day"))
        budgets_drop(&context->fleet->budgets, context->robot->name); /* this is newer */
    add_detectors(context);
    audit_arm(context);
    return NULL;
}

static const char *disarm(const struct context *context)
{
    struct commissioning_record *record = context->robot->commissioning;
    if (!record || (record->mode == COMMISSIONING_IDLE)) {
        diag_set(context->diag, "it is neither armed nor commissioned");
        return "not_commissioned";
    }
    commissioning_disarm(record, context->robot->model);
    audit(context, record->mode == COMMISSIONING_LEARNING
                       ? "disarm: the model has no calibration of its own: it is commissioned again"
                       : "disarm: back to the model's own calibration");
    return NULL;
}

static const struct {
    const char *name;
    const char *(*run)(const struct context *context);
} commands[] = {{"commission", commission}, {"arm", arm}, {"disarm", disarm}};

const char *commissioning_command(struct fleet *fleet, const char *command, const cJSON *arguments,
                                  const char *who, cJSON *ret_answer, struct diag *diag)
{
    const char *name;
    if (json_get_string(arguments, "robot", true, 4 * NAME_MAX_LENGTH, &name, diag) < 0)
        return "invalid_argument";
    const struct context context = {.fleet = fleet,
                                    .robot = fleet_find(fleet, name),
                                    .arguments = arguments,
                                    .who = who,
                                    .answer = ret_answer,
                                    .diag = diag};
    if (!context.robot) {
        diag_set(diag, "no such robot");
        return "unknown_robot";
    }
    const char *code = NULL;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!strcmp(commands[i].name, command))
            code = commands[i].run(&context);
    }
    if (code)
        return code;
    fleet_apply_thresholds(fleet, context.robot);
    fleet_post_if_dirty(fleet);
    commissioning_tick(&fleet->commissioning, clock_monotonic_ns()); /* it is urgent */
    cJSON_AddStringToObject(ret_answer, "robot", name);
    commissioning_json(ret_answer, context.robot);
    return NULL;
}
