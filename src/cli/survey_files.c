/* The configuration that a survey asks for. */
#include "cli/survey_advice.h"
#include "cli/survey_words.h"
#include "source/source_map.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDARD_AGE_S 1.0 /* of the assembler */
#define LEAST_AGES 3       /* periods that a value is to hold */

struct writer {
    const struct survey_question *question;
    struct survey_advice *advice;
    bool *used;     /* [sources] */
    size_t mode;    /* the tag that is one; SIZE_MAX: none */
    double age_s;   /* of the file */
    size_t dropped; /* sources or rules over the limits */
};

/* ---- sources */

static void put_place(cJSON *object, const char *key, const struct survey_place *place)
{
    if (place->there)
        cJSON_AddStringToObject(object, key, place->at);
}

/* "/axis/1/pos" as a tag is "axis_1_pos". */
static void name_place(const char *place, char ret_name[SURVEY_NAME_MAX + 1])
{
    snprintf(ret_name, SURVEY_NAME_MAX + 1, "%s", *place == '/' ? place + 1 : place);
    for (char *c = ret_name; *c; c++)
        *c = *c == '/' ? '_' : *c;
}

static void put_places(const struct writer *writer, size_t source, cJSON *object)
{
    const struct survey_sources *sources = &writer->advice->sources;
    cJSON *places = cJSON_CreateObject();
    char name[SURVEY_NAME_MAX + 1];
    for (size_t t = 0, count = 0; t < sources->tag_count && count < SOURCE_TAGS_MAX; t++) {
        if (sources->tags[t].source != source)
            continue;
        name_place(sources->tags[t].name, name);
        if (cJSON_GetObjectItemCaseSensitive(places, name))
            continue; /* of another robot */
        cJSON_AddStringToObject(places, name, sources->tags[t].name);
        count++;
    }
    cJSON_AddItemToObject(object, "tags", places);
}

static cJSON *write_source(const struct writer *writer, size_t s)
{
    const struct survey_source *source = &writer->advice->sources.items[s];
    const struct survey_recipe *recipe = source->recipe;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "topic", source->pattern);
    if (source->form == SURVEY_SPARKPLUG)
        cJSON_AddStringToObject(object, "format", "sparkplug");
    if (*source->robot)
        cJSON_AddStringToObject(object, "robot", source->robot);
    put_place(object, "each", &recipe->each);
    put_place(object, "name", &recipe->name);
    put_place(object, "values", &recipe->values);
    put_place(object, "value", &recipe->value);
    if (recipe->way == SURVEY_BY_PLACES)
        put_places(writer, s, object);
    bool timed = recipe->unit != SURVEY_US &&
                 !survey_topic_coarse(&writer->question->survey->topics[source->topics[0]]);
    if (timed)
        put_place(object, "time", &recipe->time);
    if (timed && (recipe->unit == SURVEY_MS || recipe->unit == SURVEY_NS))
        cJSON_AddStringToObject(object, "time_unit", survey_unit_name(recipe->unit));
    if (recipe->quality.there) {
        put_place(object, "quality", &recipe->quality);
        json_append(cJSON_AddArrayToObject(object, "good"), cJSON_Parse(recipe->good));
    }
    return object;
}

/* Whether a source brings something that is asked for. */
static void mark_used(struct writer *writer)
{
    const struct survey_sources *sources = &writer->advice->sources;
    for (size_t s = 0; s < sources->count; s++)
        writer->used[s] = sources->items[s].form == SURVEY_SPARKPLUG;
    for (size_t t = 0; t < sources->tag_count; t++) {
        const struct survey_source *source = &sources->items[sources->tags[t].source];
        if (!survey_source_is_sample(source) &&
            (t == writer->mode || survey_channel_of(writer->question, writer->advice, t)))
            writer->used[sources->tags[t].source] = true;
    }
}

/* Two sources that a topic fits are both read, and one of them refuses its messages. */
static void find_overlap(const struct writer *writer, size_t s)
{
    const struct survey_sources *sources = &writer->advice->sources;
    struct source_match match;
    for (size_t other = 0; other < sources->count; other++) {
        const char *topic = writer->question->survey->topics[sources->items[other].topics[0]].name;
        if (other == s || !writer->used[other] ||
            !source_topic_match(sources->items[s].pattern, topic, &match))
            continue;
        survey_finding_add(&writer->advice->findings, SURVEY_HINT,
                           "%s, which is of another form, fits %s too: that source will refuse its "
                           "messages, which is counted and does no harm",
                           topic, sources->items[s].pattern);
        return;
    }
}

static bool write_sources(struct writer *writer, cJSON *file)
{
    const struct survey_sources *sources = &writer->advice->sources;
    cJSON *list = cJSON_AddArrayToObject(file, "sources");
    for (size_t s = 0, count = 0; s < sources->count; s++) {
        bool robot, channel, good = false;
        if (!writer->used[s])
            continue;
        if (count < SOURCES_MAX)
            good = source_topic_check(sources->items[s].pattern, &robot, &channel, NULL) == 0;
        if (good) {
            json_append(list, write_source(writer, s));
            find_overlap(writer, s);
            count++;
        } else {
            writer->dropped++;
        }
    }
    return list && list->child;
}

/* ---- channels */

/* The name by which the file knows a tag. */
static void tag_name(const struct writer *writer, size_t tag, char ret_name[SURVEY_NAME_MAX + 1])
{
    const struct survey_tag *known = &writer->advice->sources.tags[tag];
    if (writer->advice->sources.items[known->source].recipe->way == SURVEY_BY_PLACES)
        name_place(known->name, ret_name);
    else
        snprintf(ret_name, SURVEY_NAME_MAX + 1, "%s", known->name);
}

/* A tag is held for ever where it tells changes only, or is a word or a switch. */
static bool is_held(const struct writer *writer, const struct survey_signal *signal)
{
    const struct survey *survey = writer->question->survey;
    double gap_s = survey_signal_gap_s(survey, signal);
    if (gap_s <= writer->age_s)
        return false;
    if (signal->words > 0 || signal->bools > 0 || signal->live < 2)
        return true;
    double step_s = survey_topic_step_s(&survey->topics[signal->topic]);
    return signal->changes + 1 >= signal->live && gap_s > 3 * step_s;
}

static double round_up(double age_s)
{
    double unit = pow(10, floor(log10(age_s)));
    char text[32];
    snprintf(text, sizeof text, "%.4g", ceil(age_s / unit) * unit);
    return strtod(text, NULL);
}

static void put_age(const struct writer *writer, const struct survey_signal *signal, cJSON *rule)
{
    double gap_s = survey_signal_gap_s(writer->question->survey, signal);
    if (is_held(writer, signal))
        cJSON_AddStringToObject(rule, "max_age_s", "hold");
    else if (LEAST_AGES * gap_s > writer->age_s && gap_s > writer->age_s / 2)
        cJSON_AddNumberToObject(rule, "max_age_s", fmin(round_up(LEAST_AGES * gap_s), 86400));
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

static void collect_words(const struct writer *writer, size_t tag, struct words *ret_words)
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

static void write_rule(const struct writer *writer, size_t t, cJSON *channels)
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

static void write_mode(const struct writer *writer, cJSON *channels)
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

static bool is_mode_tag(const struct writer *writer, size_t tag)
{
    const struct survey_tag *tags = writer->advice->sources.tags;
    return writer->mode != SIZE_MAX && !strcmp(tags[tag].name, tags[writer->mode].name);
}

static void write_channels(struct writer *writer, cJSON *file)
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

static size_t find_mode(const struct survey_sources *sources)
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
static void put_gate(const struct writer *writer, cJSON *input)
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

/* ---- the files */

static bool write_samples(const struct writer *writer, cJSON *configuration)
{
    const struct survey_sources *sources = &writer->advice->sources;
    static const char standard[] = "armwatch/robot/{robot}/sample";
    cJSON *topics = NULL, *list = NULL;
    bool found = false;
    enum survey_unit unit = SURVEY_NO_TIME;
    for (size_t s = 0; s < sources->count; s++) {
        if (!survey_source_is_sample(&sources->items[s]))
            continue;
        topics = topics ? topics : cJSON_AddObjectToObject(configuration, "topics");
        list = list ? list : cJSON_AddArrayToObject(topics, "samples");
        found = true;
        unit = sources->items[s].recipe->unit ? sources->items[s].recipe->unit : unit;
        bool twice = false;
        const cJSON *item;
        cJSON_ArrayForEach(item, list) twice =
            twice || !strcmp(item->valuestring, sources->items[s].pattern);
        if (twice)
            continue;
        if (strstr(sources->items[s].pattern, "{robot}"))
            json_append(list, cJSON_CreateString(sources->items[s].pattern));
        else
            survey_finding_add(&writer->advice->findings, SURVEY_WARNING,
                               "samples on %s: no level names the robot: publish them on %s",
                               sources->items[s].pattern, standard);
    }
    if (unit == SURVEY_MS || unit == SURVEY_NS)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(configuration, "input"), "time_unit",
                                survey_unit_name(unit));
    if (list && !list->child)
        cJSON_DeleteItemFromObject(configuration, "topics");
    return found;
}

/* What is advised is read as the daemon would read it. */
static void check(struct writer *writer)
{
    struct survey_advice *advice = writer->advice;
    struct source_map *map = NULL;
    struct diag diag = DIAG_INIT;
    char *text = cJSON_PrintUnformatted(advice->assembler);
    if (text && source_map_parse(SURVEY_FILE_NAME, text, strlen(text), &map, &diag) == 0) {
        source_map_free(map);
    } else {
        survey_finding_add(&advice->findings, SURVEY_ERROR,
                           "no file of sources can be advised for this (%.200s): write it by hand",
                           diag.text);
        cJSON_Delete(advice->assembler);
        advice->assembler = NULL;
    }
    cJSON_free(text);
}

static void write_assembler(struct writer *writer, cJSON *configuration)
{
    struct survey_advice *advice = writer->advice;
    cJSON *file = cJSON_CreateObject();
    mark_used(writer);
    if (!write_sources(writer, file)) {
        cJSON_Delete(file);
        return;
    }
    if (!writer->question->model && !isnan(advice->period_s))
        cJSON_AddNumberToObject(cJSON_AddObjectToObject(file, "tick"), "period_s",
                                advice->period_s);
    if (writer->age_s > STANDARD_AGE_S)
        cJSON_AddNumberToObject(file, "max_age_s", writer->age_s);
    write_channels(writer, file);
    advice->assembler = file;
    check(writer);
    if (advice->assembler)
        cJSON_AddStringToObject(cJSON_AddObjectToObject(configuration, "input"), "assembler_file",
                                SURVEY_FILE_NAME);
    if (writer->dropped > 0)
        survey_finding_add(&advice->findings, SURVEY_WARNING,
                           "%zu sources or channels do not fit into one file: listen to fewer "
                           "topics (--topic) or say which channels are wanted (--model)",
                           writer->dropped);
}

void survey_advise_files(const struct survey_question *question, struct survey_advice *advice)
{
    const struct survey_sources *sources = &advice->sources;
    struct writer writer = {.question = question,
                            .advice = advice,
                            .used = calloc(sources->count + 1, sizeof(bool)),
                            .mode = find_mode(sources),
                            .age_s = STANDARD_AGE_S};
    cJSON *configuration = cJSON_CreateObject();
    if (LEAST_AGES * advice->period_s > writer.age_s)
        writer.age_s = fmin(round_up(LEAST_AGES * advice->period_s), 86400);
    if (writer.used && !write_samples(&writer, configuration))
        write_assembler(&writer, configuration);
    if (writer.mode != SIZE_MAX && configuration && configuration->child) {
        cJSON *input = cJSON_GetObjectItemCaseSensitive(configuration, "input");
        put_gate(&writer, input ? input : cJSON_AddObjectToObject(configuration, "input"));
    }
    if (configuration && !configuration->child) {
        cJSON_Delete(configuration);
        configuration = NULL;
    }
    advice->configuration = configuration;
    free(writer.used);
}
