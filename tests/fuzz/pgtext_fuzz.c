/* SPDX-License-Identifier: MIT */
/*
 * Any batch as COPY's text format, read back by the manual's rules: as many lines as rows, as many fields as columns, and each
 * field's text means the value that went in.
 */
#include "format/pgtext.h"
#include "values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a field's bytes stand for */
static struct slice unescape(struct slice field, struct arena *arena)
{
    static const char letters[] = "bfnrtv", bytes[] = "\b\f\n\r\t\v";
    char *start = arena_alloc(arena, field.len + 1), *to = start;
    check(start != NULL);
    for (size_t i = 0; i < field.len; i++) {
        if (field.p[i] != '\\') {
            *to++ = field.p[i];
            continue;
        }
        check(++i < field.len);
        const char *letter = memchr(letters, field.p[i], sizeof(letters) - 1);
        check(letter || field.p[i] == '\\');
        *to++ = letter ? bytes[letter - letters] : '\\';
    }
    return (struct slice){start, (size_t)(to - start)};
}

static void check_same(struct type t, const union value *v, struct slice text, struct arena *arena)
{
    if (t.id == TYPE_OTHER) {
        check(slice_equal(v->s, text));
        return;
    }
    union value again;
    struct buf a, b;
    buf_init(&a, 1 << 24);
    buf_init(&b, 1 << 24);
    int r = parse(&(struct type_input){.type = t}, text, arena, &again);
    bool edge = r == TYPE_E_RANGE && text.len > 6 && memcmp(text.p, "294277", 6) == 0; /* see values.h */
    check(r == 0 || edge);
    if (r == 0) {
        pgcopy_value(&a, t, v, false);
        pgcopy_value(&b, t, &again, false);
        check(slice_equal(text, SLICE("NaN")) || slice_equal(buf_slice(&a), buf_slice(&b)));
    }
    buf_done(&a);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct buf out;
    arena_init(&arena, 1 << 14, 1 << 28);
    buf_init(&out, 1 << 26);
    struct batch b = batch_of(data, size, true, &arena);
    pgtext_rows(&out, &b, &(struct pgcopy_lineage){.file = 7});
    check(buf_check(&out) == 0);
    struct slice rest = buf_slice(&out);
    for (size_t r = 0; r < b.rows; r++) {
        struct slice line = slice_cut(&rest, '\n');
        check(rest.p != NULL && !(line.len && memchr(line.p, '\r', line.len)) && !slice_equal(line, SLICE("\\.")));
        for (size_t c = 0; c < b.columns; c++) {
            struct slice field = slice_cut(&line, '\t');
            check(line.p != NULL && slice_equal(field, SLICE("\\N")) == b.column[c].null[r]);
            if (!b.column[c].null[r]) check_same(b.column[c].type, &b.column[c].value[r], unescape(field, &arena), &arena);
        }
        check(slice_equal(slice_cut(&line, '\t'), SLICE("7")) && line.p != NULL);
        slice_cut(&line, '\t');
        check(line.p == NULL);
    }
    check(rest.len == 0);
    buf_done(&out);
    arena_done(&arena);
    return 0;
}
