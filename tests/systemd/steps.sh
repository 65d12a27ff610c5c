# SPDX-License-Identifier: MIT
# What the scripts that run inside the booted systemd share. Sourced; /test has the packages.
set -euo pipefail

step() { echo "-- $*"; }
fail() { echo "FAILED: $*" >&2; exit 1; }
# until_true [-t SECONDS] WHAT COMMAND…
until_true() {
    local seconds=30 what end
    [ "$1" != -t ] || { seconds=$2; shift 2; }
    what=$1 end=$((SECONDS + seconds))
    shift
    while [ $SECONDS -lt $end ]; do "$@" && return 0; sleep 0.1; done
    fail "not within $seconds s: $what"
}

install_packages() { apt-get install -y "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log >&2; fail "apt-get install $*"; }; }
install_postgresql() { install_packages postgresql; }
install_cetld() { install_packages --no-install-recommends /test/cetld_*.deb; }

answers() { [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:8080$1")" = "$2" ]; }
get() { curl -sf "http://127.0.0.1:8080$1"; }
loaded() { get '/v1/files?limit=1000' | jq -e --arg name "$1" 'any(.[]; .name == $name and .state == "loaded")' >/dev/null; }
sql() { runuser -u cetl -- psql -XAtq cetl -c "$1"; }
main_pid() { systemctl show -p MainPID --value cetld; }
# restarted PID: it is another one now, and ready
restarted() { local p; p=$(main_pid); [ "$p" != 0 ] && [ "$p" != "$1" ] && answers /readyz 200; }
stopped_in_order() { [ "$(systemctl show -p Result --value cetld)" = success ] || fail "Result=$(systemctl show -p Result --value cetld)"; }

# An unprivileged member of group cetl.
make_dropper() { useradd -m -G cetl dropper; }
# drop NAME TEXT: as a member of the group does it
drop() {
    printf "$2" >"/tmp/$1"
    chown dropper: "/tmp/$1"
    chmod 640 "/tmp/$1"
    runuser -u dropper -- sh -c "cp /tmp/$1 /var/spool/cetl/incoming/.$1 && mv /var/spool/cetl/incoming/.$1 /var/spool/cetl/incoming/$1"
}
# drop_series NAME FIRST LAST ROWS: files NAME-N.csv with the numbers from N * ROWS on, column n
drop_series() {
    install -d -o dropper /tmp/series
    awk -v name="$1" -v first="$2" -v last="$3" -v rows="$4" 'BEGIN {
        for (f = first; f <= last; f++) {
            file = "/tmp/series/" name "-" f ".csv"
            print "n" >file
            for (i = 0; i < rows; i++) print f * rows + i >file
            close(file)
        } }'
    chown -R dropper: /tmp/series
    # one by one, as they come from people
    runuser -u dropper -- sh -c 'cd /tmp/series && for f in *.csv; do cp "$f" "/var/spool/cetl/incoming/.$f" && mv "/var/spool/cetl/incoming/.$f" "/var/spool/cetl/incoming/$f" && rm "$f"; done'
}
# Not grep -q, which leaves while journalctl still writes: with pipefail that is a failure.
said() { journalctl -u cetld --no-pager -o cat | grep -- "$1" >/dev/null; }
journal() { journalctl -u cetld -o json --no-pager | jq -s "$@"; }
