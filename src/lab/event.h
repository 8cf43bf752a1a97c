/*
 * event: what should have been found in a recording, and what raised an alert there.
 *
 * An event of a passing fault is a run of rows of one label; where events are program steps, a run
 * of one step within that. A condition is a detector's k of n scores, or a sensor's fault. An event
 * is found by the first row inside it, or within EVENT_AFTER_NS after its last row unless another
 * event has begun by then, in which a condition *becomes* true: one that is carried over from
 * before does not count. An onset, which raises an alert, is a row in which a condition becomes
 * true where none was.
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

/* A label that reaches over the border of a step by no more than this is still the event before. */
#define EVENT_SPILL_S 0.25

/* Appends the events of a recording, in its order, as found by the conditions (bits of
 * scored->triggered) in the mask. Memory: free(list->item). Errors: -ENOMEM. */
#define EVENT_ANY_CONDITION 0xFFFFU
int event_collect(const struct scored *scored, bool by_steps, unsigned mask,
                  struct event_list *list);

/* The conditions that become true in a row. */
unsigned event_begun(const struct scored *scored, size_t row);

/* Steps are judged, and the row is in the same program step as the one before it. */
bool event_step_goes_on(const struct scored *scored, size_t row);

bool event_is_onset(const struct scored *scored, size_t row);

/* One alert: an onset with those that follow it so closely that they are one with it. */
struct event_onset {
    size_t row;    /* of the first */
    bool in_event; /* its row is labelled, or one up to EVENT_AFTER_NS before it, or where steps are
                      judged one before it in its program step */
};
/* The next alert at or after row *from, which is then moved behind it; start at 0. Returns false at
 * the end. */
bool event_next_onset(const struct scored *scored, size_t *from, struct event_onset *ret_onset);

#endif
