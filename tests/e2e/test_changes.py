# SPDX-License-Identifier: MIT
"""The table or the configuration changes between two files, or while files load: what is loaded is right, and what cannot be is told soon."""

import os
import signal
import threading

import pytest

from prober import Prober
from waiting import until

SOON = 5  # seconds in which a hopeless file is told, whatever else waits

AMOUNTS = """
[dataset amounts]
files = amounts_*.csv
columns = id bigint not null, amount bigint, note text
"""

SALES = """
[dataset sales]
files = sales_*.csv
columns = id bigint not null, day date not null, amount bigint
"""
BY_DAY = """
[rollup sales.daily]
group = day
measure = %s(amount) as total, count(*) as n
"""
DAY_FORMAT = """
[column sales.day]
format = %s
"""
GROUP_BY = "SELECT day, %s(amount) AS total, count(*) AS n FROM sales GROUP BY day"


def amounts(first, rows):
    return "id,amount,note\n" + "".join("%d,%d,n%d\n" % (i, 10 * i, i) for i in range(first, first + rows))


def sales(n, day="2024-05-%02d", rows=50):
    return "id,day,amount\n" + "".join("%d,%s,%d\n" % (1000 * n + i, day % (1 + i % 9) if "%" in day else day, i) for i in range(rows))


def reload(daemon, text):
    """SIGHUP, and wait until it is taken."""
    before = len(daemon.log_lines("configuration reloaded"))
    daemon.write_config(text)
    daemon.signal(signal.SIGHUP)
    until(lambda: len(daemon.log_lines("configuration reloaded")) > before, lambda: "reloaded\n" + daemon.log())


class Stream(threading.Thread):
    """Drops sales_NNN.csv, one after the other but never more than a few at once, until it is told to end. What it drops suits every format."""

    AHEAD = 4

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.cetld, self.dropped = daemon, 0
        self.ended = threading.Event()

    def waiting(self):
        return self.dropped - len([p for p in self.cetld.files_in("done", "failed") if os.path.basename(p).startswith(b"sales_s")])

    def run(self):
        while not self.ended.is_set():
            if self.waiting() < self.AHEAD:
                self.cetld.drop("sales_s%03d.csv" % self.dropped, sales(100 + self.dropped, "05/05/2024"))
                self.dropped += 1
            self.ended.wait(0.005)

    def more(self, files=5):
        """Wait until it has dropped that many more."""
        wanted = self.dropped + files
        until(lambda: self.dropped >= wanted, lambda: "files keep loading\n" + self.cetld.log())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


# -- the table changes between two files

@pytest.mark.parametrize("to", ["double precision", "integer", "text", "numeric"])
@pytest.mark.parametrize("rows", [20, 100000])
def test_type_changed_between_two_files(cetld, database, to, rows):
    daemon = cetld(AMOUNTS)
    daemon.drop("amounts_1.csv", amounts(1, 5))
    daemon.wait_state("amounts_1.csv")
    database.rows("ALTER TABLE amounts ALTER amount TYPE " + to)
    daemon.drop("amounts_2.csv", amounts(6, rows))
    daemon.wait_state("amounts_2.csv")
    assert database.value("SELECT pg_typeof(amount)::text FROM amounts LIMIT 1") == to
    assert database.same("SELECT id, amount FROM amounts", "SELECT i::bigint, (10 * i)::%s FROM generate_series(1, %d) i" % (to, rows + 5))


def test_added_column_takes_the_next_files_cells(cetld, database):
    daemon = cetld(AMOUNTS)
    daemon.drop("amounts_1.csv", amounts(1, 5))
    daemon.wait_state("amounts_1.csv")
    database.rows("ALTER TABLE amounts ADD COLUMN place text")
    daemon.drop("amounts_2.csv", "id,amount,note,place\n6,60,n6,Rome\n")
    daemon.wait_state("amounts_2.csv")
    assert database.rows("SELECT id::int, place FROM amounts WHERE id > 4 ORDER BY id") == [(5, None), (6, "Rome")]


@pytest.mark.parametrize("mend", ["ALTER b DROP NOT NULL", "ALTER b SET DEFAULT 7"])
def test_column_that_may_be_missing_from_now_on(cetld, database, mend):
    daemon = cetld(STRICT)
    daemon.drop("strict_1.csv", "id\n1\n")
    daemon.wait_state("strict_1.csv", "failed")
    database.rows("ALTER TABLE strict " + mend)
    daemon.drop("strict_2.csv", "id\n2\n")
    daemon.wait_state("strict_2.csv")
    assert database.rows("SELECT id::int, b::int FROM strict") == [(2, 7 if "DEFAULT" in mend else None)]


def test_dropped_table_of_a_declared_dataset_is_made_anew(cetld, database):
    daemon = cetld(AMOUNTS)
    daemon.drop("amounts_1.csv", amounts(1, 5))
    daemon.wait_state("amounts_1.csv")
    database.rows("DROP TABLE amounts")
    daemon.drop("amounts_2.csv", amounts(6, 5))
    daemon.wait_state("amounts_2.csv", deadline=SOON)
    assert database.rows("SELECT min(id)::int, count(*)::int FROM amounts") == [(6, 5)]


def test_dropped_table_of_an_inferred_dataset_is_inferred_anew(cetld, database):
    daemon = cetld()
    daemon.drop("trees.csv", "name,height\noak,30\n")
    daemon.wait_state("trees.csv")
    assert database.value("SELECT pg_typeof(height)::text FROM trees") == "bigint"
    database.rows("DROP TABLE trees")
    daemon.drop("trees.csv", "name,height\nfir,tall\nash,short\n")
    daemon.wait_state("trees.csv", nth=2, deadline=SOON)
    assert database.rows("SELECT name, height FROM trees ORDER BY name") == [("ash", "short"), ("fir", "tall")]


def test_dropped_table_of_an_inferred_dataset_with_other_columns(cetld, database):
    daemon = cetld()
    daemon.drop("trees.csv", "name,height\noak,30\n")
    daemon.wait_state("trees.csv")
    database.rows("DROP TABLE trees")
    daemon.drop("trees.csv", "name,planted,girth\nfir,2020-02-03,1.5\n")
    daemon.wait_state("trees.csv", nth=2)
    assert database.rows("SELECT name, planted::text, girth::text FROM trees") == [("fir", "2020-02-03", "1.5")]


@pytest.mark.parametrize("to", ["double precision", "integer", "numeric(12,1)"])
def test_rollup_follows_its_columns_type(cetld, database, to):
    daemon = cetld(SALES + BY_DAY % "sum" + BY_DAY.replace("daily", "least") % "min")
    daemon.drop("sales_1.csv", sales(1))
    daemon.wait_state("sales_1.csv")
    database.rows("ALTER TABLE sales ALTER amount TYPE " + to)
    daemon.drop("sales_2.csv", sales(2))
    daemon.wait_state("sales_2.csv", deadline=SOON)
    for table, function in (("sales_daily", "sum"), ("sales_least", "min")):
        assert database.same("SELECT * FROM " + table, GROUP_BY % function)
        types = "SELECT array_agg(DISTINCT pg_typeof(total)::text) FROM (%s) r"
        assert database.value(types % ("SELECT total FROM " + table)) == database.value(types % (GROUP_BY % function))


@pytest.mark.parametrize("maker", ["the daemon", "somebody"])
def test_rollup_of_a_table_that_was_dropped_and_made_anew(cetld, database, maker):
    daemon = cetld(SALES + BY_DAY % "sum")
    daemon.drop("sales_1.csv", sales(1))
    daemon.wait_state("sales_1.csv")
    database.rows("DROP TABLE sales")
    if maker == "somebody":
        database.rows("SET ROLE cetl; SET search_path TO public; CREATE TABLE sales (id bigint not null, day date not null, amount bigint)")
    daemon.drop("sales_2.csv", sales(2))
    daemon.wait_state("sales_2.csv", deadline=SOON)
    assert database.value("SELECT count(*) FROM sales") == 50
    assert database.same("SELECT * FROM sales_daily", GROUP_BY % "sum")


# -- the configuration changes while files load

def start_sales(cetld, rest=""):
    daemon = cetld(SALES + DAY_FORMAT % "DD/MM/YYYY" + rest)
    daemon.drop("sales_0.csv", sales(0, "0%d/05/2024"))
    daemon.wait_state("sales_0.csv")
    return daemon


def all_loaded(daemon, stream, others=1):
    return daemon.wait_count("loaded", stream.dropped + others)


def test_rollup_added_while_files_load(cetld, database):
    daemon = start_sales(cetld)
    with Stream(daemon) as stream:
        stream.more()
        reload(daemon, SALES + DAY_FORMAT % "DD/MM/YYYY" + BY_DAY % "sum")
        stream.more()
    all_loaded(daemon, stream)
    assert database.same("SELECT * FROM sales_daily", GROUP_BY % "sum")
    assert database.value("SELECT count(*) FROM sales") == 50 * (stream.dropped + 1)


def test_measure_changed_under_its_alias_while_files_load(cetld, database):
    daemon = start_sales(cetld, BY_DAY % "sum")
    with Stream(daemon) as stream:
        for function in ("max", "sum", "min", "max"):
            stream.more()
            reload(daemon, SALES + DAY_FORMAT % "DD/MM/YYYY" + BY_DAY % function)
        stream.more()
    all_loaded(daemon, stream)
    assert database.same("SELECT * FROM sales_daily", GROUP_BY % "max")
    assert database.value("SELECT count(*) FROM sales") == 50 * (stream.dropped + 1)


def test_format_changed_while_files_load(cetld, database):
    daemon = start_sales(cetld, BY_DAY % "sum")
    with Stream(daemon) as stream:
        stream.more()
        reload(daemon, SALES + DAY_FORMAT % "MM/DD/YYYY" + BY_DAY % "sum")
        daemon.drop("sales_1.csv", sales(1, "07/0%d/2024"))
        stream.more()
    all_loaded(daemon, stream, 2)
    july = "SELECT count(*) FROM sales WHERE id BETWEEN 1000 AND 1999 AND day = make_date(2024, 7, 1 + (id - 1000)::int % 9)"
    assert database.value(july) == 50
    assert database.value("SELECT count(*) FROM sales WHERE id >= 100000 AND day = '2024-05-05'") == 50 * stream.dropped
    assert database.same("SELECT * FROM sales_daily", GROUP_BY % "sum")


@pytest.mark.parametrize("how", ["reload", "restart"])
def test_rollup_that_was_away_for_some_files_equals_its_group_by(cetld, database, how):
    daemon = cetld(SALES + BY_DAY % "sum")

    def change(text):
        if how == "reload":
            return reload(daemon, text)
        daemon.write_config(text)
        daemon.restart()

    daemon.drop("sales_0.csv", sales(0))
    daemon.wait_state("sales_0.csv")
    change(SALES)
    daemon.drop("sales_1.csv", sales(1))
    daemon.wait_state("sales_1.csv")
    change(SALES + BY_DAY % "sum")
    daemon.drop("sales_2.csv", sales(2))
    daemon.wait_state("sales_2.csv")
    assert database.same("SELECT * FROM sales_daily", GROUP_BY % "sum")
    assert database.value("SELECT sum(n) FROM sales_daily") == 150


def test_one_of_two_rollups_away_for_some_files(cetld, database):
    other = "\n[rollup sales.big]\ngroup = day\nmeasure = max(amount) as total, count(*) as n\n"
    daemon = cetld(SALES + BY_DAY % "sum" + other)
    for n, text in enumerate([SALES + other, SALES + BY_DAY % "sum", SALES + BY_DAY % "sum" + other]):
        daemon.drop("sales_%d.csv" % n, sales(n))
        daemon.wait_state("sales_%d.csv" % n)
        reload(daemon, text)
    daemon.drop("sales_9.csv", sales(9))
    daemon.wait_state("sales_9.csv")
    assert database.same("SELECT * FROM sales_daily", GROUP_BY % "sum")
    assert database.same("SELECT * FROM sales_big", GROUP_BY % "max")


def test_reload_that_changes_nothing_rebuilds_nothing(cetld, database):
    daemon = cetld(SALES + BY_DAY % "sum")
    daemon.drop("sales_0.csv", sales(0))
    daemon.wait_state("sales_0.csv")
    made = database.rows("SELECT 'sales_daily'::regclass::oid, (SELECT definition FROM cetl.dataset)")
    reload(daemon, SALES + BY_DAY % "sum")
    daemon.drop("sales_1.csv", sales(1))
    daemon.wait_state("sales_1.csv")
    assert database.rows("SELECT 'sales_daily'::regclass::oid, (SELECT definition FROM cetl.dataset)") == made


def test_comment_of_somebody_elses_table_is_left_alone(cetld, database):
    """It reads like one of ours, over the same table, but its owner is another."""
    words = 'SELECT "day" AS "day" FROM "public"."sales" GROUP BY "day"'
    database.rows("CREATE TABLE mine (day date); COMMENT ON TABLE mine IS '%s'" % words)
    daemon = cetld(SALES + BY_DAY % "sum")
    daemon.drop("sales_0.csv", sales(0))
    daemon.wait_state("sales_0.csv")
    assert database.value("SELECT obj_description('mine'::regclass)") == words


# -- two equal files

@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_equal_files_dropped_together_whatever_the_isolation(cetld, database, level):
    database.rows("ALTER DATABASE %s SET default_transaction_isolation = '%s'" % (database.name, level))
    daemon = cetld(AMOUNTS)
    pairs = 12
    for n in range(pairs):
        daemon.drop("amounts_%d_a.csv" % n, amounts(1000 * n, 500))
        daemon.drop("amounts_%d_b.csv" % n, amounts(1000 * n, 500))
    daemon.wait_count("loaded", pairs)
    daemon.wait_count("duplicate", pairs)
    assert len(daemon.ledger()) == 2 * pairs
    assert database.rows("SELECT count(*)::int, count(DISTINCT id)::int FROM amounts") == [(500 * pairs, 500 * pairs)]


# -- hopeless files

HOPELESS = {
    "missing_column": ("id\n1\n", "b"),
    "unknown_column": ("id,b,c\n1,2,3\n", "c"),
    "null": ("id,b\n1,\n", "b"),
    "no_number": ("id,b\n1,two\n", "two"),
    "constraint": ("id,b\n1,-1\n", "b_positive"),
}
STRICT = """
[dataset strict]
files = strict_*.csv
columns = id bigint not null, b bigint not null constraint b_positive check (b > 0)
"""


def test_hopeless_file_is_told_soon(cetld):
    daemon = cetld(STRICT)
    for name, (text, _) in HOPELESS.items():
        daemon.drop("strict_%s.csv" % name, text)
    daemon.wait_count("failed", len(HOPELESS), deadline=SOON)
    for name, (_, word) in HOPELESS.items():
        assert word in daemon.ledger("strict_%s.csv" % name)[0]["error"]


@pytest.mark.parametrize("kind", ["missing_column", "constraint"])
def test_200_hopeless_files_do_not_hold_up_a_good_one(cetld, database, kind):
    daemon = cetld(STRICT)
    for n in range(200):
        daemon.drop("strict_%03d.csv" % n, HOPELESS[kind][0] + "\n" * n)
    daemon.drop("strict_good.csv", "id,b\n1,2\n")
    daemon.wait_state("strict_good.csv", deadline=SOON)
    daemon.wait_count("failed", 200, deadline=4 * SOON)
    assert database.rows("SELECT id::int, b::int FROM strict") == [(1, 2)]


def test_header_of_16000_equal_names_does_not_silence_the_api(cetld):
    daemon = cetld()
    with Prober(daemon, "/healthz") as healthz:
        daemon.drop("wide.csv", ",".join(["name"] * 16000) + "\n" + ",".join(["1"] * 16000) + "\n")
        entry = daemon.wait_state("wide.csv", "failed")
    assert entry["error"]
    assert healthz.error is None and max(healthz.seconds) < 0.25, "took %.0f ms" % (1000 * max(healthz.seconds))


def test_file_that_is_tried_again_behind_a_reload_keeps_its_place(cetld, database):
    """It began as another dataset's, and is older than what comes in then: it must not write over that."""
    text = "[dataset %s]\nfiles = prices*.csv\ntable = prices\ncolumns = id bigint primary key, price bigint\nmode = upsert\n"
    daemon = cetld(text % "old")
    daemon.drop("prices0.csv", "id,price\n1,0\n")
    daemon.wait_state("prices0.csv")
    holder = database.connect()
    holder.autocommit = False
    with holder.cursor() as sql:
        sql.execute("LOCK TABLE prices IN SHARE MODE")
    daemon.drop("prices1.csv", "id,price\n1,1\n")
    waits = "SELECT %s FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    until(lambda: database.rows(waits % "pid"), "it waits for the table")
    reload(daemon, text % "new")
    until(lambda: daemon.get("/v1/new").status == 200, "the new dataset is there")
    assert database.rows(waits % "pg_terminate_backend(pid)") == [(True,)]
    holder.close()
    daemon.drop("prices2.csv", "id,price\n1,2\n")
    for n in (1, 2):
        daemon.wait_state("prices%d.csv" % n)
    assert database.rows("SELECT id, price FROM prices") == [(1, 2)]
