/* The configuration that a survey asks for. */
#include "cli/survey_writer.h"
#include "source/source_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STANDARD_AGE_S 1.0 /* of the assembler */

/* ---- sources */

static void put_place(cJSON *object, const char *key, const struct survey_place *place)
{
    if (place->there)
        cJSON_AddStringToObject(object, key, place->at);
}

static void put_places(const struct survey_writer *writer, size_t source, cJSON *object)
{
    const struct survey_sources *sources = &writer->advice->sources;
    cJSON *places = cJSON_CreateObject();
    char name[SURVEY_NAME_MAX + 1];
    for (size_t t = 0, count = 0; t < sources->tag_count && count < SOURCE_TAGS_MAX; t++) {
        if (sources->tags[t].source != source)
            continue;
        survey_name_place(sources->tags[t].name, name);
        if (cJSON_GetObjectItemCaseSensitive(places, name))
            continue; /* of another robot */
        cJSON_AddStringToObject(places, name, sources->tags[t].name);
        count++;
    }
    cJSON_AddItemToObject(object, "tags", places);
}

static cJSON *write_source(const struct survey_writer *writer, size_t s)
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
static void mark_used(struct survey_writer *writer)
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
static void find_overlap(const struct survey_writer *writer, size_t s)
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

static bool write_sources(struct survey_writer *writer, cJSON *file)
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

/* ---- the files */

static bool write_samples(const struct survey_writer *writer, cJSON *configuration)
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
static void check(struct survey_writer *writer)
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

static void write_assembler(struct survey_writer *writer, cJSON *configuration)
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
    survey_write_channels(writer, file);
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
    struct survey_writer writer = {.question = question,
                                   .advice = advice,
                                   .used = calloc(sources->count + 1, sizeof(bool)),
                                   .mode = survey_find_mode(sources),
                                   .age_s = STANDARD_AGE_S};
    cJSON *configuration = cJSON_CreateObject();
    if (SURVEY_LEAST_AGES * advice->period_s > writer.age_s)
        writer.age_s = fmin(survey_round_up(SURVEY_LEAST_AGES * advice->period_s), 86400);
    if (writer.used && !write_samples(&writer, configuration))
        write_assembler(&writer, configuration);
    if (writer.mode != SIZE_MAX && configuration && configuration->child) {
        cJSON *input = cJSON_GetObjectItemCaseSensitive(configuration, "input");
        survey_put_gate(&writer, input ? input : cJSON_AddObjectToObject(configuration, "input"));
    }
    if (configuration && !configuration->child) {
        cJSON_Delete(configuration);
        configuration = NULL;
    }
    advice->configuration = configuration;
    free(writer.used);
}
