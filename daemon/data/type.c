/* SPDX-License-Identifier: MIT */
#include "data/type.h"

#include "data/type_float.h"
#include "data/type_format.h"
#include "data/type_json.h"
#include "data/type_marks.h"
#include "data/type_number.h"
#include "data/type_numeric.h"
#include "data/type_rows.h"
#include "data/type_text.h"
#include "data/type_time.h"

#include <stdio.h>

static const struct family {
    struct type_info info;
    type_parse_one parse;
    const char *fault;    /* what a text that is none is */
    const char *expected; /* what is expected where a text is none */
    const char *range;    /* what is expected of one that is out of range; NULL: the same */
} families[TYPE_N] = {
    [TYPE_BOOL] = {{"boolean", 16, 1000, true}, type_number_bool, "is neither true nor false", "true or false", NULL},
    [TYPE_INT2] = {{"smallint", 21, 1005, true},
                   type_number_int,
                   "is not a whole number",
                   "a whole number such as 12",
                   "a whole number from -32768 to 32767"},
    [TYPE_INT4] = {{"integer", 23, 1007, true},
                   type_number_int,
                   "is not a whole number",
                   "a whole number such as 12",
                   "a whole number from -2147483648 to 2147483647"},
    [TYPE_INT8] = {{"bigint", 20, 1016, true},
                   type_number_int,
                   "is not a whole number",
                   "a whole number such as 12",
                   "a whole number from -9223372036854775808 to 9223372036854775807"},
    [TYPE_NUMERIC] = {{"numeric", 1700, 1231, false},
                      type_numeric_parse,
                      "is not a number",
                      "a number such as 12.34",
                      "a number of at most 131072 digits before and 16383 behind the point"},
    [TYPE_FLOAT4] = {{"real", 700, 1021, true},
                     type_float_single,
                     "is not a number",
                     "a number such as 12.34",
                     "a number between 1e-45 and 3.4e38 in size, or 0"},
    [TYPE_FLOAT8] = {{"double precision", 701, 1022, true},
                     type_float_double,
                     "is not a number",
                     "a number such as 12.34",
                     "a number between 5e-324 and 1.7e308 in size, or 0"},
    [TYPE_DATE] = {{"date", 1082, 1182, true},
                   type_time_date,
                   "is not a date",
                   "a date such as 2024-01-31",
                   "a day that exists, such as 2024-01-31"},
    [TYPE_TIME] = {{"time without time zone", 1083, 1183, true},
                   type_time_time,
                   "is not a time of day",
                   "a time such as 12:34:56",
                   "a time from 00:00:00 to 24:00:00"},
    [TYPE_TIMESTAMP] = {{"timestamp without time zone", 1114, 1115, true},
                        type_time_timestamp,
                        "is not a date and time",
                        "a date and time such as 2024-01-31 12:34:56",
                        "a day and a time that exist, such as 2024-01-31 12:34:56"},
    [TYPE_TIMESTAMPTZ] = {{"timestamp with time zone", 1184, 1185, true},
                          type_time_timestamp,
                          "is not a date and time",
                          "a date and time such as 2024-01-31 12:34:56+00",
                          "a day, a time and a zone that exist, such as 2024-01-31 12:34:56+00"},
    [TYPE_UUID] =
        {{"uuid", 2950, 2951, false}, type_text_uuid, "is not a UUID", "a UUID such as 123e4567-e89b-12d3-a456-426614174000", NULL},
    [TYPE_JSON] =
        {{"json", 114, 199, false}, type_json_parse, "is not JSON", "JSON such as {\"a\": 1}", "JSON that is nested less deeply"},
    [TYPE_JSONB] = {{"jsonb", 3802, 3807, false},
                    type_json_parse,
                    "is not JSON that jsonb can hold",
                    "JSON such as {\"a\": 1}, without \\u0000 and lone surrogates",
                    "JSON with smaller numbers, nested less deeply"},
    [TYPE_TEXT] = {{"text", 25, 1009, false}, type_text_text, "is not a text", "a text", NULL},
    [TYPE_VARCHAR] = {{"character varying", 1043, 1015, false}, type_text_varchar, "is not a text", "a text", NULL},
    [TYPE_BPCHAR] = {{"character", 1042, 1014, false}, type_text_bpchar, "is not a text", "a text", NULL},
    [TYPE_OTHER] = {{"column of another type", 0, 0, false}, type_text_text, "is not a text", "a text", NULL},
};

/* Loops of the families' own; NULL: cell by cell */
static int (*const row_parsers[TYPE_N])(const struct type_input *in, const struct type_rows *rows, struct arena *arena) = {
    [TYPE_INT2] = type_number_int_rows,
    [TYPE_INT4] = type_number_int_rows,
    [TYPE_INT8] = type_number_int_rows,
    [TYPE_NUMERIC] = type_numeric_rows,
    [TYPE_FLOAT8] = type_float_double_rows,
    [TYPE_DATE] = type_time_date_rows,
    [TYPE_TIMESTAMP] = type_time_timestamp_rows,
    [TYPE_TIMESTAMPTZ] = type_time_timestamp_rows,
    [TYPE_TEXT] = type_text_rows,
    [TYPE_VARCHAR] = type_text_rows,
    [TYPE_OTHER] = type_text_rows,
};

enum { TYPMOD_OFFSET = 4, EXPECTED_MAX = 128, SQL_MAX = 64 };

const struct type_info *type_info(enum type_id id)
{
    return &families[id].info;
}

int type_by_oid(uint32_t oid, enum type_id *ret_id)
{
    for (size_t i = 0; i < TYPE_OTHER; i++) {
        if (families[i].info.oid != oid) continue;
        *ret_id = (enum type_id)i;
        return 0;
    }
    return TYPE_E_UNKNOWN;
}

static bool is_number(enum type_id id)
{
    return id >= TYPE_INT2 && id <= TYPE_FLOAT8;
}

/* Numbers keep nothing of their text. */
static int parse_marked(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    char small[TYPE_MARKS_SMALL];
    struct slice plain;
    int r = type_marks_plain(&in->marks, text, small, arena, &plain);
    return r ? r : families[in->type.id].parse(in, plain, arena, ret_value);
}

int type_parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    if (in->marks.decimal && is_number(in->type.id)) return parse_marked(in, text, arena, ret_value);
    return families[in->type.id].parse(in, text, arena, ret_value);
}

int type_parse_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena)
{
    enum type_id id = in->type.id;
    bool marked = in->marks.decimal && is_number(id);
    if (row_parsers[id] && !marked) return row_parsers[id](in, rows, arena);
    type_parse_one parse = marked ? parse_marked : families[id].parse;
    for (size_t i = 0; i < rows->rows; i++) {
        int r = rows->null[i] ? 0 : type_rows_one(in, rows, i, parse, arena);
        if (r) return r;
    }
    return 0;
}

static bool is_datetime(enum type_id id)
{
    return id >= TYPE_DATE && id <= TYPE_TIMESTAMPTZ;
}

const char *type_fault(enum type_id id, int code)
{
    if (code == TYPE_E_SYNTAX) return families[id].fault;
    return code == TYPE_E_RANGE ? "is out of range" : "is too long";
}

const char *type_sqlstate(enum type_id id, int code)
{
    if (code == TYPE_E_LENGTH) return "22001";
    if (code == TYPE_E_RANGE) return is_datetime(id) ? "22008" : id == TYPE_JSON || id == TYPE_JSONB ? "54001" : "22003";
    return is_datetime(id) ? "22007" : "22P02";
}

const char *type_expected(const struct type_input *in, int code, char ret_text[EXPECTED_MAX])
{
    const struct family *f = &families[in->type.id];
    const char *words = code == TYPE_E_RANGE && f->range ? f->range : f->expected;
    int precision, scale;
    char example[16];
    bool whole = in->type.id <= TYPE_INT8;
    if (code == TYPE_E_SYNTAX && in->marks.decimal && is_number(in->type.id))
        snprintf(ret_text, EXPECTED_MAX, "a %snumber such as %s", whole ? "whole " : "",
                 type_marks_example(&in->marks, whole, example));
    else if (code == TYPE_E_LENGTH)
        snprintf(ret_text, EXPECTED_MAX, "at most %d characters", (int)in->type.typmod - TYPMOD_OFFSET);
    else if (code == TYPE_E_SYNTAX && in->format)
        snprintf(ret_text, EXPECTED_MAX, "text in the form %s", type_format_pattern(in->format));
    else if (code == TYPE_E_RANGE && in->type.id == TYPE_NUMERIC && type_numeric_typmod(in->type.typmod, &precision, &scale))
        snprintf(ret_text, EXPECTED_MAX, "a number that fits numeric(%d,%d)", precision, scale);
    else
        snprintf(ret_text, EXPECTED_MAX, "%s", words);
    return ret_text;
}

const char *type_sql(struct type t, char ret_text[SQL_MAX])
{
    static const char *const zone[TYPE_N] = {
        [TYPE_TIME] = " without time zone", [TYPE_TIMESTAMP] = " without time zone", [TYPE_TIMESTAMPTZ] = " with time zone"};
    const char *name = families[t.id].info.name;
    int precision, scale;
    if (t.id == TYPE_NUMERIC && type_numeric_typmod(t.typmod, &precision, &scale))
        snprintf(ret_text, SQL_MAX, "numeric(%d,%d)", precision, scale);
    else if ((t.id == TYPE_VARCHAR || t.id == TYPE_BPCHAR) && t.typmod >= TYPMOD_OFFSET)
        snprintf(ret_text, SQL_MAX, "%s(%d)", name, (int)t.typmod - TYPMOD_OFFSET);
    else if (t.id == TYPE_BPCHAR)
        snprintf(ret_text, SQL_MAX, "bpchar"); /* "character" would be character(1) */
    else if (zone[t.id] && t.typmod >= 0)
        snprintf(ret_text, SQL_MAX, "%.*s(%d)%s", t.id == TYPE_TIME ? 4 : 9, name, (int)t.typmod, zone[t.id]);
    else
        snprintf(ret_text, SQL_MAX, "%s", name);
    return ret_text;
}
