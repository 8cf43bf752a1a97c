#include "base/json.h"

#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static _Thread_local bool memory_failed;

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    memory_failed |= !memory;
    return memory;
}

/* Not free itself: then cJSON would grow its buffers by realloc, past allocate. */
static void release(void *memory)
{
    free(memory);
}

void json_watch_memory(void)
{
    cJSON_InitHooks(&(cJSON_Hooks){.malloc_fn = allocate, .free_fn = release});
}

bool json_memory_failed(void)
{
    bool failed = memory_failed;
    memory_failed = false;
    return failed;
}

void json_append(cJSON *array, cJSON *item)
{
    if (!cJSON_AddItemToArray(array, item))
        cJSON_Delete(item);
}

void json_attach(cJSON *object, const char *key, cJSON *item)
{
    if (!cJSON_AddItemToObject(object, key, item))
        cJSON_Delete(item);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool json_is_utf8(const char *text)
{
    for (size_t left = strlen(text), step; left > 0; text += step, left -= step) {
        step = utf8_sequence(text, left);
        if (step == 0)
            return false;
    }
    return true;
}

int json_utf8_head(const char *text, size_t max)
{
    size_t length = strnlen(text, max);
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return (int)length;
}

static size_t count_digits(const char *text, size_t length)
{
    size_t count = 0;
    while (count < length && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

/* Length of the number at `text` (RFC 8259, section 6), or 0 if there is no valid one: cJSON takes
 * whatever strtod takes, "01", "1." and "-.5" too. */
static size_t number_length(const char *text, size_t length)
{
    size_t at = length > 0 && text[0] == '-';
    size_t digits = count_digits(text + at, length - at);
    if (digits == 0 || (digits > 1 && text[at] == '0'))
        return 0;
    at += digits;
    if (at < length && text[at] == '.') {
        digits = count_digits(text + at + 1, length - at - 1);
        if (digits == 0)
            return 0;
        at += 1 + digits;
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < length && (text[at] == '+' || text[at] == '-');
        digits = count_digits(text + at, length - at);
        if (digits == 0)
            return 0;
        at += digits;
    }
    return at;
}

/* From behind the opening quote at *at to the closing one. An escaped NUL is found before cJSON
 * cuts a string at it. A string without an end is left to cJSON. */
static int scan_string(const char *text, size_t length, size_t *at, struct diag *diag)
{
    size_t i = *at;
    for (; i < length && text[i] != '"'; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\\') {
            if (length - i >= 6 && !memcmp(text + i, "\\u0000", 6))
                return diag_set(diag, "byte %zu: \\u0000 is not allowed", i);
            i++;
        } else if (c < 0x20) {
            return diag_set(diag, "byte %zu: a control character in a string", i);
        } else if (c >= 0x80) {
            size_t sequence = utf8_sequence(text + i, length - i);
            if (sequence == 0)
                return diag_set(diag, "byte %zu: not valid UTF-8", i);
            i += sequence - 1;
        }
    }
    *at = i;
    return 0;
}

/* What cJSON would let pass. Nesting is counted before it recurses. */
static int scan_text(const char *text, size_t length, struct diag *diag)
{
    int depth = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '"') {
            i++;
            int r = scan_string(text, length, &i, diag);
            if (r < 0)
                return r;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_MAX_DEPTH)
                return diag_set(diag, "byte %zu: nested deeper than %d", i, JSON_MAX_DEPTH);
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            size_t number = number_length(text + i, length - i);
            if (number == 0)
                return diag_set(diag, "byte %zu: not a JSON number", i);
            i += number - 1;
        } else if ((unsigned char)c < 0x20 && !is_space(c)) {
            return diag_set(diag, "byte %zu: a control character", i);
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

/* Depth is bounded by scan_text, so this recursion is too. -ERANGE: a number. */
static int check_tree(const cJSON *item, struct diag *diag)
{
    if (cJSON_IsNumber(item) && !isfinite(item->valuedouble)) {
        diag_set(diag, "%s%sa number is out of range", item->string ? item->string : "",
                 item->string ? ": " : "");
        return -ERANGE;
    }
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
    while (at < length && is_space(text[at]))
        at++;
    return at;
}

cJSON *json_parse(const char *text, size_t length, struct diag *diag)
{
    bool overflow;
    return json_parse_numbers(text, length, &overflow, diag);
}

cJSON *json_parse_numbers(const char *text, size_t length, bool *ret_overflow, struct diag *diag)
{
    *ret_overflow = false;
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
    } else {
        int r = check_tree(tree, diag);
        if (r == 0)
            return tree;
        *ret_overflow = r == -ERANGE;
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

int json_check_keys(const cJSON *object, const char *const *known, struct diag *diag)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        size_t k = 0;
        while (known[k] && strcmp(known[k], item->string) != 0)
            k++;
        if (known[k])
            continue;
        char list[300] = "";
        size_t used = 0;
        for (k = 0; known[k] && used < sizeof list; k++)
            used +=
                (size_t)snprintf(list + used, sizeof list - used, "%s%s", k ? ", " : "", known[k]);
        return diag_set(diag, "%.100s: unknown key; known here: %s", item->string, list);
    }
    return 0;
}
