#include "base/condition.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A name and a text are shown in states and logs, in one line. */
static bool is_printable(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    }
    return true;
}

static int read_text(const char *text, struct tag *tag, struct diag *diag)
{
    if (strlen(text) > CONDITION_TEXT_MAX || !is_printable(text))
        return diag_set(diag, "a value must be a printable text of at most %d bytes",
                        CONDITION_TEXT_MAX);
    tag->text = strdup(text);
    if (!tag->text)
        return -ENOMEM;
    tag->type = TAG_TEXT;
    return 0;
}

static int read_value(const cJSON *item, struct tag *tag, struct diag *diag)
{
    if (cJSON_IsString(item))
        return read_text(item->valuestring, tag, diag);
    if (cJSON_IsBool(item))
        *tag = (struct tag){.type = TAG_BOOL, .number = cJSON_IsTrue(item)};
    else if (cJSON_IsNumber(item))
        *tag = (struct tag){.type = TAG_NUMBER, .number = item->valuedouble};
    else
        return diag_set(diag, "a value is %s, must be a string, a number, true or false",
                        json_type_name(item));
    return 0;
}

static int read_list(const cJSON *array, struct condition *condition, struct diag *diag)
{
    int count = cJSON_GetArraySize(array);
    if (count < 1 || count > CONDITION_VALUES_MAX)
        return diag_set(diag, "%d allowed values, must be 1 to %d", count, CONDITION_VALUES_MAX);
    condition->allowed = calloc((size_t)count, sizeof *condition->allowed);
    if (!condition->allowed)
        return -ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, array)
    {
        int r = read_value(item, &condition->allowed[condition->count++], diag);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_range(const cJSON *object, struct condition *condition, struct diag *diag)
{
    condition->ranged = true;
    condition->min = (double)-INFINITY;
    condition->max = (double)INFINITY;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        double *bound = !strcmp(item->string, "min")   ? &condition->min
                        : !strcmp(item->string, "max") ? &condition->max
                                                       : NULL;
        if (!bound)
            return diag_set(diag, "%.40s: unknown key; known here: min, max", item->string);
        if (!cJSON_IsNumber(item))
            return diag_set(diag, "%s is %s, must be a number", item->string, json_type_name(item));
        *bound = item->valuedouble;
    }
    if (condition->min > condition->max)
        return diag_set(diag, "min %g is over max %g", condition->min, condition->max);
    return 0;
}

static int read_condition(const cJSON *item, struct condition *condition, struct diag *diag)
{
    size_t length = strlen(item->string);
    if (length < 1 || length > CONDITION_NAME_MAX || !is_printable(item->string))
        return diag_set(diag, "a signal's name must be a printable text of 1 to %d bytes",
                        CONDITION_NAME_MAX);
    condition->name = strdup(item->string);
    if (!condition->name)
        return -ENOMEM;
    int r;
    if (cJSON_IsArray(item))
        r = read_list(item, condition, diag);
    else if (cJSON_IsObject(item))
        r = read_range(item, condition, diag);
    else
        r = diag_set(diag, "%s, must be an array of allowed values or an object with min and max",
                     json_type_name(item));
    if (r < 0)
        diag_prefix(diag, "%s", condition->name);
    return r;
}

int conditions_parse(const cJSON *object, struct conditions *ret_conditions, struct diag *diag)
{
    *ret_conditions = (struct conditions){0};
    if (!cJSON_IsObject(object))
        return diag_set(diag, "%s, must be an object", json_type_name(object));
    int count = cJSON_GetArraySize(object), r = 0;
    if (count > CONDITIONS_MAX)
        return diag_set(diag, "%d conditions, at most %d are allowed", count, CONDITIONS_MAX);
    ret_conditions->item = calloc((size_t)count + 1, sizeof *ret_conditions->item);
    if (!ret_conditions->item)
        return -ENOMEM;
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        r = read_condition(item, &ret_conditions->item[ret_conditions->count++], diag);
        if (r < 0)
            break;
    }
    if (r < 0)
        conditions_clear(ret_conditions);
    return r;
}

int conditions_add(struct conditions *conditions, struct condition *moved, struct diag *diag)
{
    if (conditions_find(conditions, moved->name) < conditions->count)
        return 0;
    if (conditions->count == CONDITIONS_MAX)
        return diag_set(diag, "there is no room for %s: at most %d conditions", moved->name,
                        CONDITIONS_MAX);
    struct condition *item =
        reallocarray(conditions->item, conditions->count + 1, sizeof *conditions->item);
    if (!item)
        return -ENOMEM;
    conditions->item = item;
    item[conditions->count++] = *moved;
    *moved = (struct condition){0};
    return 0;
}

void conditions_clear(struct conditions *conditions)
{
    for (size_t i = 0; i < conditions->count; i++) {
        struct condition *condition = &conditions->item[i];
        for (size_t v = 0; v < condition->count; v++)
            free((char *)condition->allowed[v].text);
        free(condition->allowed);
        free(condition->name);
    }
    free(conditions->item);
    *conditions = (struct conditions){0};
}

static bool same_tag(const struct tag *a, const struct tag *b)
{
    if (a->type != b->type)
        return false;
    return a->type == TAG_TEXT ? !strcmp(a->text, b->text) : a->number == b->number;
}

static bool same_condition(const struct condition *a, const struct condition *b)
{
    bool same = !strcmp(a->name, b->name) && a->ranged == b->ranged && a->count == b->count;
    if (!same || a->ranged)
        return same && a->min == b->min && a->max == b->max;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_tag(&a->allowed[i], &b->allowed[i]);
    return same;
}

bool conditions_same(const struct conditions *a, const struct conditions *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_condition(&a->item[i], &b->item[i]);
    return same;
}

size_t conditions_find(const struct conditions *conditions, const char *name)
{
    size_t at = 0;
    while (at < conditions->count && strcmp(conditions->item[at].name, name) != 0)
        at++;
    return at;
}

/* 0.1 as a channel brings it is another number than 0.1 as it was configured. */
static bool equals(double value, double configured)
{
    return value == configured || value == (double)(float)configured;
}

static bool allows(const struct tag *allowed, const struct tag *tag)
{
    if (allowed->type == TAG_TEXT || tag->type == TAG_TEXT)
        return allowed->type == tag->type && !strcmp(allowed->text, tag->text);
    return equals(tag->number, allowed->number);
}

bool condition_holds(const struct condition *condition, const struct tag *tag, size_t *ret_which)
{
    *ret_which = 0;
    if (tag->type == TAG_NULL)
        return false;
    if (condition->ranged)
        return tag->type != TAG_TEXT &&
               (tag->number >= condition->min || equals(tag->number, condition->min)) &&
               (tag->number <= condition->max || equals(tag->number, condition->max));
    for (size_t i = 0; i < condition->count; i++) {
        *ret_which = i;
        if (allows(&condition->allowed[i], tag))
            return true;
    }
    return false;
}
