#include "daemon/probation.h"

#include "base/clock.h"
#include "base/log.h"
#include "daemon/fleet.h"
#include "pipeline/alert_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400.0
#define MEAN_MOST 1e5

/* ---- the limit ---- */

uint64_t probation_limit(double mean)
{
    if (!(mean < MEAN_MOST))
        return UINT64_MAX;
    /* P(X < n) summed up; for large means the terms begin at 0, and so does the sum. */
    double below = 0;
    uint64_t n = 0;
    while (1 - below > PROBATION_CHANCE) {
        below += mean > 0 ? exp((double)n * log(mean) - mean - lgamma((double)n + 1)) : n == 0;
        n++;
    }
    return n > PROBATION_ALERTS_LEAST ? n : PROBATION_ALERTS_LEAST;
}

static double promised_per_day(const struct fleet *fleet, const struct assignment *assignment)
{
    const struct calibration *least = model_least_calibration(assignment->model);
    double target = fleet_target_per_day(fleet, assignment->key, assignment->model, NULL);
    double supported = least ? calibration_supported_per_day(least) : (double)INFINITY;
    return fmax(target, supported);
}

static uint64_t limit_of(const struct fleet *fleet, const struct probation *probation,
                         const struct assignment *assignment)
{
    double factor = fleet->config->models.rollback_alerts;
    double robots = probation->robots > 0 ? (double)probation->robots : 1;
    double days = fleet->config->models.probation_s / DAY_S * robots;
    if (factor <= 0)
        return UINT64_MAX;
    return probation_limit(factor * promised_per_day(fleet, assignment) * days);
}

/* ---- what is on probation ---- */

static struct assignment *assignment_of(const struct fleet *fleet, const char *key)
{
    struct assignment *assignment = assignments_find(&fleet->assignments, key);
    return assignment && !strcmp(assignment->key, key) ? assignment : NULL;
}

static struct probation *find(struct probations *probations, const char *robot)
{
    for (size_t i = 0; i < probations->count; i++) {
        if (!strcmp(probations->item[i].robot, robot))
            return &probations->item[i];
    }
    return NULL;
}

static void drop(struct probations *probations, struct probation *probation)
{
    *probation = probations->item[--probations->count];
    probations->changed = true;
}

bool probation_was_undone(const struct probations *probations, const char *robot,
                          const char *sha256)
{
    for (size_t i = 0; i < probations->undone_count; i++) {
        if (!strcmp(probations->undone[i].robot, robot) &&
            !strcmp(probations->undone[i].sha256, sha256))
            return true;
    }
    return false;
}

bool probation_is_undone(const struct probations *probations)
{
    return probations->last.open && !probations->rolling;
}

static void note_undone(struct probations *probations, const char *robot, const char *sha256)
{
    if (probation_was_undone(probations, robot, sha256))
        return;
    if (probations->undone_count == PROBATION_UNDONE_MAX)
        memmove(probations->undone, probations->undone + 1,
                --probations->undone_count * sizeof probations->undone[0]);
    snprintf(probations->undone[probations->undone_count].robot, NAME_MAX_LENGTH + 1, "%s", robot);
    snprintf(probations->undone[probations->undone_count++].sha256, HASH_HEX_SIZE, "%s", sha256);
}

static struct probation_model name_model(const struct model *model)
{
    struct probation_model name = {.version = model->version};
    strcpy(name.name, model->name);
    strcpy(name.sha256, model->sha256);
    return name;
}

static void begin(struct fleet *fleet, const struct assignment *assignment)
{
    struct probations *probations = &fleet->probations;
    const char *key = assignment->key;
    if (fleet->config->models.probation_s <= 0 || !*assignment->previous_name)
        return;
    if (probation_was_undone(probations, key, assignment->model->sha256)) {
        log_warning("audit: %s was rolled back before, and was asked for again: it stays",
                    assignment->active);
        return;
    }
    if (probations->count == PROBATIONS_MAX) {
        log_warning("%s is on no probation: too many models are", assignment->active);
        return;
    }
    struct probation *probation = &probations->item[probations->count++];
    *probation = (struct probation){.number = ++probations->numbers,
                                    .model = name_model(assignment->model),
                                    .period_s = assignment->model->period_s};
    strcpy(probation->robot, key);
    probations->changed = true;
}

void probation_on_swap(struct fleet *fleet, const struct assignment *assignment,
                       enum swap_kind kind, bool new_content)
{
    struct probations *probations = &fleet->probations;
    struct probation *running = find(probations, assignment->key);
    bool asked = kind == SWAP_RELOAD || kind == SWAP_CONFIGURED || kind == SWAP_ROLLBACK;
    if (asked && !probations->rolling && probations->last.open &&
        !strcmp(probations->last.robot, assignment->key)) {
        probations->last.open = false; /* somebody has chosen anew */
        probations->changed = true;
    }
    if (!new_content)
        return;
    if (running)
        drop(probations, running);
    if (kind == SWAP_RELOAD || kind == SWAP_CONFIGURED || kind == SWAP_REREAD)
        begin(fleet, assignment);
}

/* ---- what it does ---- */

static void fail(struct probation *probation, const char *why)
{
    if (!probation->failing)
        snprintf(probation->why, sizeof probation->why, "%s", why);
    probation->failing = true;
}

static void end_well(struct fleet *fleet, struct probation *probation)
{
    log_info(
        "audit: probation of %s version %lld%s%s is over: %llu alerts in %.0f s of %zu robot%s",
        probation->model.name, (long long)probation->model.version,
        *probation->robot ? ", robot " : "", probation->robot,
        (unsigned long long)probation->alerts, (double)probation->windows * probation->period_s,
        probation->robots, probation->robots == 1 ? "" : "s");
    drop(&fleet->probations, probation);
}

/* An alert of its own, and each further block of it. */
static void count_alert(struct fleet *fleet, struct probation *probation, struct robot *robot,
                        bool judged, enum alert_transition transition)
{
    uint64_t block = (uint64_t)(CALIBRATION_BLOCK_S / probation->period_s);
    uint64_t before = probation->alerts;
    bool own = !strcmp(robot->alerts[ALERT_ANOMALY].model, probation->model.sha256);
    if (transition == ALERT_RAISED) {
        robot->probation.windows = 0;
        probation->alerts++;
    } else if (robot->alert.episode.open && own && judged &&
               ++robot->probation.windows % (block ? block : 1) == 0) {
        probation->alerts++;
    }
    if (probation->alerts != before &&
        probation->alerts >= limit_of(fleet, probation, robot->assignment))
        fail(probation, "alerts");
}

void probation_result(struct fleet *fleet, struct robot *robot, bool judged, bool nonfinite,
                      enum alert_transition transition)
{
    struct probation *probation =
        fleet->probations.count ? find(&fleet->probations, robot->assignment->key) : NULL;
    if (!probation || strcmp(probation->model.sha256, robot->model->sha256) != 0)
        return;
    if (robot->probation.number != probation->number) {
        robot->probation.number = probation->number;
        robot->probation.windows = 0;
        probation->robots++;
    }
    probation->windows += judged;
    probation->nonfinite += nonfinite;
    if (probation->nonfinite >= PROBATION_NONFINITE)
        fail(probation, "nonfinite");
    count_alert(fleet, probation, robot, judged, transition);
    double each_s = (double)probation->windows * probation->period_s / (double)probation->robots;
    if (!probation->failing && each_s >= fleet->config->models.probation_s)
        end_well(fleet, probation);
}

/* ---- rollback ---- */

static void describe(const struct fleet *fleet, const struct probation *probation,
                     const struct assignment *assignment, char ret_text[DIAG_TEXT_MAX])
{
    double judged_s = (double)probation->windows * probation->period_s;
    if (!strcmp(probation->why, "nonfinite")) {
        snprintf(ret_text, DIAG_TEXT_MAX, "%llu scores were not finite",
                 (unsigned long long)probation->nonfinite);
        return;
    }
    snprintf(ret_text, DIAG_TEXT_MAX,
             "%llu alerts, or blocks of 30 s in one, in %.0f s of %zu robot%s: its calibration "
             "supports %.4g a day, and %llu within its probation are no chance",
             (unsigned long long)probation->alerts, judged_s, probation->robots,
             probation->robots == 1 ? "" : "s", promised_per_day(fleet, assignment),
             (unsigned long long)limit_of(fleet, probation, assignment));
}

static void finish(struct fleet *fleet, const char *code, const char *message)
{
    struct probations *probations = &fleet->probations;
    struct probation_rollback *last = &probations->last;
    probations->rolling = false;
    probations->changed = true;
    last->time_ns = clock_realtime_ns();
    snprintf(last->code, sizeof last->code, "%s", code);
    note_undone(probations, last->robot, last->from.sha256);
    if (*code)
        log_error("audit: probation: %s version %lld cannot be rolled back (%s): %s",
                  last->from.name, (long long)last->from.version, code, message);
    else
        log_error("audit: probation: %s version %lld%s%s is rolled back to %s version %lld: %s",
                  last->from.name, (long long)last->from.version, *last->robot ? ", robot " : "",
                  last->robot, last->to.name, (long long)last->to.version, last->text);
    if (probations->on_rollback)
        probations->on_rollback(probations->user, last);
}

static void on_rolled_back(void *user, const struct swap_outcome *outcome)
{
    struct fleet *fleet = user;
    struct probation_rollback *last = &fleet->probations.last;
    if (*outcome->code) {
        finish(fleet, outcome->code, outcome->message);
        return;
    }
    last->to = name_model(outcome->model);
    if (!strcmp(last->to.sha256, last->from.sha256))
        finish(fleet, "no_previous", "its file has taken the place of the one before");
    else
        finish(fleet, "", "");
}

static void roll_back(struct fleet *fleet, const struct probation *probation,
                      const struct assignment *assignment)
{
    struct probations *probations = &fleet->probations;
    probations->leaving = *probation;
    probations->last =
        (struct probation_rollback){.known = true, .open = true, .from = probation->model};
    strcpy(probations->last.robot, probation->robot);
    strcpy(probations->last.reason, probation->why);
    describe(fleet, probation, assignment, probations->last.text);
    drop(probations, find(probations, probations->leaving.robot));
    const struct swap_request request = {.model = "",
                                         .robot = probations->leaving.robot,
                                         .who = "probation",
                                         .done = on_rolled_back,
                                         .user = fleet};
    probations->rolling = true;
    if (fleet_rollback(fleet, &request) < 0)
        finish(fleet, "no_previous", "there is no model to go back to");
}

void probation_tick(struct fleet *fleet)
{
    struct probations *probations = &fleet->probations;
    for (size_t i = probations->count; i-- > 0;) {
        struct probation *probation = &probations->item[i];
        const struct assignment *assignment = assignment_of(fleet, probation->robot);
        if (!assignment || strcmp(assignment->model->sha256, probation->model.sha256) != 0) {
            drop(probations, probation);
            continue;
        }
        if (probation->failing && !fleet->swap.busy && !fleet->swap.stopping) {
            roll_back(fleet, probation, assignment);
            return;
        }
    }
}

/* ---- told ---- */

static void add_time(cJSON *object, const char *key, int64_t time_ns)
{
    char text[CLOCK_RFC3339_MAX];
    clock_format_rfc3339(time_ns, text);
    cJSON_AddStringToObject(object, key, text);
}

static void add_robot(cJSON *object, const char *robot)
{
    if (*robot)
        cJSON_AddStringToObject(object, "robot", robot);
    else
        cJSON_AddNullToObject(object, "robot");
}

static cJSON *model_json(const struct probation_model *model)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "model", model->name);
    cJSON_AddNumberToObject(object, "model_version", (double)model->version);
    cJSON_AddStringToObject(object, "sha256", model->sha256);
    return object;
}

static cJSON *probation_json(const struct fleet *fleet, const struct probation *probation)
{
    const struct assignment *assignment = assignment_of(fleet, probation->robot);
    double robots = probation->robots > 0 ? (double)probation->robots : 1;
    uint64_t limit = assignment ? limit_of(fleet, probation, assignment) : UINT64_MAX;
    cJSON *entry = model_json(&probation->model);
    add_robot(entry, probation->robot);
    alert_json_number(entry, "judged_s", (double)probation->windows * probation->period_s / robots);
    alert_json_number(entry, "of_s", fleet->config->models.probation_s);
    cJSON_AddNumberToObject(entry, "robots", (double)probation->robots);
    cJSON_AddNumberToObject(entry, "alerts", (double)probation->alerts);
    alert_json_number(entry, "alerts_limit",
                      limit == UINT64_MAX ? (double)INFINITY : (double)limit);
    cJSON_AddNumberToObject(entry, "nonfinite", (double)probation->nonfinite);
    return entry;
}

void probation_status(const struct fleet *fleet, cJSON *root)
{
    const struct probations *probations = &fleet->probations;
    const struct probation_rollback *last = &probations->last;
    cJSON *list = cJSON_AddArrayToObject(root, "probation");
    for (size_t i = 0; i < probations->count && i < 16; i++)
        json_append(list, probation_json(fleet, &probations->item[i]));
    if (!last->known || probations->rolling) {
        cJSON_AddNullToObject(root, "last_rollback");
        return;
    }
    cJSON *object = cJSON_AddObjectToObject(root, "last_rollback");
    add_time(object, "time", last->time_ns);
    add_robot(object, last->robot);
    cJSON_AddStringToObject(object, "reason", last->reason);
    cJSON_AddStringToObject(object, "text", last->text);
    cJSON_AddStringToObject(object, "result", *last->code ? last->code : "ok");
    cJSON_AddBoolToObject(object, "open", last->open);
    json_attach(object, "from", model_json(&last->from));
    if (!*last->code)
        json_attach(object, "to", model_json(&last->to));
}
