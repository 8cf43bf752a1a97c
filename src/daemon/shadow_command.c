#include "daemon/shadow_command.h"

#include <string.h>

#define LISTED_MAX 160 /* alerts in one answer: a packet has 64 KiB */

static const char *read_robot(const cJSON *arguments, const char **ret_robot, struct diag *diag)
{
    *ret_robot = "";
    int r = json_get_string(arguments, "robot", false, NAME_MAX_LENGTH, ret_robot, diag);
    if (r == 0 && **ret_robot && !name_valid(*ret_robot))
        r = diag_set(diag, "robot: must be a name: " NAME_RULE);
    return r < 0 ? "invalid_argument" : NULL;
}

const char *shadow_command_end(struct fleet *fleet, const cJSON *arguments, const char *who,
                               cJSON *ret_answer, struct diag *diag)
{
    const char *robot, *model = "", *code = read_robot(arguments, &robot, diag);
    if (code)
        return code;
    if (json_get_string(arguments, "model", false, NAME_MAX_LENGTH, &model, diag) < 0)
        return "invalid_argument";
    struct shadow *shadow = shadows_find(&fleet->shadows, robot);
    if (!shadow || (*model && strcmp(model, shadow->name) != 0)) {
        diag_set(diag, "%s%s has no such candidate in shadow", *robot ? "robot " : "the default",
                 robot);
        return "no_shadow";
    }
    if (shadow->done) {
        diag_set(diag, "the candidate is being loaded");
        return "busy";
    }
    shadows_end(fleet, shadow, who, "unshadow");
    json_attach(ret_answer, "shadow", cJSON_Duplicate(fleet->shadows.last, true));
    return NULL;
}

const char *shadow_command_report(const struct fleet *fleet, const cJSON *arguments,
                                  cJSON *ret_answer, struct diag *diag)
{
    const struct shadows *shadows = &fleet->shadows;
    bool named = cJSON_GetObjectItemCaseSensitive(arguments, "robot") != NULL;
    const char *robot, *code = read_robot(arguments, &robot, diag);
    if (code)
        return code;
    cJSON *list = cJSON_AddArrayToObject(ret_answer, "shadows");
    size_t listed = 0;
    for (size_t i = 0; i < shadows->count; i++) {
        const struct shadow_report *report = &shadows->item[i]->report;
        if (named && strcmp(shadows->item[i]->robot, robot) != 0)
            continue;
        listed += report->listed[SHADOW_LIVE] + report->listed[SHADOW_CANDIDATE];
        json_append(list, shadows_json(shadows->item[i], listed <= LISTED_MAX));
    }
    if (listed > LISTED_MAX)
        cJSON_AddTrueToObject(ret_answer, "lists_omitted"); /* name a robot to get its own */
    if (shadows->last && listed <= LISTED_MAX)
        json_attach(ret_answer, "last", cJSON_Duplicate(shadows->last, true));
    else
        cJSON_AddNullToObject(ret_answer, "last");
    return NULL;
}

void shadow_command_status(const struct fleet *fleet, cJSON *root)
{
    cJSON *list = cJSON_AddArrayToObject(root, "shadows");
    for (size_t i = 0; i < fleet->shadows.count; i++)
        json_append(list, shadows_json(fleet->shadows.item[i], false));
}
