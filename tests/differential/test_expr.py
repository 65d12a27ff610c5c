# SPDX-License-Identifier: MIT
"""
Expressions that run on the workers are PostgreSQL's: its functions with their types, and, for random expressions over random rows,
its values, its SQLSTATEs and its messages. EXPR_SEED= chooses the random ones; with --long each run has its own, which is printed.
"""

import io
import os
import random
import re
import subprocess
from contextlib import closing

import psycopg2
import pytest

import expressions

SHOWN = 40
BPCHAR = 1042
DATE_REFUSED = re.compile(rb"! 2200[78] (invalid input syntax for type (date|time)|date/time field value out of range|"
                          rb"(date|timestamp) out of range)")
DATE_TEXT = re.compile(rb'.* type ((?:date|time|timestamp)(?: with time zone)?): "([^\\]*)"$')
DATE_FAULT = re.compile(rb"! (22007|22008|22009|22023) ")
DATABASE = "CREATE DATABASE expr TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
# {0} selects, or inserts and returns, the value of row this_id
TRY = """
    CREATE OR REPLACE FUNCTION pg_temp.attempt(ids int[]) RETURNS SETOF text LANGUAGE plpgsql AS $attempt$
    DECLARE this_id int; this_value text; this_message text;
    BEGIN
        FOREACH this_id IN ARRAY ids LOOP
            BEGIN
                {0} INTO this_value;
                RETURN NEXT '.' || coalesce(this_value, '');
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS this_message = MESSAGE_TEXT;
                RETURN NEXT '! ' || SQLSTATE || ' ' || this_message;
            END;
        END LOOP;
    END $attempt$"""


@pytest.fixture(scope="module")
def seed(long):
    number = int(os.environ.get("EXPR_SEED") or (random.SystemRandom().randrange(10 ** 9) if long else 1))
    print("EXPR_SEED=%d" % number)
    return number


class Oracle:
    """Our program and the server, over the same rows."""

    def __init__(self, postgres, program, rows, dice):
        self.path = program("expr_diff")
        with closing(postgres.connect()) as db, db.cursor() as sql:
            sql.execute("DROP DATABASE IF EXISTS expr")
            sql.execute(DATABASE)
        self.conninfo = postgres.conninfo().replace("dbname=postgres", "dbname=expr")
        self.db = psycopg2.connect(self.conninfo)
        self.db.autocommit = True
        self.sql = self.db.cursor()
        self.sql.execute("CREATE TABLE subject (%s)" % expressions.COLUMNS)
        self.rows, self.refused = rows, 0
        copy = io.BytesIO()
        for number in range(1, rows + 1):
            line = "\t".join("\\N" if v is None else escaped(v) for v in expressions.row(dice, number))
            copy.write(line.encode() + b"\n")
        copy.seek(0)
        self.sql.copy_expert("COPY subject FROM STDIN", copy)
        self.sql.execute("ANALYZE subject")

    def close(self):
        self.sql.close()
        self.db.close()

    def ours(self, texts):
        """For each: (what it is, the rows' answers)."""
        out = subprocess.run([self.path, "rows", self.conninfo, "subject"], input="".join(t + "\n" for t in texts).encode(),
                             stdout=subprocess.PIPE, check=True).stdout.split(b"\n")
        answers, at = [], 0
        for _ in texts:
            head = out[at].decode()
            n = self.rows if head.startswith("=") else 0
            answers.append((head, out[at + 1:at + 1 + n]))
            at += 1 + n
        assert at == len(out) - 1
        return answers

    def type_of(self, text):
        """(type's oid, None), or (None, SQLSTATE) where the server refuses it, or cannot fold it."""
        try:
            self.sql.execute("SELECT (%s\n) FROM subject LIMIT 0" % text)
            return self.sql.description[0].type_code, None
        except psycopg2.Error as e:
            return None, e.pgcode

    def values(self, text, without):
        out = io.BytesIO()
        self.sql.copy_expert("COPY (SELECT (%s\n) FROM subject WHERE id <> ALL('{%s}'::int[]) ORDER BY id) TO STDOUT"
                             % (text, ",".join(map(str, without))), out)
        return out.getvalue().split(b"\n")[:-1]

    def attempt(self, text):
        return "SELECT (%s\n)::text FROM subject WHERE id = this_id" % text

    def attempts(self, text, ids):
        if not ids:
            return []
        self.sql.execute(TRY.replace("{0}", self.attempt(text)))
        self.sql.execute("SELECT * FROM pg_temp.attempt(%s)", (ids,))
        return [escaped(row[0]).encode() for row in self.sql.fetchall()]

    def differences(self, text, oid, answers):
        """Rows on which we differ, as (id, ours, the server's). Blanks at the end of char(n) count for nothing."""
        faults = [i + 1 for i, a in enumerate(answers) if a.startswith(b"!")]
        try:
            values = iter(self.values(text, faults))
        except psycopg2.Error:
            # One that we have a value for raises.
            theirs = self.attempts(text, list(range(1, self.rows + 1)))
            return [(i + 1, a, b) for i, (a, b) in enumerate(zip(answers, theirs))
                    if (a[:1] == b"!" or b[:1] == b"!") and a != b and not self.stricter(a, b)]
        raised = iter(self.attempts(text, faults))
        theirs = [next(raised) if a.startswith(b"!") else b"." + next(values) for a in answers]
        if oid == BPCHAR:
            answers, theirs = ([a.rstrip(b" ") for a in side] for side in (answers, theirs))
        return [(i + 1, a, b) for i, (a, b) in enumerate(zip(answers, theirs)) if a != b and not self.stricter(a, b)]

    def stricter(self, ours, theirs):
        """
        Of dates and times in unusual forms our reading is narrower than the server's (see data/type.h), for cells as for casts; nor
        do we tell the kinds of nonsense apart.
        """
        if not DATE_REFUSED.match(ours):
            return False
        self.refused += not theirs.startswith(b"!")
        return not theirs.startswith(b"!") or DATE_FAULT.match(theirs) is not None or self.reads(ours)

    def reads(self, ours):
        """The server takes the text that we have refused, and so may have found another fault behind it."""
        found = DATE_TEXT.match(ours)
        try:
            self.sql.execute("SELECT %%s::%s" % found[1].decode(), (found[2].decode(),)) if found else None
        except psycopg2.Error:
            return False
        return found is not None

    def told(self, text, differences):
        """For a person: the expression, and a few rows."""
        lines = ["%s\n    differs at %d rows" % (text, len(differences))]
        for number, us, them in differences[:3]:
            lines.append("    row %d: %s, the server %s" % (number, us.decode()[:300], them.decode()[:300]))
        return "\n".join(lines)


class Assigned(Oracle):
    """The same for what becomes the value of a column."""

    def __init__(self, oracle, target):
        self.path, self.conninfo, self.db, self.sql, self.rows, self.refused = oracle.path, oracle.conninfo, oracle.db, oracle.sql, oracle.rows, 0
        self.sql.execute("DROP TABLE IF EXISTS target; CREATE TABLE target (id integer, value %s)" % target)
        self.sql.execute("SELECT atttypid, atttypmod FROM pg_attribute WHERE attrelid = 'target'::regclass AND attname = 'value'")
        self.type = self.sql.fetchone()

    def ours(self, texts):
        return super().ours(["> %d %d %s" % (*self.type, text) for text in texts])

    def insert(self, text, which):
        return "INSERT INTO target SELECT id, (%s\n) FROM subject WHERE %s" % (text, which)

    def type_of(self, text):
        try:
            self.sql.execute(self.insert(text, "false"))
            return self.type[0], None
        except psycopg2.Error as e:
            return None, e.pgcode

    def values(self, text, without):
        self.sql.execute("TRUNCATE target")
        self.sql.execute(self.insert(text, "id <> ALL('{%s}'::int[])" % ",".join(map(str, without))))
        out = io.BytesIO()
        self.sql.copy_expert("COPY (SELECT value FROM target ORDER BY id) TO STDOUT", out)
        return out.getvalue().split(b"\n")[:-1]

    def attempt(self, text):
        return self.insert(text, "id = this_id") + " RETURNING value::text"


def escaped(text):
    for char, code in (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"), ("\b", "\\b"), ("\f", "\\f"), ("\v", "\\v")):
        text = text.replace(char, code)
    return text


@pytest.fixture(scope="module")
def oracle(postgres, program, seed, long):
    made = Oracle(postgres, program, 10000, random.Random(seed))
    yield made
    made.close()


@pytest.fixture(scope="module")
def tables(program):
    return subprocess.run([program("expr_diff"), "tables"], stdout=subprocess.PIPE, check=True, text=True).stdout


# Ours alone, or written otherwise in SQL
OWN = {"filename", "line", "loaded_at"}


def test_the_tables_have_what_the_server_has(oracle, tables):
    wrong = []
    for line in tables.splitlines():
        kind, *words = line.split()
        if kind == "F" and words[0] not in OWN and "0" not in words[3:]:
            name, (result, flags), args = words[0], map(int, words[1:3]), words[3:]
            if name[0].isalpha():
                query = "SELECT prorettype, proisstrict, provolatile = 'v' FROM pg_proc p WHERE proname = %s AND proargtypes = %s::oidvector"
                key = (name, " ".join(args))
            else:
                query = ("SELECT oprresult, proisstrict, provolatile = 'v' FROM pg_operator o JOIN pg_proc p ON p.oid = oprcode"
                         " WHERE oprname = %s AND oprleft = %s AND oprright = %s")
                key = (name, args[0] if len(args) == 2 else 0, args[-1])
            oracle.sql.execute(query + " AND p.pronamespace = 'pg_catalog'::regnamespace", key)
            if oracle.sql.fetchone() != (result, not flags & 1, bool(flags & 4)):
                wrong.append(line)
        if kind == "C" and words[0] != words[1]:
            oracle.sql.execute("SELECT position(castcontext in 'iae') - 1 FROM pg_cast WHERE castsource = %s AND casttarget = %s", words[:2])
            found = oracle.sql.fetchone()
            # By text where there is no entry: out of text when written, into text by assignment
            if (found[0] if found else 1 if words[1] in ("25", "1043", "1042") else 2) != int(words[2]):
                wrong.append(line)
    assert not wrong, "\n".join(wrong)


def test_picked_expressions_give_what_the_server_gives(oracle):
    texts, wrong, here = expressions.picked(), [], 0
    for text, (head, answers) in zip(texts, oracle.ours(texts)):
        oid, code = oracle.type_of(text)
        if oid is None:
            # What folds to an error is one at each row here, where it is evaluated.
            if code[:2] == "42" and head.startswith("="):
                wrong.append("%s\n    the server refuses it (%s), we do not" % (text, code))
        elif not head.startswith(("=", "server")):
            wrong.append("%s\n    the server has a type for it, we say: %s" % (text, head))
        elif head.startswith("="):
            here += 1
            differences = oracle.differences(text, oid, answers) if int(head.split()[1]) == oid else [(0, head.encode(), b"%d" % oid)]
            if differences:
                wrong.append(oracle.told(text, differences))
    print("%d of %d run here" % (here, len(texts)))
    assert not wrong, "\n".join(wrong)


def wanted(long):
    return 2000 if long else 200


def written(oracle, writer, n):
    """So many expressions that run here, with our answers; and all others that were thought of, with what the server says of them."""
    taken, left, refused = [], [], []
    while len(taken) < n:
        texts = [writer.any_expression() for _ in range(n)]
        typed = [(text, *oracle.type_of(text)) for text in texts]
        refused += [(text, code) for text, oid, code in typed if oid is None]
        typed = [(text, oid) for text, oid, _ in typed if oid is not None]
        for (text, oid), (head, answers) in zip(typed, oracle.ours([text for text, _ in typed])):
            (taken if head.startswith("=") else left).append((text, oid, head, answers))
    return taken[:n], left, refused


@pytest.fixture(scope="module")
def thought(oracle, tables, seed, long):
    return written(oracle, expressions.Writer(random.Random(seed + 1), tables), wanted(long))


def test_random_expressions_give_what_the_server_gives(oracle, thought, seed):
    taken, left, _ = thought
    wrong = ["%s\n    the server has a type for it, we say: %s" % (text, head) for text, _, head, _ in left if not head.startswith("server")]
    faults = nulls = 0
    for text, oid, head, answers in taken:
        if int(head.split()[1]) != oid:
            wrong.append("%s\n    is of type %s, the server's %d" % (text, head.split()[1], oid))
            continue
        faults += sum(a.startswith(b"!") for a in answers)
        nulls += answers.count(b".\\N")
        differences = oracle.differences(text, oid, answers)
        if differences:
            wrong.append(oracle.told(text, differences))
    n = len(taken) * oracle.rows
    print("%d expressions x %d rows: %d faults, %d NULLs; %d more run in the server:" % (len(taken), oracle.rows, faults, nulls, len(left)))
    print("\n".join(sorted({head for _, _, head, _ in left})))
    assert not wrong, "EXPR_SEED=%d: %d of %d\n%s" % (seed, len(wrong), len(taken) + len(left), "\n".join(wrong[:SHOWN]))
    assert oracle.refused < n / 200
    assert n / 50 < faults < n / 2 and n / 50 < nulls < n / 2 and len(left) < len(taken) / 2


TARGETS = ["numeric(10,2)", "numeric(3)", "numeric", "varchar(5)", "char(4)", "text", "smallint", "integer", "bigint", "real", "double precision",
           "date", "timestamp(3)", "timestamptz(0)", "time(1)", "boolean", "uuid"]


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_assigned_to_a_column_is_what_the_server_assigns(oracle, tables, seed, long, target):
    assigned = Assigned(oracle, target)
    writer = expressions.Writer(random.Random("%d %s" % (seed, target)), tables)
    texts = [writer.any_expression() for _ in range(200 if long else 12)]
    kind = expressions.NAMES[assigned.type[0]]
    texts += [writer.argument(kind, 2) for _ in range(50 if long else 5)]
    wrong, taken = [], 0
    for text, (head, answers) in zip(texts, assigned.ours(texts)):
        oid, code = assigned.type_of(text)
        if oid is None:
            if code[:2] == "42" and head.startswith("="):
                wrong.append("%s\n    the server refuses it (%s), we do not" % (text, code))
        elif not head.startswith("="):
            if not head.startswith("server"):
                wrong.append("%s\n    the server takes it, we say: %s" % (text, head))
        else:
            taken += 1
            differences = assigned.differences(text, oid, answers)
            if differences:
                wrong.append(assigned.told(text, differences))
    assert not wrong, "EXPR_SEED=%d: %d of %d\n%s" % (seed, len(wrong), len(texts), "\n".join(wrong[:SHOWN]))
    assert taken > 3


def test_what_the_server_refuses_is_refused(oracle, thought, seed):
    refused = [text for text, code in thought[2] if code[:2] == "42"]
    taken = [text for text, (head, _) in zip(refused, oracle.ours(refused)) if head.startswith("=")]
    assert not taken, "EXPR_SEED=%d: %d of %d\n%s" % (seed, len(taken), len(refused), "\n".join(taken[:SHOWN]))
