/*
 * architecture: the paper's two autoencoders as lists of layers.
 */
#ifndef ARMWATCH_LAB_ARCHITECTURE_H
#define ARMWATCH_LAB_ARCHITECTURE_H

#include "nn/spec.h"

#define ARCHITECTURE_LAYERS_MAX 32

enum architecture_kind {
    ARCHITECTURE_BASIC, /* dense and ReLU: 64, 32 | 64 */
    ARCHITECTURE_DEEP,  /* dense, BatchNorm and ReLU: 64, 32 | 64 */
    ARCHITECTURE_KINDS,
};

const char *architecture_kind_name(enum architecture_kind kind); /* "basic", "deep" */
bool architecture_kind_from_name(const char *name, enum architecture_kind *ret_kind);

struct architecture_options {
    enum architecture_kind kind;
    bool sigmoid; /* at the output, for data scaled to 0..1; else it is linear */
    /* The paper's decoders read either way: with one hidden layer, or with two (basic: 64, 64;
     * deep: 32, 64). */
    bool second_decoder_layer;
};

struct architecture {
    struct nn_layer_spec layers[ARCHITECTURE_LAYERS_MAX];
    size_t count;
    size_t encoder_count; /* the first layers, up to the bottleneck */
};

/* An autoencoder of that many inputs and outputs. */
struct architecture architecture_make(size_t width, const struct architecture_options *options);

#endif
