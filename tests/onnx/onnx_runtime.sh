#!/bin/bash
# onnx_runtime.sh DIRECTORY CHECK ARMWATCH: installs ONNX Runtime from npm into DIRECTORY, unless it is there, and runs the check.
#
# The package brings the library for processors alone; its script, which would fetch one for CUDA, is not run.
set -euo pipefail
directory=$1 check=$2 armwatch=$3

skip() {
    echo "skipped: $*"
    exit 77
}

command -v node >/dev/null || skip "Node.js is not installed"
package=$directory/node_modules/onnxruntime-node
if [ ! -f "$package/package.json" ]; then
    command -v npm >/dev/null || skip "npm is not installed"
    rm -rf "$directory.new"
    mkdir -p "$directory.new"
    timeout 900 npm install --prefix "$directory.new" --no-audit --no-fund --no-save --ignore-scripts \
        --loglevel=error onnxruntime-node@1 >"$directory.log" 2>&1 </dev/null ||
        skip "npm cannot install onnxruntime-node here: $(grep -v -m 1 '^$\|warn' "$directory.log")"
    rm -rf "$directory"
    mv "$directory.new" "$directory"
fi
node -e "require('$package')" 2>"$directory.log" || skip "this Node.js cannot load it: $(grep -m 1 Error "$directory.log")"
python=/usr/bin/python3
[ -x "$python" ] || python=python3
exec "$python" "$check" "$armwatch" --runtime "$package"
