/*
 * onnx_export_internal: what the files of onnx_export share.
 */
#ifndef ARMWATCH_ONNX_ONNX_EXPORT_INTERNAL_H
#define ARMWATCH_ONNX_ONNX_EXPORT_INTERNAL_H

#include "base/json.h"
#include "model/safetensors.h"
#include "model/scaler.h"
#include "onnx/onnx_builder.h"

/* value: DOUBLE [rows, channels of the scaler]. The same scaled, DOUBLE: what scaler_apply rounds
 * to. */
const char *onnx_export_scaler(struct onnx_builder *builder, const struct scaler *scaler,
                               const char *value);

/* The network of a detector, "encoder" and "decoder", layer by layer. value: FLOAT [N, inputs].
 * Errors: -EINVAL, -ENOMEM. */
struct onnx_export_network {
    const cJSON *config; /* of the detector */
    const struct safetensors *tensors;
    size_t detector;
};
int onnx_export_network(struct onnx_builder *builder, const struct onnx_export_network *network,
                        const char *value, const char **ret_value, struct diag *diag);

#endif
