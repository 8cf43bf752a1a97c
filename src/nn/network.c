/*
 * Layers that work on single values (rectifiers, sigmoid, dropout) write over the output of the
 * layer before them, if that layer's backward pass does not read it, and their gradients over those
 * of the layer after: every array spared is one less to move through the cache.
 *
 * Tensors start at multiples of 64 bytes in the block; the gaps are zeros that optimisers step over
 * without effect.
 */
#include "nn/network.h"

#include "nn/network_internal.h"
#include "nn/vector.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#define TENSORS_PER_LAYER 4
#define TENSOR_ALIGNMENT 16 /* elements */
#define EPSILON_DEFAULT 1e-5

/* The tensor's place in its block is settled here, its pointer once the block exists. */
static void declare_tensor(struct network *network, size_t layer, const char *name, size_t rows,
                           size_t columns)
{
    struct network_tensor *tensor = &network->tensors[network->tensor_count++];
    *tensor = (struct network_tensor){
        .layer = layer,
        .name = name,
        .dimensions = columns ? 2 : 1,
        .shape = {rows, columns},
        .size = rows * (columns ? columns : 1),
    };
}

static bool is_running(const struct network_tensor *tensor)
{
    return tensor->name[0] == 'r';
}

static size_t aligned(size_t size)
{
    return (size + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT;
}

static void declare_tensors(struct network *network)
{
    for (size_t i = 0; i < network->count; i++) {
        const struct layer *layer = &network->layers[i];
        enum nn_layer_kind kind = layer->spec.kind;
        if (kind == NN_LAYER_DENSE)
            declare_tensor(network, i, "weight", layer->outputs, layer->inputs);
        else if (kind == NN_LAYER_BATCHNORM || kind == NN_LAYER_LAYERNORM)
            declare_tensor(network, i, "weight", layer->outputs, 0);
        else
            continue;
        declare_tensor(network, i, "bias", layer->outputs, 0);
        if (kind == NN_LAYER_BATCHNORM) {
            declare_tensor(network, i, "running_mean", layer->outputs, 0);
            declare_tensor(network, i, "running_var", layer->outputs, 0);
        }
    }
}

static int allocate_blocks(struct network *network)
{
    for (size_t i = 0; i < network->tensor_count; i++) {
        struct network_tensor *tensor = &network->tensors[i];
        *(is_running(tensor) ? &network->running_count : &network->parameter_count) +=
            aligned(tensor->size);
    }
    network->parameters = vector_new(network->parameter_count);
    network->gradients = vector_new(network->parameter_count);
    network->running = vector_new(network->running_count);
    if (!network->parameters || !network->gradients || !network->running)
        return -ENOMEM;
    real *parameter = network->parameters, *running = network->running;
    for (size_t i = 0; i < network->tensor_count; i++) {
        struct network_tensor *tensor = &network->tensors[i];
        real **place = is_running(tensor) ? &running : &parameter;
        tensor->data = *place;
        *place += aligned(tensor->size);
    }
    return 0;
}

static real *gradient_of(const struct network *network, const real *parameter)
{
    return network->gradients + (parameter - network->parameters);
}

/* tensors: those of this layer, in the order they were declared. */
static int connect(struct network *network, struct layer *layer,
                   const struct network_tensor *tensors)
{
    double parameter = layer->spec.parameter;
    double epsilon = parameter > 0 ? parameter : EPSILON_DEFAULT;
    real *weight = NULL, *bias = NULL, *weight_gradient = NULL, *bias_gradient = NULL;
    if (tensors) {
        weight = tensors[0].data;
        bias = tensors[1].data;
        weight_gradient = gradient_of(network, weight);
        bias_gradient = gradient_of(network, bias);
    }
    switch (layer->spec.kind) {
    case NN_LAYER_DENSE:
        layer->part.dense = (struct dense){layer->inputs, layer->outputs,  weight,
                                           bias,          weight_gradient, bias_gradient};
        return 0;
    case NN_LAYER_BATCHNORM:
        layer->part.batchnorm = (struct batchnorm){
            .features = layer->outputs,
            .epsilon = epsilon,
            .weight = weight,
            .bias = bias,
            .weight_gradient = weight_gradient,
            .bias_gradient = bias_gradient,
            .running_mean = tensors[2].data,
            .running_var = tensors[3].data,
        };
        return batchnorm_init(&layer->part.batchnorm, network->max_rows);
    case NN_LAYER_LAYERNORM:
        layer->part.layernorm = (struct layernorm){
            .features = layer->outputs,
            .epsilon = epsilon,
            .weight = weight,
            .bias = bias,
            .weight_gradient = weight_gradient,
            .bias_gradient = bias_gradient,
        };
        return layernorm_init(&layer->part.layernorm, network->max_rows);
    case NN_LAYER_DROPOUT:
        layer->part.dropout = (struct dropout){.probability = parameter};
        return dropout_init(&layer->part.dropout, network->max_rows * layer->outputs);
    default:
        return 0;
    }
}

static int connect_layers(struct network *network)
{
    size_t next = 0;
    for (size_t i = 0; i < network->count; i++) {
        const struct network_tensor *first = NULL;
        if (next < network->tensor_count && network->tensors[next].layer == i)
            first = &network->tensors[next];
        while (next < network->tensor_count && network->tensors[next].layer == i)
            next++;
        int error = connect(network, &network->layers[i], first);
        if (error)
            return error;
    }
    return 0;
}

static bool may_overwrite(const struct layer *layer, const struct layer *before)
{
    return layer_passes[layer->spec.kind].elementwise &&
           !layer_passes[before->spec.kind].reads_output;
}

static int allocate_activations(struct network *network)
{
    for (size_t i = 0; i < network->count; i++) {
        struct layer *layer = &network->layers[i];
        layer->owns_output = i == 0 || !may_overwrite(layer, layer - 1);
        layer->output = layer->owns_output ? vector_new(network->max_rows * layer->outputs)
                                           : network->layers[i - 1].output;
        if (!layer->output)
            return -ENOMEM;
    }
    for (size_t i = network->count; i-- > 0;) {
        struct layer *layer = &network->layers[i];
        layer->owns_gradient =
            i + 1 == network->count || !layer_passes[layer->spec.kind].elementwise;
        layer->gradient = layer->owns_gradient ? vector_new(network->max_rows * layer->inputs)
                                               : network->layers[i + 1].gradient;
        if (!layer->gradient)
            return -ENOMEM;
    }
    return 0;
}

int network_new(size_t inputs, const struct nn_layer_spec *layers, size_t count, size_t max_rows,
                struct network **ret_network, struct diag *diag)
{
    size_t outputs;
    int error = nn_spec_check(inputs, layers, count, &outputs, diag);
    if (error)
        return error;
    if (max_rows == 0 || max_rows > NN_WIDTH_MAX)
        return diag_set(diag, "batches of %zu rows; allowed are 1 to %zu", max_rows, NN_WIDTH_MAX);
    struct network *network = calloc(1, sizeof *network + count * sizeof network->layers[0]);
    if (!network)
        return diag_errno(diag, ENOMEM, "network");
    network->inputs = inputs;
    network->outputs = outputs;
    network->count = count;
    network->max_rows = max_rows;
    for (size_t i = 0, width = inputs; i < count; i++) {
        network->layers[i].spec = layers[i];
        network->layers[i].inputs = width;
        width = layers[i].kind == NN_LAYER_DENSE ? layers[i].outputs : width;
        network->layers[i].outputs = network->layers[i].spec.outputs = width;
    }
    network->tensors = calloc(TENSORS_PER_LAYER * count, sizeof *network->tensors);
    error = network->tensors ? 0 : -ENOMEM;
    if (!error) {
        declare_tensors(network);
        error = allocate_blocks(network);
    }
    if (!error)
        error = connect_layers(network);
    if (!error)
        error = allocate_activations(network);
    if (error) {
        network_free(network);
        return diag_errno(diag, error, "network of %zu layers", count);
    }
    *ret_network = network;
    return 0;
}

static void layer_free(struct layer *layer)
{
    if (layer->owns_output)
        free(layer->output);
    if (layer->owns_gradient)
        free(layer->gradient);
    if (layer->spec.kind == NN_LAYER_BATCHNORM)
        batchnorm_deinit(&layer->part.batchnorm);
    else if (layer->spec.kind == NN_LAYER_LAYERNORM)
        layernorm_deinit(&layer->part.layernorm);
    else if (layer->spec.kind == NN_LAYER_DROPOUT)
        dropout_deinit(&layer->part.dropout);
}

void network_free(struct network *network)
{
    if (!network)
        return;
    for (size_t i = 0; i < network->count; i++)
        layer_free(&network->layers[i]);
    free(network->parameters);
    free(network->gradients);
    free(network->running);
    free(network->tensors);
    free(network);
}

size_t network_inputs(const struct network *network)
{
    return network->inputs;
}

size_t network_outputs(const struct network *network)
{
    return network->outputs;
}

size_t network_layers(const struct network *network)
{
    return network->count;
}

const struct nn_layer_spec *network_spec(const struct network *network, size_t layer)
{
    assert(layer < network->count);
    return &network->layers[layer].spec;
}

static void initialise_layer(struct layer *layer, struct rng *rng)
{
    if (layer->spec.kind == NN_LAYER_DENSE) {
        const struct dense *dense = &layer->part.dense;
        double bound = 1 / sqrt((double)dense->inputs);
        for (size_t i = 0; i < dense->inputs * dense->outputs; i++)
            dense->weight[i] = (real)(bound * (2 * rng_uniform(rng) - 1));
        for (size_t i = 0; i < dense->outputs; i++)
            dense->bias[i] = (real)(bound * (2 * rng_uniform(rng) - 1));
    } else if (layer->spec.kind == NN_LAYER_BATCHNORM) {
        const struct batchnorm *norm = &layer->part.batchnorm;
        vector_fill(norm->features, 1, norm->weight);
        vector_fill(norm->features, 0, norm->bias);
        vector_fill(norm->features, 0, norm->running_mean);
        vector_fill(norm->features, 1, norm->running_var);
    } else if (layer->spec.kind == NN_LAYER_LAYERNORM) {
        vector_fill(layer->outputs, 1, layer->part.layernorm.weight);
        vector_fill(layer->outputs, 0, layer->part.layernorm.bias);
    } else if (layer->spec.kind == NN_LAYER_DROPOUT) {
        dropout_seed(&layer->part.dropout, rng_next(rng));
    }
}

void network_initialise(struct network *network, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (size_t i = 0; i < network->count; i++)
        initialise_layer(&network->layers[i], &rng);
}

void network_copy(const struct network *from, struct network *to)
{
    assert(from->parameter_count == to->parameter_count);
    assert(from->running_count == to->running_count);
    vector_copy(from->parameter_count, from->parameters, to->parameters);
    vector_copy(from->running_count, from->running, to->running);
}

const real *network_forward(struct network *network, size_t rows, const real *input, bool training)
{
    assert(rows > 0 && rows <= network->max_rows);
    network->rows = rows;
    for (size_t i = 0; i < network->count; i++) {
        struct layer *layer = &network->layers[i];
        layer->input = input;
        layer_passes[layer->spec.kind].forward(layer, rows, training);
        input = layer->output;
    }
    return input;
}

const real *network_backward(struct network *network, const real *output_gradient, unsigned flags)
{
    const real *dy = output_gradient;
    for (size_t i = network->count; i-- > 0;) {
        struct layer *layer = &network->layers[i];
        bool wanted = i > 0 || (flags & NETWORK_INPUT_GRADIENT);
        layer_passes[layer->spec.kind].backward(layer, network->rows, dy,
                                                flags & NETWORK_PARAMETER_GRADIENTS,
                                                wanted ? layer->gradient : NULL);
        dy = layer->gradient;
    }
    return flags & NETWORK_INPUT_GRADIENT ? dy : NULL;
}

size_t network_parameter_count(const struct network *network)
{
    return network->parameter_count;
}

real *network_parameters(struct network *network)
{
    return network->parameters;
}

real *network_gradients(struct network *network)
{
    return network->gradients;
}

void network_zero_gradients(struct network *network)
{
    vector_fill(network->parameter_count, 0, network->gradients);
}

size_t network_tensors(const struct network *network)
{
    return network->tensor_count;
}

const struct network_tensor *network_tensor(const struct network *network, size_t index)
{
    assert(index < network->tensor_count);
    return &network->tensors[index];
}
