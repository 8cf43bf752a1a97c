/*
 * onnx_export: a detector of a model as an ONNX graph, scaler and score included, for ONNX Runtime
 * and others.
 *
 * Input: "rows" FLOAT [N, window * width of the model's rows]: the rows of a window, the oldest
 * first, each with all channels and derived channels in the units of the source. Outputs:
 * "reconstruction" FLOAT [N, window * features], of an autoencoder or PCA; "score" FLOAT [N], as
 * detector_score gives it, but NaN where that is infinite because the arithmetic overflowed.
 * Operators of the standard set 13. Thread: any.
 */
#ifndef ARMWATCH_ONNX_ONNX_EXPORT_H
#define ARMWATCH_ONNX_ONNX_EXPORT_H

#include "base/diag.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>

#define ONNX_EXPORT_OPSET 13
#define ONNX_EXPORT_KINDS "autoencoder, pca and knn"

/* True of a detector of one of those kinds. */
bool onnx_can_export(const struct detector *detector);

struct onnx_export {
    const struct model *model; /* made of these bytes: */
    const void *data;
    size_t size;
    size_t detector;
    double false_alarms_per_day; /* of the threshold in the metadata; 0: the model's own target */
};

/* The bytes of the file. Memory: the caller frees *ret_data. Errors: -EINVAL with the reason,
 * -ENOMEM. */
int onnx_export(const struct onnx_export *export, void **ret_data, size_t *ret_size,
                struct diag *diag);

#endif
