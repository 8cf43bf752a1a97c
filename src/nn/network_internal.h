/*
 * network_internal: the inside of a network, for the passes that need more than network.h gives.
 */
#ifndef ARMWATCH_NN_NETWORK_INTERNAL_H
#define ARMWATCH_NN_NETWORK_INTERNAL_H

#include "nn/batchnorm.h"
#include "nn/dense.h"
#include "nn/dropout.h"
#include "nn/layernorm.h"
#include "nn/network.h"

struct layer {
    struct nn_layer_spec spec;
    size_t inputs, outputs;
    union {
        struct dense dense;
        struct batchnorm batchnorm;
        struct layernorm layernorm;
        struct dropout dropout;
    } part;
    const real *input; /* of the last forward pass */
    real *output;      /* [max_rows][outputs]; the layer before's where the layer works in place */
    real *gradient;    /* [max_rows][inputs], d/d(input); the layer after's where in place */
    bool owns_output, owns_gradient;
};

struct layer_passes {
    void (*forward)(struct layer *layer, size_t rows, bool training);
    /* From dy to ret_dx (NULL: not wanted) and, with parameters, to the parameter gradients. */
    void (*backward)(struct layer *layer, size_t rows, const real *dy, bool parameters,
                     real *ret_dx);
    bool elementwise;
    bool reads_output; /* backward does */
};
extern const struct layer_passes layer_passes[NN_LAYER_KINDS];

struct network {
    size_t inputs, outputs;
    size_t count;
    size_t max_rows;
    size_t rows; /* of the last forward pass */
    size_t parameter_count, running_count;
    real *parameters, *gradients, *running;
    size_t tensor_count;
    struct network_tensor *tensors;
    struct layer layers[];
};

#endif
