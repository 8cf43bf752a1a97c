/*
 * As scikit-learn's QuantileTransformer without subsampling: up to 1000 quantiles of the training
 * rows, straight lines between them, and for a value that several of them equal (a gyro's steps)
 * the middle of their shares. Two differences: scikit-learn also takes values within 1e-7 of the
 * ends for the ends, whatever the unit; and it maps a channel that never moves to an end of the
 * distribution, where the smallest deviation then counts as the largest. Here all quantiles of such
 * a channel are equal, and it is only moved to 0.
 *
 * The positions of the quantiles are computed in scikit-learn's own order of rounding: with fewer
 * rows than quantiles they fall on rows, and which side of a row they fall on decides about ties.
 *
 * Source of the normal quantile: Wichura, Algorithm AS 241 (1988), without its outermost branch,
 * which shares beyond 1e-7 would need.
 */
#include "model/scaler_internal.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* As numpy.nanpercentile's default method, to the last bit. */
static double value_at(const struct scaler_column *sorted, double percent)
{
    double position = percent / 100 * (double)(sorted->count - 1);
    size_t rank = (size_t)position;
    double below = (double)sorted->values[rank];
    if (rank + 1 >= sorted->count)
        return below;
    double above = (double)sorted->values[rank + 1], share = position - (double)rank;
    return share < 0.5 ? below + (above - below) * share : above - (above - below) * (1 - share);
}

struct scaler_range scaler_fit_quantile(const struct scaler_column *column,
                                        const struct scaler_options *options,
                                        struct scaler_curve *ret_curve)
{
    const size_t last = ret_curve->count - 1;
    const double step = 1 / (double)last;
    double *quantiles = ret_curve->quantiles;
    qsort(column->values, column->count, sizeof *column->values, compare_floats);
    for (size_t i = 0; i <= last; i++) {
        quantiles[i] = value_at(column, i < last ? (double)i * step * 100 : 100);
        if (i > 0 && quantiles[i] < quantiles[i - 1])
            quantiles[i] = quantiles[i - 1];
    }
    const struct scaler_range whole = {.spread = quantiles[last] - quantiles[0],
                                       .magnitude = column->magnitude};
    for (size_t i = 0; i <= last && !scaler_range_counts(&whole); i++)
        quantiles[i] = quantiles[last / 2];
    return (struct scaler_range){.offset = 0, .spread = 1};
}

/* The first quantile over a value; `count` if there is none. Where a value goes is as good as
 * random, so the step is a product and not a branch, which would be mispredicted half
 * the time.
 */
static size_t first_over(const double *quantiles, size_t count, double value)
{
    const double *from = quantiles;
    for (size_t left = count; left > 0;) {
        size_t half = (left + 1) / 2;
        from += half * (size_t)(from[half - 1] <= value);
        left -= half;
    }
    return (size_t)(from - quantiles);
}

/* The first quantile that is not under a value. */
static size_t first_from(const double *quantiles, size_t count, double value)
{
    return first_over(quantiles, count, nextafter(value, -HUGE_VAL));
}

static bool constant(const double *quantiles, size_t count)
{
    return !(quantiles[count - 1] > quantiles[0]);
}

/* The share of the rows below a value; the quantiles are not all equal. */
static double share_below(const double *quantiles, size_t count, double value)
{
    const size_t last = count - 1;
    if (isnan(value))
        return value;
    if (value <= quantiles[0])
        return 0;
    if (value >= quantiles[last])
        return 1;
    size_t over = first_over(quantiles, count, value), at = over - 1;
    double position = (double)at;
    if (quantiles[at] < value)
        position += (value - quantiles[at]) / (quantiles[over] - quantiles[at]);
    else if (quantiles[at - 1] == value)
        position = (position + (double)first_from(quantiles, at, value)) / 2;
    return position / (double)last;
}

/* The value that a share of the rows lies below. */
static double value_over(const double *quantiles, size_t count, double share)
{
    const size_t last = count - 1;
    if (isnan(share))
        return share;
    if (share <= 0)
        return quantiles[0];
    double position = share * (double)last;
    if (position >= (double)last)
        return quantiles[last];
    size_t at = (size_t)position;
    return quantiles[at] + (quantiles[at + 1] - quantiles[at]) * (position - (double)at);
}

double scaler_quantile(const double *quantiles, size_t count, double value)
{
    if (constant(quantiles, count))
        return value - quantiles[0];
    return share_below(quantiles, count, value);
}

double scaler_quantile_inverse(const double *quantiles, size_t count, double value)
{
    if (constant(quantiles, count))
        return value + quantiles[0];
    return value_over(quantiles, count, value);
}

/* ---- to a normal distribution ---- */

static double polynomial(const double coefficients[8], double x)
{
    double sum = 0;
    for (size_t i = 8; i-- > 0;)
        sum = sum * x + coefficients[i];
    return sum;
}

const double scaler_normal_middle[2][8] = {
    {3.3871328727963666080e0, 1.3314166789178437745e+2, 1.9715909503065514427e+3,
     1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
     3.3430575583588128105e+4, 2.5090809287301226727e+3},
    {1, 4.2313330701600911252e+1, 6.8718700749205790830e+2, 5.3941960214247511077e+3,
     2.1213794301586595867e+4, 3.9307895800092710610e+4, 2.8729085735721942674e+4,
     5.2264952788528545610e+3},
};
const double scaler_normal_tail[2][8] = {
    {1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0,
     3.64784832476320460504e0, 1.27045825245236838258e0, 2.41780725177450611770e-1,
     2.27238449892691845833e-2, 7.74545014278341407640e-4},
    {1, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4,
     1.05075007164441684324e-9},
};

/* share: SCALER_SHARE_LIMIT to 1 - SCALER_SHARE_LIMIT. */
static double normal_quantile(double share)
{
    double q = share - 0.5;
    if (fabs(q) <= 0.425) {
        double r = 0.180625 - q * q;
        return q * polynomial(scaler_normal_middle[0], r) / polynomial(scaler_normal_middle[1], r);
    }
    double r = sqrt(-log(q < 0 ? share : 1 - share)) - 1.6;
    return copysign(polynomial(scaler_normal_tail[0], r) / polynomial(scaler_normal_tail[1], r), q);
}

double scaler_normal(const double *quantiles, size_t count, double value)
{
    if (constant(quantiles, count))
        return value - quantiles[0];
    /* A little outside of the limit, so that the ends come back as the ends. */
    const double low = SCALER_SHARE_LIMIT - DBL_EPSILON, high = 1 - low;
    double share = share_below(quantiles, count, value);
    share = share < low ? low : share;
    share = share > high ? high : share;
    return normal_quantile(share);
}

double scaler_normal_inverse(const double *quantiles, size_t count, double value)
{
    if (constant(quantiles, count))
        return value + quantiles[0];
    double share = 0.5 * erfc(-value * M_SQRT1_2);
    if (share < SCALER_SHARE_LIMIT)
        share = 0;
    else if (share > 1 - SCALER_SHARE_LIMIT)
        share = 1;
    return value_over(quantiles, count, share);
}
