# shellcheck shell=bash
# common.sh: what the verbs of ./run share: messages, logged steps, packages, the build.
# Sourced with the repository's root as the working directory.
# shellcheck disable=SC2034,SC2119,SC2120 # colours and functions are used by those that source it

build_dir=build

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
    bold='' dim='' red='' green='' yellow='' plain=''
fi

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%srun: %s%s\n' "$red" "$*" "$plain" >&2
    exit 1
}

usage_error() {
    echo "run: $*; see ./run help" >&2
    exit 2
}

# Shows the last line of a log in place until the process has ended. Only for a terminal.
follow_log() {
    local pid=$1 log=$2 title=$3 width
    width=$(($(tput cols 2>/dev/null || echo 80) - 16))
    while kill -0 "$pid" 2>/dev/null; do
        printf '\r\e[K  %-11s %s%s%s' "$title" "$dim" \
            "$(tail -n 1 "$log" 2>/dev/null | tr -d '\r\t' | cut -c "1-$width")" "$plain"
        sleep 0.2
    done
    printf '\r\e[K'
}

# step TITLE COMMAND...: runs it quietly into build/TITLE.log; the log's end is shown if it fails.
step() {
    local title=$1 log=$build_dir/$1.log began=$SECONDS code=0 pid
    shift
    mkdir -p "$build_dir"
    "$@" >"$log" 2>&1 </dev/null &
    pid=$!
    if [ -t 1 ]; then
        follow_log "$pid" "$log" "$title"
    fi
    wait "$pid" || code=$?
    if [ "$code" -ne 0 ]; then
        printf '  %-11s %sfailed%s; the end of %s:\n' "$title" "$red" "$plain" "$log"
        tail -n 40 "$log" | sed 's/^/    /'
        exit 1
    fi
    printf '  %-11s done in %d s\n' "$title" $((SECONDS - began))
}

# ---- packages

needed_packages=(
    build-essential meson ninja-build pkg-config python3
    libuv1-dev libmosquitto-dev libcjson-dev libopenblas-serial-dev libssl-dev libsqlite3-dev libmicrohttpd-dev libcmocka-dev
    libprotobuf-c-dev protobuf-c-compiler libnats-dev
    mosquitto openssl
)
lint_packages=(clang-format mandoc)
test_packages=(mosquitto-clients sqlite3 faketime python3-jinja2 python3-jsonschema nats-server python3-paho-mqtt)
onnx_packages=(python3-numpy python3-onnx python3-torch)
fault_packages=("${test_packages[@]}" iproute2 util-linux)

# missing_packages PACKAGE...
missing_packages() {
    local package
    for package in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            printf '%s\n' "$package"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Debian starts a service as it is installed. A policy that forbids it stands for that long.
install_packages() {
    local policy=/usr/sbin/policy-rc.d ours=false code=0
    if [ ! -e "$policy" ]; then
        ours=true
        printf '#!/bin/sh\nexit 101\n' | as_root install -m 755 /dev/stdin "$policy"
    fi
    as_root apt-get update -q &&
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends "$@" || code=$?
    if $ours; then
        as_root rm -f "$policy"
    fi
    return "$code"
}

# ensure_packages [FURTHER PACKAGE...]
ensure_packages() {
    local missing
    mapfile -t missing < <(missing_packages "${needed_packages[@]}" "$@")
    [ "${#missing[@]}" -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "missing: ${missing[*]} (no apt-get here to install them)"
    [ "$(id -u)" -eq 0 ] || sudo -v || fail "missing: ${missing[*]} (root or sudo is needed)"
    say "  missing     ${missing[*]}"
    step packages install_packages "${missing[@]}"
    if [[ " ${missing[*]} " == *" mosquitto "* ]]; then
        say "              The system's own mosquitto service was not started, and is not used here;"
        say "              it would start at the next boot: \"systemctl disable mosquitto\" prevents it."
    fi
}

# ---- build

# ensure_build [MESON OPTION...]
ensure_build() {
    if [ ! -f "$build_dir/build.ninja" ]; then
        step configure meson setup "$build_dir" "$@"
    elif [ $# -gt 0 ]; then
        step configure meson configure "$build_dir" "$@"
    fi
    step compile ninja -C "$build_dir"
}
