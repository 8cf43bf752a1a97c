/*
 * derived_file: a derivation in a model file: the object "derived" of its configuration, which
 * names channels of the samples, and the tensors "derived.*".
 */
#ifndef ARMWATCH_MODEL_DERIVED_FILE_H
#define ARMWATCH_MODEL_DERIVED_FILE_H

#include "base/diag.h"
#include "base/json.h"
#include "model/derived.h"
#include "model/safetensors.h"
#include "model/scaler_file.h"

#include <stddef.h>

/* The channels of a sample. */
struct derived_names {
    size_t count;
    const char *const *name;
};

/* config: of the model; without "derived", nothing is. Memory: derivation_deinit, also after a
 * failure. Errors: -EINVAL with what is wrong, -ENOMEM. */
int derived_file_load(const cJSON *config, const struct safetensors *tensors,
                      const struct derived_names *names, struct derivation *ret_derivation,
                      struct diag *diag);

/* Adds "derived" to a model's configuration, unless nothing is derived. */
void derived_file_format(const struct derivation *derivation, const struct derived_names *names,
                         cJSON *config);
/* Errors: as the sink's. */
int derived_file_put(const struct derivation *derivation, const struct tensor_sink *sink);

#endif
