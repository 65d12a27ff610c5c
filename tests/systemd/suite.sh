#!/bin/bash
# SPDX-License-Identifier: MIT
# suite.sh SUITE: this tree in another Debian (trixie: gcc 14, libllhttp-dev, PostgreSQL 17): built with warnings as errors, its unit tests and
# T= end-to-end tests, then the package, and what that Debian's lintian says of it. Root; needs mmdebstrap and systemd-container (make
# check-suite installs them), and the mirror that this machine uses. The tree is thrown away.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "suite.sh must be root: sudo make check-suite" >&2; exit 1; }
suite=$1
tests=${T:-e2e/test_main_job e2e/test_embedded e2e/test_api_read}
work=$(mktemp -d /var/tmp/cetld-suite.XXXXXX)
trap 'rm -rf "$work"' EXIT
mirror=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
    sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\).*/\2/p' | head -n 1)

echo "-- a minimal $suite"
mmdebstrap --quiet --mode=root --variant=minbase --include=build-essential,debhelper,fakeroot,git,lintian "$suite" "$work/root" "deb $mirror $suite main"
git clone --quiet --no-hardlinks . "$work/root/src"
inside() {
    systemd-nspawn --quiet --register=no --keep-unit --directory="$work/root" --chdir=/src --setenv=DEBIAN_FRONTEND=noninteractive \
        --setenv=T="" --console=pipe "$@"
}
inside sh -ec 'tools/deps.sh build run test; make -s -j"$(nproc)" CI=1 all; dpkg-query -W -f "\${Package} \${Version}\n" gcc libllhttp-dev libpq-dev postgresql 2>/dev/null || true'
echo "-- unit tests"
inside make -s CI=1 check-unit
echo "-- $tests"
inside python3 -m pytest -q -p no:cacheprovider $(printf 'tests/%s.py ' $tests)
echo "-- the package"
inside sh -ec 'make -s deb && lintian --allow-root --fail-on error,warning build/deb/*.changes && dpkg-deb -f build/deb/cetld_*.deb Version Depends'
