/*
 * The volume under the surface is defined by a loop over tolerances, thresholds and rows. Here each
 * row is put once into the first of the 250 thresholds that its score reaches; everything a
 * threshold needs is then a cumulative sum, and a tolerance costs one pass over the rows.
 */
#include "lab/metrics.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    double score;
    uint32_t group;
    unsigned char marked;
};

static int compare_falling(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->score > y->score ? -1 : x->score < y->score;
}

static int compare_rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int check_series(const struct metrics_series *series, size_t *ret_positives,
                        struct diag *diag)
{
    size_t positives = 0;
    for (size_t i = 0; i < series->count; i++) {
        if (!isfinite(series->score[i]))
            return diag_set(diag, "row %zu: score %g, must be finite", i, series->score[i]);
        positives += series->label[i] != 0;
    }
    *ret_positives = positives;
    return 0;
}

static int check_classes(const struct metrics_series *series, size_t positives, struct diag *diag)
{
    if (positives == 0 || positives == series->count)
        return diag_set(diag, "%zu of %zu rows are anomalous: a metric needs both classes",
                        positives, series->count);
    return 0;
}

int metrics_order(const struct metrics_series *series, const uint32_t *group,
                  struct metrics_order *ret_order, struct diag *diag)
{
    size_t count = series->count, positives;
    *ret_order = (struct metrics_order){.count = count};
    int r = check_series(series, &positives, diag);
    if (r < 0 || count == 0)
        return r;
    struct entry *entries = malloc(count * sizeof *entries);
    ret_order->group = malloc(count * sizeof *ret_order->group);
    ret_order->marked = malloc(count);
    if (!entries || !ret_order->group || !ret_order->marked) {
        free(entries);
        metrics_order_deinit(ret_order);
        return diag_errno(diag, ENOMEM, "%zu scores", count);
    }
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){.score = series->score[i],
                                    .group = group ? group[i] : 0,
                                    .marked = series->label[i] ? METRICS_ANOMALOUS : 0};
    qsort(entries, count, sizeof *entries, compare_falling);
    for (size_t i = 0; i < count; i++) {
        bool last = i + 1 == count || entries[i + 1].score != entries[i].score;
        ret_order->group[i] = entries[i].group;
        ret_order->marked[i] = (unsigned char)(entries[i].marked | (last ? METRICS_LAST : 0));
    }
    free(entries);
    return 0;
}

void metrics_order_deinit(struct metrics_order *order)
{
    free(order->group);
    free(order->marked);
    *order = (struct metrics_order){0};
}

void metrics_rank_weighted(const struct metrics_order *order, const uint32_t *weight,
                           struct metrics_ranking *ret_ranking)
{
    /* Equal scores share one threshold: they enter together. All counts are exact in a double. */
    double area = 0, precision_sum = 0, above = 0, above_positive = 0, tied = 0, tied_positive = 0;
    for (size_t i = 0; i < order->count; i++) {
        double rows = weight[order->group[i]];
        tied += rows;
        tied_positive += order->marked[i] & METRICS_ANOMALOUS ? rows : 0;
        if (!(order->marked[i] & METRICS_LAST))
            continue;
        area += (tied - tied_positive) * (above_positive + tied_positive / 2);
        above += tied;
        above_positive += tied_positive;
        if (tied_positive > 0)
            precision_sum += tied_positive * above_positive / above;
        tied = tied_positive = 0;
    }
    double negatives = above - above_positive;
    bool both = above_positive > 0 && negatives > 0;
    ret_ranking->roc_auc = both ? area / (above_positive * negatives) : (double)NAN;
    ret_ranking->average_precision = both ? precision_sum / above_positive : (double)NAN;
    ret_ranking->prevalence = above_positive / above;
}

int metrics_rank(const struct metrics_series *series, struct metrics_ranking *ret_ranking,
                 struct diag *diag)
{
    size_t positives = 0;
    struct metrics_order order;
    int r = check_series(series, &positives, diag);
    if (r == 0)
        r = check_classes(series, positives, diag);
    if (r == 0)
        r = metrics_order(series, NULL, &order, diag);
    if (r < 0)
        return r;
    const uint32_t once = 1;
    metrics_rank_weighted(&order, &once, ret_ranking);
    metrics_order_deinit(&order);
    return 0;
}

static double ratio(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

void metrics_confusion(const struct metrics_series *series, double threshold,
                       struct metrics_confusion *ret_confusion)
{
    size_t count[2][2] = {{0}}; /* [anomalous][called so] */
    for (size_t i = 0; i < series->count; i++)
        count[series->label[i] != 0][series->score[i] > threshold]++;
    size_t tn = count[0][0], fp = count[0][1], fn = count[1][0], tp = count[1][1];
    *ret_confusion = (struct metrics_confusion){
        .true_positives = tp,
        .false_positives = fp,
        .true_negatives = tn,
        .false_negatives = fn,
        .precision = ratio(tp, tp + fp),
        .recall = ratio(tp, tp + fn),
        .f1 = ratio(2 * tp, 2 * tp + fp + fn),
        .accuracy = ratio(tp + tn, series->count),
        .false_positive_rate = ratio(fp, fp + tn),
    };
}

void metrics_sort(double *values, size_t count)
{
    if (count)
        qsort(values, count, sizeof *values, compare_rising);
}

double metrics_percentile(const double *sorted, size_t count, double percent)
{
    assert(count > 0 && percent >= 0 && percent <= 100);
    double position = percent / 100 * (double)(count - 1);
    size_t below = (size_t)position;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (position - (double)below) * (sorted[below + 1] - sorted[below]);
}

/* Summed from the largest term outwards, so that neither end over- or underflows. */
static double poisson_cdf(size_t count, double mean)
{
    int sign;
    double k = (double)count, term, sum = 0;
    if (k < mean) {
        term = exp(k * log(mean) - mean - lgamma_r(k + 1, &sign));
        for (; term > 0 && sum + term > sum; k--) {
            sum += term;
            term *= k / mean;
        }
        return sum;
    }
    k++;
    term = mean > 0 ? exp(k * log(mean) - mean - lgamma_r(k + 1, &sign)) : 0;
    for (; term > 0 && sum + term > sum; k++) {
        sum += term;
        term *= mean / (k + 1);
    }
    return 1 - sum;
}

/* The mean at which the count is not exceeded with this probability: bisection, since the
 * probability falls as the mean grows. */
static double poisson_mean(size_t count, double probability)
{
    double low = 0, high = (double)count + 1;
    while (poisson_cdf(count, high) > probability)
        high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-13 * high; i++) {
        double middle = low + (high - low) / 2;
        if (poisson_cdf(count, middle) > probability)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

double metrics_poisson_lower(size_t count, double confidence)
{
    assert(confidence > 0 && confidence < 1);
    return count ? poisson_mean(count - 1, confidence) : 0;
}

double metrics_poisson_upper(size_t count, double confidence)
{
    assert(confidence > 0 && confidence < 1);
    return poisson_mean(count, 1 - confidence);
}

/* ---- volume under the surface ---- */

#define THRESHOLDS 250

struct run {
    size_t first, last;
};

struct volume {
    const struct metrics_series *series;
    size_t positives;
    size_t run_count;
    struct run *runs;          /* [run_count] of anomalous rows */
    unsigned char *step;       /* [count] the first threshold that a row's score reaches */
    double *soft;              /* [count] labels with tolerance */
    size_t called[THRESHOLDS]; /* rows that reach it */
};

static void find_runs(struct volume *volume)
{
    const int *label = volume->series->label;
    for (size_t i = 0; i < volume->series->count; i++) {
        if (label[i] && (i == 0 || !label[i - 1]))
            volume->runs[volume->run_count++].first = i;
        if (label[i])
            volume->runs[volume->run_count - 1].last = i;
    }
}

/* Thresholds are the scores of 250 evenly spaced ranks, the largest first. */
static int find_steps(struct volume *volume)
{
    const struct metrics_series *series = volume->series;
    double *sorted = malloc(series->count * sizeof *sorted);
    if (!sorted)
        return -ENOMEM;
    memcpy(sorted, series->score, series->count * sizeof *sorted);
    metrics_sort(sorted, series->count);
    double cut[THRESHOLDS], spacing = (double)(series->count - 1) / (THRESHOLDS - 1);
    for (size_t k = 0; k < THRESHOLDS; k++) {
        size_t rank = k + 1 < THRESHOLDS ? (size_t)((double)k * spacing) : series->count - 1;
        cut[k] = sorted[series->count - 1 - rank];
    }
    free(sorted);
    for (size_t i = 0; i < series->count; i++) {
        size_t low = 0, high = THRESHOLDS - 1;
        while (low < high) {
            size_t middle = (low + high) / 2;
            if (series->score[i] >= cut[middle])
                high = middle;
            else
                low = middle + 1;
        }
        volume->step[i] = (unsigned char)low;
        volume->called[low]++;
    }
    for (size_t k = 1; k < THRESHOLDS; k++)
        volume->called[k] += volume->called[k - 1];
    return 0;
}

static void soften_labels(struct volume *volume, size_t tolerance)
{
    size_t count = volume->series->count, half = tolerance / 2;
    for (size_t i = 0; i < count; i++)
        volume->soft[i] = volume->series->label[i] != 0;
    for (size_t r = 0; r < volume->run_count; r++) {
        const struct run *run = &volume->runs[r];
        for (size_t d = 1; d <= half; d++) {
            double weight = sqrt(1 - (double)d / (double)tolerance);
            if (d <= run->first)
                volume->soft[run->first - d] += weight;
            if (run->last + d < count)
                volume->soft[run->last + d] += weight;
        }
    }
    for (size_t i = 0; i < count; i++)
        volume->soft[i] = fmin(volume->soft[i], 1);
}

/* Number of anomalies, widened by half a tolerance and merged where they touch, in which a
 * threshold is reached; returns the number of all. */
static size_t count_found(const struct volume *volume, size_t half, size_t ret_found[THRESHOLDS])
{
    size_t merged = 0, last_row = volume->series->count - 1;
    memset(ret_found, 0, THRESHOLDS * sizeof *ret_found);
    for (size_t r = 0; r < volume->run_count; merged++) {
        size_t first = volume->runs[r].first > half ? volume->runs[r].first - half : 0;
        size_t last = volume->runs[r++].last + half;
        while (r < volume->run_count && volume->runs[r].first <= last + half)
            last = volume->runs[r++].last + half;
        last = last < last_row ? last : last_row;
        size_t step = THRESHOLDS - 1;
        for (size_t i = first; i <= last; i++)
            step = volume->step[i] < step ? volume->step[i] : step;
        ret_found[step]++;
    }
    for (size_t k = 1; k < THRESHOLDS; k++)
        ret_found[k] += ret_found[k - 1];
    return merged;
}

static void add_areas(struct volume *volume, size_t tolerance, struct metrics_volume *sum)
{
    size_t found[THRESHOLDS], count = volume->series->count;
    double inside[THRESHOLDS] = {0}, around[THRESHOLDS] = {0};
    soften_labels(volume, tolerance);
    size_t merged = count_found(volume, tolerance / 2, found);
    for (size_t i = 0; i < count; i++)
        (volume->series->label[i] ? inside : around)[volume->step[i]] += volume->soft[i];

    double recall = 0, false_rate = 0, hits = 0, near = 0;
    for (size_t k = 0; k < THRESHOLDS; k++) {
        hits += inside[k];
        near += around[k];
        double called = (double)volume->called[k];
        double positives = (double)volume->positives + near / 2;
        double next_recall = fmin((hits + near) / positives, 1) * ratio(found[k], merged);
        double next_false = (called - hits - near) / ((double)count - positives);
        sum->pr += (next_recall - recall) * (hits + near) / called;
        sum->roc += (next_false - false_rate) * (next_recall + recall) / 2;
        recall = next_recall;
        false_rate = next_false;
    }
    sum->roc += (1 - false_rate) * (1 + recall) / 2;
}

int metrics_volume(const struct metrics_series *series, size_t window,
                   struct metrics_volume *ret_volume, struct diag *diag)
{
    struct volume volume = {.series = series};
    int r = check_series(series, &volume.positives, diag);
    if (r == 0)
        r = check_classes(series, volume.positives, diag);
    if (r < 0)
        return r;
    volume.runs = malloc(volume.positives * sizeof *volume.runs);
    volume.step = malloc(series->count * sizeof *volume.step);
    volume.soft = malloc(series->count * sizeof *volume.soft);
    r = volume.runs && volume.step && volume.soft ? find_steps(&volume) : -ENOMEM;
    if (r == 0) {
        struct metrics_volume sum = {0};
        find_runs(&volume);
        for (size_t tolerance = 0; tolerance <= window; tolerance++)
            add_areas(&volume, tolerance, &sum);
        ret_volume->roc = sum.roc / (double)(window + 1);
        ret_volume->pr = sum.pr / (double)(window + 1);
    } else {
        diag_errno(diag, -r, "%zu scores", series->count);
    }
    free(volume.runs);
    free(volume.step);
    free(volume.soft);
    return r;
}
