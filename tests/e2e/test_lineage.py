# SPDX-License-Identifier: MIT
"""Where each row came from, and what stands on it: files are unloaded, replayed, loaded again, and forgotten after a while."""

import os
import signal

import pytest

from waiting import until

ORDERS = """
[dataset orders]
files   = orders_*.csv
columns = id bigint, day date, amount numeric(12,2)
lineage = yes

[rollup orders.daily]
group   = day
measure = count(*) as n, sum(amount) as total
"""

KEYED = """
[dataset people]
files   = people*.csv
columns = id bigint primary key, name text
mode    = upsert
lineage = yes
"""


def orders(first, rows):
    return "id,day,amount\n" + "".join("%d,2024-05-%02d,%d.25\n" % (n, 1 + n % 3, n) for n in range(first, first + rows))


def act(daemon, file, action, status, **flags):
    query = "&".join("%s=%s" % f for f in flags.items())
    answer = daemon.request("POST", "/v1/files/%d/%s?%s" % (file, action, query), unix=True)
    assert answer.status == status, answer
    return answer.json


def ids(database, table):
    return [row[0] for row in database.rows("SELECT id FROM %s ORDER BY id" % table)]


def assert_rollup(database):
    assert database.rows("SELECT day, n, total FROM orders_daily ORDER BY day") == database.rows(
        "SELECT day, count(*), sum(amount) FROM orders GROUP BY day ORDER BY day")


def test_each_row_bears_its_file_and_line(cetld, database):
    daemon = cetld(ORDERS)
    daemon.drop("orders_1.csv", orders(1, 3))
    daemon.drop("orders_2.csv", '\ufeffid,day,amount\r\n7,2024-05-01,"1.00"\r\n8,2024-05-02,2\r\n')
    one, two = (daemon.wait_state("orders_%d.csv" % n)["id"] for n in (1, 2))
    assert database.rows("SELECT id, _file, _line FROM orders ORDER BY id") == [
        (1, one, 2), (2, one, 3), (3, one, 4), (7, two, 2), (8, two, 3)]
    assert [set(row) for row in daemon.get_rows("orders")] == [{"id", "day", "amount"}] * 5  # they are not part of the answer


def test_many_small_files_bear_their_own_ids(cetld, database):
    daemon = cetld("", daemon={"settle": "0"})
    files = 60
    for n in range(files):
        daemon.drop("part_%03d.csv" % n, "id,word\n" + "".join("%d,w%d\n" % (n * 10 + i, n) for i in range(10)))
    until(lambda: database.value("SELECT count(*) FROM cetl.file WHERE state = 'loaded'") == files, daemon.log)
    assert database.value("SELECT count(*) FROM part") == 10 * files
    assert database.value(
        "SELECT count(*) FROM part p JOIN cetl.file f ON f.id = p._file AND f.name = format('part_%s.csv', lpad((p.id / 10)::text, 3, '0'))"
        " WHERE p._line = p.id % 10 + 2 AND f.lineage") == 10 * files


def test_unloaded_and_replayed(cetld, database):
    daemon = cetld(ORDERS)
    for n in range(3):
        daemon.drop("orders_%d.csv" % n, orders(n * 100, 100))
        daemon.wait_state("orders_%d.csv" % n)
    middle = daemon.wait_state("orders_1.csv")["id"]
    assert act(daemon, middle, "unload", 200) == {"id": middle, "state": "unloaded", "rows": 100}
    assert ids(database, "orders") == [*range(0, 100), *range(200, 300)]
    assert_rollup(database)
    assert "unloaded, not loaded" in act(daemon, middle, "unload", 409)["message"]
    daemon.wait_moved()

    assert act(daemon, middle, "replay", 202)["rows_unloaded"] == 0
    daemon.wait_state("orders_1.csv", nth=1)
    assert ids(database, "orders") == [*range(0, 300)]
    assert_rollup(database)
    # One that is loaded is unloaded first.
    daemon.wait_moved()
    first = daemon.wait_state("orders_0.csv")["id"]
    assert act(daemon, first, "replay", 202)["rows_unloaded"] == 100
    until(lambda: database.value("SELECT count(*) FROM orders") == 300, daemon.log)
    assert database.value("SELECT count(*) FROM orders WHERE _file = %d" % first) == 0
    assert_rollup(database)
    listed = next(d for d in daemon.json("/v1") if d["name"] == "orders")
    assert listed["rows"] == 300


def test_again_loads_equal_bytes(cetld, database):
    daemon = cetld(ORDERS)
    daemon.drop("orders_a.csv", orders(0, 5))
    daemon.wait_state("orders_a.csv")
    daemon.drop("orders_b.csv", orders(0, 5))
    duplicate = daemon.wait_state("orders_b.csv", "duplicate")["id"]
    daemon.wait_moved()
    act(daemon, duplicate, "replay", 202, again="yes")
    until(lambda: database.value("SELECT count(*) FROM orders") == 10, daemon.log)
    assert_rollup(database)


def test_a_failed_file_is_replayed_once_it_fits(cetld, database):
    daemon = cetld(ORDERS)
    daemon.drop("orders_x.csv", "id,day,amount,note\n1,2024-01-01,1,hi\n")
    failed = daemon.wait_state("orders_x.csv", "failed")["id"]
    daemon.wait_moved()
    database.rows("ALTER TABLE orders ADD COLUMN note text")
    act(daemon, failed, "replay", 202)
    until(lambda: database.value("SELECT count(*) FROM orders WHERE note = 'hi'") == 1, daemon.log)


def test_the_folder_it_was_dropped_in_counts_again(cetld, database):
    daemon = cetld(ORDERS.replace("orders_*.csv", "shop/*.csv"))
    os.makedirs(daemon.path("incoming", "shop"), exist_ok=True)
    daemon.drop("shop/may.csv", orders(0, 4))
    file = daemon.wait_state("may.csv")["id"]
    daemon.wait_moved()
    act(daemon, file, "replay", 202)
    until(lambda: database.value("SELECT count(*) FROM orders WHERE _file > %d" % file) == 4, daemon.log)


def test_what_would_be_lost_is_not_unloaded(cetld, database):
    daemon = cetld(KEYED)
    daemon.drop("people1.csv", "id,name\n1,ann\n2,bob\n")
    first = daemon.wait_state("people1.csv")["id"]
    daemon.drop("people2.csv", "id,name\n2,bea\n3,cid\n")
    second = daemon.wait_state("people2.csv")["id"]
    assert database.rows("SELECT id, name, _file, _line FROM people ORDER BY id") == [
        (1, "ann", first, 2), (2, "bea", second, 2), (3, "cid", second, 3)]
    assert "written over by later files" in act(daemon, first, "unload", 409)["message"]
    assert "would not come back" in act(daemon, second, "unload", 409)["message"]
    assert database.value("SELECT count(*) FROM people") == 3
    assert act(daemon, second, "unload", 200, force="yes")["rows"] == 2
    assert ids(database, "people") == [1]


@pytest.mark.parametrize("file,action,status", [(999, "unload", 404), (999, "replay", 404)])
def test_unknown_files(cetld, database, file, action, status):
    act(cetld(ORDERS), file, action, status)


def test_without_lineage_nothing_is_unloaded(cetld, database):
    daemon = cetld(ORDERS.replace("lineage = yes", ""))
    daemon.drop("orders_1.csv", orders(1, 3))
    file = daemon.wait_state("orders_1.csv")["id"]
    assert "lineage = yes" in act(daemon, file, "unload", 409)["message"]
    assert database.value("SELECT count(*) FROM orders") == 3


def test_only_the_socket_changes_something(cetld, database):
    daemon = cetld(ORDERS)
    daemon.drop("orders_1.csv", orders(1, 3))
    file = daemon.wait_state("orders_1.csv")["id"]
    answer = daemon.request("POST", "/v1/files/%d/unload" % file)
    assert answer.status == 401 and "unix socket" in answer.json["message"]
    assert database.value("SELECT count(*) FROM orders") == 3


def test_gone_bytes_cannot_be_replayed_and_stay_loaded(cetld, database):
    daemon = cetld(ORDERS)
    daemon.drop("orders_1.csv", orders(1, 3))
    file = daemon.wait_state("orders_1.csv")["id"]
    daemon.wait_moved()
    with open(daemon.path("done", "orders_1.csv"), "r+b") as f:
        f.seek(20)
        f.write(b"9")  # other bytes of the same length
    assert "not in done/" in act(daemon, file, "replay", 404)["message"]
    assert database.value("SELECT count(*) FROM orders") == 3


def test_a_table_that_is_there_gets_the_columns(cetld, database):
    daemon = cetld(ORDERS.replace("lineage = yes", ""))
    daemon.drop("orders_1.csv", orders(1, 3))
    daemon.wait_state("orders_1.csv")
    daemon.write_config(ORDERS)
    daemon.restart()
    daemon.drop("orders_2.csv", orders(10, 3))
    two = daemon.wait_state("orders_2.csv")["id"]
    assert database.rows("SELECT id, _file FROM orders ORDER BY id") == [(1, None), (2, None), (3, None), (10, two), (11, two), (12, two)]


def test_a_table_of_somebody_else_that_lacks_the_columns_is_told_which(cetld, database):
    database.rows("CREATE TABLE orders (id bigint, day date, amount numeric(12,2))")
    database.rows("GRANT ALL ON orders TO public")
    daemon = cetld(ORDERS.split("[rollup")[0])
    daemon.drop("orders_1.csv", orders(1, 3))
    until(lambda: daemon.log_lines("dataset orders cannot be loaded.*adds the columns _file and _line .bigint. to its table: must be owner of table orders"), daemon.log)
    database.rows("ALTER TABLE orders ADD _file bigint, ADD _line bigint")
    daemon.signal(signal.SIGHUP)
    daemon.wait_state("orders_1.csv")


def test_what_was_kept_long_enough_is_removed(cetld, database):
    daemon = cetld(ORDERS.replace("lineage = yes", "lineage = yes\nmax_errors = 1"),
                   daemon={"keep_done": "2s", "keep_failed": "2s", "keep_rejects": "2s"})
    daemon.drop("orders_1.csv", orders(1, 3) + "x,2024-01-01,1\n")
    daemon.drop("orders_2.csv", "nonsense\n1\n")
    daemon.wait_state("orders_1.csv")
    daemon.wait_state("orders_2.csv", "failed")
    until(lambda: not daemon.files_in("done") and not daemon.files_in("failed"), daemon.log)
    until(lambda: database.value("SELECT count(*) FROM cetl.reject") == 0, daemon.log)
    assert database.value("SELECT count(*) FROM orders") == 3


def test_a_name_that_done_had_already_counts_as_it_was_dropped(cetld, database):
    daemon = cetld(ORDERS.replace("orders_*.csv", "orders.csv"))
    for first in (0, 10):
        daemon.drop("orders.csv", orders(first, 5))
        daemon.wait_state("orders.csv", nth=1 + first // 10)
    second = daemon.wait_state("orders.csv", nth=2)["id"]
    daemon.wait_moved()
    assert daemon.files_in("done") == [b"done/orders.1.csv", b"done/orders.csv"]
    act(daemon, second, "replay", 202)
    until(lambda: database.value("SELECT count(*) FROM orders WHERE _file > %d" % second) == 5, daemon.log)
