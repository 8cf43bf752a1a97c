/*
 * onnx: an ONNX file as plain structs: what is read from one, and what one is written from.
 *
 * Nothing is judged here but the container: names are UTF-8 without control characters, tensors
 * have the bytes that their shapes ask for, numbers of things are bounded, and nothing lies in
 * another file. What the nodes mean is the importer's matter. Thread: any. Source: the ONNX IR
 * specification (onnx/onnx, docs/IR.md).
 */
#ifndef ARMWATCH_ONNX_ONNX_H
#define ARMWATCH_ONNX_ONNX_H

#include "base/diag.h"
#include "onnx/onnx_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ONNX_FILE_MAX ((size_t)64 << 20)
#define ONNX_UNFOLDED_MAX ((size_t)192 << 20) /* bytes of a file that was read */
#define ONNX_RANK_MAX 8
#define ONNX_LIST_MAX 4096 /* nodes, constants, inputs, outputs */
#define ONNX_NAME_MAX 1024 /* bytes */

/* TensorProto.DataType */
enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_INT32 = 6,
    ONNX_INT64 = 7,
    ONNX_DOUBLE = 11,
};

/* The numbers are in raw (little-endian, of any alignment), else in the list of their type. */
struct onnx_tensor {
    const char *name;
    int type; /* one of onnx_type, or another: of which there are no numbers */
    size_t rank, dims[ONNX_RANK_MAX];
    size_t count; /* of elements */
    const unsigned char *raw;
    const float *floats;
    const double *doubles;
    const int64_t *int64s;
    const int32_t *int32s;
};

/* Copies its numbers, [count]: of FLOAT and DOUBLE, all finite; of INT32 and INT64. Errors: -EINVAL
 * with the name. */
int onnx_tensor_floats(const struct onnx_tensor *tensor, float *ret_values, struct diag *diag);
int onnx_tensor_integers(const struct onnx_tensor *tensor, int64_t *ret_values, struct diag *diag);

enum onnx_attribute_kind { /* AttributeProto.AttributeType */
                           ONNX_ATTRIBUTE_OTHER = 0,
                           ONNX_ATTRIBUTE_FLOAT = 1,
                           ONNX_ATTRIBUTE_INT = 2,
                           ONNX_ATTRIBUTE_STRING = 3,
                           ONNX_ATTRIBUTE_TENSOR = 4,
                           ONNX_ATTRIBUTE_FLOATS = 6,
                           ONNX_ATTRIBUTE_INTS = 7,
};

struct onnx_attribute {
    const char *name;
    enum onnx_attribute_kind kind;
    float f;
    int64_t i;
    const char *s;
    const struct onnx_tensor *t;
    size_t count;
    const float *floats;
    const int64_t *ints;
};

struct onnx_node {
    const char *op, *name, *domain;
    size_t inputs, outputs, attributes;
    const char **input, **output;
    struct onnx_attribute *attribute;
};

/* An input or output of the graph. */
struct onnx_value {
    const char *name;
    int type;    /* of its elements; 0: not said */
    bool shaped; /* else its shape is not said */
    size_t rank;
    int64_t dims[ONNX_RANK_MAX]; /* -1: free */
};

struct onnx_entry {
    const char *key, *value;
};

struct onnx_model {
    struct onnx_memory memory; /* of everything below */
    int64_t ir_version;
    int64_t opset; /* of the standard operators */
    const char *producer, *producer_version, *graph;
    size_t nodes, constants, inputs, outputs, entries;
    struct onnx_node *node;
    struct onnx_tensor *constant; /* "initializers" */
    struct onnx_value *input, *output;
    struct onnx_entry *entry; /* metadata_props */
};

/* From the bytes of a file, which are only borrowed. Memory: onnx_model_deinit, also after a
 * failure. Errors: -EINVAL with what is wrong in diag, -ENOMEM. */
int onnx_read(const void *data, size_t size, struct onnx_model *ret_model, struct diag *diag);
void onnx_model_deinit(struct onnx_model *model);

/* The bytes of the file. Memory: the caller frees *ret_data. Errors: -ENOMEM. */
int onnx_write(const struct onnx_model *model, void **ret_data, size_t *ret_size);

/* NULL: there is none of that name. */
const struct onnx_tensor *onnx_find_constant(const struct onnx_model *model, const char *name);
const struct onnx_attribute *onnx_find_attribute(const struct onnx_node *node, const char *name);

#endif
