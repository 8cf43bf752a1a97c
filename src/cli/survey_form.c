#include "cli/survey_form.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/survey_words.h"
#include "pipeline/sample.h"

#include <math.h>
#include <string.h>

#define BARE_MAX 256                /* bytes, as in source_read.c */
#define CENTURY_BEGIN_S 946684800.0 /* 2000-01-01 */
#define CENTURY_END_S 4102444800.0  /* 2100-01-01 */
#define NEAR_S (400 * 86400.0)      /* a number so near to now is a time, whatever its name */

static const struct {
    const char *name, *label;
} forms[SURVEY_FORMS] = {
    [SURVEY_EMPTY] = {"empty", "empty"},
    [SURVEY_SAMPLE_VALUES] = {"sample_values", "armwatch sample (values)"},
    [SURVEY_SAMPLE_CHANNELS] = {"sample_channels", "armwatch sample (channels)"},
    [SURVEY_SAMPLE_ARRAY] = {"sample_array", "armwatch sample (bare array)"},
    [SURVEY_SAMPLE_BINARY] = {"sample_binary", "armwatch sample (binary)"},
    [SURVEY_OBJECT] = {"json", "JSON object"},
    [SURVEY_LIST] = {"named_values", "named values"},
    [SURVEY_BARE] = {"bare", "bare value"},
    [SURVEY_SPARKPLUG] = {"sparkplug", "Sparkplug B"},
    [SURVEY_BROKEN] = {"broken_json", "broken JSON"},
    [SURVEY_TEXT] = {"text", "text"},
    [SURVEY_OTHER] = {"other", "binary, unknown"},
    [SURVEY_LARGE] = {"too_large", "over 64 KiB"},
};

const char *survey_form_name(enum survey_form form)
{
    return forms[form].name;
}

const char *survey_form_label(enum survey_form form)
{
    return forms[form].label;
}

bool survey_form_is_sample(enum survey_form form)
{
    return form >= SURVEY_SAMPLE_VALUES && form <= SURVEY_SAMPLE_BINARY;
}

const char *survey_unit_name(enum survey_unit unit)
{
    static const char *const names[SURVEY_UNITS] = {"none", "RFC 3339", "s", "ms", "us", "ns"};
    return names[unit];
}

/* ---- times */

enum survey_unit survey_time_unit(const char *key, const cJSON *item, int64_t wall_ns,
                                  int64_t *ret_time_ns)
{
    static const double per_s[SURVEY_UNITS] = {0, 0, 1, 1e3, 1e6, 1e9};
    if (cJSON_IsString(item))
        return clock_parse_rfc3339(item->valuestring, strlen(item->valuestring), ret_time_ns)
                   ? SURVEY_RFC3339
                   : SURVEY_NO_TIME;
    if (!cJSON_IsNumber(item))
        return SURVEY_NO_TIME;
    for (int unit = SURVEY_S; unit <= SURVEY_NS; unit++) {
        double seconds = item->valuedouble / per_s[unit];
        if (!(seconds >= CENTURY_BEGIN_S && seconds < CENTURY_END_S))
            continue;
        if (!survey_word_is_time(key) && fabs(seconds - (double)wall_ns / 1e9) > NEAR_S)
            return SURVEY_NO_TIME;
        double whole = floor(seconds);
        *ret_time_ns = (int64_t)whole * CLOCK_NS_PER_S + (int64_t)((seconds - whole) * 1e9);
        return (enum survey_unit)unit;
    }
    return SURVEY_NO_TIME;
}

/* ---- forms */

static bool is_printable(const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t step = utf8_sequence(text + i, size - i);
        if (step == 0 || ((unsigned char)text[i] < ' ' && !strchr("\t\r\n", text[i])) || !text[i])
            return false;
        i += step;
    }
    return true;
}

/* What the assembler takes as a bare value: a line of text that does not begin as JSON. */
static cJSON *read_word(const char *text, size_t size)
{
    char word[BARE_MAX + 1];
    while (size > 0 && strchr(" \t\r\n", text[size - 1]))
        size--;
    for (; size > 0 && strchr(" \t\r\n", *text); text++)
        size--;
    if (size == 0 || size > BARE_MAX || strchr("{[\"", *text))
        return NULL;
    memcpy(word, text, size);
    word[size] = '\0';
    return strpbrk(word, "\t\r\n") ? NULL : cJSON_CreateString(word);
}

static bool is_binary_sample(const unsigned char *bytes, size_t size)
{
    if (size < SAMPLE_BINARY_HEADER || bytes[0] != SAMPLE_BINARY_MAGIC || bytes[1] != 1)
        return false;
    size_t count =
        bytes[4] | (size_t)bytes[5] << 8 | (size_t)bytes[6] << 16 | (size_t)bytes[7] << 24;
    return count <= SAMPLE_PAYLOAD_MAX && size == SAMPLE_BINARY_HEADER + 4 * count;
}

static bool all_numbers(const cJSON *list)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item))
            return false;
    }
    return list->child != NULL;
}

static enum survey_form form_of_tree(const cJSON *tree)
{
    const cJSON *values = cJSON_GetObjectItemCaseSensitive(tree, "values");
    const cJSON *channels = cJSON_GetObjectItemCaseSensitive(tree, "channels");
    if (cJSON_IsArray(tree))
        return all_numbers(tree) ? SURVEY_SAMPLE_ARRAY : SURVEY_OBJECT;
    if (!cJSON_IsObject(tree))
        return SURVEY_BARE;
    if (cJSON_IsArray(values) && all_numbers(values) && !channels)
        return SURVEY_SAMPLE_VALUES;
    if (cJSON_IsObject(channels) && channels->child && !values &&
        !cJSON_IsObject(channels->child) && !cJSON_IsArray(channels->child))
        return SURVEY_SAMPLE_CHANNELS;
    return SURVEY_OBJECT;
}

enum survey_form survey_form_of(const char *topic, const void *payload, size_t size,
                                cJSON **ret_tree, struct diag *diag)
{
    const char *text = payload;
    *ret_tree = NULL;
    if (!strncmp(topic, "spBv1.0/", strlen("spBv1.0/")))
        return SURVEY_SPARKPLUG;
    if (size == 0)
        return SURVEY_EMPTY;
    if (is_binary_sample(payload, size))
        return SURVEY_SAMPLE_BINARY;
    *ret_tree = json_parse(text, size, diag);
    if (*ret_tree)
        return form_of_tree(*ret_tree);
    if (!is_printable(text, size))
        return SURVEY_OTHER;
    *ret_tree = read_word(text, size);
    if (*ret_tree)
        return SURVEY_BARE;
    return strchr("{[", *text) ? SURVEY_BROKEN : SURVEY_TEXT;
}
