/* What stands for export_onnx.c and import_onnx.c in a build without ONNX. */
#include "cli/model_onnx.h"

int model_onnx_export(const struct cli *cli)
{
    return cli_error(cli, CLI_FAILED, "this armwatch was built without ONNX (-Donnx=enabled)");
}

int model_onnx_import(const struct cli *cli)
{
    return cli_error(cli, CLI_FAILED, "this armwatch was built without ONNX (-Donnx=enabled)");
}
