/* SPDX-License-Identifier: MIT */
/*
 * data/type and format/pgcopy as a filter. Each line of the input is a type's oid, a typmod and a text in hexadecimal, separated by
 * spaces. By the argument the output is
 *
 *     values   a line for each: the value's binary form in hexadecimal, or E and an SQLSTATE
 *     rows     COPY BINARY of those that are values: the value, 7, and its line's number; every fifth value is NULL
 *     text     the same in COPY's text format
 *     array    COPY BINARY of one row with one column, the array of them
 *
 * A second argument is the time zone of texts that name none. The oid 0 is TYPE_OTHER. For rows, text and array all lines have one
 * type, and for array there are at most BATCH_ROWS.
 */
#include "base/zone.h"
#include "data/cells.h"
#include "format/pgtext.h"

#include <stdio.h>
#include <stdlib.h>

enum { LENGTH_WORD = 4, FILE_ID = 7, NULL_EVERY = 5 };

struct filter {
    enum mode { VALUES, ROWS, TEXT, ARRAY } mode;
    struct type_input in; /* of the current line */
    uint64_t line;
    struct arena arena;
    struct batch batch;
    struct buf out;
};

/* In place; the bytes, or SIZE_MAX. */
static size_t from_hex(char *text)
{
    size_t n = strlen(text) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1) return SIZE_MAX;
        text[i] = (char)byte;
    }
    return n;
}

static int read_line(struct filter *f, char *line, struct slice *ret_text)
{
    char *oid_end, *typmod_end;
    uint32_t oid = (uint32_t)strtoul(line, &oid_end, 10);
    f->in.type.typmod = (int32_t)strtol(oid_end, &typmod_end, 10);
    size_t n = from_hex(typmod_end + 1);
    f->in.type.id = TYPE_OTHER;
    if ((oid && type_by_oid(oid, &f->in.type.id)) || n == SIZE_MAX) return -1;
    *ret_text = (struct slice){typmod_end + 1, n};
    return 0;
}

static void write_value(struct filter *f, int r, const union value *v)
{
    if (r > 0) {
        buf_printf(&f->out, "E%s\n", type_sqlstate(f->in.type.id, r));
        return;
    }
    struct buf value;
    buf_init(&value, 1 << 24);
    pgcopy_value(&value, f->in.type, v, false);
    for (size_t i = LENGTH_WORD; i < value.len; i++)
        buf_printf(&f->out, "%02x", (unsigned char)value.data[i]);
    buf_putc(&f->out, '\n');
    buf_done(&value);
}

/* What the batch holds, as COPY's bytes; and an empty batch */
static int flush(struct filter *f)
{
    if (f->mode == ROWS) pgcopy_rows(&f->out, &f->batch, &(struct pgcopy_lineage){.file = FILE_ID});
    if (f->mode == TEXT) pgtext_rows(&f->out, &f->batch, &(struct pgcopy_lineage){.file = FILE_ID});
    if (f->mode == ARRAY) {
        struct buf array;
        buf_init(&array, 1 << 26);
        pgcopy_array(&array, &f->batch, 0);
        buf_put_u16(&f->out, 1);
        buf_put_u32(&f->out, (uint32_t)array.len);
        buf_put(&f->out, buf_slice(&array));
        buf_done(&array);
    }
    arena_reset(&f->arena);
    return batch_init(&f->batch, &f->in.type, 1, &f->arena);
}

/* Straight from a file's bytes it is the same, where it is taken so. */
static bool same_in_file(struct filter *f, struct slice memory, size_t at, int code, const union value *want)
{
    const uint32_t behind[] = {(uint32_t)at, (uint32_t)memory.len + 1};
    const struct reader_rows rows = {.text = memory.p, .behind = behind, .rows = 1, .cells = 2};
    cells_take *take = memory.len > at ? cells_taker(&f->in) : NULL;
    char *room = arena_alloc(&f->arena, CELLS_ROOM);
    uint16_t left;
    union value v;
    if (!room) return false;
    if (!take || take(&f->in, &(struct cells){&rows, 0, memory.p}, &v, room, &left) > 0) return true;
    return code == 0 && (type_info(f->in.type.id)->fixed ? v.i == want->i : slice_equal(v.s, want->s));
}

/* As a cell of a column, behind other bytes, it is the same. */
static bool same_in_column(struct filter *f, struct slice text, int code, const union value *want)
{
    enum { BEFORE = 16 };
    char *memory = arena_alloc(&f->arena, BEFORE + text.len);
    if (!memory) return false;
    memset(memory, '7', BEFORE);
    if (text.len) memcpy(memory + BEFORE, text.p, text.len);
    union value v = {.s = {memory + BEFORE, text.len}};
    bool bad = false;
    const bool null = false;
    const struct type_rows rows = {&v, &null, &bad, 1, {memory, BEFORE + text.len}};
    if (type_parse_rows(&f->in, &rows, &f->arena) || bad != (code != 0)) return false;
    if (!same_in_file(f, rows.memory, BEFORE, code, want)) return false;
    return code || (type_info(f->in.type.id)->fixed ? v.i == want->i : slice_equal(v.s, want->s));
}

static int take(struct filter *f, struct slice text)
{
    union value v;
    /* A copy of the exact size, so that the sanitizer sees a read beyond it. */
    char *exact = malloc(text.len ? text.len : 1);
    if (!exact) return -ENOMEM;
    if (text.len) memcpy(exact, text.p, text.len);
    int r = type_parse(&f->in, (struct slice){exact, text.len}, &f->arena, &v);
    if (r >= 0 && !same_in_column(f, text, r, &v)) r = -EBADMSG;
    if (r >= 0 && f->mode == VALUES) {
        write_value(f, r, &v);
        arena_reset(&f->arena);
    } else if (r == 0) {
        struct batch *b = &f->batch;
        if (!type_info(f->in.type.id)->fixed) v.s = arena_copy(&f->arena, v.s);
        b->column[0].value[b->rows] = v;
        b->column[0].null[b->rows] = f->mode != ARRAY && f->line % NULL_EVERY == 0;
        b->line[b->rows++] = f->line;
        if (b->rows == BATCH_ROWS) r = flush(f);
    }
    free(exact);
    return r < 0 ? r : 0;
}

int main(int argc, char **argv)
{
    struct filter f = {.mode = argc < 2                        ? VALUES
                               : strcmp(argv[1], "rows") == 0  ? ROWS
                               : strcmp(argv[1], "text") == 0  ? TEXT
                               : strcmp(argv[1], "array") == 0 ? ARRAY
                                                               : VALUES};
    arena_init(&f.arena, 1 << 16, 1 << 26);
    buf_init(&f.out, 1 << 28);
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    struct arena zones;
    struct error err;
    arena_init(&zones, 1 << 12, 1 << 20);
    int r = argc > 2 ? zone_load(argv[2], &zones, &err, &f.in.zone) : 0;
    if (f.mode == ROWS || f.mode == ARRAY) pgcopy_header(&f.out);
    while (!r && (len = getline(&line, &cap, stdin)) > 0) {
        struct slice text;
        if (line[len - 1] == '\n') line[len - 1] = '\0';
        r = read_line(&f, line, &text);
        if (!r && f.mode != VALUES && f.line == 0) r = batch_init(&f.batch, &f.in.type, 1, &f.arena);
        f.line++;
        if (!r) r = take(&f, text);
    }
    if (!r && f.mode != VALUES) r = flush(&f);
    if (f.mode == ROWS || f.mode == ARRAY) pgcopy_trailer(&f.out);
    if (!r) r = buf_check(&f.out);
    if (!r && f.out.len) fwrite(f.out.data, 1, f.out.len, stdout);
    free(line);
    arena_done(&f.arena);
    arena_done(&zones);
    buf_done(&f.out);
    return r ? 2 : 0;
}
