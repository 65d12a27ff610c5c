# SPDX-License-Identifier: MIT
"""mode = replace: the newest file is the table's content, and nobody ever sees less than one file."""

import os
import threading

REPLACED = """
[dataset prices]
files = prices*.csv
mode = replace
columns = id bigint primary key, price numeric(10,2) not null
"""


def prices(rows, price):
    return "id,price\n" + "".join("%d,%s\n" % (i, price) for i in range(rows))


def content(database):
    return database.rows("SELECT count(*)::int, min(price)::text, max(price)::text FROM prices")[0]


def test_newest_file_is_the_content(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_1.csv", prices(10, "1.00"))
    daemon.wait_state("prices_1.csv")
    daemon.drop("prices_2.csv", prices(4, "2.00"))
    daemon.wait_state("prices_2.csv")
    assert content(database) == (4, "2.00", "2.00")


def test_revert_to_earlier_bytes_loads_again(cetld, database):
    daemon = cetld(REPLACED)
    for n, price in enumerate(["1.00", "2.00", "1.00"]):
        daemon.drop("prices.csv", prices(3, price))
        daemon.wait_state("prices.csv", nth=n + 1)
    assert content(database) == (3, "1.00", "1.00")


def test_same_bytes_as_the_newest_load_are_a_duplicate(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_1.csv", prices(3, "1.00"))
    daemon.wait_state("prices_1.csv")
    daemon.drop("prices_2.csv", prices(3, "1.00"))
    daemon.wait_state("prices_2.csv", "duplicate")


def test_refused_file_leaves_the_old_content(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_1.csv", prices(3, "1.00"))
    daemon.wait_state("prices_1.csv")
    daemon.drop("prices_2.csv", prices(3, "2.00") + "7,seven\n")
    daemon.wait_state("prices_2.csv", "failed")
    assert content(database) == (3, "1.00", "1.00")


def test_readers_never_see_less_than_one_file(cetld, database):
    daemon = cetld(REPLACED)
    daemon.drop("prices_0.csv", prices(1000, "0.00"))
    daemon.wait_state("prices_0.csv")
    seen, ended = set(), threading.Event()

    def read():
        db = database.connect()
        with db.cursor() as sql:
            while not ended.is_set():
                sql.execute("SELECT count(*)::int, count(DISTINCT price)::int FROM prices")
                seen.add(sql.fetchone())
        db.close()

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for n in range(1, 9):
            daemon.drop("prices_%d.csv" % n, prices(1000, "%d.00" % n))
        daemon.wait_count("loaded", 9)
    finally:
        ended.set()
        reader.join()
    assert seen == {(1000, 1)}


def test_files_that_wait_at_start_load_in_the_order_of_their_times(make_cetld, database):
    daemon = make_cetld(database.url(), REPLACED)
    # Names and times disagree: the times rule, names decide between equal times.
    for name, time in (("prices_a.csv", 3000), ("prices_b.csv", 1000), ("prices_c.csv", 2000), ("prices_d.csv", 2000)):
        daemon.drop(name, "id,price\n1,%d.00\n" % ord(name[7]))
        os.utime(daemon.path("incoming", name), (time, time))
    daemon.start()
    daemon.wait_count("loaded", 4)
    assert [e["name"] for e in daemon.ledger()] == ["prices_a.csv", "prices_d.csv", "prices_c.csv", "prices_b.csv"]
    assert content(database) == (1, "97.00", "97.00")


def test_files_renamed_in_one_after_the_other_load_in_that_order(cetld, database):
    daemon = cetld(REPLACED)
    names = ["prices_%d.csv" % (n * 37 % 20) for n in range(20)]
    for n, name in enumerate(names):
        daemon.drop(name, "id,price\n1,%d.00\n" % n)
    daemon.wait_count("loaded", 20)
    assert [e["name"] for e in daemon.ledger()] == list(reversed(names))
    assert content(database) == (1, "19.00", "19.00")
