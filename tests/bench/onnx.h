/*
 * onnx: a network of dense layers as an ONNX file in memory, for the peers of the benchmarks.
 *
 * Only what is needed of the format (protobuf, opset 13): Gemm nodes with a ReLU between them, one
 * input "x" [N][inputs], one output "y" [N][outputs]. Source: onnx.proto's field numbers.
 */
#ifndef ARMWATCH_BENCH_ONNX_H
#define ARMWATCH_BENCH_ONNX_H

#include "nn/mlp.h"

#include <stddef.h>

/* Layers are NN_LINEAR or NN_RELU (asserted). The caller frees what is returned. */
unsigned char *onnx_write(const struct mlp_layer *layers, size_t count, size_t *ret_size);

#endif
