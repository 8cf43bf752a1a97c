/*
 * safetensors_writer: builds the container of a model file in memory.
 *
 * The same additions give the same bytes: tensors are ordered by element type and name, metadata by
 * addition. Python's safetensors package and any other reader of the format can open the result.
 */
#ifndef ARMWATCH_MODEL_SAFETENSORS_WRITER_H
#define ARMWATCH_MODEL_SAFETENSORS_WRITER_H

#include "model/safetensors.h"

struct safetensors_writer;

/* Returns NULL when memory is out. */
struct safetensors_writer *safetensors_writer_new(void);
void safetensors_writer_free(struct safetensors_writer *writer);

/* Both copy what they are given; metadata keeps its order in the file. Errors: -ENOMEM. */
int safetensors_writer_add_metadata(struct safetensors_writer *writer, const char *key,
                                    const char *value);
int safetensors_writer_add(struct safetensors_writer *writer, const char *name,
                           enum safetensors_dtype dtype, struct safetensors_shape shape,
                           const void *values);

/* The tensor bytes as they will stand in the file, for a digest that goes into the metadata.
 * Memory: the caller frees *ret_data. Errors: -ENOMEM. */
int safetensors_writer_data(struct safetensors_writer *writer, void **ret_data, size_t *ret_size);

/* The whole file; may be called again after more was added. The result has been read back, so a
 * writer cannot make what the reader refuses. Memory: the caller frees *ret_data. Errors: -EINVAL
 * a name twice, invalid UTF-8 or over a limit; -ENOMEM. */
int safetensors_writer_finish(struct safetensors_writer *writer, void **ret_data, size_t *ret_size,
                              struct diag *diag);

#endif
