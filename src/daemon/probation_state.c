/* What a restart must find of probations: those that run, and what was undone. */
#include "base/log.h"
#include "daemon/fleet.h"
#include "daemon/probation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_MAX (INT64_C(1) << 50)

static cJSON *save_model(const struct probation_model *model)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", model->name);
    cJSON_AddNumberToObject(object, "version", (double)model->version);
    cJSON_AddStringToObject(object, "sha256", model->sha256);
    return object;
}

static int load_model(const cJSON *object, struct probation_model *ret_model)
{
    const char *name = "", *sha256 = "";
    *ret_model = (struct probation_model){.version = 0};
    if (json_get_string(object, "name", true, NAME_MAX_LENGTH, &name, NULL) < 0 ||
        json_get_string(object, "sha256", true, HASH_HEX_SIZE - 1, &sha256, NULL) < 0 ||
        json_get_integer(object, "version", true, 0, VERSION_MAX, &ret_model->version, NULL) < 0)
        return -1;
    strcpy(ret_model->name, name);
    strcpy(ret_model->sha256, sha256);
    return 0;
}

static cJSON *save_one(const struct probation *probation)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "robot", probation->robot);
    json_attach(entry, "model", save_model(&probation->model));
    cJSON_AddNumberToObject(entry, "windows", (double)probation->windows);
    cJSON_AddNumberToObject(entry, "nonfinite", (double)probation->nonfinite);
    cJSON_AddNumberToObject(entry, "alerts", (double)probation->alerts);
    if (probation->failing)
        cJSON_AddStringToObject(entry, "failing", probation->why);
    return entry;
}

static cJSON *save_last(const struct probation_rollback *last)
{
    char time[24];
    cJSON *object = cJSON_CreateObject();
    snprintf(time, sizeof time, "%" PRId64, last->time_ns);
    cJSON_AddStringToObject(object, "time_ns", time);
    cJSON_AddBoolToObject(object, "open", last->open);
    cJSON_AddStringToObject(object, "robot", last->robot);
    cJSON_AddStringToObject(object, "reason", last->reason);
    cJSON_AddStringToObject(object, "code", last->code);
    cJSON_AddStringToObject(object, "text", last->text);
    json_attach(object, "from", save_model(&last->from));
    json_attach(object, "to", save_model(&last->to));
    return object;
}

void probation_save(const struct probations *probations, cJSON *state)
{
    cJSON *list = cJSON_AddArrayToObject(state, "probations");
    for (size_t i = 0; i < probations->count; i++)
        json_append(list, save_one(&probations->item[i]));
    cJSON *undone = cJSON_AddArrayToObject(state, "undone");
    for (size_t i = 0; i < probations->undone_count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "robot", probations->undone[i].robot);
        cJSON_AddStringToObject(entry, "sha256", probations->undone[i].sha256);
        json_append(undone, entry);
    }
    if (probations->last.known && !probations->rolling)
        json_attach(state, "last_rollback", save_last(&probations->last));
}

static uint64_t get_count(const cJSON *entry, const char *key)
{
    int64_t value = 0;
    json_get_integer(entry, key, false, 0, INT64_C(1) << 53, &value, NULL);
    return (uint64_t)value;
}

/* Only of a model that is in use still, and that can be left. */
static void load_one(struct fleet *fleet, const cJSON *entry)
{
    struct probations *probations = &fleet->probations;
    const char *robot = "", *why = "";
    struct probation probation = {.number = ++probations->numbers};
    if (probations->count == PROBATIONS_MAX ||
        json_get_string(entry, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
        json_get_string(entry, "failing", false, sizeof probation.why - 1, &why, NULL) < 0 ||
        load_model(cJSON_GetObjectItemCaseSensitive(entry, "model"), &probation.model) < 0)
        return;
    const struct assignment *assignment = assignments_find(&fleet->assignments, robot);
    if (!assignment || strcmp(assignment->key, robot) != 0 || !*assignment->previous_name ||
        strcmp(assignment->model->sha256, probation.model.sha256) != 0)
        return;
    strcpy(probation.robot, robot);
    strcpy(probation.why, why);
    probation.failing = *why != '\0';
    probation.period_s = assignment->model->period_s;
    probation.windows = get_count(entry, "windows");
    probation.nonfinite = get_count(entry, "nonfinite");
    probation.alerts = get_count(entry, "alerts");
    probations->item[probations->count++] = probation;
}

static void load_undone(struct probations *probations, const cJSON *entry)
{
    const char *robot = "", *sha256 = "";
    if (probations->undone_count == PROBATION_UNDONE_MAX ||
        json_get_string(entry, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
        json_get_string(entry, "sha256", true, HASH_HEX_SIZE - 1, &sha256, NULL) < 0)
        return;
    strcpy(probations->undone[probations->undone_count].robot, robot);
    strcpy(probations->undone[probations->undone_count++].sha256, sha256);
}

static void load_last(struct probation_rollback *last, const cJSON *object)
{
    const char *time = "", *robot = "", *reason = "", *code = "", *text = "";
    struct probation_rollback found = {.known = true};
    if (!cJSON_IsObject(object) || json_get_string(object, "time_ns", true, 24, &time, NULL) < 0 ||
        json_get_bool(object, "open", true, &found.open, NULL) < 0 ||
        json_get_string(object, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
        json_get_string(object, "reason", true, sizeof found.reason - 1, &reason, NULL) < 0 ||
        json_get_string(object, "code", true, sizeof found.code - 1, &code, NULL) < 0 ||
        json_get_string(object, "text", true, sizeof found.text - 1, &text, NULL) < 0 ||
        load_model(cJSON_GetObjectItemCaseSensitive(object, "from"), &found.from) < 0 ||
        load_model(cJSON_GetObjectItemCaseSensitive(object, "to"), &found.to) < 0)
        return;
    found.time_ns = strtoll(time, NULL, 10);
    strcpy(found.robot, robot);
    strcpy(found.reason, reason);
    strcpy(found.code, code);
    strcpy(found.text, text);
    *last = found;
}

/* A file that was replaced in its place comes back with the next start. */
static void warn_of_undone(const struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->assignments.count; i++) {
        const struct assignment *assignment = fleet->assignments.item[i];
        if (fleet->probations.last.open &&
            probation_was_undone(&fleet->probations, assignment->key, assignment->model->sha256))
            log_warning("audit: start: %s is the model that was rolled back: its file stands where "
                        "the one before was",
                        assignment->active);
    }
}

void probation_load(struct fleet *fleet, const cJSON *state)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(state, "undone"))
        load_undone(&fleet->probations, entry);
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(state, "probations"))
        load_one(fleet, entry);
    load_last(&fleet->probations.last, cJSON_GetObjectItemCaseSensitive(state, "last_rollback"));
    warn_of_undone(fleet);
}
