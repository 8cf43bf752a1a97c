/*
 * The chain is followed from the input by names: the one node that reads a value is the next. A
 * node that is not in the chain, and makes no constant of it, is refused, so nothing that the
 * network does is passed over.
 */
#include "onnx/onnx_import.h"

#include "onnx/onnx_import_internal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define SHAPE_INPUTS_MAX 8 /* of a node that computes a size */

static const struct {
    const char *op;
    onnx_import_reader *read;
} readers[] = {
    {"Gemm", onnx_import_gemm},         {"MatMul", onnx_import_matmul},
    {"Add", onnx_import_add},           {"BatchNormalization", onnx_import_batchnorm},
    {"Relu", onnx_import_relu},         {"LeakyRelu", onnx_import_leaky_relu},
    {"Sigmoid", onnx_import_sigmoid},   {"Flatten", onnx_import_nothing},
    {"Reshape", onnx_import_nothing},   {"Squeeze", onnx_import_nothing},
    {"Unsqueeze", onnx_import_nothing}, {"Identity", onnx_import_nothing},
    {"Dropout", onnx_import_dropout},   {"Cast", onnx_import_cast},
};

/* What a node is called in messages: its name, or its first output where it has none. */
const char *onnx_import_node_name(const struct onnx_node *node)
{
    return *node->name || node->outputs == 0 ? node->name : node->output[0];
}

static bool is_standard(const struct onnx_node *node)
{
    return !*node->domain || !strcmp(node->domain, "ai.onnx");
}

/* ---- the ends */

static bool is_constant(const struct onnx_import_walk *walk, const char *name)
{
    return onnx_find_constant(walk->model, name) != NULL;
}

/* Older files list their constants among the inputs. */
static int find_input(struct onnx_import_walk *walk, const struct onnx_value **ret_input)
{
    const struct onnx_value *found = NULL;
    for (size_t i = 0; i < walk->model->inputs; i++) {
        const struct onnx_value *input = &walk->model->input[i];
        if (is_constant(walk, input->name))
            continue;
        if (found)
            return diag_set(walk->diag, "it has two inputs, %.60s and %.60s: one is supported",
                            found->name, input->name);
        found = input;
    }
    if (!found || walk->model->outputs != 1)
        return diag_set(walk->diag, "it has %s and %zu outputs: one of each is supported",
                        found ? "an input" : "no input", walk->model->outputs);
    *ret_input = found;
    return 0;
}

/* [N, window, channels] or [N, values]; dimensions of 1 between them say nothing. */
static int read_input_shape(struct onnx_import_walk *walk, const struct onnx_value *input)
{
    int64_t dims[ONNX_RANK_MAX];
    size_t rank = 0;
    if (input->type != 0 && input->type != ONNX_FLOAT && input->type != ONNX_DOUBLE)
        return diag_set(walk->diag, "input %.60s: elements of type %d, must be float (1)",
                        input->name, input->type);
    for (size_t i = 1; input->shaped && i < input->rank; i++) {
        if (input->dims[i] != 1 || rank == 0)
            dims[rank++] = input->dims[i];
    }
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] > ONNX_IMPORT_WIDTH_MAX)
            return diag_set(walk->diag, "input %.60s: a dimension of %lld, at most %d is supported",
                            input->name, (long long)dims[i], ONNX_IMPORT_WIDTH_MAX);
    }
    if (rank > 2)
        return diag_set(walk->diag,
                        "input %.60s has %zu dimensions: [N, window, channels] or [N, "
                        "values] is supported",
                        input->name, input->rank);
    if (rank == 2 && dims[0] > 0 && dims[1] > 0) {
        walk->network->window = (size_t)dims[0];
        walk->network->channels = (size_t)dims[1];
    }
    return 0;
}

/* ---- constants that nodes make */

/* Each node makes one at most: room for all of them, so that none moves the others. */
static int reserve_constants(struct onnx_import_walk *walk)
{
    struct onnx_model *model = walk->model;
    struct onnx_tensor *grown =
        onnx_memory_take(&model->memory, (model->constants + model->nodes + 1) * sizeof *grown);
    if (!grown)
        return diag_errno(walk->diag, ENOMEM, "constants");
    if (model->constants > 0)
        memcpy(grown, model->constant, model->constants * sizeof *grown);
    model->constant = grown;
    return 0;
}

static void add_constant(struct onnx_import_walk *walk, struct onnx_tensor tensor, const char *name)
{
    tensor.name = name;
    walk->model->constant[walk->model->constants++] = tensor;
}

static int take_constant(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    const struct onnx_attribute *value = onnx_find_attribute(node, "value");
    if (!value || value->kind != ONNX_ATTRIBUTE_TENSOR || node->outputs != 1)
        return onnx_import_refuse(walk, node, "a Constant must have a tensor as its value");
    add_constant(walk, *value->t, node->output[0]);
    return 0;
}

/* A weight that the exporter left transposed, or passed on. */
static int take_from_constant(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    const struct onnx_tensor *source = onnx_find_constant(walk->model, node->input[0]);
    if (node->outputs != 1)
        return onnx_import_refuse(walk, node, "one output is supported");
    struct onnx_tensor made = *source;
    if (!strcmp(node->op, "Transpose")) {
        float *values = onnx_memory_take(&walk->model->memory, source->count * sizeof *values);
        float *turned = onnx_memory_take(&walk->model->memory, source->count * sizeof *values);
        if (!values || !turned)
            return diag_errno(walk->diag, ENOMEM, "constants");
        if (source->rank != 2)
            return onnx_import_refuse(walk, node, "a Transpose of a matrix is supported");
        int r = onnx_tensor_floats(source, values, walk->diag);
        if (r < 0)
            return r;
        size_t rows = source->dims[0], columns = source->dims[1];
        for (size_t i = 0; i < rows; i++)
            for (size_t j = 0; j < columns; j++)
                turned[j * rows + i] = values[i * columns + j];
        made = (struct onnx_tensor){.type = ONNX_FLOAT,
                                    .rank = 2,
                                    .dims = {columns, rows},
                                    .count = source->count,
                                    .floats = turned};
    }
    add_constant(walk, made, node->output[0]);
    return 0;
}

/* Nodes are in an order in which each comes behind those that it reads from. */
static int take_constants(struct onnx_import_walk *walk)
{
    for (size_t i = 0; i < walk->model->nodes; i++) {
        const struct onnx_node *node = &walk->model->node[i];
        int r = 0;
        bool passes = !strcmp(node->op, "Transpose") || !strcmp(node->op, "Identity");
        if (!is_standard(node))
            continue;
        if (!strcmp(node->op, "Constant"))
            r = take_constant(walk, node);
        else if (passes && node->inputs == 1 && is_constant(walk, node->input[0]))
            r = take_from_constant(walk, node);
        else
            continue;
        if (r < 0)
            return r;
        walk->used[i] = true;
    }
    return 0;
}

/* ---- sizes: "as many windows as came", which exporters compute for a Reshape. It cannot change
 * the order of values, and a layer of another width than the one before is found at its weights. */

static bool is_shape(const struct onnx_import_walk *walk, const char *name)
{
    for (size_t i = 0; i < walk->shapes; i++) {
        if (!strcmp(walk->shape[i], name))
            return true;
    }
    return false;
}

static bool makes_shape(const struct onnx_import_walk *walk, const struct onnx_node *node)
{
    static const char *const ops[] = {"Gather", "Unsqueeze", "Squeeze",   "Concat",
                                      "Slice",  "Cast",      "Mul",       "Div",
                                      "Add",    "Sub",       "ReduceProd"};
    bool known = false, of_shape = false, constant = true;
    if (!strcmp(node->op, "Shape"))
        return true;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        known |= !strcmp(node->op, ops[i]);
    if (!known || node->inputs > SHAPE_INPUTS_MAX)
        return false;
    for (size_t i = 0; i < node->inputs; i++) {
        of_shape |= is_shape(walk, node->input[i]);
        constant = constant && (!*node->input[i] || is_shape(walk, node->input[i]) ||
                                is_constant(walk, node->input[i]));
    }
    return of_shape && constant;
}

static int take_shapes(struct onnx_import_walk *walk)
{
    walk->shape =
        onnx_memory_take(&walk->model->memory, (walk->model->nodes + 1) * sizeof *walk->shape);
    if (!walk->shape)
        return diag_errno(walk->diag, ENOMEM, "nodes");
    for (size_t i = 0; i < walk->model->nodes; i++) {
        const struct onnx_node *node = &walk->model->node[i];
        if (walk->used[i] || !is_standard(node) || node->outputs != 1 || !makes_shape(walk, node))
            continue;
        walk->shape[walk->shapes++] = node->output[0];
        walk->used[i] = true;
    }
    return 0;
}

/* ---- the chain */

static bool reads(const struct onnx_node *node, const char *value)
{
    for (size_t i = 0; i < node->inputs; i++) {
        if (!strcmp(node->input[i], value))
            return true;
    }
    return false;
}

static int find_reader(struct onnx_import_walk *walk, struct onnx_node **ret_node)
{
    struct onnx_node *found = NULL;
    for (size_t i = 0; i < walk->model->nodes; i++) {
        struct onnx_node *node = &walk->model->node[i];
        if (walk->used[i] || !reads(node, walk->value))
            continue;
        if (found)
            return diag_set(walk->diag,
                            "nodes \"%.60s\" (%.40s) and \"%.60s\" (%.40s) both read "
                            "\"%.60s\": one chain of layers is supported",
                            onnx_import_node_name(found), found->op, onnx_import_node_name(node),
                            node->op, walk->value);
        found = node;
        walk->at = i;
    }
    if (!found)
        return diag_set(walk->diag, "nothing reads \"%.80s\", and it is not the output",
                        walk->value);
    *ret_node = found;
    return 0;
}

int onnx_import_refuse(struct onnx_import_walk *walk, const struct onnx_node *node, const char *why)
{
    return diag_set(walk->diag, "node \"%.80s\" (%.40s): %s", onnx_import_node_name(node), node->op,
                    why);
}

static int read_node(struct onnx_import_walk *walk, const struct onnx_node *node)
{
    if (node->outputs == 0)
        return onnx_import_refuse(walk, node, "it has no output");
    for (size_t i = 0; is_standard(node) && i < sizeof readers / sizeof readers[0]; i++) {
        if (!strcmp(node->op, readers[i].op))
            return readers[i].read(walk, node);
    }
    return onnx_import_refuse(walk, node, "not supported; supported are " ONNX_IMPORT_OPERATORS);
}

static int follow(struct onnx_import_walk *walk)
{
    const char *output = walk->model->output[0].name;
    while (strcmp(walk->value, output) != 0) {
        struct onnx_node *node = NULL;
        int r = find_reader(walk, &node);
        if (r == 0)
            r = read_node(walk, node);
        if (r < 0)
            return r;
        walk->used[walk->at] = true;
        walk->value = node->output[0];
    }
    for (size_t i = 0; i < walk->model->nodes; i++) {
        const struct onnx_node *node = &walk->model->node[i];
        if (!walk->used[i])
            return onnx_import_refuse(walk, node,
                                      "it is not on the way from the input to the "
                                      "output");
    }
    return 0;
}

static int check_network(const struct onnx_import_walk *walk)
{
    struct onnx_network *network = walk->network;
    size_t width = network->window * network->channels;
    if (network->outputs == 0)
        return diag_set(walk->diag, "there is no dense layer in it (Gemm, MatMul)");
    if (width > 0 && width != network->inputs)
        return diag_set(walk->diag, "its input is [N, %zu, %zu], its first layer takes %zu values",
                        network->window, network->channels, network->inputs);
    if (network->inputs != network->outputs)
        return diag_set(walk->diag,
                        "%zu inputs and %zu outputs: an autoencoder has as many of each",
                        network->inputs, network->outputs);
    return 0;
}

int onnx_import(struct onnx_model *model, struct onnx_network *ret_network, struct diag *diag)
{
    const struct onnx_value *input = NULL;
    *ret_network = (struct onnx_network){0};
    struct onnx_import_walk walk = {.model = model, .network = ret_network, .diag = diag};
    walk.used = onnx_memory_take(&model->memory, model->nodes + 1);
    if (!walk.used)
        return diag_errno(diag, ENOMEM, "nodes");
    int r = reserve_constants(&walk);
    if (r == 0)
        r = take_constants(&walk);
    if (r == 0)
        r = take_shapes(&walk);
    if (r == 0)
        r = find_input(&walk, &input);
    if (r == 0)
        r = read_input_shape(&walk, input);
    if (r < 0)
        return r;
    walk.value = input->name;
    r = follow(&walk);
    return r < 0 ? r : check_network(&walk);
}

/* ---- what becomes of it */

/* A row-by-row place of a value that the network has channel by channel. */
static size_t turned(size_t place, size_t window, size_t channels)
{
    return place % channels * window + place / channels;
}

int onnx_import_transpose(struct onnx_model *model, struct onnx_network *network, size_t window,
                          size_t channels, struct diag *diag)
{
    struct onnx_layer *first = NULL, *last = NULL;
    for (size_t i = 0; i < network->count; i++) {
        if (network->layer[i].spec.kind == NN_LAYER_DENSE) {
            first = first ? first : &network->layer[i];
            last = &network->layer[i];
        }
    }
    size_t width = network->inputs;
    if (window * channels != width)
        return diag_set(diag, "%zu rows of %zu channels are not the network's %zu values", window,
                        channels, width);
    for (size_t i = 0; i < network->count; i++) {
        if (&network->layer[i] > last && network->layer[i].spec.kind == NN_LAYER_BATCHNORM)
            return diag_set(diag, "channel by channel, with a batchnorm behind the last layer, is "
                                  "not supported");
    }
    size_t rows = first->spec.outputs, depth = network->last_inputs;
    float *weight = onnx_memory_take(&model->memory, rows * width * sizeof *weight);
    float *ends = onnx_memory_take(&model->memory, width * depth * sizeof *ends);
    float *bias = onnx_memory_take(&model->memory, width * sizeof *bias);
    if (!weight || !ends || !bias)
        return diag_errno(diag, ENOMEM, "weights");
    for (size_t o = 0; o < rows; o++)
        for (size_t i = 0; i < width; i++)
            weight[o * width + i] = first->weight[o * width + turned(i, window, channels)];
    first->weight = weight; /* which may be the last layer's, too */
    for (size_t o = 0; o < width; o++) {
        size_t from = turned(o, window, channels);
        memcpy(ends + o * depth, last->weight + from * depth, depth * sizeof *ends);
        bias[o] = last->bias[from];
    }
    last->weight = ends;
    last->bias = bias;
    return 0;
}

static void fill(const struct onnx_network *from, struct network *network)
{
    for (size_t t = 0; t < network_tensors(network); t++) {
        const struct network_tensor *tensor = network_tensor(network, t);
        const struct onnx_layer *layer = &from->layer[tensor->layer];
        const float *values = !strcmp(tensor->name, "weight")         ? layer->weight
                              : !strcmp(tensor->name, "bias")         ? layer->bias
                              : !strcmp(tensor->name, "running_mean") ? layer->mean
                                                                      : layer->variance;
        memcpy(tensor->data, values, tensor->size * sizeof *values);
    }
}

int onnx_import_build(const struct onnx_network *network, size_t max_rows,
                      struct network **ret_network, struct diag *diag)
{
    struct nn_layer_spec specs[ONNX_IMPORT_LAYERS_MAX];
    for (size_t i = 0; i < network->count; i++)
        specs[i] = network->layer[i].spec;
    int r = network_new(network->inputs, specs, network->count, max_rows, ret_network, diag);
    if (r == 0)
        fill(network, *ret_network);
    return r;
}
