# SPDX-License-Identifier: MIT
"""What may come between the steps of an unload or a replay: locks, kills, other hands, the keeper, a second one."""

import http.client
import os
import threading

import pytest

from test_lineage import KEYED, ORDERS, act, assert_rollup, ids, orders
from waiting import until


def final(entry):
    return entry["state"], entry["rows_loaded"]


def loaded(daemon, name, text, nth=1):
    daemon.drop(name, text)
    file = daemon.wait_state(name, nth=nth)["id"]
    daemon.wait_moved()
    return file


class Held:
    """Somebody else's lock on the table, behind which an unload waits."""

    def __init__(self, database, table="orders"):
        self.database = database
        self.connection = database.connect()
        self.cursor = self.connection.cursor()
        self.cursor.execute("BEGIN; LOCK TABLE %s IN ROW EXCLUSIVE MODE" % table)

    def waited_for(self):
        until(lambda: self.database.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'ShareRowExclusiveLock'"), "an unload waits")

    def release(self):
        self.connection.rollback()
        self.connection.close()


def in_background(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    return thread, answers


def ask(daemon, file, action, query=""):
    return daemon.request("POST", "/v1/files/%d/%s?%s" % (file, action, query), unix=True, timeout=30)


def test_what_is_replayed_is_out_of_other_hands_before_its_rows_go(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 20))
    held = Held(database)
    thread, answers = in_background(lambda: ask(daemon, file, "replay"))
    held.waited_for()
    assert daemon.files_in("done") == []  # nobody can prune it, move it or replay it twice
    assert ask(daemon, file, "replay").status == 404
    # Files that refer to it in the ledger do not wait for it.
    assert database.value("SELECT id FROM cetl.file WHERE id = %d FOR KEY SHARE NOWAIT" % file) == file
    held.release()
    thread.join()
    assert answers[0].status == 202 and answers[0].json["rows_unloaded"] == 20
    until(lambda: ids(database, "orders") == [*range(20)], daemon.log)
    daemon.wait_moved()
    assert daemon.files_in("done") == [b"done/orders_1.csv"]
    assert_rollup(database)


def test_killed_while_the_unload_waits(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 20))
    held = Held(database)
    thread, _ = in_background(lambda: pytest.raises(Exception, ask, daemon, file, "replay"))
    held.waited_for()
    daemon.kill9()
    thread.join()
    held.release()
    daemon.start()
    assert daemon.files_in("done", "work") == [b"done/orders_1.csv"]
    assert ids(database, "orders") == [*range(20)]
    assert [final(e) for e in daemon.ledger("orders_1.csv")] == [("loaded", 20)]
    assert act(daemon, file, "replay", 202)["rows_unloaded"] == 20
    until(lambda: ids(database, "orders") == [*range(20)], daemon.log)


def test_a_table_that_stays_locked_leaves_all_as_it_was(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 20))
    held = Held(database)
    answer = ask(daemon, file, "replay")
    assert answer.status == 503 and "others write to its table" in answer.json["message"], answer
    held.release()
    assert daemon.files_in("done", "work") == [b"done/orders_1.csv"]
    assert ids(database, "orders") == [*range(20)]
    act(daemon, file, "replay", 202)
    until(lambda: len(ids(database, "orders")) == 20, daemon.log)


def test_a_stop_waits_for_an_unload(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 20))
    held = Held(database)
    thread, _ = in_background(lambda: ask(daemon, file, "unload"))
    held.waited_for()
    stopping = threading.Thread(target=daemon.stop)
    stopping.start()
    held.release()
    stopping.join()
    thread.join()
    assert database.rows("SELECT state FROM cetl.file") == [("unloaded",)]
    assert ids(database, "orders") == []


def test_a_table_that_was_altered_by_hand_is_read_anew(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 5))
    database.rows("ALTER TABLE orders ADD COLUMN note text")
    until(lambda: ask(daemon, file, "unload").status == 200, daemon.log)
    assert ids(database, "orders") == []
    assert_rollup(database)


def test_rows_that_a_trigger_keeps_are_not_unloaded(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 5))
    database.rows("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
    database.rows("CREATE TRIGGER keep BEFORE DELETE ON orders FOR EACH ROW WHEN (OLD.id = 3) EXECUTE FUNCTION keep()")
    assert "kept rows" in act(daemon, file, "unload", 409, force="yes")["message"]
    assert ids(database, "orders") == [0, 1, 2, 3, 4]
    assert_rollup(database)
    assert daemon.ledger("orders_1.csv")[0]["state"] == "loaded"


def test_a_constraint_that_keeps_rows_is_no_reason_to_try_again(cetld, database):
    daemon = cetld(KEYED)
    file = loaded(daemon, "people1.csv", "id,name\n1,ann\n")
    database.rows("CREATE TABLE dogs (owner bigint REFERENCES people)")
    database.rows("INSERT INTO dogs VALUES (1)")
    assert "dogs" in act(daemon, file, "unload", 409)["message"]
    assert ids(database, "people") == [1]


def test_rows_that_others_were_left_out_for_stay(cetld, database):
    daemon = cetld(KEYED.replace("upsert", "ignore"))
    first = loaded(daemon, "people1.csv", "id,name\n1,ann\n")
    loaded(daemon, "people2.csv", "id,name\n1,eve\n2,bob\n")
    assert "left out" in act(daemon, first, "unload", 409)["message"]
    assert act(daemon, first, "unload", 200, force="yes")["rows"] == 1
    assert ids(database, "people") == [2]


def test_rows_that_are_gone_are_not_unloaded(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 5))
    database.rows("DELETE FROM orders WHERE id < 2")
    database.rows("UPDATE orders SET _file = NULL WHERE id = 2")
    assert act(daemon, file, "unload", 200)["rows"] == 2
    other = loaded(daemon, "orders_2.csv", orders(10, 5))
    database.rows("DELETE FROM orders WHERE id >= 10")
    assert "none of its 5 rows" in act(daemon, other, "unload", 409)["message"]


REPLACE = """
[dataset stock]
files   = stock*.csv
columns = id bigint, n int
mode    = replace
lineage = yes
"""


def test_what_replaced_others_is_unloaded_only_by_force(cetld, database):
    daemon = cetld(REPLACE)
    loaded(daemon, "stock1.csv", "id,n\n1,1\n")
    newest = loaded(daemon, "stock2.csv", "id,n\n2,2\n")
    assert "took the place" in act(daemon, newest, "unload", 409)["message"]
    assert ids(database, "stock") == [2]
    assert act(daemon, newest, "unload", 200, force="yes")["rows"] == 1
    assert ids(database, "stock") == []


def test_a_replay_replaces_without_an_unload(cetld, database):
    daemon = cetld(REPLACE)
    older = loaded(daemon, "stock1.csv", "id,n\n1,1\n")
    newest = loaded(daemon, "stock2.csv", "id,n\n2,2\n")
    act(daemon, older, "replay", 202)
    until(lambda: ids(database, "stock") == [1], daemon.log)
    daemon.wait_moved()
    act(daemon, newest, "replay", 202)
    until(lambda: ids(database, "stock") == [2], daemon.log)
    daemon.wait_moved()
    last = daemon.ledger("stock2.csv")[0]["id"]
    act(daemon, last, "replay", 202)  # the newest itself: no duplicate
    until(lambda: database.value("SELECT _file FROM stock WHERE id = 2") > last, daemon.log)
    assert next(d for d in daemon.json("/v1") if d["name"] == "stock")["rows"] == 1


def test_a_broken_dataset_keeps_its_rows_until_its_rollups_are_known(cetld, database):
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 5))
    loaded(daemon, "orders_2.csv", orders(5, 5))
    database.rows("ALTER TABLE orders RENAME amount TO sum")
    daemon.restart()
    assert "no column amount" in act(daemon, file, "unload", 409)["message"]
    database.rows("ALTER TABLE orders RENAME sum TO amount")
    daemon.restart()
    assert act(daemon, file, "unload", 200)["rows"] == 5
    assert_rollup(database)


def test_an_unload_does_not_bring_back_an_old_failure(cetld, database):
    daemon = cetld(ORDERS.replace("lineage = yes", "lineage = yes\norder = strict"))
    daemon.drop("orders_1.csv", "nonsense\n1\n")
    daemon.wait_state("orders_1.csv", "failed")
    file = loaded(daemon, "orders_1.csv", orders(0, 5), nth=2)
    act(daemon, file, "unload", 200)
    daemon.restart()
    loaded(daemon, "orders_2.csv", orders(5, 5))
    assert ids(database, "orders") == [5, 6, 7, 8, 9]


def test_failed_files_that_nothing_tells_apart_are_not_mistaken_for_each_other(cetld, database):
    daemon = cetld(ORDERS)
    for nth, header in enumerate(("id,day,amount,aaa", "id,day,amount,bbb"), 1):
        daemon.drop("orders_1.csv", header + "\n1,2024-01-01,1,hi\n")
        failed = daemon.wait_state("orders_1.csv", "failed", nth=nth)["id"]
        daemon.wait_moved()
    database.rows("ALTER TABLE orders ADD COLUMN aaa text, ADD COLUMN bbb text")
    assert "2 files of its name and size" in act(daemon, failed, "replay", 404)["message"]
    os.remove(daemon.path("failed", "orders_1.csv"))
    act(daemon, failed, "replay", 202)
    until(lambda: database.value("SELECT count(*) FROM orders WHERE bbb = 'hi'") == 1, daemon.log)


def test_work_that_cannot_take_it_keeps_its_rows(cetld, database):
    """No room in work/, as on a full disk: before anything is taken out."""
    daemon = cetld(ORDERS)
    file = loaded(daemon, "orders_1.csv", orders(0, 5))
    os.rename(daemon.path("work"), daemon.path("away"))
    with open(daemon.path("work"), "w"):
        pass
    assert ask(daemon, file, "replay").status == 503
    assert ids(database, "orders") == [*range(5)]
    assert daemon.files_in("done") == [b"done/orders_1.csv"]
    os.remove(daemon.path("work"))
    os.rename(daemon.path("away"), daemon.path("work"))
    act(daemon, file, "replay", 202)
    until(lambda: database.value("SELECT count(*) FROM orders WHERE _file > %d" % file) == 5, daemon.log)


def test_replayed_again_and_again_at_once(cetld, database):
    daemon = cetld(ORDERS)
    files = [loaded(daemon, "orders_%d.csv" % n, orders(n * 10, 10)) for n in range(4)]
    threads = [in_background(lambda f=f: ask(daemon, f, "replay")) for f in files * 4]
    for thread, _ in threads:
        thread.join()
    statuses = [answers[0].status for _, answers in threads]
    assert set(statuses) <= {202, 404, 409, 503} and statuses.count(202) >= 4, statuses
    daemon.wait_moved()
    until(lambda: ids(database, "orders") == [*range(40)], daemon.log)
    assert_rollup(database)
    assert database.value("SELECT count(*) FROM cetl.file WHERE state = 'loaded'") == 4


def test_killed_again_and_again_while_files_are_replayed(cetld, database):
    """No row twice, whenever it dies; and what is missing afterwards is unloaded, and its bytes can be replayed."""
    daemon = cetld(ORDERS)
    names = ["orders_%d.csv" % n for n in range(6)]
    for n, name in enumerate(names):
        loaded(daemon, name, orders(n * 10, 10))

    def newest():
        return {e["name"]: e for e in reversed(daemon.ledger())}

    for turn in range(8):
        # From the first moment to beyond the last: as many commits as the turn says are waited for.
        before = database.value("SELECT count(*) FROM cetl.change") + database.value("SELECT sum(base_version) FROM cetl.dataset")
        threads = [in_background(lambda e=e: quietly(ask, daemon, e["id"], "replay")) for e in newest().values()]
        until(lambda: database.value("SELECT count(*) FROM cetl.change") + database.value("SELECT sum(base_version) FROM cetl.dataset")
              >= before + turn, daemon.log)
        daemon.kill9()
        for thread, _ in threads:
            thread.join()
        daemon.start()
        daemon.wait_moved()
        until(lambda: all(e["state"] not in ("queued", "loading") for e in daemon.ledger()), daemon.log)
        rows = ids(database, "orders")
        assert len(rows) == len(set(rows)), rows
        assert_rollup(database)
        for n, name in enumerate(names):
            there = set(range(n * 10, n * 10 + 10)) & set(rows)
            states = {e["state"] for e in daemon.ledger(name)}
            assert there in (set(), set(range(n * 10, n * 10 + 10)))
            assert ("loaded" in states) == bool(there), (name, states)
            if not there:
                act(daemon, newest()[name]["id"], "replay", 202)
        until(lambda: ids(database, "orders") == [*range(60)], daemon.log)
        daemon.wait_moved()
        assert len(daemon.files_in("done")) == 6 and daemon.files_in("incoming", "work", "failed") == []


def quietly(call, *arguments):
    try:
        return call(*arguments)
    except OSError:
        return None  # it was killed meanwhile
    except http.client.HTTPException:
        return None
