#!/bin/bash
# SPDX-License-Identifier: MIT
# check_deb.sh FOLDER: what Debian's tools say about the package in FOLDER: lintian, systemd-analyze, piuparts (install, remove, purge
# in a bare Debian; root, and the package sources that this machine uses; its tarball is kept below ~/.cache).
set -euo pipefail
deb=$(echo "$1"/cetld_*.deb)

echo "-- lintian"
lintian --fail-on error,warning "$1"/*.changes

echo "-- systemd-analyze"
work=$(mktemp -d /var/tmp/cetld-check-deb.XXXXXX)
trap 'rm -rf "$work"' EXIT
dpkg-deb -x "$deb" "$work/root"
service=$work/root/lib/systemd/system/cetld.service
[ -e "$service" ] || service=$work/root/usr/lib/systemd/system/cetld.service
systemd-analyze security --no-pager --offline=yes --threshold=12 "$service" | tail -n 1

echo "-- piuparts"
[ "$(id -u)" = 0 ] || { echo "piuparts needs root: sudo make check-deb" >&2; exit 1; }
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
sources=/etc/apt/sources.list.d/debian.sources
[ -e "$sources" ] || sources=/etc/apt/sources.list
base=${BASE_TAR:-${XDG_CACHE_HOME:-$HOME/.cache}/cetld/piuparts-$suite.tar.gz}
if [ ! -e "$base" ]; then
    mkdir -p "${base%/*}"
    mmdebstrap --quiet --mode=root --variant=minbase --include=adequate "$suite" "$base.new.tar.gz" "$sources"
    mv "$base.new.tar.gz" "$base"
fi
piuparts --basetgz="$base" --distribution="$suite" --keep-sources-list --log-level=info --tmpdir="$work" \
    --warn-on-others "$deb" >"$work/piuparts.log" 2>&1 || { cat "$work/piuparts.log"; exit 1; }
grep -E "INFO: (PASS|FAIL)|WARN" "$work/piuparts.log"
