/*
 * onnx_import: the network of an autoencoder out of an ONNX file: one chain of dense layers from
 * one input to one output, as PyTorch's and Keras' exporters write it.
 *
 * Read are Gemm, MatMul and Add with constant weights, BatchNormalization, Relu, LeakyRelu,
 * Sigmoid, and what changes nothing: Flatten, Reshape, Squeeze, Unsqueeze, Identity, Dropout, and
 * Constant. Every other node is refused by its name. What the file cannot say (which channels, how
 * they were scaled) is the caller's matter. Thread: any.
 */
#ifndef ARMWATCH_ONNX_ONNX_IMPORT_H
#define ARMWATCH_ONNX_ONNX_IMPORT_H

#include "base/diag.h"
#include "nn/network.h"
#include "onnx/onnx.h"

#include <stddef.h>

#define ONNX_IMPORT_OPERATORS                                                                      \
    "Gemm, MatMul, Add, BatchNormalization, Relu, LeakyRelu, Sigmoid, Flatten, Reshape, Squeeze, " \
    "Unsqueeze, Identity, Dropout, Cast and Constant"
#define ONNX_IMPORT_LAYERS_MAX 32
#define ONNX_IMPORT_WIDTH_MAX 65536

/* weights: a dense layer's [outputs][inputs] and bias [outputs], a batchnorm's weight, bias, mean
 * and variance. In the memory of the model. */
struct onnx_layer {
    struct nn_layer_spec spec;
    float *weight, *bias, *mean, *variance;
};

struct onnx_network {
    size_t inputs, outputs;
    size_t last_inputs; /* of the last dense layer */
    /* As the input is declared without the number of windows: [window][channels]; 0: it is flat, or
     * its shape is not said. */
    size_t window, channels;
    size_t count;
    struct onnx_layer layer[ONNX_IMPORT_LAYERS_MAX];
};

/* Errors: -EINVAL with the node and what is supported in diag, -ENOMEM. */
int onnx_import(struct onnx_model *model, struct onnx_network *ret_network, struct diag *diag);

/* The network was trained on windows channel by channel instead of row by row: exchanges the
 * weights at both ends. Errors: -EINVAL if they are not that wide, -ENOMEM. */
int onnx_import_transpose(struct onnx_model *model, struct onnx_network *network, size_t window,
                          size_t channels, struct diag *diag);

/* Memory: network_free. Errors: -EINVAL (its ends differ in width, see diag), -ENOMEM. */
int onnx_import_build(const struct onnx_network *network, size_t max_rows,
                      struct network **ret_network, struct diag *diag);

#endif
