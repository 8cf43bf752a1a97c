/*
 * model_onnx: what `armwatch model export-onnx` and `import-onnx` run; in a build without ONNX both
 * say that.
 */
#ifndef ARMWATCH_CLI_MODEL_ONNX_H
#define ARMWATCH_CLI_MODEL_ONNX_H

#include "base/diag.h"
#include "cli/cli.h"
#include "model/scaler.h"

#include <stddef.h>

int model_onnx_export(const struct cli *cli);
int model_onnx_import(const struct cli *cli);

/* How the network's input was scaled, by --scaler: "none", or a JSON file with "kind", "offset",
 * "scale" and, optional, "clip". Memory: scaler_deinit. Errors: for cli_fail. */
int model_onnx_read_scaler(const char *path, size_t channels, struct scaler *ret_scaler,
                           struct diag *diag);

#endif
