/*
 * event: what should have been found in a recording, and what raised an alert there.
 *
 * An event of a passing fault is a run of rows of one label; where events are program steps, a run
 * of one step within that. An onset is a row in which the k-of-n condition, or a sensor's fault,
 * *becomes* true. An event
 * is found by the first onset inside it or within EVENT_AFTER_NS after its last row, unless another
 * event has begun by then; a condition carried over from before does not count.
 */
#ifndef ARMWATCH_LAB_EVENT_H
#define ARMWATCH_LAB_EVENT_H

#include "lab/scored.h"

#include <stdbool.h>
#include <stddef.h>

#define EVENT_AFTER_NS INT64_C(1000000000) /* an onset this soon after an event still finds it */
#define EVENT_MERGE_NS INT64_C(1000000000) /* onsets no further apart than this are one */

struct event {
    size_t first, end; /* rows [first, end) */
    int label;
    bool found;
    double delay_s; /* where found: from its first row to the onset */
};

struct event_list {
    struct event *item;
    size_t count, capacity;
};

/* Appends the events of a recording, in its order. Memory: free(list->item). Errors: -ENOMEM. */
int event_collect(const struct scored *scored, bool by_steps, struct event_list *list);

bool event_is_onset(const struct scored *scored, size_t row);

/* One alert: an onset with those that follow it so closely that they are one with it. */
struct event_onset {
    size_t row;    /* of the first */
    bool in_event; /* its row, or one up to EVENT_AFTER_NS before it, is labelled */
};
/* The next alert at or after row *from, which is then moved behind it; start at 0. Returns false at
 * the end. */
bool event_next_onset(const struct scored *scored, size_t *from, struct event_onset *ret_onset);

#endif
