# SPDX-License-Identifier: MIT
"""What is an expression, and of which type, is PostgreSQL's: precedence, overloads, casts, common types, assignments, refusals."""

import collections
import os
import random
import re
import subprocess
from contextlib import closing

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
COLUMNS = {
    "b": "boolean", "i2": "smallint", "i4": "integer", "i8": "bigint", "n": "numeric", "n92": "numeric(9,2)", "f4": "real", "f8": "double precision",
    "d": "date", "t": "time", "ts": "timestamp", "tz": "timestamptz", "u": "uuid", "j": "json", "jb": "jsonb", "x": "text", "v": "varchar(5)",
    "c": "char(3)",
}
TYPES = [
    "bool", "smallint", "int", "int8", "numeric", "numeric(5,1)", "real", "float8", "date", "time", "timestamp", "timestamptz", "timestamp(3)", "uuid", "json",
    "jsonb", "text", "varchar", "varchar(2)", "char(2)", "interval",
]
LITERALS = [
    "NULL", "'1'", "'x'", "''", "'2024-01-31'", "'12:30'", "'true'", "1", "0", "-1", "70000", "3000000000", "1.5", "1e3", "true", "false",
    "99999999999999999999", "date '2024-01-31'", "timestamp '2024-01-31 12:00'", "time '12:30'", "interval '1 day'", "'{}'", "E'a'",
    "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
]
OPERATORS = "+ - * / % ^ = <> < <= > >= || ~~ !~~ ~~* !~~* != ~ & # << && -> ->>".split()
WORDS = ["LIKE", "NOT LIKE", "ILIKE", "IS DISTINCT FROM", "IS NOT DISTINCT FROM", "AND", "OR"]
FUNCTIONS = {
    1: "lower upper initcap length char_length octet_length btrim ltrim rtrim reverse ascii chr md5 abs round ceil floor trunc sign sqrt exp ln concat "
       "isfinite text int4 date float8 bool now nosuch sum".split(),
    2: "left right strpos position concat concat_ws repeat round trunc mod power date_trunc date_part starts_with btrim ltrim lpad rpad substr substring "
       "div to_char extract timezone nosuch like_escape".split(),
    3: "replace split_part lpad rpad substr substring translate concat concat_ws overlay make_date date_trunc nosuch".split(),
}

ATTEMPT = """
CREATE FUNCTION pg_temp.attempt(mode text, expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    IF mode = 'any' THEN
        EXECUTE 'CREATE TEMP VIEW view_ AS SELECT (' || expression || E'\n) AS value FROM r';
        SELECT format_type(atttypid, NULL) INTO r FROM pg_attribute WHERE attrelid = 'view_'::regclass AND attnum = 1;
        DROP VIEW view_;
        RETURN 'ok ' || r;
    ELSIF mode = 'condition' THEN
        EXECUTE 'CREATE TEMP VIEW view_ AS SELECT 1 AS value FROM r WHERE (' || expression || E'\n)';
        DROP VIEW view_;
    ELSE
        EXECUTE 'PREPARE statement_ AS UPDATE r SET ' || mode || ' = (' || expression || E'\n)';
        DEALLOCATE statement_;
    END IF;
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || sqlerrm;
END $$"""


FAMILIES = [list(COLUMNS), "i2 i4 i8 n n92 f4 f8".split(), "x v c".split(), "d t ts tz".split(), "b x i4 d".split()]


def expression(dice, depth, columns):
    kind = dice.random()
    if depth == 0 or kind < 0.12:
        return dice.choice(columns) if dice.random() < 0.65 else dice.choice(LITERALS)

    def part():
        return expression(dice, depth - 1, columns)

    def closed():
        text = part()
        return text if dice.random() < 0.5 else "(%s)" % text

    if kind < 0.42:
        return "%s %s %s" % (closed(), dice.choice(OPERATORS + WORDS), closed())
    if kind < 0.62:
        n = dice.choice([1, 1, 2, 2, 3])
        return "%s(%s)" % (dice.choice(FUNCTIONS[n]), ", ".join(part() for _ in range(n)))
    if kind < 0.72:
        return dice.choice(["%s::%s" % ("(%s)" % part(), dice.choice(TYPES)), "CAST(%s AS %s)" % (part(), dice.choice(TYPES))])
    if kind < 0.78:
        return "%s %s (%s)" % (closed(), dice.choice(["IN", "NOT IN"]), ", ".join(part() for _ in range(dice.randint(1, 3))))
    if kind < 0.82:
        return "%s %s %s AND %s" % (closed(), dice.choice(["BETWEEN", "NOT BETWEEN"]), closed(), closed())
    if kind < 0.87:
        of = part() + " " if dice.random() < 0.5 else ""
        whens = " ".join("WHEN %s THEN %s" % (part(), part()) for _ in range(dice.randint(1, 2)))
        return "CASE %s%s%s END" % (of, whens, dice.choice(["", " ELSE %s" % part()]))
    if kind < 0.93:
        return "%s(%s)" % (dice.choice(["COALESCE", "GREATEST", "LEAST"]), ", ".join(part() for _ in range(dice.randint(1, 3))))
    if kind < 0.95:
        return "NULLIF(%s, %s)" % (part(), part())
    if kind < 0.97:
        return "%s %s" % (closed(), dice.choice(["IS NULL", "IS NOT NULL", "ISNULL", "NOTNULL", "IS TRUE", "IS NOT FALSE", "IS UNKNOWN"]))
    return dice.choice(["NOT %s", "-%s", "+%s", "@ %s", "-(%s)", "trim(both from %s)", "extract(year from %s)", "trim(%s)", "substring(%s from 1 for 2)"]) % closed()


@pytest.fixture(scope="module")
def sql(postgres):
    with closing(postgres.connect(user="postgres")) as db, db.cursor() as sql:
        sql.execute("CREATE TABLE r (%s)" % ", ".join("%s %s" % c for c in COLUMNS.items()))
        sql.execute(ATTEMPT)
        yield sql


def compare(sql, program, cases):
    """[(mode, expression, ours, the server's)] that do not agree, and how often we said what."""
    lines = "".join("%s %s\n" % c for c in cases)
    ours = subprocess.run([program("expr_check_diff")], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert len(ours) == len(cases)
    said, wrong = collections.Counter(), []
    for (mode, text), mine in zip(cases, ours):
        sql.execute("SELECT pg_temp.attempt(%s, %s)", (mode, text))
        theirs = sql.fetchone()[0]
        kind = mine.split()[0]
        if "could not identify a comparison function" in mine:  # which PostgreSQL says when it runs
            continue
        said[kind] += 1
        agreed = kind == "server" or (mine == theirs if kind == "ok" and mode == "any" else (kind == "ok") == (theirs[:2] == "ok"))
        if not agreed:
            wrong.append((mode, text, mine, theirs))
    return wrong, said


def agree(sql, program, cases, told=""):
    wrong, said = compare(sql, program, cases)
    print(said)
    assert not wrong, "%s%d of %d, such as\n%s" % (told, len(wrong), len(cases), "\n".join(map(str, wrong[:20])))
    return said


def test_expressions_are_taken_and_typed_as_postgresql_does(sql, program):
    seed = int(os.environ.get("SEED", 1))
    print("SEED=%d" % seed)
    dice = random.Random(seed)
    cases = []
    for _ in range(int(os.environ.get("CASES", 2000))):
        mode = dice.choice(["any", "any", "any", "condition", dice.choice(list(COLUMNS))])
        cases.append((mode, expression(dice, dice.choice([1, 1, 2, 2, 3]), dice.choice(FAMILIES))))
    said = agree(sql, program, cases, "SEED=%d: " % seed)
    assert said["ok"] > len(cases) / 20 and said["type"] > len(cases) / 20


def test_casts_and_assignments_of_all_types(sql, program):
    cases = [("any", "%s::%s" % (c, t)) for c in COLUMNS for t in TYPES] + [(to, c) for c in COLUMNS for to in COLUMNS]
    cases += [(to, literal) for literal in LITERALS for to in COLUMNS]
    cases += [("any", "CASE WHEN b THEN %s ELSE %s END" % (a, c)) for a in COLUMNS for c in COLUMNS]
    assert agree(sql, program, cases)["ok"] > 300


def test_operators_of_all_types(sql, program):
    operands = list(COLUMNS) + ["'1'", "NULL", "1", "1.5"]
    operators = "+ - * / % ^ = < || ~~ ~~*".split()
    cases = [("any", "%s %s %s" % (a, o, c)) for o in operators for a in operands for c in operands]
    cases += [("any", "%s%s" % (o, a)) for o in ("-", "+", "@ ") for a in operands]
    assert agree(sql, program, cases)["ok"] > 300


def test_functions_of_all_types(sql, program):
    operands = list(COLUMNS) + ["'1'", "1"]
    cases = [("any", "%s(%s)" % (f, a)) for f in FUNCTIONS[1] for a in operands]
    cases += [("any", "%s(%s, %s)" % (f, a, c)) for f in FUNCTIONS[2] for a in operands for c in ("x", "c", "i4", "i8", "n", "f8", "ts", "d", "'1'", "1")]
    cases += [("any", "%s(%s, %s, %s)" % (f, a, c, e)) for f in FUNCTIONS[3] for a in operands for c in ("x", "i4", "'1'") for e in ("x", "i2", "'1'")]
    assert agree(sql, program, cases)["ok"] > 300


PIECES = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_0-9.]+|::|[-+*/<>=~!@#%^&|]+|\S)")


def closes_too_much(words):
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth < 0:
            return True
    return False


def test_what_is_no_expression_is_refused_as_by_postgresql(sql, program):
    """Words of expressions left out, doubled, and in another order."""
    seed = int(os.environ.get("SEED", 1))
    print("SEED=%d" % seed)
    dice = random.Random(seed)
    cases = []
    for _ in range(int(os.environ.get("CASES", 2000))):
        words = PIECES.findall(expression(dice, dice.choice([1, 2, 2]), dice.choice(FAMILIES)))
        for _ in range(dice.choice([1, 1, 1, 2])):
            i, j = dice.randrange(len(words)), dice.randrange(len(words))
            kind = dice.random()
            if kind < 0.3 and len(words) > 1:
                del words[i]
            elif kind < 0.5:
                words.insert(i, words[j])
            elif kind < 0.7:
                words[i], words[j] = words[j], words[i]
            else:
                words.insert(i, dice.choice("AND OR NOT IS NULL ( ) , :: . = - ! ' [ ] CASE END BETWEEN IN LIKE :int * || ;".split()))
        if not closes_too_much(words):  # the server is asked in parentheses
            cases.append(("any", " ".join(words)))
    said = agree(sql, program, cases, "SEED=%d: " % seed)
    assert said["syntax"] > len(cases) / 4


def test_the_catalog_is_the_servers(sql):
    """daemon/expr/catalog.c is what tools/expr-catalog.sql makes of PostgreSQL 15."""
    sql.execute("SHOW server_version_num")
    if int(sql.fetchone()[0]) // 10000 != 15:
        pytest.skip("catalog.c was made by PostgreSQL 15")
    host, port = sql.connection.info.host, str(sql.connection.info.port)
    script = os.path.join(TOP, "tools/expr-catalog.sql")
    made = subprocess.run(["psql", "-XAtq", "-h", host, "-p", port, "-U", "postgres", "-d", "postgres", "-f", script], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    with open(os.path.join(TOP, "daemon/expr/catalog.c")) as file:
        kept = file.read()
    assert re.sub(r'[\s"]', "", kept) == re.sub(r'[\s"]', "", made)
