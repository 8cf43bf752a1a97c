#include "config/value.h"

#include "base/name.h"
#include "config/config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_TEXT_MAX 1024

static bool choice_allowed(const char *allowed, const char *text)
{
    size_t length = strcspn(text, "|");
    if (text[length])
        return false;
    for (const char *at = allowed; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (!strncmp(at, text, length) && (at[length] == '|' || at[length] == '\0'))
            return length > 0;
    }
    return false;
}

static int set_text(char **slot, const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        return -ENOMEM;
    free(*slot);
    *slot = copy;
    return 0;
}

static void list_clear(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    *list = (struct config_list){0};
}

static int set_list(struct config_list *list, const cJSON *array, struct diag *diag)
{
    list_clear(list);
    list->item = calloc((size_t)cJSON_GetArraySize(array) + 1, sizeof *list->item);
    if (!list->item)
        return -ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsString(item) || !*item->valuestring)
            return diag_set(diag, "entry %zu is %s, must be a string that is not empty",
                            list->count + 1, json_type_name(item));
        list->item[list->count] = strdup(item->valuestring);
        if (!list->item[list->count++])
            return -ENOMEM;
    }
    return 0;
}

static int set_one_or_list(struct config_list *list, const cJSON *value, struct diag *diag)
{
    if (cJSON_IsArray(value))
        return set_list(list, value, diag);
    if (!cJSON_IsString(value))
        return diag_set(diag, "%s, must be a string or an array of strings", json_type_name(value));
    cJSON *array = cJSON_CreateArray();
    json_append(array, cJSON_CreateString(value->valuestring));
    int r = cJSON_GetArraySize(array) == 1 ? set_list(list, array, diag) : -ENOMEM;
    cJSON_Delete(array);
    return r;
}

static void names_clear(struct config_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->entry[i].key);
        free(map->entry[i].value);
    }
    free(map->entry);
    *map = (struct config_map){0};
}

static int set_names(struct config_map *map, const cJSON *object, struct diag *diag)
{
    names_clear(map);
    map->entry = calloc((size_t)cJSON_GetArraySize(object) + 1, sizeof *map->entry);
    if (!map->entry)
        return -ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (!name_valid(item->string) || !cJSON_IsString(item) || !name_valid(item->valuestring))
            return diag_set(diag, "\"%.64s\": both must be names: %s", item->string, NAME_RULE);
        struct config_entry *entry = &map->entry[map->count++];
        entry->key = strdup(item->string);
        entry->value = strdup(item->valuestring);
        if (!entry->key || !entry->value)
            return -ENOMEM;
    }
    return 0;
}

/* Conditions of the default whose signals are not named hold too: to name another signal must not
 * let manual mode in. */
static int add_standard(const struct config_key *key, struct conditions *gate, struct diag *diag)
{
    struct conditions standard;
    cJSON *tree = cJSON_Parse(key->standard);
    int r = tree ? conditions_parse(tree, &standard, diag) : -ENOMEM;
    cJSON_Delete(tree);
    for (size_t i = 0; r == 0 && i < standard.count; i++)
        r = conditions_add(gate, &standard.item[i], diag);
    if (tree)
        conditions_clear(&standard);
    return r;
}

static int set_gate(const struct config_key *key, struct conditions *gate, const cJSON *object,
                    struct diag *diag)
{
    conditions_clear(gate);
    int r = conditions_parse(object, gate, diag);
    return r < 0 ? r : add_standard(key, gate, diag);
}

static int set_string_key(const struct config_key *key, void *slot, const cJSON *value,
                          struct diag *diag)
{
    if (!cJSON_IsString(value))
        return diag_set(diag, "%s, must be a string", json_type_name(value));
    const char *text = value->valuestring;
    if (strlen(text) > CONFIG_TEXT_MAX)
        return diag_set(diag, "%zu characters, at most %d are allowed", strlen(text),
                        CONFIG_TEXT_MAX);
    if (key->type == CONFIG_NAME && !name_valid(text))
        return diag_set(diag, "\"%.80s\", must be a name: %s", text, NAME_RULE);
    if (key->type == CONFIG_CHOICE && !choice_allowed(key->allowed, text))
        return diag_set(diag, "\"%.80s\", must be one of %s", text, key->allowed);
    if (key->type == CONFIG_TEXT && !*text)
        return diag_set(diag, "an empty string is not allowed");
    return set_text(slot, text);
}

static int set_number_key(const struct config_key *key, void *slot, const cJSON *value,
                          struct diag *diag)
{
    if (!cJSON_IsNumber(value))
        return diag_set(diag, "%s, must be a number from %g to %g", json_type_name(value), key->min,
                        key->max);
    double number = value->valuedouble;
    if (!(number >= key->min && number <= key->max))
        return diag_set(diag, "%g, must be from %g to %g", number, key->min, key->max);
    if (key->type == CONFIG_NUMBER) {
        *(double *)slot = number;
        return 0;
    }
    if (number != (double)(int64_t)number)
        return diag_set(diag, "%g, must be an integer", number);
    *(int64_t *)slot = (int64_t)number;
    return 0;
}

int config_value_set(const struct config_key *key, void *slot, const cJSON *value,
                     struct diag *diag)
{
    switch (key->type) {
    case CONFIG_TEXT:
    case CONFIG_NAME:
    case CONFIG_CHOICE:
        return set_string_key(key, slot, value, diag);
    case CONFIG_NUMBER:
    case CONFIG_INTEGER:
        return set_number_key(key, slot, value, diag);
    case CONFIG_BOOL:
        if (!cJSON_IsBool(value))
            return diag_set(diag, "%s, must be true or false", json_type_name(value));
        *(bool *)slot = cJSON_IsTrue(value);
        return 0;
    case CONFIG_LIST:
        if (!cJSON_IsArray(value))
            return diag_set(diag, "%s, must be an array of strings", json_type_name(value));
        return set_list(slot, value, diag);
    case CONFIG_ONE_OR_LIST:
        return set_one_or_list(slot, value, diag);
    case CONFIG_NAMES:
        if (!cJSON_IsObject(value))
            return diag_set(diag, "%s, must be an object", json_type_name(value));
        return set_names(slot, value, diag);
    case CONFIG_GATE:
        return set_gate(key, slot, value, diag);
    }
    return -EINVAL;
}

size_t config_value_size(enum config_type type)
{
    static const size_t sizes[] = {[CONFIG_TEXT] = sizeof(char *),
                                   [CONFIG_NAME] = sizeof(char *),
                                   [CONFIG_CHOICE] = sizeof(char *),
                                   [CONFIG_NUMBER] = sizeof(double),
                                   [CONFIG_INTEGER] = sizeof(int64_t),
                                   [CONFIG_BOOL] = sizeof(bool),
                                   [CONFIG_LIST] = sizeof(struct config_list),
                                   [CONFIG_ONE_OR_LIST] = sizeof(struct config_list),
                                   [CONFIG_NAMES] = sizeof(struct config_map),
                                   [CONFIG_GATE] = sizeof(struct conditions)};
    return sizes[type];
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

bool config_value_same(const struct config_key *key, const void *a, const void *b)
{
    if (key->type == CONFIG_TEXT || key->type == CONFIG_NAME || key->type == CONFIG_CHOICE)
        return same_text(*(char *const *)a, *(char *const *)b);
    if (key->type == CONFIG_GATE)
        return conditions_same(a, b);
    if (key->type != CONFIG_LIST && key->type != CONFIG_ONE_OR_LIST)
        return !memcmp(a, b, config_value_size(key->type));
    const struct config_list *x = a, *y = b;
    bool same = x->count == y->count;
    for (size_t i = 0; same && i < x->count; i++)
        same = same_text(x->item[i], y->item[i]);
    return same;
}

void config_value_clear(const struct config_key *key, void *slot)
{
    if (key->type == CONFIG_TEXT || key->type == CONFIG_NAME || key->type == CONFIG_CHOICE)
        free(*(char **)slot);
    else if (key->type == CONFIG_LIST || key->type == CONFIG_ONE_OR_LIST)
        list_clear(slot);
    else if (key->type == CONFIG_NAMES)
        names_clear(slot);
    else if (key->type == CONFIG_GATE)
        conditions_clear(slot);
}
