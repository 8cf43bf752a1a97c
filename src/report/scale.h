/*
 * scale: from the numbers of an axis to places in a drawing, and the round numbers it is marked at.
 *
 * Values outside of the axis are drawn at its end. A log scale holds positive numbers only.
 */
#ifndef ARMWATCH_REPORT_SCALE_H
#define ARMWATCH_REPORT_SCALE_H

#include <stdbool.h>
#include <stddef.h>

#define SCALE_TICKS_MAX 16
#define SCALE_LABEL_MAX 24

struct scale {
    double low, high; /* low < high */
    bool log;
    double from, to; /* places of low and high; from > to where the axis points up */
    double tick[SCALE_TICKS_MAX];
    size_t ticks;
    double step; /* between linear ticks, for the decimals of their labels; 0: powers */
};

/* An axis over low..high with about `wanted` ticks. round: widened to the next tick at both ends.
 * What is no range (not finite, empty, on a log scale not positive) is made one. */
struct scale scale_make(double low, double high, bool log, bool round, size_t wanted);

void scale_place(struct scale *scale, double from, double to);
double scale_at(const struct scale *scale, double value);

/* "0.25", "1000"; powers of ten that would be long as "10⁻⁵". */
void scale_label(const struct scale *scale, double value, char ret_label[SCALE_LABEL_MAX]);

#endif
