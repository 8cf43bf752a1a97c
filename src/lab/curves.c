#include "lab/curves_internal.h"

#include "lab/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define CURVE_STEPS (CURVES_POINTS - 2) /* besides the first point and the last */
#define BINS_MAX 60
#define LOWEST_LOG (-6.0)

void curves_add_number(cJSON *array, double value)
{
    char text[32];
    if (!isfinite(value)) {
        cJSON_AddItemToArray(array, cJSON_CreateNull());
        return;
    }
    snprintf(text, sizeof text, "%.4g", value);
    cJSON_AddItemToArray(array, cJSON_CreateNumber(strtod(text, NULL)));
}

/* ---- ROC and precision over recall ---- */

static void add_point(cJSON *curve, double x, double y)
{
    cJSON *point = cJSON_CreateArray();
    curves_add_number(point, x);
    curves_add_number(point, y);
    cJSON_AddItemToArray(curve, point);
}

/* A point is kept once the curve has come far enough from the one before: along both axes for the
 * ROC curve, along the recall for the other. */
static void add_points(const struct metrics_order *order, size_t positives, cJSON *roc, cJSON *pr)
{
    double found = 0, called = 0, roc_at = 0, pr_at = -1;
    double negatives = (double)(order->count - positives);
    add_point(roc, 0, 0);
    for (size_t i = 0; i < order->count; i++) {
        called++;
        found += order->marked[i] & METRICS_ANOMALOUS;
        if (!(order->marked[i] & METRICS_LAST))
            continue;
        bool end = i + 1 == order->count;
        double recall = found / (double)positives, false_rate = (called - found) / negatives;
        if (end || recall + false_rate - roc_at >= 2.0 / CURVE_STEPS) {
            roc_at = recall + false_rate;
            add_point(roc, false_rate, recall);
        }
        if (end || (pr_at < 0 && found > 0) || recall - fmax(pr_at, 0) >= 1.0 / CURVE_STEPS) {
            pr_at = recall;
            add_point(pr, recall, found / called);
        }
    }
}

static int add_curves(cJSON *root, const struct scored_windows *windows, struct diag *diag)
{
    cJSON *roc = cJSON_AddArrayToObject(root, "roc"), *pr = cJSON_AddArrayToObject(root, "pr");
    const struct metrics_series series = {windows->score, windows->label, windows->count};
    struct metrics_order order;
    size_t positives = 0;
    for (size_t i = 0; i < windows->count; i++)
        positives += windows->label[i] != 0;
    if (positives == 0 || positives == windows->count)
        return 0;
    int r = metrics_order(&series, NULL, &order, diag);
    if (r < 0)
        return r;
    add_points(&order, positives, roc, pr);
    metrics_order_deinit(&order);
    return 0;
}

/* ---- histogram ---- */

struct bins {
    double width;
    long first; /* the lowest edge, in widths from 0 */
    size_t count;
};

/* Bins of the smallest round width at which BINS_MAX hold all but a thousandth at either end. */
static struct bins choose_bins(const double *sorted, size_t count)
{
    static const double widths[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1};
    double low = metrics_percentile(sorted, count, 0.1);
    double high = metrics_percentile(sorted, count, 99.9);
    struct bins bins = {0};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        bins.width = widths[w];
        bins.first = lround(fmin(floor(low / bins.width), -1));
        bins.count = (size_t)(lround(fmax(floor(high / bins.width) + 1, 1)) - bins.first);
        if (bins.count <= BINS_MAX)
            break;
    }
    return bins;
}

static void add_shares(cJSON *histogram, const char *key, const double *share, size_t bins,
                       double windows)
{
    cJSON *array = cJSON_AddArrayToObject(histogram, key);
    for (size_t b = 0; windows > 0 && b < bins; b++)
        curves_add_number(array, share[b] / windows);
}

static int add_histogram(cJSON *root, const struct scored_windows *windows)
{
    double *logs = malloc(2 * windows->count * sizeof *logs);
    if (!logs)
        return -ENOMEM;
    for (size_t i = 0; i < windows->count; i++)
        logs[i] = logs[windows->count + i] =
            fmax(windows->score[i] > 0 ? log10(windows->score[i]) : LOWEST_LOG, LOWEST_LOG);
    metrics_sort(logs + windows->count, windows->count);
    struct bins bins = choose_bins(logs + windows->count, windows->count);
    double inside[2][2 * BINS_MAX] = {{0}}, total[2] = {0};
    for (size_t i = 0; i < windows->count; i++) {
        double bin = floor(logs[i] / bins.width) - (double)bins.first;
        bin = fmin(fmax(bin, 0), (double)(bins.count - 1));
        inside[windows->label[i] != 0][(size_t)bin]++;
        total[windows->label[i] != 0]++;
    }
    free(logs);
    cJSON *histogram = cJSON_AddObjectToObject(root, "histogram");
    cJSON *edges = cJSON_AddArrayToObject(histogram, "edges");
    for (size_t b = 0; b <= bins.count; b++)
        curves_add_number(edges, (double)(bins.first + (long)b) * bins.width);
    add_shares(histogram, "normal", inside[0], bins.count, total[0]);
    add_shares(histogram, "anomalous", inside[1], bins.count, total[1]);
    return 0;
}

/* ---- all of it ---- */

static int add_all(cJSON *root, const struct curves_input *input,
                   const struct scored_windows *windows, struct diag *diag)
{
    int r = add_curves(root, windows, diag);
    if (r < 0)
        return r;
    r = add_histogram(root, windows);
    cJSON *timeline = cJSON_AddArrayToObject(root, "timeline");
    for (size_t s = 0; r == 0 && s < input->count; s++)
        r = curves_add_timeline(timeline, &input->scored[s], s);
    if (r == 0)
        r = curves_add_attribution(root, input, windows);
    return r < 0 ? diag_errno(diag, r, "curves") : 0;
}

int curves_json(const struct curves_input *input, cJSON **ret_json, struct diag *diag)
{
    struct scored_windows windows;
    int r = scored_collect(input->scored, input->count, SCORED_ROBOT, &windows);
    if (r < 0)
        return diag_errno(diag, r, "curves");
    cJSON *root = cJSON_CreateObject();
    if (!root)
        r = diag_errno(diag, ENOMEM, "curves");
    else if (windows.count == 0)
        r = diag_set(diag, "no window could be evaluated: there is nothing to draw");
    else
        r = add_all(root, input, &windows, diag);
    scored_windows_deinit(&windows);
    if (r < 0)
        cJSON_Delete(root);
    else
        *ret_json = root;
    return r;
}
