#!/bin/bash
# node_red.sh DIRECTORY PROGRAM: installs Node-RED from npm into DIRECTORY, unless it is there, and runs the test with it.
#
# Node-RED 4 runs on every Node.js from 18.5 on; 5 wants 22.9. No package's scripts are run.
set -euo pipefail
directory=$1
shift

skip() {
    echo "skipped: $*"
    exit 77
}

command -v node >/dev/null || skip "Node.js is not installed"
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a * 100 + b >= 1805 ? 0 : 1)' ||
    skip "Node-RED 4 needs Node.js 18.5; this is $(node --version)"
if [ ! -f "$directory/node_modules/node-red/red.js" ]; then
    command -v npm >/dev/null || skip "npm is not installed"
    rm -rf "$directory.new"
    mkdir -p "$directory.new"
    timeout 900 npm install --prefix "$directory.new" --no-audit --no-fund --no-save --ignore-scripts \
        --loglevel=error node-red@4 >"$directory.log" 2>&1 </dev/null ||
        skip "npm cannot install node-red here: $(grep -v -m 1 '^$\|warn' "$directory.log")"
    rm -rf "$directory"
    mv "$directory.new" "$directory"
fi
export NODE_RED=$directory/node_modules/node-red/red.js
exec "$@"
