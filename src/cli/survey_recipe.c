/*
 * The way to the values is looked for from the special to the general: elements with a name and a
 * value; an object of objects that each have a value; all numbers in one object; numbers anywhere.
 */
#include "base/json_pointer.h"
#include "base/name.h"
#include "cli/survey_form.h"
#include "cli/survey_words.h"

#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 4

/* ---- places */

bool survey_place_extend(const char *pointer, const char *key, char ret_pointer[SURVEY_PLACE_MAX])
{
    size_t used = strlen(pointer);
    char text[SURVEY_PLACE_MAX];
    memcpy(text, pointer, used);
    if (used + 1 < sizeof text)
        text[used++] = '/';
    for (; *key && used + 3 < sizeof text; key++) {
        if (*key == '~' || *key == '/') {
            text[used++] = '~';
            text[used++] = *key == '~' ? '0' : '1';
        } else {
            text[used++] = *key;
        }
    }
    text[used] = '\0';
    memcpy(ret_pointer, text, used + 1);
    return !*key;
}

static void put(struct survey_place *place, const char *pointer)
{
    place->there = true;
    snprintf(place->at, sizeof place->at, "%s", pointer);
}

const cJSON *survey_place_get(const cJSON *tree, const struct survey_place *place)
{
    return place->there ? json_pointer_get(tree, place->at) : NULL;
}

static bool is_scalar(const cJSON *item)
{
    return item && !cJSON_IsObject(item) && !cJSON_IsArray(item);
}

static bool is_number(const cJSON *item)
{
    return cJSON_IsNumber(item) || cJSON_IsBool(item);
}

struct finder {
    const cJSON *document;
    const char *robot;
    int64_t wall_ns;
    struct survey_recipe *recipe;
};

static bool is_time(const struct finder *finder, const cJSON *item)
{
    int64_t time_ns;
    return survey_time_unit(item->string, item, finder->wall_ns, &time_ns) != SURVEY_NO_TIME;
}

/* A number that says something of the machine. */
static bool is_value(const struct finder *finder, const cJSON *item)
{
    return is_number(item) && !is_time(finder, item) && !survey_word_is_quality(item->string) &&
           (survey_word_is_value(item->string) || !survey_word_is_order(item->string));
}

static const cJSON *member_like(const cJSON *object, bool (*is_like)(const char *key))
{
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (is_like(item->string) && is_scalar(item))
            return item;
    }
    return NULL;
}

/* ---- elements */

static bool find_named(struct finder *finder, const cJSON *element)
{
    const cJSON *name = NULL, *item;
    const cJSON *value = member_like(element, survey_word_is_value);
    cJSON_ArrayForEach(item, element)
    {
        if (!name && cJSON_IsString(item) && item != value && survey_word_is_name(item->string))
            name = item;
    }
    char pointer[SURVEY_PLACE_MAX];
    if (!name || !value || !survey_place_extend("", name->string, pointer))
        return false;
    put(&finder->recipe->name, pointer);
    if (!survey_place_extend("", value->string, pointer))
        return false;
    put(&finder->recipe->value, pointer);
    finder->recipe->way = SURVEY_BY_NAME;
    return true;
}

/* An object whose members are all objects with a value of the same name. */
static bool find_valued(struct finder *finder, const cJSON *object, const char *pointer, int depth)
{
    const cJSON *item, *value = NULL;
    bool all = cJSON_IsObject(object) && object->child;
    char place[SURVEY_PLACE_MAX];
    cJSON_ArrayForEach(item, object)
    {
        if (!value && cJSON_IsObject(item))
            value = member_like(item, survey_word_is_value);
        all = all && value && is_scalar(cJSON_GetObjectItemCaseSensitive(item, value->string));
    }
    if (all && survey_place_extend("", value->string, place)) {
        put(&finder->recipe->values, pointer);
        put(&finder->recipe->value, place);
        finder->recipe->way = SURVEY_BY_VALUES;
        return true;
    }
    cJSON_ArrayForEach(item, object)
    {
        if (depth < DEPTH_MAX && cJSON_IsObject(object) && cJSON_IsObject(item) &&
            survey_place_extend(pointer, item->string, place) &&
            find_valued(finder, item, place, depth + 1))
            return true;
    }
    return false;
}

/* ---- plain objects */

struct count {
    size_t numbers, words; /* in all */
    size_t best, best_words;
    bool best_nested; /* there are objects beside them */
    const cJSON *object;
    char pointer[SURVEY_PLACE_MAX];
};

static void count_object(const struct finder *finder, const cJSON *object, const char *pointer,
                         int depth, struct count *count)
{
    size_t numbers = 0, words = 0;
    bool nested = false;
    const cJSON *item;
    char place[SURVEY_PLACE_MAX];
    cJSON_ArrayForEach(item, object)
    {
        numbers += is_value(finder, item);
        words += cJSON_IsString(item) && !is_time(finder, item);
        nested = nested || !is_scalar(item);
        if (!is_scalar(item) && depth < DEPTH_MAX &&
            survey_place_extend(pointer, item->string ? item->string : "0", place))
            count_object(finder, item, place, depth + 1, count);
    }
    count->numbers += numbers;
    if (cJSON_IsObject(object) && numbers + (words && depth == 0 && !count->best) > count->best) {
        count->best = numbers;
        count->best_words = words;
        count->best_nested = nested;
        count->object = object;
        memcpy(count->pointer, pointer, strlen(pointer) + 1);
    }
}

/* {"v": 1.5, "t": ...}: one value, where the topic says of what. */
static bool find_single(struct finder *finder, const struct count *count)
{
    const cJSON *value = member_like(count->object, survey_word_is_value), *item;
    char folded[8] = "";
    if (value)
        survey_word_fold(value->string, folded, sizeof folded);
    /* {"x": 1, "y": 2, "v": 3} is a position and a velocity. */
    if (value && count->best > (strcmp(folded, "v") != 0 ? 3 : 2))
        value = NULL;
    bool lonely = count->best + count->best_words == 1 && !*count->pointer;
    cJSON_ArrayForEach(item, count->object)
    {
        if (lonely && !value &&
            (is_value(finder, item) || (cJSON_IsString(item) && !is_time(finder, item))))
            value = item;
    }
    char place[SURVEY_PLACE_MAX];
    if (!value || !survey_place_extend(count->pointer, value->string, place))
        return false;
    put(&finder->recipe->value, place);
    finder->recipe->way = SURVEY_BY_TOPIC;
    return true;
}

static void find_plain(struct finder *finder, const cJSON *object)
{
    struct count count = {0};
    count_object(finder, object, "", 0, &count);
    if (!count.object)
        return;
    if (object == finder->document && find_single(finder, &count))
        return;
    if (count.best == count.numbers && !count.best_nested) {
        put(&finder->recipe->values, count.pointer);
        finder->recipe->way = SURVEY_BY_VALUES;
    } else if (object == finder->document) {
        finder->recipe->way = SURVEY_BY_PLACES;
    }
}

/* A list of objects, anywhere but in a list. */
static bool find_list(struct finder *finder, const cJSON *tree, const char *pointer, int depth)
{
    const cJSON *item;
    char place[SURVEY_PLACE_MAX];
    if (cJSON_IsArray(tree) && cJSON_IsObject(tree->child)) {
        if (!find_named(finder, tree->child) && !find_valued(finder, tree->child, "", 0))
            find_plain(finder, tree->child);
        if (finder->recipe->way != SURVEY_UNREADABLE)
            put(&finder->recipe->each, pointer);
        return finder->recipe->way != SURVEY_UNREADABLE;
    }
    cJSON_ArrayForEach(item, tree)
    {
        if (depth < DEPTH_MAX && cJSON_IsObject(tree) && !is_scalar(item) &&
            survey_place_extend(pointer, item->string, place) &&
            find_list(finder, item, place, depth + 1))
            return true;
    }
    return false;
}

/* ---- what stands beside the values */

static const cJSON *first_of(const struct survey_recipe *recipe, const cJSON *document,
                             const cJSON **ret_tag)
{
    const cJSON *element = document;
    if (recipe->each.there)
        element = survey_place_get(document, &recipe->each)->child;
    *ret_tag = NULL;
    if (recipe->values.there && recipe->value.there)
        *ret_tag = survey_place_get(element, &recipe->values)->child;
    return element;
}

/* Anywhere in nested objects; the nearest to the root of each branch. */
static bool find_time_in(struct finder *finder, const cJSON *object, const char *pointer, int depth)
{
    const cJSON *item;
    char place[SURVEY_PLACE_MAX];
    int64_t time_ns;
    if (!cJSON_IsObject(object))
        return false;
    cJSON_ArrayForEach(item, object)
    {
        enum survey_unit unit = survey_time_unit(item->string, item, finder->wall_ns, &time_ns);
        if (unit && survey_place_extend(pointer, item->string, place)) {
            put(&finder->recipe->time, place);
            finder->recipe->unit = unit;
            return true;
        }
    }
    cJSON_ArrayForEach(item, object)
    {
        if (depth < DEPTH_MAX && survey_place_extend(pointer, item->string, place) &&
            find_time_in(finder, item, place, depth + 1))
            return true;
    }
    return false;
}

static bool is_good(const cJSON *item)
{
    char folded[32] = "";
    if (cJSON_IsString(item))
        survey_word_fold(item->valuestring, folded, sizeof folded);
    return cJSON_IsTrue(item) || !strncmp(folded, "good", 4) || !strcmp(folded, "ok") ||
           (cJSON_IsNumber(item) && (item->valuedouble == 0 || item->valuedouble == 192));
}

static bool find_quality_in(struct finder *finder, const cJSON *object)
{
    const cJSON *item = cJSON_IsObject(object) ? member_like(object, survey_word_is_quality) : NULL;
    char place[SURVEY_PLACE_MAX];
    if (!item || !is_good(item) || !survey_place_extend("", item->string, place))
        return false;
    if (!cJSON_PrintPreallocated((cJSON *)item, finder->recipe->good,
                                 (int)sizeof finder->recipe->good, false))
        return false;
    put(&finder->recipe->quality, place);
    return true;
}

/* A member that names the machine, or has the name that is looked for. */
static bool find_robot_in(struct finder *finder, const cJSON *object, const char *pointer,
                          int depth)
{
    const cJSON *item;
    char place[SURVEY_PLACE_MAX];
    cJSON_ArrayForEach(item, object)
    {
        bool named = cJSON_IsString(item) && name_valid(item->valuestring) && item->string;
        bool fits = named && (finder->robot ? !strcmp(item->valuestring, finder->robot)
                                            : survey_word_is_robot(item->string));
        if (fits && survey_place_extend(pointer, item->string, place)) {
            put(&finder->recipe->robot, place);
            return true;
        }
        if (cJSON_IsObject(item) && item->string && depth < DEPTH_MAX &&
            survey_place_extend(pointer, item->string, place) &&
            find_robot_in(finder, item, place, depth + 1))
            return true;
    }
    return false;
}

static void find_beside(struct finder *finder)
{
    const cJSON *tag, *element = first_of(finder->recipe, finder->document, &tag);
    const cJSON *document = finder->document;
    if (!(tag && find_time_in(finder, tag, "", DEPTH_MAX)) &&
        !find_time_in(finder, element, "", DEPTH_MAX))
        find_time_in(finder, document, "", 0);
    if (finder->recipe->way == SURVEY_WHOLE)
        return;
    if (!(tag && find_quality_in(finder, tag)) && !find_quality_in(finder, element))
        find_quality_in(finder, document);
    find_robot_in(finder, document, "", 0);
}

void survey_recipe_find(const cJSON *tree, enum survey_form form, const char *robot,
                        int64_t wall_ns, struct survey_recipe *ret_recipe)
{
    struct finder finder = {tree, robot, wall_ns, ret_recipe};
    *ret_recipe = (struct survey_recipe){.way = SURVEY_UNREADABLE};
    if (survey_form_is_sample(form)) {
        ret_recipe->way = SURVEY_WHOLE;
    } else if (form == SURVEY_BARE) {
        ret_recipe->way = SURVEY_BY_TOPIC;
        return;
    } else if (tree && !find_list(&finder, tree, "", 0) && cJSON_IsObject(tree) &&
               !find_named(&finder, tree) && !find_valued(&finder, tree, "", 0)) {
        find_plain(&finder, tree);
    }
    if (tree && ret_recipe->way != SURVEY_UNREADABLE)
        find_beside(&finder);
}

static bool same_place(const struct survey_place *a, const struct survey_place *b)
{
    return a->there == b->there && (!a->there || !strcmp(a->at, b->at));
}

bool survey_recipe_same(const struct survey_recipe *a, const struct survey_recipe *b)
{
    return a->way == b->way && a->unit == b->unit && same_place(&a->each, &b->each) &&
           same_place(&a->name, &b->name) && same_place(&a->value, &b->value) &&
           same_place(&a->values, &b->values) && same_place(&a->time, &b->time) &&
           same_place(&a->quality, &b->quality) && same_place(&a->robot, &b->robot);
}
