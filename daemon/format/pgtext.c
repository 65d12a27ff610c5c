/* SPDX-License-Identifier: MIT */
#include "format/pgtext.h"

#include "base/num.h"
#include "format/pgvalue.h"

#include <assert.h>

/* What stands behind the backslash for a byte that is escaped; 0: it stands for itself */
static const char escapes[256] = {
    ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v',
};

void pgtext_header(struct buf *out)
{
    (void)out;
}

void pgtext_trailer(struct buf *out)
{
    (void)out;
}

static void put_escaped(struct buf *out, struct slice s)
{
    if (s.len > SIZE_MAX / 2) {
        out->failed = ERROR_TOO_BIG;
        return;
    }
    char *start = buf_reserve(out, 2 * s.len), *to = start;
    if (!to) return;
    for (size_t i = 0; i < s.len; i++) {
        char escape = escapes[(unsigned char)s.p[i]];
        if (escape) *to++ = '\\';
        *to++ = escape ? escape : s.p[i];
    }
    buf_wrote(out, (size_t)(to - start));
}

static void put_int(struct buf *out, int64_t v)
{
    char digits[NUM_I64_MAX];
    size_t len = (size_t)num_write_i64(v, digits);
    buf_append(out, digits, len);
}

/* The types of fixed length: by their bytes on the wire, which are few. No text of theirs needs an escape. */
static void put_by_wire(struct buf *out, struct type t, const union value *v)
{
    enum { LENGTH = 4 };
    char bytes[64];
    struct buf wire = {.data = bytes, .cap = sizeof(bytes) - 1, .max = sizeof(bytes) - 1};
    pgcopy_value(&wire, t, v, false);
    assert(!wire.failed && wire.data == bytes);
    int r = pgvalue_text(out, type_info(t.id)->oid, (struct slice){bytes + LENGTH, wire.len - LENGTH});
    assert(r == 0); /* we wrote it */
    (void)r;
}

void pgtext_value(struct buf *out, struct type t, const union value *v, bool null)
{
    if (null) {
        buf_append(out, "\\N", 2);
        return;
    }
    switch (t.id) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8: put_int(out, v->i); return;
    case TYPE_JSON:
    case TYPE_JSONB:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_OTHER: put_escaped(out, v->s); return;
    case TYPE_NUMERIC: {
        int r = pgvalue_text(out, type_info(t.id)->oid, v->s);
        assert(r == 0); /* data/type made it */
        (void)r;
        return;
    }
    default: put_by_wire(out, t, v); return;
    }
}

void pgtext_rows(struct buf *out, const struct batch *b, const struct pgcopy_lineage *lineage)
{
    for (size_t r = 0; r < b->rows; r++) {
        for (size_t c = 0; c < b->columns; c++) {
            const struct batch_column *column = &b->column[c];
            if (c > 0) buf_putc(out, '\t');
            pgtext_value(out, column->type, &column->value[r], column->null[r]);
        }
        if (lineage) {
            if (b->columns > 0) buf_putc(out, '\t');
            put_int(out, lineage->file);
            buf_putc(out, '\t');
            put_int(out, (int64_t)b->line[r]);
        }
        buf_putc(out, '\n');
    }
}

size_t pgtext_row_bytes(struct slice rows)
{
    const char *end = rows.len ? memchr(rows.p, '\n', rows.len) : NULL;
    return end ? (size_t)(end - rows.p) + 1 : 0;
}
