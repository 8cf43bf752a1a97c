/*
 * value: a metric's value as a tag, by the datatype that its birth told. Thread: any.
 *
 * Integers are numbers as they stand in their two's complement; over 2^53 a double keeps 53 bits of
 * them. DateTime is a number, milliseconds since the Unix epoch. String, Text and UUID are text.
 * Senders differ in which field an integer of up to 32 bits is in, and in how far they extend a
 * negative one: all are taken, as long as the value is one of the type.
 */
#ifndef ARMWATCH_SPARKPLUG_VALUE_H
#define ARMWATCH_SPARKPLUG_VALUE_H

#include "base/tag.h"
#include "sparkplug/payload.h"

/* The specification's numbers. From 16 on there is nothing that is a tag. */
enum sparkplug_datatype {
    SPARKPLUG_INT8 = 1,
    SPARKPLUG_INT16,
    SPARKPLUG_INT32,
    SPARKPLUG_INT64,
    SPARKPLUG_UINT8,
    SPARKPLUG_UINT16,
    SPARKPLUG_UINT32,
    SPARKPLUG_UINT64,
    SPARKPLUG_FLOAT,
    SPARKPLUG_DOUBLE,
    SPARKPLUG_BOOLEAN,
    SPARKPLUG_STRING,
    SPARKPLUG_DATETIME,
    SPARKPLUG_TEXT,
    SPARKPLUG_UUID,
    SPARKPLUG_DATASET
};

/* Why a metric is no tag; the names are the `reason` of the counters. */
enum sparkplug_skip {
    SPARKPLUG_KEPT = 0,
    SPARKPLUG_CONTROL,       /* Node Control/..., Device Control/..., bdSeq */
    SPARKPLUG_UNSUPPORTED,   /* DataSet, Template, Bytes, File, arrays, and what is not known */
    SPARKPLUG_NO_DATATYPE,   /* neither the birth nor the message says */
    SPARKPLUG_NO_VALUE,      /* not even is_null */
    SPARKPLUG_WRONG_VALUE,   /* none of the datatype: in another field, or out of its range */
    SPARKPLUG_BAD_NAME,      /* empty, too long, with control characters, not UTF-8 */
    SPARKPLUG_BAD_TEXT,      /* not UTF-8, or with a NUL */
    SPARKPLUG_BAD_TIME,      /* over the year 2261 */
    SPARKPLUG_UNKNOWN_ALIAS, /* not in the birth */
    SPARKPLUG_UNKNOWN_NAME,  /* not in the birth, and without a datatype */
    SPARKPLUG_SAME_ALIAS,    /* the birth gives its alias to several metrics */
    SPARKPLUG_SKIPS
};
const char *sparkplug_skip_name(enum sparkplug_skip skip);

/* A text is copied into the arena. Where it does not fit, arena->full is set, and the result has no
 * meaning. */
enum sparkplug_skip sparkplug_value_tag(const struct sparkplug_raw *raw, uint32_t datatype,
                                        struct sparkplug_arena *arena, struct tag *ret_tag);

#endif
