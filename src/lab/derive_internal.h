/*
 * derive_internal: what the files of derive share.
 */
#ifndef ARMWATCH_LAB_DERIVE_INTERNAL_H
#define ARMWATCH_LAB_DERIVE_INTERNAL_H

#include "lab/derive.h"

/* Sorts the values, of which there is at least one. */
float derive_quantile(float *values, size_t count, double share);

/* The usual load of steps and of their points; steps and motion are known. Leaves the load out
 * where there is too little of it. Errors: -EINVAL, -ENOMEM. */
int derive_load(const struct derive_source *source, struct derivation *derivation,
                struct diag *diag);

#endif
