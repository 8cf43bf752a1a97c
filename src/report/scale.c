#include "report/scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SLACK 1e-9 /* of a step: a tick at the end of the axis counts in spite of rounding */

/* The step of 1, 2 or 5 times a power of ten that makes about `wanted` of them. */
static double round_step(double span, size_t wanted)
{
    double rough = span / (double)wanted, power = pow(10, floor(log10(rough)));
    double rest = rough / power;
    return power * (rest < sqrt(2) ? 1 : rest < sqrt(10) ? 2 : rest < sqrt(50) ? 5 : 10);
}

static void linear_ticks(struct scale *scale, bool round, size_t wanted)
{
    double step = round_step(scale->high - scale->low, wanted);
    if (round) {
        scale->low = step * floor(scale->low / step + SLACK);
        scale->high = step * ceil(scale->high / step - SLACK);
        if (scale->log && !(scale->low > 0))
            scale->low = step / 10;
    }
    double first = ceil(scale->low / step - SLACK), last = floor(scale->high / step + SLACK);
    for (double i = first; i <= last && scale->ticks < SCALE_TICKS_MAX; i++)
        scale->tick[scale->ticks++] = i * step;
    scale->step = step;
}

/* The next of 1, 2 and 5 times a power of ten at or below the value, or at or above it. */
static double round_log(double value, bool up)
{
    static const double factor[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(value) + SLACK)), rest = value / power;
    size_t f = 0;
    while (f < 3 && factor[f] < rest * (1 - SLACK))
        f++;
    if (!up && f > 0 && factor[f] > rest * (1 + SLACK))
        f--;
    return factor[f] * power;
}

/* Powers of ten, and of them the 1, 2 and 5 times where there are few. */
static void log_ticks(struct scale *scale, bool round, size_t wanted)
{
    double decades = log10(scale->high / scale->low);
    bool few = 3 * decades <= (double)wanted + 1.5 || (!round && decades < 1.5);
    if (round) {
        scale->low = few ? round_log(scale->low, false) : pow(10, floor(log10(scale->low) + SLACK));
        scale->high =
            few ? round_log(scale->high, true) : pow(10, ceil(log10(scale->high) - SLACK));
    }
    double low = log10(scale->low), high = log10(scale->high);
    static const double factor[] = {1, 2, 5};
    double every = few ? 1 : fmax(1, ceil((high - low) / (double)wanted));
    double first = few ? floor(low) : ceil(low - SLACK);
    for (double power = first; power <= high + SLACK; power += every) {
        for (size_t f = 0; f < (few ? 3 : 1) && scale->ticks < SCALE_TICKS_MAX; f++) {
            double tick = factor[f] * pow(10, power);
            if (tick >= scale->low * (1 - SLACK) && tick <= scale->high * (1 + SLACK))
                scale->tick[scale->ticks++] = tick;
        }
    }
}

struct scale scale_make(double low, double high, bool log, bool round, size_t wanted)
{
    if (!isfinite(low) || !isfinite(high) || low > high || fabs(low) > 1e200 || fabs(high) > 1e200)
        low = log ? 0.1 : 0, high = log ? 10 : 1;
    if (log) {
        high = fmax(high, 1e-200);
        low = low > 0 ? fmax(low, 1e-200) : high / 1000;
        if (!(high > low * (1 + 1e-6)))
            low /= 2, high *= 2;
    } else if (!(high - low > 1e-9 * fmax(fabs(low), fabs(high)))) {
        double half = low != 0 ? fabs(low) / 2 : 0.5;
        low -= half, high += half;
    }
    struct scale scale = {.low = low, .high = high, .log = log, .to = 1};
    if (log && high / low >= 2.5)
        log_ticks(&scale, round, wanted > 0 ? wanted : 1);
    else
        linear_ticks(&scale, round, wanted > 0 ? wanted : 1);
    return scale;
}

void scale_place(struct scale *scale, double from, double to)
{
    scale->from = from;
    scale->to = to;
}

double scale_at(const struct scale *scale, double value)
{
    double low = scale->low, high = scale->high;
    value = fmin(fmax(value, low), high);
    double share = scale->log ? log(value / low) / log(high / low) : (value - low) / (high - low);
    return scale->from + share * (scale->to - scale->from);
}

/* 10 to an integer, with raised digits. */
static void power_label(double exponent, char ret_label[SCALE_LABEL_MAX])
{
    static const char *const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char digits[SCALE_LABEL_MAX];
    snprintf(digits, sizeof digits, "%.0f", fabs(exponent));
    snprintf(ret_label, SCALE_LABEL_MAX, "10%s", exponent < 0 ? "⁻" : "");
    for (const char *digit = digits; *digit; digit++) {
        size_t used = strlen(ret_label);
        snprintf(ret_label + used, SCALE_LABEL_MAX - used, "%s", raised[*digit - '0']);
    }
}

void scale_label(const struct scale *scale, double value, char ret_label[SCALE_LABEL_MAX])
{
    double size = fabs(value), exponent = size > 0 ? log10(size) : 0;
    bool power = fabs(exponent - nearbyint(exponent)) < 1e-9;
    bool extreme = size > 0 && (size < 0.9e-4 || size > 1.1e5);
    if (extreme && power && value > 0) {
        power_label(nearbyint(exponent), ret_label);
        return;
    }
    if (extreme) {
        snprintf(ret_label, SCALE_LABEL_MAX, "%.3g", value);
        return;
    }
    int decimals = scale->step > 0 ? (int)-floor(log10(scale->step) + SLACK) : 0;
    if (scale->step > 0)
        snprintf(ret_label, SCALE_LABEL_MAX, "%s%.*f", value < 0 ? "\u2212" : "",
                 decimals > 0 ? decimals : 0, size);
    else
        snprintf(ret_label, SCALE_LABEL_MAX, "%g", value);
}
