#include "daemon/control.h"

#include "base/name.h"
#include "daemon/control_internal.h"
#include "daemon/maintenance_command.h"
#include "mqtt/topic.h"

#include <stdlib.h>
#include <string.h>

void control_request_free(struct control_request *request)
{
    if (request) {
        free(request->topic);
        cJSON_Delete(request->arguments);
    }
    free(request);
}

struct control_request *control_request_copy(const struct control_request *request)
{
    struct control_request *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *request;
    copy->topic = request->topic ? strdup(request->topic) : NULL;
    copy->arguments = cJSON_Duplicate(request->arguments, true);
    return copy;
}

void control_deinit(struct control *control)
{
    for (size_t i = 0; i < CONTROL_REMEMBERED; i++)
        free(control->remembered[i].reply);
    control_request_free(control->running);
    *control = (struct control){0};
}

/* ---- commands ---- */

bool control_get_name(struct control *control, const struct control_request *request,
                      const cJSON *arguments, const char *key, const char **ret_name)
{
    struct diag diag = DIAG_INIT;
    *ret_name = "";
    int r = json_get_string(arguments, key, false, 4 * NAME_MAX_LENGTH, ret_name, &diag);
    if (r == 0 && **ret_name && !name_valid(*ret_name))
        r = diag_set(&diag, "%s: \"%.80s\" is no name: %s; a model is named, never given as a path",
                     key, *ret_name, NAME_RULE);
    if (r < 0)
        control_refuse(control, request, "invalid_argument", diag.text);
    return r == 0;
}

static void run_maintenance(struct control *control, struct control_request *request,
                            const cJSON *arguments)
{
    char who[SWAP_WHO_MAX];
    struct diag diag = DIAG_INIT;
    cJSON *tree = cJSON_CreateObject();
    control_name_sender(request, who);
    const struct maintenance_order order = {control->fleet, control->publisher, request->command,
                                            arguments, who};
    const char *code = maintenance_command(&order, tree, &diag);
    control_finish(control, request, tree, code, &diag);
}

static void run_operation(struct control *control, struct control_request *request,
                          const cJSON *arguments)
{
    char who[SWAP_WHO_MAX];
    struct diag diag = DIAG_INIT;
    if (!control->operations) {
        control_refuse(control, request, "failed", "this daemon keeps no state");
        return;
    }
    cJSON *tree = cJSON_CreateObject();
    control_name_sender(request, who);
    const struct operations_order order = {request->command, arguments, who};
    const char *code = operations_command(control->operations, &order, tree, &diag);
    control_finish(control, request, tree, code, &diag);
}

static const struct {
    const char *name;
    void (*run)(struct control *control, struct control_request *request, const cJSON *arguments);
    bool changes;
} commands[] = {
    {"status", control_run_status, false},    {"reload", control_run_load, true},
    {"rollback", control_run_load, true},     {"suspend", run_maintenance, true},
    {"resume", run_maintenance, true},        {"commission", control_run_commission, true},
    {"arm", control_run_commissioning, true}, {"disarm", control_run_commissioning, true},
    {"threshold", run_operation, true},       {"ack", run_operation, true},
    {"audit", run_operation, false},          {"verdicts", run_operation, false},
    {"shadow", control_run_load, true},       {"promote", control_run_load, true},
    {"unshadow", run_operation, true},        {"shadow-report", run_operation, false},
};

#define COMMANDS_TEXT                                                                              \
    "known are status, reload, rollback, suspend, resume, commission, arm, disarm, threshold, "    \
    "ack, verdicts, shadow, shadow-report, promote, unshadow, audit"

/* ---- messages ---- */

/* Where the sender wants the answer; also filled for a message that is refused later. */
static void read_reply_address(struct control_request *request, const struct mqtt_message *message,
                               const cJSON *tree)
{
    const char *topic = message->response_topic;
    if (!topic && cJSON_IsObject(tree))
        json_get_string(tree, "reply_to", false, CONTROL_TOPIC_MAX, &topic, NULL);
    if (topic && strlen(topic) <= CONTROL_TOPIC_MAX && mqtt_topic_valid(topic))
        request->topic = strdup(topic);
    if (message->correlation_size <= CONTROL_CORRELATION_MAX && message->correlation_size > 0) {
        memcpy(request->correlation, message->correlation, message->correlation_size);
        request->correlation_size = message->correlation_size;
    }
}

static int read_request(struct control_request *request, const struct mqtt_message *message,
                        const cJSON *tree, struct diag *diag)
{
    if (!cJSON_IsObject(tree))
        return diag_set(diag, "%s, must be an object", json_type_name(tree));
    const char *id = "";
    int r = json_get_string(tree, "id", false, CONTROL_ID_MAX, &id, diag);
    if (r < 0)
        return r;
    strcpy(request->id, id);
    const struct hash_part part = {message->payload, message->size};
    return hash_sha256(&part, 1, request->digest);
}

static void dispatch(struct control *control, struct control_request *request, const cJSON *tree)
{
    const char *name;
    struct diag diag = DIAG_INIT;
    if (json_get_string(tree, "command", true, 32, &name, &diag) < 0) {
        control_refuse(control, request, "malformed", diag.text);
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        request->command = commands[i].name;
        request->changes = commands[i].changes;
        if (!control_is_repeated(control, request))
            commands[i].run(control, request, tree);
        return;
    }
    control_refuse(control, request, "unknown_command", COMMANDS_TEXT);
}

void control_message(struct control *control, const struct mqtt_message *message)
{
    struct control_request request = {0};
    struct diag diag = DIAG_INIT;
    cJSON *tree = NULL;
    control->commands++;
    if (message->size > CONTROL_PAYLOAD_MAX)
        diag_set(&diag, "%zu bytes, at most %d are allowed", message->size, CONTROL_PAYLOAD_MAX);
    else
        tree = json_parse(message->payload, message->size, &diag);
    read_reply_address(&request, message, tree);
    request.arguments = tree;
    bool good = tree && read_request(&request, message, tree, &diag) == 0;
    if (message->retained)
        control_refuse(control, &request, "retained", "a command must not be retained");
    else if (!good)
        control_refuse(control, &request, "malformed", diag.text);
    else
        dispatch(control, &request, tree);
    cJSON_Delete(tree);
    free(request.topic);
}
