/* Values by a recipe: as source_read.c does it for a source, but by a guess. */
#include "cli/survey_form.h"
#include "cli/survey_words.h"

#include <stdio.h>
#include <string.h>

static bool is_scalar(const cJSON *item)
{
    return item && !cJSON_IsObject(item) && !cJSON_IsArray(item);
}

struct reading {
    const struct survey_recipe *recipe;
    const cJSON *document;
    survey_found *found;
    void *user;
    size_t count;
};

static void give(struct reading *reading, const char *name, const cJSON *value, const cJSON *time)
{
    struct tag tag = {.type = TAG_NULL};
    if (cJSON_IsNumber(value))
        tag = (struct tag){.type = TAG_NUMBER, .number = value->valuedouble};
    else if (cJSON_IsBool(value))
        tag = (struct tag){.type = TAG_BOOL, .number = cJSON_IsTrue(value)};
    else if (cJSON_IsString(value))
        tag = (struct tag){.type = TAG_TEXT, .text = value->valuestring};
    if (is_scalar(value) && ++reading->count <= SURVEY_LEAVES_MAX)
        reading->found(reading->user, name, &tag, time);
}

static const cJSON *time_of(const struct reading *reading, const cJSON *tag, const cJSON *element)
{
    const struct survey_place *place = &reading->recipe->time;
    const cJSON *time = tag ? survey_place_get(tag, place) : NULL;
    time = time ? time : survey_place_get(element, place);
    return time ? time : survey_place_get(reading->document, place);
}

static void read_leaves(struct reading *reading, const cJSON *tree, const char *pointer)
{
    const cJSON *item, *time = time_of(reading, NULL, tree);
    char place[SURVEY_PLACE_MAX], number[24];
    size_t index = 0;
    cJSON_ArrayForEach(item, tree)
    {
        snprintf(number, sizeof number, "%zu", index++);
        if (!survey_place_extend(pointer, item->string ? item->string : number, place))
            continue;
        if (!is_scalar(item))
            read_leaves(reading, item, place);
        else if (item != time &&
                 (cJSON_IsNumber(item) || cJSON_IsBool(item) ||
                  survey_word_is_mode(item->string)) &&
                 !survey_word_is_order(item->string))
            give(reading, place, item, time);
    }
}

static void read_values(struct reading *reading, const cJSON *element)
{
    const cJSON *values = survey_place_get(element, &reading->recipe->values), *item;
    cJSON_ArrayForEach(item, values)
    {
        const cJSON *time = time_of(reading, reading->recipe->value.there ? item : NULL, element);
        if (!item->string || item == time)
            continue;
        if (reading->recipe->value.there)
            give(reading, item->string, survey_place_get(item, &reading->recipe->value), time);
        else
            give(reading, item->string, item, time);
    }
}

static void read_sample(struct reading *reading, const cJSON *document)
{
    const cJSON *time = time_of(reading, NULL, document), *item, *list = document;
    char number[24];
    size_t index = 0;
    if (cJSON_IsObject(document)) {
        list = cJSON_GetObjectItemCaseSensitive(document, "channels");
        list = list ? list : cJSON_GetObjectItemCaseSensitive(document, "values");
    }
    cJSON_ArrayForEach(item, list)
    {
        snprintf(number, sizeof number, "values[%zu]", index++);
        give(reading, item->string ? item->string : number, item, time);
    }
    item = cJSON_GetObjectItemCaseSensitive(document, "mode");
    if (cJSON_IsString(item))
        give(reading, "mode", item, time);
}

static void read_element(struct reading *reading, const cJSON *element)
{
    const struct survey_recipe *recipe = reading->recipe;
    const cJSON *name = survey_place_get(element, &recipe->name);
    if (recipe->way == SURVEY_BY_VALUES)
        read_values(reading, element);
    else if (cJSON_IsString(name))
        give(reading, name->valuestring, survey_place_get(element, &recipe->value),
             time_of(reading, NULL, element));
}

size_t survey_recipe_read(const struct survey_recipe *recipe, const cJSON *tree,
                          survey_found *found, void *user)
{
    struct reading reading = {recipe, tree, found, user, 0};
    const cJSON *item;
    if (recipe->way == SURVEY_WHOLE) {
        read_sample(&reading, tree);
    } else if (recipe->way == SURVEY_BY_TOPIC) {
        item = recipe->value.there ? survey_place_get(tree, &recipe->value) : tree;
        give(&reading, "", item, time_of(&reading, NULL, tree));
    } else if (recipe->way == SURVEY_BY_PLACES) {
        read_leaves(&reading, tree, "");
    } else if (recipe->each.there) {
        cJSON_ArrayForEach(item, survey_place_get(tree, &recipe->each))
            read_element(&reading, item);
    } else if (recipe->way != SURVEY_UNREADABLE) {
        read_element(&reading, tree);
    }
    return reading.count;
}
