/*
 * Everything that was unpacked is in the model's memory, so numbers are not copied once more: a
 * tensor points to where they were unpacked.
 */
#include "base/json.h"
#include "onnx/onnx.h"

#include <errno.h>
#include <string.h>

#include <onnx.pb-c.h>

#define INPUTS_MAX 64 /* of a node; outputs and attributes, too */

typedef Armwatch__Onnx__Attribute pb_attribute;
typedef Armwatch__Onnx__Graph pb_graph;
typedef Armwatch__Onnx__Model pb_model;
typedef Armwatch__Onnx__Node pb_node;
typedef Armwatch__Onnx__Tensor pb_tensor;
typedef Armwatch__Onnx__Value pb_value;

static void *take(void *memory, size_t size)
{
    return onnx_memory_take(memory, size);
}

static void give_back(void *memory, void *block)
{
    /* all of it is given back at once */
}

/* What could not be taken, in words. */
static int out_of_memory(const struct onnx_model *model, struct diag *diag)
{
    if (model->memory.full)
        return diag_set(diag, "it unfolds to over %zu MiB", ONNX_UNFOLDED_MAX >> 20);
    return diag_errno(diag, ENOMEM, "ONNX file");
}

static void *take_list(struct onnx_model *model, size_t count, size_t size)
{
    return onnx_memory_take(&model->memory, count * size); /* count is bounded */
}

static int check_count(size_t count, size_t most, const char *what, struct diag *diag)
{
    return count <= most ? 0 : diag_set(diag, "%zu %s, at most %zu are read", count, what, most);
}

static int read_text(struct onnx_model *model, ProtobufCBinaryData bytes, const char **ret_text,
                     struct diag *diag)
{
    if (bytes.len > ONNX_NAME_MAX)
        return diag_set(diag, "a name of %zu bytes, at most %d are allowed", bytes.len,
                        ONNX_NAME_MAX);
    char *text = onnx_memory_text(&model->memory, bytes.data, bytes.len);
    if (!text)
        return out_of_memory(model, diag);
    for (size_t i = 0; i < bytes.len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return diag_set(diag, "a control character in a name");
    }
    if (!json_is_utf8(text))
        return diag_set(diag, "a name that is not UTF-8");
    *ret_text = text;
    return 0;
}

static int read_texts(struct onnx_model *model, ProtobufCBinaryData *bytes, size_t count,
                      const char ***ret_texts, struct diag *diag)
{
    int r = check_count(count, INPUTS_MAX, "inputs or outputs of a node", diag);
    if (r < 0)
        return r;
    *ret_texts = take_list(model, count, sizeof **ret_texts);
    if (!*ret_texts)
        return out_of_memory(model, diag);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = read_text(model, bytes[i], &(*ret_texts)[i], diag);
    return r;
}

/* ---- tensors */

static size_t element_size(int type)
{
    return type == ONNX_FLOAT || type == ONNX_INT32    ? 4
           : type == ONNX_DOUBLE || type == ONNX_INT64 ? 8
                                                       : 0;
}

static int read_shape(const pb_tensor *from, struct onnx_tensor *tensor, struct diag *diag)
{
    if (from->n_dims > ONNX_RANK_MAX)
        return diag_set(diag, "%zu dimensions, at most %d are read", from->n_dims, ONNX_RANK_MAX);
    tensor->rank = from->n_dims;
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        int64_t size = from->dims[i];
        if (size < 0 || (uint64_t)size > ONNX_FILE_MAX ||
            (size > 0 && tensor->count > ONNX_FILE_MAX / (size_t)size))
            return diag_set(diag, "dimension %zu is %lld", i, (long long)size);
        tensor->dims[i] = (size_t)size;
        tensor->count *= (size_t)size;
    }
    return 0;
}

/* That there are as many numbers as the shape asks for, in one place. */
static int read_numbers(const pb_tensor *from, struct onnx_tensor *tensor, struct diag *diag)
{
    size_t size = element_size(tensor->type), listed = 0;
    if (size == 0)
        return 0; /* of a type that is not read: only an error if somebody wants it */
    if (from->has_raw_data) {
        tensor->raw = from->raw_data.data;
        return from->raw_data.len == tensor->count * size
                   ? 0
                   : diag_set(diag, "%zu bytes for %zu numbers of %zu bytes", from->raw_data.len,
                              tensor->count, size);
    }
    switch (tensor->type) {
    case ONNX_FLOAT:
        tensor->floats = from->float_data;
        listed = from->n_float_data;
        break;
    case ONNX_DOUBLE:
        tensor->doubles = from->double_data;
        listed = from->n_double_data;
        break;
    case ONNX_INT64:
        tensor->int64s = from->int64_data;
        listed = from->n_int64_data;
        break;
    default:
        tensor->int32s = from->int32_data;
        listed = from->n_int32_data;
        break;
    }
    return listed == tensor->count
               ? 0
               : diag_set(diag, "%zu numbers, its shape asks for %zu", listed, tensor->count);
}

static int read_tensor(struct onnx_model *model, const pb_tensor *from, struct onnx_tensor *tensor,
                       struct diag *diag)
{
    tensor->name = "";
    int r = from->has_name ? read_text(model, from->name, &tensor->name, diag) : 0;
    if (r < 0)
        return r;
    tensor->type = from->data_type;
    if (from->n_external_data > 0 || from->data_location != 0)
        r = diag_set(diag, "its numbers are in another file: save the model with them inside");
    else if (from->has_segment)
        r = diag_set(diag, "it is one segment of several");
    if (r == 0)
        r = read_shape(from, tensor, diag);
    if (r == 0)
        r = read_numbers(from, tensor, diag);
    if (r < 0)
        diag_prefix(diag, "tensor \"%.80s\"", tensor->name);
    return r;
}

/* ---- nodes */

static int read_attribute(struct onnx_model *model, const pb_attribute *from,
                          struct onnx_attribute *attribute, struct diag *diag)
{
    attribute->name = attribute->s = "";
    int r = from->has_name ? read_text(model, from->name, &attribute->name, diag) : 0;
    if (r < 0)
        return r;
    attribute->kind = from->type >= 1 && from->type <= 7 && from->type != 5
                          ? (enum onnx_attribute_kind)from->type
                          : ONNX_ATTRIBUTE_OTHER;
    attribute->f = from->f;
    attribute->i = from->i;
    if (attribute->kind == ONNX_ATTRIBUTE_FLOATS) {
        attribute->floats = from->floats;
        attribute->count = from->n_floats;
    } else if (attribute->kind == ONNX_ATTRIBUTE_INTS) {
        attribute->ints = from->ints;
        attribute->count = from->n_ints;
    } else if (attribute->kind == ONNX_ATTRIBUTE_STRING && from->has_s) {
        r = read_text(model, from->s, &attribute->s, diag);
    } else if (attribute->kind == ONNX_ATTRIBUTE_TENSOR) {
        struct onnx_tensor *tensor = onnx_memory_take(&model->memory, sizeof *tensor);
        attribute->t = tensor;
        r = !tensor   ? out_of_memory(model, diag)
            : from->t ? read_tensor(model, from->t, tensor, diag)
                      : diag_set(diag, "attribute \"%.80s\": no tensor", attribute->name);
    }
    return r;
}

static int read_attributes(struct onnx_model *model, const pb_node *from, struct onnx_node *node,
                           struct diag *diag)
{
    int r = check_count(from->n_attribute, INPUTS_MAX, "attributes of a node", diag);
    if (r < 0)
        return r;
    node->attributes = from->n_attribute;
    node->attribute = take_list(model, from->n_attribute, sizeof *node->attribute);
    if (!node->attribute)
        return out_of_memory(model, diag);
    for (size_t i = 0; r == 0 && i < from->n_attribute; i++)
        r = read_attribute(model, from->attribute[i], &node->attribute[i], diag);
    return r;
}

static int read_node(struct onnx_model *model, const pb_node *from, struct onnx_node *node,
                     struct diag *diag)
{
    node->op = node->name = node->domain = "";
    int r = from->has_op_type ? read_text(model, from->op_type, &node->op, diag) : 0;
    if (r == 0 && from->has_name)
        r = read_text(model, from->name, &node->name, diag);
    if (r == 0 && from->has_domain)
        r = read_text(model, from->domain, &node->domain, diag);
    node->inputs = from->n_input;
    node->outputs = from->n_output;
    if (r == 0)
        r = read_texts(model, from->input, from->n_input, &node->input, diag);
    if (r == 0)
        r = read_texts(model, from->output, from->n_output, &node->output, diag);
    return r < 0 ? r : read_attributes(model, from, node, diag);
}

/* ---- the graph */

static int read_value(struct onnx_model *model, const pb_value *from, struct onnx_value *value,
                      struct diag *diag)
{
    value->name = "";
    int r = from->has_name ? read_text(model, from->name, &value->name, diag) : 0;
    if (r < 0 || !from->type || !from->type->tensor_type)
        return r;
    value->type = from->type->tensor_type->elem_type;
    const Armwatch__Onnx__Shape *shape = from->type->tensor_type->shape;
    if (!shape)
        return 0;
    if (shape->n_dim > ONNX_RANK_MAX)
        return diag_set(diag, "\"%.80s\": %zu dimensions, at most %d are read", value->name,
                        shape->n_dim, ONNX_RANK_MAX);
    value->shaped = true;
    value->rank = shape->n_dim;
    for (size_t i = 0; i < value->rank; i++)
        value->dims[i] =
            shape->dim[i]->value_case == ARMWATCH__ONNX__SHAPE__DIMENSION__VALUE_DIM_VALUE &&
                    shape->dim[i]->dim_value > 0
                ? shape->dim[i]->dim_value
                : -1;
    return 0;
}

static int read_values(struct onnx_model *model, pb_value *const *from, size_t count,
                       struct onnx_value **ret_values, struct diag *diag)
{
    int r = check_count(count, ONNX_LIST_MAX, "inputs or outputs", diag);
    if (r < 0)
        return r;
    *ret_values = take_list(model, count, sizeof **ret_values);
    if (!*ret_values)
        return out_of_memory(model, diag);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = read_value(model, from[i], &(*ret_values)[i], diag);
    return r;
}

static int read_nodes(struct onnx_model *model, const pb_graph *graph, struct diag *diag)
{
    int r = check_count(graph->n_node, ONNX_LIST_MAX, "nodes", diag);
    if (r < 0)
        return r;
    model->nodes = graph->n_node;
    model->node = take_list(model, graph->n_node, sizeof *model->node);
    if (!model->node)
        return out_of_memory(model, diag);
    for (size_t i = 0; r == 0 && i < graph->n_node; i++) {
        r = read_node(model, graph->node[i], &model->node[i], diag);
        if (r == -EINVAL)
            diag_prefix(diag, "node %zu", i);
    }
    return r;
}

static int read_constants(struct onnx_model *model, const pb_graph *graph, struct diag *diag)
{
    int r = check_count(graph->n_initializer, ONNX_LIST_MAX, "initializers", diag);
    if (r == 0 && graph->n_sparse_initializer > 0)
        r = diag_set(diag, "sparse initializers are not read");
    if (r < 0)
        return r;
    model->constants = graph->n_initializer;
    model->constant = take_list(model, graph->n_initializer, sizeof *model->constant);
    if (!model->constant)
        return out_of_memory(model, diag);
    for (size_t i = 0; r == 0 && i < graph->n_initializer; i++)
        r = read_tensor(model, graph->initializer[i], &model->constant[i], diag);
    return r;
}

static int read_graph(struct onnx_model *model, const pb_graph *graph, struct diag *diag)
{
    if (!graph)
        return diag_set(diag, "there is no graph in it");
    model->inputs = graph->n_input;
    model->outputs = graph->n_output;
    int r = graph->has_name ? read_text(model, graph->name, &model->graph, diag) : 0;
    if (r == 0)
        r = read_nodes(model, graph, diag);
    if (r == 0)
        r = read_constants(model, graph, diag);
    if (r == 0)
        r = read_values(model, graph->input, graph->n_input, &model->input, diag);
    return r < 0 ? r : read_values(model, graph->output, graph->n_output, &model->output, diag);
}

static int read_entries(struct onnx_model *model, const pb_model *from, struct diag *diag)
{
    int r = check_count(from->n_metadata_props, ONNX_LIST_MAX, "metadata entries", diag);
    if (r < 0)
        return r;
    model->entries = from->n_metadata_props;
    model->entry = take_list(model, model->entries, sizeof *model->entry);
    if (!model->entry)
        return out_of_memory(model, diag);
    for (size_t i = 0; i < model->entries; i++) {
        const Armwatch__Onnx__Entry *entry = from->metadata_props[i];
        model->entry[i].key = onnx_memory_text(&model->memory, entry->key.data, entry->key.len);
        model->entry[i].value =
            onnx_memory_text(&model->memory, entry->value.data, entry->value.len);
        if (!model->entry[i].key || !model->entry[i].value)
            return out_of_memory(model, diag);
    }
    return 0;
}

static int read_header(struct onnx_model *model, const pb_model *from, struct diag *diag)
{
    model->producer = model->producer_version = model->graph = "";
    model->ir_version = from->ir_version;
    int r =
        from->has_producer_name ? read_text(model, from->producer_name, &model->producer, diag) : 0;
    if (r == 0 && from->has_producer_version)
        r = read_text(model, from->producer_version, &model->producer_version, diag);
    if (r == 0 && from->n_functions > 0)
        r = diag_set(diag, "functions of its own are not read: export it with them inlined");
    for (size_t i = 0; r == 0 && i < from->n_opset_import; i++) {
        const Armwatch__Onnx__OperatorSet *set = from->opset_import[i];
        bool standard = set->domain.len == 0 ||
                        (set->domain.len == 7 && memcmp(set->domain.data, "ai.onnx", 7) == 0);
        if (standard)
            model->opset = set->version;
    }
    if (r == 0 && (from->ir_version < 1 || model->opset < 1))
        r = diag_set(diag, "no IR version or no operator set is named: is it an ONNX file?");
    return r;
}

int onnx_read(const void *data, size_t size, struct onnx_model *ret_model, struct diag *diag)
{
    *ret_model = (struct onnx_model){0};
    if (size == 0 || size > ONNX_FILE_MAX)
        return diag_set(diag, "%zu bytes, must be 1 to %zu", size, ONNX_FILE_MAX);
    onnx_memory_init(&ret_model->memory, ONNX_UNFOLDED_MAX);
    ProtobufCAllocator allocator = {
        .alloc = take, .free = give_back, .allocator_data = &ret_model->memory};
    const pb_model *from = armwatch__onnx__model__unpack(&allocator, size, data);
    if (!from && (ret_model->memory.full || ret_model->memory.failed))
        return out_of_memory(ret_model, diag);
    if (!from)
        return diag_set(diag, "not an ONNX file: its protobuf cannot be read");
    int r = read_header(ret_model, from, diag);
    if (r == 0)
        r = read_graph(ret_model, from->graph, diag);
    return r < 0 ? r : read_entries(ret_model, from, diag);
}
