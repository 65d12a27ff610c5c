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
    RETURN replace('! ' || sqlstate || ' ' || sqlerrm, E'\\n', ' ');
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
            return "pg_catalog.%s(%s)" % ('"%s"' % name, ", ".join(texts))
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


def check(postgres, program, cases, ctype="C.UTF-8", seed=0, setup=""):
    with closing(postgres.connect()) as db, db.cursor() as sql:
        sql.execute(ATTEMPT + ";" + setup)
        sql.execute("SELECT pg_temp.attempt(e) FROM unnest(%s::text[]) WITH ORDINALITY AS c(e, n) ORDER BY n", ([c.theirs for c in cases],))
        theirs = [row[0] for row in sql.fetchall()]
    done = subprocess.run([program("function_diff"), ctype], input="".join(c.ours + "\n" for c in cases), stdout=subprocess.PIPE, text=True, check=True)
    ours = done.stdout.split("\n")[:-1]
    assert len(ours) == len(theirs) == len(cases)
    found = ["%s: we say %s, the server %s" % (c.theirs, readable(us), readable(them)) for c, us, them in zip(cases, ours, theirs) if us != them]
    assert not found, "seed %d: %d of %d:\n" % (seed, len(found), len(cases)) + "\n".join(line[:400] for line in found[:40])


def readable(answer):
    try:
        return repr(bytes.fromhex(answer).decode())
    except ValueError:
        return answer


CASES = int(os.environ.get("CASES", "120"))
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("calls", [TEXT_CALLS, NUMERIC_CALLS], ids=["text", "numeric"])
def test_calls_are_the_servers(postgres, program, calls):
    dice = random.Random(SEED)
    check(postgres, program, [call(dice, shape) for shape in calls for _ in range(CASES)], seed=SEED)


def test_case_in_the_c_locale_is_ascii(postgres, program):
    dice = random.Random(SEED)
    calls = [shape for shape in TEXT_CALLS if shape[0] in ("lower", "upper", "initcap", "~~*", "!~~*")]
    check(postgres, program, [call(dice, shape, ' COLLATE "C"') for shape in calls for _ in range(CASES)], "C", SEED)


def number_text(dice):
    kind = dice.random()
    if kind < 0.25:
        return dice.choice(["", " ", "x", "1", " 12 ", "-0", "+7", "1.5", "1e3", "32767", "32768", "-32769", "2147483648", "-2147483648", "9223372036854775807",
                            "9223372036854775808", "99999999999999999999", "1e400", "-1e400", "1e-400", "1e39", "1e-46", "NaN", "inf", "-Infinity", "0x10", "1_000", "1,5",
                            "t", "f", "yes", "off", "of", "o", "TRUE", "tru e", "1e140000", "5e-20", "--1", "1.", ".5", ".", "é"])
    return "%.*f" % (dice.randint(0, 5), dice.uniform(-1, 1) * 10 ** dice.randint(0, 22)) if kind < 0.6 else str(dice.randint(-1, 1) * 10 ** dice.randint(0, 20) + dice.randint(-9, 9))


def moment_text(dice):
    kind = dice.random()
    if kind < 0.2:
        return dice.choice(["", "x", "infinity", "-infinity", "epoch", "2024-02-30", "2024-13-01", "2023-02-29", "2024-02-29", "0000-01-01", "0001-01-01 BC", "4714-11-24 BC",
                            "4714-11-23 BC", "5874897-12-31", "294276-12-31 23:59:59.999999", "294277-01-01", "25:00:00", "24:00:00", "24:00:01", "12:60:00", "23:59:60", "12:00:61",
                            "2024-01-01 12:00:00+05:30", "2024-01-01 12:00+15:59", "1/31/2024", "31/1/2024", "20240131", "2024-1-5", "Jan 5, 2024", "2024-01-01 24:00:00", "12:34:56.7899999",
                            "2024-01-01T12:00:00Z", "  2024-01-01  ", "2024-01-01 1:2:3"])
    date = "%04d-%02d-%02d" % (dice.randint(1, 9999), dice.randint(1, 12), dice.randint(1, 29))
    clock = "%02d:%02d:%02d" % (dice.randint(0, 24), dice.randint(0, 59), dice.randint(0, 59))
    if dice.random() < 0.5:
        clock += ".%d" % dice.randint(0, 9999999)
    return dice.choice([date, clock, date + " " + clock, date + " " + clock, date + " BC" if date < "4713" else date])


def value_text(dice):
    return dice.choice([number_text, moment_text, text])(dice)


UUIDS = ["", "x", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC999C0B4EF8BB6D6BB9BD380A11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", " a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", "a0eebc999c0b-4ef8bb6d-6bb9bd380a11"]
JSONS = ["", "{", "{}", '{"a": 1}', "[1, 2", "null", "nul", ' "x" ', "1e5", "01", '{"a":1,}']
FROM_TEXT = [(number_text, ("bool", "int2", "int4", "int8", "numeric", "float4", "float8")), (moment_text, ("date", "time", "timestamp", "timestamptz")),
             (lambda dice: dice.choice(UUIDS), ("uuid",)), (lambda dice: dice.choice(JSONS), ("json",)),
             (value_text, ("bool", "int4", "numeric", "float8", "uuid"))]


def moment(dice, kind):
    if dice.random() < 0.06 and kind != "time":
        return dice.choice(["infinity", "-infinity"])
    if dice.random() < 0.08:
        return {"date": ["4714-11-24 BC", "5874897-12-31", "0001-12-31 BC", "0001-01-01", "294276-12-31", "294277-01-01"], "time": ["00:00:00", "24:00:00", "23:59:59.999999"]}.get(
            kind, ["4714-11-24 00:00:00 BC", "294276-12-31 23:59:59.999999", "0001-12-31 23:59:59.9 BC", "0001-01-01 00:00:00", "0101-01-01 BC", "2000-01-01", "1970-01-01"])[
            dice.randint(0, 2 if kind == "time" else 5)]
    year = dice.choice([dice.randint(1990, 2030), dice.randint(1, 9999), dice.randint(1, 4713)])
    date = "%04d-%02d-%02d" % (year, dice.choice([1, 1, 12, 12, dice.randint(1, 12)]), dice.choice([1, 2, 3, 4, 28, 29, 30, 31, dice.randint(1, 28)]))
    if date[5:7] in ("02", "04", "06", "09", "11"):
        date = date[:8] + min(date[8:], "28")
    clock = "%02d:%02d:%02d%s" % (dice.randint(0, 23), dice.randint(0, 59), dice.randint(0, 59), dice.choice(["", ".5", ".25", ".000001", ".999999", ".%06d" % dice.randint(0, 999999)]))
    era = " BC" if year < 4713 and dice.random() < 0.1 else ""
    return {"date": date + era, "time": clock}.get(kind, date + " " + clock + era)


DATE, TIME, TIMESTAMP, TIMESTAMPTZ = [(kind, lambda dice, kind=kind: moment(dice, kind)) for kind in ("date", "time", "timestamp", "timestamptz")]


def test_casts_of_text_are_the_servers(postgres, program):
    dice = random.Random(SEED)
    cases = [Cast("text", make(dice), target) for make, targets in FROM_TEXT for target in targets for _ in range(CASES)]
    cases += [Cast(kind, make(dice), "text") for kind, make in (BOOL, INT, INT8, NUMERIC, FLOAT4, FLOAT8, UUID, DATE, TIME, TIMESTAMP, TIMESTAMPTZ) for _ in range(CASES)]
    for _ in range(CASES):
        n = dice.randint(1, 9)
        cases.append(Cast("varchar", text(dice), "varchar", n + 4, "varchar(%d)" % n))
        cases.append(Cast("bpchar", text(dice).rstrip(" "), "bpchar", n + 4, "char(%d)::text" % n))
        cases.append(Cast("bpchar", text(dice)[:40], "text"))
    check(postgres, program, cases, seed=SEED)


ASSIGN = """
CREATE FUNCTION pg_temp.varchar3(x text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE v varchar(3); BEGIN v := x; RETURN v; END $$;
CREATE FUNCTION pg_temp.char3(x text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE v char(3); BEGIN v := x; RETURN v; END $$;"""


class Assigned:
    def __init__(self, source, value):
        self.ours = "\t".join(["::" + source, "7", "a", "%s=%s" % (source, value.encode().hex())])
        self.theirs = "pg_temp.%s3(%s)" % ("char" if source == "bpchar" else source, quoted(value))


def test_what_is_too_long_to_be_assigned_is_an_error(postgres, program):
    dice = random.Random(SEED)
    texts = ["", "abc", "abc ", "abc  ", "abcd", "äöü", "äöü ", "äöüx", "   ", "    ", "a   ", "ab  c"]
    check(postgres, program, [Assigned(source, value) for source in ("varchar", "bpchar") for value in texts + [text(dice) for _ in range(CASES)]], setup=ASSIGN)


UNITS = ("microseconds milliseconds second minute hour day week month quarter year decade century millennium timezone timezone_hour timezone_minute dow isodow doy isoyear julian"
         " epoch us msecs s m mm h d mons qtr y dec cent mil MILLENNIUMS Year j jd infinity now today allballs foo Microsecon microseco").split() + ["", " day", "ÄöX", "x" * 80]
UNIT = ("text", lambda dice: dice.choice(UNITS[:22]) if dice.random() < 0.8 else dice.choice(UNITS))
DAYS = ("int4", lambda dice: dice.choice([0, 1, -1, 2147483647, -2147483648, 2145031948]) if dice.random() < 0.3 else dice.randint(-100000, 100000))
YEAR = ("int4", lambda dice: dice.choice([0, -1, -4, -5, 4, 2000, 1900, -2147483648, 2147483647, 5874897, 5874898, -4713, -4714, -4715]) if dice.random() < 0.3 else dice.randint(-5000, 9999))
MONTH = ("int4", lambda dice: dice.choice([0, 13, -1, 2147483647, -2147483648]) if dice.random() < 0.1 else dice.choice([2, 11, dice.randint(1, 12)]))
DAY = ("int4", lambda dice: dice.choice([0, 32, -1, 2147483647]) if dice.random() < 0.1 else dice.choice([23, 24, 28, 29, 30, 31, dice.randint(1, 31)]))
MOMENTS = (DATE, TIMESTAMP, TIMESTAMPTZ)
DATETIME_CALLS = [(op, a, b) for op in ("=", "<>", "<", "<=", ">", ">=") for a in MOMENTS for b in MOMENTS] + [
    (op, TIME, TIME) for op in ("=", "<>", "<", "<=", ">", ">=")] + [
    ("+", DATE, DAYS), ("+", DAYS, DATE), ("-", DATE, DAYS), ("-", DATE, DATE), ("+", DATE, TIME), ("+", TIME, DATE),
    ("make_date", YEAR, MONTH, DAY), ("isfinite", DATE), ("isfinite", TIMESTAMP), ("isfinite", TIMESTAMPTZ),
    ("date_trunc", UNIT, TIMESTAMP), ("date_trunc", UNIT, TIMESTAMPTZ)] + [
    (name, UNIT, kind) for name in ("extract", "date_part") for kind in (DATE, TIME, TIMESTAMP, TIMESTAMPTZ) for _ in range(8)]


def test_dates_and_times_are_the_servers(postgres, program):
    dice = random.Random(SEED)
    cases = [call(dice, shape) for shape in DATETIME_CALLS for _ in range(CASES)]
    for kind, make in MOMENTS + (TIME,):
        for target in ("date", "time", "timestamp", "timestamptz"):
            if kind != target and "time" != kind and (kind, target) != ("date", "time"):
                cases += [Cast(kind, make(dice), target) for _ in range(CASES)]
        if kind != "date":
            cases += [Cast(kind, make(dice), kind, digits, "%s(%d)" % (kind, digits)) for digits in range(7) for _ in range(CASES)]
    check(postgres, program, cases, seed=SEED)
