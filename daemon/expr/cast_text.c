/* SPDX-License-Identifier: MIT */
/*
 * Casts to text, from text, and to the length of varchar(n) and char(n).
 *
 * A text becomes a value by data/type.h's parser, so what that refuses though PostgreSQL takes it ('now', zones by name, see the
 * headers of its families) is an error here, too; and of a text that is no date by far the error may have other words. There is no
 * cast from jsonb: its text is the server's to write.
 */
#include "base/num.h"
#include "data/print.h"
#include "data/type_datetime.h"
#include "expr/fn_text.h"

enum { TYPMOD_OFFSET = 4 };

static int of_bool(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].s = call->arg[0]->value[row].i ? SLICE("true") : SLICE("false");
    }
    return 0;
}

static int of_any(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    struct buf out;
    fn_text_begin(&out, run);
    int r = 0;
    for (size_t i = 0; !r && i < rows->n; i++) {
        uint32_t row = rows->row[i];
        buf_reset(&out);
        print_value(&out, call->arg[0]->type.id, call->arg[0]->value[row]);
        r = fn_text_take(&out, run, &ret->value[row]);
    }
    buf_done(&out);
    return r;
}

static int of_bpchar(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    (void)run;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        ret->value[row].s = fn_text_blanks_off(call->arg[0]->value[row].s);
    }
    return 0;
}

/* The type in the server's words about a text that is none */
static const char *words_of(enum type_id id)
{
    switch (id) {
    case TYPE_TIME: return "time";
    case TYPE_TIMESTAMP: return "timestamp";
    case TYPE_JSONB: return "json";
    default: return type_info(id)->name;
    }
}

static int fail_range(struct expr_run *run, uint32_t row, enum type_id id, struct slice text)
{
    const char *code = type_sqlstate(id, TYPE_E_RANGE), *type = words_of(id);
    struct type_stamp stamp;
    struct slice plain = slice_trim(text);
    switch (id) {
    case TYPE_NUMERIC: return expr_fail(run, row, code, "value overflows numeric format");
    case TYPE_FLOAT4: return expr_fail(run, row, code, "\"" SLICE_FMT "\" is out of range for type %s", SLICE_ARG(text), type);
    case TYPE_FLOAT8: return expr_fail(run, row, code, "\"" SLICE_FMT "\" is out of range for type %s", SLICE_ARG(plain), type);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: break;
    default: return expr_fail(run, row, code, "value \"" SLICE_FMT "\" is out of range for type %s", SLICE_ARG(text), type);
    }
    /* A day and a time that exist are out of the type's range. */
    if (type_datetime_decode(plain, id == TYPE_TIME, &stamp) == 0)
        return expr_fail(run, row, code, "%s out of range: \"" SLICE_FMT "\"", id == TYPE_DATE ? "date" : "timestamp",
                         SLICE_ARG(text));
    return expr_fail(run, row, code, "date/time field value out of range: \"" SLICE_FMT "\"", SLICE_ARG(text));
}

/* The server finds too many digits of an integer before it finds what is wrong behind them. */
static bool too_many_digits(enum type_id id, struct slice text)
{
    static const uint64_t most[TYPE_N] = {
        [TYPE_INT2] = UINT64_C(1) << 15, [TYPE_INT4] = UINT64_C(1) << 31, [TYPE_INT8] = UINT64_C(1) << 63};
    struct slice s = slice_trim(text);
    if (s.len > 0 && (*s.p == '-' || *s.p == '+')) s.p++, s.len--;
    size_t digits = 0;
    while (digits < s.len && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    uint64_t v;
    int r = num_parse_u64((struct slice){s.p, digits}, &v);
    return most[id] && (r == NUM_E_RANGE || (r == 0 && v > most[id]));
}

static size_t digits_from(struct slice s, size_t at)
{
    while (at < s.len && s.p[at] >= '0' && s.p[at] <= '9')
        at++;
    return at;
}

/* So it finds that a float is out of range: the number that the text begins with, where it is; else nothing. */
static struct slice float_out_of_range(enum type_id id, struct slice text, struct arena *arena)
{
    const struct type_input in = {.type = {id, -1}};
    struct slice s = slice_trim(text);
    size_t end = digits_from(s, s.len > 0 && (*s.p == '-' || *s.p == '+'));
    if (end < s.len && s.p[end] == '.') end = digits_from(s, end + 1);
    if (end < s.len && (s.p[end] | 0x20) == 'e') {
        size_t digits = end + 1 + (end + 1 < s.len && (s.p[end + 1] == '-' || s.p[end + 1] == '+'));
        size_t exponent_end = digits_from(s, digits);
        if (exponent_end > digits) end = exponent_end;
    }
    union value v;
    s.len = end;
    return end > 0 && type_parse(&in, s, arena, &v) == TYPE_E_RANGE ? s : (struct slice){0};
}

static int fail_syntax(struct expr_run *run, uint32_t row, enum type_id id, struct slice text)
{
    if (too_many_digits(id, text)) return fail_range(run, row, id, text);
    struct slice number = {0};
    if (id == TYPE_FLOAT4 || id == TYPE_FLOAT8) number = float_out_of_range(id, text, run->arena);
    if (number.len > 0) return fail_range(run, row, id, id == TYPE_FLOAT4 ? text : number);
    const char *code = type_sqlstate(id, TYPE_E_SYNTAX), *type = words_of(id);
    /* The server says in the detail what is wrong with it. */
    if (id == TYPE_JSON || id == TYPE_JSONB) return expr_fail(run, row, code, "invalid input syntax for type %s", type);
    return expr_fail(run, row, code, "invalid input syntax for type %s: \"" SLICE_FMT "\"", type, SLICE_ARG(text));
}

/* A date before a time of day is read over, which a column's text may not have. What parsing it as a time gave, or better. */
static int time_behind_date(struct slice text, int r, union value *ret_value)
{
    struct slice s = slice_trim(text);
    struct type_stamp stamp;
    if (s.len == 0 || *s.p < '0' || *s.p > '9' || !memchr(s.p, ':', s.len) || memchr(s.p, 'T', s.len) || memchr(s.p, 't', s.len))
        return r;
    int d = type_datetime_decode(s, false, &stamp);
    if (d) return d;
    if (!stamp.has_date || !stamp.has_time) return r;
    ret_value->i = stamp.time_us;
    return 0;
}

static int to_any(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    const struct type_input in = {.type = {call->type.id, -1}};
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice text = call->arg[0]->value[row].s;
        int r = type_parse(&in, text, run->arena, &ret->value[row]);
        if (r == TYPE_E_SYNTAX && in.type.id == TYPE_TIME) r = time_behind_date(text, r, &ret->value[row]);
        if (r == TYPE_E_SYNTAX)
            r = fail_syntax(run, row, in.type.id, text);
        else if (r > 0)
            r = fail_range(run, row, in.type.id, text);
        if (r) return r;
    }
    return 0;
}

static bool only_blanks(struct slice s)
{
    return fn_text_blanks_off(s).len == 0;
}

/* To n characters; `cut`: whatever they are, else only blanks may go */
static inline int to_length(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                            struct batch_column *ret, bool cut)
{
    bool padded = call->type.id == TYPE_BPCHAR, limited = call->type.typmod >= TYPMOD_OFFSET;
    size_t max = limited ? (size_t)call->type.typmod - TYPMOD_OFFSET : 0;
    for (size_t i = 0; i < rows->n; i++) {
        uint32_t row = rows->row[i];
        struct slice s = call->arg[0]->value[row].s;
        size_t len = limited && s.len > max ? fn_text_offset(s, max) : s.len;
        if (!cut && !only_blanks((struct slice){s.p + len, s.len - len})) {
            int r = expr_fail(run, row, "22001", "value too long for type %s(%zu)", type_info(call->type.id)->name, max);
            if (r) return r;
            continue;
        }
        s.len = len;
        ret->value[row].s = padded && limited ? fn_text_blanks_off(s) : s;
    }
    return 0;
}

static int to_length_cut(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows, struct batch_column *ret)
{
    return to_length(run, call, rows, ret, true);
}

static int to_length_whole(struct expr_run *run, const struct expr_call *call, const struct expr_rows *rows,
                           struct batch_column *ret)
{
    return to_length(run, call, rows, ret, false);
}

#define TO_TEXT(from, kernel) EXPR_CAST(from, TYPE_TEXT, ASSIGNMENT, "text", kernel)
#define FROM_TEXT(to, name) EXPR_CAST(TYPE_TEXT, to, EXPLICIT, name, to_any)

const struct expr_cast expr_cast_text[] = {
    TO_TEXT(TYPE_BOOL, of_bool),
    TO_TEXT(TYPE_INT2, of_any),
    TO_TEXT(TYPE_INT4, of_any),
    TO_TEXT(TYPE_INT8, of_any),
    TO_TEXT(TYPE_NUMERIC, of_any),
    TO_TEXT(TYPE_FLOAT4, of_any),
    TO_TEXT(TYPE_FLOAT8, of_any),
    TO_TEXT(TYPE_DATE, of_any),
    TO_TEXT(TYPE_TIME, of_any),
    TO_TEXT(TYPE_TIMESTAMP, of_any),
    TO_TEXT(TYPE_TIMESTAMPTZ, of_any),
    TO_TEXT(TYPE_UUID, of_any),
    TO_TEXT(TYPE_JSON, NULL),
    EXPR_CAST(TYPE_BPCHAR, TYPE_TEXT, IMPLICIT, "text", of_bpchar),
    EXPR_CAST(TYPE_BPCHAR, TYPE_VARCHAR, IMPLICIT, "varchar", of_bpchar),
    FROM_TEXT(TYPE_BOOL, "bool"),
    FROM_TEXT(TYPE_INT2, "int2"),
    FROM_TEXT(TYPE_INT4, "int4"),
    FROM_TEXT(TYPE_INT8, "int8"),
    FROM_TEXT(TYPE_NUMERIC, "numeric"),
    FROM_TEXT(TYPE_FLOAT4, "float4"),
    FROM_TEXT(TYPE_FLOAT8, "float8"),
    FROM_TEXT(TYPE_DATE, "date"),
    FROM_TEXT(TYPE_TIME, "time"),
    FROM_TEXT(TYPE_TIMESTAMP, "timestamp"),
    FROM_TEXT(TYPE_TIMESTAMPTZ, "timestamptz"),
    FROM_TEXT(TYPE_UUID, "uuid"),
    FROM_TEXT(TYPE_JSON, "json"),
    FROM_TEXT(TYPE_JSONB, "jsonb"),
    EXPR_CAST(TYPE_VARCHAR, TYPE_VARCHAR, EXPLICIT, "varchar", to_length_cut),
    EXPR_CAST(TYPE_VARCHAR, TYPE_VARCHAR, ASSIGNMENT, "varchar", to_length_whole),
    EXPR_CAST(TYPE_BPCHAR, TYPE_BPCHAR, EXPLICIT, "bpchar", to_length_cut),
    EXPR_CAST(TYPE_BPCHAR, TYPE_BPCHAR, ASSIGNMENT, "bpchar", to_length_whole),
    {.function = {0}},
};
