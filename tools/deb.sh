#!/bin/sh
# SPDX-License-Identifier: MIT
# deb.sh BUILD: the Debian package from a copy of the sources, so that nothing is written into the tree; packages end in BUILD/deb.
# The unit tests are `make check`'s, lintian is `make check-deb`'s.
set -eu
mkdir -p "$1"
out=$(cd "$1" && pwd)/deb
work=$(mktemp -d /tmp/cetld-deb.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
version=$(head -n 1 debian/changelog | sed 's/.*(\(.*\)).*/\1/')
source=$work/cetld-$version
mkdir "$source"
{ git ls-files -z 2>/dev/null || find . -path ./build -prune -o -path ./.git -prune -o \( -type f -o -type l \) -print0; } |
    tar --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -xf - -C "$source"
(cd "$source" && dpkg-buildpackage -us -uc -b -Pnocheck -j"$(nproc)") >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
rm -rf "$out"
mkdir -p "$out"
mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$out"/
ls "$out"/*.deb
