# shellcheck shell=bash
# ./run ledger: what was injected against what was told, through kills of the broker and of the daemon.
set -euo pipefail
source src/run/common.sh

rounds=30
case ${1:-} in
'') ;;
-* | *[!0-9]*) usage_error "ledger: \"$1\" is no number of rounds" ;;
*) rounds=$1 ;;
esac
ensure_packages "${test_packages[@]}"
ensure_build
kept=$build_dir/ledger
rm -rf "$kept"
mkdir -p "$kept"
say "  ledger      $rounds rounds of one kill of the broker and three or four of the daemon, some 20 s each"
code=0
ARMWATCHD=$PWD/$build_dir/src/daemon/armwatchd ARMWATCH_LEDGER_ROUNDS=$rounds ARMWATCH_LEDGER_DIRECTORY=$PWD/$kept \
    "$build_dir/tests/ledger/ledger" >"$kept/log" 2>&1 || code=$?
grep -v '^\[' "$kept/log"
say "  kept        $kept/injected.csv, alerts.jsonl and log"
exit "$code"
