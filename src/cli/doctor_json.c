#include "cli/doctor_text.h"

#include <math.h>
#include <string.h>

static void put_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

static void put_place(cJSON *object, const char *key, const struct survey_place *place)
{
    if (place->there)
        cJSON_AddStringToObject(object, key, place->at);
}

/* ---- topics */

static cJSON *time_json(const struct survey_topic *topic)
{
    double skew_s, spread_s;
    cJSON *object = cJSON_CreateObject();
    put_place(object, "place", &topic->recipe.time);
    cJSON_AddStringToObject(object, "unit", survey_unit_name(topic->recipe.unit));
    if (survey_topic_skew(topic, &skew_s, &spread_s)) {
        put_number(object, "skew_s", skew_s);
        put_number(object, "spread_s", spread_s);
    }
    return object;
}

static cJSON *topic_json(const struct survey *survey, const struct survey_topic *topic)
{
    uint64_t all = topic->count + topic->retained;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "topic", topic->name);
    cJSON_AddStringToObject(object, "form", survey_form_name(topic->form));
    cJSON_AddNumberToObject(object, "messages", (double)topic->count);
    cJSON_AddNumberToObject(object, "retained", (double)topic->retained);
    cJSON_AddNumberToObject(object, "duplicates", (double)topic->duplicates);
    cJSON_AddNumberToObject(object, "too_large", (double)topic->large);
    cJSON_AddNumberToObject(object, "unread", (double)topic->unread);
    put_number(object, "rate_hz", survey_topic_rate_hz(topic));
    put_number(object, "step_p50_s", survey_topic_step_s(topic));
    put_number(object, "longest_gap_s", survey_topic_gap_s(survey, topic));
    put_number(object, "bytes", all ? (double)topic->bytes / (double)all : 0);
    if (topic->recipe.unit != SURVEY_NO_TIME)
        cJSON_AddItemToObject(object, "time", time_json(topic));
    return object;
}

static cJSON *groups_json(const struct doctor_report *report)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t g = 0; g < report->advice->groups.count; g++) {
        const struct survey_group *group = &report->advice->groups.items[g];
        char pattern[SURVEY_TOPIC_BYTES + 2];
        cJSON *object = cJSON_CreateObject();
        survey_group_pattern(report->survey, group, pattern, sizeof pattern);
        cJSON_AddStringToObject(object, "pattern", pattern);
        cJSON *topics = cJSON_AddArrayToObject(object, "topics");
        for (size_t t = 0; t < group->count; t++)
            json_append(topics,
                        topic_json(report->survey, &report->survey->topics[group->topics[t]]));
        json_append(list, object);
    }
    return list;
}

/* ---- signals */

static cJSON *signal_json(const struct doctor_report *report, const struct survey_tag *tag)
{
    const struct survey_signal *signal = tag->signal;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", tag->name);
    cJSON_AddStringToObject(object, "topic", report->survey->topics[signal->topic].name);
    cJSON_AddNumberToObject(object, "values", (double)signal->count);
    put_number(object, "rate_hz", survey_signal_rate_hz(signal));
    cJSON_AddNumberToObject(object, "nulls", (double)signal->nulls);
    cJSON_AddBoolToObject(object, "flat", survey_signal_flat(signal));
    if (signal->numbers + signal->bools > 0) {
        put_number(object, "min", signal->min);
        put_number(object, "mean", signal->mean);
        put_number(object, "max", signal->max);
    }
    if (signal->distinct_count > 0 && signal->distinct_count <= SURVEY_NUMBERS_MAX)
        cJSON_AddItemToObject(
            object, "distinct",
            cJSON_CreateDoubleArray(signal->distinct, (int)signal->distinct_count));
    if (signal->word_count > 0) {
        cJSON *words = cJSON_AddArrayToObject(object, "words");
        for (size_t w = 0; w < signal->word_count; w++)
            json_append(words, cJSON_CreateString(signal->word[w]));
        cJSON_AddBoolToObject(object, "more_words", signal->more_words);
    }
    return object;
}

static cJSON *findings_json(const struct survey_findings *findings)
{
    cJSON *list = cJSON_CreateArray();
    for (size_t f = 0; f < findings->count; f++) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "severity",
                                survey_severity_name(findings->items[f].severity));
        cJSON_AddStringToObject(object, "text", findings->items[f].text);
        json_append(list, object);
    }
    return list;
}

static cJSON *beyond_json(const struct survey *survey)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "topics", (double)survey->lost_topics);
    cJSON_AddNumberToObject(object, "signals", (double)survey->lost_signals);
    cJSON_AddNumberToObject(object, "values", (double)survey->lost_leaves);
    return object;
}

cJSON *doctor_json(const struct doctor_report *report)
{
    const struct survey_advice *advice = report->advice;
    cJSON *root = cJSON_CreateObject();
    put_number(root, "seconds", survey_seconds(report->survey));
    cJSON_AddNumberToObject(root, "messages", (double)report->survey->messages);
    cJSON_AddNumberToObject(root, "own", (double)report->survey->own);
    cJSON_AddItemToObject(root, "beyond_limits", beyond_json(report->survey));
    cJSON_AddItemToObject(root, "groups", groups_json(report));
    cJSON *signals = cJSON_AddArrayToObject(root, "signals");
    for (size_t t = 0; t < advice->sources.tag_count; t++)
        json_append(signals, signal_json(report, &advice->sources.tags[t]));
    if (report->trial)
        cJSON_AddItemToObject(root, "trial", survey_trial_json(report->trial));
    cJSON_AddItemToObject(root, "findings", findings_json(&advice->findings));
    if (advice->configuration)
        cJSON_AddItemToObject(root, "configuration", cJSON_Duplicate(advice->configuration, true));
    if (advice->assembler)
        cJSON_AddItemToObject(root, "assembler", cJSON_Duplicate(advice->assembler, true));
    return root;
}
