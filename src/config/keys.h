/*
 * keys: the table of every key of the configuration: type, range, default, meaning.
 */
#ifndef ARMWATCH_CONFIG_KEYS_H
#define ARMWATCH_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum config_type {
    CONFIG_TEXT,   /* any string */
    CONFIG_NAME,   /* [A-Za-z0-9_-]{1,64} */
    CONFIG_CHOICE, /* one of `allowed`, separated by | */
    CONFIG_NUMBER,
    CONFIG_INTEGER,
    CONFIG_BOOL,
    CONFIG_LIST,        /* of strings */
    CONFIG_ONE_OR_LIST, /* the same, or a single string */
    CONFIG_NAMES,       /* object: name -> name */
    CONFIG_GATE /* object: signal -> allowed values; its default is added where it lacks a name */
};

struct config_key {
    const char *path;
    enum config_type type;
    size_t offset;
    const char *standard; /* default as JSON text; NULL: must be given; "null": may be absent */
    double min, max;
    const char *allowed;
    const char *meaning;
    bool live; /* a change takes effect at SIGHUP; else at the next start */
};

#define CONFIG_KEYS_MAX 128

extern const struct config_key config_keys[];
extern const size_t config_key_count;

#endif
