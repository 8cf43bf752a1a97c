#include "lab/architecture.h"

#include <assert.h>
#include <string.h>

static const char *const names[ARCHITECTURE_KINDS] = {"basic", "deep"};

const char *architecture_kind_name(enum architecture_kind kind)
{
    return names[kind];
}

bool architecture_kind_from_name(const char *name, enum architecture_kind *ret_kind)
{
    for (int i = 0; i < ARCHITECTURE_KINDS; i++)
        if (strcmp(names[i], name) == 0) {
            *ret_kind = (enum architecture_kind)i;
            return true;
        }
    return false;
}

static void add(struct architecture *architecture, enum nn_layer_kind kind, size_t outputs)
{
    assert(architecture->count < ARCHITECTURE_LAYERS_MAX);
    architecture->layers[architecture->count++] = (struct nn_layer_spec){kind, outputs, 0};
}

static void add_block(struct architecture *architecture, enum architecture_kind kind,
                      size_t outputs)
{
    add(architecture, NN_LAYER_DENSE, outputs);
    if (kind == ARCHITECTURE_DEEP)
        add(architecture, NN_LAYER_BATCHNORM, 0);
    add(architecture, NN_LAYER_RELU, 0);
}

struct architecture architecture_make(size_t width, const struct architecture_options *options)
{
    struct architecture architecture = {.count = 0};
    add_block(&architecture, options->kind, 64);
    add_block(&architecture, options->kind, 32);
    architecture.encoder_count = architecture.count;
    if (options->second_decoder_layer)
        add_block(&architecture, options->kind, options->kind == ARCHITECTURE_DEEP ? 32 : 64);
    add_block(&architecture, options->kind, 64);
    add(&architecture, NN_LAYER_DENSE, width);
    if (options->sigmoid)
        add(&architecture, NN_LAYER_SIGMOID, 0);
    return architecture;
}
