/* The channels of the file that a survey asks for: how long tags hold, what words mean, the mode.
 */
#include "cli/survey_words.h"
#include "cli/survey_writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void survey_name_place(const char *place, char ret_name[SURVEY_NAME_MAX + 1])
{
    snprintf(ret_name, SURVEY_NAME_MAX + 1, "%s", *place == '/' ? place + 1 : place);
    for (char *c = ret_name; *c; c++)
        *c = *c == '/' ? '_' : *c;
}

/* ---- channels */

/* The name by which the file knows a tag. */
static void tag_name(const struct survey_writer *writer, size_t tag,
                     char ret_name[SURVEY_NAME_MAX + 1])
{
    const struct survey_tag *known = &writer->advice->sources.tags[tag];
    if (writer->advice->sources.items[known->source].recipe->way == SURVEY_BY_PLACES)
        survey_name_place(known->name, ret_name);
    else
        snprintf(ret_name, SURVEY_NAME_MAX + 1, "%s", known->name);
}

/* Most of the time passes in gaps: that tells what is sent on an event from an even stream that
   once had a pause. */
static bool is_irregular(const struct survey_writer *writer, const struct survey_signal *signal)
{
    const struct survey *survey = writer->question->survey;
    double mean_s = 1 / survey_signal_rate_hz(signal);
    return survey_signal_gap_s(survey, signal) > 3 * mean_s &&
           mean_s > 2 * survey_topic_step_s(&survey->topics[signal->topic]);
}

/* A tag is held for ever where it tells changes only, or is a word or a switch. */
static bool is_held(const struct survey_writer *writer, const struct survey_signal *signal)
{
    if (survey_signal_gap_s(writer->question->survey, signal) <= writer->age_s)
        return false;
    if (signal->words > 0 || signal->bools > 0 || signal->live < 2)
        return true;
    return signal->changes + 1 >= signal->live && is_irregular(writer, signal);
}

double survey_round_up(double age_s)
{
    double unit = pow(10, floor(log10(age_s)));
    char text[32];
    snprintf(text, sizeof text, "%.4g", ceil(age_s / unit) * unit);
    return strtod(text, NULL);
}

static void put_age(const struct survey_writer *writer, const struct survey_signal *signal,
                    cJSON *rule)
{
    double age_s = SURVEY_LEAST_AGES / survey_signal_rate_hz(signal);
    if (is_irregular(writer, signal))
        age_s = fmax(age_s, 1.5 * survey_signal_gap_s(writer->question->survey, signal));
    if (is_held(writer, signal))
        cJSON_AddStringToObject(rule, "max_age_s", "hold");
    else if (age_s > writer->age_s && isfinite(age_s))
        cJSON_AddNumberToObject(rule, "max_age_s", fmin(survey_round_up(age_s), 86400));
}

/* The words of a tag, of all robots together. */
struct words {
    const char *text[ASSEMBLER_WORDS_MAX];
    size_t count;
};

static void add_word(struct words *words, const char *text)
{
    for (size_t w = 0; w < words->count; w++) {
        if (!strcmp(words->text[w], text))
            return;
    }
    if (words->count < ASSEMBLER_WORDS_MAX)
        words->text[words->count++] = text;
}

static void collect_words(const struct survey_writer *writer, size_t tag, struct words *ret_words)
{
    const struct survey_sources *sources = &writer->advice->sources;
    ret_words->count = 0;
    for (size_t t = 0; t < sources->tag_count; t++) {
        const struct survey_signal *signal = sources->tags[t].signal;
        if (signal->word_count == 0 || strcmp(sources->tags[t].name, sources->tags[tag].name) != 0)
            continue;
        for (size_t w = 0; w < signal->word_count; w++)
            add_word(ret_words, signal->word[w]);
    }
}

static void put_table(const struct words *words, cJSON *rule)
{
    cJSON *table = cJSON_AddObjectToObject(rule, "table");
    for (size_t w = 0; w < words->count; w++)
        cJSON_AddNumberToObject(table, words->text[w], (double)w);
}

static void write_rule(const struct survey_writer *writer, size_t t, cJSON *channels)
{
    const struct survey_signal *signal = writer->advice->sources.tags[t].signal;
    const char *channel = survey_channel_of(writer->question, writer->advice, t);
    char tag[SURVEY_NAME_MAX + 1];
    struct words words;
    cJSON *rule = cJSON_CreateObject();
    tag_name(writer, t, tag);
    channel = writer->question->model ? channel : tag;
    if (strcmp(tag, channel) != 0)
        cJSON_AddStringToObject(rule, "tag", tag);
    put_age(writer, signal, rule);
    collect_words(writer, t, &words);
    if (words.count > 0)
        put_table(&words, rule);
    if (rule->child && !cJSON_GetObjectItemCaseSensitive(channels, channel))
        cJSON_AddItemToObject(channels, channel, rule);
    else
        cJSON_Delete(rule);
}

static void write_mode(const struct survey_writer *writer, cJSON *channels)
{
    char tag[SURVEY_NAME_MAX + 1], mode[32];
    struct words words;
    collect_words(writer, writer->mode, &words);
    cJSON *rule = cJSON_AddObjectToObject(channels, ASSEMBLER_MODE);
    tag_name(writer, writer->mode, tag);
    if (strcmp(tag, ASSEMBLER_MODE) != 0)
        cJSON_AddStringToObject(rule, "tag", tag);
    cJSON *table = cJSON_AddObjectToObject(rule, "table");
    for (size_t w = 0; w < words.count; w++) {
        if (survey_word_mode(words.text[w], mode, sizeof mode))
            cJSON_AddStringToObject(table, words.text[w], mode);
    }
    cJSON_AddStringToObject(rule, "max_age_s", "hold");
}

static bool is_mode_tag(const struct survey_writer *writer, size_t tag)
{
    const struct survey_tag *tags = writer->advice->sources.tags;
    return writer->mode != SIZE_MAX && !strcmp(tags[tag].name, tags[writer->mode].name);
}

void survey_write_channels(struct survey_writer *writer, cJSON *file)
{
    const struct survey_sources *sources = &writer->advice->sources;
    cJSON *channels = cJSON_CreateObject();
    if (writer->mode != SIZE_MAX)
        write_mode(writer, channels);
    for (size_t t = 0; t < sources->tag_count; t++) {
        if (is_mode_tag(writer, t) || !writer->used[sources->tags[t].source] ||
            survey_source_is_sample(&sources->items[sources->tags[t].source]) ||
            !survey_channel_of(writer->question, writer->advice, t) ||
            (sources->tags[t].signal->more_words && !writer->question->model))
            continue; /* of free text no table can be made */
        if (cJSON_GetArraySize(channels) < ASSEMBLER_RULES_MAX)
            write_rule(writer, t, channels);
        else
            writer->dropped++;
    }
    if (channels && channels->child)
        cJSON_AddItemToObject(file, "channels", channels);
    else
        cJSON_Delete(channels);
}

/* ---- modes */

static bool has_mode_word(const struct survey_tag *tag)
{
    for (size_t w = 0; w < tag->signal->word_count; w++) {
        if (survey_word_names_mode(tag->signal->word[w]))
            return true;
    }
    return false;
}

size_t survey_find_mode(const struct survey_sources *sources)
{
    for (size_t t = 0; t < sources->tag_count; t++) {
        const struct survey_tag *tag = &sources->tags[t];
        if (tag->signal->word_count > 0 && survey_word_is_mode(tag->name))
            return t;
    }
    for (size_t t = 0; t < sources->tag_count; t++) {
        if (has_mode_word(&sources->tags[t]))
            return t;
    }
    return SIZE_MAX;
}

/* The automatic mode if it was seen, else a stub: whichever was. */
void survey_put_gate(const struct survey_writer *writer, cJSON *input)
{
    char mode[32], first[32] = "";
    bool automatic = false;
    struct words words;
    collect_words(writer, writer->mode, &words);
    for (size_t w = 0; w < words.count; w++) {
        if (!survey_word_mode(words.text[w], mode, sizeof mode))
            continue;
        automatic = automatic || !strcmp(mode, "auto");
        if (!*first)
            memcpy(first, mode, sizeof first);
    }
    cJSON *gate = cJSON_AddObjectToObject(input, "gate");
    json_append(cJSON_AddArrayToObject(gate, "mode"),
                cJSON_CreateString(automatic || !*first ? "auto" : first));
    if (!automatic)
        survey_finding_add(&writer->advice->findings, SURVEY_HINT,
                           "%s tells the mode (%s): say in input.gate.mode in which the robot is "
                           "to be judged",
                           writer->advice->sources.tags[writer->mode].name,
                           *first ? first : "a word");
}
