#include "model/safetensors_writer.h"

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LENGTH_SIZE sizeof(uint64_t)
#define ALIGNMENT ((size_t)8) /* of the data in the file */

struct safetensors_writer {
    cJSON *metadata;
    size_t count;
    struct safetensors_tensor *tensors; /* own their names and data */
};

static size_t tensor_size(enum safetensors_dtype dtype, const struct safetensors_shape *shape,
                          size_t *ret_count)
{
    *ret_count = 1;
    for (size_t i = 0; i < shape->rank; i++)
        *ret_count *= shape->dims[i];
    return *ret_count * safetensors_dtype_size(dtype);
}

struct safetensors_writer *safetensors_writer_new(void)
{
    struct safetensors_writer *writer = calloc(1, sizeof *writer);
    if (writer)
        writer->metadata = cJSON_CreateObject();
    if (!writer || !writer->metadata) {
        free(writer);
        return NULL;
    }
    return writer;
}

void safetensors_writer_free(struct safetensors_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->count; i++) {
        free((void *)writer->tensors[i].name);
        free((void *)writer->tensors[i].data);
    }
    free(writer->tensors);
    cJSON_Delete(writer->metadata);
    free(writer);
}

int safetensors_writer_add_metadata(struct safetensors_writer *writer, const char *key,
                                    const char *value)
{
    return cJSON_AddStringToObject(writer->metadata, key, value) ? 0 : -ENOMEM;
}

int safetensors_writer_add(struct safetensors_writer *writer, const char *name,
                           enum safetensors_dtype dtype, struct safetensors_shape shape,
                           const void *values)
{
    struct safetensors_tensor *grown =
        realloc(writer->tensors, (writer->count + 1) * sizeof *grown);
    if (!grown)
        return -ENOMEM;
    writer->tensors = grown;
    struct safetensors_tensor tensor = {.dtype = dtype, .shape = shape};
    tensor.size = tensor_size(dtype, &shape, &tensor.count);
    char *own_name = strdup(name);
    void *own_data = malloc(tensor.size ? tensor.size : 1);
    if (!own_name || !own_data) {
        free(own_name);
        free(own_data);
        return -ENOMEM;
    }
    if (tensor.size)
        memcpy(own_data, values, tensor.size);
    tensor.name = own_name;
    tensor.data = own_data;
    writer->tensors[writer->count++] = tensor;
    return 0;
}

/* Largest elements first keeps every tensor aligned to its own size. */
static int compare_layout(const void *a, const void *b)
{
    const struct safetensors_tensor *x = a, *y = b;
    if (x->dtype != y->dtype)
        return x->dtype > y->dtype ? -1 : 1;
    return strcmp(x->name, y->name);
}

static size_t lay_out(struct safetensors_writer *writer)
{
    if (writer->count)
        qsort(writer->tensors, writer->count, sizeof *writer->tensors, compare_layout);
    size_t size = 0;
    for (size_t i = 0; i < writer->count; i++)
        size += writer->tensors[i].size;
    return size;
}

static void copy_data(const struct safetensors_writer *writer, unsigned char *to)
{
    for (size_t i = 0; i < writer->count; i++) {
        memcpy(to, writer->tensors[i].data, writer->tensors[i].size);
        to += writer->tensors[i].size;
    }
}

int safetensors_writer_data(struct safetensors_writer *writer, void **ret_data, size_t *ret_size)
{
    size_t size = lay_out(writer);
    void *data = malloc(size ? size : 1);
    if (!data)
        return -ENOMEM;
    copy_data(writer, data);
    *ret_data = data;
    *ret_size = size;
    return 0;
}

static bool add_sizes(cJSON *entry, const char *key, const size_t *sizes, size_t count)
{
    cJSON *array = cJSON_AddArrayToObject(entry, key);
    bool ok = array;
    for (size_t i = 0; ok && i < count; i++)
        ok = cJSON_AddItemToArray(array, cJSON_CreateNumber((double)sizes[i]));
    return ok;
}

static bool add_entry(cJSON *header, const struct safetensors_tensor *tensor, size_t begin)
{
    cJSON *entry = cJSON_AddObjectToObject(header, tensor->name);
    return entry &&
           cJSON_AddStringToObject(entry, "dtype", safetensors_dtype_name(tensor->dtype)) &&
           add_sizes(entry, "shape", tensor->shape.dims, tensor->shape.rank) &&
           add_sizes(entry, "data_offsets", (size_t[]){begin, begin + tensor->size}, 2);
}

/* NULL when memory is out. */
static char *print_header(const struct safetensors_writer *writer)
{
    cJSON *header = cJSON_CreateObject();
    bool ok = header && (!writer->metadata->child ||
                         cJSON_AddItemReferenceToObject(header, "__metadata__", writer->metadata));
    size_t begin = 0;
    for (size_t i = 0; ok && i < writer->count; i++) {
        ok = add_entry(header, &writer->tensors[i], begin);
        begin += writer->tensors[i].size;
    }
    char *text = ok ? cJSON_PrintUnformatted(header) : NULL;
    cJSON_Delete(header);
    return text;
}

int safetensors_writer_finish(struct safetensors_writer *writer, void **ret_data, size_t *ret_size,
                              struct diag *diag)
{
    size_t data_size = lay_out(writer);
    char *header = print_header(writer);
    if (!header)
        return diag_errno(diag, ENOMEM, "safetensors");
    size_t text_length = strlen(header);
    uint64_t length = (text_length + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    size_t size = LENGTH_SIZE + (size_t)length + data_size;
    unsigned char *bytes = malloc(size);
    if (!bytes) {
        cJSON_free(header);
        return diag_errno(diag, ENOMEM, "safetensors");
    }
    memcpy(bytes, &length, LENGTH_SIZE);
    memcpy(bytes + LENGTH_SIZE, header, text_length);
    memset(bytes + LENGTH_SIZE + text_length, ' ', (size_t)length - text_length);
    copy_data(writer, bytes + LENGTH_SIZE + length);
    cJSON_free(header);

    struct safetensors *check;
    int r = safetensors_parse(bytes, size, &check, diag);
    if (r < 0) {
        free(bytes);
        return r;
    }
    safetensors_free(check);
    *ret_data = bytes;
    *ret_size = size;
    return 0;
}
