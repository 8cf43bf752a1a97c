# shellcheck shell=bash
# ./run system: the service under a real systemd, in a Debian root of its own that boots in a container.
# ./run system --packages: the Debian packages: install, use, upgrade, remove, purge.
# ./run system --fresh: what the README promises of a fresh clone, on a Debian with nothing on it.
#
# Builds as whoever calls it; the roots are made and booted as root (src/run/machines.sh).
set -euo pipefail
source src/run/common.sh

fresh=false packages=false words=()
release=$build_dir/system/release

skip_all() {
    say "skipped: $*"
    exit 0
}

parse_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --fresh) fresh=true ;;
        --packages) packages=true ;;
        -*) usage_error "system: no option \"$1\"" ;;
        *) words+=("$1") ;;
        esac
        shift
    done
    if { $fresh || $packages; } && [ ${#words[@]} -gt 0 ]; then
        usage_error "system: --fresh and --packages take no words"
    fi
}

find_reason_to_skip() {
    # shellcheck source=/dev/null
    [ "$(. /etc/os-release 2>/dev/null && echo "${VERSION_CODENAME:-}")" = bookworm ] ||
        skip_all "this is not Debian 12, whose programs the container runs"
    [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null || [ -t 0 ] ||
        skip_all "root or sudo is needed to make a Debian root and boot it"
    (ensure_packages debootstrap systemd-container) ||
        skip_all "debootstrap and systemd-nspawn are not there and cannot be installed"
}

# As a user's meson install does it; what the tests want is not built.
build_release() {
    [ -f "$release/build.ninja" ] || step release-setup meson setup "$release" --buildtype=release -Dtests=false
    step release ninja -C "$release"
    rm -rf "$build_dir/system/stage"
    DESTDIR=$PWD/$build_dir/system/stage step stage meson install -C "$release" --no-rebuild
}

# Two versions of the same sources, so that one can be upgraded to the other.
build_packages() {
    local number
    for number in 1 2; do
        step "packages-$number" bash src/run/package.sh --suffix "~test$number" --no-tests
        rm -rf "$build_dir/system/debs/$number"
        mkdir -p "$build_dir/system/debs/$number"
        cp "$build_dir"/package/*.deb "$build_dir/system/debs/$number/"
        rm -f "$build_dir/system/debs/$number/"*-dbgsym_*
    done
}

clone() {
    git rev-parse --git-dir >/dev/null 2>&1 || skip_all "this is no git repository: there is nothing to clone"
    [ -z "$(git status --porcelain)" ] || say "  note        the clone has what is committed only"
    rm -rf "$build_dir/system/clone"
    git clone --quiet --no-hardlinks . "$build_dir/system/clone"
}

parse_arguments "$@"
PATH=$PATH:/usr/sbin:/sbin
find_reason_to_skip
if $fresh; then
    clone
    as_root bash src/run/machines.sh fresh
elif $packages; then
    build_packages
    as_root bash src/run/machines.sh packages
else
    build_release
    as_root bash src/run/machines.sh service "${words[@]}"
fi
