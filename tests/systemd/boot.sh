#!/bin/bash
# SPDX-License-Identifier: MIT
# boot.sh SCRIPT FILE…: boots a real systemd in a container over a cached minimal Debian tree, with the files and folders in /test, runs SCRIPT
# inside and ends with its status, or with 77 where this machine can boot none. Root; needs mmdebstrap and systemd-container (make
# check-systemd installs them).
# The tree is made once from the package sources that this machine uses (BASE=, default below ~/.cache). PostgreSQL is not installed
# in it: its packages lie in apt's cache, so that scripts install it when they want to. The container has no network.
set -euo pipefail
cannot() { echo "no systemd can be booted here: $*" >&2; exit 77; }
[ "$(id -u)" = 0 ] || cannot "that takes root (sudo make check-systemd)"
script=$1
shift
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
packages=systemd,systemd-sysv,dbus,libnss-systemd,man-db,procps,jq,curl,adduser,sudo,tzdata,libuv1,libssl3,zlib1g,libsystemd0,libarchive13,libcurl4,libpq5
# a list that changed is another tree
base=${BASE:-${XDG_CACHE_HOME:-$HOME/.cache}/cetld/nspawn-$suite-$(printf %s "$packages+cache" | cksum | cut -d" " -f1)}
sources=/etc/apt/sources.list.d/debian.sources
[ -e "$sources" ] || sources=/etc/apt/sources.list

exec 9>/run/cetld-boot.lock
flock 9 # two would share a control group
if [ ! -e "$base/.complete" ]; then
    echo "making a minimal $suite in $base"
    rm -rf "$base"
    mkdir -p "$base"
    mmdebstrap --quiet --mode=root --variant=minbase --include="$packages" --skip=cleanup/apt --dpkgopt=force-unsafe-io \
        --customize-hook='rm -f "$1"/var/cache/apt/archives/*.deb' --customize-hook='APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -o APT::Install-Recommends=true install --yes --quiet --download-only postgresql' \
        "$suite" "$base" "$sources" || { rm -rf "$base"; cannot "mmdebstrap makes no tree of Debian's packages from $sources"; }
    : >"$base/etc/machine-id"
    rm -f "$base/etc/hostname"
    touch "$base/.complete"
fi

work=$(mktemp -d /var/tmp/cetld-boot.XXXXXX)
nspawn='' init=''
inside() {
    nsenter -t "$init" -m -p -u -i -n -C env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}
finish() {
    set +e
    if [ -n "$nspawn" ] && kill -0 "$nspawn" 2>/dev/null; then
        [ -z "$init" ] || inside systemctl poweroff --no-wall 2>/dev/null
        for _ in $(seq 100); do kill -0 "$nspawn" 2>/dev/null || break; sleep 0.1; done
        kill -TERM "$nspawn" 2>/dev/null && sleep 1 && kill -KILL "$nspawn" 2>/dev/null
    fi
    mountpoint -q "$work/root" && umount "$work/root"
    rm -rf "$work"
}
trap finish EXIT

mkdir "$work"/{upper,lower,root}
mount -t overlay overlay -o "lowerdir=$base,upperdir=$work/upper,workdir=$work/lower" "$work/root" || cannot "no overlay can be mounted"
mkdir -p "$work/root/test"
install -m 755 "$script" "$work/root/test/run"
cp -r "$@" "$(dirname "$0")/steps.sh" "$work/root/test/"

systemd-nspawn --quiet --directory="$work/root" --boot --register=no --keep-unit --machine="cetld$$" --hostname=cetld-test --link-journal=no \
    --console=read-only --private-network </dev/null >"$work/console.log" 2>&1 &
nspawn=$!
for _ in $(seq 300); do
    init=$(pgrep -P "$nspawn" -o || true)
    [ -n "$init" ] && inside test -S /run/systemd/private 2>/dev/null && break
    kill -0 "$nspawn" 2>/dev/null || { cat "$work/console.log" >&2; cannot "systemd-nspawn ended"; }
    sleep 0.1
done
inside test -S /run/systemd/private 2>/dev/null || { cat "$work/console.log" >&2; cannot "systemd did not start within 30 s"; }
inside systemctl is-system-running --wait >/dev/null || inside systemctl --failed --no-pager >&2

rc=0
inside /test/run || rc=$?
[ $rc = 0 ] || inside journalctl -b --no-pager -n 80 >&2
exit $rc
