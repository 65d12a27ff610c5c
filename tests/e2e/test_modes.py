# SPDX-License-Identifier: MIT
"""mode = upsert and ignore: which row wins, what is counted, and in which order, against a model of a few lines."""

import os
import random
import signal

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
        if self.mode == "replace":
            self.rows = {(shop, item): rest for shop, item, *rest in rows}
            return len(rows), 0, 0
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


SECOND_WRITE = """
CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN UPDATE stock SET price = price WHERE (shop, item) = (new.shop, new.item); RETURN NULL; END';
CREATE TRIGGER again AFTER UPDATE ON stock FOR EACH ROW WHEN (new.item % 7 = 0 AND pg_trigger_depth() = 0) EXECUTE FUNCTION again()"""
LEAVES_OUT = """
CREATE FUNCTION leave_out() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN CASE WHEN new.price >= 50 THEN new END; END';
CREATE TRIGGER leave_out BEFORE INSERT ON stock FOR EACH ROW EXECUTE FUNCTION leave_out()"""
SERVERS = {
    "as it comes": None,
    "rows bear their lines": None,
    "without statistics": "ALTER DATABASE %s SET track_counts = off",
    "a trigger writes, too": SECOND_WRITE,
    "partitions": "DROP TABLE stock; CREATE TABLE stock (shop text, item bigint, price numeric(10,2), at timestamp, PRIMARY KEY (shop, item))"
                  " PARTITION BY LIST (shop); CREATE TABLE stock_a PARTITION OF stock FOR VALUES IN ('a');"
                  " CREATE TABLE stock_rest PARTITION OF stock DEFAULT; ALTER TABLE stock OWNER TO cetl",
}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("mode, newest_by", [("upsert", False), ("upsert", True), ("ignore", False)])
def test_many_rows_are_counted_as_truly_as_few(cetld, database, mode, newest_by, server):
    r = random.Random(11)
    config = NEWEST if newest_by else STOCK % mode
    daemon = cetld(config + ("lineage = yes\n" if server == "rows bear their lines" else ""))
    until(lambda: database.value("SELECT to_regclass('public.stock') IS NOT NULL"), daemon.log)
    if SERVERS[server]:
        daemon.stop()
        database.rows(SERVERS[server].replace("%s", database.name, 1) if "DATABASE" in SERVERS[server] else SERVERS[server])
        daemon.start()
    model = Model(mode, newest_by)
    for n in range(4):
        rows = random_rows(r, 3000, 300 if n < 3 else 5000)  # keys of the table and of the file itself, then mostly new ones
        assert counts(load(daemon, "stock_%d.csv" % n, rows)) == model.load(rows), n
        assert table(database) == model.table(), n
    updated = sum(counts(e)[1] for e in daemon.ledger())
    assert (updated > 0) == (mode == "upsert")


def merges(database):
    """The merges in the server's log (of databases that log them), in order: does each choose among the rows of a key?"""
    with open(os.path.join(database.cluster.folder, "log")) as f:
        return ["DISTINCT ON" in line for line in f if "INSERT INTO" in line and " FROM pg_temp.cetl_stage" in line and "LOG:  statement:" in line]


@pytest.mark.parametrize("newest_by", [False, True])
def test_keys_that_files_repeat_are_looked_for_once_a_file_had_some(cetld, database, newest_by):
    """3000 rows each: unique keys are merged without choosing, the first file that repeats some twice, the next by choosing, until one needs none."""
    database.rows("ALTER DATABASE %s SET log_statement = 'mod'" % database.name)
    daemon = cetld(NEWEST if newest_by else STOCK % "upsert")
    model, choosing = Model("upsert", newest_by), []
    once = [("a", i, "1.00", "2024-01-01 00:00:05") for i in range(3000)]
    twice = once[:1500] + [("a", i, "2.00", "2024-01-01 00:00:07") for i in range(1500)]
    again = [("a", i, "3.00", "2024-01-01 00:00:09") for i in range(3000)]
    for n, (rows, chose) in enumerate([(once, []), (again, [False]), (twice, [False] if newest_by else [False, True]),
                                       (again + twice[1499:], [False, True] if newest_by else [True]), (again + again[:1], [True]),
                                       (again, [True]), (once, [False])]):
        before = len(merges(database))
        assert counts(load(daemon, "stock_%d.csv" % n, rows)) == model.load(rows), n
        assert table(database) == model.table(), n
        choosing.append((n, merges(database)[before:], chose))
    assert all(did == should for _, did, should in choosing), choosing


def test_trigger_that_leaves_rows_out_sees_the_winners_only(cetld, database):
    daemon = cetld(STOCK % "upsert")
    until(lambda: database.value("SELECT to_regclass('public.stock') IS NOT NULL"), daemon.log)
    database.rows(LEAVES_OUT)
    rows = [("a", i, "60.00" if i % 2 else "30.00", None) for i in range(2000)] + [("a", i, "40.00" if i % 2 else "70.00", None) for i in range(2000)]
    load(daemon, "stock_1.csv", [("a", 0, "50.00", None)])
    daemon.drop("stock_2.csv", csv(rows))
    daemon.wait_state("stock_2.csv")
    assert database.rows("SELECT price, count(*)::int FROM stock GROUP BY price") == [(70, 1000)]


@pytest.mark.parametrize("columns, key", [("id bigint primary key, b text", 1), ("b text, id numeric, primary key (b, id)", 2), ("id inet primary key, b text", 1)])
def test_scattered_keys_load_in_the_order_of_the_key(cetld, database, folder, columns, key):
    """Over several chunks, with rejects between: the same rows and counts as ever; within each chunk by key."""
    daemon = cetld("[dataset things]\nfiles = things*.csv\nmode = upsert\nmax_errors = 5\ncolumns = %s\n" % columns)
    r, numbers = random.Random(3), list(range(60000))
    r.shuffle(numbers)
    ids = ["10.%d.%d.%d" % (n >> 16, n >> 8 & 255, n & 255) if "inet" in columns else "%d" % n for n in numbers]
    rows = ["%s,%s\n" % (i, "x" * 20 if key == 1 else "ab"[n % 2]) for i, n in zip(ids, numbers)]
    rows[7:7], rows[40000:40000] = ["oops,1,2\n"], ["1,2,3\n"]
    entry = load_things(daemon, 1, "id,b\n" + "".join(rows))
    assert entry["rows_rejected"] == 2 and counts(entry) == (60000, 0, 0)
    assert [e["line"] for e in daemon.json("/v1/files/%d/rejects" % entry["id"])] == [9, 40002]
    database.rows("CREATE TABLE expected (%s)" % columns)
    path = os.path.join(folder, "good.csv")
    with open(path, "w") as f:
        f.write("id,b\n" + "".join(row for row in rows if row.count(",") == 1))
    database.copy_csv("expected (id, b)", [path])
    assert database.same("SELECT * FROM things", "SELECT * FROM expected")
    by = 'host(id) COLLATE "C"' if "inet" in columns else "id" if key == 1 else "(b, id)"  # a type that only the server knows goes by its text
    breaks = database.value("SELECT count(*)::int FROM (SELECT {0} < lag({0}) OVER (ORDER BY ctid) AS less FROM things) t WHERE less".format(by))
    assert breaks <= 50  # PostgreSQL fills pages a little out of order


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


def keyed(columns, mode="upsert", more=""):
    return "[dataset things]\nfiles = things*.csv\nmode = %s\ncolumns = %s\n%s" % (mode, columns, more)


def load_things(daemon, number, text):
    daemon.drop("things_%d.csv" % number, text)
    return daemon.wait_state("things_%d.csv" % number)


def test_keys_are_equal_as_the_tables_collation_says(cetld, database):
    database.rows("CREATE COLLATION public.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    daemon = cetld(keyed("name text collate nocase primary key, n int"))
    assert counts(load_things(daemon, 1, "name,n\nAna,1\nJosé,2\nANA,3\n")) == (2, 0, 1)
    assert counts(load_things(daemon, 2, "name,n\naNa,4\nJOSÉ,5\njosé,6\n")) == (0, 2, 1)
    # The key is left as it was: PostgreSQL holds both to be the same.
    assert database.rows("SELECT name, n FROM things ORDER BY n") == [("ANA", 4), ("José", 6)]


@pytest.mark.parametrize("mode", ["upsert", "ignore"])
def test_numbers_that_are_equal_are_one_key(cetld, database, mode):
    daemon = cetld(keyed("k numeric primary key, n int", mode))
    assert counts(load_things(daemon, 1, "k,n\n1.0,1\n1.00,2\n01,3\nNaN,4\nNaN,5\n")) == (2, 0, 3)
    assert database.rows("SELECT n FROM things ORDER BY k") == ([(3,), (5,)] if mode == "upsert" else [(1,), (4,)])


def test_names_that_need_quotes(cetld, database):
    database.rows('CREATE SCHEMA "My Schema" AUTHORIZATION cetl')
    database.rows('CREATE TABLE "My Schema"."The ""Things"""'
                  ' ("Id""x" bigint, "select" text, "cetl line2" int, PRIMARY KEY ("select", "Id""x"))')
    database.rows('ALTER TABLE "My Schema"."The ""Things""" OWNER TO cetl')
    daemon = cetld('[dataset things]\nfiles = things*.csv\nmode = upsert\ntable = "My Schema"."The ""Things"""\n')
    header = '"Id""x",select,cetl line2\n'
    assert counts(load_things(daemon, 1, header + "1,a,1\n2,a,2\n")) == (2, 0, 0)
    assert counts(load_things(daemon, 2, header + "1,a,3\n1,b,4\n")) == (1, 1, 0)
    assert database.rows('SELECT * FROM "My Schema"."The ""Things""" ORDER BY 3') == [(2, "a", 2), (1, "a", 3), (1, "b", 4)]


def test_columns_that_the_file_lacks_are_kept_and_defaulted(cetld, database):
    daemon = cetld(keyed("id bigint primary key, a int, b text default 'new', twice int generated always as (a * 2) stored"))
    load_things(daemon, 1, "id,a,b\n1,1,old\n")
    assert counts(load_things(daemon, 2, "id,a\n1,5\n2,6\n")) == (1, 1, 0)
    assert database.rows("SELECT * FROM things ORDER BY id") == [(1, 5, "old", 10), (2, 6, "new", 12)]


def test_file_of_nothing_but_the_key_changes_no_row(cetld, database):
    daemon = cetld(keyed("id bigint primary key, a int"))
    load_things(daemon, 1, "id,a\n1,1\n")
    assert counts(load_things(daemon, 2, "id\n1\n2\n2\n")) == (1, 0, 2)
    assert database.rows("SELECT * FROM things ORDER BY id") == [(1, 1), (2, None)]


@pytest.mark.parametrize("generated", ["ALWAYS", "BY DEFAULT"])
def test_identity_keys_move_their_sequence(cetld, database, generated):
    daemon = cetld(keyed("id bigint generated %s as identity primary key, a int" % generated))
    load_things(daemon, 1, "id,a\n1,1\n7,1\n")
    assert counts(load_things(daemon, 2, "id,a\n1,2\n9,2\n")) == (1, 1, 0)
    assert database.value("INSERT INTO things (a) VALUES (0) RETURNING id") == 10


def test_partitioned_table_is_counted_as_truly(cetld, database):
    database.rows("CREATE TABLE things (id bigint PRIMARY KEY, a int, at int) PARTITION BY HASH (id)")
    for n in range(3):
        database.rows("CREATE TABLE things_%d PARTITION OF things FOR VALUES WITH (MODULUS 3, REMAINDER %d)" % (n, n))
    database.rows("ALTER TABLE things OWNER TO cetl")
    daemon = cetld("[dataset things]\nfiles = things*.csv\nmode = upsert\nnewest_by = at\n")
    load_things(daemon, 1, "id,a,at\n" + "".join("%d,1,%d\n" % (i, i % 3) for i in range(100)))
    entry = load_things(daemon, 2, "id,a,at\n" + "".join("%d,2,1\n" % i for i in range(50, 150)) + "149,3,0\n")
    known = sum(1 >= i % 3 for i in range(50, 100))
    assert counts(entry) == (50, known, 51 - known)
    assert database.value("SELECT count(*)::int FROM things WHERE a = 2") == 50 + known


def test_other_unique_constraint_refuses_the_file(cetld, database):
    daemon = cetld(keyed("id bigint primary key, mail text unique"))
    load_things(daemon, 1, "id,mail\n1,a@x\n2,b@x\n")
    assert counts(load_things(daemon, 2, "id,mail\n2,b@x\n")) == (0, 1, 0)
    daemon.drop("things_3.csv", "id,mail\n3,a@x\n")
    entry = daemon.wait_state("things_3.csv", "failed")
    assert "things_mail_key" in entry["error"] and "(mail)=(a@x)" in entry["error"]
    assert database.rows("SELECT * FROM things ORDER BY id") == [(1, "a@x"), (2, "b@x")]


def test_foreign_keys_and_triggers_work(cetld, database):
    database.rows("CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1), (2); ALTER TABLE parent OWNER TO cetl")
    database.rows("CREATE TABLE things (id bigint PRIMARY KEY, p int REFERENCES parent, seen int DEFAULT 0); ALTER TABLE things OWNER TO cetl")
    database.rows("CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN new.seen := old.seen + 1; RETURN new; END'")
    database.rows("CREATE TRIGGER see BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION see()")
    daemon = cetld("[dataset things]\nfiles = things*.csv\nmode = upsert\n")
    load_things(daemon, 1, "id,p\n1,1\n")
    assert counts(load_things(daemon, 2, "id,p\n1,2\n1,1\n2,2\n")) == (1, 1, 1)
    assert database.rows("SELECT * FROM things ORDER BY id") == [(1, 1, 1), (2, 2, 0)]
    daemon.drop("things_3.csv", "id,p\n1,9\n")
    assert "foreign key" in daemon.wait_state("things_3.csv", "failed")["error"]


@pytest.mark.parametrize("columns, more, words", [
    ("id bigint primary key deferrable, a int", "", "DEFERRABLE"),
    ("a int, id bigint generated always as (a * 2) stored primary key", "", "GENERATED"),
    ("id bigint primary key, a int, b int generated always as (a * 2) stored", "newest_by = b\n", "GENERATED"),
])
def test_keys_that_cannot_serve_are_said(cetld, database, columns, more, words):
    daemon = cetld(keyed(columns, more=more))
    assert words in daemon.json("/v1")[0]["error"]


def test_role_without_temporary_tables_is_told_what_to_grant(cetld, database):
    database.rows("REVOKE TEMPORARY ON DATABASE %s FROM public, cetl" % database.name)
    daemon = cetld(keyed("id bigint primary key, a int"))
    load_things(daemon, 1, "id,a\n1,1\n")
    database.rows("ALTER DATABASE %s OWNER TO postgres" % database.name)
    database.rows("REVOKE TEMPORARY ON DATABASE %s FROM public, cetl" % database.name)
    daemon.drop("things_2.csv", "id,a\n1,2\n")
    until(lambda: "GRANT TEMPORARY ON DATABASE" in daemon.log(), daemon.log)
    assert daemon.ledger("things_2.csv")[0]["state"] == "queued"


def test_nothing_is_left_of_a_stage(cetld, database):
    daemon = cetld(keyed("id bigint primary key, a int"))
    for n in range(6):
        load_things(daemon, n, "id,a\n1,%d\n" % n)
    assert database.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'cetl_stage%%'") == 0


# ---- order

PRICES = keyed("id bigint primary key, price int not null")


def fail_second(daemon):
    """things_1 loads, things_2 fails, things_3 waits for it or not."""
    load_things(daemon, 1, "id,price\n1,1\n")
    daemon.drop("things_2.csv", "id,price\n1,two\n")
    daemon.wait_state("things_2.csv", "failed")
    daemon.drop("things_3.csv", "id,price\n1,3\n")


def names_loaded(daemon):
    return [e["name"] for e in reversed(daemon.ledger()) if e["state"] == "loaded"]


def test_failed_file_does_not_hold_its_followers(cetld, database):
    daemon = cetld(PRICES)
    fail_second(daemon)
    daemon.wait_state("things_3.csv")


@pytest.mark.parametrize("mode", ["append", "upsert", "ignore", "replace"])
def test_strict_order_stands_still_until_the_failed_file_is_mended(cetld, database, mode):
    daemon = cetld(PRICES.replace("upsert", mode) + "order = strict\n" + (PRICES.replace("things", "others")))
    load_things(daemon, 1, "id,price\n1,1\n")
    daemon.drop("things_2.csv", "id,price\n2,two\n")
    daemon.wait_state("things_2.csv", "failed")
    daemon.drop("things_3.csv", "id,price\n3,3\n")
    until(lambda: "dataset things stands still" in daemon.log(), daemon.log)
    daemon.drop("others.csv", "id,price\n1,1\n")  # another dataset does not wait
    daemon.wait_state("others.csv")
    assert daemon.ledger("things_3.csv")[0]["state"] == "queued"
    held = {d["name"]: d["held_by"] for d in daemon.json("/v1")}
    assert held == {"things": "things_2.csv", "others": None}
    daemon.drop("things_2.csv", "id,price\n2,2\n")
    daemon.wait_state("things_3.csv")
    assert [n for n in names_loaded(daemon) if n != "others.csv"] == ["things_1.csv", "things_2.csv", "things_3.csv"]
    assert len(daemon.log_lines("stands still")) == 1


def test_strict_order_survives_a_restart(cetld, database):
    daemon = cetld(PRICES + "order = strict\n")
    fail_second(daemon)
    until(lambda: "stands still" in daemon.log(), daemon.log)
    daemon.kill9()
    daemon.start()
    until(lambda: "stands still" in daemon.log(since_start=True), daemon.log)
    daemon.drop("things_2.csv", "id,price\n1,still two\n")
    daemon.wait_state("things_2.csv", "failed", nth=2)
    daemon.drop("things_2.csv", "id,price\n")  # nothing of it is wanted
    daemon.wait_state("things_3.csv")
    assert names_loaded(daemon) == ["things_1.csv", "things_2.csv", "things_3.csv"]


def test_head_that_cannot_be_read_holds_too(cetld, database):
    daemon = cetld(PRICES + "order = strict\n")
    load_things(daemon, 1, "id,price\n1,1\n")
    daemon.drop("things_2.csv", b"id,price\n\"1,\xff\xfe\n")
    assert daemon.wait_state("things_2.csv", "failed")["dataset"] == "things"
    daemon.drop("things_3.csv", "id,price\n1,3\n")
    daemon.kill9()
    daemon.start()
    until(lambda: "stands still" in daemon.log(since_start=True), daemon.log)


def test_reload_with_lenient_order_lets_the_followers_go(cetld, database):
    daemon = cetld(PRICES + "order = strict\n")
    fail_second(daemon)
    until(lambda: "stands still" in daemon.log(), daemon.log)
    daemon.write_config(PRICES)
    daemon.signal(signal.SIGHUP)
    daemon.wait_state("things_3.csv")


def test_file_that_waits_is_never_overtaken(make_cetld, own_postgres, own_database):
    """The table is locked for one file, then PostgreSQL is away for the next: their followers wait."""
    daemon = make_cetld(own_database.url(), PRICES, database={"backoff_max": "300ms"}).start()
    load_things(daemon, 0, "id,price\n1,0\n")
    db = own_database.connect()
    db.autocommit = False
    with db.cursor() as sql:
        sql.execute("LOCK TABLE things IN SHARE MODE")
        daemon.drop("things_1.csv", "id,price\n1,1\n")
        until(lambda: own_database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0, "it waits for the lock")
        for n in range(2, 6):
            daemon.drop("things_%d.csv" % n, "id,price\n1,%d\n" % n)
        # The one that waits loses its connection and is tried again later.
        for _ in range(3):
            sql.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
            until(lambda: own_database.value("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0, "it waits again")
        db.commit()
    db.close()
    daemon.wait_state("things_5.csv")
    own_postgres.stop("immediate")
    for n in range(6, 10):
        daemon.drop("things_%d.csv" % n, "id,price\n1,%d\n" % n)
    own_postgres.start()
    daemon.wait_state("things_9.csv")
    assert names_loaded(daemon) == ["things_%d.csv" % n for n in range(10)]
    assert own_database.rows("SELECT * FROM things") == [(1, 9)]


@pytest.mark.parametrize("options, ids, after", [("MAXVALUE 100", (7, 200), 100), ("MINVALUE 1000 START 1000", (7, 8), None), ("INCREMENT -1", (7, 8), None)])
def test_ids_beyond_their_sequence_load(cetld, database, options, ids, after):
    daemon = cetld("[dataset items]\nfiles = items*.csv\ncolumns = id bigint generated by default as identity (%s), name text\n" % options)
    daemon.drop("items.csv", "id,name\n" + "".join("%d,n\n" % i for i in ids))
    assert daemon.wait_state("items.csv")["rows_loaded"] == 2
    assert database.value("SELECT pg_sequence_last_value(pg_get_serial_sequence('items', 'id')::regclass)") == after
