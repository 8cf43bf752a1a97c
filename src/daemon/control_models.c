/*
 * A load is answered when the scorer has adopted the model, much later: until then its request is
 * control->running, and there is one at most.
 */
#include "daemon/commissioning_command.h"
#include "daemon/control_internal.h"

#include <errno.h>
#include <string.h>

/* `commission`, `arm`, `disarm`. The tree is taken; what is there already goes into the answer. */
static void commissioning(struct control *control, const struct control_request *request,
                          const cJSON *arguments, cJSON *tree)
{
    struct diag diag = DIAG_INIT;
    char who[SWAP_WHO_MAX];
    control_name_sender(request, who);
    const char *code =
        commissioning_command(control->fleet, request->command, arguments, who, tree, &diag);
    control_finish(control, request, tree, code, &diag);
}

/* `commission` with a model, which is in use now. */
static void commission_swapped(struct control *control, const struct control_request *request,
                               cJSON *tree)
{
    cJSON *arguments = cJSON_CreateObject();
    cJSON_AddStringToObject(arguments, "robot", request->robot);
    commissioning(control, request, arguments, tree);
    cJSON_Delete(arguments);
}

static void on_swapped(void *user, const struct swap_outcome *outcome)
{
    struct control *control = user;
    struct control_request *request = control->running;
    control->running = NULL;
    if (!request)
        return;
    if (*outcome->code) {
        control_answer_error(control, request, outcome->code, outcome->message); /* logged */
    } else {
        cJSON *tree = cJSON_CreateObject();
        cJSON_AddStringToObject(tree, "model", outcome->model->name);
        cJSON_AddNumberToObject(tree, "model_version", (double)outcome->model->version);
        cJSON_AddStringToObject(tree, "sha256", outcome->model->sha256);
        cJSON_AddStringToObject(tree, "signature",
                                signature_verdict_name(outcome->model->signature));
        if (!strcmp(request->command, "promote") && control->fleet->shadows.last)
            json_attach(tree, "shadow", cJSON_Duplicate(control->fleet->shadows.last, true));
        if (control->operations)
            operations_save(control->operations);
        if (!strcmp(request->command, "commission"))
            commission_swapped(control, request, tree);
        else
            control_answer(control, request, true, tree);
    }
    control_request_free(request);
}

/* What loads a model. */
enum load_kind { LOAD_RELOAD, LOAD_ROLLBACK, LOAD_SHADOW, LOAD_PROMOTE };

static enum load_kind load_kind_of(const char *command)
{
    return !strcmp(command, "rollback")  ? LOAD_ROLLBACK
           : !strcmp(command, "shadow")  ? LOAD_SHADOW
           : !strcmp(command, "promote") ? LOAD_PROMOTE
                                         : LOAD_RELOAD; /* of `commission`, too */
}

static int begin_load(struct fleet *fleet, enum load_kind load, struct swap_request *swap)
{
    const struct shadow *shadow = shadows_find(&fleet->shadows, swap->robot);
    switch (load) {
    case LOAD_RELOAD:
        break;
    case LOAD_ROLLBACK:
        return fleet_rollback(fleet, swap);
    case LOAD_SHADOW:
        return shadows_start(fleet, swap);
    case LOAD_PROMOTE:
        if (!shadow || (*swap->model && strcmp(swap->model, shadow->name) != 0))
            return -ENOENT;
        if (shadow->state != SHADOW_ON)
            return -EBUSY;
        swap->model = shadow->name;
        swap->sha256 = shadow->sha256; /* what was compared, and nothing else */
        break;
    }
    return fleet_reload(fleet, swap);
}

static void refuse_load(struct control *control, const struct control_request *request,
                        enum load_kind load, int error)
{
    if (error == -EBUSY)
        control_refuse(control, request, "busy", "another model is being loaded");
    else if (error == -ENOENT && load == LOAD_PROMOTE)
        control_refuse(control, request, "no_shadow",
                       *request->robot ? "this robot has no such candidate of its own in shadow"
                                       : "there is no such candidate in shadow for the default");
    else if (error == -ENOENT)
        control_refuse(control, request, "unknown_robot", "no such robot, or no default model");
    else if (error == -ENODATA)
        control_refuse(control, request, "no_previous", "there is no model to go back to");
    else if (error == -EEXIST)
        control_refuse(control, request, "shadowed",
                       "a candidate is compared already: promote it, or end it with unshadow");
    else if (error == -ENOSPC)
        control_refuse(control, request, "no_room", "too many candidates are compared at once");
    else
        control_refuse(control, request, "failed", "out of memory");
}

void control_run_load(struct control *control, struct control_request *request,
                      const cJSON *arguments)
{
    enum load_kind load = load_kind_of(request->command);
    const char *model = "", *robot;
    bool named = load != LOAD_ROLLBACK;
    if (!control_get_name(control, request, arguments, "robot", &robot) ||
        (named && !control_get_name(control, request, arguments, "model", &model)))
        return;
    if (load == LOAD_SHADOW && !*model) {
        control_refuse(control, request, "invalid_argument", "model: missing: which one?");
        return;
    }
    strcpy(request->model, model);
    strcpy(request->robot, robot);
    bool busy = control->running || control->fleet->swap.busy;
    struct control_request *copy = busy ? NULL : control_request_copy(request);
    int r = busy ? -EBUSY : -ENOMEM;
    if (copy) {
        char who[SWAP_WHO_MAX];
        control_name_sender(request, who);
        struct swap_request swap = {
            .model = model, .robot = robot, .who = who, .done = on_swapped, .user = control};
        control->running = copy;
        r = begin_load(control->fleet, load, &swap);
    }
    if (r == 0)
        return;
    if (copy) {
        control->running = NULL;
        control_request_free(copy);
    }
    refuse_load(control, request, load, r);
}

void control_run_commissioning(struct control *control, struct control_request *request,
                               const cJSON *arguments)
{
    commissioning(control, request, arguments, cJSON_CreateObject());
}

void control_run_commission(struct control *control, struct control_request *request,
                            const cJSON *arguments)
{
    const char *robot;
    if (!cJSON_GetObjectItemCaseSensitive(arguments, "model"))
        control_run_commissioning(control, request, arguments);
    else if (!control_get_name(control, request, arguments, "robot", &robot))
        return;
    else if (!fleet_find(control->fleet, robot))
        control_refuse(control, request, "unknown_robot", "no such robot");
    else
        control_run_load(control, request, arguments);
}
