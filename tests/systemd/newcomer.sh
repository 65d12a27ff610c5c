#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine without PostgreSQL: one apt install brings both, in the order that apt likes. Then PostgreSQL that comes later.
. /test/steps.sh

step "one apt install, and a file is a table"
install_packages /test/cetld_*.deb
make_dropper
until_true "/readyz" answers /readyz 200
drop orders.csv 'id,amount\n1,2.50\n2,3.25\n'
until_true "orders.csv is loaded" loaded orders.csv
[ "$(sql 'SELECT sum(amount) FROM orders')" = 5.75 ] || fail "rows in PostgreSQL"
echo "   $SECONDS s from apt install to the query"
[ $SECONDS -lt 120 ] || fail "more than two minutes"

step "all of it purged"
systemctl stop cetld
apt-get purge -y cetld 'postgresql*' >/tmp/apt.log 2>&1 || fail "purge: $(cat /tmp/apt.log)"
rm -rf /var/spool/cetl /var/lib/postgresql
[ ! -e /var/lib/cetl ] && [ ! -e /etc/cetl ] && [ ! -e /run/cetl ] || fail "left: $(ls -d /var/lib/cetl /etc/cetl /run/cetl 2>/dev/null)"

step "without PostgreSQL it runs, takes files, and says what is missing"
install_cetld
[ "$(systemctl is-active cetld)" = active ] || fail "not active"
answers /healthz 200 && answers /readyz 503 || fail "/healthz, /readyz without a database"
drop later.csv 'a\n1\n'
said 'apt install postgresql' || fail "the journal does not say what is missing"

step "PostgreSQL comes: its rows are there without anybody's doing"
install_postgresql
until_true -t 60 "later.csv is loaded" loaded later.csv
[ "$(sql 'SELECT sum(a) FROM later')" = 1 ] || fail "rows in PostgreSQL"
echo "all steps passed"
