# SPDX-License-Identifier: MIT
"""Files and tables that drift apart: columns that are new, missing, in another order, of another type; columns from the path."""

import datetime
import os
import signal
import threading
from decimal import Decimal

import pytest

from waiting import until

DECLARED = """
[dataset sales]
files = sales*.csv
columns = id bigint, name text
"""
INFERRED = """
[dataset sales]
files = sales*.csv
"""


def columns_of(database, table="sales"):
    return database.rows("SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
                         " WHERE attrelid = '%s'::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('_file', '_line')"
                         " ORDER BY attnum" % table)


def guess_of(database, name="sales"):
    return {c["name"]: c for c in database.value("SELECT columns FROM cetl.dataset WHERE name = '%s'" % name)}


def lock(database, table="sales", mode="ACCESS SHARE"):
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE %s IN %s MODE" % (table, mode))
    return holder


# -- new columns


def test_new_column_is_refused_unless_something_else_is_said(cetld, database):
    daemon = cetld(DECLARED)
    daemon.drop("sales1.csv", "id,name,more\n1,a,x\n")
    assert "cell 3 (\"more\") is no column of public.sales" in daemon.wait_state("sales1.csv", "failed")["error"]
    assert columns_of(database) == [("id", "bigint"), ("name", "text")]


def test_ignored_column_is_not_loaded_and_said_once(cetld, database):
    daemon = cetld(DECLARED + "new_columns = ignore\n")
    for i in range(3):
        daemon.drop("sales%d.csv" % i, "more,id,name\nx,%d,a\n" % i)
        daemon.wait_state("sales%d.csv" % i)
    assert database.rows("SELECT id, name FROM sales ORDER BY id") == [(0, "a"), (1, "a"), (2, "a")]
    assert len(daemon.log_lines("new_columns is ignore")) == 1


@pytest.mark.parametrize("config", [DECLARED, INFERRED], ids=["declared", "inferred"])
def test_added_column_has_the_type_of_the_whole_file(cetld, database, config):
    daemon = cetld(config + "new_columns = add\n")
    daemon.drop("sales1.csv", "id,name\n1,a\n")
    daemon.wait_state("sales1.csv")
    rows = "".join("%d,2024-01-02,b,%d\n" % (i, i) for i in range(2, 5000)) + "5000,2024-01-03,b,0.5\n"
    daemon.drop("sales2.csv", "ID,Ship Date,Name,net\n" + rows)
    daemon.wait_state("sales2.csv")
    assert columns_of(database) == [("id", "bigint"), ("name", "text"), ("ship_date", "date"), ("net", "numeric")]
    assert database.rows("SELECT id, name, ship_date, net FROM sales WHERE id IN (1, 2, 5000) ORDER BY id") == [
        (1, "a", None, None), (2, "b", datetime.date(2024, 1, 2), Decimal(2)), (5000, "b", datetime.date(2024, 1, 3), Decimal("0.5"))]
    assert "0.5" in guess_of(database)["net"]["reason"]
    daemon.drop("sales3.csv", "name,id\nc,6000\n")  # without them, in another order
    daemon.wait_state("sales3.csv")
    assert database.rows("SELECT id, name, ship_date, net FROM sales WHERE id = 6000") == [(6000, "c", None, None)]
    assert daemon.get_rows("sales", limit=2)[1]["ship_date"] == "2024-01-02"
    daemon.restart()
    daemon.drop("sales4.csv", "id,net\n7000,7\n")
    daemon.wait_state("sales4.csv")
    assert database.value("SELECT net FROM sales WHERE id = 7000") == 7


def test_added_date_keeps_its_template(cetld, database):
    daemon = cetld(DECLARED + "new_columns = add\n")
    daemon.drop("sales1.csv", "id,due\n1,31/12/2024\n")
    daemon.wait_state("sales1.csv")
    daemon.drop("sales2.csv", "id,due\n2,02/01/2025\n")
    daemon.wait_state("sales2.csv")
    assert database.rows("SELECT due FROM sales ORDER BY id") == [(datetime.date(2024, 12, 31),), (datetime.date(2025, 1, 2),)]


def test_column_is_not_added_to_a_table_of_somebody_else(cetld, database):
    database.rows("CREATE TABLE sales (id bigint, name text); GRANT ALL ON sales TO cetl")
    daemon = cetld(DECLARED + "new_columns = add\n")
    daemon.drop("sales1.csv", "id,more\n1,x\n")
    assert "cetld did not make that table" in daemon.wait_state("sales1.csv", "failed")["error"]
    assert columns_of(database) == [("id", "bigint"), ("name", "text")]


def test_column_that_appeared_meanwhile_is_used(cetld, database):
    """Outside of us the same column was added: with another type, which then rules."""
    daemon = cetld(DECLARED + "new_columns = add\n")
    daemon.drop("sales1.csv", "id\n1\n")
    daemon.wait_state("sales1.csv")
    database.rows("ALTER TABLE sales ADD COLUMN more text")
    daemon.drop("sales2.csv", "id,more\n2,5\n")
    daemon.wait_state("sales2.csv")
    assert columns_of(database)[2] == ("more", "text")
    assert database.rows("SELECT id, more FROM sales ORDER BY id") == [(1, None), (2, "5")]


def test_locked_table_gets_its_column_later_and_readers_are_not_held_up(cetld, database):
    daemon = cetld(DECLARED + "new_columns = add\n")
    daemon.drop("sales1.csv", "id\n1\n")
    daemon.wait_state("sales1.csv")
    holder = lock(database)
    daemon.drop("sales2.csv", "id,more\n2,5\n")
    until(lambda: daemon.log_lines("lock timeout"), lambda: "it gives up\n" + daemon.log())
    reader = database.connect()
    reader.cursor().execute("SET statement_timeout = '5s'; SELECT count(*) FROM sales")  # at most 200 ms behind us
    reader.close()
    assert columns_of(database) == [("id", "bigint"), ("name", "text")]
    holder.rollback()
    holder.close()
    daemon.wait_state("sales2.csv")
    assert database.rows("SELECT id, more FROM sales ORDER BY id") == [(1, None), (2, 5)]


def test_two_daemons_add_the_same_column_at_once(make_cetld, database):
    """Each with a spool of its own, over one table: one of both wins, the other sees it."""
    config = DECLARED + "new_columns = add\n"
    daemons = [make_cetld(database.url(), config).start() for _ in range(2)]
    for n in range(4):
        threads = [threading.Thread(target=d.drop, args=("sales_%d_%d.csv" % (n, i), "id,extra%d\n%d,%d\n" % (n, i, 10 * n + i)))
                   for i, d in enumerate(daemons)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for i, d in enumerate(daemons):
            d.wait_state("sales_%d_%d.csv" % (n, i))
    assert [c for c, _ in columns_of(database)] == ["id", "name", "extra0", "extra1", "extra2", "extra3"]
    assert database.value("SELECT count(*) FROM sales") == 8
    assert [c["name"] for c in database.value("SELECT columns FROM cetl.dataset")] == ["extra0", "extra1", "extra2", "extra3"]
    assert database.rows("SELECT id, extra3 FROM sales WHERE extra3 IS NOT NULL ORDER BY id") == [(0, 30), (1, 31)]


def test_killed_between_alter_and_load_loads_once(cetld, database):
    daemon = cetld(DECLARED + "new_columns = add\n")
    daemon.drop("sales1.csv", "id\n1\n")
    daemon.wait_state("sales1.csv")
    # The column can be added, but COPY waits: for the lock that this trigger's table holds.
    database.rows("CREATE TABLE gate (); GRANT ALL ON gate TO cetl; CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS"
                     " 'BEGIN LOCK TABLE gate IN ACCESS SHARE MODE; RETURN NEW; END';"
                     " CREATE TRIGGER wait BEFORE INSERT ON sales FOR EACH ROW EXECUTE FUNCTION wait()")
    holder = lock(database, "gate", "ACCESS EXCLUSIVE")
    daemon.drop("sales2.csv", "id,more\n2,5\n3,6\n")
    until(lambda: ("more", "bigint") in columns_of(database), lambda: "the column is there\n" + daemon.log())
    daemon.kill9()
    holder.rollback()
    holder.close()
    daemon.start()
    daemon.wait_state("sales2.csv")
    assert database.rows("SELECT id, more FROM sales ORDER BY id") == [(1, None), (2, 5), (3, 6)]


# -- rescue


@pytest.mark.parametrize("config", [DECLARED, INFERRED], ids=["declared", "inferred"])
def test_rescued_cells_are_kept_as_json(cetld, database, config):
    daemon = cetld(config + "new_columns = rescue\n")
    daemon.drop("sales1.csv", "id,name\n1,a\n")
    daemon.wait_state("sales1.csv")
    assert columns_of(database) == [("id", "bigint"), ("name", "text")]
    daemon.drop("sales2.csv", 'id,Net Price,name,"a ""b"""\n2,1.50,b,\n3,,c,"x\ny"\n4,,d,\n')
    daemon.wait_state("sales2.csv")
    assert columns_of(database)[2:] == [("_rescued", "jsonb")]
    assert database.rows("SELECT id, _rescued FROM sales ORDER BY id") == [
        (1, None), (2, {"Net Price": "1.50"}), (3, {'a "b"': "x\ny"}), (4, None)]
    daemon.drop("sales3.csv", "id,name\n5,e\n")
    daemon.wait_state("sales3.csv")
    assert daemon.get_rows("sales", limit=10)[1]["_rescued"] == {"Net Price": "1.50"}


def test_rescue_without_its_column_leaves_a_strange_table_alone(cetld, database):
    database.rows("CREATE TABLE sales (id bigint, name text); GRANT ALL ON sales TO cetl")
    daemon = cetld(DECLARED + "new_columns = rescue\n")
    daemon.drop("sales1.csv", "id,more\n1,x\n")
    assert "add the column _rescued jsonb to it" in daemon.wait_state("sales1.csv", "failed")["error"]
    database.rows("ALTER TABLE sales ADD COLUMN _rescued jsonb")
    daemon.drop("sales2.csv", "id,more\n2,x\n")
    daemon.wait_state("sales2.csv")
    assert database.rows("SELECT id, _rescued FROM sales") == [(2, {"more": "x"})]


# -- missing columns


def test_missing_columns_are_null_or_refused(cetld, database):
    daemon = cetld("[dataset sales]\nfiles = sales*.csv\nmissing_columns = reject\n"
                   "columns = id bigint, name text, price numeric, at timestamptz default now()\n")
    daemon.drop("sales1.csv", "id\n1\n")
    assert daemon.wait_state("sales1.csv", "failed")["error"] == (
        "line 1: no cell for 2 columns (name, price), and missing_columns is reject")
    daemon.drop("sales2.csv", "price,name,id\n1,a,2\n")
    daemon.wait_state("sales2.csv")
    assert database.value("SELECT at IS NOT NULL FROM sales WHERE id = 2")


def test_rollup_column_with_a_default_fails_the_file_and_not_the_dataset(cetld, database):
    daemon = cetld("[dataset sales]\nfiles = sales*.csv\ncolumns = id bigint, day date default current_date\n"
                   "[rollup sales.daily]\ngroup = day\nmeasure = count(*) as n\n")
    daemon.drop("sales1.csv", "id\n1\n")
    assert "the file must have it" in daemon.wait_state("sales1.csv", "failed")["error"]
    daemon.drop("sales2.csv", "id,day\n2,2024-01-01\n")
    daemon.wait_state("sales2.csv")
    assert database.rows("SELECT n FROM sales_daily") == [(1,)]


def test_header_alone_makes_no_table(cetld, database):
    daemon = cetld()
    daemon.drop("things1.csv", "id,price\n")
    assert "nothing tells the types" in daemon.wait_state("things1.csv", "failed")["error"]
    assert database.value("SELECT to_regclass('things')") is None
    daemon.drop("things2.csv", "id,price\n1,2.5\n")
    daemon.wait_state("things2.csv")
    assert columns_of(database, "things") == [("id", "bigint"), ("price", "numeric")]
    daemon.drop("things3.csv", "id,price\n")
    assert daemon.wait_state("things3.csv")["rows_read"] == 0


# -- widening

WIDER = {
    "bigint_to_numeric": ("1", "2.5", "numeric", [Decimal(1), Decimal("2.5")]),
    "bigint_to_text": ("1", "n/a", "text", ["1", "n/a"]),
    "bigint_out_of_range": ("1", "9223372036854775808", "numeric", [Decimal(1), Decimal(9223372036854775808)]),
    "numeric_to_text": ("1.50", "about 2", "text", ["1.50", "about 2"]),
    "date_to_timestamp": ("2024-01-02", "2024-01-03 04:05:06", "timestamp without time zone",
                          [datetime.datetime(2024, 1, 2), datetime.datetime(2024, 1, 3, 4, 5, 6)]),
    "date_to_text": ("2024-01-02", "soon", "text", ["2024-01-02", "soon"]),
    "boolean_to_text": ("true", "maybe", "text", ["true", "maybe"]),
}


@pytest.mark.parametrize("what", sorted(WIDER))
def test_type_is_widened_where_no_value_is_lost(cetld, database, what):
    first, second, type_name, values = WIDER[what]
    daemon = cetld()
    daemon.drop("items1.csv", "id,v\n1,%s\n" % first)
    daemon.wait_state("items1.csv")
    daemon.drop("items2.csv", "id,v\n2,%s\n" % second)
    entry = daemon.wait_state("items2.csv")
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_rejected"]) == (1, 1, 0)
    assert columns_of(database, "items") == [("id", "bigint"), ("v", type_name)]
    assert [v for v, in database.rows("SELECT v FROM items ORDER BY id")] == values
    guess = guess_of(database, "items")["v"]
    assert guess["type"] == type_name and second[:20] in guess["reason"] and guess["reason"].startswith("it was ")
    assert len(daemon.log_lines("table public.items changes column v")) == 1
    daemon.drop("items3.csv", "id,v\n3,%s\n" % first)
    daemon.wait_state("items3.csv")


def test_midnight_is_a_date(cetld, database):
    daemon = cetld()
    daemon.drop("items1.csv", "id,v\n1,2024-01-02\n")
    daemon.wait_state("items1.csv")
    daemon.drop("items2.csv", "id,v\n2,2024-01-03 00:00:00\n")
    daemon.wait_state("items2.csv")
    assert columns_of(database, "items")[1] == ("v", "date")


def test_columns_that_hide_behind_each_other_are_widened_one_after_the_other(cetld, database):
    daemon = cetld()
    daemon.drop("items1.csv", "a,b,c\n1,2,3\n")
    daemon.wait_state("items1.csv")
    daemon.drop("items2.csv", "a,b,c\n1.5,x,2.5\n")
    daemon.wait_state("items2.csv")
    assert [t for _, t in columns_of(database, "items")] == ["numeric", "text", "numeric"]


def test_rows_that_the_server_refuses_do_not_keep_a_type_narrow(cetld, database):
    """Together they are too many; without those that fit into the wider type they are not."""
    daemon = cetld("[dataset items]\nfiles = items*.csv\nmax_errors = 3\n")
    daemon.drop("items1.csv", "id,v\n1,1\n")
    daemon.wait_state("items1.csv")
    database.rows("ALTER TABLE items ADD CHECK (id > 0)")
    daemon.drop("items2.csv", "id,v\n2,2.5\n-3,3\n4,4.5\n-5,5\n6,6\n")
    entry = daemon.wait_state("items2.csv")
    assert (entry["rows_read"], entry["rows_loaded"], entry["rows_rejected"]) == (5, 3, 2)
    assert [v for v, in database.rows("SELECT v FROM items ORDER BY id")] == [1, Decimal("2.5"), Decimal("4.5"), 6]


def test_refused_rows_beyond_those_that_are_listed_count_too(cetld, database):
    daemon = cetld("[dataset items]\nfiles = items*.csv\n")
    daemon.drop("items1.csv", "id,v,note\n1,1,x\n")
    daemon.wait_state("items1.csv")
    database.rows("ALTER TABLE items ALTER id SET NOT NULL")
    daemon.restart()
    long = "y" * 2000
    wide = "".join("%d,%d.5,%s\n" % (n, n, long) for n in range(10, 7000))
    daemon.drop("items2.csv", "id,v,note\n" + wide + ",7,z\n")
    entry = daemon.wait_state("items2.csv", "failed")
    assert "6991 of 6991 rows are refused" in entry["error"], entry
    assert columns_of(database, "items")[1] == ("v", "bigint")
    daemon.drop("items3.csv", "id,v,note\n" + wide)
    daemon.wait_state("items3.csv")
    assert columns_of(database, "items")[1] == ("v", "numeric")


UNSAFE = {
    "zone": ("2024-01-02 03:04:05", "2024-01-02 03:04:05+02"),
    "timestamp": ("2024-01-02 03:04:05", "soon"),
    "float": ("1e300", "many"),
    "uuid": ("c0ffee00-1111-4222-8333-444455556666", "none"),
}


@pytest.mark.parametrize("what", sorted(UNSAFE))
def test_type_that_would_lose_something_stays(cetld, database, what):
    daemon = cetld()
    daemon.drop("items1.csv", "id,v\n1,%s\n" % UNSAFE[what][0])
    daemon.wait_state("items1.csv")
    before = columns_of(database, "items")
    daemon.drop("items2.csv", "id,v\n2,%s\n" % UNSAFE[what][1])
    entry = daemon.wait_state("items2.csv", "failed")
    assert entry["error"].startswith("line 2: column v: \"%s\"" % UNSAFE[what][1]), entry["error"]
    assert (entry["rows_read"], entry["rows_rejected"]) == (1, 1)
    assert UNSAFE[what][1] in daemon.errors_csv("items2.csv")
    assert columns_of(database, "items") == before


def test_large_or_strange_tables_and_widen_no_are_left_alone(cetld, database):
    daemon = cetld(INFERRED + "widen = no\n")
    daemon.drop("sales1.csv", "id\n1\n")
    daemon.wait_state("sales1.csv")
    daemon.drop("sales2.csv", "id\n1.5\n")
    daemon.wait_state("sales2.csv", "failed")
    daemon.drop("large1.csv", "id\n1\n")
    daemon.wait_state("large1.csv")
    database.rows("INSERT INTO large SELECT generate_series(1, 100000)")
    daemon.drop("large2.csv", "id\n1.5\n")
    error = daemon.wait_state("large2.csv", "failed")["error"]
    assert "line 2: column id: \"1.5\"" in error and "more than 100000 rows" in error, error
    assert columns_of(database, "sales") == columns_of(database, "large") == [("id", "bigint")]


def test_view_over_the_column_forbids_widening_with_the_servers_words(cetld, database):
    daemon = cetld()
    daemon.drop("items1.csv", "id\n1\n")
    daemon.wait_state("items1.csv")
    database.rows("CREATE VIEW seen AS SELECT id FROM items")
    daemon.drop("items2.csv", "id\n1.5\n")
    error = daemon.wait_state("items2.csv", "failed")["error"]
    assert "line 2: column id: \"1.5\"" in error and "used by a view" in error, error
    assert daemon.log_lines("changes column") == []
    daemon.drop("items3.csv", "id\n3\n")
    daemon.wait_state("items3.csv")


def test_widening_waits_for_readers(cetld, database):
    daemon = cetld()
    daemon.drop("items1.csv", "id\n1\n")
    daemon.wait_state("items1.csv")
    holder = lock(database, "items")
    daemon.drop("items2.csv", "id\n1.5\n")
    until(lambda: daemon.log_lines("lock timeout"), lambda: "it gives up\n" + daemon.log())
    holder.rollback()
    holder.close()
    daemon.wait_state("items2.csv")
    assert database.rows("SELECT id FROM items ORDER BY 1") == [(Decimal(1),), (Decimal("1.5"),)]


# -- columns from the path


def drop_below(daemon, path, data):
    os.makedirs(os.path.join(daemon.path("incoming"), os.path.dirname(path)), exist_ok=True)
    daemon.drop(path, data)


def test_parts_of_the_path_are_columns(cetld, database):
    daemon = cetld("[dataset sales]\nfiles = sales/year={year}/{region}/*.csv, sales_{region}.csv\n"
                   "columns = id bigint, year int, region text\n")
    drop_below(daemon, "sales/year=2024/north/a.csv", "id\n1\n2\n")
    daemon.wait_state("a.csv")
    daemon.drop("sales_south.csv", "id\n3\n")
    daemon.wait_state("sales_south.csv")
    assert database.rows("SELECT * FROM sales ORDER BY id") == [(1, 2024, "north"), (2, 2024, "north"), (3, None, "south")]
    drop_below(daemon, "sales/year=MMXXIV/north/b.csv", "id\n1\n")
    error = daemon.wait_state("b.csv", "failed")["error"]
    assert "sales/year=MMXXIV/north/b.csv: {year}: column year: \"MMXXIV\"" in error, error
    drop_below(daemon, "sales/year=2024/north/c.csv", "id,region\n1,west\n")
    assert "both mean column region" in daemon.wait_state("c.csv", "failed")["error"]


def test_files_that_come_together_have_the_parts_of_their_own_paths(cetld, database):
    """Many at once travel in groups, by one plan; it must not be another file's."""
    daemon = cetld("[dataset sales]\nfiles = {region}/*.csv\ncolumns = id bigint, region text\n")
    holder = database.connect()
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE sales IN ACCESS EXCLUSIVE MODE")
    for i in range(60):
        drop_below(daemon, "r%d/s%d.csv" % (i % 3, i), "id\n%d\n" % i)
    holder.rollback()
    holder.close()
    daemon.wait_count("loaded", 60)
    assert database.value("SELECT count(*) FROM sales WHERE region = 'r' || id % 3") == 60
    assert database.value("SELECT count(*) FROM sales") == 60


def test_parts_of_the_path_are_inferred_and_added(cetld, database):
    daemon = cetld("[dataset sales]\nfiles = {day}/sales*.csv, sales_{region}.csv\nnew_columns = add\n")
    drop_below(daemon, "2024-01-02/sales1.csv", "id\n1\n")
    daemon.wait_state("sales1.csv")
    assert columns_of(database) == [("id", "bigint"), ("day", "date")]
    daemon.drop("sales_south%20.csv", "id\n2\n")
    daemon.wait_state("sales_south%20.csv")
    assert columns_of(database)[2] == ("region", "text")
    assert database.rows("SELECT id, day, region FROM sales ORDER BY id") == [(1, datetime.date(2024, 1, 2), None), (2, None, "south%20")]


def test_long_constants_do_not_burst_the_memory(cetld, database):
    daemon = cetld("[dataset sales]\nfiles = {region}_x.csv\ncolumns = id int, region text\n", daemon={"memory_max": "32M"})
    name = "n" * 200 + "_x.csv"
    daemon.drop(name, "id\n" + "1\n" * 300000)
    daemon.wait_state(name)
    assert database.rows("SELECT count(*), min(length(region)), max(length(region)) FROM sales") == [(300000, 200, 200)]
    with open("/proc/%d/status" % daemon.process.pid) as status:
        peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    assert peak < (32 + 64) * 1024, peak


def test_part_that_is_no_column_is_told_by_check(make_cetld, database):
    daemon = make_cetld(database.url(), "[dataset sales]\nfiles = {yaer}/*.csv\ncolumns = id int, year int\n")
    daemon.launch()
    assert daemon.process.wait(20) != 0
    daemon.process = None
    assert "has no column 'yaer' (did you mean 'year'?)" in daemon.log()


# -- and reloads


def test_column_that_is_added_behind_a_reload_loses_no_rollup(cetld, database):
    """The load began before the rollup was configured, and alters the table when it is."""
    rollup = "[rollup sales.names]\ngroup = name\nmeasure = count(*) as n\n"
    daemon = cetld(DECLARED + "new_columns = add\n")
    daemon.drop("sales1.csv", "id,name\n1,a\n")
    daemon.wait_state("sales1.csv")
    daemon.drop("sales2.csv", "id,name,more\n" + "".join("%d,b,%s\n" % (i, "x" * 200) for i in range(400000)))
    until(lambda: [e for e in daemon.ledger("sales2.csv") if e["state"] == "loading"], "it is read", step=0.002)
    daemon.write_config(DECLARED + "new_columns = add\n" + rollup)
    daemon.signal(signal.SIGHUP)
    until(lambda: daemon.log_lines("configuration reloaded"), lambda: "reloaded\n" + daemon.log())
    daemon.wait_state("sales2.csv")
    daemon.drop("sales3.csv", "id,name\n2,a\n")
    daemon.wait_state("sales3.csv")
    until(lambda: database.value("SELECT to_regclass('sales_names') IS NOT NULL"), "the rollup is there")
    assert database.rows("SELECT name, n FROM sales_names ORDER BY name") == [("a", 2), ("b", 400000)]
    assert columns_of(database) == [("id", "bigint"), ("name", "text"), ("more", "text")]
