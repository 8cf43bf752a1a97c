# shellcheck shell=bash
# ./run faults: the fault table against the real daemon and a real broker, a line for each row.
set -euo pipefail
source src/run/common.sh

rows=()
for argument in "$@"; do
    case $argument in
    --short | --quick) rows+=("$argument") ;;
    '' | *[!0-9]*) usage_error "faults: \"$argument\" is no row" ;;
    *) rows+=("$argument") ;;
    esac
done
ensure_packages "${fault_packages[@]}"
ensure_build
kept=$build_dir/faults
mkdir -p "$kept"
ARMWATCHD=$PWD/$build_dir/src/daemon/armwatchd \
    "$build_dir/tests/faults/faults" --directory "$kept" "${rows[@]}" | tee "$kept/result"
