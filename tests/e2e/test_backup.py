# SPDX-License-Identifier: MIT
"""cetl backup and cetl restore, against a real server; python3-avro says what is in the files, PostgreSQL whether the rows are the same."""

import datetime
import hashlib
import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import threading
import uuid
import warnings
from decimal import Decimal

import pytest

import npm
from cluster import Database
from daemon import BINARY
from stores import Trouble
from waiting import until

warnings.simplefilter("ignore")  # python3-avro warns of logical types that it does not know
import avro.schema  # noqa: E402
from avro.datafile import DataFileReader, DataFileWriter  # noqa: E402
from avro.io import DatumReader, DatumWriter  # noqa: E402

CETL = os.path.join(os.path.dirname(BINARY), "cetl")
UTC = datetime.timezone.utc

# type: values that Avro's logical types hold
PLAIN = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "0", "32767"],
    "integer": ["-2147483648", "-1", "2147483647"],
    "bigint": ["-9223372036854775808", "63", "64", "-64", "-65", "9223372036854775807"],
    "real": ["1.5", "NaN", "-Infinity", "1e-45"],
    "double precision": ["0.1", "NaN", "Infinity", "-1.7976931348623157e308", "5e-324"],
    "numeric(38,10)": ["9999999999999999999999999999.9999999999", "-9999999999999999999999999999.9999999999", "0", "0.0000000001", "-12.5"],
    "numeric(38,0)": ["99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "10000", "127", "128", "-128", "-129"],
    "numeric(38,38)": ["0.99999999999999999999999999999999999999", "-0.00000000000000000000000000000000000001"],
    "numeric(5,1)": ["9999.9", "-0.1", "1000.0"],
    "text": ["", "plain", "a\tb\nc\\.", "Ωμέγα 漢字 🐘", "x" * 70000],
    "character varying(10)": ["ten bytes.", ""],
    "character(5)": ["ab", "abcde"],
    "bytea": ["\\x", "\\x00ff10"],
    "date": ["0001-01-01", "1969-12-31", "1970-01-01", "2000-01-01", "9999-12-31"],
    "time without time zone": ["00:00:00", "23:59:59.999999"],
    "timestamp without time zone": ["0001-01-01 00:00:00", "1969-12-31 23:59:59.999999", "9999-12-31 23:59:59.999999"],
    "timestamp with time zone": ["0001-01-01 00:00:00+00", "2026-02-03 04:05:06.7+00", "9999-12-31 23:59:59.999999+00"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "json": ['{"a": 1,  "a": 2}', "null"],
}
# type: values that travel as their text: types that Avro does not have, and values that its readers do not hold
AS_TEXT = {
    "numeric": ["1.50", "NaN", "Infinity", "1e-300", "12345678901234567890123456789012345678901234567890.1"],
    "numeric(50,2)": ["123456789012345678901234567890123456789012345678.25"],
    "numeric(3,-2)": ["12300"],
    "numeric(6,2)": ["1.25", "NaN"],
    "date": ["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "2000-01-01"],
    "time without time zone": ["24:00:00", "12:00:00"],
    "timestamp without time zone": ["infinity", "0044-03-15 12:00:00 BC", "294276-12-31 23:59:59.999999"],
    "timestamp with time zone": ["-infinity", "2026-01-01 00:00:00+00"],
    "time with time zone": ["12:00:00+02"],
    "interval": ["1 year 2 mons -3 days 04:05:06.789", "-1 days"],
    "jsonb": ['{"a": [1, null]}'],
    "integer[]": ["{1,NULL,3}", "{{1,2},{3,4}}", "{}"],
    "text[]": ['{"a,b","\\"q\\"",NULL}'],
    "inet": ["10.0.0.1/8"],
    "int4range": ["[1,5)", "empty"],
    "bit(3)": ["101"],
    "money": ["$1.50"],
    "point": ["(1.5,-2)"],
    "public.mood": ["ok", "very sad"],
    "public.small": ["5"],
    "public.pair": ['(1,"a b")'],
    '"char"': ["x"],
    "name": ["a_name"],
}


@pytest.fixture
def cetl(database, folder):
    conf = os.path.join(folder, "cetl.conf")
    with open(conf, "w") as f:
        f.write("[daemon]\nspool = %s/spool\nstate = %s/state\n[database]\nurl = %s\n" % (folder, folder, database.url()))

    def run(*arguments, status=0, config=conf):
        done = subprocess.run([CETL, "-c", config, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, "%s: status %d\n%s%s" % (arguments, done.returncode, done.stdout, done.stderr)
        return done.stderr if status else done.stdout

    run.conf = conf
    return run


def execute(database, *statements):
    """As the owner of the database, whose tables cetl reads."""
    db = database.cluster.connect(database.name, "cetl")
    try:
        with db.cursor() as sql:
            for statement in statements:
                sql.execute(statement)
    finally:
        db.close()


def checksum(database, table):
    return database.rows("SELECT count(*), md5(string_agg(t::text, E'\\n' ORDER BY t::text COLLATE \"C\")) FROM %s t" % table)[0]


def manifest_of(backup):
    with open(os.path.join(backup, "manifest.json"), encoding="utf-8") as f:
        return json.load(f)


def write_manifest(backup, manifest):
    with open(os.path.join(backup, "manifest.json"), "w", encoding="utf-8") as f:
        json.dump(manifest, f)


def read_avro(path, logical=True):
    """(schema, records); without the logical types: the values below them, a long as text."""
    with open(path, "rb") as f:
        reader = DataFileReader(f, DatumReader())
        text = reader.meta["avro.schema"].decode()
        if logical:
            return text, list(reader)
    schema = json.loads(text)
    longs = set()
    for field in schema["fields"]:
        field["type"] = [t["type"] if isinstance(t, dict) else t for t in field["type"]]
        if "long" in field["type"]:
            longs.add(field["name"])
    with open(path, "rb") as f:
        reader = DataFileReader(f, DatumReader())
        reader.datum_reader.writers_schema = reader.datum_reader.readers_schema = avro.schema.parse(json.dumps(schema))
        return text, [{k: str(v) if k in longs and v is not None else v for k, v in row.items()} for row in reader]


def table_file(backup, number=0):
    return os.path.join(backup, manifest_of(backup)["tables"][number]["file"]["name"])


def make_types(database):
    execute(database, "CREATE TYPE public.mood AS ENUM ('ok', 'very sad')", "CREATE DOMAIN public.small AS int CHECK (value < 10)",
            "CREATE TYPE public.pair AS (n int, t text)")


def make_everything(database, types):
    """A table with a column for each type, a row for each value, and a row of NULLs. The names of its columns."""
    names = ["c%d" % i for i in range(len(types))]
    execute(database, "CREATE TABLE everything (%s)" % ", ".join("%s %s" % c for c in zip(names, types)))
    depth = max(map(len, types.values()))
    database.insert("everything", [[v[i] if i < len(v) else None for v in types.values()] for i in range(depth)] + [[None] * len(types)])
    return names


def expected(kind, text):
    """The value that python3-avro gives for a value of that type."""
    if text is None:
        return None
    if kind == "boolean":
        return text == "true"
    if kind in ("smallint", "integer", "bigint"):
        return int(text)
    if kind in ("real", "double precision"):
        return float(text)
    if kind.startswith("numeric"):
        return Decimal(text)
    if kind == "bytea":
        return bytes.fromhex(text[2:])
    if kind == "date":
        return datetime.date.fromisoformat(text)
    if kind.startswith("time "):
        return datetime.time.fromisoformat(text)
    if kind == "timestamp with time zone":
        return datetime.datetime.fromisoformat(text.replace(".7+", ".700000+").replace("+00", "+00:00"))
    if kind == "timestamp without time zone":  # local-timestamp-micros, which it does not know: the number
        return (datetime.datetime.fromisoformat(text) - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    if kind == "uuid":
        return uuid.UUID(text)
    if kind == "character(5)":
        return text.ljust(5)
    return text


def same_value(got, wanted):
    if isinstance(wanted, uuid.UUID):
        return uuid.UUID(str(got)) == wanted
    if isinstance(wanted, float):
        return got == wanted or (got != got and wanted != wanted) or struct.pack("f", got) == struct.pack("f", wanted)
    return got == wanted and isinstance(got, type(wanted))


def test_every_type_is_read_by_python_avro_value_for_value_and_comes_back(cetl, database, folder):
    names = make_everything(database, PLAIN)
    before = checksum(database, "everything")
    cetl("backup", "everything", "--to", "b")
    backup = os.path.join(folder, "b")
    _, rows = read_avro(table_file(backup))
    for i, row in enumerate(rows):
        for name, (kind, values) in zip(names, PLAIN.items()):
            wanted = expected(kind, values[i] if i < len(values) else None)
            assert same_value(row[name], wanted), "%s: %r, not %r" % (kind, row[name], wanted)
    assert not [c for c in manifest_of(backup)["tables"][0]["columns"] if c["as_text"]]
    execute(database, "DROP TABLE everything")
    cetl("restore", "b")
    assert checksum(database, "everything") == before
    assert database.rows("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'everything'::regclass AND attnum > 0"
                         " ORDER BY attnum") == [(kind,) for kind in PLAIN]


def test_what_avro_does_not_hold_travels_as_text_and_comes_back(cetl, database, folder):
    make_types(database)
    make_everything(database, AS_TEXT)
    before = checksum(database, "everything")
    cetl("backup", "everything", "--to", "b")
    backup = os.path.join(folder, "b")
    _, rows = read_avro(table_file(backup))
    assert [c["as_text"] for c in manifest_of(backup)["tables"][0]["columns"]] == [True] * len(AS_TEXT)
    assert rows[0]["c0"] == "1.50" and rows[1]["c0"] == "NaN" and rows[0]["c4"] == "infinity"
    assert all(value is None for value in rows[-1].values())
    cetl("restore", "b")  # in place
    assert checksum(database, "everything") == before
    execute(database, "DROP TABLE everything")
    cetl("restore", "b")
    assert checksum(database, "everything") == before


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_a_file_that_python_avro_wrote_is_restored(cetl, database, folder, codec):
    # Its writer fails on a NULL in a union with a uuid.
    make_everything(database, {kind: values for kind, values in PLAIN.items() if kind != "uuid"})
    before = checksum(database, "everything")
    cetl("backup", "everything", "--to", "b", "--codec", codec)
    backup = os.path.join(folder, "b")
    path = table_file(backup)
    schema, rows = read_avro(path)
    out = io.BytesIO()
    writer = DataFileWriter(out, DatumWriter(), avro.schema.parse(schema), codec=codec)
    for row in rows:
        writer.append(row)
    writer.flush()
    theirs = out.getvalue()
    with open(path, "rb") as f:
        assert theirs != f.read()
    replace_file(backup, theirs)
    execute(database, "DELETE FROM everything")
    cetl("restore", "b")
    assert checksum(database, "everything") == before


@pytest.mark.long
@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_avsc_reads_a_file_value_for_value_and_what_it_writes_is_restored(cetl, database, folder, codec):
    make_everything(database, PLAIN)
    before = checksum(database, "everything")
    cetl("backup", "everything", "--to", "b", "--codec", codec)
    backup, theirs = os.path.join(folder, "b"), os.path.join(folder, "theirs.avro")
    status, out, err = npm.node("avro.mjs", table_file(backup), theirs, codec)
    assert status == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    # The values below the logical types, as python3-avro reads them; those of the logical types are compared with PostgreSQL's above.
    assert [{k: shown(v) for k, v in row.items()} for row in read_avro(table_file(backup), logical=False)[1]] == rows
    with open(theirs, "rb") as f:
        replace_file(backup, f.read())
    execute(database, "DELETE FROM everything")
    cetl("restore", "b")
    assert checksum(database, "everything") == before


def shown(value):
    """As avro.mjs prints it."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and value - value != 0:
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value


def replace_file(backup, content, number=0):
    """Other bytes for a table's file, and a manifest that knows them."""
    with open(table_file(backup, number), "wb") as f:
        f.write(content)
    manifest = manifest_of(backup)
    file = manifest["tables"][number]["file"]
    file["bytes"], file["sha256"] = len(content), hashlib.sha256(content).hexdigest()
    write_manifest(backup, manifest)


@pytest.fixture
def orders(cetl, database, folder):
    """A table of 20000 rows and its backup."""
    execute(database, "CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(12,2), note text)",
            "INSERT INTO orders SELECT i, i / 7.0, 'note ' || i FROM generate_series(1, 20000) i")
    cetl("backup", "orders", "--to", "b")
    execute(database, "UPDATE orders SET note = 'later'")
    return os.path.join(folder, "b")


def test_a_damaged_file_is_refused_wherever_it_is_damaged_and_the_table_untouched(cetl, database, orders):
    before = checksum(database, "orders")
    path = table_file(orders)
    with open(path, "rb") as f:
        content = f.read()
    for at in (0, 5, 40, len(content) // 3, len(content) // 2, len(content) - 20, len(content) - 1):
        with open(path, "wb") as f:
            f.write(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1:])
        said = cetl("restore", "b", status=1)
        assert os.path.basename(path) in said, said
        assert checksum(database, "orders") == before
    for length in (0, 3, 30, len(content) // 2, len(content) - 1):
        with open(path, "wb") as f:
            f.write(content[:length])
        said = cetl("restore", "b", status=1)
        assert os.path.basename(path) in said, said
    with open(path, "wb") as f:
        f.write(content + b"\0")
    cetl("restore", "b", status=1)
    os.unlink(path)
    cetl("restore", "b", status=1)
    os.symlink("/etc/passwd", path)
    cetl("restore", "b", status=1)
    assert checksum(database, "orders") == before


def test_damage_that_the_sum_was_made_to_fit_is_refused_by_what_the_file_says(cetl, database, orders):
    before = checksum(database, "orders")
    with open(table_file(orders), "rb") as f:
        content = f.read()
    for length in (3, 100, len(content) // 2, len(content) - 1):
        replace_file(orders, content[:length])
        assert "cut off" in cetl("restore", "b", status=1) or length == 3
    replace_file(orders, content[:len(content) // 2] + b"\x55" * 64 + content[len(content) // 2 + 64:])
    cetl("restore", "b", status=1)
    assert checksum(database, "orders") == before


WRONG = [
    (lambda m: m.update(format="other"), "format"),
    (lambda m: m.update(version=2), "version 2"),
    (lambda m: m["tables"][0].pop("file"), '"file" is missing'),
    (lambda m: m["tables"][0]["file"].update(rows=19999), "19999"),
    (lambda m: m["tables"][0]["file"].update(rows=20001), "20001"),
    (lambda m: m["tables"][0]["file"].update(rows=-1), "no count"),
    (lambda m: m["tables"][0]["file"].update(bytes=1), "bytes"),
    (lambda m: m["tables"][0]["file"].update(sha256="0" * 64), "SHA-256"),
    (lambda m: m["tables"][0]["file"].update(name="../orders.avro"), "no name of a file"),
    (lambda m: m["tables"][0]["file"].update(name="/etc/passwd"), "no name of a file"),
    (lambda m: m["tables"][0]["columns"][1].update(type="numeric(12,3)"), "numeric(12,3)"),
    (lambda m: m["tables"][0]["columns"][2].update(name="other"), "column other"),
    (lambda m: m["tables"][0]["columns"].pop(), "2 columns"),
    (lambda m: m["tables"][0]["file"]["schema"]["fields"][1]["type"][1].update(scale=3), "another type"),
    (lambda m: m["tables"][0]["file"]["schema"]["fields"][2].update(name="other"), "field"),
    (lambda m: m["tables"].append(m["tables"][0]), "twice"),
    (lambda m: m["tables"].clear(), "no tables"),
]


def test_a_wrong_manifest_is_refused_and_the_table_untouched(cetl, database, orders):
    before = checksum(database, "orders")
    right = json.dumps(manifest_of(orders))
    for change, words in WRONG:
        manifest = json.loads(right)
        change(manifest)
        write_manifest(orders, manifest)
        said = cetl("restore", "b", status=1)
        assert words in said, said
        assert checksum(database, "orders") == before


def test_a_type_in_a_manifest_that_is_none_runs_no_sql(cetl, database, orders):
    execute(database, "DROP TABLE orders", "CREATE TABLE victim (i int)")
    manifest = manifest_of(orders)
    for evil in ("text); DROP TABLE victim; --", "text DEFAULT current_user", "text REFERENCES victim", "int, other int"):
        manifest["tables"][0]["columns"][2]["type"] = evil
        write_manifest(orders, manifest)
        assert "type" in cetl("restore", "b", status=1)
    assert database.value("SELECT count(*) FROM victim") == 0
    assert database.value("SELECT to_regclass('orders') IS NULL")


def test_a_comment_in_a_type_of_a_manifest_hides_no_sql(cetl, database, orders):
    execute(database, "DROP TABLE orders", "CREATE TABLE victim (i int)")
    manifest = manifest_of(orders)
    columns = manifest["tables"][0]["columns"]
    columns[0].update(type="bigint --")
    columns[1].update(name="\n); DROP TABLE victim; COMMIT; --")
    write_manifest(orders, manifest)
    assert "the type bigint -- of column id" in cetl("restore", "b", status=1)
    columns[0].update(type="bigint /*")
    write_manifest(orders, manifest)
    cetl("restore", "b", status=1)
    assert database.value("SELECT count(*) FROM victim") == 0


def test_a_folder_without_a_manifest_is_no_backup(cetl, folder):
    os.mkdir(os.path.join(folder, "b"))
    assert "no backup" in cetl("restore", "b", status=1)
    assert "nothing" in cetl("restore", "nothing", status=1)


@pytest.mark.parametrize("change, words", [
    ("ALTER TABLE orders ALTER note TYPE varchar(100)", "character varying(100)"),
    ("ALTER TABLE orders DROP note", "no column note"),
    ("ALTER TABLE orders ADD extra int", "column extra"),
    ("ALTER TABLE orders RENAME note TO remark", "note"),
    ("DROP TABLE orders; CREATE VIEW orders AS SELECT 1 AS id", "no table"),
])
def test_a_table_of_another_schema_is_refused(cetl, database, orders, change, words):
    execute(database, change)
    before = checksum(database, "orders")
    assert words in cetl("restore", "b", status=1)
    assert words in cetl("restore", "--dry-run", "b", status=1)
    assert checksum(database, "orders") == before


def test_a_dry_run_checks_everything_and_changes_nothing(cetl, database, orders):
    before = checksum(database, "orders")
    assert "20000 rows" in cetl("restore", "--dry-run", "b")
    assert checksum(database, "orders") == before
    assert json.loads(cetl("--json", "restore", "--dry-run", "b")) == [{"schema": "public", "table": "orders", "rows": 20000, "made": False}]
    cetl("restore", "b")
    assert database.value("SELECT count(*) FROM orders WHERE note = 'note ' || id") == 20000


def test_views_grants_and_readers_survive_a_restore(cetl, database, orders):
    execute(database, "CREATE VIEW notes AS SELECT note FROM orders", "GRANT SELECT ON orders TO public")
    reader = database.connect()
    sql = reader.cursor()
    sql.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM orders WHERE note = 'later'")
    assert sql.fetchone()[0] == 20000
    cetl("restore", "b")
    sql.execute("SELECT count(*) FROM orders WHERE note = 'later'")
    assert sql.fetchone()[0] == 20000, "an older snapshot sees the old rows"
    reader.close()
    assert database.value("SELECT count(*) FROM notes WHERE note LIKE 'note %'") == 20000
    assert database.value("SELECT relacl::text LIKE '%=r/%' FROM pg_class WHERE relname = 'orders'")


def test_a_backup_of_several_tables_is_of_one_moment(cetl, database, folder):
    execute(database, "CREATE TABLE a (n int, pad text)", "CREATE TABLE b (n int, pad text)",
            "INSERT INTO a SELECT i, repeat('x', 500) FROM generate_series(1, 20000) i", "INSERT INTO b SELECT * FROM a")
    stop = threading.Event()

    def write():
        db = database.cluster.connect(database.name, "cetl")
        db.autocommit = False
        n = 20000
        while not stop.is_set():
            n += 1
            with db.cursor() as sql:  # a row for each, in one transaction; the other way round in time
                sql.execute("INSERT INTO b VALUES (%s, ''); INSERT INTO a VALUES (%s, '')", (n, n))
            db.commit()
        db.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for i in range(3):
            cetl("backup", "a", "b", "--to", "m%d" % i)
    finally:
        stop.set()
        thread.join()
    counts = []
    for i in range(3):
        a, b = (t["file"]["rows"] for t in manifest_of(os.path.join(folder, "m%d" % i))["tables"])
        assert a == b
        counts.append(a)
    assert counts[2] > counts[0], "nothing was written meanwhile"


def test_a_table_that_is_emptied_while_another_is_read_is_as_it_was(cetl, database, folder):
    big(database)
    execute(database, "CREATE TABLE small AS SELECT generate_series(1, 1000) AS id")
    process = subprocess.Popen([CETL, "-c", cetl.conf, "backup", "big", "small", "--to", "b"], cwd=folder, stderr=subprocess.PIPE)
    until(lambda: [n for n in os.listdir(folder) if n.startswith("b.part") and os.listdir(os.path.join(folder, n))], "it writes")
    execute(database, "TRUNCATE small")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert [t["file"]["rows"] for t in manifest_of(os.path.join(folder, "b"))["tables"]] == [200000, 1000]
    cetl("restore", "b", "small")
    assert database.value("SELECT count(*) FROM small") == 1000


def test_a_table_that_was_exchanged_while_the_backup_waited_for_it_is_the_new_one(cetl, database, folder):
    execute(database, "CREATE TABLE t AS SELECT 1 AS id", "CREATE TABLE fresh AS SELECT generate_series(1, 5) AS id, 'new' AS note")
    other = database.cluster.connect(database.name, "cetl")
    try:
        other.autocommit = False
        with other.cursor() as sql:
            sql.execute("ALTER TABLE t RENAME TO stale; ALTER TABLE fresh RENAME TO t")
            process = subprocess.Popen([CETL, "-c", cetl.conf, "backup", "t", "--to", "b"], cwd=folder, stderr=subprocess.PIPE)
            until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cetl' AND wait_event_type = 'Lock'"), "it waits")
        other.commit()
    finally:
        other.close()
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    table = manifest_of(os.path.join(folder, "b"))["tables"][0]
    assert table["file"]["rows"] == 5 and [c["name"] for c in table["columns"]] == ["id", "note"]


def test_names_of_every_kind_survive(cetl, database):
    execute(database, 'CREATE SCHEMA "My Schema"', 'CREATE TABLE "My Schema"."größe/../x" ("größe (cm)" int, "größe [cm]" int, "1st" int, "a""b" int,'
            ' "select" int, primary key ("größe (cm)", "a""b"))',
            'INSERT INTO "My Schema"."größe/../x" VALUES (1, 2, 3, 4, 5)')
    before = checksum(database, '"My Schema"."größe/../x"')
    cetl("backup", '"My Schema"."größe/../x"', "--to", "b")
    execute(database, 'DROP TABLE "My Schema"."größe/../x"')
    cetl("restore", "b")
    assert checksum(database, '"My Schema"."größe/../x"') == before
    cetl("restore", "b")
    assert checksum(database, '"My Schema"."größe/../x"') == before


def test_generated_and_identity_columns_come_back_and_go_on(cetl, database):
    execute(database, "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int, twice int GENERATED ALWAYS AS (n * 2) STORED)",
            "INSERT INTO t (n) SELECT generate_series(1, 10)",
            "CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial, name text COLLATE \"C\" UNIQUE)",
            "INSERT INTO u (name) VALUES ('a'), ('b')")
    before, before_u = checksum(database, "t"), checksum(database, "u")
    cetl("backup", "t", "u", "--to", "b")
    execute(database, "DELETE FROM t WHERE id > 5", "DROP TABLE u")
    cetl("restore", "b")
    assert checksum(database, "t") == before and checksum(database, "u") == before_u
    execute(database, "INSERT INTO t (n) VALUES (11)", "INSERT INTO u (s, name) VALUES (9, 'c')")
    assert database.rows("SELECT id FROM u WHERE name = 'c'") == [(3,)]
    with pytest.raises(Exception, match="unique"):
        execute(database, "INSERT INTO u (s, name) VALUES (9, 'c')")
    execute(database, "DROP TABLE t")
    assert "generated" in cetl("restore", "b", "t", status=1)


def test_tables_that_refer_to_each_other_are_restored_together_and_nothing_cascades(cetl, database):
    execute(database, "CREATE TABLE customers (id int PRIMARY KEY, name text)",
            "CREATE TABLE a_orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers ON DELETE CASCADE)",
            "CREATE TABLE outside (customer int REFERENCES customers ON DELETE CASCADE)",
            "INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 100) i",
            "INSERT INTO a_orders SELECT i, i FROM generate_series(1, 100) i", "INSERT INTO outside VALUES (1), (2)")
    before = [checksum(database, t) for t in ("customers", "a_orders", "outside")]
    cetl("backup", "a_orders", "customers", "--to", "b")
    execute(database, "UPDATE customers SET name = 'other'", "DELETE FROM customers WHERE id > 50", "INSERT INTO customers VALUES (1000, 'new')",
            "INSERT INTO a_orders VALUES (1000, 1000)")
    cetl("restore", "b")
    assert [checksum(database, t) for t in ("customers", "a_orders", "outside")] == before
    execute(database, "INSERT INTO customers VALUES (1000, 'new')", "INSERT INTO outside VALUES (1000)")
    said = cetl("restore", "b", status=1)
    assert "1 rows of outside refer to rows of public.customers" in said
    assert database.value("SELECT count(*) FROM outside") == 3


def test_a_trigger_that_leaves_out_rows_ends_the_restore(cetl, database, orders):
    execute(database, "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF new.id = 7 THEN RETURN NULL; END IF; RETURN new; END$$",
            "CREATE TRIGGER skip BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION skip()")
    before = checksum(database, "orders")
    assert "19999 rows" in cetl("restore", "b", status=1)
    assert checksum(database, "orders") == before


def test_a_backup_is_a_folder_of_its_own_for_its_owner_only(cetl, orders, folder):
    assert "is there already" in cetl("backup", "orders", "--to", "b", status=1)
    assert os.stat(orders).st_mode & 0o777 == 0o700
    assert all(os.stat(os.path.join(orders, n)).st_mode & 0o777 == 0o600 for n in os.listdir(orders))
    cetl("backup", "orders", "nothing", "--to", "c", status=1)
    cetl("backup", status=2)
    assert not [n for n in os.listdir(folder) if n.startswith("c.") or n == "c"]
    assert "--all" in cetl("backup", "orders", "--all", status=2)


def big(database):
    execute(database, "CREATE TABLE big (id int PRIMARY KEY, a text, b numeric(20,4))",
            "INSERT INTO big SELECT i, md5(i::text), i FROM generate_series(1, 200000) i")


def test_an_interrupted_backup_leaves_nothing(cetl, database, folder):
    big(database)
    process = subprocess.Popen([CETL, "-c", cetl.conf, "backup", "big", "--to", "b"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: [n for n in os.listdir(folder) if n.startswith("b.part")], "it writes")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1 and (b"interrupted" in said or b"cancel" in said), said
    assert not [n for n in os.listdir(folder) if n.startswith("b")]


@pytest.mark.parametrize("command", [["backup", "locked", "--to"], ["restore"]])
def test_what_waits_for_a_lock_can_be_interrupted_and_leaves_nothing(cetl, database, folder, temporary, command):
    execute(database, "CREATE TABLE locked (id int)", "INSERT INTO locked VALUES (1)")
    url = "file://%s/store/" % folder
    cetl("backup", "locked", "--to", url + "b")
    other = database.cluster.connect(database.name, "cetl")
    try:
        other.autocommit = False
        with other.cursor() as sql:
            sql.execute("LOCK TABLE locked IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen([CETL, "-c", cetl.conf, *command, url + ("b" if command == ["restore"] else "c")], stderr=subprocess.PIPE)
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cetl' AND wait_event_type = 'Lock'"), "it waits")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 1 and b"cancel" in said, said
    finally:
        other.close()
    assert database.value("SELECT count(*) FROM locked") == 1


def test_a_restore_that_is_killed_changes_nothing(cetl, database, orders, folder):
    """In the middle of the exchange: a trigger waits for a lock."""
    before = checksum(database, "orders")
    execute(database, "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN new; END'",
            "CREATE TRIGGER wait BEFORE INSERT ON orders FOR EACH ROW WHEN (new.id = 10000) EXECUTE FUNCTION wait()")
    other = database.cluster.connect(database.name, "cetl")
    try:
        with other.cursor() as sql:
            sql.execute("SELECT pg_advisory_lock(7)")
        process = subprocess.Popen([CETL, "-c", cetl.conf, "restore", "b"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cetl' AND wait_event_type = 'Lock'"
                                     " AND query LIKE 'INSERT INTO%'"), "it inserts")
        process.kill()
        process.communicate()
    finally:
        other.close()
    until(lambda: not database.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cetl'"), "its session ends")
    assert checksum(database, "orders") == before
    cetl("restore", "b")
    assert database.value("SELECT count(*) FROM orders WHERE note = 'note ' || id") == 20000


DATASETS = """
[dataset orders]
files = orders_*.csv
columns = id bigint, zip text, amount numeric(12,2)
lineage = yes
[rollup orders.by_zip]
group = zip
measure = sum(amount) as revenue, count(*) as n
[derive total]
after = orders
sql = select sum(amount) as amount, count(*) as n from orders
"""
ROLLUP = "SELECT zip, sum(amount), count(*) FROM orders GROUP BY zip"


def csv(first, n, zip="z"):
    return "id,zip,amount\n" + "".join("%d,%s%d,%d.25\n" % (i, zip, i % 3, i) for i in range(first, first + n))


def rollup_is_true(database):
    until(lambda: database.value("SELECT to_regclass('orders_by_zip') IS NOT NULL AND to_regclass('total') IS NOT NULL"), "they are made", deadline=30)
    until(lambda: database.same("SELECT zip, revenue, n FROM orders_by_zip", ROLLUP)
          and database.same("SELECT amount, n FROM total", "SELECT sum(amount), count(*) FROM orders"), "rollup and derive are true", deadline=30)


def files(daemon):
    return {e["name"]: e["state"] for e in daemon.ledger()}


def test_the_ledger_the_version_rollups_and_derives_follow_the_rows(cetl, database, make_cetld):
    daemon = make_cetld(database.url(), DATASETS).start()
    daemon.drop("orders_1.csv", csv(1, 50))
    daemon.drop("orders_2.csv", csv(101, 50))
    daemon.wait_count("loaded", 2)
    before = checksum(database, "orders")
    etag = daemon.get("/v1/orders").headers["ETag"]
    cetl("backup", "--all", "--to", "b")
    daemon.drop("orders_3.csv", csv(201, 50))
    daemon.wait_state("orders_3.csv")
    assert daemon.request("POST", "/v1/files/%d/unload" % daemon.ledger("orders_1.csv")[0]["id"], unix=True).status == 200
    rollup_is_true(database)
    cetl("restore", "b")
    assert checksum(database, "orders") == before
    rollup_is_true(database)
    assert files(daemon) == {"orders_1.csv": "loaded", "orders_2.csv": "loaded", "orders_3.csv": "unloaded"}
    assert daemon.get("/v1/orders").headers["ETag"] != etag
    assert len(daemon.get_rows("orders", limit=1000)) == 100
    daemon.drop("orders_1.csv", csv(1, 50))  # its rows are there
    daemon.wait_state("orders_1.csv", "duplicate", nth=2)
    daemon.drop("orders_3.csv", csv(201, 50))  # its rows went
    daemon.wait_state("orders_3.csv", nth=2)
    rollup_is_true(database)
    assert database.value("SELECT count(*) FROM orders") == 150


def test_a_dropped_table_comes_back_under_a_daemon_that_runs(cetl, database, make_cetld):
    daemon = make_cetld(database.url(), DATASETS).start()
    daemon.drop("orders_1.csv", csv(1, 50))
    daemon.wait_state("orders_1.csv")
    before = checksum(database, "orders")
    cetl("backup", "orders", "--to", "b")
    execute(database, "DROP TABLE orders CASCADE")
    cetl("restore", "b")
    assert checksum(database, "orders") == before
    daemon.drop("orders_2.csv", csv(101, 50))
    daemon.wait_state("orders_2.csv")
    rollup_is_true(database)
    assert database.value("SELECT table_made = 'orders'::regclass FROM cetl.dataset WHERE name = 'orders'")


def test_in_another_database_rows_bear_the_numbers_that_their_files_have_there(cetl, database, postgres, make_cetld):
    daemon = make_cetld(database.url(), DATASETS).start()
    for i in (1, 2):
        daemon.drop("orders_%d.csv" % i, csv(100 * i, 50))
        daemon.wait_state("orders_%d.csv" % i)
    daemon.drop("inferred.csv", "a,b\n1,x\n2,y\n")
    daemon.wait_state("inferred.csv")
    rows = "SELECT o.id, o.zip, o.amount, f.name, o._line FROM orders o JOIN cetl.file f ON f.id = o._file"
    before = database.rows(rows + " ORDER BY 1")
    cetl("backup", "--all", "--to", "b")
    daemon.stop()
    other = Database(postgres, postgres.create_database())
    second = make_cetld(other.url(), DATASETS).start()
    second.drop("orders_9.csv", csv(900, 5))
    second.wait_state("orders_9.csv")
    cetl("restore", "--database", other.url(), "b")
    assert other.rows(rows + " ORDER BY 1") == before
    assert other.rows("SELECT a, b FROM inferred ORDER BY a") == [(1, "x"), (2, "y")]
    rollup_is_true(other)
    assert files(second)["orders_9.csv"] == "unloaded"
    second.drop("orders_2.csv", csv(200, 50))
    second.wait_state("orders_2.csv", "duplicate", nth=2)
    second.restart()
    entry = second.ledger("orders_1.csv")[0]
    assert second.request("POST", "/v1/files/%d/unload" % entry["id"], unix=True).status == 200
    assert other.value("SELECT count(*) FROM orders") == 50
    second.drop("inferred.csv", "a,b\n3,z\n")
    second.wait_state("inferred.csv", nth=2)
    second.stop()
    postgres.drop_database(other.name)


def test_loads_beside_backups_and_restores_lose_and_double_nothing(cetl, database, make_cetld):
    """While files load, backups and restores follow each other; at the end the rows are those of the files that the ledger calls loaded."""
    daemon = make_cetld(database.url(), DATASETS).start()
    done = threading.Event()

    def drop():
        for i in range(60):
            daemon.drop("orders_%d.csv" % i, csv(1000 * i, 200))
            if done.wait(0.05):
                return

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        for i in range(4):
            until(lambda: database.value("SELECT count(*) FROM cetl.file WHERE state = 'loaded'") > 3, "files load")
            cetl("backup", "orders", "--to", "b%d" % i)
            cetl("restore", "b%d" % i)
    finally:
        thread.join()
        done.set()
    until(lambda: not daemon.files_in("incoming", "work"), "all files are through")
    loaded = "SELECT id, rows_loaded FROM cetl.file WHERE state = 'loaded'"
    assert database.same("SELECT _file, count(*) FROM orders GROUP BY 1", loaded)
    assert database.value("SELECT base_rows + coalesce((SELECT sum(rows) FROM cetl.change c WHERE c.dataset_id = d.id), 0)"
                          " = (SELECT count(*) FROM orders) FROM cetl.dataset d WHERE name = 'orders'")
    rollup_is_true(database)


def test_a_backup_waits_for_a_load_of_several_connections_to_be_whole(cetl, database, make_cetld, folder):
    make_cetld(database.url(), DATASETS).start().stop()
    execute(database, "INSERT INTO cetl.file (dataset_id, token, name, state, shares) SELECT id, 't', 'x.csv', 'committing', 2 FROM cetl.dataset"
            " WHERE name = 'orders'")
    process = subprocess.Popen([CETL, "-c", cetl.conf, "backup", "orders", "--to", "b"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    execute(database, "UPDATE cetl.file SET state = 'loaded' WHERE token = 't'")
    assert process.wait(30) == 0
    process.communicate()


def test_a_restore_waits_for_a_load_of_several_connections_to_be_called_loaded(cetl, database, make_cetld, folder):
    """Between its last share's commit and that, only the ledger knows that its rows are there, which go."""
    daemon = make_cetld(database.url(), DATASETS).start()
    daemon.drop("orders_1.csv", csv(1, 5))
    daemon.wait_state("orders_1.csv")
    daemon.stop()
    cetl("backup", "orders", "--to", "b")
    execute(database, "INSERT INTO cetl.file (dataset_id, token, name, state, shares) SELECT id, 't', 'x.csv', 'committing', 2 FROM cetl.dataset"
            " WHERE name = 'orders'")
    process = subprocess.Popen([CETL, "-c", cetl.conf, "restore", "b"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    execute(database, "UPDATE cetl.file SET state = 'loaded' WHERE token = 't'")
    assert process.wait(30) == 0, process.communicate()
    process.communicate()
    assert database.value("SELECT state FROM cetl.file WHERE token = 't'") == "unloaded"


def test_rows_that_another_dataset_of_the_table_loaded_since_do_not_go(cetl, database, make_cetld):
    """The backup does not have its ledger: its files would count as loaded, and never load again."""
    two = "".join("[dataset %s]\ntable = shared\nfiles = %s*\ncolumns = id int\nlineage = yes\n" % (n, n) for n in ("first", "second"))
    daemon = make_cetld(database.url(), two).start()
    daemon.drop("first.csv", "id\n1\n")
    daemon.drop("second_1.csv", "id\n2\n")
    daemon.wait_count("loaded", 2)
    cetl("backup", "shared", "--to", "b")
    cetl("restore", "b")
    daemon.drop("second_2.csv", "id\n3\n")
    entry = daemon.wait_state("second_2.csv")
    for mode in (["--dry-run"], []):
        said = cetl("restore", *mode, "b", status=1)
        assert "second_2.csv" in said and "unload" in said, said
    assert database.rows("SELECT id FROM shared ORDER BY 1") == [(1,), (2,), (3,)]
    assert daemon.request("POST", "/v1/files/%d/unload" % entry["id"], unix=True).status == 200
    cetl("restore", "b")
    assert database.rows("SELECT id FROM shared ORDER BY 1") == [(1,), (2,)]


def test_archives_do_not_wait_for_files_that_a_restore_calls_loaded(cetl, database, postgres, make_cetld, folder):
    """Their bytes were in another machine's done/."""
    archives = DATASETS + "[archive main]\nurl = file://%s/kept/{id}-{name}\n" % folder
    daemon = make_cetld(database.url(), DATASETS).start()
    daemon.drop("orders_1.csv", csv(1, 5))
    daemon.wait_state("orders_1.csv")
    cetl("backup", "orders", "--to", "b")
    daemon.stop()
    other = Database(postgres, postgres.create_database())
    second = make_cetld(other.url(), archives).start()
    cetl("restore", "--database", other.url(), "b")
    second.drop("orders_2.csv", csv(100, 5))
    second.wait_state("orders_2.csv")
    until(lambda: other.rows("SELECT f.name, o.state FROM cetl.original o JOIN cetl.file f ON f.id = o.file_id") == [("orders_2.csv", "stored")],
          lambda: "only orders_2.csv is stored: %s" % other.rows("SELECT * FROM cetl.original"))
    second.stop()
    postgres.drop_database(other.name)


@pytest.mark.long
def test_the_embedded_cluster_is_backed_up_and_restored(make_cetld, folder):
    daemon = make_cetld("", "[dataset t]\nfiles = t*.csv\ncolumns = id int\n").start()
    daemon.drop("t.csv", "id\n1\n2\n")
    daemon.wait_state("t.csv")
    subprocess.run([CETL, "-c", daemon.conf, "backup", "t", "--to", os.path.join(folder, "b")], check=True, stdout=subprocess.DEVNULL)
    assert daemon.request("DELETE", "/v1/t?id=gte.0", unix=True).status < 300
    subprocess.run([CETL, "-c", daemon.conf, "restore", os.path.join(folder, "b")], check=True, stdout=subprocess.DEVNULL)
    assert [r["id"] for r in daemon.get_rows("t")] == [1, 2]


def test_a_database_that_is_away_is_told_with_what_to_do(cetl, folder):
    conf = os.path.join(folder, "away.conf")
    with open(conf, "w") as f:
        f.write("[daemon]\nstate = %s/away\n" % folder)
    assert "cetld must run" in cetl("backup", "t", status=1, config=conf)
    shutil.rmtree(os.path.join(folder, "away"), ignore_errors=True)


def test_a_partitioned_table_and_one_with_row_security_are_backed_up_whole_or_not_at_all(cetl, database):
    execute(database, "CREATE TABLE p (id int, part int) PARTITION BY LIST (part)", "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)",
            "CREATE TABLE p2 PARTITION OF p DEFAULT", "INSERT INTO p SELECT i, i % 3 FROM generate_series(1, 300) i",
            "CREATE TABLE parent (id int)", "CREATE TABLE child () INHERITS (parent)", "INSERT INTO child VALUES (1)",
            "CREATE TABLE secret (id int)", "ALTER TABLE secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    before = checksum(database, "p")
    cetl("backup", "p", "--to", "b")
    execute(database, "DELETE FROM p WHERE id % 2 = 0")
    cetl("restore", "b")
    assert checksum(database, "p") == before
    assert "row-level security" in cetl("backup", "secret", "--to", "c", status=1)
    execute(database, "CREATE VIEW v AS SELECT 1 AS id")
    assert "no dataset or table v" in cetl("backup", "v", "--to", "c", status=1)
    assert "no dataset or table" in cetl("backup", "nothing", "--to", "c", status=1)
    cetl("backup", "parent", "--to", "d")
    assert database.value("SELECT count(*) FROM parent") == 1
    assert "inherit" in cetl("restore", "d", status=1)


def test_a_large_value_and_an_empty_table_come_back(cetl, database, folder):
    execute(database, "CREATE TABLE large (id int, t text)", "INSERT INTO large SELECT i, repeat('0123456789', 2000000) FROM generate_series(1, 2) i",
            "CREATE TABLE empty (id int)")
    before = checksum(database, "large")
    cetl("backup", "large", "empty", "--to", "b")
    execute(database, "DROP TABLE large", "INSERT INTO empty VALUES (1)")
    cetl("restore", "b")
    assert checksum(database, "large") == before and database.value("SELECT count(*) FROM empty") == 0


# ---- what refers, what is unique, what changes


def test_rows_that_follow_what_they_refer_to_are_not_changed_by_a_restore(cetl, database):
    """ON UPDATE CASCADE, of a table that is not restored: writing the old code over the new one would change it."""
    execute(database, "CREATE TABLE customers (id int PRIMARY KEY, code text NOT NULL UNIQUE)",
            "CREATE TABLE outside (code text REFERENCES customers (code) ON UPDATE CASCADE, kept text REFERENCES customers (code) ON UPDATE SET NULL)",
            "INSERT INTO customers VALUES (1, 'a'), (2, 'b'), (3, 'c')", "INSERT INTO outside VALUES ('a', NULL), ('b', 'b')")
    cetl("backup", "customers", "--to", "b")
    execute(database, "UPDATE customers SET code = 'z' WHERE id = 3")
    cetl("restore", "b")  # nobody refers to that one
    assert database.rows("SELECT * FROM customers ORDER BY 1") == [(1, "a"), (2, "b"), (3, "c")]
    execute(database, "UPDATE customers SET code = 'x' WHERE id = 1")
    before = checksum(database, "customers"), checksum(database, "outside")
    said = cetl("restore", "b", status=1)
    assert "1 rows of outside refer to rows of public.customers" in said and "would change them" in said, said
    assert (checksum(database, "customers"), checksum(database, "outside")) == before
    execute(database, "DELETE FROM outside WHERE code = 'x'")
    cetl("restore", "b")
    assert database.rows("SELECT * FROM customers ORDER BY 1") == [(1, "a"), (2, "b"), (3, "c")]
    assert database.rows("SELECT * FROM outside") == [("b", "b")]


UNIQUES = ["code text NOT NULL UNIQUE", "code text NOT NULL", "code text NOT NULL, part int DEFAULT 1, UNIQUE (part, code)",
           "code text NOT NULL, CONSTRAINT \"its code\" UNIQUE (code) INCLUDE (id) DEFERRABLE"]


@pytest.mark.parametrize("columns", UNIQUES[:2] + [pytest.param(u, marks=pytest.mark.long) for u in UNIQUES[2:]])
def test_rows_that_have_exchanged_unique_values_since_get_theirs_back(cetl, database, columns):
    execute(database, "CREATE TABLE customers (id int PRIMARY KEY, %s)" % columns, "CREATE TABLE outside (customer int REFERENCES customers DEFERRABLE)",
            "CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 100) i", "INSERT INTO orders SELECT i, i FROM generate_series(1, 100) i",
            "INSERT INTO outside VALUES (1), (2)")
    if columns == UNIQUES[1]:
        execute(database, "CREATE UNIQUE INDEX \"by code\" ON customers (lower(code)) WHERE id > 0")
    indexes = "SELECT indexdef FROM pg_indexes WHERE tablename = 'customers' ORDER BY 1"
    constraints = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'customers'::regclass ORDER BY 1"
    before = [checksum(database, t) for t in ("customers", "orders", "outside")] + [database.rows(indexes), database.rows(constraints)]
    cetl("backup", "customers", "orders", "--to", "b")
    execute(database, "UPDATE customers SET code = 'x' || id", "DELETE FROM orders WHERE id > 90", "DELETE FROM customers WHERE id > 90",
            "UPDATE customers SET code = 'c' || (91 - id)", "INSERT INTO customers VALUES (1000, 'c95')", "INSERT INTO orders VALUES (1000, 1000)")
    cetl("restore", "b")
    assert [checksum(database, t) for t in ("customers", "orders", "outside")] + [database.rows(indexes), database.rows(constraints)] == before


def test_a_unique_value_that_others_refer_to_is_not_exchanged(cetl, database):
    execute(database, "CREATE TABLE customers (id int PRIMARY KEY, code text NOT NULL UNIQUE)", "CREATE TABLE outside (code text REFERENCES customers (code))",
            "INSERT INTO customers VALUES (1, 'a'), (2, 'b')", "INSERT INTO outside VALUES ('a')")
    cetl("backup", "customers", "--to", "b")
    execute(database, "UPDATE customers SET code = 'z' WHERE id = 2", "INSERT INTO customers VALUES (3, 'b')", "UPDATE outside SET code = 'b'")
    before = checksum(database, "customers"), checksum(database, "outside")
    said = cetl("restore", "b", status=1)
    assert "outside" in said or "unique" in said, said
    assert (checksum(database, "customers"), checksum(database, "outside")) == before


CHANGERS = [
    ("CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN new.note := upper(new.note); RETURN new; END$$",
     "CREATE TRIGGER change BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION change()", "trigger change"),
    ("CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE orders SET note = 'x' WHERE id = 1 AND note <> 'x'; RETURN NULL; END$$",
     "CREATE TRIGGER change AFTER INSERT ON orders EXECUTE FUNCTION change()", "trigger change"),
    ("SELECT 1", "CREATE RULE change AS ON INSERT TO orders DO ALSO UPDATE orders SET note = 'x' WHERE id = new.id", "rule change"),
]


@pytest.mark.parametrize("function, change, name", CHANGERS[:1] + [pytest.param(*c, marks=pytest.mark.long) for c in CHANGERS[1:]])
@pytest.mark.parametrize("rows", ["there", "none"])
def test_a_trigger_that_changes_values_ends_the_restore(cetl, database, orders, function, change, name, rows):
    execute(database, function, change)
    if rows == "none":
        execute(database, "TRUNCATE orders")
    before = checksum(database, "orders")
    said = cetl("restore", "b", status=1)
    assert name in said and "would not be those of the backup" in said, said
    assert checksum(database, "orders") == before
    execute(database, "DROP FUNCTION IF EXISTS change CASCADE", "DROP RULE IF EXISTS change ON orders", "ALTER TABLE orders ADD UNIQUE (note)",
            "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$",
            "CREATE TRIGGER look BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION look()") if rows == "none" else execute(
                database, "DROP FUNCTION IF EXISTS change CASCADE", "DROP RULE IF EXISTS change ON orders")
    cetl("restore", "b")  # one that changes nothing is none
    assert database.value("SELECT count(*) FROM orders WHERE note = 'note ' || id") == 20000


@pytest.mark.parametrize("deferred", ["", "CONSTRAINT "])
def test_a_trigger_that_changes_rows_of_another_restored_table_ends_the_restore(cetl, database, deferred):
    execute(database, "CREATE TABLE orders (id int PRIMARY KEY, total int NOT NULL DEFAULT 0, t text)",
            "CREATE TABLE items (id int PRIMARY KEY, o int REFERENCES orders, price int)",
            "CREATE FUNCTION add() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN UPDATE orders SET total = total + new.price WHERE id = new.o; RETURN NULL; END$$",
            "CREATE %sTRIGGER add AFTER INSERT ON items %s FOR EACH ROW EXECUTE FUNCTION add()" %
            (deferred, "DEFERRABLE INITIALLY DEFERRED" if deferred else ""), "INSERT INTO orders (id) SELECT generate_series(1, 10)",
            "INSERT INTO items SELECT i, i % 10 + 1, i FROM generate_series(1, 100) i")
    before = [checksum(database, t) for t in ("orders", "items")]
    cetl("backup", "orders", "items", "--to", "b")
    said = cetl("restore", "b", status=1)
    assert "public.orders would not be those of the backup" in said and "trigger add of public.items" in said, said
    assert [checksum(database, t) for t in ("orders", "items")] == before
    execute(database, "ALTER TABLE items DISABLE TRIGGER add", "UPDATE orders SET total = 0")
    cetl("restore", "b")
    assert [checksum(database, t) for t in ("orders", "items")] == before


def test_an_identity_that_is_always_generated_no_more_is_written_over(cetl, database):
    execute(database, "CREATE TABLE customers (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)", "CREATE TABLE outside (id int REFERENCES customers)",
            "INSERT INTO customers VALUES (1), (2)", "INSERT INTO outside VALUES (1)")
    before = checksum(database, "customers")
    cetl("backup", "customers", "--to", "b")
    execute(database, "ALTER TABLE customers ALTER n DROP IDENTITY", "UPDATE customers SET n = n + 70")
    cetl("restore", "b")
    assert checksum(database, "customers") == before


def test_an_identity_that_is_always_generated_and_cannot_be_written_over_is_told(cetl, database):
    execute(database, "CREATE TABLE customers (id int PRIMARY KEY, n int GENERATED ALWAYS AS IDENTITY)", "CREATE TABLE outside (id int REFERENCES customers)",
            "INSERT INTO customers VALUES (1), (2)", "INSERT INTO outside VALUES (1)")
    cetl("backup", "customers", "--to", "b")
    cetl("restore", "b")
    execute(database, "UPDATE customers SET n = DEFAULT WHERE id = 1")
    assert "always generated" in cetl("restore", "b", status=1)


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
    int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, t);
    if (id == CLOCK_REALTIME) t->tv_sec += 3600;
    return r;
}
"""


def test_a_clock_that_is_wrong_where_cetl_runs_loses_no_rows(cetl, database, make_cetld, folder, monkeypatch):
    """What was loaded since is told by the server's clock alone."""
    two = "".join("[dataset %s]\ntable = shared\nfiles = %s*\ncolumns = id int\n" % (n, n) for n in ("first", "second"))
    daemon = make_cetld(database.url(), two).start()
    daemon.drop("first.csv", "id\n1\n")
    daemon.wait_state("first.csv")
    library = os.path.join(folder, "clock.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library, "-ldl"], input=CLOCK, text=True, check=True)
    with monkeypatch.context() as m:
        m.setenv("LD_PRELOAD", library)
        cetl("backup", "shared", "--to", "b")
    now, = database.rows("SELECT extract(epoch from now())::float8")[0]
    assert abs(datetime.datetime.fromisoformat(re.sub(r"\.\d+", "", manifest_of(os.path.join(folder, "b"))["made_at"])).timestamp() - now) < 60
    daemon.drop("second.csv", "id\n2\n")
    daemon.wait_state("second.csv")
    assert "second.csv" in cetl("restore", "b", status=1)
    assert database.rows("SELECT id FROM shared ORDER BY 1") == [(1,), (2,)]


# ---- object stores


def say_store(cetl, folder, url, endpoint, secret, key_id=""):
    path = os.path.join(folder, "secret")
    with open(path, "w") as f:
        f.write(secret)
    with open(cetl.conf, "a") as f:
        f.write("[store s]\nurl = %s\nendpoint = %s\nsecret_file = %s\nkey_id = %s\n" % (url, endpoint, path, key_id))


@pytest.fixture
def temporary(folder, monkeypatch):
    """Where backups are on their way: nothing stays there."""
    path = os.path.join(folder, "tmp")
    os.mkdir(path)
    monkeypatch.setenv("TMPDIR", path)
    yield path
    assert os.listdir(path) == []


def out_and_back(cetl, database, url):
    execute(database, "CREATE TABLE t (id int PRIMARY KEY, note text)", "INSERT INTO t SELECT i, md5(i::text) FROM generate_series(1, 50000) i")
    before = checksum(database, "t")
    assert url in cetl("backup", "t", "--to", url)
    assert "has a backup already" in cetl("backup", "t", "--to", url, status=1)
    execute(database, "UPDATE t SET note = 'later'")
    cetl("restore", "--dry-run", url)
    assert checksum(database, "t") != before
    cetl("restore", url)
    assert checksum(database, "t") == before
    assert "no backup" in cetl("restore", url + "/other", status=1)


def test_a_backup_goes_to_a_stores_folder_and_comes_back(cetl, database, folder, temporary):
    place = os.path.join(folder, "store")
    out_and_back(cetl, database, "file://%s/monday" % place)
    assert "manifest.json" in os.listdir(os.path.join(place, "monday"))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_a_backup_goes_to_a_real_store_and_comes_back(cetl, database, folder, temporary, kind, swift, azurite):
    server = swift if kind == "s3" else azurite
    (server.make_bucket if kind == "s3" else server.make_container)("backups")
    url = "s3://backups" if kind == "s3" else "azure://%s/backups" % server.account
    say_store(cetl, folder, url, server.endpoint(), server.secret, server.id if kind == "s3" else "")
    out_and_back(cetl, database, url + "/a b/monday")


@pytest.mark.long
@pytest.mark.parametrize("bucket, wrong, words", [("wrongkey", True, "403"), ("nobucket", False, "nosuchbucket")])
def test_a_store_that_refuses_is_told_in_its_words(cetl, database, folder, temporary, swift, bucket, wrong, words):
    if wrong:
        swift.make_bucket(bucket)
    say_store(cetl, folder, "s3:", swift.endpoint(), "wrong" if wrong else swift.secret, swift.id)
    execute(database, "CREATE TABLE t (id int)")
    said = cetl("backup", "t", "--to", "s3://%s/x" % bucket, status=1)
    assert "s3://" + bucket in said and words in said.lower(), said


@pytest.mark.long
def test_a_store_that_is_busy_or_cuts_is_asked_again(cetl, database, folder, temporary, swift):
    swift.make_bucket("busy")
    busy = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    trouble = Trouble(swift.port, lambda n, head: busy if n % 4 == 1 else "cut" if n % 4 == 2 else None)
    say_store(cetl, folder, "s3:", "http://127.0.0.1:%d" % trouble.port, swift.secret, swift.id)
    out_and_back(cetl, database, "s3://busy/x")
    assert len(trouble.seen) > 4


def make_noise(database, rows, name="t"):
    """A table whose file cannot be packed: about 1 KB a row."""
    execute(database, "CREATE TABLE %s (id int PRIMARY KEY, note bytea)" % name,
            "INSERT INTO %s SELECT i, (SELECT decode(string_agg(md5(random()::text || i || k), ''), 'hex') FROM generate_series(1, 64) k)"
            " FROM generate_series(1, %d) i" % (name, rows))


@pytest.mark.long
def test_a_slow_store_is_waited_for_there_and_back(cetl, database, folder, temporary, swift):
    """A tenth of a second for 64 KiB."""
    swift.make_bucket("slow")
    trouble = Trouble(swift.port, lambda n, head: 0.1)
    try:
        say_store(cetl, folder, "s3:", "http://127.0.0.1:%d" % trouble.port, swift.secret, swift.id)
        make_noise(database, 3000)
        before = checksum(database, "t")
        cetl("backup", "t", "--to", "s3://slow/x")
        execute(database, "DELETE FROM t")
        cetl("restore", "s3://slow/x")
        assert checksum(database, "t") == before
    finally:
        trouble.close()


def start(cetl, folder, *arguments):
    return subprocess.Popen([CETL, "-c", cetl.conf, *arguments], cwd=folder, stdout=subprocess.DEVNULL)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_a_backup_that_is_killed_on_its_way_is_none_and_the_next_one_is_the_only_one(cetl, database, folder, temporary, swift, azurite, kind):
    """Killed before the manifest is there, in the middle of a small object, and twice of a large one, which is not large any more in the end."""
    server = swift if kind == "s3" else azurite
    (server.make_bucket if kind == "s3" else server.make_container)("killed")
    url = "s3://killed/x" if kind == "s3" else "azure://%s/killed/x" % server.account
    at = ["PUT .*manifest", "PUT .*small", r"PUT .*large.*(partNumber=2|comp=block\b(?!list))", r"PUT .*large.*(partNumber=2|comp=block\b(?!list))"]
    process = None

    def plan(n, head):
        if at and re.match(at[0], head.split("\r\n")[0]):
            at.pop(0)
            process.kill()
            return "cut"
        return None

    trouble = Trouble(server.port, plan)
    try:
        endpoint = server.endpoint().replace(":%d" % server.port, ":%d" % trouble.port)
        say_store(cetl, folder, "s3:" if kind == "s3" else "azure://" + server.account, endpoint, server.secret, server.id if kind == "s3" else "")
        make_noise(database, 20, "small")
        make_noise(database, 20000, "large")
        for left in (3, 2, 1, 0):
            process = start(cetl, folder, "backup", "small", "large", "--to", url)
            assert process.wait(120) == -signal.SIGKILL and len(at) == left, trouble.seen
            assert "no manifest.json" in cetl("restore", url, status=1)
            execute(database, "UPDATE small SET note = note || '\\x00'", "UPDATE large SET note = note || '\\x00'")  # objects that are there are others
        if kind == "s3":
            assert b"<Upload>" in server.request("GET", "/killed", "uploads=")
        execute(database, "DELETE FROM large WHERE id > 20")  # its file is a small one now
        before = checksum(database, "small"), checksum(database, "large")
        cetl("backup", "small", "large", "--to", url)
        listing = server.request("GET", "/killed", "list-type=2" if kind == "s3" else "comp=list&restype=container").decode()
        assert sorted(re.findall("x/([^<]+)</(?:Key|Name)>", listing)) == ["1.public.small.avro", "2.public.large.avro", "manifest.json"], listing
        if kind == "s3":
            assert b"<Upload>" not in server.request("GET", "/killed", "uploads=")
        execute(database, "DELETE FROM small", "DELETE FROM large")
        cetl("restore", url)
        assert (checksum(database, "small"), checksum(database, "large")) == before
    finally:
        trouble.close()


def test_a_backup_below_a_symbolic_link_is_made_and_what_was_left_there_goes(cetl, database, folder):
    execute(database, "CREATE TABLE t AS SELECT 1 AS id")
    left = os.path.join(folder, "real", "b.part-1")
    os.makedirs(left)
    open(os.path.join(left, "1.public.t.avro"), "w").close()
    os.symlink("real", os.path.join(folder, "link"))
    cetl("backup", "t", "--to", "link/b")
    assert os.listdir(os.path.join(folder, "real")) == ["b"]


@pytest.mark.parametrize("place", ["b", "file://%s/store/b"])
def test_a_killed_backup_leaves_nothing_once_the_next_is_made(cetl, database, folder, temporary, place):
    """The second table is large, so the first one's file is there when it is killed."""
    place = place % folder if "%s" in place else place
    execute(database, "CREATE TABLE first AS SELECT i AS id FROM generate_series(1, 1000) i",
            "CREATE TABLE second AS SELECT md5(i::text) AS note FROM generate_series(1, 400000) i")

    def under_way():
        return [f for top in (folder, temporary) for n in os.listdir(top) if ".part-" in n or "on-its-way" in n for f in os.listdir(os.path.join(top, n))]

    process = start(cetl, folder, "backup", "first", "second", "--to", place)
    until(lambda: "1.public.first.avro" in under_way(), "it is under way")
    process.kill()
    process.wait(30)
    assert under_way()
    cetl("restore", place, status=1)
    other = start(cetl, folder, "backup", "first", "second", "--to", "other")  # of another place, and at work: not touched
    until(lambda: [n for n in os.listdir(folder) if n.startswith("other")], "it is under way")
    cetl("backup", "first", "second", "--to", place)
    assert other.wait(30) == 0
    assert not under_way()
    assert "has a backup already" in cetl("backup", "first", "--to", place, status=1) or place == "b"
    before = manifest_of(os.path.join(folder, "store/b" if ":" in place else "b"))
    cetl("backup", "first", "--once", "--to", place)
    assert manifest_of(os.path.join(folder, "store/b" if ":" in place else "b")) == before
    execute(database, "DELETE FROM first")
    cetl("restore", place)
    cetl("restore", "--dry-run", "other")
    assert database.value("SELECT count(*) FROM first") == 1000
