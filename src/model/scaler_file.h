/*
 * scaler_file: a scaler in a model file: its kind and clip as JSON, its parameters as tensors
 * "<prefix>.offset" and so on.
 */
#ifndef ARMWATCH_MODEL_SCALER_FILE_H
#define ARMWATCH_MODEL_SCALER_FILE_H

#include "base/diag.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/scaler.h"

#include <stddef.h>

#define SCALER_FILE_PREFIX_MAX 64

/* Whoever takes tensors for a file; put returns 0 or a negative errno. */
struct tensor_sink {
    int (*put)(void *to, const char *name, enum safetensors_dtype dtype,
               struct safetensors_shape shape, const void *values);
    void *to;
};

struct scaler_source {
    const cJSON *object; /* {"kind":"standard","clip":5} */
    const struct safetensors *tensors;
    const char *prefix; /* "0.scaler" */
};

/* Memory: scaler_deinit, also after a failure. Errors: -EINVAL with what is wrong, -ENOMEM. */
int scaler_file_load(const struct scaler_source *source, size_t channels, struct scaler *ret_scaler,
                     struct diag *diag);

/* NULL when memory is out. */
cJSON *scaler_file_format(const struct scaler *scaler);
/* Errors: as the sink's. */
int scaler_file_put(const struct scaler *scaler, const char *prefix,
                    const struct tensor_sink *sink);

#endif
