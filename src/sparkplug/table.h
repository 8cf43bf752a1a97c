/*
 * table: what the last birth of a node or device told of its metrics: alias and name to datatype.
 *
 * Thread: any. Memory: one block with the names in it; what is found is borrowed from it.
 */
#ifndef ARMWATCH_SPARKPLUG_TABLE_H
#define ARMWATCH_SPARKPLUG_TABLE_H

#include "sparkplug/value.h"

#define SPARKPLUG_NAME_MAX 255 /* bytes of a metric's name */

struct sparkplug_entry {
    const char *name;  /* terminated; NULL: skipped for that reason */
    uint64_t alias;    /* only where has_alias */
    uint32_t datatype; /* 0: the birth did not say */
    uint16_t name_length;
    bool has_alias;
    unsigned char skip; /* enum sparkplug_skip */
};

struct sparkplug_table;

/* Of a BIRTH's payload. An alias that several metrics have is none of them: which one is meant
 * cannot be known. NULL when memory is out. */
struct sparkplug_table *sparkplug_table_new(const struct sparkplug_payload *birth);
void sparkplug_table_free(struct sparkplug_table *table);

/* Its bytes, and what a table of that birth will have. */
size_t sparkplug_table_size(const struct sparkplug_table *table);
size_t sparkplug_table_size_of(const struct sparkplug_payload *birth);

/* NULL if there is none. A NULL table has nothing. */
const struct sparkplug_entry *sparkplug_table_by_alias(const struct sparkplug_table *table,
                                                       uint64_t alias);
const struct sparkplug_entry *sparkplug_table_by_name(const struct sparkplug_table *table,
                                                      struct sparkplug_span name);

#endif
