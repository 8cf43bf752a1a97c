#include "onnx/onnx_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTRIBUTES_MAX 4 /* of a node that is made here */

void onnx_builder_init(struct onnx_builder *builder)
{
    *builder = (struct onnx_builder){0};
    onnx_memory_init(&builder->model.memory, SIZE_MAX);
}

void onnx_builder_deinit(struct onnx_builder *builder)
{
    onnx_model_deinit(&builder->model);
}

static void *take(struct onnx_builder *builder, size_t size)
{
    void *memory = onnx_memory_take(&builder->model.memory, size);
    builder->failed |= !memory;
    return memory;
}

/* Room for one more in a list; false when memory is out. Lists that were outgrown stay in the
 * memory until the end. */
static bool grow(struct onnx_builder *builder, void **list, size_t count, size_t *capacity,
                 size_t size)
{
    if (builder->failed || count < *capacity)
        return !builder->failed;
    size_t larger = *capacity ? 2 * *capacity : 32;
    void *memory = take(builder, larger * size);
    if (!memory)
        return false;
    if (count > 0)
        memcpy(memory, *list, count * size);
    *list = memory;
    *capacity = larger;
    return true;
}

static const char *new_name(struct onnx_builder *builder, const char *op)
{
    char text[64];
    int length = snprintf(text, sizeof text, "%s_%u", op, builder->values++);
    const char *name = onnx_memory_text(&builder->model.memory, text, (size_t)length);
    builder->failed |= !name;
    return name ? name : "";
}

/* ---- numbers */

static void put_little_endian(unsigned char *bytes, const void *value, size_t size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(bytes, value, size);
#else
    for (size_t i = 0; i < size; i++)
        bytes[i] = ((const unsigned char *)value)[size - 1 - i];
#endif
}

static const char *add_constant(struct onnx_builder *builder, enum onnx_type type,
                                struct onnx_extent extent, const void *values)
{
    size_t size = type == ONNX_FLOAT ? 4 : 8;
    size_t count = (extent.rows ? extent.rows : 1) * extent.columns;
    unsigned char *raw = take(builder, count * size);
    struct onnx_model *model = &builder->model;
    if (!raw || !grow(builder, (void **)&model->constant, model->constants,
                      &builder->constant_capacity, sizeof *model->constant))
        return "";
    for (size_t i = 0; i < count; i++)
        put_little_endian(raw + i * size, (const unsigned char *)values + i * size, size);
    struct onnx_tensor *tensor = &model->constant[model->constants++];
    *tensor = (struct onnx_tensor){.name = new_name(builder, "constant"),
                                   .type = type,
                                   .rank = extent.rows ? 2 : 1,
                                   .count = count,
                                   .raw = raw};
    tensor->dims[0] = extent.rows ? extent.rows : extent.columns;
    tensor->dims[1] = extent.rows ? extent.columns : 0;
    return tensor->name;
}

const char *onnx_builder_floats(struct onnx_builder *builder, struct onnx_extent extent,
                                const float *values)
{
    return add_constant(builder, ONNX_FLOAT, extent, values);
}

const char *onnx_builder_doubles(struct onnx_builder *builder, struct onnx_extent extent,
                                 const double *values)
{
    return add_constant(builder, ONNX_DOUBLE, extent, values);
}

const char *onnx_builder_integers(struct onnx_builder *builder, size_t count, const int64_t *values)
{
    return add_constant(builder, ONNX_INT64, (struct onnx_extent){0, count}, values);
}

const char *onnx_builder_double(struct onnx_builder *builder, double value)
{
    return onnx_builder_doubles(builder, (struct onnx_extent){0, 1}, &value);
}

const char *onnx_builder_float(struct onnx_builder *builder, float value)
{
    return onnx_builder_floats(builder, (struct onnx_extent){0, 1}, &value);
}

/* ---- nodes */

static const char **copy_list(struct onnx_builder *builder, const char *const *list, size_t count)
{
    const char **copy = take(builder, count * sizeof *copy);
    for (size_t i = 0; copy && list && i < count; i++)
        copy[i] = list[i];
    return copy;
}

const char *onnx_builder_node(struct onnx_builder *builder, const char *op,
                              const struct onnx_node_shape *shape, const char **ret_outputs)
{
    struct onnx_model *model = &builder->model;
    size_t outputs = ret_outputs ? shape->outputs : 1;
    for (size_t i = 0; ret_outputs && i < outputs; i++)
        ret_outputs[i] = "";
    const char **input = copy_list(builder, shape->input, shape->inputs);
    const char **output = copy_list(builder, NULL, outputs);
    if (!input || !output ||
        !grow(builder, (void **)&model->node, model->nodes, &builder->node_capacity,
              sizeof *model->node))
        return "";
    struct onnx_node *node = &model->node[model->nodes++];
    *node = (struct onnx_node){.op = op,
                               .name = new_name(builder, op),
                               .domain = "",
                               .inputs = shape->inputs,
                               .outputs = outputs,
                               .input = input,
                               .output = output};
    for (size_t i = 0; i < outputs; i++) {
        output[i] = new_name(builder, "value");
        if (ret_outputs)
            ret_outputs[i] = output[i];
    }
    return output[0];
}

const char *onnx_builder_1(struct onnx_builder *builder, const char *op, const char *input)
{
    return onnx_builder_node(builder, op, &(struct onnx_node_shape){1, 1, &input}, NULL);
}

const char *onnx_builder_2(struct onnx_builder *builder, const char *op, const char *a,
                           const char *b)
{
    const char *const inputs[] = {a, b};
    return onnx_builder_node(builder, op, &(struct onnx_node_shape){2, 1, inputs}, NULL);
}

const char *onnx_builder_3(struct onnx_builder *builder, const char *op, const char *a,
                           const char *b, const char *c)
{
    const char *const inputs[] = {a, b, c};
    return onnx_builder_node(builder, op, &(struct onnx_node_shape){3, 1, inputs}, NULL);
}

void onnx_builder_name(struct onnx_builder *builder, const char *value, const char *name)
{
    onnx_builder_1(builder, "Identity", value);
    if (!builder->failed)
        builder->model.node[builder->model.nodes - 1].output[0] = name;
}

static struct onnx_attribute *add_attribute(struct onnx_builder *builder, const char *name)
{
    if (builder->failed)
        return &builder->nowhere;
    struct onnx_node *node = &builder->model.node[builder->model.nodes - 1];
    if (!node->attribute)
        node->attribute = take(builder, ATTRIBUTES_MAX * sizeof *node->attribute);
    if (builder->failed || node->attributes == ATTRIBUTES_MAX)
        return &builder->nowhere;
    struct onnx_attribute *attribute = &node->attribute[node->attributes++];
    *attribute = (struct onnx_attribute){.name = name};
    return attribute;
}

void onnx_builder_set_int(struct onnx_builder *builder, const char *name, int64_t value)
{
    struct onnx_attribute *attribute = add_attribute(builder, name);
    attribute->kind = ONNX_ATTRIBUTE_INT;
    attribute->i = value;
}

void onnx_builder_set_float(struct onnx_builder *builder, const char *name, float value)
{
    struct onnx_attribute *attribute = add_attribute(builder, name);
    attribute->kind = ONNX_ATTRIBUTE_FLOAT;
    attribute->f = value;
}

const char *onnx_builder_cast(struct onnx_builder *builder, const char *value, enum onnx_type type)
{
    const char *cast = onnx_builder_1(builder, "Cast", value);
    onnx_builder_set_int(builder, "to", type);
    return cast;
}

const char *onnx_builder_reshape(struct onnx_builder *builder, const char *value, size_t rank,
                                 const int64_t *dims)
{
    return onnx_builder_2(builder, "Reshape", value, onnx_builder_integers(builder, rank, dims));
}

void onnx_builder_entry(struct onnx_builder *builder, const char *key, const char *value)
{
    struct onnx_model *model = &builder->model;
    const char *own_key = onnx_memory_text(&model->memory, key, strlen(key));
    const char *own_value = onnx_memory_text(&model->memory, value, strlen(value));
    builder->failed |= !own_key || !own_value;
    if (grow(builder, (void **)&model->entry, model->entries, &builder->entry_capacity,
             sizeof *model->entry))
        model->entry[model->entries++] = (struct onnx_entry){own_key, own_value};
}
