# shellcheck shell=bash
# ./run senders: what plants already have, real, against the daemon: Node-RED from npm, and mosquitto's bridge.
#
# The bridge is a part of ./run test as well; Node-RED is not, for with an empty cache npm alone takes minutes.
set -euo pipefail
source src/run/common.sh

[ $# -eq 0 ] || usage_error "senders: \"$1\" is not known here"
mkdir -p "$build_dir"
[ -d "$build_dir/tests/senders/node-red" ] ||
    say "  node-red    comes from npm into $build_dir/tests/senders/node-red; that takes minutes, once"
exec bash src/run/test.sh senders
