/*
 * onnx_builder: a graph put together node by node.
 *
 * Values are called by what made them, a number behind it. Names that are given in stay the
 * caller's until the model is written; numbers are copied. A builder without memory goes on without
 * effect, and says so in `failed`: so a graph is written down without a check at each node. Thread:
 * any.
 */
#ifndef ARMWATCH_ONNX_ONNX_BUILDER_H
#define ARMWATCH_ONNX_ONNX_BUILDER_H

#include "onnx/onnx.h"

struct onnx_builder {
    struct onnx_model model; /* for onnx_write */
    size_t node_capacity, constant_capacity, entry_capacity;
    unsigned values;
    bool failed;
    struct onnx_attribute nowhere; /* what is set without memory */
};

void onnx_builder_init(struct onnx_builder *builder);
void onnx_builder_deinit(struct onnx_builder *builder);

/* Numbers of the graph: their name, never NULL. rows 0: [columns]; else [rows][columns]. */
struct onnx_extent {
    size_t rows, columns;
};
const char *onnx_builder_floats(struct onnx_builder *builder, struct onnx_extent extent,
                                const float *values);
const char *onnx_builder_doubles(struct onnx_builder *builder, struct onnx_extent extent,
                                 const double *values);
const char *onnx_builder_integers(struct onnx_builder *builder, size_t count,
                                  const int64_t *values);
const char *onnx_builder_double(struct onnx_builder *builder, double value); /* [1] */
const char *onnx_builder_float(struct onnx_builder *builder, float value);   /* [1] */

/* A node of one, two or three inputs: the name of its output, never NULL. */
const char *onnx_builder_1(struct onnx_builder *builder, const char *op, const char *input);
const char *onnx_builder_2(struct onnx_builder *builder, const char *op, const char *a,
                           const char *b);
const char *onnx_builder_3(struct onnx_builder *builder, const char *op, const char *a,
                           const char *b, const char *c);
/* A node of any inputs and outputs; ret_outputs NULL: it has one, which is returned. */
struct onnx_node_shape {
    size_t inputs, outputs;
    const char *const *input;
};
const char *onnx_builder_node(struct onnx_builder *builder, const char *op,
                              const struct onnx_node_shape *shape, const char **ret_outputs);
/* Its name for a value, as the graph's output has it. */
void onnx_builder_name(struct onnx_builder *builder, const char *value, const char *name);

/* Of the node that was made last. */
void onnx_builder_set_int(struct onnx_builder *builder, const char *name, int64_t value);
void onnx_builder_set_float(struct onnx_builder *builder, const char *name, float value);

/* Other shapes and types: nodes of their own. */
const char *onnx_builder_cast(struct onnx_builder *builder, const char *value, enum onnx_type type);
const char *onnx_builder_reshape(struct onnx_builder *builder, const char *value, size_t rank,
                                 const int64_t *dims);

/* Metadata; both are copied. */
void onnx_builder_entry(struct onnx_builder *builder, const char *key, const char *value);

#endif
