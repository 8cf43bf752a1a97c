#include "pipeline/assembler_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_AGE_LOWEST 0.001
#define MAX_AGE_HIGHEST 86400.0
#define NUMBER_MAX 1e30

/* ---- one channel */

/* "max_age_s": seconds, or "hold" for a tag that is only sent when it changes. */
static int read_max_age(const cJSON *object, double *ret_s, struct diag *diag)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "max_age_s");
    if (!cJSON_IsString(item))
        return json_get_number(object, "max_age_s", false, MAX_AGE_LOWEST, MAX_AGE_HIGHEST, ret_s,
                               diag);
    if (strcmp(item->valuestring, "hold") != 0)
        return diag_set(diag, "max_age_s: \"%.40s\", must be seconds or \"hold\"",
                        item->valuestring);
    *ret_s = ASSEMBLER_HOLD;
    return 0;
}

/* "missing": "refuse", or the value that stands for one that is not there. */
static int read_missing(const cJSON *object, struct assembler_rule *rule, struct diag *diag)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, "missing");
    if (!item || (cJSON_IsString(item) && !strcmp(item->valuestring, "refuse")))
        return 0;
    rule->substituted = true;
    if (cJSON_IsNumber(item))
        return json_get_number(object, "missing", true, -NUMBER_MAX, NUMBER_MAX, &rule->substitute,
                               diag);
    return diag_set(diag, "missing: must be \"refuse\" or a number");
}

static int read_word(const cJSON *item, bool is_mode, struct assembler_word *word,
                     struct diag *diag)
{
    if (is_mode && !cJSON_IsString(item))
        return diag_set(diag, "table: \"%.40s\": %s, must be a string", item->string,
                        json_type_name(item));
    if (!is_mode && !cJSON_IsNumber(item) && !cJSON_IsBool(item))
        return diag_set(diag, "table: \"%.40s\": %s, must be a number", item->string,
                        json_type_name(item));
    if (!is_mode && cJSON_IsNumber(item) && !(fabs(item->valuedouble) <= NUMBER_MAX))
        return diag_set(diag, "table: \"%.40s\": %g is too large", item->string, item->valuedouble);
    word->word = strdup(item->string);
    word->text = is_mode ? strdup(item->valuestring) : NULL;
    word->number = cJSON_IsBool(item) ? cJSON_IsTrue(item) : item->valuedouble;
    return word->word && (word->text || !is_mode) ? 0 : -ENOMEM;
}

static int read_table(const cJSON *object, struct assembler_rule *rule, struct diag *diag)
{
    const cJSON *table = NULL, *item;
    int r = json_get_object(object, "table", false, &table, diag);
    if (r < 0 || !table)
        return r;
    int count = cJSON_GetArraySize(table);
    if (count == 0 || count > ASSEMBLER_WORDS_MAX)
        return diag_set(diag, "table: %d words, must be 1 to %d", count, ASSEMBLER_WORDS_MAX);
    rule->words = calloc((size_t)count, sizeof *rule->words);
    if (!rule->words)
        return -ENOMEM;
    cJSON_ArrayForEach(item, table)
    {
        r = read_word(item, !strcmp(rule->channel, ASSEMBLER_MODE),
                      &rule->words[rule->word_count++], diag);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_name(const cJSON *object, const char *key, const char *standard, char **ret_name,
                     struct diag *diag)
{
    const char *name = standard;
    int r = json_get_string(object, key, false, ASSEMBLER_NAME_MAX, &name, diag);
    if (r < 0)
        return r;
    if (!*name)
        return diag_set(diag, "%s: empty, must be a name", key);
    *ret_name = strdup(name);
    return *ret_name ? 0 : -ENOMEM;
}

static int read_rule(const cJSON *object, double max_age_s, struct assembler_rule *rule,
                     struct diag *diag)
{
    static const char *const known[] = {"tag",     "scale", "offset", "max_age_s",
                                        "missing", "table", NULL};
    *rule = (struct assembler_rule){.scale = 1, .max_age_s = max_age_s};
    size_t length = strlen(object->string);
    if (length == 0 || length > ASSEMBLER_NAME_MAX)
        return diag_set(diag, "a name of %zu bytes, must be 1 to %d", length, ASSEMBLER_NAME_MAX);
    if (!cJSON_IsObject(object))
        return diag_set(diag, "%s, must be an object", json_type_name(object));
    rule->channel = strdup(object->string);
    if (!rule->channel)
        return -ENOMEM;
    int r = json_check_keys(object, known, diag);
    r = r < 0 ? r : read_name(object, "tag", object->string, &rule->tag, diag);
    r = r < 0
            ? r
            : json_get_number(object, "scale", false, -NUMBER_MAX, NUMBER_MAX, &rule->scale, diag);
    r = r < 0 ? r
              : json_get_number(object, "offset", false, -NUMBER_MAX, NUMBER_MAX, &rule->offset,
                                diag);
    r = r < 0 ? r : read_max_age(object, &rule->max_age_s, diag);
    r = r < 0 ? r : read_missing(object, rule, diag);
    r = r < 0 ? r : read_table(object, rule, diag);
    return r < 0 || rule->scale != 0 ? r : diag_set(diag, "scale: 0, must be another number");
}

/* ---- all of them */

static int read_channels(const cJSON *object, struct assembler_rules *rules, struct diag *diag)
{
    const cJSON *channels = NULL, *item;
    int r = json_get_object(object, "channels", false, &channels, diag);
    if (r < 0 || !channels)
        return r;
    int count = cJSON_GetArraySize(channels);
    if (count > ASSEMBLER_RULES_MAX)
        return diag_set(diag, "channels: %d, at most %d are allowed", count, ASSEMBLER_RULES_MAX);
    rules->rules = calloc((size_t)count + 1, sizeof *rules->rules);
    if (!rules->rules)
        return -ENOMEM;
    cJSON_ArrayForEach(item, channels)
    {
        r = read_rule(item, rules->max_age_s, &rules->rules[rules->count++], diag);
        if (r == -EINVAL)
            diag_prefix(diag, "channels.%.100s", item->string);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_tick(const cJSON *object, struct assembler_rules *rules, struct diag *diag)
{
    static const char *const known[] = {"period_s", "channel", NULL};
    const cJSON *tick = NULL;
    int r = json_get_object(object, "tick", false, &tick, diag);
    if (r < 0 || !tick)
        return r;
    r = json_check_keys(tick, known, diag);
    if (r == 0 && cJSON_GetArraySize(tick) != 1)
        r = diag_set(diag, "either period_s or channel is required");
    r = r < 0 ? r : json_get_number(tick, "period_s", false, 0.001, 60, &rules->period_s, diag);
    if (r == 0 && cJSON_HasObjectItem(tick, "channel"))
        r = read_name(tick, "channel", "", &rules->tick, diag);
    if (r == -EINVAL)
        diag_prefix(diag, "tick");
    return r;
}

int assembler_rules_parse(const cJSON *object, struct assembler_rules *ret_rules, struct diag *diag)
{
    *ret_rules = (struct assembler_rules){.max_age_s = 1};
    int r = read_tick(object, ret_rules, diag);
    r = r < 0 ? r : read_max_age(object, &ret_rules->max_age_s, diag);
    return r < 0 ? r : read_channels(object, ret_rules, diag);
}

void assembler_rules_deinit(struct assembler_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct assembler_rule *rule = &rules->rules[i];
        for (size_t w = 0; w < rule->word_count; w++) {
            free(rule->words[w].word);
            free(rule->words[w].text);
        }
        free(rule->words);
        free(rule->channel);
        free(rule->tag);
    }
    free(rules->rules);
    free(rules->tick);
    *rules = (struct assembler_rules){0};
}

const struct assembler_rule *assembler_rules_find(const struct assembler_rules *rules,
                                                  const char *channel)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (!strcmp(rules->rules[i].channel, channel))
            return &rules->rules[i];
    }
    return NULL;
}
