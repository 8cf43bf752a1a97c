/*
 * A dense layer takes the BatchNorm and the activation that follow it into itself. What cannot be
 * folded (an activation before any dense layer, LayerNorm) has no place in an inference network and
 * is refused.
 */
#include "model/network_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DENSE_MAX 32
#define DENSE_WIDTH_MAX 65536

struct builder {
    const struct safetensors *tensors;
    struct mlp_layer layer[DENSE_MAX];
    float *weight[DENSE_MAX], *bias[DENSE_MAX]; /* owned; what layer[] points to */
    bool activated[DENSE_MAX];
    size_t count;
};

typedef int layer_reader(struct builder *builder, const cJSON *entry, const char *prefix,
                         struct diag *diag);

/* The input width is what the tensor says: the chain is checked by the caller. */
static int read_dense(struct builder *builder, const cJSON *entry, const char *prefix,
                      struct diag *diag)
{
    int64_t outputs = 0;
    int r = json_get_integer(entry, "outputs", true, 1, DENSE_WIDTH_MAX, &outputs, diag);
    if (r < 0)
        return r;
    if (builder->count == DENSE_MAX)
        return diag_set(diag, "more than %d dense layers", DENSE_MAX);
    char name[96];
    snprintf(name, sizeof name, "%s.weight", prefix);
    const struct safetensors_tensor *tensor = safetensors_find(builder->tensors, name);
    if (!tensor || tensor->shape.rank != 2 || tensor->shape.dims[0] != (size_t)outputs ||
        tensor->shape.dims[1] == 0 || tensor->shape.dims[1] > DENSE_WIDTH_MAX)
        return diag_set(diag, "%s: missing or not [%lld, inputs]", name, (long long)outputs);
    size_t inputs = tensor->shape.dims[1], at = builder->count;
    if (at > 0 && builder->layer[at - 1].outputs != inputs)
        return diag_set(diag, "%s: %zu inputs, the layer before has %zu outputs", name, inputs,
                        builder->layer[at - 1].outputs);
    builder->weight[at] = malloc((size_t)outputs * inputs * sizeof(float));
    builder->bias[at] = malloc((size_t)outputs * sizeof(float));
    builder->count++;
    if (!builder->weight[at] || !builder->bias[at])
        return diag_errno(diag, ENOMEM, "%s", name);
    builder->layer[at] = (struct mlp_layer){.inputs = inputs,
                                            .outputs = (size_t)outputs,
                                            .weight = builder->weight[at],
                                            .bias = builder->bias[at],
                                            .activation = NN_LINEAR};
    r = safetensors_get_f32(builder->tensors, name, tensor->shape, builder->weight[at], diag);
    snprintf(name, sizeof name, "%s.bias", prefix);
    if (r == 0)
        r = safetensors_get_f32(builder->tensors, name, SAFETENSORS_SHAPE((size_t)outputs),
                                builder->bias[at], diag);
    return r;
}

/* The dense layer that an entry folds into; NULL if there is none or it is activated already. */
static struct mlp_layer *open_layer(struct builder *builder)
{
    if (builder->count == 0 || builder->activated[builder->count - 1])
        return NULL;
    return &builder->layer[builder->count - 1];
}

static int read_batchnorm(struct builder *builder, const cJSON *entry, const char *prefix,
                          struct diag *diag)
{
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    struct mlp_layer *layer = open_layer(builder);
    if (!layer)
        return diag_set(diag, "must follow a dense layer at once");
    double epsilon = 1e-5;
    int r = json_get_number(entry, "epsilon", false, 1e-12, 1, &epsilon, diag);
    size_t width = layer->outputs;
    float *values = malloc(4 * width * sizeof *values);
    if (!values)
        return diag_errno(diag, ENOMEM, "%s", prefix);
    for (size_t i = 0; r == 0 && i < 4; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s.%s", prefix, names[i]);
        r = safetensors_get_f32(builder->tensors, name, SAFETENSORS_SHAPE(width),
                                values + i * width, diag);
    }
    for (size_t i = 0; r == 0 && i < width; i++) {
        if (values[3 * width + i] < 0)
            r = diag_set(diag, "%s.running_var: entry %zu is negative", prefix, i);
    }
    if (r == 0) {
        const struct batchnorm_parameters norm = {.weight = values,
                                                  .bias = values + width,
                                                  .running_mean = values + 2 * width,
                                                  .running_var = values + 3 * width,
                                                  .epsilon = epsilon};
        mlp_fold_batchnorm(width, layer->inputs, builder->weight[builder->count - 1],
                           builder->bias[builder->count - 1], &norm);
    }
    free(values);
    return r;
}

static int set_activation(struct builder *builder, enum nn_activation activation, double slope,
                          struct diag *diag)
{
    struct mlp_layer *layer = open_layer(builder);
    if (!layer)
        return diag_set(diag, "must follow a dense layer or its batchnorm");
    layer->activation = activation;
    layer->slope = (float)slope;
    builder->activated[builder->count - 1] = true;
    return 0;
}

static int read_relu(struct builder *builder, const cJSON *entry, const char *prefix,
                     struct diag *diag)
{
    return set_activation(builder, NN_RELU, 0, diag);
}

static int read_sigmoid(struct builder *builder, const cJSON *entry, const char *prefix,
                        struct diag *diag)
{
    return set_activation(builder, NN_SIGMOID, 0, diag);
}

static int read_leaky_relu(struct builder *builder, const cJSON *entry, const char *prefix,
                           struct diag *diag)
{
    double slope = 0.2;
    int r = json_get_number(entry, "slope", false, 0, 1, &slope, diag);
    return r < 0 ? r : set_activation(builder, NN_LEAKY_RELU, slope, diag);
}

static int read_dropout(struct builder *builder, const cJSON *entry, const char *prefix,
                        struct diag *diag)
{
    return 0; /* the identity outside training */
}

static const struct {
    const char *kind;
    layer_reader *read;
} readers[] = {
    {"dense", read_dense},           {"batchnorm", read_batchnorm}, {"relu", read_relu},
    {"leaky_relu", read_leaky_relu}, {"sigmoid", read_sigmoid},     {"dropout", read_dropout},
};

static int read_layer(struct builder *builder, const cJSON *entry, const char *prefix,
                      struct diag *diag)
{
    const char *kind;
    int r = json_get_string(entry, "kind", true, 32, &kind, diag);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        if (!strcmp(kind, readers[i].kind))
            return readers[i].read(builder, entry, prefix, diag);
    }
    return diag_set(diag,
                    "kind \"%s\", must be dense, batchnorm, relu, leaky_relu, sigmoid or "
                    "dropout",
                    kind);
}

static int read_part(struct builder *builder, const cJSON *architecture, size_t detector,
                     const char *part, struct diag *diag)
{
    const cJSON *list, *entry;
    int r = json_get_array(architecture, part, true, &list, diag);
    if (r < 0)
        return r;
    if (cJSON_GetArraySize(list) > NETWORK_FILE_LAYERS_MAX)
        return diag_set(diag, "%s: more than %d layers", part, NETWORK_FILE_LAYERS_MAX);
    size_t index = 0;
    cJSON_ArrayForEach(entry, list)
    {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "%zu.%s.%zu", detector, part, index);
        r = read_layer(builder, entry, prefix, diag);
        if (r < 0) {
            diag_prefix(diag, "architecture: %s: layer %zu", part, index);
            return r;
        }
        index++;
    }
    return 0;
}

int network_file_load_mlp(const cJSON *config, const struct safetensors *tensors, size_t detector,
                          size_t max_batch, struct mlp **ret_mlp, struct diag *diag)
{
    const cJSON *architecture;
    struct builder builder = {.tensors = tensors};
    int r = json_get_object(config, "architecture", true, &architecture, diag);
    if (r == 0)
        r = read_part(&builder, architecture, detector, "encoder", diag);
    if (r == 0)
        r = read_part(&builder, architecture, detector, "decoder", diag);
    if (r == 0 && builder.count == 0)
        r = diag_set(diag, "architecture: no dense layer");
    if (r == 0 && !(*ret_mlp = mlp_new(builder.layer, builder.count, max_batch)))
        r = diag_errno(diag, ENOMEM, "network");
    for (size_t i = 0; i < builder.count; i++) {
        free(builder.weight[i]);
        free(builder.bias[i]);
    }
    return r;
}
