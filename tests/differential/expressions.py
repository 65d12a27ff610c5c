# SPDX-License-Identifier: MIT
"""Random expressions of PostgreSQL's, out of the functions and casts that run on the workers, and random rows for them."""

# name: (oid, columns)
TYPES = {
    "boolean": (16, "b"), "smallint": (21, "i2 j2"), "integer": (23, "i4 j4"), "bigint": (20, "i8 j8"),
    "numeric": (1700, "n m p"), "real": (700, "f4 g4"), "double precision": (701, "f8 g8"), "date": (1082, "d e"),
    "time": (1083, "t"), "timestamp": (1114, "ts us"), "timestamptz": (1184, "tz uz"), "uuid": (2950, "u w"),
    "text": (25, "x y c_z digits stamp"), "varchar": (1043, "v"), "bpchar": (1042, "k"),
}
NAMES = {oid: name for name, (oid, _) in TYPES.items()}
COLUMNS = """
    id integer primary key, b boolean, i2 smallint, j2 smallint, i4 integer, j4 integer, i8 bigint, j8 bigint, n numeric, m numeric,
    p numeric(12,2), f4 real, g4 real, f8 double precision, g8 double precision, d date, e date, t time, ts timestamp, us timestamp,
    tz timestamptz, uz timestamptz, u uuid, w uuid, x text, y text, c_z text COLLATE "C", digits text, stamp text, v varchar(20),
    k char(8)"""

INTEGERS = ("smallint", "integer", "bigint")
WIDTH = {"smallint": 15, "integer": 31, "bigint": 63}
# What PostgreSQL turns into the type by itself
IMPLICIT = {
    "integer": ["smallint"], "bigint": ["integer", "smallint"], "numeric": ["integer", "bigint", "smallint"],
    "double precision": ["integer", "numeric", "real", "bigint"], "real": ["integer", "numeric"], "timestamp": ["date"],
    "timestamptz": ["date", "timestamp"], "text": ["varchar", "bpchar"], "varchar": ["text"], "bpchar": ["text"],
}
UNITS = """microseconds milliseconds second minute hour day week month quarter year decade century millennium dow doy epoch isodow
    isoyear julian Month YEARS bogus""".split()
ZONES = ["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu"]
PATTERNS = ["%", "a%", "%b", "_", "%é%", "a_c%", "%\\%%", "", "%a%b%", "__", "A%"]
SMALL = ["-1", "0", "1", "2", "3", "5", "10", "i2 % 7", "length(x) - 1", "NULL::integer"]
ALPHABET = list("abcABC 019.,-_%éßЖ日😀\\'") + ["ab", "foo", "  ", "\t"]


def quoted(text):
    return "'" + text.replace("'", "''") + "'"

# Syntax, precedence and types that chance does not meet often; what each is, says the server.
PICKED = """
    -2 ^ 2; 2 ^ 3 ^ 2; 2 - -1; 2 - - 1; -i4 % 7; - i4 ^ 2; 2 + 3 * 4 % 5; 7 / 2 * 2.0; i4 + 1 = j4; NOT i4 = j4; NOT b AND b; b OR b AND NOT b
    i4 < j4 IS TRUE; i4 = j4 IS NULL; NOT b IS NULL; i4 < 3 = b; b = b = b; i4 BETWEEN 1 AND 3 AND b; i4 + 1 BETWEEN j4 - 1 AND j4 + 1
    NOT i4 BETWEEN 1 AND 3; i4 IN (1, 2, NULL); i4 NOT IN (1, 2, NULL); i4 IN (i2, j4, 3); x IN ('a', 'b', ''); i4 IN ('1', '2'); i4 IN (1.0, 2)
    (i4, j4) = (1, 2); i4 = '5'; i4 = ' 5 '; d = '2020-01-01'; d < 'infinity'; tz > '2000-01-01 00:00:00+02'; u = '00000000-0000-4000-8000-000000000000'
    i4 + '1'; '1' + i4; i2 + 1; i2 * 100000; i8 + 1.5; i4 / 2; i4 / 2.0; f8 / 2; f4 * 2; f4 * 2.5; n / 3; p * 0.1; i2 + i8; n % 3; 5 % n; i4 + NULL
    NULL; 'abc'; 1; 2147483648; 9223372036854775808; 1.; .5; 1e3; 1E-3; 1.5e+2; 0.10; 000.5; true; 'x' || 'y'; 'it''s'; E'a\\tb\\\\'; $$a'b$$; U&'\\00e9'
    x || i4; i4 || x; x || b; x || NULL; 'a' || d; n || 'x'; x || f8; x || ts; v || k; k || v; k || k; x || u; concat(x, i4, NULL, b, d, f8, n)
    concat_ws(',', x, i4, NULL, y); concat(); coalesce(x, 'none'); coalesce(i4, 1.5); coalesce(i2, i8, n); coalesce(NULL, 1); coalesce(NULL, NULL)
    nullif(i4, 1); nullif(x, ''); nullif(i4, 1.0); nullif(1, 2.2); nullif(NULL, 1); greatest(i4, 1.5, i8); least(x, 'b'); greatest(d, ts); least(NULL, i4)
    CASE i4 WHEN 1 THEN 'one' WHEN 2 THEN 'two' ELSE x END; CASE WHEN b THEN 1 END; CASE WHEN b THEN 1 ELSE 2.5 END; CASE WHEN b THEN i4 ELSE i8 END
    CASE WHEN b THEN NULL ELSE d END; CASE b WHEN true THEN x ELSE v END; CASE WHEN i4 <> 0 THEN j4 / i4 END; CASE WHEN i4 = 0 THEN 0 ELSE j4 / i4 END
    i4 = 0 OR j4 / i4 > 1; i4 <> 0 AND j4 / i4 > 1; j4 / i4 > 1 OR i4 = 0; b AND NULL; NULL AND b; b OR NULL; NOT NULL; NULL IS NULL; i4 IS NOT NULL
    b IS UNKNOWN; b IS NOT TRUE; i4 IS DISTINCT FROM NULL; i4 IS NOT DISTINCT FROM j4; x ISNULL; x NOTNULL; x = NULL; NULL = NULL; NULL < 1
    x LIKE 'a%'; x NOT LIKE '%b'; x LIKE '%!%%' ESCAPE '!'; x ILIKE 'A%'; x LIKE y; x ~~ 'a_'; 'a%' LIKE x; x LIKE ''; x LIKE NULL; x LIKE '%\\'; x LIKE v
    i4::text; i4::varchar(2); x::varchar(2); x::char(2); k::text; n::integer; f8::integer; x::integer; digits::numeric(6,2); digits::float8::int8
    CAST(i4 AS numeric(5,1)); n::numeric(3); b::text; b::integer; i4::boolean; x::boolean; d::text; ts::date; ts::time; tz::date; tz::text; d::timestamp
    integer '5' + i4; numeric '1.5' * n; date '2020-02-29' + 1; timestamp '2020-01-01 00:00' > ts; float8 'NaN' = f8; bool 'yes' AND b; '5'::int + i4
    int4(n); text(i4); numeric(i4, 5); date(ts); lower(x) = upper(y); length(x) > 3; length(v); length(k); char_length(x); octet_length(k); substr(x, 2)
    substring(x FROM 2 FOR 3); substring(x FOR 2); substring(x, 2, 3); trim(x); trim(BOTH 'a' FROM x); trim(LEADING FROM x); trim(TRAILING 'b' FROM x)
    trim('ab' FROM x); btrim(x, 'ab'); position('a' IN x); left(x, 2); left(x, -1); right(x, 2); right(x, -2); replace(x, 'a', 'b'); split_part(x, ' ', 1)
    split_part(x, ',', -1); split_part(x, ',', 0); lpad(x, 5); lpad(x, 5, 'ab'); rpad(i4::text, 6, '0'); initcap(x); upper(v); lower(k); strpos(x, 'a')
    round(n); round(n, 1); round(n * n, 2); round(n * 1.19, 0); round(n * (n / 7), -2); round(1e200 * n * 1e200, i4); round(f8); round(i4); round(n, -1); trunc(n, 2); abs(i4); abs(n); ceil(n); ceil(f8); floor(i4); mod(i4, 3); mod(n, 2); mod(i2, i4)
    sign(n); sign(i4); sqrt(n); sqrt(f8); power(i4, 2); power(f8, 2); i4 ^ 2; n ^ 2; abs(-i4); +i4; - - i4; @ i4; ~ i4; i4 & 7; i4 | j4; i4 # 1; i4 << 2; i8 >> 1
    date_trunc('month', ts); date_trunc('hour', tz::timestamp(3)); date_trunc('month', d); date_trunc('week', tz); date_trunc('nonsense', ts); extract(year FROM d); extract('month' FROM ts)
    extract(epoch FROM ts); date_part('dow', d); extract(hour FROM d); d + 1; d - 1; d - e; d + i4; d + t; ts - us; ts + interval '1 day'; d - ts; age(ts, us)
    ts AT TIME ZONE 'UTC'; tz AT TIME ZONE 'Europe/Paris'; ts = d; d = tz; ts < tz; now() IS NULL; current_date = d; random() < 2; x COLLATE "C" < y
    c_z < x; c_z = y; lower(c_z); c_z || x < y; i4 = b; x + 1; lower(i4); nosuch(i4); nosuch; i4 +; (i4; i4 i4; x = 1; b + b; NOT i4; i4 AND b; upper(x, y)
    CASE WHEN i4 THEN 1 END; CASE WHEN b THEN 1 ELSE 'x' END; coalesce(i4, 'x'); coalesce(i4, x); greatest(i4, x); i4::date; d::integer; u::text; x::uuid; t + t
    i4 / 0 + ('x' || i4)::date; x::time + (x || 'y')::date; 1 / 0; i4 / 0; 1 / 0 + i4; 'x'::integer; 2147483647 + 1; 32767::int2 + 1::int2; (-2147483648) / -1; -2147483648; - 9223372036854775808; 1 = 1.0; '1' = '1.0'
    subject.i4 + 1; "i4" + 1; "I4"; I4 + 1; other.i4; i4 /* a (nested /* one */) comment */ + 1; i4::int4::int8; (b); ((i4)); i4 -- the end
    (' 1e99' || x)::real; ('1e-999' || x)::float8; ('-1.5e400 ' || k)::float8; (x || '1e-99')::float4; ('.e999' || b)::float8; ('1e999e' || b)::float8
    a b; ''; 'a'; ; (); (SELECT 1); sum(i4); count(*); i4 = ANY (ARRAY[1,2]); ARRAY[1]; ROW(1); i4 IS DISTINCT FROM; x SIMILAR TO 'a'; x ~ 'a'; i4 !~ 1
    !! 5; 5 !; i4 != j4; i4 <> j4; i4 => 1; i4 >= j4; i4 =- 1; i4 = -1; i4*-1; 2*-3; @-5; i4 OPERATOR(pg_catalog.+) 1; pg_catalog.lower(x); b::int::text::int
    0x10; 1_000; 1e; 1.2.3; 1..2; 5 -3; 5-3; '5'-'3'; '2020-01-02'::date - '2020-01-01'; 'a' 'b'; 'a'
    """


def picked():
    return [text.strip() for text in PICKED.replace("\n", ";").split(";")]


class Writer:
    """Expressions by type, from the tables that `expr_diff tables` prints."""

    def __init__(self, dice, tables):
        self.dice = dice
        self.functions, self.casts = {}, {}
        for line in tables.splitlines():
            kind, *words = line.split()
            if kind == "F":
                name, result, flags, *args = words[0], *map(int, words[1:])
                if result in NAMES and not flags & 4 and all(a in NAMES or a == 0 for a in args):
                    self.functions.setdefault(NAMES[result], {}).setdefault(name, []).append((args, flags))
            elif int(words[0]) in NAMES and int(words[1]) in NAMES and words[0] != words[1]:
                self.casts.setdefault(NAMES[int(words[1])], []).append(NAMES[int(words[0])])

    def any_type(self):
        return self.dice.choice(list(TYPES))

    def any_expression(self):
        return self.expression(self.any_type(), self.dice.choice([1, 2, 2, 3, 3, 4]))

    def expression(self, kind, depth):
        r = self.dice.random()
        if depth <= 0 or r < 0.1:
            return self.leaf(kind)
        if r < 0.2:
            return self.conditional(kind, depth - 1)
        if r < 0.3 and self.casts.get(kind):
            return self.cast(kind, depth - 1)
        if kind == "boolean" and r < 0.55:
            return self.condition(depth - 1)
        if kind in self.functions:
            return self.function(kind, depth - 1)
        return self.leaf(kind) if r < 0.5 else self.conditional(kind, depth - 1)

    def argument(self, kind, depth):
        """An expression of that type, now and then of one that becomes it by itself."""
        if kind in IMPLICIT and self.dice.random() < 0.12:
            kind = self.dice.choice(IMPLICIT[kind])
        if self.dice.random() < 0.01:
            kind = self.any_type()
        return self.expression(kind, depth)

    def leaf(self, kind):
        if self.dice.random() < 0.75:
            return self.dice.choice(TYPES[kind][1].split())
        return self.literal(kind)

    def literal(self, kind):
        dice = self.dice
        if dice.random() < 0.06:
            return "NULL::" + kind if dice.random() < 0.8 else "NULL"
        text = value(dice, kind)
        if text is None:
            text = value(dice, kind) or "1"
        if kind == "boolean" and dice.random() < 0.7:
            return dice.choice(["true", "false"])
        if kind in ("integer", "numeric") and text.lstrip("-").replace(".", "", 1).isdigit() and dice.random() < 0.7:
            return text if not text.startswith("-") else "(%s)" % text
        if kind == "text" and dice.random() < 0.7:
            return quoted(text)
        return "%s::%s" % (quoted(text), kind) if dice.random() < 0.8 else "CAST(%s AS %s)" % (quoted(text), kind)

    def cast(self, kind, depth):
        source = self.dice.choice(self.casts[kind])
        typmod = ""
        if self.dice.random() < 0.3:
            typmod = {"numeric": ["(10,2)", "(5)", "(3,-1)", "(20,10)", "(2,4)"], "varchar": ["(3)", "(10)"], "bpchar": ["(3)", "(10)"],
                      "timestamp": ["(0)", "(3)"], "timestamptz": ["(0)", "(2)"], "time": ["(0)", "(4)"]}.get(kind, [""])
            typmod = self.dice.choice(typmod)
        if kind == "bpchar":
            kind = "char" if typmod else kind
        value = self.expression(source, depth)
        return "(%s)::%s%s" % (value, kind, typmod) if self.dice.random() < 0.6 else "CAST(%s AS %s%s)" % (value, kind, typmod)

    def conditional(self, kind, depth):
        dice, way = self.dice, self.dice.randrange(6)
        if way == 0:
            whens = "".join(" WHEN %s THEN %s" % (self.expression("boolean", depth), self.expression(kind, depth))
                            for _ in range(dice.randint(1, 3)))
            return "CASE%s%s END" % (whens, " ELSE " + self.expression(kind, depth) if dice.random() < 0.7 else "")
        if way == 1:
            of = self.any_type()
            whens = "".join(" WHEN %s THEN %s" % (self.leaf(of), self.expression(kind, depth)) for _ in range(dice.randint(1, 3)))
            return "CASE %s%s%s END" % (self.expression(of, depth), whens, " ELSE " + self.leaf(kind) if dice.random() < 0.5 else "")
        if way == 2:
            return "NULLIF(%s, %s)" % (self.expression(kind, depth), self.leaf(kind))
        name = ("COALESCE", "GREATEST", "LEAST")[way - 3]
        return "%s(%s)" % (name, ", ".join(self.expression(kind, depth) for _ in range(dice.randint(2, 4))))

    def condition(self, depth):
        dice, way, of = self.dice, self.dice.randrange(9), self.any_type()
        if way < 3:
            return "(%s)" % dice.choice([" AND ", " OR "]).join(self.expression("boolean", depth) for _ in range(dice.randint(2, 4)))
        if way == 3:
            return "(NOT %s)" % self.expression("boolean", depth)
        if way == 4:
            return "(%s IS %s)" % (self.expression(of, depth), dice.choice(["NULL", "NOT NULL"]))
        if way == 5:
            test = dice.choice(["TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN"])
            return "(%s IS %s)" % (self.expression("boolean", depth), test)
        if way == 6:
            words = dice.choice(["IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
            return "(%s %s %s)" % (self.expression(of, depth), words, self.argument(of, depth))
        if way == 7:
            items = ", ".join(self.leaf(of) for _ in range(dice.randint(1, 4)))
            return "(%s %s (%s))" % (self.expression(of, depth), dice.choice(["IN", "NOT IN"]), items)
        words = dice.choice(["BETWEEN", "NOT BETWEEN"])
        return "(%s %s %s AND %s)" % (self.expression(of, depth), words, self.leaf(of), self.leaf(of))

    def function(self, kind, depth):
        name = self.dice.choice(list(self.functions[kind]))
        args, flags = self.dice.choice(self.functions[kind][name])
        kinds = [NAMES[a] if a else self.any_type() for a in args]
        if flags & 2:
            last = kinds.pop()
            kinds += [self.any_type() if args[-1] == 0 else last for _ in range(self.dice.randint(1, 3))]
        texts = [self.special(name, i, kinds) or self.argument(k, depth) for i, k in enumerate(kinds)]
        return self.written(name, texts)

    def special(self, name, i, kinds):
        """An argument for which any value of its type would only be an error."""
        dice = self.dice
        if name in ("date_trunc", "date_part", "extract") and i == 0:
            unit = dice.choice(UNITS)
            return unit if name == "extract" else quoted(unit)
        if name == "timezone" and i == 0 and kinds[0] == "text":
            return quoted(dice.choice(ZONES))
        if name in ("~~", "!~~", "~~*", "!~~*") and i == 1 and dice.random() < 0.8:
            return quoted(dice.choice(PATTERNS))
        if kinds[i] == "integer" and kinds[0] in ("text", "varchar", "bpchar", "numeric", "integer") and i > 0 and name.isidentifier():
            return dice.choice(SMALL)
        if kinds[i] == "integer" and kinds[0] == "date":
            return dice.choice(SMALL + ["i4"])
        return None

    def written(self, name, texts):
        if name == "extract":
            return "extract(%s FROM %s)" % tuple(texts)
        if name == "position":
            return "position(%s IN %s)" % (texts[1], texts[0])
        like = {"~~": "LIKE", "!~~": "NOT LIKE", "~~*": "ILIKE", "!~~*": "NOT ILIKE"}
        if name in like and self.dice.random() < 0.8:
            name = like[name]
        elif name[0].isalpha():
            return "%s(%s)" % (name, ", ".join(texts))
        if len(texts) == 1:
            return "(%s %s)" % (name, texts[0])
        return "(%s %s %s)" % (texts[0], name, texts[1])


def digits(dice, n):
    return str(dice.randint(0, 10 ** n - 1))


def value(dice, kind):
    """The text of a random value, or None for NULL: small ones, extremes, and all between."""
    r = dice.random()
    if r < 0.1:
        return None
    if kind == "boolean":
        return dice.choice(["t", "f"])
    if kind in INTEGERS:
        most = 2 ** WIDTH[kind]
        if r < 0.65:
            return str(dice.randint(-4, 12))
        if r < 0.75:
            return str(dice.choice([most - 1, -most, most - 2, 1 - most]))
        return str(dice.randint(-most, most - 1) >> dice.randint(0, WIDTH[kind]))
    if kind == "numeric":
        if r < 0.5:
            return dice.choice(["0", "1", "-1", "0.00", "2.5", "-2.5", "0.05", "100", "3.14", "1.10", "-0.5", "12.345"])
        if r < 0.56:
            return dice.choice(["NaN", "Infinity", "-Infinity"])
        if r < 0.95:
            return ("-" if dice.random() < 0.4 else "") + digits(dice, dice.randint(1, 9)) + "." + digits(dice, dice.randint(1, 6))
        return ("-" if dice.random() < 0.4 else "") + digits(dice, dice.randint(1, 40)) + "." + digits(dice, dice.randint(1, 40))
    if kind in ("real", "double precision"):
        if r < 0.5:
            return dice.choice(["0", "-0", "1", "-1", "0.5", "2.5", "-1.5", "3", "100", "0.1"])
        if r < 0.58:
            return dice.choice(["NaN", "Infinity", "-Infinity"])
        if r < 0.66:
            return dice.choice(["1e38", "-3e38", "1e-40", "1.5e-45"] + ["1e308", "1e-310", "5e-324", "-1.7e308"] * (kind != "real"))
        return repr(dice.uniform(-1, 1) * 10 ** dice.randint(-6, 18))
    if kind == "date":
        if r < 0.14:
            return dice.choice(["infinity", "-infinity", "4713-01-01 BC", "5874897-12-31", "0001-12-31 BC", "1900-02-28"])
        return "%04d-%02d-%02d" % (dice.randint(1890, 2110), dice.randint(1, 12), dice.randint(1, 28))
    if kind == "time":
        return dice.choice(["00:00", "24:00", "23:59:59.999999", "12:34:56.7"]) if r < 0.4 else clock(dice)
    if kind in ("timestamp", "timestamptz"):
        if r < 0.14:
            return dice.choice(["infinity", "-infinity", "4713-01-01 00:00 BC", "294276-12-31 23:59:59.999999", "1970-01-01"])
        return "%04d-%02d-%02d %s" % (dice.randint(1890, 2110), dice.randint(1, 12), dice.randint(1, 28), clock(dice))
    if kind == "uuid":
        return "%08x-0000-4000-8000-%012x" % (dice.randint(0, 3), dice.choice([0, 1, 255]))
    return "".join(dice.choice(ALPHABET) for _ in range(dice.choice([0, 1, 2, 3, 5, 8, 12])))[:7 if kind == "bpchar" else 19]


def clock(dice):
    text = "%02d:%02d:%02d" % (dice.randint(0, 23), dice.randint(0, 59), dice.randint(0, 59))
    return text + ".%06d" % dice.randint(0, 999999) if dice.random() < 0.5 else text


def row(dice, number):
    """The fields of one row of COLUMNS."""
    fields = [str(number)]
    for column in [words.split()[0] for words in COLUMNS.replace("(12,2)", "").split(",")][1:]:
        kind = next(name for name, (_, columns) in TYPES.items() if column in columns.split())
        text = value(dice, kind)
        if column == "p" and text is not None:
            text = "%.2f" % (dice.randint(-10 ** 6, 10 ** 8) / 100)
        if column == "digits" and dice.random() < 0.8:
            text = value(dice, dice.choice(["integer", "numeric", "double precision", "bigint", "boolean"]))
        if column == "stamp" and dice.random() < 0.8:
            text = value(dice, dice.choice(["date", "timestamp", "time", "uuid"]))
        fields.append(text)
    return fields
