# shellcheck shell=bash
# ./run onnx: models as ONNX, through ONNX Runtime from npm.
#
# A part of ./run test are imports, held against PyTorch; the runtime is not, for with an empty cache npm alone takes minutes.
set -euo pipefail
source src/run/common.sh

[ $# -eq 0 ] || usage_error "onnx: \"$1\" is not known here"
ensure_packages "${onnx_packages[@]}"
mkdir -p "$build_dir"
[ -d "$build_dir/tests/onnx/onnxruntime" ] ||
    say "  onnxruntime comes from npm into $build_dir/tests/onnx/onnxruntime; that takes minutes, once"
exec bash src/run/test.sh onnx
