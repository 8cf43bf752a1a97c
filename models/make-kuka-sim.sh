#!/usr/bin/env bash
# Makes models/kuka-sim.safetensors and prints the figures of its model card. Everything is simulated.
# Usage: models/make-kuka-sim.sh [ARMWATCH] [OUT_DIRECTORY]   (some 5 minutes on one core, 6 GB of temporary files)
set -euo pipefail

armwatch=${1:-build/src/cli/armwatch}
out=${2:-models}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
robot=1

# simulate FILE MINUTES SESSION_SEED [OPTION...]
simulate() {
    "$armwatch" simulate --out "$1" --columns-out "$work/columns.npy" --minutes "$2" \
        --robot-seed "$robot" --session-seed "$3" "${@:4}" 2>/dev/null
}

# Ten hours, each a session of its own: seven train, one chooses the epoch, two give a first threshold.
normal=()
for seed in 1 2 3 4 5 6 7 8 9 10; do
    simulate "$work/normal-$seed.npy" 60 "$seed"
    normal+=(--normal "$work/normal-$seed.npy")
done

# Nothing is chosen by hand: the detectors choose for themselves.
"$armwatch" train "${normal[@]}" --columns "$work/columns.npy" --out "$work/kuka-sim.safetensors" \
    --epochs 30 --simulated

# Three days in 24 sessions that training never saw.
healthy=()
for seed in $(seq 101 124); do
    simulate "$work/healthy-$seed.npy" 182 "$seed"
    healthy+=(--normal "$work/healthy-$seed.npy")
done
"$armwatch" calibrate --model "$work/kuka-sim.safetensors" --columns "$work/columns.npy" \
    "${healthy[@]}" --out "$out/kuka-sim.safetensors"
"$armwatch" model verify "$out/kuka-sim.safetensors"

# Two days in 16 further sessions; then one more session, healthy and with each fault, so that nothing but the fault differs.
# A fault that lasts for the session is one event; a slowed step is one.
fresh=()
for seed in $(seq 201 216); do
    simulate "$work/fresh-$seed.npy" 180 "$seed"
    fresh+=(--normal "$work/fresh-$seed.npy")
done
printf '\nhealthy sessions (simulated)\n'
"$armwatch" evaluate --model "$out/kuka-sim.safetensors" --columns "$work/columns.npy" "${fresh[@]}" |
    grep 'false alarms'
simulate "$work/twin.npy" 60 301
for fault in collision stuck dropout slow:0.5 slow:0.75 slow:0.9 slow:0.75/some loose payload:2 friction:1.5; do
    events=auto
    case $fault in loose | payload:* | friction:*) events=runs ;; esac
    simulate "$work/fault.npy" 60 301 --anomaly "$fault" --label-column
    printf '\n%s (simulated)\n' "$fault"
    "$armwatch" evaluate --model "$out/kuka-sim.safetensors" --columns "$work/columns.npy" --events "$events" \
        --normal "$work/twin.npy" --anomalous "$work/fault.npy"
done
