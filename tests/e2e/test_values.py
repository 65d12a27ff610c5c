# SPDX-License-Identifier: MIT
"""How a dataset's values are written: decimal and thousands marks, time zones, NULL tokens, also where its columns are inferred."""

from decimal import Decimal

MARKED = """
[dataset prices]
columns = id bigint, amount numeric(12,2), rate float8, count int, at timestamptz, there timestamptz, note text
delimiter = ;
decimal_mark = ,
thousands_mark = .
timezone = Europe/Paris
max_errors = 5

[column prices.rate]
decimal_mark = .
thousands_mark = none

[column prices.there]
timezone = America/New_York

[dataset guessed]
delimiter = ;
decimal_mark = ,
thousands_mark = space
null = N/A, -
"""


def test_marks_and_zones_say_what_values_mean(cetld, database):
    daemon = cetld(MARKED)
    daemon.drop("prices.csv", "id;amount;rate;count;at;there;note\n"
                              "1;1.234,56;0.125;12.345;2024-01-31 12:00;2024-01-31 12:00;1.234,5\n"
                              "2;-7,5;1e3;7;2024-07-31 12:00;2024-07-31 12:00;\n"
                              "3;1234567,8;2;1234;2024-03-31 02:30;2024-11-03 01:30;gap and overlap\n"
                              "4;0;0;0;2024-01-31 12:00Z;2024-01-31 12:00+05;its own\n"
                              "5;12.34;0;0;;;a group of two\n"
                              "6;1;1,5;0;;;a comma where the column has a point\n"
                              "7;1;1;0.123;;;a group behind 0\n")
    entry = daemon.wait_state("prices.csv", "loaded")
    assert (entry["rows_loaded"], entry["rows_rejected"]) == (4, 3)
    assert database.rows("SELECT amount, rate, count, (at AT TIME ZONE 'UTC')::text, (there AT TIME ZONE 'UTC')::text, note FROM prices ORDER BY id") == [
        (Decimal("1234.56"), 0.125, 12345, "2024-01-31 11:00:00", "2024-01-31 17:00:00", "1.234,5"),
        (Decimal("-7.50"), 1000.0, 7, "2024-07-31 10:00:00", "2024-07-31 16:00:00", None),
        (Decimal("1234567.80"), 2.0, 1234, "2024-03-31 01:30:00", "2024-11-03 06:30:00", "gap and overlap"),
        (Decimal("0.00"), 0.0, 0, "2024-01-31 12:00:00", "2024-01-31 07:00:00", "its own")]
    rejects = database.rows("SELECT line, column_name, message FROM cetl.reject ORDER BY line")
    assert [(line, column) for line, column, _ in rejects] == [(6, "amount"), (7, "rate"), (8, "count")]
    assert "1.234,56" in rejects[0][2] and "12.34" in rejects[0][2]


def test_inference_knows_marks_and_null_tokens(cetld, database):
    daemon = cetld(MARKED)
    daemon.drop("guessed.csv", "a;b;c\n1 234,5;7;x\nN/A;-;N/A\n12;1 000 000;y\n")
    daemon.wait_state("guessed.csv", "loaded")
    assert database.rows("SELECT pg_typeof(a)::text, pg_typeof(b)::text, pg_typeof(c)::text FROM guessed LIMIT 1") == [("numeric", "bigint", "text")]
    assert database.rows("SELECT a, b, c FROM guessed") == [(Decimal("1234.5"), 7, "x"), (None, None, None), (Decimal("12"), 1000000, "y")]
