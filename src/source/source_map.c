/*
 * Members of a source that are places are a table: reading, checking and freeing go through it.
 */
#include "source/source_map.h"

#include "base/file.h"
#include "base/json_pointer.h"
#include "base/name.h"
#include "source/source_topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_FILE_MAX ((size_t)1 << 20)

static const struct place {
    const char *key;
    size_t offset;
} places[] = {
    {"each", offsetof(struct source, each)},   {"name", offsetof(struct source, name)},
    {"value", offsetof(struct source, value)}, {"values", offsetof(struct source, values)},
    {"time", offsetof(struct source, time)},   {"quality", offsetof(struct source, quality)},
};
#define PLACES (sizeof places / sizeof places[0])

static char **slot_of(struct source *source, const struct place *place)
{
    return (char **)((char *)source + place->offset);
}

/* ---- one source */

static int read_places(const cJSON *object, struct source *source, struct diag *diag)
{
    for (size_t p = 0; p < PLACES; p++) {
        const char *text = NULL;
        int r = json_get_string(object, places[p].key, false, JSON_POINTER_MAX, &text, diag);
        if (r == 0 && text && (r = json_pointer_check(text, diag)) < 0)
            diag_prefix(diag, "%s", places[p].key);
        if (r == 0 && text && !(*slot_of(source, &places[p]) = strdup(text)))
            r = -ENOMEM;
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_robot(const cJSON *object, bool in_topic, struct source *source, struct diag *diag)
{
    const char *robot = NULL;
    int r = json_get_string(object, "robot", false, JSON_POINTER_MAX, &robot, diag);
    if (r < 0)
        return r;
    if (in_topic == (robot != NULL))
        return diag_set(diag, "the robot is to be named once: by {robot} in topic, or by robot: a "
                              "name, or the place of it in the message (\"/...\")");
    if (!robot)
        return 0;
    if (*robot == '/' ? json_pointer_check(robot, diag) < 0 : !name_valid(robot)) {
        if (*robot != '/')
            diag_set(diag, "\"%.100s\": must be " NAME_RULE ", or a place that begins with /",
                     robot);
        diag_prefix(diag, "robot");
        return -EINVAL;
    }
    source->robot = strdup(robot);
    return source->robot ? 0 : -ENOMEM;
}

static int read_tags(const cJSON *object, struct source *source, struct diag *diag)
{
    const cJSON *tags = NULL, *item;
    int r = json_get_object(object, "tags", false, &tags, diag);
    if (r < 0 || !tags)
        return r;
    int count = cJSON_GetArraySize(tags);
    if (count == 0 || count > SOURCE_TAGS_MAX)
        return diag_set(diag, "tags: %d, must be 1 to %d", count, SOURCE_TAGS_MAX);
    source->tags = calloc((size_t)count, sizeof *source->tags);
    if (!source->tags)
        return -ENOMEM;
    cJSON_ArrayForEach(item, tags)
    {
        if (!*item->string || strlen(item->string) > ASSEMBLER_NAME_MAX)
            return diag_set(diag, "tags: a name of %zu bytes, must be 1 to %d",
                            strlen(item->string), ASSEMBLER_NAME_MAX);
        if (!cJSON_IsString(item))
            return diag_set(diag, "tags: \"%.100s\": %s, must be a place: a JSON pointer",
                            item->string, json_type_name(item));
        r = json_pointer_check(item->valuestring, diag);
        if (r < 0) {
            diag_prefix(diag, "tags: \"%.100s\"", item->string);
            return r;
        }
        struct source_place *place = &source->tags[source->tag_count++];
        place->tag = strdup(item->string);
        place->place = strdup(item->valuestring);
        if (!place->tag || !place->place)
            return -ENOMEM;
    }
    return 0;
}

static int read_good(const cJSON *object, struct source *source, struct diag *diag)
{
    const cJSON *good = NULL;
    int r = json_get_array(object, "good", false, &good, diag);
    if (r < 0)
        return r;
    if (!good != !source->quality)
        return diag_set(diag, "quality, where it stands, and good, a list of what it may be, go "
                              "together");
    if (!good)
        return 0;
    source->good = cJSON_Duplicate(good, true);
    return source->good ? 0 : -ENOMEM;
}

static int read_choice(const cJSON *object, const char *key, const char *const *names,
                       int *ret_number, struct diag *diag)
{
    const char *text = names[0];
    int r = json_get_string(object, key, false, 40, &text, diag);
    if (r < 0)
        return r;
    for (*ret_number = 0; names[*ret_number]; ++*ret_number) {
        if (!strcmp(names[*ret_number], text))
            return 0;
    }
    char list[100] = "";
    for (size_t n = 0; names[n]; n++)
        strcat(strcat(list, n ? ", " : ""), names[n]);
    return diag_set(diag, "%s: \"%.40s\", must be one of %s", key, text, list);
}

static int check_sparkplug(const struct source *source, int ways, struct diag *diag)
{
    size_t levels = 1;
    for (const char *at = source->topic; *at; at++)
        levels += *at == '/';
    if (!ARMWATCH_SPARKPLUG)
        return diag_set(diag, "format: this build reads no Sparkplug");
    if (ways > 0 || source->each || source->value || source->time || source->quality)
        return diag_set(diag, "a Sparkplug payload names its tags itself: no {channel}, each, "
                              "name, value, values, tags, time, quality");
    const char *type = strchr(source->topic, '/');
    type = type ? strchr(type + 1, '/') : NULL;
    if (strncmp(source->topic, "spBv1.0/", strlen("spBv1.0/")) != 0 || !type ||
        strncmp(type, "/+/", 3) != 0 || strchr(source->topic, '#') || levels < 4 || levels > 5)
        return diag_set(diag,
                        "topic: \"%.100s\": must be spBv1.0/GROUP/+/NODE, or "
                        "spBv1.0/GROUP/+/NODE/DEVICE, of Sparkplug",
                        source->topic);
    if (source->robot && *source->robot == '/')
        return diag_set(diag, "robot: in Sparkplug it is a name, or {robot} in topic");
    return 0;
}

/* There is one way to the names of the tags. */
static int check_ways(const struct source *source, struct diag *diag)
{
    int ways = source->topic_tag + (source->name != NULL) + (source->values != NULL) +
               (source->tag_count > 0);
    if (source->format == SOURCE_SPARKPLUG)
        return check_sparkplug(source, ways, diag);
    if (ways != 1)
        return diag_set(diag, "the tags are to be named in one way: {channel} in topic, name with "
                              "value, values, or tags");
    if (source->name && !source->value)
        return diag_set(diag, "value: missing, name needs the place of the value");
    if (source->tag_count > 0 && source->value)
        return diag_set(diag, "value: tags has the places of the values already");
    if (source->topic_tag && source->each)
        return diag_set(diag, "each: a topic with {channel} brings one tag a message");
    return 0;
}

static int read_source(const cJSON *object, struct source *source, struct diag *diag)
{
    static const char *const known[] = {"topic",   "format", "robot", "each", "name",
                                        "value",   "values", "tags",  "time", "time_unit",
                                        "quality", "good",   NULL};
    static const char *const formats[] = {"json", "sparkplug", NULL};
    static const char *const units[] = {"s", "ms", "us", "ns", NULL}; /* sample_time_unit */
    const char *topic = NULL;
    bool in_topic = false;
    int format = 0, unit = 0;
    if (!cJSON_IsObject(object))
        return diag_set(diag, "%s, must be an object", json_type_name(object));
    int r = json_check_keys(object, known, diag);
    r = r < 0 ? r : json_get_string(object, "topic", true, SOURCE_TOPIC_MAX, &topic, diag);
    if (r == 0 && (r = source_topic_check(topic, &in_topic, &source->topic_tag, diag)) < 0)
        diag_prefix(diag, "topic");
    if (r == 0 && !(source->topic = strdup(topic)))
        r = -ENOMEM;
    r = r < 0 ? r : read_choice(object, "format", formats, &format, diag);
    r = r < 0 ? r : read_choice(object, "time_unit", units, &unit, diag);
    source->format = (enum source_format)format;
    source->time_unit = (enum sample_time_unit)unit;
    r = r < 0 ? r : read_robot(object, in_topic, source, diag);
    r = r < 0 ? r : read_places(object, source, diag);
    r = r < 0 ? r : read_tags(object, source, diag);
    r = r < 0 ? r : read_good(object, source, diag);
    return r < 0 ? r : check_ways(source, diag);
}

static void free_source(struct source *source)
{
    for (size_t p = 0; p < PLACES; p++)
        free(*slot_of(source, &places[p]));
    for (size_t t = 0; t < source->tag_count; t++) {
        free(source->tags[t].tag);
        free(source->tags[t].place);
    }
    free(source->tags);
    cJSON_Delete(source->good);
    free(source->robot);
    free(source->topic);
}

/* ---- the file */

static int read_sources(const cJSON *object, struct source_map *map, struct diag *diag)
{
    const cJSON *sources = NULL, *item;
    int r = json_get_array(object, "sources", true, &sources, diag);
    if (r < 0)
        return r;
    int count = cJSON_GetArraySize(sources);
    if (count == 0 || count > SOURCES_MAX)
        return diag_set(diag, "sources: %d, must be 1 to %d", count, SOURCES_MAX);
    map->sources = calloc((size_t)count, sizeof *map->sources);
    if (!map->sources)
        return -ENOMEM;
    cJSON_ArrayForEach(item, sources)
    {
        r = read_source(item, &map->sources[map->count++], diag);
        if (r == -EINVAL)
            diag_prefix(diag, "sources[%zu]", map->count - 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_map(const cJSON *tree, struct source_map *map, struct diag *diag)
{
    static const char *const known[] = {"sources", "tick", "max_age_s", "channels", NULL};
    if (!cJSON_IsObject(tree))
        return diag_set(diag, "%s, must be an object", json_type_name(tree));
    int r = json_check_keys(tree, known, diag);
    r = r < 0 ? r : read_sources(tree, map, diag);
    return r < 0 ? r : assembler_rules_parse(tree, &map->rules, diag);
}

int source_map_parse(const char *path, const char *text, size_t size, struct source_map **ret_map,
                     struct diag *diag)
{
    int r;
    struct source_map *map = calloc(1, sizeof *map);
    cJSON *tree = json_parse(text, size, diag);
    if (!tree)
        r = -EINVAL;
    else
        r = map ? read_map(tree, map, diag) : -ENOMEM;
    if (r == -ENOMEM)
        diag_errno(diag, ENOMEM, "sources");
    cJSON_Delete(tree);
    if (r < 0) {
        diag_prefix(diag, "%s", path);
        source_map_free(map);
        return r;
    }
    *ret_map = map;
    return 0;
}

int source_map_load(const char *path, struct source_map **ret_map, struct diag *diag)
{
    void *text;
    size_t size;
    int r = file_read(path, MAP_FILE_MAX, &text, &size, diag);
    if (r < 0)
        return r;
    r = source_map_parse(path, text, size, ret_map, diag);
    free(text);
    return r;
}

void source_map_free(struct source_map *map)
{
    if (!map)
        return;
    for (size_t s = 0; s < map->count; s++)
        free_source(&map->sources[s]);
    free(map->sources);
    assembler_rules_deinit(&map->rules);
    free(map);
}
