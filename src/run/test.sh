# shellcheck shell=bash
# ./run test: the suites, case by case; the last line is the count.
set -euo pipefail
source src/run/common.sh

options=()
suites=()
for argument in "$@"; do
    case $argument in
    --werror) options=(-Dwerror=true) ;;
    -*) usage_error "test: no option \"$argument\"" ;;
    *) suites+=(--suite "$argument") ;;
    esac
done
if [ ${#suites[@]} -eq 0 ]; then
    suites=(--suite lint --suite unit --suite integration)
fi
ensure_packages "${lint_packages[@]}" "${test_packages[@]}"
ensure_build "${options[@]}"

log=$build_dir/meson-logs/testlog.json
rm -f "$log"
# Meson's own result counts programs; the summary reads the cases and decides.
meson test -C "$build_dir" --no-rebuild --print-errorlogs "${suites[@]}" </dev/null || true
exec python3 src/run/test_summary.py "$log"
