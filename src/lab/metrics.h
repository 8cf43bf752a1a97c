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
#include <stdint.h>

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

/* Rows by falling score, to be ranked under many weights: sorting is what ranking costs. */
struct metrics_order {
    size_t count;
    uint32_t *group;       /* [count] whose weight a row has */
    unsigned char *marked; /* [count] METRICS_ANOMALOUS, METRICS_LAST */
};
#define METRICS_ANOMALOUS 1
#define METRICS_LAST 2 /* of the rows of equal score: they share one threshold */

/* group [count], or NULL: all rows in group 0. Memory: metrics_order_deinit. Errors: -EINVAL a
 * score that is not finite; -ENOMEM. */
int metrics_order(const struct metrics_series *series, const uint32_t *group,
                  struct metrics_order *ret_order, struct diag *diag);
void metrics_order_deinit(struct metrics_order *order);

/* As if each row stood there as often as its group's weight says. Both areas are NAN where a class
 * has no weight. */
void metrics_rank_weighted(const struct metrics_order *order, const uint32_t *weight,
                           struct metrics_ranking *ret_ranking);

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
