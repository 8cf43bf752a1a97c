#include "daemon/shadow_command.h"

#include <string.h>

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
    const char *robot, *code = read_robot(arguments, &robot, diag);
    if (code)
        return code;
    struct shadow *shadow = shadows_find(&fleet->shadows, robot);
    if (!shadow) {
        diag_set(diag, "%s%s has no candidate in shadow", *robot ? "robot " : "the default", robot);
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
    for (size_t i = 0; i < shadows->count; i++) {
        if (!named || !strcmp(shadows->item[i]->robot, robot))
            json_append(list, shadows_json(shadows->item[i], true));
    }
    if (shadows->last)
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
