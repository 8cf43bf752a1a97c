/*
 * evaluation: what a model is worth on labelled recordings, at the thresholds that it would run
 * with.
 *
 * A window is anomalous if one of its rows is labelled. Rankings and the figures at the threshold
 * are about single windows; events and false alarms go through the alert filter. There is no point
 * adjustment. An event of a passing fault is its run of labels; of a session-long one it is a
 * program step. It is found if the k-of-n condition *becomes* true inside it or within a second
 * after it: an alert carried over from before does not count. Source: design of the figures: Kim et
 * al. 2022 (against point adjustment), Garg et al. 2021.
 */
#ifndef ARMWATCH_LAB_EVALUATION_H
#define ARMWATCH_LAB_EVALUATION_H

#include "base/diag.h"
#include "lab/metrics.h"
#include "lab/recording.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>

/* How labelled rows make events. AUTO: steps where one run of labels lasts over 10 minutes and
 * there is a channel "action". */
enum evaluation_events { EVALUATION_AUTO, EVALUATION_RUNS, EVALUATION_STEPS };

struct evaluation_figures {
    bool ranked; /* there were windows of both classes: the next three hold */
    struct metrics_ranking ranking;
    struct metrics_volume
        volume; /* per recording, weighted by its windows; NAN: none has both classes */
    struct metrics_confusion confusion;
};

struct evaluation {
    size_t windows;                                          /* evaluated, in all recordings */
    struct evaluation_figures robot;                         /* of the robot's score */
    struct evaluation_figures detector[MODEL_DETECTORS_MAX]; /* of each detector's own */
    size_t detectors;
    bool by_steps; /* what an event was */
    size_t events, events_found;
    double delay_p50_s, delay_p90_s; /* of those found; NAN if there are none */
    double healthy_hours; /* evaluated, without a label, further than the filter's reach from one */
    size_t false_alarms;  /* onsets there; closer than a second are one */
    double false_alarms_per_day;                   /* NAN without healthy time */
    double false_alarms_lower, false_alarms_upper; /* a day: one-sided Poisson limits at 95 % */
};

struct evaluation_options {
    double false_alarms_per_day; /* from which the thresholds follow */
    enum evaluation_events events;
};

/* Recordings have the model's channels; those without labels are healthy. Thread: the one that owns
 * BLAS. Errors: -EINVAL the model is not calibrated, or nothing could be evaluated; -ENOMEM. */
int evaluate(struct recording *const *recordings, size_t count, struct model *model,
             const struct evaluation_options *options, struct evaluation *ret_evaluation,
             struct diag *diag);

#endif
