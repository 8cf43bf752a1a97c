/*
 * network_file: networks in a model file: the architecture as JSON, the parameters as tensors.
 *
 * "encoder" and "decoder" of a detector's "architecture" are lists of layers such as
 * {"kind":"dense","outputs":64},
 * {"kind":"batchnorm","epsilon":1e-5}, {"kind":"relu"}, {"kind":"leaky_relu","slope":0.2},
 * {"kind":"sigmoid"},
 * {"kind":"dropout","rate":0.3}. Tensors are named as by PyTorch:
 * "<detector>.encoder.<layer>.weight" [outputs, inputs].
 */
#ifndef ARMWATCH_MODEL_NETWORK_FILE_H
#define ARMWATCH_MODEL_NETWORK_FILE_H

#include "base/diag.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "nn/mlp.h"

#include <stddef.h>

#define NETWORK_FILE_LAYERS_MAX 64

/* Reads encoder and decoder as one inference network, BatchNorm folded, dropout left out.
 * Errors: -EINVAL with layer and reason; -ENOMEM. */
int network_file_load_mlp(const cJSON *config, const struct safetensors *tensors, size_t detector,
                          size_t max_batch, struct mlp **ret_mlp, struct diag *diag);

#endif
