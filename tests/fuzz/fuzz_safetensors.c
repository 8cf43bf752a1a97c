/* The container of a model. What was accepted is exactly its tensors: written and read again it is
 * the same. */
#include "fuzz.h"
#include "model/safetensors.h"
#include "model/safetensors_writer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const metadata_keys[] = {"format", "format_version", "sha256", "config"};

/* The getter of its own type and shape gives its bytes, unless they are not finite; every other
 * refuses. */
static void check_getters(const struct safetensors *file, const struct safetensors_tensor *tensor)
{
    void *values = malloc(tensor->size ? tensor->size : 1);
    FUZZ_CHECK(values);
    struct diag diag = DIAG_INIT;
    int r[] = {
        [SAFETENSORS_F32] =
            safetensors_get_f32(file, tensor->name, tensor->shape,
                                tensor->dtype == SAFETENSORS_F32 ? values : NULL, &diag),
        [SAFETENSORS_F64] =
            safetensors_get_f64(file, tensor->name, tensor->shape,
                                tensor->dtype == SAFETENSORS_F64 ? values : NULL, &diag),
        [SAFETENSORS_I64] =
            safetensors_get_i64(file, tensor->name, tensor->shape,
                                tensor->dtype == SAFETENSORS_I64 ? values : NULL, &diag),
    };
    fuzz_check_refusal(-1, &diag); /* two of them at least refuse */
    for (size_t dtype = SAFETENSORS_F32; dtype <= SAFETENSORS_I64; dtype++)
        FUZZ_CHECK(dtype == tensor->dtype || r[dtype] < 0);
    FUZZ_CHECK((r[tensor->dtype] == 0) == (safetensors_check_finite(tensor, NULL) == 0));
    FUZZ_CHECK(r[tensor->dtype] < 0 || tensor->size == 0 ||
               !memcmp(values, tensor->data, tensor->size));
    free(values);
}

static void check_tensor(const struct safetensors *file, size_t i, const uint8_t *data, size_t size)
{
    const struct safetensors_tensor *tensor = safetensors_at(file, i);
    const uint8_t *bytes = tensor->data;
    FUZZ_CHECK(bytes >= data && tensor->size <= (size_t)(data + size - bytes));
    size_t name_length = strlen(tensor->name);
    FUZZ_CHECK(name_length >= 1 && name_length <= SAFETENSORS_MAX_NAME);
    FUZZ_CHECK(tensor->shape.rank <= SAFETENSORS_MAX_RANK);
    FUZZ_CHECK(tensor->size == tensor->count * safetensors_dtype_size(tensor->dtype));
    FUZZ_CHECK(i == 0 || strcmp(safetensors_at(file, i - 1)->name, tensor->name) < 0);
    FUZZ_CHECK(safetensors_find(file, tensor->name) == tensor);
    check_getters(file, tensor);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? !strcmp(a, b) : a == b;
}

static void check_same(const struct safetensors *a, const struct safetensors *b)
{
    FUZZ_CHECK(safetensors_count(a) == safetensors_count(b));
    for (size_t i = 0; i < safetensors_count(a); i++) {
        const struct safetensors_tensor *x = safetensors_at(a, i), *y = safetensors_at(b, i);
        FUZZ_CHECK(!strcmp(x->name, y->name) && x->dtype == y->dtype && x->size == y->size);
        FUZZ_CHECK(!memcmp(&x->shape, &y->shape, sizeof x->shape));
        FUZZ_CHECK(x->size == 0 || !memcmp(x->data, y->data, x->size));
    }
    for (size_t i = 0; i < sizeof metadata_keys / sizeof metadata_keys[0]; i++)
        FUZZ_CHECK(same_text(safetensors_metadata(a, metadata_keys[i]),
                             safetensors_metadata(b, metadata_keys[i])));
}

static void check_rewritten(const struct safetensors *file)
{
    struct safetensors_writer *writer = safetensors_writer_new();
    FUZZ_CHECK(writer);
    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensors_tensor *tensor = safetensors_at(file, i);
        FUZZ_CHECK(safetensors_writer_add(writer, tensor->name, tensor->dtype, tensor->shape,
                                          tensor->data) == 0);
    }
    for (size_t i = 0; i < sizeof metadata_keys / sizeof metadata_keys[0]; i++) {
        const char *value = safetensors_metadata(file, metadata_keys[i]);
        if (value)
            FUZZ_CHECK(safetensors_writer_add_metadata(writer, metadata_keys[i], value) == 0);
    }
    void *data;
    size_t size;
    struct safetensors *again;
    FUZZ_CHECK(safetensors_writer_finish(writer, &data, &size, NULL) == 0);
    FUZZ_CHECK(safetensors_parse(data, size, &again, NULL) == 0);
    check_same(file, again);
    safetensors_free(again);
    safetensors_writer_free(writer);
    free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors *file;
    struct diag diag = DIAG_INIT;
    int r = safetensors_parse(data, size, &file, &diag);
    if (r < 0) {
        fuzz_check_refusal(r, &diag);
        return 0;
    }
    size_t data_size, sum = 0;
    FUZZ_CHECK((const uint8_t *)safetensors_data(file, &data_size) + data_size == data + size);
    for (size_t i = 0; i < safetensors_count(file); i++) {
        check_tensor(file, i, data, size);
        sum += safetensors_at(file, i)->size;
    }
    FUZZ_CHECK(sum == data_size);
    check_rewritten(file);
    safetensors_free(file);
    return 0;
}
