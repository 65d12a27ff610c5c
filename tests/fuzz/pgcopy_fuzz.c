/* SPDX-License-Identifier: MIT */
/* Any batch as COPY BINARY and as arrays: every field has its length word, the bytes of a value, and nothing stands between them.
 */
#include "values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct wire {
    const char *p, *end;
};

static struct slice take(struct wire *w, size_t n)
{
    check(n <= (size_t)(w->end - w->p));
    struct slice s = {w->p, n};
    w->p += n;
    return s;
}

static void check_field(struct wire *w, const struct batch_column *column, size_t row)
{
    uint32_t length = get32(take(w, 4).p);
    check((length == UINT32_MAX) == column->null[row]);
    if (!column->null[row]) check_wire(column->type, take(w, length));
}

static void check_rows(const struct batch *b, const struct pgcopy_lineage *lineage)
{
    struct buf out;
    buf_init(&out, 1 << 26);
    pgcopy_rows(&out, b, lineage);
    check(buf_check(&out) == 0);
    struct wire w = {out.data, out.data + out.len};
    for (size_t r = 0; r < b->rows; r++) {
        struct slice fields = take(&w, 2);
        check(fields.p[0] == 0 && (size_t)fields.p[1] == b->columns + (lineage ? 2 : 0));
        for (size_t c = 0; c < b->columns; c++)
            check_field(&w, &b->column[c], r);
        if (!lineage) continue;
        check(get32(take(&w, 4).p) == 8 && get32(take(&w, 4).p) == 0 && get32(take(&w, 4).p) == (uint32_t)lineage->file);
        check(get32(take(&w, 4).p) == 8 && get32(take(&w, 4).p) == 0 && get32(take(&w, 4).p) == (uint32_t)b->line[r]);
    }
    check(w.p == w.end);
    buf_done(&out);
}

static void check_array(const struct batch *b, size_t c)
{
    const struct batch_column *column = &b->column[c];
    struct buf out;
    buf_init(&out, 1 << 26);
    pgcopy_array(&out, b, c);
    check(buf_check(&out) == 0);
    struct wire w = {out.data, out.data + out.len};
    uint32_t dimensions = get32(take(&w, 4).p), nulls = get32(take(&w, 4).p), any = 0;
    check(dimensions == (b->rows ? 1 : 0) && get32(take(&w, 4).p) == type_info(column->type.id)->oid);
    if (dimensions) check(get32(take(&w, 4).p) == b->rows && get32(take(&w, 4).p) == 1);
    for (size_t r = 0; r < b->rows; r++) {
        any |= column->null[r];
        check_field(&w, column, r);
    }
    check(nulls == any && w.p == w.end);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, 1 << 14, 1 << 28);
    struct batch b = batch_of(data, size, false, &arena);
    check_rows(&b, NULL);
    check_rows(&b, &(struct pgcopy_lineage){.file = 7});
    for (size_t c = 0; c < b.columns; c++)
        check_array(&b, c);
    arena_done(&arena);
    return 0;
}
