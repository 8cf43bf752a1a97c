# shellcheck shell=bash
# ./run demo: a broker, the daemon and a simulated arm on the loopback interface; live on the terminal.
#
# Everything lives in one temporary directory and is ended by its process id, also after Ctrl-C.
set -euo pipefail
source src/run/common.sh

# Seconds of the arm's own time. The model knows this robot, but not this session of it.
schedule=healthy:25,collision:25,healthy:12,dropout:15,healthy:10,stuck:15,healthy:8,slow:0.75:25,healthy:10
robot=kuka1 robot_seed=1 session_seed=901
seconds=75 keep=false
work='' url='' page='' broker_pid='' daemon_pid='' arm_pid=''
armwatch=$build_dir/src/cli/armwatch
armwatchd=$build_dir/src/daemon/armwatchd

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --seconds | --schedule) [ $# -ge 2 ] || usage_error "demo: $1 needs a value" ;;&
        --seconds) seconds=$2 && shift ;;
        --schedule) schedule=$2 && shift ;;
        --keep) keep=true ;;
        *) usage_error "demo: no option \"$1\"" ;;
        esac
        shift
    done
    [[ $seconds =~ ^[0-9]+$ && $seconds -ge 5 ]] || usage_error "demo: --seconds is a number from 5 on"
}

end_process() {
    local pid=$1
    [ -n "$pid" ] || return 0
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}

clean_up() {
    trap '' INT TERM
    end_process "$arm_pid"
    if $keep; then
        return
    fi
    end_process "$daemon_pid"
    end_process "$broker_pid"
    [ -z "$work" ] || rm -rf "$work"
}

port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Another process may take the port between the look and the start: then the next one is tried.
start_broker() {
    local port
    for _ in 1 2 3 4 5 6 7 8; do
        port=$((20000 + RANDOM))
        port_is_free "$port" || continue
        printf 'listener %d 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n' "$port" \
            >"$work/mosquitto.conf"
        setsid mosquitto -c "$work/mosquitto.conf" >"$work/broker.log" 2>&1 </dev/null &
        broker_pid=$!
        for _ in {1..50}; do
            if ! kill -0 "$broker_pid" 2>/dev/null; then break; fi
            if ! port_is_free "$port"; then
                url=mqtt://127.0.0.1:$port
                return 0
            fi
            sleep 0.1
        done
    done
    cat "$work/broker.log" >&2
    fail "the broker did not start"
}

start_daemon() {
    mkdir "$work/models" "$work/state"
    cp models/kuka-sim.safetensors "$work/models/"
    sed -e "s#mqtt://127.0.0.1:1883#$url#" -e 's#"state_directory"#"http": {"listen": "127.0.0.1:0"},\n  &#' \
        config/demo.json >"$work/armwatchd.json"
    setsid "$armwatchd" --config "$work/armwatchd.json" >"$work/daemon.log" 2>&1 </dev/null &
    daemon_pid=$!
    for _ in {1..50}; do
        if ! kill -0 "$daemon_pid" 2>/dev/null; then break; fi
        if "$armwatch" ctl --broker "$url" --instance demo --timeout 1s status >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    cat "$work/daemon.log" >&2
    fail "the daemon did not start"
}

# Where the daemon serves its page: it has taken a free port.
find_page() {
    page=$("$armwatch" ctl --broker "$url" --instance demo --timeout 5s --json status 2>/dev/null |
        python3 -c 'import json, sys; print(json.load(sys.stdin).get("http") or "")') || page=''
    [ -n "$page" ] || page="not served: see $work/daemon.log"
}

schedule_seconds() {
    awk -v list="$schedule" 'BEGIN {
        n = split(list, step, ",")
        for (i = 1; i <= n; i++) { sub(/.*:/, "", step[i]); sum += step[i] }
        print sum }'
}

# The arm's announcements go through the live view, so that both share the terminal.
show_arm() {
    local speed view=(--notes)
    speed=$(awk -v a="$(schedule_seconds)" -v b="$seconds" 'BEGIN { printf "%.3g", a / b }')
    [ -t 1 ] || view+=(--no-scores)
    say "  arm         $robot, simulated, $speed times as fast as in truth"
    say "  shown       scores and alerts; a score of 1 is the limit"
    say
    mkfifo "$work/notes"
    "$armwatch" simulate --broker "$url" --robot "$robot" --robot-seed "$robot_seed" \
        --session-seed "$session_seed" --schedule "$schedule" --speed "$speed" --report \
        >"$work/report" 2>"$work/notes" &
    arm_pid=$!
    "$armwatch" watch --broker "$url" "${view[@]}" <"$work/notes" || true
    local code=0
    wait "$arm_pid" || code=$?
    arm_pid=''
    return "$code"
}

colour_verdicts() {
    sed -e "s/ found / ${green}found${plain} /" -e "s/ missed\$/ ${yellow}missed${plain}/"
}

explain_misses() {
    if grep -qE '(payload|friction).* missed' "$work/report"; then
        say "  payload and friction show in the power of whole program steps: that takes minutes."
    fi
}

tell_how_to_look() {
    cat <<TEXT

Still running (--keep), in $work:
  broker      $url, process $broker_pid
  daemon      instance demo, process $daemon_pid, log $work/daemon.log
  page        $page
Look:
  $armwatch watch --broker $url
  $armwatch ctl --broker $url --instance demo status
  $armwatch simulate --broker $url --robot kuka1 --schedule healthy:9,dropout:9 --report
Topics: armwatch/robot/kuka1/{sample,score,alert,state} and armwatch/service/demo/{status,control}
End it:
  kill $daemon_pid $broker_pid && rm -r $work
TEXT
}

parse_arguments "$@"
PATH=$PATH:/usr/sbin:/sbin
ensure_packages
ensure_build
trap clean_up EXIT
trap 'say; say "demo: interrupted"; exit 130' INT
trap 'exit 143' TERM
work=$(mktemp -d "${TMPDIR:-/tmp}/armwatch-demo.XXXXXX")
start_broker
say "  broker      mosquitto, private, $url"
start_daemon
find_page
say "  daemon      armwatchd, model kuka-sim (learnt from simulated sessions)"
say "  page        $page"
code=0
show_arm || code=$?
say
say "${bold}What was injected, and what was found (simulated arm; seconds of its own time)${plain}"
colour_verdicts <"$work/report"
explain_misses
if $keep; then
    tell_how_to_look
fi
[ "$code" -eq 0 ] || fail "the demo did not work"
