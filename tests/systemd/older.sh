#!/bin/sh
# SPDX-License-Identifier: MIT
# older.sh FILE.deb FOLDER: the same package as an older version, to upgrade from where there is no release to take (OLD= of make check-systemd).
set -eu
work=$(mktemp -d /tmp/cetld-older.XXXXXX)
trap 'rm -rf "$work"' EXIT
dpkg-deb -R "$1" "$work/cetld"
sed -i 's/^Version: .*/Version: 0.0.1/' "$work/cetld/DEBIAN/control"
rm -rf "$2"
mkdir -p "$2"
dpkg-deb -Zgzip --root-owner-group -b "$work/cetld" "$2/cetld_0.0.1_all.deb" >/dev/null
