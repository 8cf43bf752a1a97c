/*
 * source_sparkplug: the sources of a map that are Sparkplug B, from their messages to tags.
 *
 * What edge nodes have told at their births is kept here, so the messages of the nodes themselves
 * are read as well where the robots are devices. Built without Sparkplug, no map has such a source.
 * Thread: one.
 */
#ifndef ARMWATCH_SOURCE_SOURCE_SPARKPLUG_H
#define ARMWATCH_SOURCE_SOURCE_SPARKPLUG_H

#include "source/source_read.h"

#include <stdbool.h>
#include <stdint.h>

struct source_sparkplug;

struct source_sparkplug_handlers {
    source_found *on_tag;
    /* Values that were remembered hold no longer, because messages are missing or there was a
     * death: of every robot that has had a tag of this node; robot not "": of that one only. */
    void (*on_lost)(void *user, uint64_t node, const char *robot);
    /* An edge node is to be asked for its births: to be published at QoS 0. */
    void (*on_rebirth)(void *user, const char *topic, const void *payload, size_t size);
};

/* *ret_sparkplug is NULL where the map has no such source. All is borrowed. Errors: -ENOMEM. */
int source_sparkplug_new(const struct source_map *map,
                         const struct source_sparkplug_handlers *handlers, void *user,
                         struct source_sparkplug **ret_sparkplug, struct diag *diag);
void source_sparkplug_free(struct source_sparkplug *sparkplug); /* NULL is allowed */

/* What to subscribe to beside a source's own topic; *ret_filter is NULL if there is nothing.
 * Memory: the caller frees it. Errors: -ENOMEM. */
int source_sparkplug_filter(const struct source *source, char **ret_filter);

/* The own connection was lost: messages may be missing. */
void source_sparkplug_missed(struct source_sparkplug *sparkplug);

struct source_clock {
    int64_t now_ns;  /* monotonic */
    int64_t wall_ms; /* since the epoch, for what is sent */
};

/* Takes a message that is not retained. False if it is not one of Sparkplug's that a source takes.
 * *ret_reason: why it was refused, with a text in diag; NULL: it was not. */
bool source_sparkplug_read(struct source_sparkplug *sparkplug, const struct source_message *message,
                           const struct source_clock *clock, const char **ret_reason,
                           struct diag *diag);

/* Now and then: asks nodes for their births that are to be asked, and are silent themselves. */
void source_sparkplug_tick(struct source_sparkplug *sparkplug, const struct source_clock *clock);

/* Its counters, into an object. */
void source_sparkplug_counters(const struct source_sparkplug *sparkplug, cJSON *object);

#endif
