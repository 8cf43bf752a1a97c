# shellcheck shell=bash
# ./run promise: promised against realised false alarms, counted on fresh healthy sessions (simulated).
#
# Each session is simulated, judged and removed before the next, so that months need no more room
# than a few hours. Seeds begin where no training, calibration, test or demo takes any from.
set -euo pipefail
source src/run/common.sh

robot_seed=1 first_seed=100001
model=models/kuka-sim.safetensors
sessions=12 hours=3 jobs=1
promises=()
work='' workers=()
armwatch=$build_dir/src/cli/armwatch

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --sessions | --hours-per-session | --model | --per-day | --jobs | --first-seed | --robot-seed)
            [ $# -ge 2 ] || usage_error "promise: $1 needs a value"
            ;;&
        --sessions) sessions=$2 && shift ;;
        --hours-per-session) hours=$2 && shift ;;
        --model) model=$2 && shift ;;
        --per-day) promises+=("$2") && shift ;;
        --jobs) jobs=$2 && shift ;;
        --first-seed) first_seed=$2 && shift ;;
        --robot-seed) robot_seed=$2 && shift ;;
        *) usage_error "promise: no option \"$1\"" ;;
        esac
        shift
    done
    [ ${#promises[@]} -gt 0 ] || promises=(24)
    local count
    for count in "$sessions" "$jobs" "$first_seed" "$robot_seed"; do
        [[ $count =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "promise: \"$count\" is not a number from 1 on"
    done
    for count in "$hours" "${promises[@]}"; do
        [[ $count =~ ^[0-9]+(\.[0-9]+)?$ && $count =~ [1-9] ]] ||
            usage_error "promise: \"$count\" is not a number over 0"
    done
    [ -r "$model" ] || usage_error "promise: cannot read the model $model"
}

clean_up() {
    trap '' INT TERM
    local worker
    for worker in "${workers[@]}"; do
        kill "$worker" 2>/dev/null || true
        wait "$worker" 2>/dev/null || true
    done
    [ -z "$work" ] || rm -rf "$work"
}

# Every jobs-th session from `worker` on; a line "promise seed <JSON of evaluate>" for each promise.
judge_sessions() {
    local worker=$1 minutes i seed promise figures
    minutes=$(awk -v hours="$hours" 'BEGIN { printf "%.10g", 60 * hours }')
    for ((i = worker; i < sessions; i += jobs)); do
        seed=$((first_seed + i))
        "$armwatch" simulate --out "$work/$worker.npy" --columns-out "$work/$worker.names.npy" \
            --minutes "$minutes" --robot-seed "$robot_seed" --session-seed "$seed"
        for promise in "${promises[@]}"; do
            figures=$("$armwatch" evaluate --model "$model" --normal "$work/$worker.npy" \
                --columns "$work/$worker.names.npy" --false-alarms-per-day "$promise" --json)
            printf '%s %d %s\n' "$promise" "$seed" "$figures" >>"$work/$worker.judged"
        done
        rm -f "$work/$worker.npy" "$work/$worker.time.npy"
    done
}

show_progress() {
    local pid=$1 judged
    while [ -t 2 ] && kill -0 "$pid" 2>/dev/null; do
        judged=$(cat "$work"/*.judged 2>/dev/null | wc -l)
        printf '\r\e[K  sessions    %d of %d' $((judged / ${#promises[@]})) "$sessions" >&2
        sleep 0.5
    done
    [ ! -t 2 ] || printf '\r\e[K' >&2
}

parse_arguments "$@"
ensure_packages
ensure_build
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
work=$(mktemp -d "${TMPDIR:-/tmp}/armwatch-promise.XXXXXX")
for ((worker = 0; worker < jobs; worker++)); do
    judge_sessions "$worker" &
    workers+=($!)
done
for worker in "${workers[@]}"; do
    show_progress "$worker"
    wait "$worker" || fail "a session could not be simulated or judged"
done
workers=()
say "Simulated robot $robot_seed, $sessions healthy sessions of $hours h (seeds $first_seed to" \
    "$((first_seed + sessions - 1))), model $model"
cat "$work"/*.judged | python3 src/run/promise_summary.py
