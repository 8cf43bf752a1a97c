# shellcheck shell=bash
# ./run bench: the benchmarks that meson knows.
set -euo pipefail
source src/run/common.sh

[ $# -eq 0 ] || usage_error "bench: no option \"$1\""
ensure_packages
ensure_build # no options
if [ "$(meson introspect "$build_dir" --benchmarks)" = "[]" ]; then
    echo "run: there are no benchmarks yet" >&2
    exit 2
fi
exec meson test -C "$build_dir" --benchmark --verbose
