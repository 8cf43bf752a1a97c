# shellcheck shell=bash
# ./run fleet: a fleet on one machine: three NATS nodes, several daemons, a cell's bridge, through kills and cuts.
set -euo pipefail
source src/run/common.sh

program=fleet.py
case ${1:-} in
bench)
    program=bench.py
    shift
    ;;
esac
ensure_packages nats-server python3-paho-mqtt iproute2 util-linux
ensure_build
[ "$program" != fleet.py ] || meson test -C "$build_dir" --no-rebuild --print-errorlogs fleet_config </dev/null
kept=$build_dir/fleet
inside=()
if [ "$program" = fleet.py ]; then # hosts are namespaces; the bench needs none
    if [ "$(id -u)" -eq 0 ] && unshare --net true 2>/dev/null; then
        inside=(unshare --net --)
    else
        set -- --loopback "$@"
    fi
fi
"${inside[@]}" /usr/bin/python3 "tests/fleet/$program" "$PWD/$kept" "$PWD/$build_dir/src/cli/armwatch" \
    "$PWD/$build_dir/src/daemon/armwatchd" "$@"
