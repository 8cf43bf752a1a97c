# shellcheck shell=bash
# ./run coverage: which lines of src the suites unit and integration reach.
set -euo pipefail
source src/run/common.sh

build_dir=build-coverage
[ $# -eq 0 ] || usage_error "coverage: no option \"$1\""
ensure_packages gcovr
# Without optimisation a line is a line. Several threads of the daemon count at once.
[ -f "$build_dir/build.ninja" ] ||
    step configure meson setup "$build_dir" -Db_coverage=true -Dbuildtype=debug -Dc_args=-fprofile-update=atomic
step compile ninja -C "$build_dir"
find "$build_dir" -name '*.gcda' -delete
step tests meson test -C "$build_dir" --no-rebuild --print-errorlogs --timeout-multiplier 5 --suite unit --suite integration
step count gcovr --root . --filter src/ --json-summary "$build_dir/coverage.json" \
    --html-details "$build_dir/coverage.html" "$build_dir"
say "  lines       $build_dir/coverage.html"
exec python3 src/run/coverage_summary.py "$build_dir/coverage.json"
