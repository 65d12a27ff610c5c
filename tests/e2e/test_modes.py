# SPDX-License-Identifier: MIT
"""mode = upsert and ignore: which row wins, what is counted, and in which order, against a model of a few lines."""

import random

import pytest

from waiting import until

STOCK = """
[dataset stock]
files = stock*.csv
mode = %s
columns = shop text, item bigint, price numeric(10,2), at timestamp, primary key (shop, item)
"""
NEWEST = STOCK % "upsert" + "newest_by = at\n"
HEADER = "shop,item,price,at\n"
SHOPS = ["a", "b", "Ä", "O'Neil", 'say "hi"', "two\nlines"]


def cell(value):
    text = "" if value is None else str(value)
    return '"%s"' % text.replace('"', '""') if any(c in text for c in ',"\n') else text


def csv(rows, header=HEADER):
    return header + "".join(",".join(cell(v) for v in row) + "\n" for row in rows)


class Model:
    """What the table must be: {(shop, item): (price, at)}."""

    def __init__(self, mode, newest_by=False):
        self.mode, self.newest_by = mode, newest_by
        self.rows = {}
        self.history = []  # the bytes of what was loaded

    def doubles(self, data):
        """Is a file of these bytes a duplicate?"""
        return data in (self.history if self.mode == "ignore" else self.history[-1:])

    def _wins(self, new, old):
        """Does the row `new`, which comes later, win over `old`?"""
        if self.mode == "ignore":
            return False
        return not self.newest_by or old[1] is None or (new[1] is not None and new[1] >= old[1])

    def load(self, rows):
        """The counts: loaded, updated, ignored."""
        self.history.append(csv(rows))
        winners = {}
        for shop, item, *rest in rows:
            key = (shop, item)
            if key not in winners or self._wins(rest, winners[key]):
                winners[key] = rest
        loaded = updated = 0
        for key, rest in winners.items():
            if key not in self.rows:
                loaded += 1
            elif self._wins(rest, self.rows[key]):
                updated += 1
            else:
                continue
            self.rows[key] = rest
        return loaded, updated, len(rows) - loaded - updated

    def table(self):
        return sorted((shop, item, price, at) for (shop, item), (price, at) in self.rows.items())


def table(database):
    return sorted((s, i, p, a) for s, i, p, a in database.rows("SELECT shop, item, price::text, at::text FROM stock"))


def counts(entry):
    return entry["rows_loaded"], entry["rows_updated"], entry["rows_ignored"]


def random_rows(r, rows, keys):
    return [(r.choice(SHOPS), r.randrange(keys), "%d.%02d" % (r.randrange(100), r.randrange(100)),
             None if r.random() < 0.2 else "2024-01-01 00:00:%02d" % r.randrange(20)) for _ in range(rows)]


def load(daemon, name, rows, nth=1, state="loaded"):
    daemon.drop(name, csv(rows))
    entry = daemon.wait_state(name, state, nth=nth)
    assert daemon.settled(entry) or state != "loaded"
    return entry


# ---- which row wins

@pytest.mark.parametrize("mode, wins", [("upsert", "2.00"), ("ignore", "1.00")])
def test_row_of_a_known_key(cetld, database, mode, wins):
    daemon = cetld(STOCK % mode)
    load(daemon, "stock_1.csv", [("a", 1, "1.00", None)])
    entry = load(daemon, "stock_2.csv", [("a", 1, "2.00", None), ("a", 2, "9.00", None)])
    assert table(database) == [("a", 1, wins, None), ("a", 2, "9.00", None)]
    assert counts(entry) == ((1, 1, 0) if mode == "upsert" else (1, 0, 1))


@pytest.mark.parametrize("mode, wins", [("upsert", "3.00"), ("ignore", "1.00")])
def test_key_that_a_file_repeats(cetld, database, mode, wins):
    daemon = cetld(STOCK % mode)
    entry = load(daemon, "stock_1.csv", [("a", 1, "1.00", None), ("b", 1, "5.00", None), ("a", 1, "2.00", None), ("a", 1, "3.00", None)])
    assert table(database) == [("a", 1, wins, None), ("b", 1, "5.00", None)]
    assert counts(entry) == (2, 0, 2)


def test_newest_by_lets_the_greater_value_win(cetld, database):
    daemon = cetld(NEWEST)
    load(daemon, "stock_1.csv", [("a", i, "1.00", at) for i, at in enumerate(["2024-01-02 00:00:00", "2024-01-02 00:00:00", "2024-01-02 00:00:00", None, None])])
    entry = load(daemon, "stock_2.csv", [("a", i, "2.00", at) for i, at in enumerate(
        ["2024-01-01 00:00:00", "2024-01-02 00:00:00", None, None, "2024-01-01 00:00:00"])])
    assert [row[2] for row in table(database)] == ["1.00", "2.00", "1.00", "2.00", "2.00"]
    assert counts(entry) == (0, 3, 2)


def test_newest_by_decides_inside_a_file_too(cetld, database):
    daemon = cetld(NEWEST)
    entry = load(daemon, "stock_1.csv", [("a", 1, "1.00", "2024-01-03 00:00:00"), ("a", 1, "2.00", "2024-01-02 00:00:00"), ("a", 1, "3.00", None),
                                        ("b", 1, "4.00", None), ("b", 1, "5.00", None), ("c", 1, "6.00", "2024-01-01 00:00:00"),
                                        ("c", 1, "7.00", "2024-01-01 00:00:00")])
    assert [row[2] for row in table(database)] == ["1.00", "5.00", "7.00"]
    assert counts(entry) == (3, 0, 4)


@pytest.mark.parametrize("mode, newest_by", [("upsert", False), ("upsert", True), ("ignore", False)])
def test_random_files_end_as_the_model(cetld, database, mode, newest_by):
    r = random.Random(7)
    daemon = cetld(NEWEST if newest_by else STOCK % mode)
    model, previous = Model(mode, newest_by), None
    for n in range(25):
        rows = random_rows(r, r.choice([0, 1, 3, 30, 300]), r.choice([2, 20, 500]))
        if n % 5 == 4 and mode == "upsert":
            rows = previous  # A, B, A again
        name = "stock_%d.csv" % n
        if model.doubles(csv(rows)):
            load(daemon, name, rows, state="duplicate")
        else:
            assert counts(load(daemon, name, rows)) == model.load(rows), name
        if n % 5 == 2:
            previous = rows
        assert table(database) == model.table(), name
    assert any(counts(e)[1] for e in daemon.ledger()) == (mode == "upsert")


# ---- what the table is like

def test_file_without_a_key_column_is_refused(cetld, database):
    """Also where the table has a default for it: a key that nobody said would never be met again."""
    daemon = cetld(STOCK.replace("item bigint", "item bigint default 7") % "upsert")
    daemon.drop("stock.csv", "shop,price\na,1.00\n")
    entry = daemon.wait_state("stock.csv", "failed")
    assert "column item is missing" in entry["error"] and "primary key" in entry["error"]


def test_table_without_a_key_is_said(cetld, database):
    daemon = cetld(STOCK.replace(", primary key (shop, item)", "") % "upsert")
    assert "needs a primary key" in daemon.json("/v1")[0]["error"]


def test_absent_table_is_not_made_without_a_key(cetld, database):
    daemon = cetld("[dataset stock]\nfiles = stock*.csv\nmode = ignore\n")
    daemon.drop("stock.csv", csv([("a", 1, "1.00", None)]))
    until(lambda: "needs a primary key" in daemon.log(), daemon.log)
    assert database.value("SELECT to_regclass('public.stock') IS NULL")
