# shellcheck shell=bash
# ./run bench: every benchmark beside its peers, in one table (tests/bench/suite.py);
# ./run bench training: beside PyTorch, for as long as one likes;
# ./run bench detectors: the set of detectors beside the autoencoder alone.
set -euo pipefail
source src/run/common.sh

peer_packages=(python3-paho-mqtt python3-numpy python3-torch python3-sklearn libsimdjson-dev)
npm_packages=(onnxruntime-node@^1.30.0 mqtt@^5.16.0)
targets=(src/cli/armwatch src/daemon/armwatchd
    tests/bench/{bench_forward,bench_widths,bench_parse,bench_handoff,bench_stages,echo,flood,links_only,reload_pause})

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

# Into the build directory, nowhere else; without scripts of theirs. What cannot be had is skipped by the benchmarks.
fetch_npm_peers() {
    local package
    if ! command -v npm >/dev/null; then
        say "  peers       no npm here: ONNX Runtime and Node.js are skipped"
        return 0
    fi
    for package in "${npm_packages[@]}"; do
        [ -d "$build_dir/peers/node_modules/${package%@*}" ] || {
            mkdir -p "$build_dir/peers"
            (step npm npm install --ignore-scripts --no-audit --no-fund --prefix "$build_dir/peers" "${npm_packages[@]}") ||
                say "  peers       npm could not fetch them: ONNX Runtime and Node.js are skipped"
            return 0
        }
    done
}

with_peers=true
options=()
for argument in "$@"; do
    case $argument in
    --no-peers) with_peers=false ;;
    *) options+=("$argument") ;;
    esac
done
simdjson_is_new=false # the build looks for it when it is configured
if $with_peers; then
    [ -z "$(missing_packages libsimdjson-dev)" ] || simdjson_is_new=true
    ensure_packages "${peer_packages[@]}"
    fetch_npm_peers
else
    ensure_packages python3-paho-mqtt python3-numpy
fi
if [ ! -f "$build_dir/build.ninja" ]; then
    step configure meson setup "$build_dir"
elif $simdjson_is_new; then
    step configure meson setup --reconfigure "$build_dir"
fi
step compile ninja -C "$build_dir" "${targets[@]}"
exec python3 tests/bench/suite.py "$build_dir" "${options[@]}"
