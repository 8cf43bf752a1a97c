/*
 * evaluation_internal: what the kinds of anomalies are measured with, and by.
 */
#ifndef ARMWATCH_LAB_EVALUATION_INTERNAL_H
#define ARMWATCH_LAB_EVALUATION_INTERNAL_H

#include "lab/evaluation.h"
#include "lab/event.h"

bool evaluation_has_both_classes(const struct metrics_series *series);

/* Percentiles of the delays of those found; NAN if there are none. Errors: -ENOMEM. */
int evaluation_delays(const struct event *events, size_t count, double *ret_p50, double *ret_p90);

/* Finds the kinds of anomalies and measures each. The events are in the order of the recordings,
 * their rows counted from the first of all. Errors: -ENOMEM. */
int evaluation_classes(const struct scored *scored, size_t count, const struct event_list *events,
                       struct evaluation *evaluation, struct diag *diag);

#endif
