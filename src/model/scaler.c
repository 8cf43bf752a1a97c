/*
 * A kind is one row of the table: how its offset and scale (and the parameters of its curve) follow
 * from the values of a channel, how rows are scaled, and the way back.
 */
#include "model/scaler_internal.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static scaler_apply_rows apply_line, apply_signed_sqrt, apply_power, apply_quantile, apply_normal;
static scaler_invert invert_line, invert_signed_sqrt, invert_power, invert_quantile, invert_normal;

const struct scaler_traits scaler_kinds[] = {
    [SCALER_MINMAX] = {.name = "minmax",
                       .fit = scaler_fit_minmax,
                       .apply = apply_line,
                       .invert = invert_line,
                       .high = 1},
    [SCALER_STANDARD] = {.name = "standard",
                         .fit = scaler_fit_standard,
                         .apply = apply_line,
                         .invert = invert_line},
    [SCALER_ROBUST] = {.name = "robust",
                       .fit = scaler_fit_robust,
                       .apply = apply_line,
                       .invert = invert_line},
    [SCALER_MAXABS] = {.name = "maxabs",
                       .fit = scaler_fit_maxabs,
                       .apply = apply_line,
                       .invert = invert_line},
    [SCALER_SIGNED_SQRT] = {.name = "signed-sqrt",
                            .fit = scaler_fit_standard,
                            .apply = apply_signed_sqrt,
                            .invert = invert_signed_sqrt},
    [SCALER_POWER] = {.name = "power",
                      .fit = scaler_fit_power,
                      .apply = apply_power,
                      .invert = invert_power,
                      .least_quantiles = 2,
                      .most_quantiles = 2,
                      .lambda = true,
                      .work = true},
    [SCALER_QUANTILE_UNIFORM] = {.name = "quantile-uniform",
                                 .fit = scaler_fit_quantile,
                                 .apply = apply_quantile,
                                 .invert = invert_quantile,
                                 .high = 1,
                                 .least_quantiles = 2,
                                 .most_quantiles = SCALER_QUANTILES_MAX},
    [SCALER_QUANTILE_NORMAL] = {.name = "quantile-normal",
                                .fit = scaler_fit_quantile,
                                .apply = apply_normal,
                                .invert = invert_normal,
                                .least_quantiles = 2,
                                .most_quantiles = SCALER_QUANTILES_MAX},
};
#define KIND_COUNT (sizeof scaler_kinds / sizeof scaler_kinds[0])

/* ---- rows ---- */

static inline double line(double value)
{
    return value;
}

static inline double signed_sqrt(double value)
{
    return copysign(sqrt(fabs(value)), value);
}

/* Inlined once for each curve, so that the loop holds no call and can be vectorised. The
 * comparisons let a NaN through, as fmin and fmax would not. */
static inline __attribute__((always_inline)) void apply_curve(const struct scaler *scaler,
                                                              size_t rows, const float *values,
                                                              float *ret, double (*curve)(double))
{
    const double *restrict offset = scaler->offset, *restrict scale = scaler->scale;
    double low = scaler_kinds[scaler->kind].low - scaler->clip;
    double high = scaler_kinds[scaler->kind].high + scaler->clip;
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

/* The curve comes first, and each channel has its own. */
static inline __attribute__((always_inline)) void
apply_bent(const struct scaler *scaler, size_t rows, const float *values, float *ret,
           double (*bend)(const struct scaler *, size_t, double))
{
    double low = scaler_kinds[scaler->kind].low - scaler->clip;
    double high = scaler_kinds[scaler->kind].high + scaler->clip;
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < scaler->channels; i++) {
            double value = bend(scaler, i, (double)values[i]);
            value = (value - scaler->offset[i]) * scaler->scale[i];
            value = value < low ? low : value;
            value = value > high ? high : value;
            ret[i] = (float)value;
        }
        values += scaler->channels;
        ret += scaler->channels;
    }
}

static const double *quantiles_of(const struct scaler *scaler, size_t channel)
{
    return scaler->quantiles + channel * scaler->quantile_count;
}

static double bend_power(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_power(scaler->lambda[channel], value);
}

static double bend_quantile(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_quantile(quantiles_of(scaler, channel), scaler->quantile_count, value);
}

static double bend_normal(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_normal(quantiles_of(scaler, channel), scaler->quantile_count, value);
}

static void apply_power(const struct scaler *scaler, size_t rows, const float *values, float *ret)
{
    apply_bent(scaler, rows, values, ret, bend_power);
}

static void apply_quantile(const struct scaler *scaler, size_t rows, const float *values,
                           float *ret)
{
    apply_bent(scaler, rows, values, ret, bend_quantile);
}

static void apply_normal(const struct scaler *scaler, size_t rows, const float *values, float *ret)
{
    apply_bent(scaler, rows, values, ret, bend_normal);
}

static double invert_line(const struct scaler *scaler, size_t channel, double value)
{
    return value / scaler->scale[channel] + scaler->offset[channel];
}

static double invert_signed_sqrt(const struct scaler *scaler, size_t channel, double value)
{
    return invert_line(scaler, channel, copysign(value * value, value));
}

static double invert_power(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_power_inverse(scaler->lambda[channel], quantiles_of(scaler, channel),
                                invert_line(scaler, channel, value));
}

static double invert_quantile(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_quantile_inverse(quantiles_of(scaler, channel), scaler->quantile_count,
                                   invert_line(scaler, channel, value));
}

static double invert_normal(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_normal_inverse(quantiles_of(scaler, channel), scaler->quantile_count,
                                 invert_line(scaler, channel, value));
}

void scaler_apply(const struct scaler *scaler, size_t rows, const float *values, float *ret_values)
{
    scaler_kinds[scaler->kind].apply(scaler, rows, values, ret_values);
}

double scaler_inverse(const struct scaler *scaler, size_t channel, double value)
{
    return scaler_kinds[scaler->kind].invert(scaler, channel, value);
}

/* ---- kinds and memory ---- */

int scaler_kind_parse(const char *name, enum scaler_kind *ret_kind, struct diag *diag)
{
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (!strcmp(name, scaler_kinds[i].name)) {
            *ret_kind = (enum scaler_kind)i;
            return 0;
        }
    }
    diag_set(diag, "\"%.32s\", must be one of", name);
    for (size_t i = 0; diag && i < KIND_COUNT; i++) {
        size_t used = strlen(diag->text);
        snprintf(diag->text + used, sizeof diag->text - used, "%s %s", i ? "," : "",
                 scaler_kinds[i].name);
    }
    return -EINVAL;
}

const char *scaler_kind_name(enum scaler_kind kind)
{
    return scaler_kinds[kind].name;
}

bool scaler_kind_unit(enum scaler_kind kind)
{
    return scaler_kinds[kind].high > scaler_kinds[kind].low;
}

void scaler_kind_quantiles(enum scaler_kind kind, size_t *ret_least, size_t *ret_most)
{
    *ret_least = scaler_kinds[kind].least_quantiles;
    *ret_most = scaler_kinds[kind].most_quantiles;
}

int scaler_init(struct scaler *scaler, enum scaler_kind kind, size_t channels, size_t quantiles)
{
    assert((size_t)kind < KIND_COUNT && channels > 0);
    assert(quantiles >= scaler_kinds[kind].least_quantiles &&
           quantiles <= scaler_kinds[kind].most_quantiles);
    *scaler = (struct scaler){
        .kind = kind, .channels = channels, .quantile_count = quantiles, .clip = HUGE_VAL};
    scaler->offset = calloc(channels, sizeof *scaler->offset);
    scaler->scale = calloc(channels, sizeof *scaler->scale);
    if (scaler_kinds[kind].lambda)
        scaler->lambda = calloc(channels, sizeof *scaler->lambda);
    if (quantiles > 0)
        scaler->quantiles = calloc(channels * quantiles, sizeof *scaler->quantiles);
    if (!scaler->offset || !scaler->scale || (scaler_kinds[kind].lambda && !scaler->lambda) ||
        (quantiles > 0 && !scaler->quantiles)) {
        scaler_deinit(scaler);
        return -ENOMEM;
    }
    for (size_t i = 0; i < channels; i++) {
        scaler->scale[i] = 1;
        if (scaler->lambda)
            scaler->lambda[i] = 1;
    }
    return 0;
}

static int check_curve(const struct scaler *scaler, size_t channel, struct diag *diag)
{
    if (scaler->lambda && !isfinite(scaler->lambda[channel]))
        return diag_set(diag, "scaler: channel %zu: lambda %g", channel, scaler->lambda[channel]);
    const double *quantiles = quantiles_of(scaler, channel);
    for (size_t q = 0; q < scaler->quantile_count; q++) {
        if (!isfinite(quantiles[q]))
            return diag_set(diag, "scaler: channel %zu: quantile %zu is %g", channel, q,
                            quantiles[q]);
        if (q > 0 && quantiles[q] < quantiles[q - 1])
            return diag_set(diag, "scaler: channel %zu: quantile %zu is %g, below the one before",
                            channel, q, quantiles[q]);
    }
    return 0;
}

int scaler_check(const struct scaler *scaler, struct diag *diag)
{
    if (!(scaler->clip >= 0))
        return diag_set(diag, "scaler: clip %g, must not be negative", scaler->clip);
    int r = 0;
    for (size_t i = 0; i < scaler->channels && r == 0; i++) {
        if (!isfinite(scaler->offset[i]) || !isfinite(scaler->scale[i]) || scaler->scale[i] <= 0)
            return diag_set(diag, "scaler: channel %zu: offset %g, scale %g", i, scaler->offset[i],
                            scaler->scale[i]);
        if (scaler->quantile_count > 0)
            r = check_curve(scaler, i, diag);
    }
    return r;
}

void scaler_deinit(struct scaler *scaler)
{
    free(scaler->offset);
    free(scaler->scale);
    free(scaler->lambda);
    free(scaler->quantiles);
    scaler->offset = NULL;
    scaler->scale = NULL;
    scaler->lambda = NULL;
    scaler->quantiles = NULL;
}
