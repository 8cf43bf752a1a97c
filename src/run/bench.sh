# shellcheck shell=bash
# ./run bench: the benchmarks that meson knows; ./run bench training: beside PyTorch;
# ./run bench detectors: the set of detectors beside the autoencoder alone.
set -euo pipefail
source src/run/common.sh

if [ "${1:-}" = training ]; then
    shift
    ensure_packages python3-torch python3-numpy
    ensure_build # no options
    exec /usr/bin/python3 tests/bench/training.py "$build_dir/src/cli/armwatch" "$@"
fi
if [ "${1:-}" = detectors ]; then
    shift
    ensure_packages
    ensure_build # no options
    exec python3 tests/bench/detectors.py "$build_dir/src/daemon/armwatchd" "$build_dir/src/cli/armwatch" "$@"
fi
[ $# -eq 0 ] || usage_error "bench: no option \"$1\""
ensure_packages python3-paho-mqtt python3-numpy
ensure_build # no options
if [ "$(meson introspect "$build_dir" --benchmarks)" = "[]" ]; then
    echo "run: there are no benchmarks yet" >&2
    exit 2
fi
exec meson test -C "$build_dir" --benchmark --verbose
