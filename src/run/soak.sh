# shellcheck shell=bash
# ./run soak [HOURS]: hours of robots' time, as fast as the daemon takes it, with faults in each of them.
set -euo pipefail
source src/run/common.sh

hours=24
case ${1:-} in
'') ;;
*[!0-9]*) usage_error "soak: \"$1\" is no number of hours" ;;
*) hours=$1 ;;
esac
ensure_packages "${fault_packages[@]}"
ensure_build
kept=$build_dir/soak
rm -rf "$kept"
mkdir -p "$kept"
say "  soak        $hours hours of three robots, 10 samples a second each; every hour: refused, missing, repeated and"
say "              late samples, a sensor that stands still, an anomaly, a broker's restart, a reload, a SIGHUP"
: >"$kept/table"
tail -f "$kept/table" &
shown=$!
code=0
ARMWATCHD=$PWD/$build_dir/src/daemon/armwatchd ARMWATCH_SOAK_HOURS=$hours ARMWATCH_SOAK_TABLE=$kept/table \
    "$build_dir/tests/faults/faults" --directory "$kept" 59 >"$kept/result" || code=$?
sleep 1
kill "$shown"
cat "$kept/result"
exit "$code"
