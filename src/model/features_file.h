/*
 * features_file: features in a model file: the members "channels", "scaler" and "reduction" of a
 * detector's configuration, and its tensors "<detector>.scaler.*", ".pca.*", ".second_scaler.*".
 */
#ifndef ARMWATCH_MODEL_FEATURES_FILE_H
#define ARMWATCH_MODEL_FEATURES_FILE_H

#include "base/diag.h"
#include "base/json.h"
#include "model/features.h"
#include "model/safetensors.h"
#include "model/scaler_file.h"

#include <stddef.h>

struct features_source {
    const cJSON *config; /* of the detector */
    const struct safetensors *tensors;
    size_t detector;        /* its number: the prefix of its tensors */
    size_t sample_channels; /* of the model */
};

/* Memory: features_deinit, also after a failure. Errors: -EINVAL with what is wrong, -ENOMEM. */
int features_file_load(const struct features_source *source, struct features *ret_features,
                       struct diag *diag);

/* Adds the members to a detector's configuration. */
void features_file_format(const struct features *features, size_t sample_channels, cJSON *config);
/* Errors: as the sink's. */
int features_file_put(const struct features *features, size_t detector,
                      const struct tensor_sink *sink);

#endif
