#include "onnx/onnx.h"

#include <errno.h>
#include <math.h>
#include <string.h>

void onnx_model_deinit(struct onnx_model *model)
{
    onnx_memory_deinit(&model->memory);
    *model = (struct onnx_model){0};
}

const struct onnx_tensor *onnx_find_constant(const struct onnx_model *model, const char *name)
{
    for (size_t i = 0; *name && i < model->constants; i++) {
        if (!strcmp(model->constant[i].name, name))
            return &model->constant[i];
    }
    return NULL;
}

const struct onnx_attribute *onnx_find_attribute(const struct onnx_node *node, const char *name)
{
    for (size_t i = 0; i < node->attributes; i++) {
        if (!strcmp(node->attribute[i].name, name))
            return &node->attribute[i];
    }
    return NULL;
}

static uint64_t little_endian(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = size; i-- > 0;)
        value = value << 8 | bytes[i];
    return value;
}

static float float_at(const struct onnx_tensor *tensor, size_t i)
{
    if (tensor->type == ONNX_FLOAT) {
        float value;
        if (!tensor->raw)
            return tensor->floats[i];
        uint32_t bits = (uint32_t)little_endian(tensor->raw + 4 * i, 4);
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    double value;
    if (!tensor->raw)
        return (float)tensor->doubles[i];
    uint64_t bits = little_endian(tensor->raw + 8 * i, 8);
    memcpy(&value, &bits, sizeof value);
    return (float)value;
}

int onnx_tensor_floats(const struct onnx_tensor *tensor, float *ret_values, struct diag *diag)
{
    if (tensor->type != ONNX_FLOAT && tensor->type != ONNX_DOUBLE)
        return diag_set(diag, "\"%.80s\": elements of type %d, must be float (1) or double (11)",
                        tensor->name, tensor->type);
    for (size_t i = 0; i < tensor->count; i++) {
        ret_values[i] = float_at(tensor, i);
        if (!isfinite(ret_values[i]))
            return diag_set(diag, "\"%.80s\": number %zu is not finite", tensor->name, i);
    }
    return 0;
}

int onnx_tensor_integers(const struct onnx_tensor *tensor, int64_t *ret_values, struct diag *diag)
{
    if (tensor->type != ONNX_INT64 && tensor->type != ONNX_INT32)
        return diag_set(diag, "\"%.80s\": elements of type %d, must be int32 (6) or int64 (7)",
                        tensor->name, tensor->type);
    for (size_t i = 0; i < tensor->count; i++) {
        if (tensor->type == ONNX_INT64)
            ret_values[i] =
                tensor->raw ? (int64_t)little_endian(tensor->raw + 8 * i, 8) : tensor->int64s[i];
        else
            ret_values[i] = tensor->raw
                                ? (int64_t)(int32_t)(uint32_t)little_endian(tensor->raw + 4 * i, 4)
                                : (int64_t)tensor->int32s[i];
    }
    return 0;
}
