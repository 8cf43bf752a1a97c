/*
 * The layers as they stand in the file, not the network that they are folded to for scoring: so
 * that what another runtime computes of them is a check of the folding, too.
 */
#include "model/network_file.h"
#include "onnx/onnx_export_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct walk {
    struct onnx_builder *builder;
    const struct onnx_export_network *network;
    const cJSON *entry; /* of the layer */
    const char *prefix; /* of its tensors */
    const char *value;
    struct diag *diag;
};

/* A tensor of the layer as a constant of the graph; NULL with the reason in diag. */
static const char *put_tensor(struct walk *walk, const char *name)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", walk->prefix, name);
    const struct safetensors_tensor *tensor = safetensors_find(walk->network->tensors, full);
    if (!tensor || tensor->shape.rank < 1 || tensor->shape.rank > 2) {
        diag_set(walk->diag, "%s: missing", full);
        return NULL;
    }
    float *values = onnx_memory_take(&walk->builder->model.memory, tensor->count * sizeof *values);
    if (!values) {
        diag_errno(walk->diag, ENOMEM, "%s", full);
        return NULL;
    }
    if (safetensors_get_f32(walk->network->tensors, full, tensor->shape, values, walk->diag) < 0)
        return NULL;
    const struct onnx_extent extent = {tensor->shape.rank == 2 ? tensor->shape.dims[0] : 0,
                                       tensor->shape.dims[tensor->shape.rank - 1]};
    return onnx_builder_floats(walk->builder, extent, values);
}

static int put_dense(struct walk *walk)
{
    const char *weight = put_tensor(walk, "weight"), *bias = put_tensor(walk, "bias");
    if (!weight || !bias)
        return -EINVAL;
    walk->value = onnx_builder_3(walk->builder, "Gemm", walk->value, weight, bias);
    onnx_builder_set_int(walk->builder, "transB", 1);
    return 0;
}

static int put_batchnorm(struct walk *walk)
{
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    const char *inputs[5] = {walk->value};
    double epsilon = 1e-5;
    for (size_t i = 0; i < 4; i++) {
        inputs[i + 1] = put_tensor(walk, names[i]);
        if (!inputs[i + 1])
            return -EINVAL;
    }
    int r = json_get_number(walk->entry, "epsilon", false, 1e-12, 1, &epsilon, walk->diag);
    walk->value = onnx_builder_node(walk->builder, "BatchNormalization",
                                    &(struct onnx_node_shape){5, 1, inputs}, NULL);
    onnx_builder_set_float(walk->builder, "epsilon", (float)epsilon);
    return r;
}

static int put_relu(struct walk *walk)
{
    walk->value = onnx_builder_1(walk->builder, "Relu", walk->value);
    return 0;
}

static int put_leaky_relu(struct walk *walk)
{
    double slope = 0.2;
    int r = json_get_number(walk->entry, "slope", false, 0, 1, &slope, walk->diag);
    walk->value = onnx_builder_1(walk->builder, "LeakyRelu", walk->value);
    onnx_builder_set_float(walk->builder, "alpha", (float)slope);
    return r;
}

static int put_sigmoid(struct walk *walk)
{
    walk->value = onnx_builder_1(walk->builder, "Sigmoid", walk->value);
    return 0;
}

static int put_nothing(struct walk *walk)
{
    return 0; /* dropout is the identity outside training */
}

static const struct {
    const char *kind;
    int (*put)(struct walk *walk);
} kinds[] = {
    {"dense", put_dense},           {"batchnorm", put_batchnorm}, {"relu", put_relu},
    {"leaky_relu", put_leaky_relu}, {"sigmoid", put_sigmoid},     {"dropout", put_nothing},
};

static int put_layer(struct walk *walk)
{
    const char *kind;
    int r = json_get_string(walk->entry, "kind", true, 32, &kind, walk->diag);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!strcmp(kind, kinds[i].kind))
            return kinds[i].put(walk);
    }
    return diag_set(walk->diag, "layer \"%s\" cannot be written as ONNX", kind);
}

int onnx_export_network(struct onnx_builder *builder, const struct onnx_export_network *network,
                        const char *value, const char **ret_value, struct diag *diag)
{
    static const char *const parts[] = {"encoder", "decoder"};
    const cJSON *architecture, *list;
    struct walk walk = {.builder = builder, .network = network, .value = value, .diag = diag};
    int r = json_get_object(network->config, "architecture", true, &architecture, diag);
    for (size_t p = 0; r == 0 && p < 2; p++) {
        size_t index = 0;
        r = json_get_array(architecture, parts[p], true, &list, diag);
        for (walk.entry = r == 0 ? list->child : NULL; walk.entry && r == 0;
             walk.entry = walk.entry->next) {
            char prefix[64];
            snprintf(prefix, sizeof prefix, "%zu.%s.%zu", network->detector, parts[p], index++);
            walk.prefix = prefix;
            r = put_layer(&walk);
        }
    }
    *ret_value = walk.value;
    return r;
}
