# shellcheck shell=bash
# ./run build: install what is missing, configure, compile.
set -euo pipefail
source src/run/common.sh

options=()
for argument in "$@"; do
    case $argument in
    --werror) options=(-Dwerror=true) ;;
    *) usage_error "build: no option \"$argument\"" ;;
    esac
done
ensure_packages
ensure_build "${options[@]}"
say "  built       $build_dir/src/daemon/armwatchd and $build_dir/src/cli/armwatch"
