/*
 * bootstrap: 95 % intervals of the figures, by drawing segments of the recordings anew.
 *
 * Neighbouring windows share rows and circumstances, so single windows must not be drawn. A segment
 * ends with its recording, at a change of label, at a pause of over three sample periods (holes or
 * missing rows), at a change of the program step within a label where events are steps, and after
 * BOOTSTRAP_SEGMENT_S. Labelled and unlabelled segments are drawn apart, as many as there are, so
 * that both classes are in every replicate. A plan depends on the recordings and the seed alone:
 * figures of different detectors under equal plans are paired, also when they come from different
 * processes. Of several seeds of one method, each replicate also draws the seeds.
 *
 * What an interval covers: which stretches of these sessions happened to be recorded, and the
 * training's chance as far as the seeds show it. What it does not: another robot, another session
 * with its own offsets, other kinds of faults, a correlation that lasts longer than a segment (then
 * it is too narrow), and few seeds or few segments (percentiles of n draws are too narrow by about
 * sqrt((n - 1) / n)). The threshold is held fixed. Source: Efron and Tibshirani 1993 (percentile
 * intervals); Kuensch 1989 (blocks).
 */
#ifndef ARMWATCH_LAB_BOOTSTRAP_H
#define ARMWATCH_LAB_BOOTSTRAP_H

#include "lab/event.h"
#include "lab/scored.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOTSTRAP_SEGMENT_S 60.0
#define BOOTSTRAP_REPLICATES 500

enum bootstrap_metric {
    BOOTSTRAP_ROC_AUC,
    BOOTSTRAP_AVERAGE_PRECISION,
    BOOTSTRAP_PRECISION,
    BOOTSTRAP_RECALL,
    BOOTSTRAP_F1,
    BOOTSTRAP_ACCURACY,
    BOOTSTRAP_FALSE_POSITIVE_RATE,
    BOOTSTRAP_EVENT_RECALL,
    BOOTSTRAP_METRICS
};
/* As in `evaluate --json`: "roc_auc", ... */
const char *bootstrap_metric_name(enum bootstrap_metric metric);

struct bootstrap_plan {
    uint64_t seed;
    bool by_steps;
    size_t rows; /* of all recordings */
    size_t segments;
    size_t replicates;
    uint32_t *segment; /* [rows], the recordings one after the other */
    uint32_t *weight;  /* [replicates][segments] how often each was drawn */
};

struct bootstrap_options {
    bool by_steps;     /* events are program steps: evaluation.by_steps */
    size_t replicates; /* 0: BOOTSTRAP_REPLICATES */
    uint64_t seed;
};

/* From the times, labels, holes and steps of the recordings. Memory: bootstrap_plan_deinit. Errors:
 * -EINVAL no row was measured; -ENOMEM. */
int bootstrap_plan_init(struct bootstrap_plan *plan, const struct scored *scored, size_t count,
                        const struct bootstrap_options *options, struct diag *diag);
void bootstrap_plan_deinit(struct bootstrap_plan *plan);

/* The figures of one row of a comparison with one seed. NAN where a figure has no meaning: a class
 * or all events are missing. Plain, so that it can travel between processes. */
struct bootstrap {
    uint64_t seed; /* of the plan */
    size_t replicates;
    double point[BOOTSTRAP_METRICS];        /* of the windows as they are */
    double (*replicate)[BOOTSTRAP_METRICS]; /* [replicates] */
};

/* Of the robot's score at its limit, for the recordings that the plan was made from (the rows must
 * be the same; what was evaluated may differ). Memory: bootstrap_deinit. Errors: -EINVAL other
 * recordings; -ENOMEM. */
int bootstrap_run(const struct bootstrap_plan *plan, const struct scored *scored, size_t count,
                  struct bootstrap *ret_bootstrap, struct diag *diag);
void bootstrap_deinit(struct bootstrap *bootstrap);

struct bootstrap_interval {
    double mean;      /* over the seeds, of the figures themselves */
    double low, high; /* 95 %; NAN where less than half of the replicates have the figure */
};

/* seeds [count]: the same row with different training seeds, under one plan. Errors: -ENOMEM. */
int bootstrap_interval(const struct bootstrap *const *seeds, size_t count,
                       enum bootstrap_metric metric, struct bootstrap_interval *ret_interval);

/* a - b, paired by segment and by seed: a[i] and b[i] were trained with the same seed. */
int bootstrap_difference(const struct bootstrap *const *a, const struct bootstrap *const *b,
                         size_t count, enum bootstrap_metric metric,
                         struct bootstrap_interval *ret_interval);

#endif
