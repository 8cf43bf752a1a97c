/*
 * Fitting: statistics of one channel at a time, in double and two passes.
 */
#include "model/scaler_internal.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Under a few units in the last place of a float, a spread is rounding and not a signal. */
#define SPREAD_FLOOR 1e-6

bool scaler_range_counts(const struct scaler_range *range)
{
    return range->spread > SPREAD_FLOOR * range->magnitude;
}

/* Value of rank k of v[0..n-1]; afterwards no value before k is larger and none behind it smaller.
 */
static float select_rank(float *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        float pivot = v[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i >= j)
                break;
            float swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return v[k];
}

/* Between the two nearest ranks, as numpy.percentile does by default. */
static double quantile(const struct scaler_column *column, double share)
{
    double position = share * (double)(column->count - 1);
    size_t rank = (size_t)position;
    double below = (double)select_rank(column->values, column->count, rank);
    if (rank + 1 >= column->count)
        return below;
    float above = column->values[rank + 1];
    for (size_t i = rank + 2; i < column->count; i++) {
        if (column->values[i] < above)
            above = column->values[i];
    }
    return below + (position - (double)rank) * ((double)above - below);
}

static struct scaler_range range_of(const struct scaler_column *column, double offset,
                                    double spread)
{
    return (struct scaler_range){
        .offset = offset, .spread = spread, .magnitude = column->magnitude};
}

static struct scaler_range exact_range(const struct scaler_column *column)
{
    float low = column->values[0], high = low;
    for (size_t i = 1; i < column->count; i++) {
        low = column->values[i] < low ? column->values[i] : low;
        high = column->values[i] > high ? column->values[i] : high;
    }
    return range_of(column, (double)low, (double)high - (double)low);
}

/* A channel that moves in less than the tail's share of the rows keeps its exact range. */
struct scaler_range scaler_fit_minmax(const struct scaler_column *column,
                                      const struct scaler_options *options,
                                      struct scaler_curve *ret_curve)
{
    if (options->tail > 0) {
        double low = quantile(column, options->tail);
        double high = quantile(column, 1 - options->tail);
        const struct scaler_range range = range_of(column, low, high - low);
        if (scaler_range_counts(&range))
            return range;
    }
    return exact_range(column);
}

struct scaler_range scaler_fit_standard(const struct scaler_column *column,
                                        const struct scaler_options *options,
                                        struct scaler_curve *ret_curve)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < column->count; i++)
        sum += (double)column->values[i];
    double mean = sum / (double)column->count;
    for (size_t i = 0; i < column->count; i++) {
        double difference = (double)column->values[i] - mean;
        squares += difference * difference;
    }
    return range_of(column, mean, sqrt(squares / (double)column->count));
}

struct scaler_range scaler_fit_robust(const struct scaler_column *column,
                                      const struct scaler_options *options,
                                      struct scaler_curve *ret_curve)
{
    double spread = quantile(column, 0.75) - quantile(column, 0.25);
    return range_of(column, quantile(column, 0.5), spread);
}

struct scaler_range scaler_fit_maxabs(const struct scaler_column *column,
                                      const struct scaler_options *options,
                                      struct scaler_curve *ret_curve)
{
    return range_of(column, 0, column->magnitude);
}

static int gather_column(const struct scaler_rows *rows, size_t channel,
                         struct scaler_column *column, struct diag *diag)
{
    column->count = 0;
    column->magnitude = 0;
    for (size_t row = 0; row < rows->rows; row++) {
        if (rows->valid && !rows->valid[row])
            continue;
        float value = rows->values[row * rows->channels + channel];
        if (!isfinite(value))
            return diag_set(diag, "row %zu, channel %zu: %g, must be finite", row, channel,
                            (double)value);
        column->values[column->count++] = value;
        column->magnitude = fmax(column->magnitude, fabs((double)value));
    }
    return column->count ? 0 : diag_set(diag, "no valid row to fit a scaler on");
}

static void fit_channel(struct scaler *scaler, size_t channel, const struct scaler_column *column,
                        const struct scaler_options *options)
{
    struct scaler_curve curve = {.count = scaler->quantile_count};
    if (scaler->lambda)
        curve.lambda = &scaler->lambda[channel];
    if (scaler->quantiles)
        curve.quantiles = scaler->quantiles + channel * scaler->quantile_count;
    const struct scaler_range range = scaler_kinds[scaler->kind].fit(column, options, &curve);
    scaler->offset[channel] = range.offset;
    scaler->scale[channel] = scaler_range_counts(&range) ? 1 / range.spread : 1;
}

static int fit_channels(struct scaler *scaler, const struct scaler_options *options,
                        const struct scaler_rows *rows, struct diag *diag)
{
    bool work = scaler_kinds[scaler->kind].work;
    struct scaler_column column = {.values = malloc((rows->rows + 1) * sizeof(float))};
    if (work)
        column.work = malloc((2 * rows->rows + 1) * sizeof(double));
    int r = 0;
    if (!column.values || (work && !column.work))
        r = diag_errno(diag, ENOMEM, "%zu rows", rows->rows);
    for (size_t i = 0; i < rows->channels && r == 0; i++) {
        r = gather_column(rows, i, &column, diag);
        if (r == 0)
            fit_channel(scaler, i, &column, options);
    }
    free(column.values);
    free(column.work);
    return r;
}

static size_t quantiles_for(enum scaler_kind kind, const struct scaler_rows *rows)
{
    size_t count = 0, least, most;
    scaler_kind_quantiles(kind, &least, &most);
    for (size_t row = 0; row < rows->rows && count < most; row++)
        count += !rows->valid || rows->valid[row];
    return count < least ? least : count;
}

int scaler_fit(struct scaler *scaler, const struct scaler_options *options,
               const struct scaler_rows *rows, struct diag *diag)
{
    assert(options->tail >= 0 && options->tail < 0.5);
    size_t quantiles = quantiles_for(options->kind, rows);
    int r = scaler_init(scaler, options->kind, rows->channels, quantiles);
    if (r < 0)
        return diag_errno(diag, -r, "scaler");
    scaler->clip = options->clip;
    r = fit_channels(scaler, options, rows, diag);
    if (r == 0)
        r = scaler_check(scaler, diag);
    if (r < 0)
        scaler_deinit(scaler);
    return r;
}
