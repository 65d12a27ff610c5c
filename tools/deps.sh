#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing of the named groups with apt-get (sudo when not root); says nothing and does nothing when all is there.
#   tools/deps.sh [-n] build run demo test long npm san lint deb bench systemd checkdeb     -n: only print what is missing
# "a|b" is one need that any of the packages meets; the first that apt knows is installed.
set -eu

build="gcc make pkg-config|pkgconf dpkg-dev libc6-dev libuv1-dev libpq-dev libsystemd-dev libssl-dev zlib1g-dev libarchive-dev libcurl4-openssl-dev uthash-dev libllhttp-dev|node-llhttp"
run="postgresql|postgresql-15|postgresql-16|postgresql-17 tzdata curl util-linux procps"
demo="jq"
test="libcmocka-dev groff-base openssl jq python3 python3-pytest python3-psycopg2 python3-prometheus-client python3-avro"
long="python3-pandas swift-proxy swift-account swift-container swift-object prometheus"
npm="npm"
san="clang"
lint="clang clang-tidy clang-format cppcheck"
deb="build-essential debhelper fakeroot"
bench="swift-proxy swift-account swift-container swift-object nginx-light|nginx python3-fastapi uvicorn python3-asyncpg python3-flask gunicorn"
systemd="mmdebstrap systemd-container"
checkdeb="lintian mmdebstrap piuparts systemd"

only_print=
[ "${1:-}" != -n ] || { only_print=1; shift; }

installed() {
    dpkg-query -W -f '${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed'
}

# Only the groups' needs that no installed package meets, one a line.
missing() {
    for group; do
        eval "needs=\${$group?no such group}"
        for need in $needs; do
            met=
            for package in $(echo "$need" | tr '|' ' '); do
                if installed "$package"; then met=1; break; fi
            done
            [ -n "$met" ] || echo "$need"
        done
    done
}

pick() {
    for package in $(echo "$1" | tr '|' ' '); do
        if [ -n "$(apt-cache --quiet=0 show "$package" 2>/dev/null)" ]; then echo "$package"; return; fi
    done
    echo "${1%%|*}"
}

needs=$(missing "$@")
[ -n "$needs" ] || exit 0
if [ -n "$only_print" ]; then echo "$needs"; exit 0; fi
command -v apt-get >/dev/null || { echo "this needs Debian's packages for:" $needs "- install them by hand" >&2; exit 1; }

root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "missing:" $needs "- install them as root: make deps" >&2; exit 1; }
    root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq
packages=
for need in $needs; do packages="$packages $(pick "$need")"; done
echo "installing:$packages"

# PostgreSQL's programs are wanted, not another cluster that runs from now on.
quiet=/etc/postgresql-common/createcluster.d/00-cetld-deps.conf
case $packages in
*postgresql*)
    $root mkdir -p "${quiet%/*}"
    echo "create_main_cluster = false" | $root tee "$quiet" >/dev/null
    trap '$root rm -f "$quiet"' EXIT INT TERM
    ;;
esac
$root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
