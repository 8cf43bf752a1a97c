/* How each operator becomes a layer. */
#include "onnx/onnx_import_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static struct onnx_layer *last_layer(struct onnx_import_walk *walk)
{
    return walk->network->count > 0 ? &walk->network->layer[walk->network->count - 1] : NULL;
}

static int add_layer(struct onnx_import_walk *walk, const struct onnx_node *node,
                     struct nn_layer_spec spec, struct onnx_layer **ret_layer)
{
    if (walk->network->count == ONNX_IMPORT_LAYERS_MAX)
        return onnx_import_refuse(walk, node, "more layers than are supported");
    *ret_layer = &walk->network->layer[walk->network->count++];
    **ret_layer = (struct onnx_layer){.spec = spec};
    walk->no_bias = false;
    return 0;
}

static float *take(struct onnx_import_walk *walk, size_t count)
{
    float *values = onnx_memory_take(&walk->model->memory, count * sizeof *values);
    if (!values)
        diag_errno(walk->diag, ENOMEM, "weights");
    return values;
}

/* ---- attributes */

static double number_of(const struct onnx_node *node, const char *name, double standard)
{
    const struct onnx_attribute *attribute = onnx_find_attribute(node, name);
    if (!attribute)
        return standard;
    return attribute->kind == ONNX_ATTRIBUTE_FLOAT ? (double)attribute->f
           : attribute->kind == ONNX_ATTRIBUTE_INT ? (double)attribute->i
                                                   : (double)NAN;
}

/* ---- constants */

/* The constant among two inputs, and that the other is the chain's value. */
static int other_input(struct onnx_import_walk *walk, const struct onnx_node *node,
                       const struct onnx_tensor **ret_constant)
{
    if (node->inputs != 2)
        return onnx_import_refuse(walk, node, "two inputs are supported");
    bool first = !strcmp(node->input[0], walk->value);
    *ret_constant = onnx_find_constant(walk->model, node->input[first ? 1 : 0]);
    if (!*ret_constant)
        return onnx_import_refuse(walk, node, "one of its inputs must be a constant");
    return 0;
}

/* [width], or with leading dimensions of 1. */
static int read_vector(struct onnx_import_walk *walk, const struct onnx_node *node,
                       const char *name, size_t width, float **ret_values)
{
    const struct onnx_tensor *tensor = onnx_find_constant(walk->model, name);
    if (!tensor)
        return onnx_import_refuse(walk, node, "its parameters must be constants");
    if (tensor->count != width || (tensor->rank > 0 && tensor->dims[tensor->rank - 1] != width))
        return diag_set(walk->diag,
                        "node \"%.80s\" (%.40s): \"%.60s\" has %zu numbers, must be %zu",
                        onnx_import_node_name(node), node->op, name, tensor->count, width);
    *ret_values = take(walk, width);
    return *ret_values ? onnx_tensor_floats(tensor, *ret_values, walk->diag) : -ENOMEM;
}

/* ---- dense layers */

struct matrix {
    const struct onnx_tensor *tensor;
    bool outputs_first; /* [outputs][inputs], as a model file has it */
};

static int check_matrix(struct onnx_import_walk *walk, const struct onnx_node *node,
                        const struct matrix *matrix, size_t *ret_inputs, size_t *ret_outputs)
{
    const struct onnx_tensor *tensor = matrix->tensor;
    if (tensor->rank != 2)
        return onnx_import_refuse(walk, node, "its weight must have two dimensions");
    size_t inputs = tensor->dims[matrix->outputs_first ? 1 : 0];
    size_t outputs = tensor->dims[matrix->outputs_first ? 0 : 1];
    if (inputs == 0 || outputs == 0 || inputs > ONNX_IMPORT_WIDTH_MAX ||
        outputs > ONNX_IMPORT_WIDTH_MAX)
        return diag_set(walk->diag,
                        "node \"%.80s\" (%.40s): %zu inputs and %zu outputs, 1 to %d "
                        "are supported",
                        onnx_import_node_name(node), node->op, inputs, outputs,
                        ONNX_IMPORT_WIDTH_MAX);
    if (walk->network->outputs > 0 && walk->network->outputs != inputs)
        return diag_set(walk->diag,
                        "node \"%.80s\" (%.40s): %zu inputs, the layer before has %zu outputs",
                        onnx_import_node_name(node), node->op, inputs, walk->network->outputs);
    *ret_inputs = inputs;
    *ret_outputs = outputs;
    return 0;
}

static int add_dense(struct onnx_import_walk *walk, const struct onnx_node *node,
                     const struct matrix *matrix, double factor)
{
    size_t inputs = 0, outputs = 0;
    struct onnx_layer *layer = NULL;
    int r = check_matrix(walk, node, matrix, &inputs, &outputs);
    if (r == 0)
        r = add_layer(walk, node, (struct nn_layer_spec){NN_LAYER_DENSE, outputs, 0}, &layer);
    if (r < 0)
        return r;
    float *values = take(walk, inputs * outputs);
    layer->weight = take(walk, inputs * outputs);
    layer->bias = take(walk, outputs); /* zeros */
    if (!values || !layer->weight || !layer->bias)
        return -ENOMEM;
    r = onnx_tensor_floats(matrix->tensor, values, walk->diag);
    for (size_t o = 0; r == 0 && o < outputs; o++)
        for (size_t i = 0; i < inputs; i++)
            layer->weight[o * inputs + i] =
                (float)factor * values[matrix->outputs_first ? o * inputs + i : i * outputs + o];
    if (walk->network->outputs == 0)
        walk->network->inputs = inputs;
    walk->network->outputs = outputs;
    walk->network->last_inputs = inputs;
    return r;
}

int onnx_import_gemm(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    double alpha = number_of(node, "alpha", 1), beta = number_of(node, "beta", 1);
    double transposed = number_of(node, "transB", 0);
    if (node->inputs < 2 || node->inputs > 3 || strcmp(node->input[0], walk->value) != 0)
        return onnx_import_refuse(walk, node, "the layer before must be its first input");
    if (number_of(node, "transA", 0) != 0 || !isfinite(alpha) || !isfinite(beta) ||
        (transposed != 0 && transposed != 1))
        return onnx_import_refuse(walk, node,
                                  "transA must be 0, transB 0 or 1, alpha and beta "
                                  "numbers");
    const struct matrix matrix = {onnx_find_constant(walk->model, node->input[1]), transposed == 1};
    if (!matrix.tensor)
        return onnx_import_refuse(walk, node, "its weight must be a constant");
    int r = add_dense(walk, node, &matrix, alpha);
    if (r < 0 || node->inputs == 2 || !*node->input[2])
        return r;
    struct onnx_layer *layer = last_layer(walk);
    r = read_vector(walk, node, node->input[2], layer->spec.outputs, &layer->bias);
    for (size_t o = 0; r == 0 && o < layer->spec.outputs; o++)
        layer->bias[o] *= (float)beta;
    return r;
}

int onnx_import_matmul(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    struct matrix matrix = {0};
    int r = other_input(walk, node, &matrix.tensor);
    if (r == 0 && strcmp(node->input[0], walk->value) != 0)
        r = onnx_import_refuse(walk, node, "the layer before must be its first input");
    if (r == 0)
        r = add_dense(walk, node, &matrix, 1);
    walk->no_bias = r == 0;
    return r;
}

int onnx_import_add(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    const struct onnx_tensor *constant;
    int r = other_input(walk, node, &constant);
    if (r < 0)
        return r;
    if (!walk->no_bias)
        return onnx_import_refuse(walk, node,
                                  "an Add is supported as the bias of a MatMul before "
                                  "it");
    struct onnx_layer *layer = last_layer(walk);
    walk->no_bias = false;
    return read_vector(walk, node, constant->name, layer->spec.outputs, &layer->bias);
}

/* ---- what follows a dense layer */

/* The network of a model file folds them into the dense layer before. */
static int check_follows(struct onnx_import_walk *walk, const struct onnx_node *node, bool norm)
{
    const struct onnx_layer *layer = last_layer(walk);
    bool good = layer && (layer->spec.kind == NN_LAYER_DENSE ||
                          (!norm && layer->spec.kind == NN_LAYER_BATCHNORM));
    return good ? 0
                : onnx_import_refuse(walk, node,
                                     norm ? "it must follow a dense layer (Gemm, MatMul) at once"
                                          : "it must follow a dense layer (Gemm, MatMul) or its "
                                            "BatchNormalization");
}

int onnx_import_batchnorm(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    double epsilon = number_of(node, "epsilon", 1e-5);
    int r = check_follows(walk, node, true);
    if (r < 0)
        return r;
    if (node->inputs != 5 || strcmp(node->input[0], walk->value) != 0 || !(epsilon > 0) ||
        !(epsilon < 1) || number_of(node, "training_mode", 0) != 0)
        return onnx_import_refuse(walk, node,
                                  "five inputs, an epsilon of 0 to 1, and no training "
                                  "mode are supported");
    size_t width = walk->network->outputs;
    struct onnx_layer *layer = NULL;
    r = add_layer(walk, node, (struct nn_layer_spec){NN_LAYER_BATCHNORM, 0, epsilon}, &layer);
    float **const parts[] = {r == 0 ? &layer->weight : NULL, r == 0 ? &layer->bias : NULL,
                             r == 0 ? &layer->mean : NULL, r == 0 ? &layer->variance : NULL};
    for (size_t i = 0; r == 0 && i < 4; i++)
        r = read_vector(walk, node, node->input[i + 1], width, parts[i]);
    for (size_t i = 0; r == 0 && i < width; i++) {
        if (layer->variance[i] < 0)
            r = onnx_import_refuse(walk, node, "a variance is negative");
    }
    return r;
}

static int add_activation(struct onnx_import_walk *walk, const struct onnx_node *node,
                          struct nn_layer_spec spec)
{
    struct onnx_layer *layer = NULL;
    int r = check_follows(walk, node, false);
    return r < 0 ? r : add_layer(walk, node, spec, &layer);
}

int onnx_import_relu(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    return add_activation(walk, node, (struct nn_layer_spec){NN_LAYER_RELU, 0, 0});
}

int onnx_import_leaky_relu(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    double slope = number_of(node, "alpha", 0.01);
    if (!(slope > 0) || !(slope < 1))
        return onnx_import_refuse(walk, node, "an alpha over 0 and under 1 is supported");
    return add_activation(walk, node, (struct nn_layer_spec){NN_LAYER_LEAKY_RELU, 0, slope});
}

int onnx_import_sigmoid(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    return add_activation(walk, node, (struct nn_layer_spec){NN_LAYER_SIGMOID, 0, 0});
}

/* ---- what changes nothing */

int onnx_import_nothing(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    if (strcmp(node->input[0], walk->value) != 0)
        return onnx_import_refuse(walk, node, "the layer before must be its first input");
    return 0;
}

int onnx_import_dropout(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    if (node->inputs > 2 && *node->input[2])
        return onnx_import_refuse(walk, node,
                                  "its training mode must not be an input: export the "
                                  "network for inference");
    return onnx_import_nothing(walk, node);
}

int onnx_import_cast(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    double to = number_of(node, "to", 0);
    if (to != ONNX_FLOAT && to != ONNX_DOUBLE)
        return onnx_import_refuse(walk, node, "a cast to float or double is supported");
    return onnx_import_nothing(walk, node);
}
