/*
 * Yeo and Johnson (2000): the exponent that makes a channel's values most likely under a normal
 * distribution. With s = sign(x) log(1 + |x|) both branches are one: expm1(p |s|) / p, p = lambda
 * for positive and 2 - lambda for negative values.
 *
 * The exponent is searched within +-20. A channel whose spread is small beside its magnitude (a
 * voltage of 230 +- 1) bends only at exponents that press all its values into the last digits of a
 * double; scikit-learn then takes it for constant and leaves it without information. Here such a
 * channel keeps the exponent 1, which is standard scaling.
 *
 * For a negative exponent the curve has a ceiling, and a reconstruction may lie over it, where no
 * value corresponds: so the inverse stays within what training saw.
 */
#include "model/scaler_internal.h"

#include <float.h>
#include <math.h>

#define LAMBDA_LIMIT 20.0
#define LAMBDA_EDGE 1e-3 /* a search that ends so close to the limit found no minimum */
#define TOLERANCE 1e-8
#define STEPS_MAX 100

static double signed_log(double value)
{
    return copysign(log1p(fabs(value)), value);
}

static double bend(double lambda, double s)
{
    double power = s < 0 ? 2 - lambda : lambda, length = fabs(s);
    return copysign(fabs(power) < DBL_EPSILON ? length : expm1(power * length) / power, s);
}

double scaler_power(double lambda, double value)
{
    return bend(lambda, signed_log(value));
}

double scaler_power_inverse(double lambda, const double range[2], double value)
{
    double power = value < 0 ? 2 - lambda : lambda, length = fabs(value);
    double argument = power * length;
    if (argument <= -1)
        return value < 0 ? range[0] : range[1];
    length = fabs(power) < DBL_EPSILON ? length : log1p(argument) / power;
    double x = copysign(expm1(length), value);
    x = x < range[0] ? range[0] : x;
    return x > range[1] ? range[1] : x;
}

/* ---- the exponent ---- */

struct likelihood {
    const double *logs; /* [count] signed */
    double *bent;       /* [count] scratch */
    size_t count;
    double mean_log;
};

static struct scaler_range moments(const double *values, size_t count)
{
    double sum = 0, squares = 0, magnitude = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
        magnitude = fmax(magnitude, fabs(values[i]));
    }
    double mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (struct scaler_range){
        .offset = mean, .spread = sqrt(squares / (double)count), .magnitude = magnitude};
}

static struct scaler_range bend_all(const struct likelihood *likelihood, double lambda)
{
    for (size_t i = 0; i < likelihood->count; i++)
        likelihood->bent[i] = bend(lambda, likelihood->logs[i]);
    return moments(likelihood->bent, likelihood->count);
}

/* Negative logarithm of the likelihood, per row and less a constant. */
static double cost(const struct likelihood *likelihood, double lambda)
{
    double deviation = bend_all(likelihood, lambda).spread;
    if (!(deviation * deviation >= DBL_MIN) || !isfinite(deviation))
        return HUGE_VAL;
    return log(deviation) - (lambda - 1) * likelihood->mean_log;
}

/* The best three points so far, x before w before v, within low..high. */
struct bracket {
    double low, high;
    double x, w, v;
    double cost_x, cost_w, cost_v;
};

/* To the lowest point of the parabola through the three; NAN if that is not to be trusted. A cost
 * that is not finite comes out as NAN too. */
static double parabola_step(const struct bracket *b, double step_before_last)
{
    double r = (b->x - b->w) * (b->cost_x - b->cost_v);
    double q = (b->x - b->v) * (b->cost_x - b->cost_w);
    double p = (b->x - b->v) * q - (b->x - b->w) * r;
    q = 2 * (q - r);
    p = q > 0 ? -p : p;
    q = fabs(q);
    bool inside = p > q * (b->low - b->x) && p < q * (b->high - b->x);
    return inside && fabs(p) < fabs(0.5 * q * step_before_last) ? p / q : (double)NAN;
}

static void take(struct bracket *b, double u, double cost_u)
{
    bool better = cost_u <= b->cost_x;
    double bound = better ? b->x : u;
    if ((u < b->x) == better)
        b->high = bound;
    else
        b->low = bound;
    if (better) {
        b->v = b->w, b->cost_v = b->cost_w;
        b->w = b->x, b->cost_w = b->cost_x;
        b->x = u, b->cost_x = cost_u;
    } else if (cost_u <= b->cost_w || b->w == b->x) {
        b->v = b->w, b->cost_v = b->cost_w;
        b->w = u, b->cost_w = cost_u;
    } else if (cost_u <= b->cost_v || b->v == b->x || b->v == b->w) {
        b->v = u, b->cost_v = cost_u;
    }
}

/* Brent's method (1973): parabolas where they lead somewhere, else golden section. */
static double best_lambda(const struct likelihood *likelihood)
{
    const double golden = 0.3819660112501051;
    struct bracket b = {.low = -LAMBDA_LIMIT, .high = LAMBDA_LIMIT};
    b.x = b.w = b.v = b.low + golden * (b.high - b.low);
    b.cost_x = b.cost_w = b.cost_v = cost(likelihood, b.x);
    double step = 0, step_before = 0;
    for (int i = 0; i < STEPS_MAX; i++) {
        double middle = (b.low + b.high) / 2, tolerance = TOLERANCE * (1 + fabs(b.x));
        if (fabs(b.x - middle) <= 2 * tolerance - (b.high - b.low) / 2)
            break;
        double parabolic =
            fabs(step_before) > tolerance ? parabola_step(&b, step_before) : (double)NAN;
        if (isnan(parabolic)) {
            step_before = (b.x < middle ? b.high : b.low) - b.x;
            step = golden * step_before;
        } else {
            step_before = step;
            step = parabolic;
            double u = b.x + step;
            if (u - b.low < 2 * tolerance || b.high - u < 2 * tolerance)
                step = copysign(tolerance, middle - b.x);
        }
        double u = b.x + (fabs(step) >= tolerance ? step : copysign(tolerance, step));
        take(&b, u, cost(likelihood, u));
    }
    return b.x;
}

/* Fills the logarithms and the range of the values. */
static struct likelihood prepare(const struct scaler_column *column, double ret_range[2])
{
    struct likelihood likelihood = {
        .logs = column->work, .bent = column->work + column->count, .count = column->count};
    double sum = 0;
    ret_range[0] = ret_range[1] = (double)column->values[0];
    for (size_t i = 0; i < column->count; i++) {
        double value = (double)column->values[i];
        ret_range[0] = fmin(ret_range[0], value);
        ret_range[1] = fmax(ret_range[1], value);
        column->work[i] = signed_log(value);
        sum += column->work[i];
    }
    likelihood.mean_log = sum / (double)column->count;
    return likelihood;
}

struct scaler_range scaler_fit_power(const struct scaler_column *column,
                                     const struct scaler_options *options,
                                     struct scaler_curve *ret_curve)
{
    const struct likelihood likelihood = prepare(column, ret_curve->quantiles);
    const struct scaler_range straight = scaler_fit_standard(column, options, ret_curve);
    *ret_curve->lambda = 1;
    if (!scaler_range_counts(&straight))
        return straight;
    double lambda = best_lambda(&likelihood);
    const struct scaler_range bent = bend_all(&likelihood, lambda);
    bool found = fabs(lambda) < LAMBDA_LIMIT - LAMBDA_EDGE && isfinite(bent.spread);
    if (!found || !scaler_range_counts(&bent))
        return straight;
    *ret_curve->lambda = lambda;
    return bent;
}
