#include "daemon/audit.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 256 /* bytes of one argument, or of a message */

/* Whatever else stands in a command may be anything, a secret too. */
static const char *const known[] = {
    "model", "robot",    "minutes", "reason", "false_alarms_per_day",
    "force", "alert_id", "verdict", "note"};

static void add_text(cJSON *object, const char *key, const char *text)
{
    char head[TEXT_MAX + 4];
    int length = json_utf8_head(text, TEXT_MAX);
    memcpy(head, text, (size_t)length);
    strcpy(head + length, text[length] ? "..." : "");
    for (char *c = head; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    }
    cJSON_AddStringToObject(object, key, head);
}

static cJSON *copy_arguments(const cJSON *arguments)
{
    cJSON *copy = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(arguments, known[i]);
        if (cJSON_IsString(item))
            add_text(copy, known[i], item->valuestring);
        else if (cJSON_IsNumber(item) || cJSON_IsBool(item))
            json_attach(copy, known[i], cJSON_Duplicate(item, false));
    }
    return copy;
}

static cJSON *make_entry(const struct audit_entry *entry)
{
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "by", entry->by);
    cJSON_AddStringToObject(root, "command", entry->command);
    json_attach(root, "arguments", copy_arguments(entry->arguments));
    cJSON_AddStringToObject(root, "result", entry->result);
    if (entry->message)
        add_text(root, "message", entry->message);
    const cJSON *model = cJSON_GetObjectItemCaseSensitive(entry->answer, "model");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(entry->answer, "model_version");
    const cJSON *sha256 = cJSON_GetObjectItemCaseSensitive(entry->answer, "sha256");
    if (cJSON_IsString(model) && cJSON_IsNumber(version) && cJSON_IsString(sha256)) {
        cJSON_AddStringToObject(root, "model", model->valuestring);
        cJSON_AddNumberToObject(root, "model_version", version->valuedouble);
        cJSON_AddStringToObject(root, "sha256", sha256->valuestring);
    }
    return root;
}

/* A script that is refused each second must not push everything else out of the file. */
static bool is_refused_again(struct audit *audit, const struct audit_entry *entry,
                             const cJSON *root)
{
    char digest[HASH_HEX_SIZE] = "";
    char *text = strcmp(entry->result, "ok") != 0 ? cJSON_PrintUnformatted(root) : NULL;
    const struct hash_part part = {text, text ? strlen(text) : 0};
    if (text && hash_sha256(&part, 1, digest) < 0)
        *digest = '\0';
    cJSON_free(text);
    bool again = *digest && !strcmp(digest, audit->refused);
    strcpy(audit->refused, digest);
    return again;
}

void audit_note(struct audit *audit, const struct audit_entry *entry)
{
    cJSON *root = make_entry(entry);
    char time[CLOCK_RFC3339_MAX], *line = NULL;
    if (!is_refused_again(audit, entry, root)) {
        clock_format_rfc3339(clock_realtime_ns(), time);
        cJSON_AddStringToObject(root, "time", time);
        cJSON_AddStringToObject(root, "id", entry->id);
        line = cJSON_PrintUnformatted(root);
        chronicle_append(&audit->chronicle, line);
    }
    cJSON_Delete(root);
}

void audit_add_lines(const struct chronicle *chronicle, const char *name, size_t last,
                     cJSON *ret_answer)
{
    size_t count = 0, used = 0;
    cJSON *list = cJSON_AddArrayToObject(ret_answer, name);
    for (; count < last && count < chronicle->kept; count++) {
        used += strlen(chronicle_line(chronicle, count)) + 1;
        if (used > AUDIT_ANSWER_MAX)
            break;
    }
    for (size_t back = count; back-- > 0;)
        json_append(list, cJSON_CreateRaw(chronicle_line(chronicle, back)));
    cJSON_AddNumberToObject(ret_answer, "omitted", (double)(chronicle->kept - count));
}

const char *audit_command(const struct audit *audit, const cJSON *arguments, cJSON *ret_answer,
                          struct diag *diag)
{
    int64_t last = AUDIT_LAST;
    if (json_get_integer(arguments, "last", false, 1, AUDIT_LAST_MAX, &last, diag) < 0)
        return "invalid_argument";
    audit_add_lines(&audit->chronicle, "audit", (size_t)last, ret_answer);
    return NULL;
}
