/*
 * metrics: how well scores separate labelled rows, and what a count of events says about a rate.
 *
 * There is no point adjustment here: it lets random scores look excellent. Source: definitions of
 * scikit-learn (ties included); the volume under the surface as in Paparrizos et al. 2022 and
 * TSB-AD; Poisson limits of Garwood 1936.
 */
#ifndef ARMWATCH_LAB_METRICS_H
#define ARMWATCH_LAB_METRICS_H

#include "base/diag.h"

#include <stddef.h>

struct metrics_series {
    const double *score; /* [count], finite */
    const int *label;    /* [count] 0 = normal, else anomalous */
    size_t count;
};

struct metrics_ranking {
    double roc_auc;
    double average_precision;
    double prevalence; /* share of anomalous rows: the average precision of a random score */
};

/* Errors: -EINVAL a score that is not finite, or labels of one class only; -ENOMEM. */
int metrics_rank(const struct metrics_series *series, struct metrics_ranking *ret_ranking,
                 struct diag *diag);

struct metrics_volume {
    double roc; /* VUS-ROC: a random score gets far over 0.5 */
    double pr;  /* VUS-PR */
};

/* Range-aware areas, averaged over tolerances of 0..window rows around each anomaly: labels fall
 * off over half a tolerance to either side, recall counts by the share of anomalies that are found,
 * at 250 thresholds. The rows are one series in the order of time. Errors: as metrics_rank. */
int metrics_volume(const struct metrics_series *series, size_t window,
                   struct metrics_volume *ret_volume, struct diag *diag);

struct metrics_confusion {
    size_t true_positives, false_positives, true_negatives, false_negatives;
    double precision, recall, f1, accuracy, false_positive_rate; /* 0 where there is nothing to
                                                                    divide by */
};

/* A row is called anomalous if its score is above the threshold. */
void metrics_confusion(const struct metrics_series *series, double threshold,
                       struct metrics_confusion *ret_confusion);

/* Ascending, in place. */
void metrics_sort(double *values, size_t count);

/* Between the two nearest of sorted values; count > 0, 0 <= percent <= 100. */
double metrics_percentile(const double *sorted, size_t count, double percent);

/* One-sided exact limits of the mean of a Poisson variable that was observed as count: with this
 * confidence (0..1) the mean is at least, or at most, the limit. metrics_poisson_upper(0, .95) is
 * the 3 of "3 / T". */
double metrics_poisson_lower(size_t count, double confidence);
double metrics_poisson_upper(size_t count, double confidence);

#endif
