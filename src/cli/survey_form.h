/*
 * survey_form: what a message that nobody has described seems to be: its form, and a recipe that
 * finds the values in it, as a source of the assembler would (source/source_map.h).
 *
 * A guess from names and values of one message; a person is shown what came of it. Thread: any.
 */
#ifndef ARMWATCH_CLI_SURVEY_FORM_H
#define ARMWATCH_CLI_SURVEY_FORM_H

#include "base/json.h"
#include "base/tag.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SURVEY_PLACE_MAX 128  /* bytes of a JSON pointer that is worth a configuration */
#define SURVEY_LEAVES_MAX 512 /* values of one message that are looked at */
#define SURVEY_NAME_MAX 256   /* bytes of a signal's name */

enum survey_form {
    SURVEY_EMPTY,
    SURVEY_SAMPLE_VALUES,   /* {"values": [...]} */
    SURVEY_SAMPLE_CHANNELS, /* {"channels": {...}} */
    SURVEY_SAMPLE_ARRAY,    /* [1, 2, 3] */
    SURVEY_SAMPLE_BINARY,
    SURVEY_OBJECT, /* JSON object or array with values at places */
    SURVEY_LIST,   /* list of named values, or one */
    SURVEY_BARE,   /* a number or a word is the whole message */
    SURVEY_SPARKPLUG,
    SURVEY_BROKEN, /* begins as JSON */
    SURVEY_TEXT,
    SURVEY_OTHER,
    SURVEY_LARGE, /* so large that it was not seen */
    SURVEY_FORMS
};
const char *survey_form_name(enum survey_form form);  /* "sample_values", for JSON */
const char *survey_form_label(enum survey_form form); /* for a person */
bool survey_form_is_sample(enum survey_form form);

enum survey_unit {
    SURVEY_NO_TIME,
    SURVEY_RFC3339,
    SURVEY_S,
    SURVEY_MS,
    SURVEY_US,
    SURVEY_NS,
    SURVEY_UNITS
};
const char *survey_unit_name(enum survey_unit unit);

enum survey_way {
    SURVEY_UNREADABLE,
    SURVEY_WHOLE,     /* a sample */
    SURVEY_BY_TOPIC,  /* one value; the topic names it */
    SURVEY_BY_NAME,   /* elements with a name and a value */
    SURVEY_BY_VALUES, /* an object of values by their names */
    SURVEY_BY_PLACES, /* numbers at fixed places */
};

struct survey_place {
    bool there;
    char at[SURVEY_PLACE_MAX];
};

struct survey_recipe {
    enum survey_way way;
    struct survey_place each, name, value, values, time, quality, robot;
    enum survey_unit unit; /* of time */
    char good[32];         /* JSON of the quality that was seen */
};

/* The form of a payload. ret_tree: of what is JSON, and of a bare word as a string, to be deleted
 * by the caller; else NULL. diag: why SURVEY_BROKEN. */
enum survey_form survey_form_of(const char *topic, const void *payload, size_t size,
                                cJSON **ret_tree, struct diag *diag);

/* How to read a document of that form. robot: a name to look for, or NULL; wall_ns: about now,
 * which tells times from other large numbers. */
void survey_recipe_find(const cJSON *tree, enum survey_form form, const char *robot,
                        int64_t wall_ns, struct survey_recipe *ret_recipe);
bool survey_recipe_same(const struct survey_recipe *a, const struct survey_recipe *b);

/* The unit that makes a time of an item, SURVEY_NO_TIME if none does. key: its name, or NULL. */
enum survey_unit survey_time_unit(const char *key, const cJSON *item, int64_t wall_ns,
                                  int64_t *ret_time_ns);

/* pointer + "/key"; false if it is too long. Both may be the same memory. */
bool survey_place_extend(const char *pointer, const char *key, char ret_pointer[SURVEY_PLACE_MAX]);
/* NULL if nothing is there, or no place is given. */
const cJSON *survey_place_get(const cJSON *tree, const struct survey_place *place);

/* name: "" where the topic names the value; time: NULL if there is none. */
typedef void survey_found(void *user, const char *name, const struct tag *tag, const cJSON *time);
/* Gives the values of a document, at most SURVEY_LEAVES_MAX. Returns how many there were. */
size_t survey_recipe_read(const struct survey_recipe *recipe, const cJSON *tree,
                          survey_found *found, void *user);

#endif
