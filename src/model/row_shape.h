/*
 * row_shape: a digest of what the values of a model's rows hang on, and of nothing else: a model
 * that was only calibrated anew, or that knows more of what its rows do not show, has the same.
 *
 * Rows that one model made mean the same to another if their shapes are equal.
 */
#ifndef ARMWATCH_MODEL_ROW_SHAPE_H
#define ARMWATCH_MODEL_ROW_SHAPE_H

#include "base/diag.h"
#include "model/derived.h"

#include <stdint.h>

/* period_s: of the samples. Errors: those of hash_sha256, with diag. */
int row_shape_make(const struct derivation *derivation, double period_s, uint64_t *ret_shape,
                   struct diag *diag);

#endif
