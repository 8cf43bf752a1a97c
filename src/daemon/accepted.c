#include "daemon/accepted.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY "accepted"
#define VERSION_MAX (INT64_C(1) << 50) /* of a model file */

void accepted_deinit(struct accepted *accepted)
{
    free(accepted->item);
    *accepted = (struct accepted){0};
}

static size_t find(const struct accepted *accepted, const char *name)
{
    size_t at = 0;
    while (at < accepted->count && strcmp(accepted->item[at].name, name) != 0)
        at++;
    return at;
}

int64_t accepted_version(const struct accepted *accepted, const char *name)
{
    size_t at = find(accepted, name);
    return at < accepted->count ? accepted->item[at].version : 0;
}

static void take_out(struct accepted *accepted, size_t at)
{
    accepted->count--;
    memmove(&accepted->item[at], &accepted->item[at + 1],
            (accepted->count - at) * sizeof accepted->item[0]);
}

int accepted_note(struct accepted *accepted, const char *name, int64_t version)
{
    if (!accepted->item && !(accepted->item = calloc(ACCEPTED_MAX, sizeof *accepted->item)))
        return -ENOMEM;
    size_t at = find(accepted, name);
    struct accepted_version entry = {.version = version};
    strcpy(entry.name, name);
    if (at < accepted->count) {
        if (accepted->item[at].version > version)
            entry.version = accepted->item[at].version;
        take_out(accepted, at);
    } else if (accepted->count == ACCEPTED_MAX) {
        take_out(accepted, 0);
    }
    accepted->item[accepted->count++] = entry;
    return 0;
}

int accepted_load(struct accepted *accepted, const cJSON *state)
{
    const cJSON *entry, *list = cJSON_GetObjectItemCaseSensitive(state, KEY);
    int r = 0;
    cJSON_ArrayForEach(entry, list)
    {
        const char *name;
        int64_t version;
        if (r == 0 && json_get_string(entry, "name", true, NAME_MAX_LENGTH, &name, NULL) == 0 &&
            name_valid(name) &&
            json_get_integer(entry, "version", true, 1, VERSION_MAX, &version, NULL) == 0)
            r = accepted_note(accepted, name, version);
    }
    return r;
}

void accepted_put(const struct accepted *accepted, cJSON *state)
{
    cJSON_DeleteItemFromObjectCaseSensitive(state, KEY);
    cJSON *list = cJSON_AddArrayToObject(state, KEY);
    for (size_t i = 0; i < accepted->count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", accepted->item[i].name);
        cJSON_AddNumberToObject(entry, "version", (double)accepted->item[i].version);
        cJSON_AddItemToArray(list, entry);
    }
}
