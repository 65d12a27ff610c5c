#!/bin/bash
# SPDX-License-Identifier: MIT
# What README.md and the quick start show, typed by somebody new to the machine: from apt install to a queried table in two minutes.
# What the commands print is compared by tests/e2e/test_docs.py; here sudo, systemctl, psql and the places are real.
. /test/steps.sh

# blocks PAGE FOLDER: each block that is run, as FOLDER/NN.sh, and each that is a file of the configuration, as FOLDER/NN.ini
blocks() {
    mkdir -p "$2"
    awk -v folder="$2" '
        /^```$/ { if (file) close(file); file = ""; inside = 0; next }
        /^```/ { inside = 1; n++; file = ($0 == "```sh" || $0 == "```ini") ? sprintf("%s/%02d.%s", folder, n, substr($0, 4)) : ""; next }
        file { print >file }' "$1"
}
follow() {
    local part
    blocks "$1" "$2"
    for part in "$2"/*; do
        case $part in
        *.ini) install -m 644 "$part" "$(sed -n '1s/^# //p' "$part")" && cetl reload ;;
        *.sh) runuser -l reader -c "bash -eu -o pipefail $part" >"$part.out" 2>&1 || { cat "$part" "$part.out" >&2; fail "$1"; } ;;
        esac
    done
}

useradd -m -s /bin/bash reader
echo 'reader ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/reader

step "README.md: apt install, and then what it says"
SECONDS=0
install_packages /test/cetld_*.deb
until_true "/readyz" answers /readyz 200
follow /test/README.md /tmp/readme
echo "   $SECONDS s from apt install to the last query"
[ $SECONDS -lt 120 ] || fail "more than two minutes"
get /v1/orders | jq -e 'length == 2' >/dev/null || fail "orders"
get /v1/sales_daily | jq -e '.[0].revenue == 15' >/dev/null || fail "sales_daily"

step "the quick start, as a member of group cetl"
adduser reader cetl >/dev/null
follow /test/quickstart.md /tmp/quickstart
get /v1/fruit | jq -e 'length == 2' >/dev/null || fail "fruit"
get /v1/deliveries | jq -e 'length == 3' >/dev/null || fail "deliveries"
echo "all steps passed"
