#include "base/log.h"
#include "daemon/control_internal.h"
#include "daemon/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void control_answer(struct control *control, const struct control_request *request, bool ok,
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

uint64_t control_answer_error(struct control *control, const struct control_request *request,
                              const char *code, const char *message)
{
    cJSON *tree = cJSON_CreateObject();
    cJSON *error = cJSON_AddObjectToObject(tree, "error");
    cJSON_AddStringToObject(error, "code", code);
    cJSON_AddStringToObject(error, "message", message);
    control_answer(control, request, false, tree);
    return count_refusal(control, code);
}

/* What would end the quotes, or the line, must not forge the rest of it. */
void control_name_sender(const struct control_request *request, char ret_who[SWAP_WHO_MAX])
{
    char id[CONTROL_ID_MAX + 1];
    strcpy(id, request->id);
    for (char *c = id; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == '"' || *c == '\\' || *c == 0x7f)
            *c = '?';
    }
    snprintf(ret_who, SWAP_WHO_MAX, "control \"%s\"", id);
}

void control_refuse(struct control *control, const struct control_request *request,
                    const char *code, const char *message)
{
    uint64_t count = control_answer_error(control, request, code, message);
    if (!log_is_due(count))
        return;
    char who[SWAP_WHO_MAX];
    control_name_sender(request, who);
    log_warning("audit: %s: %s%s%s: refused (%s, %llu so far): %s", who,
                request->command ? request->command : "message", *request->model ? " " : "",
                request->model, code, (unsigned long long)count, message);
}

void control_finish(struct control *control, const struct control_request *request, cJSON *tree,
                    const char *code, const struct diag *diag)
{
    if (!code) {
        control_answer(control, request, true, tree);
        return;
    }
    cJSON_Delete(tree);
    control_refuse(control, request, code, diag->text);
}

bool control_is_repeated(struct control *control, const struct control_request *request)
{
    if (!*request->id)
        return false;
    const struct control_request *running = control->running;
    if (running && !strcmp(running->id, request->id)) {
        if (strcmp(running->digest, request->digest) != 0)
            control_refuse(control, request, "id_reused", "this id stands for another command");
        return true; /* its own answer will come */
    }
    for (size_t i = 0; i < CONTROL_REMEMBERED; i++) {
        const struct remembered *entry = &control->remembered[i];
        if (!entry->reply || strcmp(entry->id, request->id) != 0)
            continue;
        if (!strcmp(entry->digest, request->digest))
            send_reply(control, request, entry->reply);
        else
            control_refuse(control, request, "id_reused", "this id stood for another command");
        return true;
    }
    return false;
}
