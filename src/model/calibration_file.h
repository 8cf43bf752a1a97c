/*
 * calibration_file: a detector's calibration in a model file: figures as JSON, block maxima as the
 * tensor "<detector>.calibration.maxima".
 */
#ifndef ARMWATCH_MODEL_CALIBRATION_FILE_H
#define ARMWATCH_MODEL_CALIBRATION_FILE_H

#include "base/json.h"
#include "model/calibration.h"
#include "model/safetensors.h"

#include <stddef.h>

/* Reads the object "calibration" of a detector. Memory: calibration_deinit frees. Errors: -EINVAL,
 * -ENOMEM. */
int calibration_file_load(const cJSON *object, const struct safetensors *tensors, size_t detector,
                          struct calibration *ret_calibration, struct diag *diag);

/* The figures as an object; the maxima are the caller's to store as the tensor. Memory: the caller
 * frees *ret_object with cJSON_Delete. Errors: -ENOMEM. */
int calibration_file_format(const struct calibration *calibration, cJSON **ret_object);

#endif
