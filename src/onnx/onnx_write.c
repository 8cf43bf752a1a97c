/*
 * From the plain structs to those of protobuf-c, which borrow every text and number, and are packed
 * at once.
 */
#include "onnx/onnx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <onnx.pb-c.h>

typedef Armwatch__Onnx__Attribute pb_attribute;
typedef Armwatch__Onnx__Entry pb_entry;
typedef Armwatch__Onnx__Graph pb_graph;
typedef Armwatch__Onnx__Model pb_model;
typedef Armwatch__Onnx__Node pb_node;
typedef Armwatch__Onnx__Shape__Dimension pb_dimension;
typedef Armwatch__Onnx__Tensor pb_tensor;
typedef Armwatch__Onnx__Value pb_value;

/* The memory of what is packed: everything taken from it is there, or `failed` is set and nothing
 * is packed. */
struct writer {
    struct onnx_memory memory;
};

static void *take(struct writer *writer, size_t size)
{
    return onnx_memory_take(&writer->memory, size);
}

static ProtobufCBinaryData bytes_of(const char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

/* A list of `count` messages of a size, and the pointers to them; NULL when memory is out. */
static void *take_messages(struct writer *writer, size_t count, size_t size, void ***ret_pointers)
{
    unsigned char *messages = take(writer, count * size);
    void **pointers = take(writer, count * sizeof *pointers);
    if (!messages || !pointers)
        return NULL;
    for (size_t i = 0; i < count; i++)
        pointers[i] = messages + i * size;
    *ret_pointers = pointers;
    return messages;
}

static ProtobufCBinaryData *copy_texts(struct writer *writer, const char *const *texts,
                                       size_t count)
{
    ProtobufCBinaryData *list = take(writer, count * sizeof *list);
    for (size_t i = 0; list && i < count; i++)
        list[i] = bytes_of(texts[i]);
    return list;
}

static bool fill_tensor(struct writer *writer, const struct onnx_tensor *tensor, pb_tensor *to)
{
    armwatch__onnx__tensor__init(to);
    to->has_name = true;
    to->name = bytes_of(tensor->name);
    to->has_data_type = true;
    to->data_type = tensor->type;
    to->n_dims = tensor->rank;
    to->dims = take(writer, tensor->rank * sizeof *to->dims);
    for (size_t i = 0; to->dims && i < tensor->rank; i++)
        to->dims[i] = (int64_t)tensor->dims[i];
    size_t size = tensor->type == ONNX_FLOAT || tensor->type == ONNX_INT32 ? 4 : 8;
    to->has_raw_data = true;
    to->raw_data =
        (ProtobufCBinaryData){.len = tensor->count * size, .data = (uint8_t *)tensor->raw};
    return to->dims != NULL;
}

static void fill_attribute(const struct onnx_attribute *attribute, pb_attribute *to)
{
    armwatch__onnx__attribute__init(to);
    to->has_name = true;
    to->name = bytes_of(attribute->name);
    to->has_type = true;
    to->type = (int32_t)attribute->kind;
    if (attribute->kind == ONNX_ATTRIBUTE_FLOAT) {
        to->has_f = true;
        to->f = attribute->f;
    } else if (attribute->kind == ONNX_ATTRIBUTE_INT) {
        to->has_i = true;
        to->i = attribute->i;
    } else if (attribute->kind == ONNX_ATTRIBUTE_INTS) {
        to->n_ints = attribute->count;
        to->ints = (int64_t *)attribute->ints;
    }
}

static bool fill_node(struct writer *writer, const struct onnx_node *node, pb_node *to)
{
    armwatch__onnx__node__init(to);
    to->has_name = to->has_op_type = true;
    to->name = bytes_of(node->name);
    to->op_type = bytes_of(node->op);
    to->n_input = node->inputs;
    to->input = copy_texts(writer, node->input, node->inputs);
    to->n_output = node->outputs;
    to->output = copy_texts(writer, node->output, node->outputs);
    void **pointers = NULL;
    pb_attribute *list = take_messages(writer, node->attributes, sizeof(pb_attribute), &pointers);
    for (size_t i = 0; list && i < node->attributes; i++)
        fill_attribute(&node->attribute[i], &list[i]);
    to->n_attribute = node->attributes;
    to->attribute = (pb_attribute **)pointers;
    return to->input && to->output && list;
}

static bool fill_value(struct writer *writer, const struct onnx_value *value, pb_value *to)
{
    void **pointers = NULL;
    armwatch__onnx__value__init(to);
    to->has_name = true;
    to->name = bytes_of(value->name);
    Armwatch__Onnx__Type *type = take(writer, sizeof *type);
    Armwatch__Onnx__Type__TensorType *tensor = take(writer, sizeof *tensor);
    Armwatch__Onnx__Shape *shape = take(writer, sizeof *shape);
    pb_dimension *list = take_messages(writer, value->rank, sizeof(pb_dimension), &pointers);
    if (!type || !tensor || !shape || !list)
        return false;
    armwatch__onnx__type__init(type);
    armwatch__onnx__type__tensor_type__init(tensor);
    armwatch__onnx__shape__init(shape);
    to->type = type;
    type->tensor_type = tensor;
    tensor->has_elem_type = true;
    tensor->elem_type = value->type;
    tensor->shape = shape;
    shape->n_dim = value->rank;
    shape->dim = (pb_dimension **)pointers;
    for (size_t i = 0; i < value->rank; i++) {
        armwatch__onnx__shape__dimension__init(&list[i]);
        bool free_size = value->dims[i] < 0;
        list[i].value_case = free_size ? ARMWATCH__ONNX__SHAPE__DIMENSION__VALUE_DIM_PARAM
                                       : ARMWATCH__ONNX__SHAPE__DIMENSION__VALUE_DIM_VALUE;
        if (free_size)
            list[i].dim_param = bytes_of("N");
        else
            list[i].dim_value = value->dims[i];
    }
    return true;
}

static bool fill_values(struct writer *writer, const struct onnx_value *values, size_t count,
                        pb_value ***ret_list)
{
    void **pointers = NULL;
    pb_value *list = take_messages(writer, count, sizeof(pb_value), &pointers);
    bool good = list != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = fill_value(writer, &values[i], &list[i]);
    *ret_list = (pb_value **)pointers;
    return good;
}

static bool fill_nodes(struct writer *writer, const struct onnx_model *model, pb_graph *graph)
{
    void **pointers = NULL;
    pb_node *list = take_messages(writer, model->nodes, sizeof(pb_node), &pointers);
    bool good = list != NULL;
    for (size_t i = 0; good && i < model->nodes; i++)
        good = fill_node(writer, &model->node[i], &list[i]);
    graph->n_node = model->nodes;
    graph->node = (pb_node **)pointers;
    return good;
}

static bool fill_constants(struct writer *writer, const struct onnx_model *model, pb_graph *graph)
{
    void **pointers = NULL;
    pb_tensor *list = take_messages(writer, model->constants, sizeof(pb_tensor), &pointers);
    bool good = list != NULL;
    for (size_t i = 0; good && i < model->constants; i++)
        good = fill_tensor(writer, &model->constant[i], &list[i]);
    graph->n_initializer = model->constants;
    graph->initializer = (pb_tensor **)pointers;
    return good;
}

static bool fill_graph(struct writer *writer, const struct onnx_model *model, pb_graph *graph)
{
    armwatch__onnx__graph__init(graph);
    graph->has_name = true;
    graph->name = bytes_of(model->graph);
    graph->n_input = model->inputs;
    graph->n_output = model->outputs;
    return fill_nodes(writer, model, graph) && fill_constants(writer, model, graph) &&
           fill_values(writer, model->input, model->inputs, &graph->input) &&
           fill_values(writer, model->output, model->outputs, &graph->output);
}

static bool fill_entries(struct writer *writer, const struct onnx_model *model, pb_model *to)
{
    void **pointers = NULL;
    pb_entry *list = take_messages(writer, model->entries, sizeof(pb_entry), &pointers);
    for (size_t i = 0; list && i < model->entries; i++) {
        armwatch__onnx__entry__init(&list[i]);
        list[i].has_key = list[i].has_value = true;
        list[i].key = bytes_of(model->entry[i].key);
        list[i].value = bytes_of(model->entry[i].value);
    }
    to->n_metadata_props = model->entries;
    to->metadata_props = (pb_entry **)pointers;
    return list != NULL;
}

int onnx_write(const struct onnx_model *model, void **ret_data, size_t *ret_size)
{
    struct writer writer;
    pb_model to = ARMWATCH__ONNX__MODEL__INIT;
    pb_graph graph;
    Armwatch__Onnx__OperatorSet set = ARMWATCH__ONNX__OPERATOR_SET__INIT, *sets = &set;
    onnx_memory_init(&writer.memory, SIZE_MAX);
    to.has_ir_version = to.has_producer_name = to.has_producer_version = true;
    to.ir_version = model->ir_version;
    to.producer_name = bytes_of(model->producer);
    to.producer_version = bytes_of(model->producer_version);
    set.has_domain = set.has_version = true;
    set.domain = bytes_of("");
    set.version = model->opset;
    to.n_opset_import = 1;
    to.opset_import = &sets;
    to.graph = &graph;
    bool good = fill_graph(&writer, model, &graph) && fill_entries(&writer, model, &to);
    void *data = NULL;
    if (good) {
        *ret_size = armwatch__onnx__model__get_packed_size(&to);
        data = malloc(*ret_size);
    }
    if (data)
        armwatch__onnx__model__pack(&to, data);
    onnx_memory_deinit(&writer.memory);
    *ret_data = data;
    return data ? 0 : -ENOMEM;
}
