# shellcheck shell=bash
# ./run package: Debian packages into build/package, and what lintian says of them.
#
# What is built is a copy of what git knows here, committed or not: nothing that lies about comes into a package, and
# nothing is written beside the sources.
set -euo pipefail
source src/run/common.sh

package_packages=(debhelper dpkg-dev lintian)
place=$build_dir/package
suffix='' twice=false check=true

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --suffix)
            [[ ${2:-} =~ ^[~+.a-z0-9]+$ ]] || usage_error "package: --suffix needs letters and digits, such as ~test1"
            suffix=$2
            shift
            ;;
        --twice) twice=true ;;
        --no-tests) check=false ;;
        *) usage_error "package: no option \"$1\"" ;;
        esac
        shift
    done
}

# copy_sources DIRECTORY
copy_sources() {
    rm -rf "$1"
    mkdir -p "$1"
    if git rev-parse --git-dir >/dev/null 2>&1; then
        git ls-files -z -co --exclude-standard | tar -c --null -T - | tar -x -C "$1"
    else
        tar -c --exclude='./build*' . | tar -x -C "$1"
    fi
    if [ -n "$suffix" ]; then
        sed -i "1s/(\([^)]*\))/(\1$suffix)/" "$1/debian/changelog"
    fi
}

# build_packages DIRECTORY: the packages are put beside it.
build_packages() (
    cd "$1"
    # debhelper gives the build a home of its own, and ccache an empty cache with it.
    export CCACHE_DIR=${CCACHE_DIR:-$HOME/.cache/ccache}
    $check || export DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} nocheck"
    dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary -j"$(nproc)"
)

run_lintian() {
    lintian --allow-root --fail-on error,warning --display-experimental --display-info --pedantic "$place"/*.changes
}

# Byte by byte, of two builds in different places.
compare_builds() {
    local package differ=0
    for package in "$place"/*.deb; do
        if ! cmp -s "$package" "$place/again/${package##*/}"; then
            say "  differs     ${package##*/}"
            differ=1
        fi
    done
    [ "$differ" -eq 0 ] || fail "two builds of the same sources differ"
    say "  same        two builds in different places are equal, byte by byte"
}

parse_arguments "$@"
ensure_packages "${package_packages[@]}"
rm -rf "$place"
copy_sources "$place/armwatch"
step package build_packages "$place/armwatch"
step lintian run_lintian
grep -v '^running with root' "$build_dir/lintian.log" || true
if $twice; then
    copy_sources "$place/again/another-name"
    check=false
    step again build_packages "$place/again/another-name"
    compare_builds
    rm -rf "$place/again"
fi
rm -rf "$place/armwatch"
say "  built       in $place:"
for package in "$place"/*.deb; do
    [[ $package == *-dbgsym_* ]] || say "              ${package##*/}"
done
