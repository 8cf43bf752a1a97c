# shellcheck shell=bash
# ./run page: the operator's page in a real Chromium: its tests, and pictures of every view to look at.
set -euo pipefail
source src/run/common.sh

[ $# -eq 0 ] || usage_error "page: \"$1\" is not known here"
ensure_packages chromium "${test_packages[@]}"
ensure_build
step pictures python3 tests/page/pictures.py "$build_dir/page"
say "              in $build_dir/page"
exec bash src/run/test.sh page
