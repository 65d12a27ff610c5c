# SPDX-License-Identifier: MIT
"""
The functions, operators and casts that expressions run on the workers, one by one, over values at the edges and random ones: what
the server answers for the same call, value for value, error for error.
"""

import itertools
import os
import random
import subprocess
from contextlib import closing

import pytest

ATTEMPT = """
CREATE FUNCTION pg_temp.attempt(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text;
BEGIN
    EXECUTE 'SELECT CASE WHEN v IS NULL THEN ''NULL'' ELSE encode(convert_to(format(''%s'', v), ''UTF8''), ''hex'') END'
            ' FROM (SELECT ' || expression || ' AS v OFFSET 0) x' INTO r;
    RETURN r;
EXCEPTION WHEN OTHERS THEN
    RETURN '! ' || sqlstate || ' ' || sqlerrm;
END $$"""

TEXTS = ["", " ", "a", "A", "abc", " abc ", "aXbXc", "XX", "äöüß", "ÄÖÜ", "éa zB9ç_d", "日本語", "a日b本", "😀x😀", "'q'", "\\", "a\\%b", "a%b_c",
         "ab" * 40, "-", "a,b,,c", "ǆ Ǆ ǅ", "ŉ İ ı K ſ", "Αθήνα ΣΑΣ ς", "O'Neil mc-donald 3rd", "\tx\n", "Ⱥ ⱥ", "é"]
CHARACTERS = "ab XÄä日😀%_\\,.-'9Z\n"
PATTERNS = ["", "%", "%%", "_", "__", "a%", "%c", "%b%", "a_c", "_%_", "%a%b%", "\\", "a\\", "%\\", "%_\\", "\\%", "a\\%b", "\\\\", "%\\_%", "%日_", "😀%",
            "_x_", "ab%ab", "%ä%", "A%", "%B%"]
INTS = [0, 1, 2, 3, 5, 8, -1, -2, -3, -8, 40, 100, 2147483647, -2147483648]
NUMERICS = ["0", "0.00", "1", "-1", "1.50", "-2.5", "0.5", "NaN", "Infinity", "-Infinity", "123456789.123456789", "99999999999999999999", "1e-20", "7", "-0.001", "1e131071"]


def text(dice):
    return dice.choice(TEXTS) if dice.random() < 0.5 else "".join(dice.choice(CHARACTERS) for _ in range(dice.randint(0, 12)))


def part(dice):
    return dice.choice(["", "X", ",", "a", "b", "ab", "日", " ", "äö"]) if dice.random() < 0.7 else text(dice)


def pattern(dice):
    return dice.choice(PATTERNS) if dice.random() < 0.4 else "".join(dice.choice("abX%%_\\日ä") for _ in range(dice.randint(0, 7)))


# What an argument may be: its type, and a function that makes one
TEXT = ("text", text)
PART = ("text", part)
PATTERN = ("text", pattern)
BPCHAR = ("bpchar", lambda dice: text(dice)[:40].rstrip(" "))
INT = ("int4", lambda dice: dice.choice(INTS) if dice.random() < 0.4 else dice.randint(-12, 14))
SMALL = ("int4", lambda dice: dice.randint(-5, 60))
LENGTH = ("int4", lambda dice: dice.choice([0, -1, 2147483647, -2147483648, 1000000000, 268435455, 268435456]) if dice.random() < 0.05 else dice.randint(-2, 40))
NUMERIC = ("numeric", lambda dice: dice.choice(NUMERICS) if dice.random() < 0.5 else "%.*f" % (dice.randint(0, 6), dice.uniform(-2e4, 2e4)))
BOOL = ("bool", lambda dice: dice.choice(["true", "false"]))
INT8 = ("int8", lambda dice: dice.choice([0, 1, -1, 9223372036854775807, -9223372036854775808, dice.randint(-10 ** 10, 10 ** 10)]))
FLOAT8 = ("float8", lambda dice: dice.choice(["0", "-0", "1e300", "NaN", "-Infinity", "0.1", "1e15", "1e-5", "123456.5"]))
FLOAT4 = ("float4", lambda dice: dice.choice(["0", "-0", "1e30", "NaN", "Infinity", "0.1", "16777216", "1e-7"]))
UUID = ("uuid", lambda dice: "%08x-%04x-4%03x-a%03x-%012x" % tuple(dice.getrandbits(n) for n in (32, 16, 12, 12, 48)))
ANY = [TEXT, INT, NUMERIC, BOOL, INT8, FLOAT8, FLOAT4, UUID]

TEXT_CALLS = [
    ("=", TEXT, TEXT), ("<>", TEXT, TEXT), ("<", TEXT, TEXT), ("<=", TEXT, TEXT), (">", TEXT, TEXT), (">=", TEXT, TEXT),
    ("=", BPCHAR, BPCHAR), ("<>", BPCHAR, BPCHAR), ("<", BPCHAR, BPCHAR), ("<=", BPCHAR, BPCHAR), (">", BPCHAR, BPCHAR), (">=", BPCHAR, BPCHAR),
    ("||", TEXT, TEXT), ("||", BOOL, TEXT), ("||", TEXT, BOOL), ("||", TEXT, NUMERIC), ("||", FLOAT8, TEXT), ("||", TEXT, UUID), ("||", INT8, TEXT),
    ("length", TEXT), ("char_length", TEXT), ("character_length", TEXT), ("octet_length", TEXT), ("bit_length", TEXT),
    ("length", BPCHAR), ("char_length", BPCHAR), ("character_length", BPCHAR),
    ("lower", TEXT), ("upper", TEXT), ("initcap", TEXT), ("ascii", TEXT), ("reverse", TEXT),
    ("btrim", TEXT), ("ltrim", TEXT), ("rtrim", TEXT), ("btrim", TEXT, PART), ("ltrim", TEXT, PART), ("rtrim", TEXT, PART),
    ("substr", TEXT, INT), ("substr", TEXT, INT, INT), ("substring", TEXT, INT), ("substring", TEXT, INT, INT),
    ("left", TEXT, INT), ("right", TEXT, INT), ("replace", TEXT, PART, TEXT), ("translate", TEXT, TEXT, PART),
    ("split_part", TEXT, PART, INT), ("strpos", TEXT, PART), ("position", TEXT, PART), ("starts_with", TEXT, PART),
    ("lpad", TEXT, LENGTH), ("lpad", TEXT, LENGTH, PART), ("rpad", TEXT, LENGTH), ("rpad", TEXT, LENGTH, PART), ("repeat", TEXT, SMALL),
    ("~~", TEXT, PATTERN), ("!~~", TEXT, PATTERN), ("~~*", TEXT, PATTERN), ("!~~*", TEXT, PATTERN), ("like_escape", PATTERN, PART),
    ("concat", "any"), ("concat", "any", "any", "any"), ("concat_ws", PART, "any", "any"), ("concat_ws", PART, "any", "any", "any"),
]
NUMERIC_CALLS = [(op, NUMERIC, NUMERIC) for op in ("+", "-", "*", "/", "%", "mod", "=", "<>", "<", "<=", ">", ">=")] + [
    (op, NUMERIC) for op in ("-", "+", "@", "abs", "round", "trunc", "ceil", "ceiling", "floor", "sign")] + [
    ("round", NUMERIC, INT), ("trunc", NUMERIC, INT)]


def quoted(value):
    return "E'%s'" % str(value).replace("\\", "\\\\").replace("'", "''")


def is_operator(name):
    return not name[0].isalpha()


class Call:
    """The same call for us, as a line, and for the server, as an expression."""

    def __init__(self, name, args, collate=""):
        self.ours = "\t".join([name] + ["%s=%s" % (t, "NULL" if v is None else str(v).encode().hex()) for t, v in args])
        texts = ["%s::%s" % ("NULL" if v is None else quoted(v), "char(60)" if t == "bpchar" else t) for t, v in args]
        texts[0] += collate
        self.theirs = self.sql(name, texts)

    def sql(self, name, texts):
        if not is_operator(name):
            return "pg_catalog.%s(%s)" % ('"position"' if name == "position" else name, ", ".join(texts))
        return "(%s) %s (%s)" % (texts[0], name, texts[1]) if len(texts) == 2 else "%s (%s)" % (name, texts[0])


class Cast:
    """To a type, perhaps with a typmod; the value of a column is assigned through a table."""

    def __init__(self, source, value, target, typmod=-1, sql=None):
        self.ours = "\t".join(["::" + target, str(typmod), "e", "%s=%s" % (source, str(value).encode().hex())])
        self.theirs = "(%s::%s)::%s" % (quoted(value), "char(60)" if source == "bpchar" else source, sql or target)


def call(dice, shape, collate=""):
    kinds = [dice.choice(ANY) if kind == "any" else kind for kind in shape[1:]]
    nulls = shape[0] in ("concat", "concat_ws") and 0.2 or 0.01
    return Call(shape[0], [(t, None if dice.random() < nulls else make(dice)) for t, make in kinds], collate)


def check(postgres, program, cases, ctype="C.UTF-8", seed=0):
    with closing(postgres.connect()) as db, db.cursor() as sql:
        sql.execute(ATTEMPT)
        sql.execute("SELECT pg_temp.attempt(e) FROM unnest(%s::text[]) WITH ORDINALITY AS c(e, n) ORDER BY n", ([c.theirs for c in cases],))
        theirs = [row[0] for row in sql.fetchall()]
    done = subprocess.run([program("function_diff"), ctype], input="".join(c.ours + "\n" for c in cases), stdout=subprocess.PIPE, text=True, check=True)
    ours = done.stdout.splitlines()
    assert len(ours) == len(theirs) == len(cases)
    found = ["%s: we say %s, the server %s" % (c.theirs, readable(us), readable(them)) for c, us, them in zip(cases, ours, theirs) if us != them]
    assert not found, "seed %d: %d of %d:\n" % (seed, len(found), len(cases)) + "\n".join(line[:400] for line in found[:40])


def readable(answer):
    try:
        return repr(bytes.fromhex(answer).decode())
    except ValueError:
        return answer


CASES = int(os.environ.get("CASES", "300"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("calls", [TEXT_CALLS, NUMERIC_CALLS], ids=["text", "numeric"])
def test_calls_are_the_servers(postgres, program, calls):
    dice = random.Random(SEED)
    check(postgres, program, [call(dice, shape) for shape in calls for _ in range(CASES)], seed=SEED)


def test_case_in_the_c_locale_is_ascii(postgres, program):
    dice = random.Random(SEED)
    calls = [shape for shape in TEXT_CALLS if shape[0] in ("lower", "upper", "initcap", "~~*", "!~~*")]
    check(postgres, program, [call(dice, shape, ' COLLATE "C"') for shape in calls for _ in range(CASES)], "C", SEED)
