/*
 * source_map: the file that says how what a plant sends becomes samples: its topics, where in a
 * message the values stand, and the rules of the assembler.
 *
 * The daemon, `record` and `doctor` read the same file. Memory: source_map_load makes a map of its
 * own; everything in it is borrowed from it. Thread: any, once it is loaded.
 */
#ifndef ARMWATCH_SOURCE_SOURCE_MAP_H
#define ARMWATCH_SOURCE_SOURCE_MAP_H

#include "pipeline/assembler_rules.h"
#include "pipeline/sample.h"

#include <stdbool.h>
#include <stddef.h>

#define SOURCES_MAX 64
#define SOURCE_TAGS_MAX 1024

enum source_format { SOURCE_JSON, SOURCE_SPARKPLUG };

/* Places in a message are JSON pointers; NULL: not given. */
struct source {
    char *topic; /* source_topic.h */
    enum source_format format;
    char *robot;    /* the name, or, beginning with /, the place of it; NULL: in the topic */
    bool topic_tag; /* the topic names the tag */
    char *each;     /* an array; each of its elements is read as a message */
    char *name;     /* of the tag */
    char *value;    /* of the tag */
    char *values;   /* an object of tags by their names; `value` is a place in each then */
    char *time;     /* of the source; looked for in the tag, the element, the message */
    char *quality;  /* looked for likewise */
    cJSON *good;    /* array: the qualities of values that count; null: none is given */
    enum sample_time_unit time_unit;
    struct source_place {
        char *tag, *place;
    } * tags; /* tags at fixed places */
    size_t tag_count;
};

struct source_map {
    struct assembler_rules rules;
    struct source *sources;
    size_t count;
};

/* Errors: -ENOENT and other errnos of reading; -EINVAL with file, key, what was found and what is
 * allowed. */
int source_map_load(const char *path, struct source_map **ret_map, struct diag *diag);
/* The same from a file's text; the path is for messages. */
int source_map_parse(const char *path, const char *text, size_t size, struct source_map **ret_map,
                     struct diag *diag);
void source_map_free(struct source_map *map); /* NULL is allowed */

#endif
