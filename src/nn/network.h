/*
 * network: a list of layers over one block of parameters, with forward and backward passes.
 *
 * Shape: a batch is [rows][features], 1 <= rows <= max_rows (2 <= rows where a batchnorm trains).
 * Memory: network_new allocates everything; the passes allocate nothing. Arrays that a function
 * returns belong to the network and hold until the next pass of the same direction.
 * Thread: whoever calls BLAS.
 */
#ifndef ARMWATCH_NN_NETWORK_H
#define ARMWATCH_NN_NETWORK_H

#include "base/diag.h"
#include "nn/real.h"
#include "nn/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct network;

/* Parameters are zero until network_initialise, network_copy or network_tensor fills them. Errors:
 * -EINVAL (a layer is wrong, see diag), -ENOMEM. */
int network_new(size_t inputs, const struct nn_layer_spec *layers, size_t count, size_t max_rows,
                struct network **ret_network, struct diag *diag);
void network_free(struct network *network);

size_t network_inputs(const struct network *network);
size_t network_outputs(const struct network *network);
size_t network_layers(const struct network *network);
const struct nn_layer_spec *network_spec(const struct network *network, size_t layer);

/* Dense layers uniform in +-1/sqrt(inputs), norms the identity, running statistics 0 and 1, as
 * PyTorch starts them; also seeds the dropouts. */
void network_initialise(struct network *network, uint64_t seed);

/* Parameters and running statistics from a network of the same layers (asserted). */
void network_copy(const struct network *from, struct network *to);

/* The input is borrowed until the backward pass. Training uses batch statistics and drops. */
const real *network_forward(struct network *network, size_t rows, const real *input, bool training);

enum network_backward_flags {
    NETWORK_PARAMETER_GRADIENTS = 1, /* add to network_gradients */
    NETWORK_INPUT_GRADIENT = 2,      /* return d/d(input), [rows][inputs] */
};

/* Through the last forward pass, from d/d(output) [rows][outputs]. NULL without
 * NETWORK_INPUT_GRADIENT. */
const real *network_backward(struct network *network, const real *output_gradient, unsigned flags);

/* The block that an optimiser steps through, and the gradients beside it. Gaps between tensors stay
 * 0 in both. */
size_t network_parameter_count(const struct network *network);
real *network_parameters(struct network *network);
real *network_gradients(struct network *network);
void network_zero_gradients(struct network *network);

/* One entry of PyTorch's state_dict: "<layer>.<name>". The order is that of the layers, and within
 * a layer weight, bias, running_mean, running_var. */
struct network_tensor {
    size_t layer;
    const char *name;
    size_t dimensions; /* 1 or 2 */
    size_t shape[2];
    size_t size; /* elements */
    real *data;
};
size_t network_tensors(const struct network *network);
const struct network_tensor *network_tensor(const struct network *network, size_t index);

#endif
