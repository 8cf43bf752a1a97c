/*
 * model_file: the container of a model: one configuration string and tensors, bound together by a
 * hash.
 *
 * The hash (SHA-256 over the configuration string and the tensor bytes) finds corruption; who made
 * the file is a signature's matter.
 */
#ifndef ARMWATCH_MODEL_MODEL_FILE_H
#define ARMWATCH_MODEL_MODEL_FILE_H

#include "base/diag.h"
#include "base/hash.h"
#include "base/json.h"
#include "model/safetensors.h"
#include "model/safetensors_writer.h"

#include <stddef.h>

#define MODEL_FILE_FORMAT "armwatch-model"
#define MODEL_FILE_VERSION "1"

struct model_file {
    cJSON *config;
    struct safetensors *tensors; /* borrows the bytes that were parsed */
    char sha256[HASH_HEX_SIZE];
};

/* Checks container, format, version and hash. Errors: -EINVAL with the reason; -ENOMEM. */
int model_file_parse(const void *data, size_t size, struct model_file *ret_file, struct diag *diag);
void model_file_deinit(struct model_file *file);

/* Takes configuration and tensors together into the bytes of a file. The writer must hold no
 * metadata yet. Memory: the caller frees *ret_data. */
int model_file_format(const cJSON *config, struct safetensors_writer *writer, void **ret_data,
                      size_t *ret_size, struct diag *diag);

#endif
