/*
 * The checks are those of the reference reader, in its order: sizes by subtraction so that nothing
 * can wrap, products of dimensions with overflow checks, byte ranges sorted and without hole or
 * overlap (or a file could hide data, or claim far more memory than it has bytes). Strictness of
 * the JSON itself (UTF-8, depth, NUL, keys that appear twice) is json_parse's.
 */
#include "model/safetensors.h"

#include "base/json.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are copied as they stand");

#define LENGTH_SIZE sizeof(uint64_t)
#define MAX_DIM 2147483648.0
#define METADATA_KEY "__metadata__"

struct safetensors {
    cJSON *header; /* owns all names and metadata strings */
    const cJSON *metadata;
    const unsigned char *data;
    size_t data_size;
    size_t count;
    struct safetensors_tensor *tensors; /* by name */
};

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [SAFETENSORS_F32] = {"F32", sizeof(float)},
    [SAFETENSORS_F64] = {"F64", sizeof(double)},
    [SAFETENSORS_I64] = {"I64", sizeof(int64_t)},
};
#define DTYPE_COUNT (sizeof dtypes / sizeof dtypes[0])

const char *safetensors_dtype_name(enum safetensors_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t safetensors_dtype_size(enum safetensors_dtype dtype)
{
    return dtypes[dtype].size;
}

static int read_size(const cJSON *item, double max, const char *what, size_t *ret_value,
                     struct diag *diag)
{
    if (!cJSON_IsNumber(item))
        return diag_set(diag, "%s: %s, must be an integer", what, json_type_name(item));
    double value = item->valuedouble;
    if (!(value >= 0 && value <= max) || value != floor(value))
        return diag_set(diag, "%s: %.17g, must be an integer from 0 to %.0f", what, value, max);
    *ret_value = (size_t)value;
    return 0;
}

static int read_dtype(const cJSON *entry, enum safetensors_dtype *ret_dtype, struct diag *diag)
{
    const char *name = NULL;
    int r = json_get_string(entry, "dtype", true, 16, &name, diag);
    if (r < 0)
        return r;
    for (size_t i = 0; i < DTYPE_COUNT; i++) {
        if (!strcmp(name, dtypes[i].name)) {
            *ret_dtype = (enum safetensors_dtype)i;
            return 0;
        }
    }
    return diag_set(diag, "dtype: \"%s\", must be F32, F64 or I64", name);
}

static int read_shape(const cJSON *entry, struct safetensors_tensor *tensor, struct diag *diag)
{
    const cJSON *shape = NULL;
    int r = json_get_array(entry, "shape", true, &shape, diag);
    if (r < 0)
        return r;
    tensor->count = 1;
    const cJSON *dim;
    cJSON_ArrayForEach(dim, shape)
    {
        if (tensor->shape.rank == SAFETENSORS_MAX_RANK)
            return diag_set(diag, "shape: over %d dimensions", SAFETENSORS_MAX_RANK);
        size_t value = 0;
        r = read_size(dim, MAX_DIM, "shape", &value, diag);
        if (r < 0)
            return r;
        tensor->shape.dims[tensor->shape.rank++] = value;
        if (__builtin_mul_overflow(tensor->count, value, &tensor->count))
            return diag_set(diag, "shape: too many elements");
    }
    return 0;
}

static int read_range(const cJSON *entry, const struct safetensors *file,
                      struct safetensors_tensor *tensor, struct diag *diag)
{
    const cJSON *offsets = NULL;
    int r = json_get_array(entry, "data_offsets", true, &offsets, diag);
    if (r < 0)
        return r;
    const cJSON *first = offsets->child;
    const cJSON *second = first ? first->next : NULL;
    if (!second || second->next)
        return diag_set(diag, "data_offsets: must be two integers");
    size_t begin = 0, end = 0;
    r = read_size(first, (double)file->data_size, "data_offsets", &begin, diag);
    if (r == 0)
        r = read_size(second, (double)file->data_size, "data_offsets", &end, diag);
    if (r < 0)
        return r;
    if (begin > end)
        return diag_set(diag, "data_offsets: %zu is after %zu", begin, end);
    if (__builtin_mul_overflow(tensor->count, dtypes[tensor->dtype].size, &tensor->size) ||
        end - begin != tensor->size)
        return diag_set(diag, "data_offsets: %zu bytes, the shape needs another number",
                        end - begin);
    tensor->data = file->data + begin;
    return 0;
}

static int read_tensor(const cJSON *entry, const struct safetensors *file,
                       struct safetensors_tensor *tensor, struct diag *diag)
{
    tensor->name = entry->string;
    if (!*tensor->name || strlen(tensor->name) > SAFETENSORS_MAX_NAME)
        return diag_set(diag, "a tensor's name must have 1 to %d bytes", SAFETENSORS_MAX_NAME);
    if (!cJSON_IsObject(entry))
        return diag_set(diag, "%s: %s, must be an object", tensor->name, json_type_name(entry));
    int r = read_dtype(entry, &tensor->dtype, diag);
    if (r == 0)
        r = read_shape(entry, tensor, diag);
    if (r == 0)
        r = read_range(entry, file, tensor, diag);
    if (r == 0 && cJSON_GetArraySize(entry) != 3)
        r = diag_set(diag, "must have dtype, shape and data_offsets only");
    if (r < 0)
        diag_prefix(diag, "%s", tensor->name);
    return r;
}

static int read_metadata(const cJSON *metadata, struct diag *diag)
{
    if (!cJSON_IsObject(metadata))
        return diag_set(diag, METADATA_KEY ": %s, must be an object", json_type_name(metadata));
    const cJSON *item;
    cJSON_ArrayForEach(item, metadata)
    {
        if (!cJSON_IsString(item))
            return diag_set(diag, METADATA_KEY ": %.64s: %s, must be a string", item->string,
                            json_type_name(item));
    }
    return 0;
}

static int compare_begin(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;
    if (x->data != y->data)
        return (const char *)x->data < (const char *)y->data ? -1 : 1;
    return x->size < y->size ? -1 : x->size > y->size; /* empty ones first */
}

static int compare_name(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int check_coverage(struct safetensors *file, struct diag *diag)
{
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_begin);
    size_t end = 0;
    for (size_t i = 0; i < file->count; i++) {
        const struct safetensors_tensor *tensor = &file->tensors[i];
        size_t begin = (size_t)((const unsigned char *)tensor->data - file->data);
        if (begin != end)
            return diag_set(diag, "%s: starts at byte %zu, the tensor before ends at %zu",
                            tensor->name, begin, end);
        end += tensor->size;
    }
    if (end != file->data_size)
        return diag_set(diag, "the tensors end at byte %zu of %zu", end, file->data_size);
    return 0;
}

static int read_header(struct safetensors *file, struct diag *diag)
{
    size_t entries = (size_t)cJSON_GetArraySize(file->header);
    file->tensors = calloc(entries + 1, sizeof *file->tensors);
    if (!file->tensors)
        return diag_errno(diag, ENOMEM, "%zu tensors", entries);
    const cJSON *entry;
    cJSON_ArrayForEach(entry, file->header)
    {
        int r;
        if (!strcmp(entry->string, METADATA_KEY)) {
            file->metadata = entry;
            r = read_metadata(entry, diag);
        } else {
            r = read_tensor(entry, file, &file->tensors[file->count++], diag);
        }
        if (r < 0)
            return r;
    }
    int r = check_coverage(file, diag);
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_name);
    return r;
}

static int read_file(struct safetensors *file, const unsigned char *bytes, size_t size,
                     struct diag *diag)
{
    uint64_t length;
    if (size < LENGTH_SIZE)
        return diag_set(diag, "%zu bytes: not a safetensors file", size);
    memcpy(&length, bytes, sizeof length);
    if (length > SAFETENSORS_MAX_HEADER)
        return diag_set(diag, "a header of %llu bytes, at most %zu are allowed",
                        (unsigned long long)length, SAFETENSORS_MAX_HEADER);
    if (length > size - LENGTH_SIZE)
        return diag_set(diag, "a header of %llu bytes in a file of %zu: cut short",
                        (unsigned long long)length, size);
    const char *text = (const char *)bytes + LENGTH_SIZE;
    if (length == 0 || text[0] != '{')
        return diag_set(diag, "the header does not start with {: not a safetensors file");
    file->data = bytes + LENGTH_SIZE + length;
    file->data_size = size - LENGTH_SIZE - (size_t)length;
    file->header = json_parse(text, (size_t)length, diag);
    if (!file->header) {
        diag_prefix(diag, "header");
        return -EINVAL;
    }
    return read_header(file, diag);
}

int safetensors_parse(const void *data, size_t size, struct safetensors **ret_file,
                      struct diag *diag)
{
    struct safetensors *file = calloc(1, sizeof *file);
    if (!file)
        return diag_errno(diag, ENOMEM, "safetensors");
    int r = read_file(file, data, size, diag);
    if (r < 0) {
        safetensors_free(file);
        return r;
    }
    *ret_file = file;
    return 0;
}

void safetensors_free(struct safetensors *file)
{
    if (!file)
        return;
    cJSON_Delete(file->header);
    free(file->tensors);
    free(file);
}

const char *safetensors_metadata(const struct safetensors *file, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(file->metadata, key);
    return item ? item->valuestring : NULL;
}

size_t safetensors_count(const struct safetensors *file)
{
    return file->count;
}

const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name)
{
    struct safetensors_tensor key = {.name = name};
    return bsearch(&key, file->tensors, file->count, sizeof key, compare_name);
}

const void *safetensors_data(const struct safetensors *file, size_t *ret_size)
{
    *ret_size = file->data_size;
    return file->data;
}

int safetensors_check_finite(const struct safetensors_tensor *tensor, struct diag *diag)
{
    const unsigned char *bytes = tensor->data;
    if (tensor->dtype == SAFETENSORS_I64)
        return 0;
    for (size_t i = 0; i < tensor->count; i++) {
        float single;
        double value;
        if (tensor->dtype == SAFETENSORS_F32) {
            memcpy(&single, bytes + i * sizeof single, sizeof single);
            value = (double)single;
        } else {
            memcpy(&value, bytes + i * sizeof value, sizeof value);
        }
        if (!isfinite(value))
            return diag_set(diag, "%s: element %zu is %g, must be finite", tensor->name, i, value);
    }
    return 0;
}

static void format_shape(const struct safetensors_shape *shape, char text[100])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < shape->rank; i++)
        used += (size_t)snprintf(text + used, 100 - used, "%s%zu", i ? "," : "", shape->dims[i]);
}

static int get_values(const struct safetensors *file, const char *name,
                      enum safetensors_dtype dtype, struct safetensors_shape shape,
                      const struct safetensors_tensor **ret_tensor, struct diag *diag)
{
    const struct safetensors_tensor *tensor = safetensors_find(file, name);
    if (!tensor)
        return diag_set(diag, "%s: tensor is missing", name);
    if (tensor->dtype != dtype)
        return diag_set(diag, "%s: %s, must be %s", name, dtypes[tensor->dtype].name,
                        dtypes[dtype].name);
    if (tensor->shape.rank != shape.rank ||
        memcmp(tensor->shape.dims, shape.dims, shape.rank * sizeof shape.dims[0]) != 0) {
        char found[100], expected[100];
        format_shape(&tensor->shape, found);
        format_shape(&shape, expected);
        return diag_set(diag, "%s: shape [%s], must be [%s]", name, found, expected);
    }
    *ret_tensor = tensor;
    return safetensors_check_finite(tensor, diag);
}

int safetensors_get_f32(const struct safetensors *file, const char *name,
                        struct safetensors_shape shape, float *ret_values, struct diag *diag)
{
    const struct safetensors_tensor *tensor;
    int r = get_values(file, name, SAFETENSORS_F32, shape, &tensor, diag);
    if (r == 0 && tensor->size)
        memcpy(ret_values, tensor->data, tensor->size);
    return r;
}

int safetensors_get_f64(const struct safetensors *file, const char *name,
                        struct safetensors_shape shape, double *ret_values, struct diag *diag)
{
    const struct safetensors_tensor *tensor;
    int r = get_values(file, name, SAFETENSORS_F64, shape, &tensor, diag);
    if (r == 0 && tensor->size)
        memcpy(ret_values, tensor->data, tensor->size);
    return r;
}

int safetensors_get_i64(const struct safetensors *file, const char *name,
                        struct safetensors_shape shape, int64_t *ret_values, struct diag *diag)
{
    const struct safetensors_tensor *tensor;
    int r = get_values(file, name, SAFETENSORS_I64, shape, &tensor, diag);
    if (r == 0 && tensor->size)
        memcpy(ret_values, tensor->data, tensor->size);
    return r;
}
