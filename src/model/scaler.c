/*
 * A kind is one row of the table: how its offset and scale follow from the values of a channel, and
 * the curve behind them. A kind that is not affine at all would bring its own `apply`.
 */
#include "model/scaler.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Under a few units in the last place of a float, a spread is rounding and not a signal. */
#define SPREAD_FLOOR 1e-6

/* The valid values of one channel, in an order that the fit may change. */
struct column {
    float *values;
    size_t count;
    double magnitude; /* of the largest */
};

struct range {
    double offset;
    double spread; /* what becomes 1 */
};

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
static double quantile(const struct column *column, double share)
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

static struct range exact_range(const struct column *column)
{
    float low = column->values[0], high = low;
    for (size_t i = 1; i < column->count; i++) {
        low = column->values[i] < low ? column->values[i] : low;
        high = column->values[i] > high ? column->values[i] : high;
    }
    return (struct range){.offset = (double)low, .spread = (double)high - (double)low};
}

/* A channel that moves in less than the tail's share of the rows keeps its exact range. */
static struct range fit_minmax(const struct column *column, const struct scaler_options *options)
{
    if (options->tail > 0) {
        double low = quantile(column, options->tail);
        double high = quantile(column, 1 - options->tail);
        if (high - low > SPREAD_FLOOR * column->magnitude)
            return (struct range){.offset = low, .spread = high - low};
    }
    return exact_range(column);
}

static struct range fit_standard(const struct column *column, const struct scaler_options *options)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < column->count; i++)
        sum += (double)column->values[i];
    double mean = sum / (double)column->count;
    for (size_t i = 0; i < column->count; i++) {
        double difference = (double)column->values[i] - mean;
        squares += difference * difference;
    }
    return (struct range){.offset = mean, .spread = sqrt(squares / (double)column->count)};
}

static struct range fit_robust(const struct column *column, const struct scaler_options *options)
{
    double spread = quantile(column, 0.75) - quantile(column, 0.25);
    return (struct range){.offset = quantile(column, 0.5), .spread = spread};
}

static struct range fit_maxabs(const struct column *column, const struct scaler_options *options)
{
    return (struct range){.offset = 0, .spread = column->magnitude};
}

static inline double line(double value)
{
    return value;
}

static inline double signed_sqrt(double value)
{
    return copysign(sqrt(fabs(value)), value);
}

static double signed_square(double value)
{
    return copysign(value * value, value);
}

static void apply_line(const struct scaler *scaler, size_t rows, const float *values, float *ret);
static void apply_signed_sqrt(const struct scaler *scaler, size_t rows, const float *values,
                              float *ret);

static const struct {
    const char *name;
    struct range (*fit)(const struct column *column, const struct scaler_options *options);
    void (*apply)(const struct scaler *scaler, size_t rows, const float *values, float *ret);
    double (*uncurve)(double value);
    double low, high; /* the range that a clip is counted from */
} kinds[] = {
    [SCALER_MINMAX] = {"minmax", fit_minmax, apply_line, line, 0, 1},
    [SCALER_STANDARD] = {"standard", fit_standard, apply_line, line, 0, 0},
    [SCALER_ROBUST] = {"robust", fit_robust, apply_line, line, 0, 0},
    [SCALER_MAXABS] = {"maxabs", fit_maxabs, apply_line, line, 0, 0},
    [SCALER_SIGNED_SQRT] = {"signed-sqrt", fit_standard, apply_signed_sqrt, signed_square, 0, 0},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* Inlined once for each curve, so that the loop holds no call and can be vectorised. The
 * comparisons let a NaN through, as fmin and fmax would not. */
static inline __attribute__((always_inline)) void apply_curve(const struct scaler *scaler,
                                                              size_t rows, const float *values,
                                                              float *ret, double (*curve)(double))
{
    const double *restrict offset = scaler->offset, *restrict scale = scaler->scale;
    double low = kinds[scaler->kind].low - scaler->clip;
    double high = kinds[scaler->kind].high + scaler->clip;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < scaler->channels; i++) {
            double value = curve(((double)values[i] - offset[i]) * scale[i]);
            value = value < low ? low : value;
            value = value > high ? high : value;
            ret[i] = (float)value;
        }
        values += scaler->channels;
        ret += scaler->channels;
    }
}

static void apply_line(const struct scaler *scaler, size_t rows, const float *values, float *ret)
{
    apply_curve(scaler, rows, values, ret, line);
}

static void apply_signed_sqrt(const struct scaler *scaler, size_t rows, const float *values,
                              float *ret)
{
    apply_curve(scaler, rows, values, ret, signed_sqrt);
}

int scaler_kind_parse(const char *name, enum scaler_kind *ret_kind, struct diag *diag)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!strcmp(name, kinds[i].name)) {
            *ret_kind = (enum scaler_kind)i;
            return 0;
        }
    }
    diag_set(diag, "\"%.32s\", must be one of", name);
    for (size_t i = 0; diag && i < KIND_COUNT; i++) {
        size_t used = strlen(diag->text);
        snprintf(diag->text + used, sizeof diag->text - used, "%s %s", i ? "," : "", kinds[i].name);
    }
    return -EINVAL;
}

const char *scaler_kind_name(enum scaler_kind kind)
{
    return kinds[kind].name;
}

int scaler_init(struct scaler *scaler, enum scaler_kind kind, size_t channels)
{
    assert((size_t)kind < KIND_COUNT && channels > 0);
    *scaler = (struct scaler){.kind = kind, .channels = channels, .clip = HUGE_VAL};
    scaler->offset = calloc(channels, sizeof *scaler->offset);
    scaler->scale = calloc(channels, sizeof *scaler->scale);
    if (!scaler->offset || !scaler->scale) {
        scaler_deinit(scaler);
        return -ENOMEM;
    }
    for (size_t i = 0; i < channels; i++)
        scaler->scale[i] = 1;
    return 0;
}

int scaler_check(const struct scaler *scaler, struct diag *diag)
{
    if (!(scaler->clip >= 0))
        return diag_set(diag, "scaler: clip %g, must not be negative", scaler->clip);
    for (size_t i = 0; i < scaler->channels; i++) {
        if (!isfinite(scaler->offset[i]) || !isfinite(scaler->scale[i]) || scaler->scale[i] <= 0)
            return diag_set(diag, "scaler: channel %zu: offset %g, scale %g", i, scaler->offset[i],
                            scaler->scale[i]);
    }
    return 0;
}

void scaler_deinit(struct scaler *scaler)
{
    free(scaler->offset);
    free(scaler->scale);
    scaler->offset = NULL;
    scaler->scale = NULL;
}

static int gather_column(const struct scaler_rows *rows, size_t channel, struct column *column,
                         struct diag *diag)
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

static int fit_channels(struct scaler *scaler, const struct scaler_options *options,
                        const struct scaler_rows *rows, struct diag *diag)
{
    struct column column = {.values = malloc((rows->rows + 1) * sizeof(float))};
    if (!column.values)
        return diag_errno(diag, ENOMEM, "%zu rows", rows->rows);
    int r = 0;
    for (size_t i = 0; i < rows->channels && r == 0; i++) {
        r = gather_column(rows, i, &column, diag);
        if (r < 0)
            break;
        struct range range = kinds[options->kind].fit(&column, options);
        scaler->offset[i] = range.offset;
        scaler->scale[i] = range.spread > SPREAD_FLOOR * column.magnitude ? 1 / range.spread : 1;
    }
    free(column.values);
    return r;
}

int scaler_fit(struct scaler *scaler, const struct scaler_options *options,
               const struct scaler_rows *rows, struct diag *diag)
{
    assert(options->tail >= 0 && options->tail < 0.5);
    int r = scaler_init(scaler, options->kind, rows->channels);
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

void scaler_apply(const struct scaler *scaler, size_t rows, const float *values, float *ret_values)
{
    kinds[scaler->kind].apply(scaler, rows, values, ret_values);
}

double scaler_inverse(const struct scaler *scaler, size_t channel, double value)
{
    return kinds[scaler->kind].uncurve(value) / scaler->scale[channel] + scaler->offset[channel];
}
