# shellcheck shell=bash
# ./run sanitize: the suites with other eyes: address and undefined behaviour, threads, valgrind.
set -euo pipefail
source src/run/common.sh

kinds=()
suites=()
faults=false
for argument in "$@"; do
    case $argument in
    address | thread | valgrind) kinds+=("$argument") ;;
    unit | integration) suites+=(--suite "$argument") ;;
    faults) faults=true ;;
    *) usage_error "sanitize: \"$argument\" is neither address, thread, valgrind, unit, integration nor faults" ;;
    esac
done
[ ${#kinds[@]} -gt 0 ] || $faults || kinds=(address thread valgrind)
[ ${#kinds[@]} -gt 0 ] || kinds=(address thread) # valgrind has the unit suite only
[ ${#suites[@]} -gt 0 ] || $faults || suites=(--suite unit --suite integration)

if $faults; then
    ensure_packages "${fault_packages[@]}"
else
    ensure_packages "${test_packages[@]}"
fi
failed=0

# run_suites DIRECTORY [MESON TEST OPTION...]
run_suites() {
    local directory=$1
    shift
    rm -f "$directory/meson-logs/testlog.json"
    meson test -C "$directory" --no-rebuild --print-errorlogs --timeout-multiplier 10 "$@" </dev/null >"$directory/tests.log" || true
    python3 src/run/test_summary.py "$directory/meson-logs/testlog.json" || failed=1
}

# The rows that bring a library of their own into the daemon are skipped there.
run_faults() {
    mkdir -p "$1/faults"
    ARMWATCHD=$PWD/$1/src/daemon/armwatchd TSAN_OPTIONS=suppressions=$PWD/tests/integration/tsan.supp \
        "$1/tests/faults/faults" --short --directory "$1/faults" || failed=1
}

sanitized() {
    local kind=$1 options=$2
    build_dir=build-$kind
    ensure_build "-Db_sanitize=$options" -Db_lundef=false
    [ ${#suites[@]} -eq 0 ] || run_suites "$build_dir" "${suites[@]}"
    ! $faults || run_faults "$build_dir"
}

# The unit suite only: what runs in real time is too slow there. BLAS takes kernels that valgrind knows.
under_valgrind() {
    local program name passed=0 wrong=0
    ensure_packages valgrind
    build_dir=build
    ensure_build
    mkdir -p build/valgrind
    for program in build/tests/unit/test_*; do
        name=${program##*/}
        [[ -x $program && ! -d $program && $name != test_must_fail ]] || continue
        if ARMWATCH=build/src/cli/armwatch OPENBLAS_CORETYPE=Haswell valgrind -q --error-exitcode=99 --leak-check=full \
            --errors-for-leak-kinds=definite --suppressions=tests/valgrind.supp "$program" >"build/valgrind/$name.log" 2>&1 </dev/null; then
            passed=$((passed + 1))
        else
            wrong=$((wrong + 1))
            say "  failed      $name (build/valgrind/$name.log)"
        fi
    done
    say "$passed passed, $wrong failed"
    [ "$wrong" -eq 0 ] || failed=1
}

for kind in "${kinds[@]}"; do
    say "${bold}$kind$plain"
    case $kind in
    address) sanitized address address,undefined ;;
    thread) sanitized thread thread ;;
    valgrind) under_valgrind ;;
    esac
done
exit "$failed"
