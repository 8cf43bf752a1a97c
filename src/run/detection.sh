# shellcheck shell=bash
# ./run detection: what the default set of detectors finds, how soon, and what it costs in false alarms (simulated).
#
# For each robot a model is trained and calibrated on sessions of its own; then healthy sessions and every fault of the simulator
# are judged, all in sessions that neither has seen. A session is simulated, judged and removed. Prints one Markdown table.
set -euo pipefail
source src/run/common.sh

robots=(83 84 85 86) jobs=2 epochs=15 healthy=12 calibration=24 scale=1
keep=''
work='' workers=()
armwatch=$build_dir/src/cli/armwatch

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --robots | --jobs | --epochs | --healthy | --calibration | --scale | --keep)
            [ $# -ge 2 ] || usage_error "faults: $1 needs a value"
            ;;&
        --robots) IFS=, read -ra robots <<<"$2" && shift ;;
        --jobs) jobs=$2 && shift ;;
        --epochs) epochs=$2 && shift ;;
        --healthy) healthy=$2 && shift ;;
        --calibration) calibration=$2 && shift ;;
        --scale) scale=$2 && shift ;;
        --keep) keep=$2 && shift ;;
        *) usage_error "faults: no option \"$1\"" ;;
        esac
        shift
    done
    local count
    for count in "${robots[@]}" "$jobs" "$epochs" "$healthy" "$calibration" "$scale"; do
        [[ $count =~ ^[1-9][0-9]{0,8}$ ]] || usage_error "faults: \"$count\" is not a number from 1 on"
    done
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

# simulate FILE MINUTES SESSION [OPTION...], of the present robot
simulate() {
    "$armwatch" simulate --out "$1" --columns-out "${1%.npy}.names.npy" --minutes "$2" --robot-seed "$robot" \
        --session-seed "$3" "${@:4}" 2>/dev/null
}

# judge FAULT SESSION MINUTES EVENTS: one line "fault robot session minutes <JSON>", and the raised alerts beside it
judge() {
    local fault=$1 session=$2 minutes=$3 events=$4 recording=$dir/judged.npy which=--anomalous figures
    if [ "$fault" = healthy ]; then
        simulate "$recording" "$minutes" "$session"
        which=--normal
    else
        simulate "$recording" "$minutes" "$session" --anomaly "$fault" --label-column
    fi
    figures=$("$armwatch" evaluate --model "$dir/model.safetensors" --columns "${recording%.npy}.names.npy" \
        $which "$recording" --events "$events" --json 2>/dev/null)
    printf '%s %d %d %d %s\n' "$fault" "$robot" "$session" "$minutes" "$figures" >>"$work/$robot.judged"
    case $fault in
    stuck:* | dropout:* | loose:*)
        "$armwatch" score --model "$dir/model.safetensors" --columns "${recording%.npy}.names.npy" "$recording" \
            --out "$dir/scores.csv" --alerts "$dir/alerts.json" 2>/dev/null
        sed "s|^|$fault |" "$dir/alerts.json" >>"$work/$robot.alerts"
        ;;
    esac
    rm -f "$recording" "${recording%.npy}".{time,names}.npy "$dir/scores.csv" "$dir/alerts.json"
}

train_robot() {
    local seed normal=() sessions=()
    for seed in $(seq 1 10); do
        simulate "$dir/normal-$seed.npy" 60 "$seed"
        normal+=(--normal "$dir/normal-$seed.npy")
    done
    "$armwatch" train "${normal[@]}" --columns "$dir/normal-1.names.npy" --out "$dir/trained.safetensors" --name model \
        --epochs "$epochs" --simulated >"$work/$robot.trained" 2>&1
    rm -f "$dir"/normal-*
    for seed in $(seq 101 $((100 + calibration))); do
        simulate "$dir/calibration-$seed.npy" 182 "$seed"
        sessions+=(--normal "$dir/calibration-$seed.npy")
    done
    "$armwatch" calibrate --model "$dir/trained.safetensors" --columns "$dir/calibration-101.names.npy" "${sessions[@]}" \
        --out "$dir/model.safetensors" >"$work/$robot.calibrated" 2>&1
    rm -f "$dir"/calibration-*
}

judge_robot() {
    local fault i sensor
    for ((i = 0; i < healthy; i++)); do
        judge healthy $((1001 + i)) 180 runs
    done
    for fault in slow:0.5 slow:0.75 slow:0.9; do
        for ((i = 0; i < scale; i++)); do
            judge "$fault" $((2001 + i)) 60 steps
        done
        for ((i = 0; i < 3 * scale; i++)); do
            judge "$fault/some" $((2101 + i)) 60 runs
        done
    done
    for fault in collision; do
        for ((i = 0; i < 2 * scale; i++)); do
            judge "$fault" $((2201 + i)) 60 runs
        done
    done
    for sensor in 1 2 3 4 5 6 7; do
        for ((i = 0; i < scale; i++)); do
            judge "stuck:$sensor" $((2300 + 10 * i + sensor)) 20 runs
            judge "dropout:$sensor" $((2400 + 10 * i + sensor)) 20 runs
        done
        for ((i = 0; i < 2 * scale; i++)); do
            judge "loose:$sensor" $((2500 + 10 * i + sensor)) 10 runs
        done
    done
    judge payload:0.01 2701 60 steps # how long a cycle is
    for fault in friction:1.5 payload:2 payload:1.5 payload:1 payload:0.75 payload:0.5 payload:0.25; do
        for ((i = 0; i < 4 * scale; i++)); do
            judge "$fault" $((2601 + i)) 32 runs
        done
    done
}

work_on() {
    local robot dir
    for robot in "$@"; do
        dir=$work/$robot
        mkdir -p "$dir"
        train_robot
        judge_robot
        [ -z "$keep" ] || cp "$dir/model.safetensors" "$keep/robot-$robot.safetensors"
        rm -rf "$dir"
    done
}

show_progress() {
    local pid=$1
    while [ -t 2 ] && kill -0 "$pid" 2>/dev/null; do
        printf '\r\e[K  sessions judged    %d' "$(cat "$work"/*.judged 2>/dev/null | wc -l)" >&2
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
work=$(mktemp -d "${TMPDIR:-/tmp}/armwatch-faults.XXXXXX")
for ((worker = 0; worker < jobs; worker++)); do
    mine=()
    for ((i = worker; i < ${#robots[@]}; i += jobs)); do
        mine+=("${robots[i]}")
    done
    [ ${#mine[@]} -eq 0 ] && continue
    work_on "${mine[@]}" &
    workers+=($!)
done
for worker in "${workers[@]}"; do
    show_progress "$worker"
    wait "$worker" || fail "a robot could not be trained or judged: $(tail -qn 1 "$work"/*.trained "$work"/*.calibrated 2>/dev/null)"
done
workers=()
say "Simulated robots ${robots[*]}: 10 h of training, $calibration calibration sessions of 3 h, $healthy healthy ones of 3 h each"
cat "$work"/*.alerts >"$work/alerts"
cat "$work"/*.judged | python3 src/run/detection_summary.py "$work/alerts"
