/*
 * spec: the layers of a network as a list, the form in which a model file keeps them.
 */
#ifndef ARMWATCH_NN_SPEC_H
#define ARMWATCH_NN_SPEC_H

#include "base/diag.h"

#include <stdbool.h>
#include <stddef.h>

#define NN_WIDTH_MAX ((size_t)1 << 20) /* features of a layer, and rows of a batch */
#define NN_LAYERS_MAX ((size_t)64)

enum nn_layer_kind {
    NN_LAYER_DENSE,
    NN_LAYER_BATCHNORM,
    NN_LAYER_LAYERNORM,
    NN_LAYER_RELU,
    NN_LAYER_LEAKY_RELU,
    NN_LAYER_SIGMOID,
    NN_LAYER_DROPOUT,
    NN_LAYER_KINDS,
};

struct nn_layer_spec {
    enum nn_layer_kind kind;
    size_t outputs;   /* of a dense layer; the others keep the width, and have 0 here */
    double parameter; /* epsilon of the norms (0: 1e-5), slope of leaky_relu, probability of dropout
                       */
};

/* "dense", "batchnorm", "layernorm", "relu", "leaky_relu", "sigmoid", "dropout" */
const char *nn_layer_kind_name(enum nn_layer_kind kind);
bool nn_layer_kind_from_name(const char *name, enum nn_layer_kind *ret_kind);

/* Errors: -EINVAL naming the layer and what is allowed. ret_outputs (or NULL): the last width. */
int nn_spec_check(size_t inputs, const struct nn_layer_spec *layers, size_t count,
                  size_t *ret_outputs, struct diag *diag);

#endif
