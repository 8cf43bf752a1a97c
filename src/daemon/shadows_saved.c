/*
 * What a restart and a person read of candidates: their part of operations.json, and the object in
 * states and answers.
 */
#include "daemon/fleet.h"
#include "daemon/shadows_internal.h"

#include <errno.h>
#include <string.h>

const char *shadow_state_name(enum shadow_state state)
{
    static const char *const names[] = {"waiting", "loading", "loading", "on"};
    return names[state];
}

static bool is_meant(const cJSON *entry, const struct robot *robot,
                     struct shadow_listed *ret_listed)
{
    return shadow_alert_load(entry, ret_listed) == 0 && !strcmp(ret_listed->robot, robot->name);
}

static void restore_alert(struct robot *robot, struct shadow_alert *alert)
{
    struct shadow_match *match = &robot->shadow->match;
    bool goes_on = robot->alert.episode.open && !strcmp(robot->alerts[ALERT_ANOMALY].id, alert->id);
    if (alert->open && !goes_on)
        alert->ended_ns = alert->started_ns;
    alert->open &= goes_on;
    if (goes_on) /* it is in its list already, as one from before */
        match->side[SHADOW_LIVE].item[0] = *alert;
    else if (match->side[SHADOW_LIVE].count < SHADOW_PENDING_MAX)
        match->side[SHADOW_LIVE].item[match->side[SHADOW_LIVE].count++] = *alert;
}

void shadows_restore_unsettled(struct shadow *shadow, struct robot *robot)
{
    for (int i = cJSON_GetArraySize(shadow->unsettled); i-- > 0;) {
        struct shadow_listed listed;
        if (!is_meant(cJSON_GetArrayItem(shadow->unsettled, i), robot, &listed))
            continue;
        restore_alert(robot, &listed.alert);
        cJSON_DeleteItemFromArray(shadow->unsettled, i);
    }
}

static void save_unsettled(const struct fleet *fleet, const struct shadow *shadow, cJSON *list)
{
    for (size_t r = 0; r < fleet->count && cJSON_GetArraySize(list) < 64; r++) {
        const struct shadow_track *track = fleet->robot[r]->shadow;
        if (!track || track->shadow != shadow->number)
            continue;
        for (size_t i = 0; i < track->match.side[SHADOW_LIVE].count; i++) {
            const struct shadow_alert *alert = &track->match.side[SHADOW_LIVE].item[i];
            if (!alert->before)
                json_append(list, shadow_alert_save(track->robot, alert));
        }
    }
}

void shadows_save(struct fleet *fleet, cJSON *state)
{
    cJSON *list = cJSON_AddArrayToObject(state, "shadows");
    fleet->shadows.changed = false;
    for (size_t i = 0; i < fleet->shadows.count; i++) {
        const struct shadow *shadow = fleet->shadows.item[i];
        if (shadow->done)
            continue; /* not answered yet: it may be none */
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "robot", shadow->robot);
        cJSON_AddStringToObject(entry, "model", shadow->name);
        cJSON_AddStringToObject(entry, "sha256", shadow->sha256);
        json_attach(entry, "report", shadow_report_save(&shadow->report));
        if (shadow->state == SHADOW_ON)
            save_unsettled(fleet, shadow, cJSON_AddArrayToObject(entry, "unsettled"));
        else if (shadow->unsettled)
            json_attach(entry, "unsettled", cJSON_Duplicate(shadow->unsettled, true));
        json_append(list, entry);
    }
}

int shadows_load(struct shadows *shadows, const cJSON *state)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(state, "shadows"))
    {
        const char *robot = "", *name = "", *sha256 = "";
        if (shadows->count == SHADOWS_MAX ||
            json_get_string(entry, "robot", true, NAME_MAX_LENGTH, &robot, NULL) < 0 ||
            json_get_string(entry, "model", true, NAME_MAX_LENGTH, &name, NULL) < 0 ||
            json_get_string(entry, "sha256", true, HASH_HEX_SIZE - 1, &sha256, NULL) < 0 ||
            (*robot && !name_valid(robot)) || !name_valid(name) || shadows_find(shadows, robot))
            continue;
        struct shadow *shadow = shadows_add(shadows, robot, name);
        if (!shadow)
            return -ENOMEM;
        strcpy(shadow->sha256, sha256);
        shadow_report_load(&shadow->report, cJSON_GetObjectItemCaseSensitive(entry, "report"));
        const cJSON *unsettled = cJSON_GetObjectItemCaseSensitive(entry, "unsettled");
        shadow->unsettled = cJSON_IsArray(unsettled) ? cJSON_Duplicate(unsettled, true) : NULL;
    }
    return 0;
}

cJSON *shadows_json(const struct shadow *shadow, bool lists)
{
    cJSON *root = cJSON_CreateObject();
    if (*shadow->robot)
        cJSON_AddStringToObject(root, "robot", shadow->robot);
    else
        cJSON_AddNullToObject(root, "robot");
    cJSON_AddStringToObject(root, "file", shadow->name);
    cJSON_AddStringToObject(root, "state", shadow_state_name(shadow->state));
    if (shadow->model) {
        cJSON_AddStringToObject(root, "model", shadow->model->name);
        cJSON_AddNumberToObject(root, "model_version", (double)shadow->model->version);
        cJSON_AddBoolToObject(root, "calibrated", model_calibrated(shadow->model));
    }
    cJSON_AddStringToObject(root, "sha256", shadow->sha256);
    shadow_report_json(&shadow->report, lists, root);
    return root;
}
