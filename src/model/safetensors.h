/*
 * safetensors: reads the container of a model file from memory.
 *
 * A header (JSON: name -> dtype, shape, byte range; "__metadata__": string -> string) and the bytes
 * of the tensors, row-major and little-endian, without holes. The reader refuses everything that
 * the format forbids and a little more (limits below), so a file that parses is exactly its
 * tensors. NaN is legal in the format: the getters refuse it.
 *
 * Memory: a parsed file borrows the buffer, which must outlive it. Source: safetensors 0.4
 * (README "Format" and its reference reader).
 */
#ifndef ARMWATCH_MODEL_SAFETENSORS_H
#define ARMWATCH_MODEL_SAFETENSORS_H

#include "base/diag.h"

#include <stddef.h>
#include <stdint.h>

#define SAFETENSORS_MAX_HEADER ((size_t)2 << 20)
#define SAFETENSORS_MAX_RANK 4
#define SAFETENSORS_MAX_NAME 255

/* In the order of the reference writer, which puts the largest first. */
enum safetensors_dtype { SAFETENSORS_F32, SAFETENSORS_F64, SAFETENSORS_I64 };

const char *safetensors_dtype_name(enum safetensors_dtype dtype); /* "F32" */
size_t safetensors_dtype_size(enum safetensors_dtype dtype);

struct safetensors_shape {
    size_t rank; /* 0: a scalar */
    size_t dims[SAFETENSORS_MAX_RANK];
};

/* SAFETENSORS_SHAPE(outputs, inputs) */
#define SAFETENSORS_SHAPE(...)                                                                     \
    ((struct safetensors_shape){.rank = sizeof((size_t[]){__VA_ARGS__}) / sizeof(size_t),          \
                                .dims = {__VA_ARGS__}})

struct safetensors_tensor {
    const char *name;
    enum safetensors_dtype dtype;
    struct safetensors_shape shape;
    size_t count;     /* of elements; may be 0 */
    size_t size;      /* in bytes */
    const void *data; /* in the buffer, of any alignment: copy, do not cast */
};

struct safetensors;

/* Errors: -EINVAL with what the file says and what is allowed in diag; -ENOMEM. */
int safetensors_parse(const void *data, size_t size, struct safetensors **ret_file,
                      struct diag *diag);
void safetensors_free(struct safetensors *file);

/* NULL if there is no such key. Borrowed from the file. */
const char *safetensors_metadata(const struct safetensors *file, const char *key);

/* Tensors in the order of their names. */
size_t safetensors_count(const struct safetensors *file);
const struct safetensors_tensor *safetensors_at(const struct safetensors *file, size_t index);
/* NULL if there is none of that name. */
const struct safetensors_tensor *safetensors_find(const struct safetensors *file, const char *name);

/* All tensor bytes in file order: with the metadata, what a digest has to cover. */
const void *safetensors_data(const struct safetensors *file, size_t *ret_size);

/* Copies a tensor of exactly this type and shape whose values are all finite. Errors: -EINVAL with
 * the name and the difference in diag. */
int safetensors_get_f32(const struct safetensors *file, const char *name,
                        struct safetensors_shape shape, float *ret_values, struct diag *diag);
int safetensors_get_f64(const struct safetensors *file, const char *name,
                        struct safetensors_shape shape, double *ret_values, struct diag *diag);
int safetensors_get_i64(const struct safetensors *file, const char *name,
                        struct safetensors_shape shape, int64_t *ret_values, struct diag *diag);

/* For tensors that are used without a getter. Errors: -EINVAL naming the first element that is not
 * finite. */
int safetensors_check_finite(const struct safetensors_tensor *tensor, struct diag *diag);

#endif
