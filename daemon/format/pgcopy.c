/* SPDX-License-Identifier: MIT */
#include "format/pgcopy.h"

#include <assert.h>
#include <endian.h>

/* How a value of memory becomes one of the wire */
enum form { FORM_1, FORM_2, FORM_4, FORM_8, FORM_FLOAT4, FORM_FLOAT8, FORM_BYTES, FORM_JSONB, FORM_NONE };

static const unsigned char forms[TYPE_N] = {
    [TYPE_BOOL] = FORM_1,        [TYPE_INT2] = FORM_2,        [TYPE_INT4] = FORM_4,        [TYPE_INT8] = FORM_8,
    [TYPE_NUMERIC] = FORM_BYTES, [TYPE_FLOAT4] = FORM_FLOAT4, [TYPE_FLOAT8] = FORM_FLOAT8, [TYPE_DATE] = FORM_4,
    [TYPE_TIME] = FORM_8,        [TYPE_TIMESTAMP] = FORM_8,   [TYPE_TIMESTAMPTZ] = FORM_8, [TYPE_UUID] = FORM_BYTES,
    [TYPE_JSON] = FORM_BYTES,    [TYPE_JSONB] = FORM_JSONB,   [TYPE_TEXT] = FORM_BYTES,    [TYPE_VARCHAR] = FORM_BYTES,
    [TYPE_BPCHAR] = FORM_BYTES,  [TYPE_OTHER] = FORM_NONE,
};
static const unsigned char fixed_bytes[] = {
    [FORM_1] = 1,      [FORM_2] = 2,     [FORM_4] = 4,     [FORM_8] = 8,    [FORM_FLOAT4] = 4,
    [FORM_FLOAT8] = 8, [FORM_BYTES] = 0, [FORM_JSONB] = 1, [FORM_NONE] = 0,
};
enum { LENGTH = 4, JSONB_VERSION = 1 };

static char *put16(char *at, uint16_t v)
{
    v = htobe16(v);
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static char *put32(char *at, uint32_t v)
{
    v = htobe32(v);
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

static char *put64(char *at, uint64_t v)
{
    v = htobe64(v);
    memcpy(at, &v, sizeof(v));
    return at + sizeof(v);
}

/* Most values are short: two overlapping words are cheaper than a call of memcpy. */
static inline char *put_bytes(char *at, struct slice s)
{
    if (s.len > 32) {
        memcpy(at, s.p, s.len);
    } else if (s.len >= 16) {
        memcpy(at, s.p, 16);
        memcpy(at + s.len - 16, s.p + s.len - 16, 16);
    } else if (s.len >= 8) {
        memcpy(at, s.p, 8);
        memcpy(at + s.len - 8, s.p + s.len - 8, 8);
    } else if (s.len >= 4) {
        memcpy(at, s.p, 4);
        memcpy(at + s.len - 4, s.p + s.len - 4, 4);
    } else if (s.len > 0) {
        at[0] = s.p[0];
        at[s.len / 2] = s.p[s.len / 2];
        at[s.len - 1] = s.p[s.len - 1];
    }
    return at + s.len;
}

static size_t value_bytes(enum form form, const union value *v)
{
    return fixed_bytes[form] + (form >= FORM_BYTES ? v->s.len : 0);
}

/* The length word and the value; the room is there. */
__attribute__((always_inline)) static inline char *put_value(char *at, enum form form, const union value *v)
{
    switch (form) {
    case FORM_1:
        at = put32(at, 1);
        *at = (char)v->i;
        return at + 1;
    case FORM_2: return put16(put32(at, 2), (uint16_t)v->i);
    case FORM_4: return put64(at, UINT64_C(4) << 32 | (uint32_t)v->i);
    case FORM_8: return put64(put32(at, 8), (uint64_t)v->i);
    case FORM_FLOAT4: {
        float f = (float)v->f;
        uint32_t bits;
        memcpy(&bits, &f, sizeof(bits));
        return put64(at, UINT64_C(4) << 32 | bits);
    }
    case FORM_FLOAT8: {
        uint64_t bits;
        memcpy(&bits, &v->f, sizeof(bits));
        return put64(put32(at, 8), bits);
    }
    case FORM_BYTES: return put_bytes(put32(at, (uint32_t)v->s.len), v->s);
    case FORM_JSONB:
        at = put32(at, (uint32_t)v->s.len + JSONB_VERSION);
        *at++ = JSONB_VERSION;
        return put_bytes(at, v->s);
    case FORM_NONE: assert(!"a type without a binary form");
    }
    return at;
}

void pgcopy_header(struct buf *out)
{
    static const char header[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* the string's own NUL is the nineteenth byte */
    buf_append(out, header, sizeof(header));
}

void pgcopy_trailer(struct buf *out)
{
    buf_put_u16(out, UINT16_MAX);
}

/* Bytes of column `c`'s values with their length words */
static size_t column_bytes(const struct batch *b, size_t c)
{
    const struct batch_column *column = &b->column[c];
    enum form form = (enum form)forms[column->type.id];
    size_t bytes = b->rows * ((size_t)LENGTH + fixed_bytes[form]);
    if (form < FORM_BYTES) return bytes;
    for (size_t r = 0; r < b->rows; r++)
        if (!column->null[r]) bytes += column->value[r].s.len;
    return bytes;
}

/* A column of the batch, at hand */
struct field {
    const union value *value;
    const bool *null;
    enum form form;
};
enum { FIELDS = 64 }; /* of a row that are looked up once a batch; those of wider ones once a row */

static void open_fields(const struct batch *b, size_t from, size_t n, struct field *ret_field)
{
    for (size_t c = 0; c < n; c++) {
        const struct batch_column *column = &b->column[from + c];
        ret_field[c] = (struct field){column->value, column->null, (enum form)forms[column->type.id]};
    }
}

static char *put_fields(char *at, const struct field *field, size_t n, size_t row)
{
    for (const struct field *f = field; f < field + n; f++)
        at = f->null[row] ? put32(at, UINT32_MAX) : put_value(at, f->form, &f->value[row]);
    return at;
}

void pgcopy_rows(struct buf *out, const struct batch *b, const struct pgcopy_lineage *lineage)
{
    size_t bytes = b->rows * (sizeof(uint16_t) + (lineage ? 2 * (LENGTH + sizeof(int64_t)) : 0));
    for (size_t c = 0; c < b->columns; c++)
        bytes += column_bytes(b, c);
    /* At most these: NULLs take less. */
    char *start = buf_reserve(out, bytes), *at = start;
    if (!at) return;
    uint16_t fields = (uint16_t)(b->columns + (lineage ? 2 : 0));
    struct field field[FIELDS];
    open_fields(b, 0, b->columns < FIELDS ? b->columns : FIELDS, field);
    for (size_t r = 0; r < b->rows; r++) {
        at = put16(at, fields);
        for (size_t c = 0; c < b->columns; c += FIELDS) {
            size_t n = b->columns - c < FIELDS ? b->columns - c : FIELDS;
            if (b->columns > FIELDS) open_fields(b, c, n, field);
            at = put_fields(at, field, n, r);
        }
        if (!lineage) continue;
        at = put_value(at, FORM_8, &(union value){.i = lineage->file});
        at = put_value(at, FORM_8, &(union value){.i = (int64_t)b->line[r]});
    }
    buf_wrote(out, (size_t)(at - start));
}

size_t pgcopy_row_bytes(struct slice rows)
{
    uint16_t fields;
    if (rows.len < sizeof fields) return 0;
    memcpy(&fields, rows.p, sizeof fields);
    size_t at = sizeof fields;
    for (unsigned left = be16toh(fields); left > 0 && rows.len - at >= LENGTH; left--) {
        uint32_t len;
        memcpy(&len, rows.p + at, sizeof len);
        len = be32toh(len);
        at += LENGTH + (len == UINT32_MAX ? 0 : len);
        if (at > rows.len) return 0;
    }
    return at;
}

void pgcopy_value(struct buf *out, struct type t, const union value *v, bool null)
{
    enum form form = (enum form)forms[t.id];
    char *at = buf_reserve(out, LENGTH + (null ? 0 : value_bytes(form, v)));
    if (!at) return;
    char *end = null ? put32(at, UINT32_MAX) : put_value(at, form, v);
    buf_wrote(out, (size_t)(end - at));
}

void pgcopy_array(struct buf *out, const struct batch *b, size_t c)
{
    const struct batch_column *column = &b->column[c];
    enum { LOWER_BOUND = 1 };
    bool nulls = false;
    for (size_t r = 0; r < b->rows; r++)
        nulls |= column->null[r];
    buf_put_u32(out, b->rows ? 1 : 0);
    buf_put_u32(out, nulls);
    buf_put_u32(out, type_info(column->type.id)->oid);
    if (b->rows == 0) return;
    buf_put_u32(out, (uint32_t)b->rows);
    buf_put_u32(out, LOWER_BOUND);
    for (size_t r = 0; r < b->rows; r++)
        pgcopy_value(out, column->type, &column->value[r], column->null[r]);
}
