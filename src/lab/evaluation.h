/*
 * evaluation: what a detector is worth on labelled recordings, at the threshold that it would run
 * with.
 *
 * A window is anomalous if one of its rows is labelled. Rankings and the figures at the threshold
 * are about single windows; events and false alarms go through the alert filter (lab/event.h).
 * There is no point adjustment. An event of a passing fault is its run of labels; of a session-long
 * one it is a program step. Source: design of the figures: Kim et al. 2022 (against point
 * adjustment), Garg et al. 2021.
 */
#ifndef ARMWATCH_LAB_EVALUATION_H
#define ARMWATCH_LAB_EVALUATION_H

#include "base/diag.h"
#include "lab/metrics.h"
#include "lab/recording.h"
#include "lab/scored.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>

#define EVALUATION_CLASSES_MAX 64

/* How labelled rows make events. AUTO: steps where one run of labels lasts over 2 minutes and
 * samples name the program step. */
enum evaluation_events { EVALUATION_AUTO, EVALUATION_RUNS, EVALUATION_STEPS };

struct evaluation_figures {
    bool ranked; /* there were windows of both classes: the next three hold */
    struct metrics_ranking ranking;
    struct metrics_volume
        volume; /* per recording, weighted by its windows; NAN: none has both classes */
    struct metrics_confusion confusion;
};

/* One kind of anomaly: a label's value where there are several, or half of a recording that is
 * labelled throughout with one value (two stretches of different severity in one file). Its windows
 * stand against all normal windows. */
enum evaluation_part { EVALUATION_LABEL, EVALUATION_FIRST_HALF, EVALUATION_SECOND_HALF };
const char *evaluation_part_name(enum evaluation_part part); /* "label", "first_half", ... */

struct evaluation_class {
    enum evaluation_part part;
    int label;
    size_t recording; /* of a half */
    size_t windows;   /* anomalous */
    bool ranked;      /* there were normal windows too */
    struct metrics_ranking ranking;
    double recall; /* of its windows, at the threshold */
    size_t events, events_found;
    double delay_p50_s; /* of those found; NAN if there are none */
};

/* What one detector, or the watch for sensors that stand still, finds alone; or what all find of
 * whole runs of labels. */
struct evaluation_found {
    size_t events;                   /* found */
    double delay_p50_s, delay_p90_s; /* NAN if there are none */
    size_t false_alarms;
};

struct evaluation {
    size_t windows;                                          /* evaluated, in all recordings */
    struct evaluation_figures robot;                         /* of the robot's score */
    struct evaluation_figures detector[MODEL_DETECTORS_MAX]; /* of each detector's own, where it
                                                                was evaluated */
    size_t detectors;
    struct evaluation_found found[MODEL_DETECTORS_MAX];    /* by each detector alone */
    struct evaluation_found found_fault;                   /* by a sensor's fault alone */
    size_t classes;                                        /* 0: there is one kind only */
    struct evaluation_class class[EVALUATION_CLASSES_MAX]; /* what is over that is left out */
    bool by_steps;                                         /* what an event was */
    size_t events, events_found;
    double delay_p50_s, delay_p90_s;    /* of those found; NAN if there are none */
    size_t runs;                        /* of labels, where events are program steps: else 0 */
    struct evaluation_found found_runs; /* a fault that lasts is alerted once, and each of its later
                                           steps begins under that alert; no false alarms here */
    size_t alerts, alerts_in_event; /* onsets, closer than a second counted once; of these, those
                                       at a labelled row or at most a second after one */
    double event_precision; /* the share of the latter: depends on how much healthy time is there;
                               NAN without an alert */
    double healthy_hours;   /* evaluated, without a label, further than the filter's reach from one,
                               and where steps are judged not in the same program step after one */
    size_t false_alarms;    /* onsets there; closer than a second are one */
    double false_alarms_per_day;                   /* NAN without healthy time */
    double false_alarms_lower, false_alarms_upper; /* a day: one-sided Poisson limits at 95 % */
};

struct evaluation_options {
    double false_alarms_per_day; /* from which the thresholds follow */
    enum evaluation_events events;
    bool no_volume; /* leaves the VUS out, by far the most of the work: it is NAN */
};

/* All recordings scored with the same detectors and thresholds; those without labels are healthy.
 * Errors: -EINVAL nothing was evaluated; -ENOMEM. */
int evaluation_measure(const struct scored *scored, size_t count,
                       const struct evaluation_options *options, struct evaluation *ret_evaluation,
                       struct diag *diag);

/* The same straight from recordings with the model's channels. Thread: the one that owns BLAS.
 * Errors: also those of scored_from_model. */
int evaluate(struct recording *const *recordings, size_t count, struct model *model,
             const struct evaluation_options *options, struct evaluation *ret_evaluation,
             struct diag *diag);

/* What an event is in these recordings. */
bool evaluation_by_steps(const struct scored *scored, size_t count, enum evaluation_events events);

/* Healthy against healthy: ROC-AUC of the unlabelled windows of the sessions b, ranked over those
 * of a; .5 if the robot's score does not tell them apart. Errors: -EINVAL one has none; -ENOMEM. */
int evaluation_separation(const struct scored *a, size_t a_count, const struct scored *b,
                          size_t b_count, double *ret_roc_auc, struct diag *diag);

#endif
