/* SPDX-License-Identifier: MIT */
/*
 * The types that travel in PostgreSQL's binary form: parsing from text as PostgreSQL's input functions do, and the value in memory.
 * A value's text is accepted when PostgreSQL accepts it (ISO DateStyle, time zone UTC, IntervalStyle aside) and means the same;
 * where we refuse more than PostgreSQL (e.g. 'now', 'yesterday', 'J2451187'), the header of the type's family says so. White space
 * around numbers, booleans, dates and JSON is allowed as PostgreSQL allows it; around a uuid it is not.
 *
 * Value in memory, by type:
 *   bool int2 int4 int8     i
 *   float4 float8           f (NaN, ±Infinity allowed)
 *   date                    i, days since 2000-01-01 (±infinity: INT32_MAX, INT32_MIN)
 *   time                    i, microseconds since midnight (24:00:00 allowed)
 *   timestamp timestamptz   i, microseconds since 2000-01-01 [UTC] (±infinity: INT64_MAX, INT64_MIN)
 *   numeric                 s, the bytes of numeric_send: i16 ndigits, weight, sign, dscale, base-10000 digits, big-endian
 *   uuid                    s, 16 bytes
 *   json jsonb text varchar bpchar   s, UTF-8 (jsonb without its version byte; char(n) without the blanks that pad it)
 *   other                   s, the text as it stands
 *
 * TYPE_OTHER stands for any type of the server's that is not in this list (inet, arrays, enums, intervals, ranges, domains, …):
 * only the server can tell whether a text is one. It has no binary form here: a table with such a column is loaded by COPY's text
 * format (format/pgtext.h), and it can neither be grouped by nor measured.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_H
#define CETLD_DATA_TYPE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum type_id {
    TYPE_BOOL,
    TYPE_INT2,
    TYPE_INT4,
    TYPE_INT8,
    TYPE_NUMERIC,
    TYPE_FLOAT4,
    TYPE_FLOAT8,
    TYPE_DATE,
    TYPE_TIME,
    TYPE_TIMESTAMP,
    TYPE_TIMESTAMPTZ,
    TYPE_UUID,
    TYPE_JSON,
    TYPE_JSONB,
    TYPE_TEXT,
    TYPE_VARCHAR,
    TYPE_BPCHAR,
    TYPE_OTHER,
    TYPE_N
};

union value {
    int64_t i;
    double f;
    struct slice s;
};

struct type {
    enum type_id id;
    int32_t
        typmod; /* pg_attribute.atttypmod: -1 none; numeric: ((p << 16) | (s & 0x7ff)) + 4; varchar, bpchar: n + 4; time…: digits */
};

struct type_info {
    const char *name; /* as format_type prints it: "bigint", "timestamp with time zone" */
    uint32_t oid;     /* pg_type.oid, fixed for built-in types; 0 for TYPE_OTHER */
    uint32_t array_oid;
    bool fixed; /* value is i or f */
};

const struct type_info *type_info(enum type_id id);
/** The type with this pg_type oid. 0 or TYPE_E_UNKNOWN (the caller may then take TYPE_OTHER). */
must_check int type_by_oid(uint32_t oid, enum type_id *ret_id);

enum {
    TYPE_E_SYNTAX = 1,  /* not a text of that type */
    TYPE_E_RANGE = 2,   /* out of the type's range */
    TYPE_E_LENGTH = 3,  /* longer than varchar(n) or char(n) */
    TYPE_E_UNKNOWN = 4, /* no type of ours */
};

/**
 * A date and time template as PostgreSQL's to_timestamp has them, compiled: YYYY YY MM M DD D HH24 HH12 HH MI SS MS US AM PM Mon
 * Month, quoted text, and separators. M and D stand for one or two digits (as MM and DD do on input). Immutable once compiled.
 */
struct type_format;
/** Compile. 0, or TYPE_E_SYNTAX with the words in err. The caller frees with type_format_free. */
must_check int type_format_new(struct slice pattern, struct error *err, struct type_format **ret_format);
void type_format_free(struct type_format *f);
/** The template has what a value of the type needs: a year for dates and timestamps, an hour for times. */
bool type_format_suits(const struct type_format *f, enum type_id id);

/** How numbers are written. decimal '\0': with a point, and no mark between thousands (the rest counts for nothing then). */
struct type_marks {
    char decimal;   /* '.' or ',' */
    char thousands; /* one of . , ' _ and blank; '\0': none */
};

struct zone;
struct type_input {
    struct type type;
    const struct type_format *format; /* NULL: ISO and what PostgreSQL accepts without one */
    const struct zone *zone;          /* timestamptz: of texts that name none themselves; NULL: UTC */
    struct type_marks marks;          /* numbers */
};

/**
 * Text to value. 0, a TYPE_E_ code, or -ENOMEM. Variable-length results may point into `text` (text, varchar, json) or into the
 * arena (numeric, uuid): both must live as long as the value.
 */
must_check int type_parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
/** Texts of many rows, which become values where they are. */
struct type_rows {
    union value *value; /* s is the text, and afterwards the value is there */
    const bool *null;   /* rows without a text */
    bool *bad;          /* becomes true where a text is none of the type */
    size_t rows;
    struct slice memory; /* most texts lie in these bytes, all of which may be read */
};
/** The same for a column, in a loop of the type's own. 0 or -ENOMEM. */
must_check int type_parse_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);
/** What a text with TYPE_E_ `code` is, for a person: "is not a number", "is out of range", "is too long". */
const char *type_fault(enum type_id id, int code);
/** What was expected, for a person: "a date such as 2024-01-31", "a whole number from -32768 to 32767". ret_text holds 128 bytes.
 */
const char *type_expected(const struct type_input *in, int code, char ret_text[128]);
/** The SQLSTATE that PostgreSQL gives for TYPE_E_ `code`: 22P02, 22003, 22001; 22007, 22008 for dates and times. */
const char *type_sqlstate(enum type_id id, int code);
/** SQL name with its typmod: "numeric(12,2)". Not for TYPE_OTHER. ret_text holds 64 bytes. */
const char *type_sql(struct type t, char ret_text[64]);

#endif
