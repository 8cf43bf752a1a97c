#include "report/member.h"

#include <math.h>
#include <stdlib.h>

const cJSON *member(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(item) ? NULL : item;
}

const cJSON *member_list(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsArray(item) && item->child ? item : NULL;
}

double member_value(const cJSON *item)
{
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : (double)NAN;
}

double member_number(const cJSON *object, const char *key)
{
    return member_value(member(object, key));
}

const char *member_text(const cJSON *object, const char *key, const char *otherwise)
{
    const cJSON *item = member(object, key);
    return cJSON_IsString(item) && *item->valuestring ? item->valuestring : otherwise;
}

bool member_true(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(member(object, key));
}

static double *make(struct html *html, size_t count)
{
    double *values = calloc(count, sizeof *values);
    if (!values)
        html->failed = true;
    return values;
}

double *member_numbers(struct html *html, const cJSON *object, const char *key, size_t *ret_count)
{
    const cJSON *item, *list = member_list(object, key);
    double *values = list ? make(html, (size_t)cJSON_GetArraySize(list)) : NULL;
    *ret_count = 0;
    if (values)
        cJSON_ArrayForEach(item, list) values[(*ret_count)++] = member_value(item);
    return values;
}

double *member_pairs(struct html *html, const cJSON *object, const char *key, size_t *ret_count)
{
    const cJSON *item, *list = member_list(object, key);
    double *values = list ? make(html, 2 * (size_t)cJSON_GetArraySize(list)) : NULL;
    *ret_count = 0;
    if (!values)
        return NULL;
    cJSON_ArrayForEach(item, list)
    {
        const cJSON *first = cJSON_IsArray(item) ? item->child : NULL;
        double x = member_value(first), y = member_value(first ? first->next : NULL);
        if (isnan(x) || isnan(y))
            continue;
        values[2 * *ret_count] = x;
        values[2 * (*ret_count)++ + 1] = y;
    }
    return values;
}

double *member_column(struct html *html, const cJSON *list, const char *key, size_t *ret_count)
{
    const cJSON *item;
    bool filled = cJSON_IsArray(list) && list->child;
    double *values = filled ? make(html, (size_t)cJSON_GetArraySize(list)) : NULL;
    *ret_count = 0;
    if (values)
        cJSON_ArrayForEach(item, list) values[(*ret_count)++] = member_number(item, key);
    return values;
}
