/* SPDX-License-Identifier: MIT */
#include "etl/sorter.h"

#include <endian.h>
#include <stdlib.h>

enum { ROWS_FIRST = 4096, NUMERIC_HEAD = 8, NUMERIC_NEGATIVE = 0x4000 };

void sorter_init(struct sorter *s, const size_t *column, size_t columns)
{
    *s = (struct sorter){.column = column, .columns = columns};
}

void sorter_done(struct sorter *s)
{
    free(s->row);
    s->row = NULL;
    s->rows = s->room = 0;
}

/* ---- prefixes ---- */

struct prefix {
    unsigned char byte[SORTER_PREFIX];
    size_t len;
};

static void put(struct prefix *p, const void *bytes, size_t n)
{
    size_t room = sizeof p->byte - p->len;
    if (n > room) n = room;
    if (n > 0) memcpy(p->byte + p->len, bytes, n);
    p->len += n;
}

/* The last `n` bytes of it, big-endian; the sign so that the negative ones come first. */
static void put_integer(struct prefix *p, int64_t v, size_t n)
{
    uint64_t u = (uint64_t)v ^ (uint64_t)1 << (8 * n - 1);
    u = htobe64(u);
    put(p, (const char *)&u + sizeof u - n, n);
}

static void put_float(struct prefix *p, double f)
{
    uint64_t bits, sign = (uint64_t)1 << 63;
    memcpy(&bits, &f, sizeof bits);
    bits = htobe64(bits & sign ? ~bits : bits | sign);
    put(p, &bits, sizeof bits);
}

/* i16 ndigits, weight, sign, dscale, then the digits, all big-endian. Zero has no digits, and comes before what is positive. */
static void put_numeric(struct prefix *p, struct slice s)
{
    uint16_t head[NUMERIC_HEAD / 2];
    unsigned char out[SORTER_PREFIX] = {1};
    memcpy(head, s.p, sizeof head);
    size_t digits = s.len - sizeof head, room = sizeof out - 3;
    if (digits > room) digits = room;
    bool negative = be16toh(head[2]) == NUMERIC_NEGATIVE;
    if (digits > 0) {
        uint16_t weight = htobe16((uint16_t)(be16toh(head[1]) ^ 0x8000));
        memcpy(out + 1, &weight, sizeof weight);
        memcpy(out + 3, s.p + sizeof head, digits);
    }
    for (size_t i = 0; negative && i < sizeof out; i++)
        out[i] = (unsigned char)~out[i];
    if (negative) out[0] = 0;
    put(p, out, negative ? sizeof out : 3 + digits); /* more digits are less */
}

static void put_value(struct prefix *p, enum type_id type, const union value *v)
{
    switch (type) {
    case TYPE_BOOL: put_integer(p, v->i, 1); return;
    case TYPE_INT2: put_integer(p, v->i, 2); return;
    case TYPE_INT4:
    case TYPE_DATE: put_integer(p, v->i, 4); return;
    case TYPE_INT8:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: put_integer(p, v->i, 8); return;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8: put_float(p, v->f); return;
    case TYPE_NUMERIC: put_numeric(p, v->s); return;
    case TYPE_UUID: put(p, v->s.p, v->s.len); return;
    default: put(p, v->s.p, v->s.len); put(p, "", 1); /* before the next column: the shorter text is the lesser one */
    }
}

void sorter_prefix(const struct sorter *s, const struct batch *b, size_t row, uint64_t ret_prefix[SORTER_PREFIX / 8])
{
    struct prefix p = {0};
    for (size_t i = 0; i < s->columns && p.len < sizeof p.byte; i++) {
        const struct batch_column *c = &b->column[s->column[i]];
        if (!c->null[row]) put_value(&p, c->type.id, &c->value[row]);
    }
    memcpy(ret_prefix, p.byte, sizeof p.byte);
    for (size_t i = 0; i < SORTER_PREFIX / 8; i++)
        ret_prefix[i] = be64toh(ret_prefix[i]);
}

/* ---- rows ---- */

/* Of equal prefixes the file's order stays. */
static int by_prefix(const void *a, const void *b)
{
    const struct sorter_row *x = a, *y = b;
    for (size_t i = 0; i < SORTER_PREFIX / 8; i++)
        if (x->prefix[i] != y->prefix[i]) return x->prefix[i] < y->prefix[i] ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static int arrange(struct sorter *s, struct buf *copy)
{
    if (!s->unsorted) return 0;
    size_t from = s->row[0].at, bytes = s->row[s->rows - 1].at + s->row[s->rows - 1].len - from;
    char *sorted = malloc(bytes), *end = sorted;
    if (!sorted) return -ENOMEM;
    qsort(s->row, s->rows, sizeof *s->row, by_prefix);
    for (size_t i = 0; i < s->rows; i++) {
        memcpy(end, copy->data + s->row[i].at, s->row[i].len);
        end += s->row[i].len;
    }
    memcpy(copy->data + from, sorted, bytes);
    free(sorted);
    return 0;
}

int sorter_finish(struct sorter *s, struct buf *copy)
{
    int r = arrange(s, copy);
    s->rows = 0;
    s->unsorted = false;
    return r;
}

static int make_room(struct sorter *s, size_t rows)
{
    if (rows <= s->room) return 0;
    size_t room = s->room ? 2 * s->room : ROWS_FIRST;
    while (room < rows)
        room *= 2;
    struct sorter_row *row = reallocarray(s->row, room, sizeof *row);
    if (!row) return -ENOMEM;
    s->row = row;
    s->room = room;
    return 0;
}

int sorter_add(struct sorter *s, const struct batch *b, struct buf *copy, size_t at, size_t (*row_bytes)(struct slice rows))
{
    if (buf_check(copy) < 0) return -ENOMEM;
    int r = s->rows + b->rows > SORTER_ROWS ? sorter_finish(s, copy) : 0;
    if (r == 0) r = make_room(s, s->rows + b->rows);
    if (r < 0) return r;
    for (size_t i = 0; i < b->rows; i++) {
        struct sorter_row *row = &s->row[s->rows];
        row->at = at;
        row->len = (uint32_t)row_bytes((struct slice){copy->data + at, copy->len - at});
        at += row->len;
        sorter_prefix(s, b, i, row->prefix);
        s->unsorted |= s->rows > 0 && by_prefix(row - 1, row) > 0;
        s->rows++;
    }
    return 0;
}
