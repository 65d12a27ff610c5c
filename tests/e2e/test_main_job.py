# SPDX-License-Identifier: MIT
"""Drop a CSV: its rows are in PostgreSQL, typed, counted, summed up, and over HTTP. The examples are the files."""

import glob
import json
import os
from decimal import Decimal

import pytest

# What each file's rows must be: PostgreSQL's own COPY reads it into this table, and this query gives it the dataset's types.
EXAMPLES = {
    "people": ("a text, b text, c text, d text", "FORMAT csv, HEADER", "SELECT a::bigint, b, c, to_date(d, 'MM/DD/YYYY') FROM {}"),
    "trades": ("a text, b text, c text, d text, e text, f text", "FORMAT csv, HEADER",
               "SELECT a::bigint, b::bigint, c, to_date(d, 'MM/DD/YYYY'), e::int, f::numeric(10,2) FROM {}"),
    "persons": ("a uuid, b text, c text, d date, e boolean, f jsonb", "FORMAT csv, HEADER", "SELECT * FROM {}"),
    "sales": ("a text, b int, c date, d text, e text, f text, g int, h numeric(10,2), i numeric(12,2)", "FORMAT csv, HEADER", "SELECT * FROM {}"),
    "departments": ("a int, b text", "FORMAT csv", "SELECT * FROM {}"),
    "jobs": ("a int, b text", "FORMAT csv", "SELECT * FROM {}"),
    "hired_employees": ("a int, b text, c timestamptz, d int, e int", "FORMAT csv", "SELECT * FROM {}"),
    "towns": ("a text, b text, c int, d text", "FORMAT csv, HEADER, DELIMITER ';', ENCODING 'latin1'", "SELECT * FROM {}"),
    "weather": ("a text, b timestamp, c numeric, d numeric, e numeric, f boolean, g text", "FORMAT csv, HEADER", "SELECT * FROM {}"),
}
DECLARED = sorted(set(EXAMPLES) - {"weather"})


@pytest.fixture
def loaded(cetld, examples):
    """A daemon with the examples' configuration that has loaded all of them."""
    with open(os.path.join(examples, "examples.conf"), encoding="utf-8") as f:
        daemon = cetld(f.read())
    for path in sorted(glob.glob(os.path.join(examples, "*.csv"))):
        with open(path, "rb") as f:
            daemon.drop(os.path.basename(path), f.read())
    for name in EXAMPLES:
        daemon.wait_state(name + ".csv", "loaded")
    return daemon


def test_examples_equal_what_postgresql_reads(loaded, database, examples):
    for name, (columns, options, select) in EXAMPLES.items():
        oracle = "oracle_" + name
        database.rows("CREATE TABLE %s (%s)" % (oracle, columns))
        database.copy_csv(oracle, [os.path.join(examples, name + ".csv")], options)
        table = ", ".join(c[0] for c in database.rows(
            "SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname NOT IN ('_file', '_line')"
            " ORDER BY attnum", "public." + name))
        rows = database.value("SELECT count(*) FROM " + oracle)
        assert rows > 0 and database.value("SELECT count(*) FROM public." + name) == rows, name
        assert database.same("SELECT %s FROM public.%s" % (table, name), select.format(oracle)), name
        entry = loaded.ledger(name + ".csv")[0]
        assert entry["dataset"] == name
        assert entry["rows_read"] == entry["rows_loaded"] == rows and loaded.settled(entry), entry


def test_inferred_types_are_the_narrowest(loaded, database):
    types = dict(database.rows("SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'public.weather'::regclass"
                               " AND attnum > 0 AND NOT attisdropped"))
    assert types.items() >= {
        "station": "text", "measured_at": "timestamp without time zone", "min_temp": "numeric", "max_temp": "numeric", "rain_mm": "numeric",
        "foggy": "boolean", "observer_code": "text"}.items()


def test_daily_revenue_equals_its_group_by(loaded, database):
    assert database.value("SELECT count(*) FROM sales_daily") > 30
    assert database.same("SELECT * FROM sales_daily", "SELECT order_date, sum(line_total), count(*), sum(quantity), max(line_total) FROM sales GROUP BY 1")


def test_rollup_of_a_second_file_is_merged(loaded, database):
    loaded.drop("sales_more.csv", "SalesOrderNumber,SalesOrderLine,OrderDate,CustomerName,E-Mail,Item,Quantity,UnitPrice,LineTotal\n"
                                  "SO1,1,2024-01-02,x,,y,3,10.00,30.00\nSO2,1,2031-01-01,x,,y,1,,\n")
    loaded.wait_state("sales_more.csv")
    assert database.same("SELECT * FROM sales_daily", "SELECT order_date, sum(line_total), count(*), sum(quantity), max(line_total) FROM sales GROUP BY 1")
    assert database.rows("SELECT revenue, lines, largest FROM sales_daily WHERE day = '2031-01-01'") == [(None, 1, None)]


@pytest.mark.parametrize("name", DECLARED)
def test_rows_over_http_look_as_to_jsonb_gives_them(loaded, database, name):
    db = database.connect()
    with db.cursor() as sql:
        sql.execute("SET timezone = 'UTC'")
        sql.execute("SELECT to_jsonb(t)::text FROM %s t" % name)
        wanted = [json.loads(row[0], parse_float=Decimal) for row in sql.fetchall()]
    db.close()
    got = loaded.get_rows(name, limit=1000)
    order = lambda row: json.dumps(row, sort_keys=True, default=str)
    assert sorted(got, key=order) == sorted(wanted, key=order)


def test_first_chunk_is_the_first_declared_dataset_by_key(loaded, database):
    answer = loaded.get("/read/first-chunk")
    assert answer.status == 200 and answer.headers.get_content_type() == "application/json"
    assert [row["person_id"] for row in answer.json] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert answer.json[0] == {"person_id": 1, "name": "Ana Ribeiro", "city": "Porto", "joined": "2021-01-09"}
    assert answer.json[5]["city"] is None
    assert "people" in answer.headers["Content-Location"]
    assert len(loaded.json("/read/first-chunk?dataset=sales&limit=3")) == 3


def test_inferred_table_is_readable_over_http(loaded):
    rows = loaded.get_rows("weather", limit=100)
    assert len(rows) == 6
    assert any(r["station"] == "Old mill, north" and r["max_temp"] is None and r["observer_code"] == "101" for r in rows)


def test_originals_are_kept_in_done(loaded, examples):
    for name in EXAMPLES:
        with open(os.path.join(examples, name + ".csv"), "rb") as was, open(loaded.path("done", name + ".csv"), "rb") as kept:
            assert was.read() == kept.read()
    assert loaded.files_in("incoming", "work", "failed") == []


def test_same_bytes_again_are_a_duplicate(loaded, database, examples):
    with open(os.path.join(examples, "people.csv"), "rb") as f:
        loaded.drop("people_again.csv", f.read())
    entry = loaded.wait_state("people_again.csv", "duplicate")
    assert entry["rows_loaded"] == 0
    assert database.value("SELECT count(*) FROM people") == 8


def test_everything_is_there_after_a_restart(loaded, database):
    before = loaded.json("/read/first-chunk?dataset=sales&limit=50")
    loaded.restart()
    assert loaded.json("/read/first-chunk?dataset=sales&limit=50") == before
    assert len(loaded.ledger()) == len(EXAMPLES)
    assert database.value("SELECT count(*) FROM sales") == 369
