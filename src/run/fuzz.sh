# shellcheck shell=bash
# ./run fuzz: every fuzz target for a while, with libFuzzer, the address and the undefined-behaviour sanitizer.
#
# What is found in a run is kept in build-fuzz/corpus, so that the next one goes on from there; a finding is kept in
# build-fuzz/findings. Put it into tests/fuzz/corpus/TARGET as found-WHAT, and mend it: the unit tests replay the corpus.
set -euo pipefail
source src/run/common.sh

build_dir=build-fuzz
seconds=60 jobs=1 targets=()
workers=()

parse_arguments() {
    local target
    while [ $# -gt 0 ]; do
        case $1 in
        --jobs)
            [ $# -ge 2 ] || usage_error "fuzz: $1 needs a value"
            jobs=$2 && shift
            ;;
        -*) usage_error "fuzz: no option \"$1\"" ;;
        [0-9]*) seconds=$1 ;;
        *) targets+=("$1") ;;
        esac
        shift
    done
    [[ $seconds =~ ^[1-9][0-9]{0,6}$ && $jobs =~ ^[1-9][0-9]?$ ]] ||
        usage_error "fuzz: seconds and jobs are numbers from 1 on"
    [ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(ls tests/fuzz/corpus)
    for target in "${targets[@]}"; do
        [ -d "tests/fuzz/corpus/$target" ] || usage_error "fuzz: no target \"$target\"; there are $(ls -C -w 0 tests/fuzz/corpus)"
    done
}

clean_up() {
    trap '' INT TERM
    local worker
    for worker in "${workers[@]}"; do
        kill "$worker" 2>/dev/null || true
        wait "$worker" 2>/dev/null || true
    done
}

build_targets() {
    [ -f "$build_dir/build.ninja" ] ||
        step configure env CC=clang-14 meson setup "$build_dir" -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
    step compile ninja -C "$build_dir" fuzz_programs
}

# figure NAME LOG: one of the final statistics, or ?
figure() {
    sed -n "s/^stat::$1: *//p" "$2" | tail -n 1 | grep . || echo '?'
}

fuzz_target() {
    local target=$1 code=0 pid findings log=$build_dir/log/$1
    local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
        -artifact_prefix="$build_dir/findings/$target/")
    [ ! -f "tests/fuzz/dictionary/$target.dict" ] || options+=(-dict="tests/fuzz/dictionary/$target.dict")
    mkdir -p "$build_dir/corpus/$target" "$build_dir/findings/$target" "$build_dir/log"
    "$build_dir/tests/fuzz/fuzz_$target" "${options[@]}" "$build_dir/corpus/$target" "tests/fuzz/corpus/$target" \
        >"$log" 2>&1 </dev/null &
    pid=$!
    trap 'kill "$pid"; exit 143' TERM
    wait "$pid" || code=$?
    findings=$(grep -c '^artifact_prefix=.*Test unit written to' "$log" || true)
    [ "$code" -eq 0 ] || [ "$findings" -gt 0 ] || findings=1
    printf '%-14s %12s %8s %11s %9d\n' "$target" "$(figure number_of_executed_units "$log")" \
        "$(grep -ao ' cov: [0-9]*' "$log" | tail -n 1 | cut -d ' ' -f 3)" "$(figure new_units_added "$log")" "$findings"
    [ "$findings" -eq 0 ] || tell_finding "$target" "$log" >>"$build_dir/found"
}

tell_finding() {
    local what path
    what=$(grep -aE -m 1 'not true:|runtime error:|ERROR: (AddressSanitizer|LeakSanitizer|libFuzzer):' "$2" || true)
    path=$(sed -n 's/^artifact_prefix=.*Test unit written to //p' "$2" | tail -n 1)
    printf '%s: %s\n  input %s\n  log   %s\n' "$1" "${what:-ended with an error}" "${path:-(none was written)}" "$2"
}

parse_arguments "$@"
ensure_packages clang-14 libclang-rt-14-dev
build_targets
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
: >"$build_dir/found"
printf '%-14s %12s %8s %11s %9s\n' target executions edges 'new units' findings
for ((worker = 0; worker < jobs; worker++)); do
    for ((i = worker; i < ${#targets[@]}; i += jobs)); do
        fuzz_target "${targets[i]}"
    done &
    workers+=($!)
done
for worker in "${workers[@]}"; do
    wait "$worker"
done
workers=()
[ ! -s "$build_dir/found" ] || {
    cat "$build_dir/found"
    fail "something was found"
}
