/* What the trial of a file of sources has shown. */
#include "cli/survey_trial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool has_come(const struct survey_trial *trial, const char *tag)
{
    for (size_t t = 0; t < trial->tag_count; t++) {
        if (!strcmp(trial->tags[t].name, tag))
            return true;
    }
    return false;
}

/* The channels that have to be made, whoever sends them, and the tag of each: NULL if one may be
   missing. */
static const char *channel_at(const struct survey_trial *trial, size_t channel,
                              const char **ret_tag)
{
    const struct assembler_rules *rules = &trial->map->rules;
    const struct assembler_rule *rule = trial->model ? NULL : &rules->rules[channel];
    const char *name = trial->model ? trial->model->channel[channel].name : rule->channel;
    rule = rule ? rule : assembler_rules_find(rules, name);
    *ret_tag = rule ? rule->tag : name;
    return (rule && rule->substituted) || !strcmp(name, ASSEMBLER_MODE) ? NULL : name;
}

static size_t channel_count(const struct survey_trial *trial)
{
    return trial->model ? trial->model->channels : trial->map->rules.count;
}

static size_t list_absent(const struct survey_trial *trial, struct survey_list *list)
{
    for (size_t c = 0; c < channel_count(trial); c++) {
        const char *tag, *name = channel_at(trial, c, &tag);
        char text[128];
        if (!name || has_come(trial, tag))
            continue;
        snprintf(text, sizeof text, strcmp(tag, name) ? "%.60s (tag %.50s)" : "%.60s", name, tag);
        survey_list_add(list, text);
    }
    return list->count;
}

static void find_in_sources(const struct survey_trial *trial, struct survey_findings *findings)
{
    for (size_t s = 0; s < trial->map->count; s++) {
        if (trial->messages[s] == 0)
            survey_finding_add(findings, SURVEY_WARNING,
                               "sources[%zu] of the file, %s: nothing came that fits: compare it "
                               "with the topics above",
                               s, trial->map->sources[s].topic);
    }
    for (int r = SOURCE_READ + 1; r < SOURCE_REFUSALS; r++) {
        if (trial->refused[r] > 0)
            survey_finding_add(findings, SURVEY_WARNING,
                               "%" PRIu64 " messages would be refused (%s), such as %s",
                               trial->refused[r], source_refusal_name((enum source_refusal)r),
                               trial->refused_text[r]);
    }
}

static void find_in_tags(const struct survey_trial *trial, struct survey_findings *findings)
{
    struct survey_list absent = {.count = 0}, unused = {.count = 0}, rules = {.count = 0};
    for (size_t w = 0; w < trial->word_count; w++)
        survey_finding_add(findings, SURVEY_WARNING, "a word is in no table: %s", trial->words[w]);
    for (size_t r = 0; r < trial->map->rules.count; r++) {
        const struct assembler_rule *rule = &trial->map->rules.rules[r];
        if (!strcmp(rule->channel, ASSEMBLER_MODE) && !has_come(trial, rule->tag))
            survey_list_add(&rules, rule->tag);
    }
    if (rules.count > 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "the mode's tag %s did not come: without it every mode is judged",
                           survey_list_end(&rules));
    if (list_absent(trial, &absent) > 0)
        survey_finding_add(findings, SURVEY_ERROR,
                           "%zu channels have no value, so no sample can be made: %s: look for "
                           "their tags, or give \"missing\" a number",
                           absent.count, survey_list_end(&absent));
    for (size_t t = 0; t < trial->tag_count; t++) {
        if (trial->robots[trial->tags[t].robot].assembler && !trial->tags[t].used)
            survey_list_add(&unused, trial->tags[t].name);
    }
    if (unused.count > 0)
        survey_finding_add(findings, SURVEY_HINT, "no channel is made of %zu tags: %s",
                           unused.count, survey_list_end(&unused));
    if (trial->lost > 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%" PRIu64 " tags of robots beyond %d or tags beyond %d were not tried",
                           trial->lost, TRIAL_ROBOTS_MAX, TRIAL_TAGS_MAX);
}

static void find_in_robot(const struct trial_robot *robot, struct survey_findings *findings)
{
    for (int r = SAMPLE_ACCEPTED + 1; r < SAMPLE_REFUSALS; r++) {
        if (robot->refused[r] == 0)
            continue;
        bool begins = r == SAMPLE_MISSING_CHANNEL && robot->samples > robot->refused[r];
        survey_finding_add(findings, begins ? SURVEY_HINT : SURVEY_WARNING,
                           "%s: %" PRIu64 " samples would be refused (%s)%s: %s", robot->name,
                           robot->refused[r], sample_refusal_name((enum sample_refusal)r),
                           begins ? ", until all tags have come" : "", robot->refused_text[r]);
    }
}

void survey_trial_findings(const struct survey_trial *trial, struct survey_findings *findings)
{
    find_in_sources(trial, findings);
    find_in_tags(trial, findings);
    for (size_t r = 0; r < trial->robot_count; r++)
        find_in_robot(&trial->robots[r], findings);
    uint64_t late = trial->refused_tags[ASSEMBLER_LATE],
             nonfinite = trial->refused_tags[ASSEMBLER_NONFINITE];
    if (late > 0)
        survey_finding_add(findings, SURVEY_HINT,
                           "%" PRIu64 " tags came behind a newer value of their own", late);
    if (nonfinite > 0)
        survey_finding_add(findings, SURVEY_WARNING,
                           "%" PRIu64 " values of tags are not finite, or too large", nonfinite);
    if (survey_trial_samples(trial) == 0)
        survey_finding_add(findings, SURVEY_ERROR, "the file makes no sample of what came");
    if (trial->failed)
        survey_finding_add(findings, SURVEY_WARNING, "memory was out: the trial is not complete");
}

/* ---- JSON */

static cJSON *robot_json(const struct trial_robot *robot)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "robot", robot->name);
    cJSON_AddNumberToObject(object, "samples", (double)robot->samples);
    cJSON *refused = cJSON_AddObjectToObject(object, "refused");
    for (int r = SAMPLE_ACCEPTED + 1; r < SAMPLE_REFUSALS; r++) {
        if (robot->refused[r] > 0)
            cJSON_AddNumberToObject(refused, sample_refusal_name((enum sample_refusal)r),
                                    (double)robot->refused[r]);
    }
    return object;
}

cJSON *survey_trial_json(const struct survey_trial *trial)
{
    cJSON *root = cJSON_CreateObject(), *sources = cJSON_AddArrayToObject(root, "sources");
    for (size_t s = 0; s < trial->map->count; s++) {
        cJSON *source = cJSON_CreateObject();
        cJSON_AddStringToObject(source, "topic", trial->map->sources[s].topic);
        cJSON_AddNumberToObject(source, "messages", (double)trial->messages[s]);
        json_append(sources, source);
    }
    cJSON *refused = cJSON_AddObjectToObject(root, "refused");
    for (int r = SOURCE_READ + 1; r < SOURCE_REFUSALS; r++) {
        if (trial->refused[r] > 0)
            cJSON_AddNumberToObject(refused, source_refusal_name((enum source_refusal)r),
                                    (double)trial->refused[r]);
    }
    cJSON *tags = cJSON_AddObjectToObject(root, "tags");
    for (int r = 0; r < ASSEMBLER_REFUSALS; r++) {
        if (trial->refused_tags[r] > 0)
            cJSON_AddNumberToObject(tags, assembler_refusal_name((enum assembler_refusal)r),
                                    (double)trial->refused_tags[r]);
    }
    cJSON *absent = cJSON_AddArrayToObject(root, "channels_without_value");
    for (size_t c = 0; c < channel_count(trial); c++) {
        const char *tag, *name = channel_at(trial, c, &tag);
        if (name && !has_come(trial, tag))
            json_append(absent, cJSON_CreateString(name));
    }
    cJSON *robots = cJSON_AddArrayToObject(root, "robots");
    for (size_t r = 0; r < trial->robot_count; r++)
        json_append(robots, robot_json(&trial->robots[r]));
    cJSON_AddNumberToObject(root, "samples", (double)survey_trial_samples(trial));
    return root;
}
