/*
 * For a given theta = gamma / sigma the likelihood has its maximum at gamma = mean ln(1 + theta y)
 * and sigma = gamma / theta, so that one variable remains, bounded below by -1 / max y. A grid
 * finds the best neighbourhood, because the likelihood may have two local maxima; golden section
 * the rest.
 */
#include "model/pareto.h"

#include <errno.h>
#include <math.h>

#define SHAPE_MIN (-0.5)
#define SHAPE_ZERO 1e-9 /* exponential to double precision */

struct excesses {
    const double *values;
    size_t count;
    double mean;
    double max;
};

/* Log-likelihood per excess at its maximum for this theta; towards 0, the exponential
 * distribution's. */
static double profile_likelihood(const struct excesses *excesses, double theta,
                                 struct pareto *ret_pareto)
{
    double sum = 0;
    for (size_t i = 0; i < excesses->count; i++)
        sum += log1p(theta * excesses->values[i]);
    double gamma = sum / (double)excesses->count;
    double sigma = gamma / theta;
    if (fabs(theta) * excesses->mean < 1e-8) {
        gamma = 0;
        sigma = excesses->mean;
    }
    *ret_pareto = (struct pareto){.gamma = gamma, .sigma = sigma};
    if (!(gamma >= SHAPE_MIN) || !(sigma > 0))
        return -HUGE_VAL;
    return -(log(sigma) + gamma + 1);
}

#define GRID_NEGATIVE 60
#define GRID_POSITIVE 80

/* Ascending: dense towards the pole at -1 / max, through 0, then evenly in the logarithm. */
static double grid_theta(const struct excesses *excesses, int index)
{
    if (index < GRID_NEGATIVE)
        return -(1 - pow(10, -9 + 9.0 * index / GRID_NEGATIVE)) / excesses->max;
    if (index == GRID_NEGATIVE)
        return 0;
    double exponent = -6 + 10.0 * (index - GRID_NEGATIVE - 1) / (GRID_POSITIVE - 1);
    return pow(10, exponent) / excesses->mean;
}

static double golden_section(const struct excesses *excesses, double low, double high)
{
    const double ratio = 0.6180339887498949;
    struct pareto ignored;
    double a = high - ratio * (high - low), b = low + ratio * (high - low);
    double at_a = profile_likelihood(excesses, a, &ignored);
    double at_b = profile_likelihood(excesses, b, &ignored);
    for (int i = 0; i < 80; i++) {
        if (at_a >= at_b) {
            high = b;
            b = a;
            at_b = at_a;
            a = high - ratio * (high - low);
            at_a = profile_likelihood(excesses, a, &ignored);
        } else {
            low = a;
            a = b;
            at_a = at_b;
            b = low + ratio * (high - low);
            at_b = profile_likelihood(excesses, b, &ignored);
        }
    }
    return (low + high) / 2;
}

int pareto_fit(const double *excess, size_t count, struct pareto *ret_pareto)
{
    struct excesses excesses = {.values = excess, .count = count};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += excess[i];
        excesses.max = fmax(excesses.max, excess[i]);
    }
    excesses.mean = sum / (double)count;
    if (!(excesses.max > 0) || !isfinite(sum))
        return -EINVAL;

    struct pareto ignored;
    double best_value = -HUGE_VAL;
    int best = GRID_NEGATIVE;
    for (int i = 0; i <= GRID_NEGATIVE + GRID_POSITIVE; i++) {
        double value = profile_likelihood(&excesses, grid_theta(&excesses, i), &ignored);
        if (value > best_value) {
            best_value = value;
            best = i;
        }
    }
    int last = GRID_NEGATIVE + GRID_POSITIVE;
    double theta = golden_section(&excesses, grid_theta(&excesses, best > 0 ? best - 1 : 0),
                                  grid_theta(&excesses, best < last ? best + 1 : last));
    if (profile_likelihood(&excesses, theta, ret_pareto) < best_value)
        profile_likelihood(&excesses, grid_theta(&excesses, best), ret_pareto);
    return 0;
}

double pareto_survival(const struct pareto *pareto, double y)
{
    double z = y / pareto->sigma;
    if (fabs(pareto->gamma) < SHAPE_ZERO)
        return exp(-z);
    double base = 1 + pareto->gamma * z;
    return base > 0 ? exp(-log(base) / pareto->gamma) : 0;
}

double pareto_quantile(const struct pareto *pareto, double share)
{
    double log_share = log(share);
    if (fabs(pareto->gamma) < SHAPE_ZERO)
        return -pareto->sigma * log_share;
    return pareto->sigma / pareto->gamma * expm1(-pareto->gamma * log_share);
}
