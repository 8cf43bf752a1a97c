/*
 * scaler_internal: what the files of scaler share: the table of kinds, the values of a channel to
 * fit, and the kinds that are curves.
 */
#ifndef ARMWATCH_MODEL_SCALER_INTERNAL_H
#define ARMWATCH_MODEL_SCALER_INTERNAL_H

#include "model/scaler.h"

#include <stdbool.h>
#include <stddef.h>

/* The valid values of one channel, in an order that the fit may change. */
struct scaler_column {
    float *values;
    size_t count;
    double magnitude; /* of the largest */
    double *work;     /* [2 * count] for a kind that asks for it, else NULL */
};

/* What a fit finds: the line before or behind the curve ... */
struct scaler_range {
    double offset;
    double spread;    /* what becomes 1 */
    double magnitude; /* of the values that it was found on */
};
/* ... and the curve's parameters, in place. */
struct scaler_curve {
    double *lambda;    /* one; NULL where the kind has none */
    double *quantiles; /* [count] */
    size_t count;
};

typedef struct scaler_range scaler_fit_channel(const struct scaler_column *column,
                                               const struct scaler_options *options,
                                               struct scaler_curve *ret_curve);
typedef void scaler_apply_rows(const struct scaler *scaler, size_t rows, const float *values,
                               float *ret_values);
typedef double scaler_invert(const struct scaler *scaler, size_t channel, double value);

struct scaler_traits {
    const char *name;
    scaler_fit_channel *fit;
    scaler_apply_rows *apply;
    scaler_invert *invert;
    double low, high; /* the range that a clip is counted from */
    size_t least_quantiles, most_quantiles;
    bool lambda;
    bool work; /* its fit asks for it */
};
extern const struct scaler_traits scaler_kinds[]; /* by enum scaler_kind */

scaler_fit_channel scaler_fit_minmax, scaler_fit_standard, scaler_fit_robust, scaler_fit_maxabs,
    scaler_fit_power, scaler_fit_quantile;

/* False if the spread is nothing but rounding: the values are constant. */
bool scaler_range_counts(const struct scaler_range *range);

/* Yeo and Johnson's power transform: quantiles are the least and the greatest value. */
double scaler_power(double lambda, double value);
/* range: least and greatest value to return. */
double scaler_power_inverse(double lambda, const double range[2], double value);

/* The share of the training rows below a value. */
double scaler_quantile(const double *quantiles, size_t count, double value);
double scaler_quantile_inverse(const double *quantiles, size_t count, double value);
#define SCALER_SHARE_LIMIT 1e-7 /* of a normal distribution on either side */
/* Wichura's polynomials, numerator and denominator: of 0.180625 - q^2 for a share within 0.425 of
 * one half (q: from there), and of sqrt(-log(share of the tail)) - 1.6 beyond. */
extern const double scaler_normal_middle[2][8], scaler_normal_tail[2][8];
/* The same share as that of a normal distribution, at most 5.2 standard deviations out. */
double scaler_normal(const double *quantiles, size_t count, double value);
double scaler_normal_inverse(const double *quantiles, size_t count, double value);

#endif
