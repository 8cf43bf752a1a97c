# shellcheck shell=bash
# The part of ./run system that needs root: Debian roots by debootstrap, kept in build/system, and the container.
#
# Mirror, proxy and trust are taken from this machine's apt as they are configured at the moment.
set -euo pipefail
source src/run/common.sh

place=$PWD/$build_dir/system
machine=armwatch-system-$$
# The broker, what reloads the service (procps), and what the checks use; libraries are found in the programs.
service_packages=(mosquitto procps openssl python3 gdb-minimal)
nspawn_pid='' leader='' cgroup=''

skip_all() {
    say "skipped: $*"
    exit 0
}

# ---- roots

# Lines "SITE SUITE COMPONENT" of Debian 12, as apt here has them.
host_sources() {
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk '$1 == "Debian" && $2 ~ /^bookworm(-updates|-security)?$/ { print $3, $4, $5 }' | sort -u
}

host_settings() {
    apt-config dump | grep -E '^Acquire::(https?|Check-[A-Za-z-]*|AllowInsecureRepositories|Retries|ForceIPv[46])(::| )' || true
}

host_proxies() {
    local name
    for name in http_proxy https_proxy no_proxy; do
        [ -z "${!name:-}" ] || printf -- '--setenv=%s=%s\n' "$name" "${!name}"
    done
}

# The root's apt works as the host's.
copy_apt() {
    local root=$1
    if grep -q '^https:' "$place/sources"; then
        mkdir -p "$root/etc/ssl/certs"
        cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" || return 1
    fi
    awk '{ print "deb", $1, $2, $3 }' "$place/sources" >"$root/etc/apt/sources.list" &&
        host_settings >"$root/etc/apt/apt.conf.d/90host" &&
        cp -r /etc/apt/trusted.gpg.d/. "$root/etc/apt/trusted.gpg.d/" &&
        printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
}

# Commands in a root that is not booted, with this machine's network.
in_root() {
    local root=$1 settings
    shift
    mapfile -t settings < <(host_proxies)
    systemd-nspawn --quiet --register=no --keep-unit --machine="$machine" --as-pid2 --console=pipe --directory="$root" \
        --setenv=DEBIAN_FRONTEND=noninteractive "${settings[@]}" "$@"
}

# A root is made under another name and gets its own when it is complete. Its recipe is kept beside it.
root_is_good() {
    [ -d "$1" ] && [ "$(cat "$1.recipe" 2>/dev/null)" = "$2" ]
}

bare_root() {
    local recipe="debootstrap minbase bookworm" mirror
    root_is_good "$place/bare" "$recipe" && return 0
    mirror=$(awk '$2 == "bookworm" { print $1; exit }' "$place/sources")
    rm -rf "$place/bare" "$place/bare.new" &&
        debootstrap --variant=minbase --include=systemd-sysv bookworm "$place/bare.new" "$mirror" &&
        rm -rf "$place/bare.new/var/cache/apt/archives"/*.deb &&
        mv "$place/bare.new" "$place/bare" &&
        echo "$recipe" >"$place/bare.recipe"
}

# Packages of this machine with the libraries that the programs are linked with; dpkg may know one without /usr.
library_packages() {
    local library
    ldd "$place"/stage/usr/local/bin/* | awk '$2 == "=>" { print $3 }' | sort -u | while read -r library; do
        library=$(readlink -f "$library")
        dpkg-query -S "$library" 2>/dev/null || dpkg-query -S "${library#/usr}"
    done | cut -d : -f 1 | sort -u
}

service_root() {
    local libraries recipe
    mapfile -t libraries < <(library_packages)
    recipe="${service_packages[*]} ${libraries[*]}"
    root_is_good "$place/service" "$recipe" && return 0
    rm -rf "$place/service" "$place/service.new" &&
        cp -a --reflink=auto "$place/bare" "$place/service.new" &&
        copy_apt "$place/service.new" &&
        in_root "$place/service.new" apt-get update -q &&
        in_root "$place/service.new" apt-get install -q -y --no-install-recommends \
            "${service_packages[@]}" "${libraries[@]}" &&
        rm -rf "$place/service.new/var/cache/apt/archives"/*.deb "$place/service.new/var/lib/apt/lists"/* &&
        mv "$place/service.new" "$place/service" &&
        echo "$recipe" >"$place/service.recipe"
}

# The bare Debian with what the packages need in apt's cache, so that a root without a network can install them.
packages_root() {
    local recipe deb
    recipe="python3 mosquitto gcc"
    for deb in "$place"/debs/2/*.deb; do
        recipe+=" $(dpkg-deb --field "$deb" Package Depends Recommends | tr '\n' ' ' | sed 's/([^)]*)//g')"
    done
    root_is_good "$place/packages" "$recipe" && return 0
    rm -rf "$place/packages" "$place/packages.new" &&
        cp -a --reflink=auto "$place/bare" "$place/packages.new" &&
        copy_apt "$place/packages.new" &&
        cp -r "$place/debs" "$place/packages.new/srv/debs" &&
        in_root "$place/packages.new" apt-get update -q &&
        in_root "$place/packages.new" apt-get install -q -y --no-install-recommends python3-minimal python3 &&
        in_root "$place/packages.new" sh -c 'apt-get install -q -y --download-only mosquitto /srv/debs/2/*.deb' &&
        in_root "$place/packages.new" apt-get install -q -y --download-only --no-install-recommends \
            gcc libc6-dev pkg-config &&
        rm -rf "$place/packages.new/srv/debs" &&
        mv "$place/packages.new" "$place/packages" &&
        echo "$recipe" >"$place/packages.recipe"
}

# prepare WHAT COMMAND...: as step, but quiet, and what fails is a reason to skip: no network, no right to mount.
# (In a condition bash ends no function at an error: hence the && in the commands.)
prepare() {
    local what=$1 log=$place/$1.log began=$SECONDS
    shift
    if ! "$@" >"$log" 2>&1 </dev/null; then
        skip_all "a Debian root cannot be made here (${log#"$PWD"/}): $(tail -n 1 "$log")"
    fi
    printf '  %-11s done in %d s\n' "$what" $((SECONDS - began))
}

find_mirror() {
    host_sources >"$place/sources"
    if [ ! -s "$place/sources" ]; then
        apt-get update -q >/dev/null 2>&1 || true
        host_sources >"$place/sources"
    fi
    grep -q ' bookworm ' "$place/sources" || skip_all "apt here has no mirror of Debian 12"
}

# ---- container

# With a memory cgroup of its own the container's systemd can hold its services to their limits.
make_cgroup() {
    local own
    if [ -d /sys/fs/cgroup/memory ]; then
        own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
        cgroup=/sys/fs/cgroup/memory${own%/}/$machine
    elif [ -f /sys/fs/cgroup/cgroup.controllers ]; then
        cgroup=/sys/fs/cgroup/$machine
    fi
    [ -z "$cgroup" ] || mkdir "$cgroup" 2>/dev/null || cgroup=''
}

enter() {
    nsenter --target "$leader" --mount --uts --ipc --net --pid --cgroup -- \
        env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}

has_booted() {
    leader=$(cut -d ' ' -f 1 "/proc/$nspawn_pid/task/$nspawn_pid/children" 2>/dev/null) || return 1
    [ -n "$leader" ] || return 1
    case $(enter systemctl is-system-running 2>/dev/null) in
    running | degraded) return 0 ;;
    *) return 1 ;;
    esac
}

boot() {
    local root=$1
    make_cgroup
    (
        [ -z "$cgroup" ] || echo "$BASHPID" >"$cgroup/cgroup.procs"
        exec systemd-nspawn --quiet --register=no --keep-unit --machine="$machine" --directory="$root" --boot \
            --private-network --link-journal=no --console=pipe
    ) >"$place/console.log" 2>&1 </dev/null &
    nspawn_pid=$!
    for _ in {1..300}; do
        if has_booted; then
            break
        fi
        kill -0 "$nspawn_pid" 2>/dev/null || break
        leader=''
        sleep 0.2
    done
    has_booted || skip_all "a Debian root does not boot here with systemd-nspawn; build/system/console.log says why"
    # nspawn shows the controllers of version 1 read-only.
    if [[ $cgroup == /sys/fs/cgroup/memory/* ]]; then
        enter mount -o remount,bind,rw /sys/fs/cgroup/memory && enter systemctl daemon-reexec
    fi
}

shut_down() {
    trap '' INT TERM
    if [ -n "$nspawn_pid" ]; then
        [ -z "$leader" ] || kill -s RTMIN+4 "$leader" 2>/dev/null || true
        for _ in {1..100}; do
            kill -0 "$nspawn_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -s KILL "$nspawn_pid" 2>/dev/null || true
        wait "$nspawn_pid" 2>/dev/null || true
    fi
    if [ -n "$cgroup" ]; then
        find "$cgroup" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    fi
}

# ---- verbs

check_service() {
    local code=0
    say "  roots       of Debian 12, in build/system; made once, which takes minutes"
    prepare debian bare_root
    prepare packages service_root
    rm -rf "$place/root"
    cp -a --reflink=auto "$place/service" "$place/root"
    cp -a --no-preserve=ownership "$place/stage/." "$place/root/"
    cp models/kuka-sim.safetensors "$place/root/root/"
    cp -r tests/system "$place/root/root/checks"
    trap shut_down EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    boot "$place/root"
    say "  container   Debian 12, $(enter systemctl --version | head -n 1), no network but its own loopback"
    enter python3 -B /root/checks/checks.py "$@" || code=$?
    enter journalctl --no-pager -u 'armwatchd*' -u mosquitto >"$place/journal.log" || true
    return "$code"
}

check_packages() {
    local code=0
    say "  roots       of Debian 12, in build/system; made once, which takes minutes"
    prepare debian bare_root
    prepare apt-cache packages_root
    rm -rf "$place/root"
    cp -a --reflink=auto "$place/packages" "$place/root"
    cp -r "$place/debs" "$place/root/srv/debs"
    cp -r tests/system "$place/root/root/checks"
    cp -r debian "$place/root/root/debian"
    trap shut_down EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    boot "$place/root"
    say "  container   Debian 12, $(enter systemctl --version | head -n 1), no network but its own loopback"
    enter python3 -B /root/checks/package_checks.py || code=$?
    enter journalctl --no-pager -u 'armwatchd*' -u mosquitto >"$place/packages-journal.log" || true
    return "$code"
}

# expect TITLE LOG PATTERN COMMAND...: exit code 0, and a line near the log's end.
expect() {
    local title=$1 log=$place/$2.log pattern=$3 code=0 began=$SECONDS last
    shift 3
    "$@" >"$log" 2>&1 </dev/null || code=$?
    last=$(tail -n 5 "$log" | grep -E "$pattern" | tail -n 1) || true
    if [ "$code" -eq 0 ] && [ -n "$last" ]; then
        passed=$((passed + 1))
        say "PASS  $title ($last; $((SECONDS - began)) s)"
    else
        failed=$((failed + 1))
        say "FAIL  $title: exit code $code; the end of ${log#"$PWD"/}:"
        tail -n 15 "$log"
    fi
}

check_fresh() {
    passed=0 failed=0
    prepare debian bare_root
    rm -rf "$place/fresh"
    cp -a --reflink=auto "$place/bare" "$place/fresh"
    copy_apt "$place/fresh"
    cp -r "$place/clone" "$place/fresh/root/armwatch"
    in_root "$place/fresh" true >/dev/null 2>&1 || skip_all "systemd-nspawn does not work here"
    expect "./run demo --seconds 40 from nothing" fresh-demo '4 injected, 4 found' \
        in_root "$place/fresh" --chdir=/root/armwatch ./run demo --seconds 40
    expect "./run test from nothing" fresh-test '^[0-9]+ passed, 0 failed' \
        in_root "$place/fresh" --chdir=/root/armwatch ./run test
    say "$passed passed, $failed failed, 0 skipped"
    [ "$failed" -eq 0 ] || return 1
    rm -rf "$place/fresh" "$place/clone"
}

mkdir -p "$place"
exec 9>"$place/lock"
flock --nonblock 9 || fail "./run system is running already"
find_mirror
case $1 in
service) check_service "${@:2}" ;;
packages) check_packages ;;
fresh) check_fresh ;;
esac
