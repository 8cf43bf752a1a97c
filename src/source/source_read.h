/*
 * source_read: from a message of a source to its tags.
 *
 * JSON documents, and where the topic names the tag a bare value as well: 12.5, true, AUT.
 * Thread: any.
 */
#ifndef ARMWATCH_SOURCE_SOURCE_READ_H
#define ARMWATCH_SOURCE_SOURCE_READ_H

#include "base/tag.h"
#include "source/source_map.h"
#include "source/source_topic.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SOURCE_PAYLOAD_MAX SAMPLE_PAYLOAD_MAX

/* One tag of a message. Everything in it is borrowed for the time of the call. */
struct source_tag {
    const char *robot, *name;
    struct tag tag;
    int64_t time_ns; /* only where has_time */
    bool has_time;
    uint64_t node; /* of Sparkplug, which edge node; else 0 */
};

typedef void source_found(void *user, const struct source_tag *tag);

/* Why a message, or a part of it, was refused; the names are the `reason` of the counters. */
enum source_refusal {
    SOURCE_READ = 0,
    SOURCE_EMPTY,
    SOURCE_TOO_LARGE,
    SOURCE_MALFORMED, /* not JSON; of Sparkplug, no payload */
    SOURCE_NO_ROBOT,  /* none is named, or by no valid name */
    SOURCE_NO_TAG,    /* none is named, or nothing stands where the tags should */
    SOURCE_NO_VALUE,  /* an object or an array stands where a value should */
    SOURCE_BAD_TIME,
    SOURCE_REFUSALS
};
const char *source_refusal_name(enum source_refusal refusal);

struct source_message {
    const char *topic;
    const void *payload;
    size_t size;
};

/* Gives the tags of a message, in their order there, each by a call of `found`. What is in order is
 * given, also where another part is refused; returns the first refusal, with the text in diag. */
enum source_refusal source_read(const struct source *source, const struct source_match *match,
                                const struct source_message *message, source_found *found,
                                void *user, struct diag *diag);

#endif
