/*
 * onnx_import_internal: what the files of onnx_import share: the walk along the chain, and the
 * readers of its nodes.
 */
#ifndef ARMWATCH_ONNX_ONNX_IMPORT_INTERNAL_H
#define ARMWATCH_ONNX_ONNX_IMPORT_INTERNAL_H

#include "onnx/onnx_import.h"

#include <stdbool.h>

struct onnx_import_walk {
    struct onnx_model *model;
    struct onnx_network *network;
    const char *value;  /* what the chain has come to */
    size_t at;          /* node */
    bool *used;         /* [nodes] */
    const char **shape; /* [shapes] values that are sizes of others, for a Reshape */
    size_t shapes;
    bool no_bias; /* the last layer is dense, by a MatMul: an Add may follow */
    struct diag *diag;
};

/* A node of the chain, whose first output is the next value. Errors: -EINVAL, -ENOMEM. */
typedef int onnx_import_reader(struct onnx_import_walk *walk, const struct onnx_node *node);

onnx_import_reader onnx_import_gemm, onnx_import_matmul, onnx_import_add, onnx_import_batchnorm,
    onnx_import_relu, onnx_import_leaky_relu, onnx_import_sigmoid, onnx_import_nothing,
    onnx_import_dropout, onnx_import_cast;

/* -EINVAL with the node's name, operator and the reason. */
int onnx_import_refuse(struct onnx_import_walk *walk, const struct onnx_node *node,
                       const char *why);
const char *onnx_import_node_name(const struct onnx_node *node);

#endif
