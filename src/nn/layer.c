/*
 * One signature for the passes of every kind of layer.
 */
#include "nn/activation.h"
#include "nn/network_internal.h"

static void dense_forward_pass(struct layer *layer, size_t rows, bool training)
{
    dense_forward(&layer->part.dense, rows, layer->input, layer->output);
}

static void batchnorm_forward_pass(struct layer *layer, size_t rows, bool training)
{
    batchnorm_forward(&layer->part.batchnorm, rows, layer->input, training, layer->output);
}

static void layernorm_forward_pass(struct layer *layer, size_t rows, bool training)
{
    layernorm_forward(&layer->part.layernorm, rows, layer->input, layer->output);
}

static void rectifier_forward_pass(struct layer *layer, size_t rows, bool training)
{
    activation_rectify(rows * layer->outputs, (real)layer->spec.parameter, layer->input,
                       layer->output);
}

static void sigmoid_forward_pass(struct layer *layer, size_t rows, bool training)
{
    activation_sigmoid(rows * layer->outputs, layer->input, layer->output);
}

static void dropout_forward_pass(struct layer *layer, size_t rows, bool training)
{
    dropout_forward(&layer->part.dropout, rows * layer->outputs, layer->input, training,
                    layer->output);
}

static void dense_backward_pass(struct layer *layer, size_t rows, const real *dy, bool parameters,
                                real *ret_dx)
{
    if (parameters)
        dense_backward_parameters(&layer->part.dense, rows, layer->input, dy);
    if (ret_dx)
        dense_backward_input(&layer->part.dense, rows, dy, ret_dx);
}

static void batchnorm_backward_pass(struct layer *layer, size_t rows, const real *dy,
                                    bool parameters, real *ret_dx)
{
    batchnorm_backward(&layer->part.batchnorm, rows, dy, parameters, ret_dx);
}

static void layernorm_backward_pass(struct layer *layer, size_t rows, const real *dy,
                                    bool parameters, real *ret_dx)
{
    layernorm_backward(&layer->part.layernorm, rows, dy, parameters, ret_dx);
}

static void rectifier_backward_pass(struct layer *layer, size_t rows, const real *dy,
                                    bool parameters, real *ret_dx)
{
    if (ret_dx)
        activation_rectify_backward(rows * layer->outputs, (real)layer->spec.parameter,
                                    layer->output, dy, ret_dx);
}

static void sigmoid_backward_pass(struct layer *layer, size_t rows, const real *dy, bool parameters,
                                  real *ret_dx)
{
    if (ret_dx)
        activation_sigmoid_backward(rows * layer->outputs, layer->output, dy, ret_dx);
}

static void dropout_backward_pass(struct layer *layer, size_t rows, const real *dy, bool parameters,
                                  real *ret_dx)
{
    if (ret_dx)
        dropout_backward(&layer->part.dropout, rows * layer->outputs, dy, ret_dx);
}

const struct layer_passes layer_passes[NN_LAYER_KINDS] = {
    [NN_LAYER_DENSE] = {dense_forward_pass, dense_backward_pass, false, false},
    [NN_LAYER_BATCHNORM] = {batchnorm_forward_pass, batchnorm_backward_pass, false, false},
    [NN_LAYER_LAYERNORM] = {layernorm_forward_pass, layernorm_backward_pass, false, false},
    [NN_LAYER_RELU] = {rectifier_forward_pass, rectifier_backward_pass, true, true},
    [NN_LAYER_LEAKY_RELU] = {rectifier_forward_pass, rectifier_backward_pass, true, true},
    [NN_LAYER_SIGMOID] = {sigmoid_forward_pass, sigmoid_backward_pass, true, true},
    [NN_LAYER_DROPOUT] = {dropout_forward_pass, dropout_backward_pass, true, false},
};
