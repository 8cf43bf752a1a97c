#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Length of the UTF-8 sequence at `text`, or 0 if there is no valid one (RFC 3629: no overlong
 * forms, no surrogates, nothing above U+10FFFF). */
static size_t utf8_sequence(const unsigned char *text, size_t length)
{
    unsigned lead = text[0];
    size_t need = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (need == 0 || lead > 0xf4 || need > length)
        return 0;
    unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < need; i++) {
        if (text[i] < low || text[i] > high)
            return 0;
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

/* Nesting is counted before cJSON recurses, and an escaped NUL is found before cJSON cuts a string
 * at it. */
static int scan_text(const char *text, size_t length, struct diag *diag)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\0')
            return diag_set(diag, "byte %zu: a NUL byte is not allowed in JSON", i);
        if (in_string) {
            if (c == '\\') {
                if (length - i >= 6 && !memcmp(text + i, "\\u0000", 6))
                    return diag_set(diag, "byte %zu: \\u0000 is not allowed", i);
                i++;
            } else if (c == '"') {
                in_string = false;
            } else if ((unsigned char)c < 0x20) {
                return diag_set(diag, "byte %zu: a control character in a string", i);
            } else if ((unsigned char)c >= 0x80) {
                size_t sequence = utf8_sequence((const unsigned char *)text + i, length - i);
                if (sequence == 0)
                    return diag_set(diag, "byte %zu: not valid UTF-8", i);
                i += sequence - 1;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_MAX_DEPTH)
                return diag_set(diag, "byte %zu: nested deeper than %d", i, JSON_MAX_DEPTH);
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int check_unique_keys(const cJSON *object, struct diag *diag)
{
    size_t count = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, object) count++;
    if (count < 2)
        return 0;
    const char **keys = malloc(count * sizeof *keys);
    if (!keys)
        return diag_errno(diag, ENOMEM, "JSON");
    size_t used = 0;
    cJSON_ArrayForEach(child, object) keys[used++] = child->string;
    qsort(keys, count, sizeof *keys, compare_keys);
    int r = 0;
    for (size_t i = 1; i < count && r == 0; i++) {
        if (!strcmp(keys[i - 1], keys[i]))
            r = diag_set(diag, "key \"%.64s\" appears twice", keys[i]);
    }
    free(keys);
    return r;
}

/* Depth is bounded by scan_text, so this recursion is too. */
static int check_tree(const cJSON *item, struct diag *diag)
{
    if (cJSON_IsNumber(item) && !isfinite(item->valuedouble))
        return diag_set(diag, "%s%sa number is out of range", item->string ? item->string : "",
                        item->string ? ": " : "");
    if (cJSON_IsObject(item)) {
        int r = check_unique_keys(item, diag);
        if (r < 0)
            return r;
    }
    const cJSON *child;
    cJSON_ArrayForEach(child, item)
    {
        int r = check_tree(child, diag);
        if (r < 0)
            return r;
    }
    return 0;
}

static size_t skip_space(const char *text, size_t length, size_t at)
{
    while (at < length && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    return at;
}

cJSON *json_parse(const char *text, size_t length, struct diag *diag)
{
    if (length == 0) {
        diag_set(diag, "empty, JSON is expected");
        return NULL;
    }
    if (scan_text(text, length, diag) < 0)
        return NULL;
    const char *end = NULL;
    cJSON *tree = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    size_t at = end ? (size_t)(end - text) : 0;
    if (!tree) {
        diag_set(diag, "byte %zu: not valid JSON", at);
        return NULL;
    }
    if (skip_space(text, length, at) != length) {
        diag_set(diag, "byte %zu: something follows the JSON value", at);
    } else if (check_tree(tree, diag) == 0) {
        return tree;
    }
    cJSON_Delete(tree);
    return NULL;
}

const char *json_type_name(const cJSON *item)
{
    if (cJSON_IsObject(item))
        return "an object";
    if (cJSON_IsArray(item))
        return "an array";
    if (cJSON_IsString(item))
        return "a string";
    if (cJSON_IsNumber(item))
        return "a number";
    if (cJSON_IsBool(item))
        return "true or false";
    return "null";
}

/* 1: present and of the type; 0: absent and allowed to be; negative: refused. */
static int find_member(const cJSON *object, const char *key, bool required,
                       cJSON_bool (*is_type)(const cJSON *), const char *allowed,
                       const cJSON **ret_item, struct diag *diag)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item)
        return required ? diag_set(diag, "%s: missing, %s is required", key, allowed) : 0;
    if (!is_type(item))
        return diag_set(diag, "%s: %s, must be %s", key, json_type_name(item), allowed);
    *ret_item = item;
    return 1;
}

int json_get_number(const cJSON *object, const char *key, bool required, double min, double max,
                    double *ret_value, struct diag *diag)
{
    const cJSON *item = NULL;
    int r = find_member(object, key, required, cJSON_IsNumber, "a number", &item, diag);
    if (r <= 0)
        return r;
    if (!(item->valuedouble >= min && item->valuedouble <= max))
        return diag_set(diag, "%s: %g, must be from %g to %g", key, item->valuedouble, min, max);
    *ret_value = item->valuedouble;
    return 0;
}

int json_get_integer(const cJSON *object, const char *key, bool required, int64_t min, int64_t max,
                     int64_t *ret_value, struct diag *diag)
{
    double value = 0;
    const cJSON *item = NULL;
    int r = find_member(object, key, required, cJSON_IsNumber, "an integer", &item, diag);
    if (r <= 0)
        return r;
    value = item->valuedouble;
    if (value != floor(value) || fabs(value) > JSON_MAX_INTEGER)
        return diag_set(diag, "%s: %.17g, must be an integer", key, value);
    if (value < (double)min || value > (double)max)
        return diag_set(diag, "%s: %.0f, must be from %lld to %lld", key, value, (long long)min,
                        (long long)max);
    *ret_value = (int64_t)value;
    return 0;
}

int json_get_bool(const cJSON *object, const char *key, bool required, bool *ret_value,
                  struct diag *diag)
{
    const cJSON *item = NULL;
    int r = find_member(object, key, required, cJSON_IsBool, "true or false", &item, diag);
    if (r > 0)
        *ret_value = cJSON_IsTrue(item);
    return r < 0 ? r : 0;
}

int json_get_string(const cJSON *object, const char *key, bool required, size_t max_length,
                    const char **ret_value, struct diag *diag)
{
    const cJSON *item = NULL;
    int r = find_member(object, key, required, cJSON_IsString, "a string", &item, diag);
    if (r <= 0)
        return r;
    size_t length = strlen(item->valuestring);
    if (length > max_length)
        return diag_set(diag, "%s: %zu characters, at most %zu are allowed", key, length,
                        max_length);
    *ret_value = item->valuestring;
    return 0;
}

int json_get_object(const cJSON *object, const char *key, bool required, const cJSON **ret_value,
                    struct diag *diag)
{
    int r = find_member(object, key, required, cJSON_IsObject, "an object", ret_value, diag);
    return r < 0 ? r : 0;
}

int json_get_array(const cJSON *object, const char *key, bool required, const cJSON **ret_value,
                   struct diag *diag)
{
    int r = find_member(object, key, required, cJSON_IsArray, "an array", ret_value, diag);
    return r < 0 ? r : 0;
}
