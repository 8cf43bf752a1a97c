#include "nn/spec.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    bool has_outputs;
    double limit; /* of parameter: 0 <= parameter < limit, or exactly 0 */
} kinds[NN_LAYER_KINDS] = {
    [NN_LAYER_DENSE] = {"dense", true, 0},
    [NN_LAYER_BATCHNORM] = {"batchnorm", false, 1},
    [NN_LAYER_LAYERNORM] = {"layernorm", false, 1},
    [NN_LAYER_RELU] = {"relu", false, 0},
    [NN_LAYER_LEAKY_RELU] = {"leaky_relu", false, 1},
    [NN_LAYER_SIGMOID] = {"sigmoid", false, 0},
    [NN_LAYER_DROPOUT] = {"dropout", false, 1},
};

const char *nn_layer_kind_name(enum nn_layer_kind kind)
{
    return kinds[kind].name;
}

bool nn_layer_kind_from_name(const char *name, enum nn_layer_kind *ret_kind)
{
    for (size_t i = 0; i < NN_LAYER_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *ret_kind = (enum nn_layer_kind)i;
            return true;
        }
    return false;
}

static int check_layer(const struct nn_layer_spec *layer, size_t width, struct diag *diag)
{
    if ((unsigned)layer->kind >= NN_LAYER_KINDS)
        return diag_set(diag, "unknown kind %d", (int)layer->kind);
    const char *name = kinds[layer->kind].name;
    double limit = kinds[layer->kind].limit;
    if (kinds[layer->kind].has_outputs && (layer->outputs == 0 || layer->outputs > NN_WIDTH_MAX))
        return diag_set(diag, "%s has %zu outputs; allowed are 1 to %zu", name, layer->outputs,
                        NN_WIDTH_MAX);
    if (!kinds[layer->kind].has_outputs && layer->outputs != 0 && layer->outputs != width)
        return diag_set(diag, "%s has %zu outputs; it keeps the width, %zu", name, layer->outputs,
                        width);
    if (limit == 0 && layer->parameter != 0)
        return diag_set(diag, "%s has the parameter %g; it takes none", name, layer->parameter);
    if (limit > 0 && !(layer->parameter >= 0 && layer->parameter < limit))
        return diag_set(diag, "%s has the parameter %g; allowed are 0 to below %g", name,
                        layer->parameter, limit);
    return 0;
}

int nn_spec_check(size_t inputs, const struct nn_layer_spec *layers, size_t count,
                  size_t *ret_outputs, struct diag *diag)
{
    if (inputs == 0 || inputs > NN_WIDTH_MAX)
        return diag_set(diag, "%zu inputs; allowed are 1 to %zu", inputs, NN_WIDTH_MAX);
    if (count == 0 || count > NN_LAYERS_MAX)
        return diag_set(diag, "%zu layers; allowed are 1 to %zu", count, NN_LAYERS_MAX);
    size_t width = inputs;
    for (size_t i = 0; i < count; i++) {
        int error = check_layer(&layers[i], width, diag);
        if (error) {
            diag_prefix(diag, "layer %zu", i);
            return error;
        }
        if (layers[i].kind == NN_LAYER_DENSE)
            width = layers[i].outputs;
    }
    if (ret_outputs)
        *ret_outputs = width;
    return 0;
}
