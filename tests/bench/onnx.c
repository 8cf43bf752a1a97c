/*
 * A message is written into a buffer of its own, and that into the message around it.
 */
#include "onnx.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum wire { VARINT = 0, BYTES = 2 };
enum { FLOAT_TENSOR = 1, IR_VERSION = 8, OPSET = 13, ATTRIBUTE_INT = 2 };

/* Field numbers, by message. */
enum { MODEL_IR_VERSION = 1, MODEL_GRAPH = 7, MODEL_OPSET = 8 };
enum { OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_OPERATOR = 4, NODE_ATTRIBUTE = 5 };
enum { ATTRIBUTE_NAME = 1, ATTRIBUTE_I = 3, ATTRIBUTE_TYPE = 20 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE = 2, TENSOR_NAME = 8, TENSOR_RAW = 9 };
enum { VALUE_NAME = 1, VALUE_TYPE = 2, TYPE_TENSOR = 1, TENSOR_TYPE_ELEMENT = 1 };
enum { TENSOR_TYPE_SHAPE = 2, SHAPE_DIM = 1, DIM_VALUE = 1, DIM_PARAMETER = 2 };

struct message {
    unsigned char *data;
    size_t size, capacity;
};

static void put_bytes(struct message *message, const void *data, size_t size)
{
    if (message->size + size > message->capacity) {
        message->capacity = 2 * (message->size + size);
        message->data = realloc(message->data, message->capacity);
        assert(message->data);
    }
    memcpy(message->data + message->size, data, size);
    message->size += size;
}

static void put_varint(struct message *message, uint64_t value)
{
    do {
        unsigned char byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        put_bytes(message, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_number(struct message *message, unsigned field, uint64_t value)
{
    put_varint(message, field << 3 | VARINT);
    put_varint(message, value);
}

static void put_block(struct message *message, unsigned field, const void *data, size_t size)
{
    put_varint(message, field << 3 | BYTES);
    put_varint(message, size);
    put_bytes(message, data, size);
}

static void put_text(struct message *message, unsigned field, const char *text)
{
    put_block(message, field, text, strlen(text));
}

/* The inner message is written, and freed. */
static void put_message(struct message *message, unsigned field, struct message inner)
{
    put_block(message, field, inner.data, inner.size);
    free(inner.data);
}

static void put_tensor(struct message *graph, const char *name, const float *data, size_t rows,
                       size_t columns)
{
    struct message tensor = {0};
    put_number(&tensor, TENSOR_DIMS, rows);
    if (columns > 0)
        put_number(&tensor, TENSOR_DIMS, columns);
    put_number(&tensor, TENSOR_TYPE, FLOAT_TENSOR);
    put_text(&tensor, TENSOR_NAME, name);
    put_block(&tensor, TENSOR_RAW, data, rows * (columns > 0 ? columns : 1) * sizeof(float));
    put_message(graph, GRAPH_INITIALIZER, tensor);
}

static void put_value(struct message *graph, unsigned field, const char *name, size_t width)
{
    struct message batch = {0}, columns = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    put_text(&batch, DIM_PARAMETER, "N");
    put_number(&columns, DIM_VALUE, width);
    put_message(&shape, SHAPE_DIM, batch);
    put_message(&shape, SHAPE_DIM, columns);
    put_number(&tensor, TENSOR_TYPE_ELEMENT, FLOAT_TENSOR);
    put_message(&tensor, TENSOR_TYPE_SHAPE, shape);
    put_message(&type, TYPE_TENSOR, tensor);
    put_text(&value, VALUE_NAME, name);
    put_message(&value, VALUE_TYPE, type);
    put_message(graph, field, value);
}

static void put_gemm(struct message *graph, const char *x, const char *weight, const char *bias,
                     const char *y)
{
    struct message node = {0}, transposed = {0};
    put_text(&node, NODE_INPUT, x);
    put_text(&node, NODE_INPUT, weight);
    put_text(&node, NODE_INPUT, bias);
    put_text(&node, NODE_OUTPUT, y);
    put_text(&node, NODE_OPERATOR, "Gemm");
    put_text(&transposed, ATTRIBUTE_NAME, "transB");
    put_number(&transposed, ATTRIBUTE_I, 1);
    put_number(&transposed, ATTRIBUTE_TYPE, ATTRIBUTE_INT);
    put_message(&node, NODE_ATTRIBUTE, transposed);
    put_message(graph, GRAPH_NODE, node);
}

static void put_relu(struct message *graph, const char *x, const char *y)
{
    struct message node = {0};
    put_text(&node, NODE_INPUT, x);
    put_text(&node, NODE_OUTPUT, y);
    put_text(&node, NODE_OPERATOR, "Relu");
    put_message(graph, GRAPH_NODE, node);
}

static void put_layer(struct message *graph, const struct mlp_layer *layer, size_t number,
                      bool last)
{
    char x[24], weight[24], bias[24], sum[24], y[24];
    assert(layer->activation == NN_LINEAR || layer->activation == NN_RELU);
    snprintf(x, sizeof x, number ? "h%zu" : "x", number);
    snprintf(y, sizeof y, last ? "y" : "h%zu", number + 1);
    snprintf(sum, sizeof sum, "s%zu", number);
    snprintf(weight, sizeof weight, "w%zu", number);
    snprintf(bias, sizeof bias, "b%zu", number);
    put_tensor(graph, weight, layer->weight, layer->outputs, layer->inputs);
    put_tensor(graph, bias, layer->bias, layer->outputs, 0);
    put_gemm(graph, x, weight, bias, layer->activation == NN_RELU ? sum : y);
    if (layer->activation == NN_RELU)
        put_relu(graph, sum, y);
}

unsigned char *onnx_write(const struct mlp_layer *layers, size_t count, size_t *ret_size)
{
    struct message graph = {0}, opset = {0}, model = {0};
    for (size_t l = 0; l < count; l++)
        put_layer(&graph, &layers[l], l, l + 1 == count);
    put_text(&graph, GRAPH_NAME, "network");
    put_value(&graph, GRAPH_INPUT, "x", layers[0].inputs);
    put_value(&graph, GRAPH_OUTPUT, "y", layers[count - 1].outputs);
    put_number(&model, MODEL_IR_VERSION, IR_VERSION);
    put_number(&opset, OPSET_VERSION, OPSET);
    put_message(&model, MODEL_OPSET, opset);
    put_message(&model, MODEL_GRAPH, graph);
    *ret_size = model.size;
    return model.data;
}
