/*
 * Precedence: what a robot is armed for; what `threshold` said of it; what it said of all; the
 * configuration; the model. For an armed robot `threshold` with its name also sets what it is armed
 * for, from what was learnt; the one for all leaves armed robots alone.
 */
#include "daemon/threshold_command.h"

#include "base/log.h"
#include "daemon/commissioning.h"
#include "daemon/maintenance.h"
#include "pipeline/alert_json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define LISTED_MAX 16 /* models in an answer */

struct order {
    struct fleet *fleet;
    const char *robot; /* "": all */
    double per_day;    /* 0: back to the configuration */
    const char *who;
};

/* A calibration and what it makes of two budgets. */
struct subject {
    const struct model *model;
    const struct commissioning_record *armed; /* NULL: the model's own calibration */
    double before, after;                     /* false alarms a day */
    bool learns;
};

static const struct calibration *calibration_of(const struct subject *subject, size_t detector)
{
    const struct detector *own = &subject->model->detector[detector];
    if (subject->armed)
        return &subject->armed->calibration[detector];
    return own->calibrated ? &own->calibration : NULL;
}

static double supported_of(const struct subject *subject)
{
    if (subject->armed)
        return commissioning_progress(subject->armed, 0).supported_per_day;
    const struct calibration *least = model_least_calibration(subject->model);
    return least ? calibration_supported_per_day(least) : (double)INFINITY;
}

static double threshold_of(const struct subject *subject, size_t detector, double per_day)
{
    const struct calibration *calibration = calibration_of(subject, detector);
    if (!calibration || subject->learns)
        return (double)INFINITY;
    return calibration_threshold(calibration, per_day / (double)subject->model->detectors);
}

static void add_detectors(cJSON *entry, const struct subject *subject)
{
    cJSON *list = cJSON_AddArrayToObject(entry, "detectors");
    for (size_t d = 0; d < subject->model->detectors; d++) {
        const struct calibration *calibration = calibration_of(subject, d);
        cJSON *detector = cJSON_CreateObject();
        cJSON_AddStringToObject(detector, "name", subject->model->detector[d].name);
        alert_json_number(detector, "before", threshold_of(subject, d, subject->before));
        alert_json_number(detector, "threshold", threshold_of(subject, d, subject->after));
        if (calibration) {
            cJSON_AddNumberToObject(detector, "blocks", (double)calibration->blocks);
            cJSON_AddStringToObject(detector, "tail", calibration_tail_name(calibration->tail));
        }
        json_append(list, detector);
    }
}

/* Returns whether the calibration does not support the budget. */
static bool add_subject(cJSON *list, const struct subject *subject)
{
    double supported = supported_of(subject);
    bool extrapolated = subject->after < supported;
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", subject->model->name);
    cJSON_AddNumberToObject(entry, "version", (double)subject->model->version);
    alert_json_number(entry, "false_alarms_per_day", subject->after);
    alert_json_number(entry, "before_per_day", subject->before);
    alert_json_number(entry, "supported_per_day", supported);
    cJSON_AddBoolToObject(entry, "extrapolated", extrapolated);
    cJSON_AddStringToObject(entry, "thresholds_from",
                            subject->learns  ? "none yet: it is commissioned"
                            : subject->armed ? "what was learnt where it works"
                                             : "the model's own calibration");
    add_detectors(entry, subject);
    json_append(list, entry);
    return extrapolated;
}

static bool follows_all(const struct fleet *fleet, const struct robot *robot)
{
    return budgets_find(&fleet->budgets, robot->name) <= 0 &&
           (!robot->commissioning || robot->commissioning->mode != COMMISSIONING_ARMED);
}

static void set_armed(const struct order *order, struct robot *robot, double per_day)
{
    struct commissioning_record *record = robot->commissioning;
    if (!record || record->mode != COMMISSIONING_ARMED || record->per_day == per_day)
        return;
    record->per_day = per_day;
    record->dirty = record->urgent = true;
    log_info("audit: %s: threshold: %s is armed for %.4g false alarms a day now", order->who,
             robot->name, per_day);
}

/* All robots go back to the configuration, those with a budget of their own, too. */
static void reset_all(const struct order *order)
{
    struct fleet *fleet = order->fleet;
    for (size_t i = 0; i < fleet->count; i++) {
        struct robot *robot = fleet->robot[i];
        bool own = budgets_find(&fleet->budgets, robot->name) > 0;
        budgets_drop(&fleet->budgets, robot->name);
        if (own)
            set_armed(order, robot, fleet_target_per_day(fleet, robot->name, robot->model, NULL));
    }
    budgets_clear(&fleet->budgets);
}

static int set_budget(const struct order *order, struct robot *robot)
{
    struct fleet *fleet = order->fleet;
    if (order->per_day > 0) {
        int r = budgets_put(&fleet->budgets, order->robot, order->per_day);
        if (r < 0)
            return r;
    } else if (*order->robot) {
        budgets_drop(&fleet->budgets, order->robot);
    } else {
        reset_all(order);
    }
    if (robot)
        set_armed(order, robot, fleet_target_per_day(fleet, robot->name, robot->model, NULL));
    return 0;
}

static void apply(const struct order *order)
{
    struct fleet *fleet = order->fleet;
    for (size_t i = 0; i < fleet->count; i++) {
        if (!*order->robot || !strcmp(fleet->robot[i]->name, order->robot))
            fleet_apply_thresholds(fleet, fleet->robot[i]);
    }
    fleet_post_if_dirty(fleet);
}

/* What the answer is about: the robot, or every model in use, with the budgets of now. */
static size_t collect(const struct order *order, struct robot *robot,
                      struct subject subjects[LISTED_MAX])
{
    struct fleet *fleet = order->fleet;
    size_t count = 0;
    if (*order->robot) {
        const struct assignment *assignment = assignments_find(&fleet->assignments, order->robot);
        const struct commissioning_record *record = robot ? robot->commissioning : NULL;
        bool armed = record && record->mode == COMMISSIONING_ARMED;
        subjects[0] = (struct subject){.model = robot ? robot->model : assignment->model,
                                       .armed = armed ? record : NULL,
                                       .learns = robot && commissioning_learns(robot)};
        subjects[0].before = fleet_target_per_day(fleet, order->robot, subjects[0].model, NULL);
        if (armed)
            subjects[0].before = record->per_day;
        return 1;
    }
    for (size_t i = 0; i < fleet->assignments.count && count < LISTED_MAX; i++) {
        const struct model *model = fleet->assignments.item[i]->model;
        bool listed = false;
        for (size_t j = 0; j < count; j++)
            listed |= !strcmp(subjects[j].model->sha256, model->sha256);
        if (!listed)
            subjects[count++] = (struct subject){
                .model = model, .before = fleet_target_per_day(fleet, BUDGETS_ALL, model, NULL)};
    }
    return count;
}

static void tell_robots(const struct order *order, cJSON *answer)
{
    const struct fleet *fleet = order->fleet;
    size_t kept = 0;
    for (size_t i = 0; i < fleet->count; i++)
        kept += !follows_all(fleet, fleet->robot[i]);
    cJSON_AddNumberToObject(answer, "robots", (double)(fleet->count - kept));
    cJSON_AddNumberToObject(answer, "robots_with_own", (double)kept);
}

static void tell(const struct order *order, const struct robot *robot, struct subject *subjects,
                 size_t count, cJSON *answer)
{
    bool extrapolated = false;
    const char *source = NULL;
    cJSON *list = cJSON_CreateArray();
    for (size_t i = 0; i < count; i++) {
        struct subject *subject = &subjects[i];
        subject->after = fleet_target_per_day(order->fleet, order->robot, subject->model, &source);
        if (subject->armed)
            subject->after = subject->armed->per_day;
        extrapolated |= add_subject(list, subject);
    }
    if (*order->robot)
        cJSON_AddStringToObject(answer, "robot", order->robot);
    else
        tell_robots(order, answer);
    if (count > 0)
        alert_json_number(answer, "false_alarms_per_day", subjects[0].after);
    cJSON_AddStringToObject(answer, "source",
                            robot && robot->budget.source ? robot->budget.source
                            : source                      ? source
                                                          : "");
    cJSON_AddBoolToObject(answer, "extrapolated", extrapolated);
    if (extrapolated)
        cJSON_AddStringToObject(answer, "warning",
                                "extrapolated: the healthy hours of the calibration do not support "
                                "so few false alarms; the thresholds continue its fitted tail");
    json_attach(answer, "models", list);
}

static const char *read_order(struct order *order, const cJSON *arguments, struct diag *diag)
{
    if (json_get_string(arguments, "robot", false, NAME_MAX_LENGTH, &order->robot, diag) < 0 ||
        json_get_number(arguments, "false_alarms_per_day", false, BUDGET_LEAST, BUDGET_MOST,
                        &order->per_day, diag) < 0)
        return "invalid_argument";
    if (*order->robot && !name_valid(order->robot)) {
        diag_set(diag, "robot: must be a name: " NAME_RULE);
        return "invalid_argument";
    }
    if (!maintenance_knows(order->fleet, order->robot) ||
        (*order->robot && !assignments_find(&order->fleet->assignments, order->robot))) {
        diag_set(diag, "no such robot");
        return "unknown_robot";
    }
    return NULL;
}

const char *threshold_command(struct fleet *fleet, const cJSON *arguments, const char *who,
                              cJSON *ret_answer, struct diag *diag)
{
    struct order order = {.fleet = fleet, .robot = "", .who = who};
    const char *code = read_order(&order, arguments, diag);
    if (code)
        return code;
    struct robot *robot = *order.robot ? fleet_find(fleet, order.robot) : NULL;
    struct subject subjects[LISTED_MAX];
    size_t count = collect(&order, robot, subjects);
    int r = set_budget(&order, robot);
    if (r < 0) {
        diag_set(diag,
                 r == -ENOSPC ? "too many robots have thresholds of their own" : "out of memory");
        return r == -ENOSPC ? "no_room" : "failed";
    }
    apply(&order);
    tell(&order, robot, subjects, count, ret_answer);
    const char *what = *order.robot ? order.robot : "all robots";
    if (order.per_day > 0)
        log_info("audit: %s: threshold of %s: %.6g false alarms a day", who, what, order.per_day);
    else
        log_info("audit: %s: threshold of %s: as configured", who, what);
    return NULL;
}
