/*
 * Each curve in operators, in double as in scaler_apply: a channel of 230 +- 1 would lose the
 * digits that matter in single precision.
 */
#include "model/scaler_internal.h"
#include "onnx/onnx_export_internal.h"

#include <float.h>
#include <math.h>

#define TINY_POWER 1e-9 /* of Yeo-Johnson's exponent: the curve is a line then, to 1e-9 of it */

/* One number of each channel. */
static const char *channels(struct onnx_builder *builder, const struct scaler *scaler,
                            const double *values)
{
    return onnx_builder_doubles(builder, (struct onnx_extent){0, scaler->channels}, values);
}

static const char *apply_line(struct onnx_builder *builder, const struct scaler *scaler,
                              const char *value)
{
    value = onnx_builder_2(builder, "Sub", value, channels(builder, scaler, scaler->offset));
    return onnx_builder_2(builder, "Mul", value, channels(builder, scaler, scaler->scale));
}

static const char *clip(struct onnx_builder *builder, const char *value, double low, double high)
{
    if (low > -HUGE_VAL)
        value = onnx_builder_2(builder, "Max", value, onnx_builder_double(builder, low));
    if (high < HUGE_VAL)
        value = onnx_builder_2(builder, "Min", value, onnx_builder_double(builder, high));
    return value;
}

static const char *signed_sqrt(struct onnx_builder *builder, const char *value)
{
    const char *root = onnx_builder_1(builder, "Sqrt", onnx_builder_1(builder, "Abs", value));
    return onnx_builder_2(builder, "Mul", onnx_builder_1(builder, "Sign", value), root);
}

/* ---- Yeo-Johnson: of s = sign(x) log(1 + |x|), sign(s) expm1(p |s|) / p, with p = lambda where x
 * is positive and 2 - lambda where it is negative */

struct powers {
    double *power;  /* [channels] p, or 1 where it is tiny */
    double *linear; /* [channels] 1 where it is tiny */
};

static void fill_powers(const struct scaler *scaler, bool negative, struct powers *powers)
{
    for (size_t c = 0; c < scaler->channels; c++) {
        double power = negative ? 2 - scaler->lambda[c] : scaler->lambda[c];
        powers->linear[c] = fabs(power) < TINY_POWER;
        powers->power[c] = powers->linear[c] > 0 ? 1 : power;
    }
}

/* One side of it, without the sign. */
static const char *bend(struct onnx_builder *builder, const struct scaler *scaler, bool negative,
                        const char *length)
{
    struct powers powers = {
        onnx_memory_take(&builder->model.memory, scaler->channels * sizeof(double)),
        onnx_memory_take(&builder->model.memory, scaler->channels * sizeof(double))};
    if (!powers.power || !powers.linear) {
        builder->failed = true;
        return "";
    }
    fill_powers(scaler, negative, &powers);
    const char *power = channels(builder, scaler, powers.power);
    const char *curve =
        onnx_builder_1(builder, "Exp", onnx_builder_2(builder, "Mul", length, power));
    curve = onnx_builder_2(builder, "Sub", curve, onnx_builder_double(builder, 1));
    curve = onnx_builder_2(builder, "Div", curve, power);
    const char *linear =
        onnx_builder_2(builder, "Greater", channels(builder, scaler, powers.linear),
                       onnx_builder_double(builder, 0));
    return onnx_builder_3(builder, "Where", linear, length, curve);
}

static const char *apply_power(struct onnx_builder *builder, const struct scaler *scaler,
                               const char *value)
{
    const char *length =
        onnx_builder_1(builder, "Log",
                       onnx_builder_2(builder, "Add", onnx_builder_1(builder, "Abs", value),
                                      onnx_builder_double(builder, 1)));
    const char *below = onnx_builder_2(builder, "Less", value, onnx_builder_double(builder, 0));
    const char *curve = onnx_builder_3(builder, "Where", below, bend(builder, scaler, true, length),
                                       bend(builder, scaler, false, length));
    return onnx_builder_2(builder, "Mul", onnx_builder_1(builder, "Sign", value), curve);
}

/* ---- quantiles: the share of the intervals between them that lies below, each counted as far as
 * it does; half of those without width that the value lies at, as in the middle of equal ones */

struct intervals {
    double *low, *scale, *point; /* [channels][quantiles - 1]: 1 / width, or point 1 without one */
    double *first, *last, *constant; /* [channels] */
    bool points;
};

static bool take_intervals(struct onnx_builder *builder, const struct scaler *scaler,
                           struct intervals *ret)
{
    size_t count = scaler->channels * (scaler->quantile_count - 1);
    double **const each[] = {&ret->low, &ret->scale, &ret->point};
    double **const channel[] = {&ret->first, &ret->last, &ret->constant};
    bool good = true;
    for (size_t i = 0; i < 3; i++) {
        *each[i] = onnx_memory_take(&builder->model.memory, count * sizeof(double));
        *channel[i] = onnx_memory_take(&builder->model.memory, scaler->channels * sizeof(double));
        good = good && *each[i] && *channel[i];
    }
    builder->failed |= !good;
    return good;
}

static void fill_intervals(const struct scaler *scaler, struct intervals *ret)
{
    size_t count = scaler->quantile_count - 1;
    for (size_t c = 0; c < scaler->channels; c++) {
        const double *quantile = scaler->quantiles + c * scaler->quantile_count;
        ret->first[c] = quantile[0];
        ret->last[c] = quantile[count];
        ret->constant[c] = !(quantile[count] > quantile[0]);
        for (size_t i = 0; i < count; i++) {
            double width = quantile[i + 1] - quantile[i];
            ret->low[c * count + i] = quantile[i];
            ret->scale[c * count + i] = width > 0 ? 1 / width : 0;
            ret->point[c * count + i] = width > 0 ? 0 : 1;
            ret->points |= !(width > 0);
        }
    }
}

/* Sums over the last axis, [rows, channels, intervals]. */
static const char *sum_intervals(struct onnx_builder *builder, const char *value)
{
    const int64_t axis = 2;
    const char *sum =
        onnx_builder_2(builder, "ReduceSum", value, onnx_builder_integers(builder, 1, &axis));
    onnx_builder_set_int(builder, "keepdims", 0);
    return sum;
}

static const char *share_below(struct onnx_builder *builder, const struct scaler *scaler,
                               const struct intervals *intervals, const char *value)
{
    const struct onnx_extent extent = {scaler->channels, scaler->quantile_count - 1};
    const int64_t shape[] = {-1, (int64_t)scaler->channels, 1};
    const char *column = onnx_builder_reshape(builder, value, 3, shape);
    const char *from = onnx_builder_2(builder, "Sub", column,
                                      onnx_builder_doubles(builder, extent, intervals->low));
    const char *part = onnx_builder_2(builder, "Mul", from,
                                      onnx_builder_doubles(builder, extent, intervals->scale));
    const char *sum = clip(builder, part, 0, 1);
    if (intervals->points) { /* 0 below a point, 1/2 at it, 1 over it */
        const char *side = onnx_builder_2(builder, "Add", onnx_builder_1(builder, "Sign", from),
                                          onnx_builder_double(builder, 1));
        side = onnx_builder_2(builder, "Mul", side, onnx_builder_double(builder, 0.5));
        side = onnx_builder_2(builder, "Mul", side,
                              onnx_builder_doubles(builder, extent, intervals->point));
        sum = onnx_builder_2(builder, "Add", sum, side);
    }
    sum = sum_intervals(builder, sum);
    return onnx_builder_2(builder, "Div", sum,
                          onnx_builder_double(builder, (double)extent.columns));
}

/* At the ends of the range, and beyond. */
static const char *hold_ends(struct onnx_builder *builder, const struct scaler *scaler,
                             const struct intervals *intervals, const char *value,
                             const char *share)
{
    const char *above = onnx_builder_2(builder, "GreaterOrEqual", value,
                                       channels(builder, scaler, intervals->last));
    const char *below =
        onnx_builder_2(builder, "LessOrEqual", value, channels(builder, scaler, intervals->first));
    share = onnx_builder_3(builder, "Where", above, onnx_builder_double(builder, 1), share);
    return onnx_builder_3(builder, "Where", below, onnx_builder_double(builder, 0), share);
}

static const char *polynomial(struct onnx_builder *builder, const double coefficients[8],
                              const char *x)
{
    const char *sum = onnx_builder_double(builder, coefficients[7]);
    for (size_t i = 7; i-- > 0;) {
        sum = onnx_builder_2(builder, "Mul", sum, x);
        sum = onnx_builder_2(builder, "Add", sum, onnx_builder_double(builder, coefficients[i]));
    }
    return sum;
}

static const char *ratio(struct onnx_builder *builder, const double coefficients[2][8],
                         const char *x)
{
    return onnx_builder_2(builder, "Div", polynomial(builder, coefficients[0], x),
                          polynomial(builder, coefficients[1], x));
}

/* The quantile of a normal distribution, as in scaler_quantile.c. */
static const char *normal(struct onnx_builder *builder, const char *share)
{
    const double low = SCALER_SHARE_LIMIT - DBL_EPSILON;
    share = clip(builder, share, low, 1 - low);
    const char *q = onnx_builder_2(builder, "Sub", share, onnx_builder_double(builder, 0.5));
    const char *r = onnx_builder_2(builder, "Sub", onnx_builder_double(builder, 0.180625),
                                   onnx_builder_2(builder, "Mul", q, q));
    const char *middle = onnx_builder_2(builder, "Mul", q, ratio(builder, scaler_normal_middle, r));
    const char *rest =
        onnx_builder_2(builder, "Min", share,
                       onnx_builder_2(builder, "Sub", onnx_builder_double(builder, 1), share));
    r = onnx_builder_1(builder, "Neg", onnx_builder_1(builder, "Log", rest));
    r = onnx_builder_2(builder, "Sub", onnx_builder_1(builder, "Sqrt", r),
                       onnx_builder_double(builder, 1.6));
    const char *tail = onnx_builder_2(builder, "Mul", onnx_builder_1(builder, "Sign", q),
                                      ratio(builder, scaler_normal_tail, r));
    const char *inside = onnx_builder_2(builder, "LessOrEqual", onnx_builder_1(builder, "Abs", q),
                                        onnx_builder_double(builder, 0.425));
    return onnx_builder_3(builder, "Where", inside, middle, tail);
}

static const char *apply_quantiles(struct onnx_builder *builder, const struct scaler *scaler,
                                   const char *value)
{
    struct intervals intervals = {0};
    if (!take_intervals(builder, scaler, &intervals))
        return "";
    fill_intervals(scaler, &intervals);
    const char *share = share_below(builder, scaler, &intervals, value);
    share = hold_ends(builder, scaler, &intervals, value, share);
    if (scaler->kind == SCALER_QUANTILE_NORMAL)
        share = normal(builder, share);
    const char *moved =
        onnx_builder_2(builder, "Sub", value, channels(builder, scaler, intervals.first));
    const char *constant =
        onnx_builder_2(builder, "Greater", channels(builder, scaler, intervals.constant),
                       onnx_builder_double(builder, 0));
    return onnx_builder_3(builder, "Where", constant, moved, share);
}

const char *onnx_export_scaler(struct onnx_builder *builder, const struct scaler *scaler,
                               const char *value)
{
    const struct scaler_traits *traits = &scaler_kinds[scaler->kind];
    switch (scaler->kind) {
    case SCALER_SIGNED_SQRT:
        value = signed_sqrt(builder, apply_line(builder, scaler, value));
        break;
    case SCALER_POWER:
        value = apply_line(builder, scaler, apply_power(builder, scaler, value));
        break;
    case SCALER_QUANTILE_UNIFORM:
    case SCALER_QUANTILE_NORMAL:
        value = apply_line(builder, scaler, apply_quantiles(builder, scaler, value));
        break;
    default:
        value = apply_line(builder, scaler, value);
        break;
    }
    return clip(builder, value, traits->low - scaler->clip, traits->high + scaler->clip);
}
