/*
 * scaler: brings channels of different units to one range, and back.
 *
 * Every kind is (x - offset) * scale per channel, some with a curve before or behind it; the result
 * can be clipped, because a single glitch would otherwise rule a squared error. Fitted on normal
 * training rows only. Thread: none of its own; a fitted scaler is constant. Source: the definitions
 * of scikit-learn's preprocessing scalers.
 */
#ifndef ARMWATCH_MODEL_SCALER_H
#define ARMWATCH_MODEL_SCALER_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

enum scaler_kind {
    SCALER_MINMAX,      /* to 0..1 */
    SCALER_STANDARD,    /* mean 0, standard deviation 1 */
    SCALER_ROBUST,      /* median 0, interquartile range 1 */
    SCALER_MAXABS,      /* largest magnitude 1, 0 stays 0 */
    SCALER_SIGNED_SQRT, /* standard, then sign(z) sqrt|z|: large deviations count less */
    SCALER_POWER, /* Yeo-Johnson, then standard: as near to a normal distribution as a power gets */
    SCALER_QUANTILE_UNIFORM, /* the share of the training rows below: 0..1 */
    SCALER_QUANTILE_NORMAL,  /* the place of that share in a normal distribution */
    SCALER_KINDS,
};
#define SCALER_QUANTILES_MAX 1000

struct scaler {
    enum scaler_kind kind;
    size_t channels;
    double *offset; /* [channels] */
    double *scale;  /* [channels] > 0 */
    double *lambda; /* [channels] exponents of power, else NULL */
    size_t quantile_count;
    double *quantiles; /* [channels][quantile_count] rising, of the training values: all that the
                          quantile kinds need (all equal: constant), least and greatest for power */
    double clip;       /* how far beyond the kind's range (0..1 for minmax, else 0) a value may go;
                          INFINITY: as far as it likes */
};

/* "minmax", "standard", "robust", "maxabs", "signed-sqrt", "power", "quantile-uniform",
 * "quantile-normal". Errors: -EINVAL with the list in diag. */
int scaler_kind_parse(const char *name, enum scaler_kind *ret_kind, struct diag *diag);
const char *scaler_kind_name(enum scaler_kind kind);
/* True if training values come out within 0..1, as out of a sigmoid. */
bool scaler_kind_unit(enum scaler_kind kind);
/* How many quantiles a channel has: 0 to 0 for the kinds without. */
void scaler_kind_quantiles(enum scaler_kind kind, size_t *ret_least, size_t *ret_most);

struct scaler_rows {
    size_t rows;
    size_t channels;
    const float *values;        /* [rows][channels] */
    const unsigned char *valid; /* [rows] 0 = leave out; NULL: all are valid */
};

struct scaler_options {
    enum scaler_kind kind;
    double clip; /* as in struct scaler */
    double tail; /* minmax: share of the rows left out at each end; 0 = the exact extremes */
};

/* Statistics in double and two passes. A channel whose spread is nothing but rounding (under 1e-6
 * of its magnitude) is constant: it is moved to 0 and not magnified. Memory: scaler_deinit frees.
 * Errors: -EINVAL no valid row, or a valid row with a value that is not finite; -ENOMEM. */
int scaler_fit(struct scaler *scaler, const struct scaler_options *options,
               const struct scaler_rows *rows, struct diag *diag);

/* For restoring: allocates what the kind has, offset 0, scale 1 and lambda 1, which the caller
 * fills and has checked. quantiles: within the kind's limits. Errors: -ENOMEM; -EINVAL naming the
 * channel whose parameters are not usable. */
int scaler_init(struct scaler *scaler, enum scaler_kind kind, size_t channels, size_t quantiles);
int scaler_check(const struct scaler *scaler, struct diag *diag);
void scaler_deinit(struct scaler *scaler);

/* Shape: [rows][channels] both; they may be the same memory. A NaN stays one. */
void scaler_apply(const struct scaler *scaler, size_t rows, const float *values, float *ret_values);

/* A scaled value of one channel in its own unit again (a clipped one: the limit). The curved kinds
 * stay within the range of the training values. */
double scaler_inverse(const struct scaler *scaler, size_t channel, double value);

#endif
