/*
 * draft: a model file in the making: a configuration and named tensors, put together as often as
 * needed.
 *
 * `train` makes one from nothing, `calibrate` from a file. Memory: draft_free accepts NULL; tensors
 * are copied.
 */
#ifndef ARMWATCH_LAB_DRAFT_H
#define ARMWATCH_LAB_DRAFT_H

#include "base/json.h"
#include "model/model.h"
#include "model/safetensors.h"

#include <stddef.h>

struct draft;

/* An empty one with an empty configuration. NULL when memory is out. */
struct draft *draft_new(void);
/* From the bytes of a model file. Errors: as model_file_parse. */
int draft_parse(const void *data, size_t size, struct draft **ret_draft, struct diag *diag);
void draft_free(struct draft *draft);

/* The configuration, to be changed in place. */
cJSON *draft_config(struct draft *draft);
/* The entry of a detector in it; NULL if there is none of that number. */
cJSON *draft_detector(struct draft *draft, size_t detector);

/* Adds a tensor or replaces the one of that name. Errors: -ENOMEM. */
int draft_set(struct draft *draft, const char *name, enum safetensors_dtype dtype,
              struct safetensors_shape shape, const void *values);

/* A calibration of a detector in place of the one it has. Errors: -ENOMEM. */
int draft_set_calibration(struct draft *draft, size_t detector,
                          const struct calibration *calibration);

/* The bytes of the file. Memory: the caller frees *ret_data. */
int draft_format(struct draft *draft, void **ret_data, size_t *ret_size, struct diag *diag);

/* Formats and parses: the model as it would be loaded. */
int draft_build(struct draft *draft, struct model **ret_model, struct diag *diag);

/* Puts the self-test in: rows [count][width of the model], and what the model itself scores them.
 * Thread: BLAS. */
int draft_set_selftest(struct draft *draft, const float *rows, size_t count, size_t width,
                       struct diag *diag);

#endif
