#include "daemon/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "daemon/commissioning_command.h"
#include "daemon/maintenance_command.h"
#include "daemon/message.h"
#include "mqtt/topic.h"
#include "pipeline/alert_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MODELS_MAX 32
#define STATUS_ROBOTS_MAX 40960 /* bytes of all robots in a status: a packet has 64 KiB */

static void free_request(struct control_request *request)
{
    if (request) {
        free(request->topic);
        cJSON_Delete(request->arguments);
    }
    free(request);
}

void control_deinit(struct control *control)
{
    for (size_t i = 0; i < CONTROL_REMEMBERED; i++)
        free(control->remembered[i].reply);
    free_request(control->running);
    *control = (struct control){0};
}

/* ---- answers ---- */

static void send_reply(struct control *control, const struct control_request *request,
                       const char *text)
{
    const struct publisher_reply reply = {
        .topic = request->topic,
        .correlation = request->correlation_size ? request->correlation : NULL,
        .correlation_size = request->correlation_size,
        .text = text};
    if (control->operations && request->changes)
        held_send(&control->operations->held, &reply);
    else
        publisher_reply(control->publisher, &reply);
}

static void remember(struct control *control, const struct control_request *request,
                     const char *text)
{
    struct remembered *entry = &control->remembered[control->next++ % CONTROL_REMEMBERED];
    free(entry->reply);
    memcpy(entry->id, request->id, sizeof entry->id);
    memcpy(entry->digest, request->digest, sizeof entry->digest);
    entry->reply = strdup(text);
}

/* The id has its answer, or the command that will give it is running. */
static bool is_taken(const struct control *control, const char *id)
{
    if (control->running && !strcmp(control->running->id, id))
        return true;
    for (size_t i = 0; i < CONTROL_REMEMBERED; i++) {
        if (control->remembered[i].reply && !strcmp(control->remembered[i].id, id))
            return true;
    }
    return false;
}

static void note(struct control *control, const struct control_request *request, bool ok,
                 const cJSON *tree)
{
    const char *code = "ok", *message = NULL;
    const cJSON *error = cJSON_GetObjectItemCaseSensitive(tree, "error");
    if (!control->operations || !request->changes)
        return;
    if (!ok) {
        json_get_string(error, "code", true, 64, &code, NULL);
        json_get_string(error, "message", true, DIAG_TEXT_MAX, &message, NULL);
    }
    const struct audit_entry entry = {.by = "control",
                                      .id = request->id,
                                      .command = request->command,
                                      .arguments = request->arguments,
                                      .result = code,
                                      .message = message,
                                      .answer = tree};
    audit_note(&control->operations->audit, &entry);
}

/* Completes the answer with id and command, sends and remembers it, the first one of an id. The
 * tree is taken. */
static void answer(struct control *control, const struct control_request *request, bool ok,
                   cJSON *tree)
{
    if (*request->id)
        cJSON_AddStringToObject(tree, "id", request->id);
    if (request->command)
        cJSON_AddStringToObject(tree, "command", request->command);
    cJSON_AddBoolToObject(tree, "ok", ok);
    note(control, request, ok, tree);
    char *text = message_print(tree);
    if (!text)
        return;
    if (*request->id && request->command && !is_taken(control, request->id))
        remember(control, request, text);
    send_reply(control, request, text);
    cJSON_free(text);
}

/* Codes come from one list in the end, so the table is never full. */
static uint64_t count_refusal(struct control *control, const char *code)
{
    struct control_refusals *entry = control->refused;
    while (entry < control->refused + CONTROL_CODES_MAX - 1 && *entry->code &&
           strcmp(entry->code, code) != 0)
        entry++;
    snprintf(entry->code, sizeof entry->code, "%s", code);
    return ++entry->count;
}

void control_counters(const struct control *control, cJSON *ret_object)
{
    cJSON_AddNumberToObject(ret_object, "commands", (double)control->commands);
    cJSON *refused = cJSON_AddObjectToObject(ret_object, "refused");
    for (size_t i = 0; i < CONTROL_CODES_MAX && *control->refused[i].code; i++)
        cJSON_AddNumberToObject(refused, control->refused[i].code,
                                (double)control->refused[i].count);
}

/* Returns how often there was this code. */
static uint64_t answer_error(struct control *control, const struct control_request *request,
                             const char *code, const char *message)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON *error = cJSON_AddObjectToObject(tree, "error");
    cJSON_AddStringToObject(error, "code", code);
    cJSON_AddStringToObject(error, "message", message);
    answer(control, request, false, tree);
    return count_refusal(control, code);
}

/* Who sent a command, as far as can be known: its id. What would end the quotes, or the line, must
 * not forge the rest of it. */
static void name_sender(const struct control_request *request, char ret_who[SWAP_WHO_MAX])
{
    char id[CONTROL_ID_MAX + 1];
    strcpy(id, request->id);
    for (char *c = id; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == '"' || *c == '\\' || *c == 0x7f)
            *c = '?';
    }
    snprintf(ret_who, SWAP_WHO_MAX, "control \"%s\"", id);
}

/* Before anything was done. */
static void refuse(struct control *control, const struct control_request *request, const char *code,
                   const char *message)
{
    uint64_t count = answer_error(control, request, code, message);
    if (!log_is_due(count))
        return;
    char who[SWAP_WHO_MAX];
    name_sender(request, who);
    log_warning("audit: %s: %s%s%s: refused (%s, %llu so far): %s", who,
                request->command ? request->command : "message", *request->model ? " " : "",
                request->model, code, (unsigned long long)count, message);
}

/* ---- commands ---- */

/* An optional name; false if it is there and is none (answered). */
static bool get_name(struct control *control, const struct control_request *request,
                     const cJSON *arguments, const char *key, const char **ret_name)
{
    struct diag diag = DIAG_INIT;
    *ret_name = "";
    int r = json_get_string(arguments, key, false, 4 * NAME_MAX_LENGTH, ret_name, &diag);
    if (r == 0 && **ret_name && !name_valid(*ret_name))
        r = diag_set(&diag, "%s: \"%.80s\" is no name: %s; a model is named, never given as a path",
                     key, *ret_name, NAME_RULE);
    if (r < 0)
        refuse(control, request, "invalid_argument", diag.text);
    return r == 0;
}

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

static void run_status(struct control *control, struct control_request *request,
                       const cJSON *arguments)
{
    const char *robot;
    if (!get_name(control, request, arguments, "robot", &robot))
        return;
    if (*robot && !fleet_find(control->fleet, robot)) {
        refuse(control, request, "unknown_robot", "no such robot");
        return;
    }
    cJSON *tree = control->status(control->user);
    add_models(control, tree);
    add_robots(control, tree, robot);
    answer(control, request, true, tree);
}

/* The tree is taken; what is there already goes into the answer. */
static void answer_commissioning(struct control *control, const struct control_request *request,
                                 const cJSON *arguments, cJSON *tree)
{
    struct diag diag = DIAG_INIT;
    char who[SWAP_WHO_MAX];
    name_sender(request, who);
    const char *code =
        commissioning_command(control->fleet, request->command, arguments, who, tree, &diag);
    if (!code) {
        answer(control, request, true, tree);
        return;
    }
    cJSON_Delete(tree);
    refuse(control, request, code, diag.text);
}

/* `commission` with a model, which is in use now. */
static void commission_swapped(struct control *control, const struct control_request *request,
                               cJSON *tree)
{
    cJSON *arguments = cJSON_CreateObject();
    cJSON_AddStringToObject(arguments, "robot", request->robot);
    answer_commissioning(control, request, arguments, tree);
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
        answer_error(control, request, outcome->code, outcome->message); /* logged */
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
            answer(control, request, true, tree);
    }
    free_request(request);
}

static struct control_request *copy_request(const struct control_request *request)
{
    struct control_request *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *request;
    copy->topic = request->topic ? strdup(request->topic) : NULL;
    copy->arguments = cJSON_Duplicate(request->arguments, true);
    return copy;
}

/* What loads a model. */
enum load_kind { LOAD_RELOAD, LOAD_ROLLBACK, LOAD_SHADOW, LOAD_PROMOTE };

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
        refuse(control, request, "busy", "another model is being loaded");
    else if (error == -ENOENT && load == LOAD_PROMOTE)
        refuse(control, request, "no_shadow",
               *request->robot ? "this robot has no such candidate of its own in shadow"
                               : "there is no such candidate in shadow for the default");
    else if (error == -ENOENT)
        refuse(control, request, "unknown_robot", "no such robot, or no default model");
    else if (error == -ENODATA)
        refuse(control, request, "no_previous", "there is no model to go back to");
    else if (error == -EEXIST)
        refuse(control, request, "shadowed",
               "a candidate is compared already: promote it, or end it with unshadow");
    else if (error == -ENOSPC)
        refuse(control, request, "no_room", "too many candidates are compared at once");
    else
        refuse(control, request, "failed", "out of memory");
}

static void start_load(struct control *control, struct control_request *request,
                       const cJSON *arguments, enum load_kind load)
{
    const char *model = "", *robot;
    bool named = load != LOAD_ROLLBACK;
    if (!get_name(control, request, arguments, "robot", &robot) ||
        (named && !get_name(control, request, arguments, "model", &model)))
        return;
    if (load == LOAD_SHADOW && !*model) {
        refuse(control, request, "invalid_argument", "model: missing: which one?");
        return;
    }
    strcpy(request->model, model);
    strcpy(request->robot, robot);
    bool busy = control->running || control->fleet->swap.busy;
    struct control_request *copy = busy ? NULL : copy_request(request);
    int r = busy ? -EBUSY : -ENOMEM;
    if (copy) {
        char who[SWAP_WHO_MAX];
        name_sender(request, who);
        struct swap_request swap = {
            .model = model, .robot = robot, .who = who, .done = on_swapped, .user = control};
        control->running = copy;
        r = begin_load(control->fleet, load, &swap);
    }
    if (r == 0)
        return;
    if (copy) {
        control->running = NULL;
        free_request(copy);
    }
    refuse_load(control, request, load, r);
}

static void run_reload(struct control *control, struct control_request *request,
                       const cJSON *arguments)
{
    start_load(control, request, arguments, LOAD_RELOAD);
}

static void run_rollback(struct control *control, struct control_request *request,
                         const cJSON *arguments)
{
    start_load(control, request, arguments, LOAD_ROLLBACK);
}

static void run_shadow(struct control *control, struct control_request *request,
                       const cJSON *arguments)
{
    start_load(control, request, arguments, LOAD_SHADOW);
}

static void run_promote(struct control *control, struct control_request *request,
                        const cJSON *arguments)
{
    start_load(control, request, arguments, LOAD_PROMOTE);
}

static void run_maintenance(struct control *control, struct control_request *request,
                            const cJSON *arguments)
{
    char who[SWAP_WHO_MAX];
    struct diag diag = DIAG_INIT;
    cJSON *tree = cJSON_CreateObject();
    name_sender(request, who);
    const struct maintenance_order order = {control->fleet, control->publisher, request->command,
                                            arguments, who};
    const char *code = maintenance_command(&order, tree, &diag);
    if (!code) {
        answer(control, request, true, tree);
        return;
    }
    cJSON_Delete(tree);
    refuse(control, request, code, diag.text);
}

static void run_commissioning(struct control *control, struct control_request *request,
                              const cJSON *arguments)
{
    answer_commissioning(control, request, arguments, cJSON_CreateObject());
}

static void run_commission(struct control *control, struct control_request *request,
                           const cJSON *arguments)
{
    const char *robot;
    if (!cJSON_GetObjectItemCaseSensitive(arguments, "model"))
        run_commissioning(control, request, arguments);
    else if (!get_name(control, request, arguments, "robot", &robot))
        return;
    else if (!fleet_find(control->fleet, robot))
        refuse(control, request, "unknown_robot", "no such robot");
    else
        start_load(control, request, arguments, LOAD_RELOAD);
}

static void run_operation(struct control *control, struct control_request *request,
                          const cJSON *arguments)
{
    char who[SWAP_WHO_MAX];
    struct diag diag = DIAG_INIT;
    if (!control->operations) {
        refuse(control, request, "failed", "this daemon keeps no state");
        return;
    }
    cJSON *tree = cJSON_CreateObject();
    name_sender(request, who);
    const struct operations_order order = {request->command, arguments, who};
    const char *code = operations_command(control->operations, &order, tree, &diag);
    if (!code) {
        answer(control, request, true, tree);
        return;
    }
    cJSON_Delete(tree);
    refuse(control, request, code, diag.text);
}

static const struct {
    const char *name;
    void (*run)(struct control *control, struct control_request *request, const cJSON *arguments);
    bool changes;
} commands[] = {
    {"status", run_status, false},      {"reload", run_reload, true},
    {"rollback", run_rollback, true},   {"suspend", run_maintenance, true},
    {"resume", run_maintenance, true},  {"commission", run_commission, true},
    {"arm", run_commissioning, true},   {"disarm", run_commissioning, true},
    {"threshold", run_operation, true}, {"ack", run_operation, true},
    {"audit", run_operation, false},    {"verdicts", run_operation, false},
    {"shadow", run_shadow, true},       {"promote", run_promote, true},
    {"unshadow", run_operation, true},  {"shadow-report", run_operation, false},
};

#define COMMANDS_TEXT                                                                              \
    "known are status, reload, rollback, suspend, resume, commission, arm, disarm, threshold, "    \
    "ack, verdicts, shadow, shadow-report, promote, unshadow, audit"

/* ---- messages ---- */

/* True if the id was answered or is being worked on: then there is nothing to run. */
static bool is_repeated(struct control *control, const struct control_request *request)
{
    if (!*request->id)
        return false;
    const struct control_request *running = control->running;
    if (running && !strcmp(running->id, request->id)) {
        if (strcmp(running->digest, request->digest) != 0)
            refuse(control, request, "id_reused", "this id stands for another command");
        return true; /* its own answer will come */
    }
    for (size_t i = 0; i < CONTROL_REMEMBERED; i++) {
        const struct remembered *entry = &control->remembered[i];
        if (!entry->reply || strcmp(entry->id, request->id) != 0)
            continue;
        if (!strcmp(entry->digest, request->digest))
            send_reply(control, request, entry->reply);
        else
            refuse(control, request, "id_reused", "this id stood for another command");
        return true;
    }
    return false;
}

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
        refuse(control, request, "malformed", diag.text);
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) != 0)
            continue;
        request->command = commands[i].name;
        request->changes = commands[i].changes;
        if (!is_repeated(control, request))
            commands[i].run(control, request, tree);
        return;
    }
    refuse(control, request, "unknown_command", COMMANDS_TEXT);
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
        refuse(control, &request, "retained", "a command must not be retained");
    else if (!good)
        refuse(control, &request, "malformed", diag.text);
    else
        dispatch(control, &request, tree);
    cJSON_Delete(tree);
    free(request.topic);
}
