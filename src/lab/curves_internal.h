/*
 * curves_internal: the parts of curves_json that have a file of their own.
 */
#ifndef ARMWATCH_LAB_CURVES_INTERNAL_H
#define ARMWATCH_LAB_CURVES_INTERNAL_H

#include "lab/curves.h"

/* Appends a number of four significant digits, or null if it is not finite. */
void curves_add_number(cJSON *array, double value);

/* Errors: -ENOMEM. */
int curves_add_timeline(cJSON *array, const struct scored *scored, size_t index);
int curves_add_attribution(cJSON *root, const struct curves_input *input,
                           const struct scored_windows *windows);

#endif
