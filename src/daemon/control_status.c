#include "base/clock.h"
#include "daemon/control_internal.h"
#include "daemon/message.h"
#include "pipeline/alert_json.h"

#include <string.h>

#define STATUS_MODELS_MAX 32
#define STATUS_ROBOTS_MAX 40960 /* bytes of all robots in a status: a packet has 64 KiB */

/* As many robots as one MQTT packet takes; the rest is counted, and can be asked for by name. */
static void add_robots(struct control *control, cJSON *tree, const char *only)
{
    cJSON *list = cJSON_AddArrayToObject(tree, "robot_states");
    int64_t now_ns = clock_monotonic_ns();
    size_t used = 0, omitted = 0;
    for (size_t i = 0; i < control->fleet->count; i++) {
        struct robot *robot = control->fleet->robot[i];
        if (robot->absent || (*only && strcmp(only, robot->name) != 0))
            continue;
        char *text = used < STATUS_ROBOTS_MAX ? message_robot(robot, now_ns) : NULL;
        used += text ? strlen(text) + 1 : 0;
        if (text && used < STATUS_ROBOTS_MAX)
            cJSON_AddItemToArray(list, cJSON_CreateRaw(text));
        else
            omitted++;
        cJSON_free(text);
    }
    if (omitted > 0)
        cJSON_AddNumberToObject(tree, "robots_omitted", (double)omitted);
}

/* The budget of false alarms in force, and what the model's healthy hours support. */
static void add_promise(cJSON *entry, const struct model *model, double target)
{
    const struct calibration *least = model_least_calibration(model);
    cJSON_AddNumberToObject(entry, "false_alarms_per_day", target);
    if (!least) {
        cJSON_AddNullToObject(entry, "supported_per_day");
        return;
    }
    alert_json_number(entry, "supported_per_day", calibration_supported_per_day(least));
    alert_json_number(entry, "hours", least->hours);
    cJSON_AddNumberToObject(entry, "sessions", (double)least->sessions);
}

/* The models in use, each once; as many as with the robots fit one packet. */
static void add_models(const struct control *control, cJSON *tree)
{
    const struct assignments *assignments = &control->fleet->assignments;
    cJSON *list = cJSON_AddArrayToObject(tree, "models");
    size_t omitted = 0;
    for (size_t i = 0; i < assignments->count; i++) {
        const struct model *model = assignments->item[i]->model;
        bool listed = false;
        for (size_t j = 0; j < i; j++)
            listed |= !strcmp(assignments->item[j]->model->sha256, model->sha256);
        if (listed)
            continue;
        if (cJSON_GetArraySize(list) == STATUS_MODELS_MAX) {
            omitted++;
            continue;
        }
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", model->name);
        cJSON_AddNumberToObject(entry, "version", (double)model->version);
        cJSON_AddStringToObject(entry, "sha256", model->sha256);
        cJSON_AddStringToObject(entry, "signature", signature_verdict_name(model->signature));
        add_promise(entry, model, fleet_target_per_day(control->fleet, "", model, NULL));
        cJSON_AddItemToArray(list, entry);
    }
    if (omitted > 0)
        cJSON_AddNumberToObject(tree, "models_omitted", (double)omitted);
}

void control_run_status(struct control *control, struct control_request *request,
                        const cJSON *arguments)
{
    const char *robot;
    if (!control_get_name(control, request, arguments, "robot", &robot))
        return;
    if (*robot && !fleet_find(control->fleet, robot)) {
        control_refuse(control, request, "unknown_robot", "no such robot");
        return;
    }
    cJSON *tree = control->status(control->user);
    add_models(control, tree);
    add_robots(control, tree, robot);
    control_answer(control, request, true, tree);
}
