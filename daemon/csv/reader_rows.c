/* SPDX-License-Identifier: MIT */
/* The reader's way for sound records: cuts are found for many of them at once (simd_ops.index), so that a cell costs two loads. */
#include "csv/reader.h"
#include "csv/simd.h"

#include <endian.h>

enum {
    WINDOW = 16 * 1024,    /* bytes that are cut at once: with their values they stay in the nearest cache */
    LOOK_AHEAD = 64 * 1024 /* bytes whose characters are checked at once */
};
#define OFFSET(behind) ((behind) & ~SIMD_INDEX_DOUBLED)

/* The index knows RFC 4180 only. */
static bool is_plain(const struct reader *r)
{
    return !r->escape && !r->comment && !r->trim && !r->cr;
}

/* Where the dialect has no quote NUL is in its place: a row that holds one is none of these (plain_rows). */
static char quote_of(const struct reader *r)
{
    return r->quote == READER_NO_QUOTE ? '\0' : (char)r->quote;
}

static bool is_line_end(const struct reader *r, size_t cut)
{
    return r->in.chunk.p[r->base + OFFSET(r->behind[cut]) - 1] == '\n';
}

/* The cuts of the whole records from r->pos on */
static void cut_window(struct reader *r)
{
    const struct slice chunk = r->in.chunk;
    const struct simd_set set = {.quote = quote_of(r), .delimiter = r->delimiter};
    size_t blocks = (chunk.len - r->pos) / SIMD_BLOCK;
    if (blocks > WINDOW / SIMD_BLOCK) blocks = WINDOW / SIMD_BLOCK;
    struct simd_index x = {.behind = r->behind + 1, .max = READER_INDEX - 1};
    r->ops->index(chunk.p + r->pos, blocks, &set, &x);
    r->base = r->pos;
    r->behind[0] = 0;
    r->cut = 0;
    r->cuts = x.n;
    r->line_cuts = x.lines;
    r->multiline = x.multiline;
    r->even = false;
    r->even_cells = 0;
    while (r->cuts > 0 && !is_line_end(r, r->cuts))
        r->cuts--;
}

static size_t offset_of(const struct reader *r, size_t cut)
{
    return r->base + OFFSET(r->behind[cut]);
}

/* The cuts from r->pos on. reader_next may have gone on behind one of them; what it skips is in no index. */
static void find_cuts(struct reader *r)
{
    if (r->cuts > 0) {
        while (r->cut < r->cuts && offset_of(r, r->cut) < r->pos) {
            r->cut++;
            r->line_cuts -= is_line_end(r, r->cut);
        }
        if (offset_of(r, r->cut) == r->pos && r->cut < r->cuts) return;
    }
    cut_window(r);
}

/* All records behind r->cut have `cells` cells: there are so many cuts, and where records should end all the line ends are. */
static bool all_even(const struct reader *r, size_t cells)
{
    if (r->cuts - r->cut != r->line_cuts * cells) return false;
    bool even = true;
    for (size_t cut = r->cut + cells; cut <= r->cuts; cut += cells)
        even &= is_line_end(r, cut);
    return even;
}

/* How many of the records behind r->cut have `cells` cells before one has another number */
static size_t even_rows(struct reader *r, size_t cells, size_t max)
{
    if (r->even_cells != cells) {
        r->even_cells = cells;
        r->even = all_even(r, cells);
    }
    if (r->even) return r->line_cuts < max ? r->line_cuts : max;
    size_t rows = 0;
    for (size_t cut = r->cut; rows < max && r->cuts - cut >= cells; rows++, cut += cells) {
        for (size_t i = 1; i < cells; i++)
            if (is_line_end(r, cut + i)) return rows;
        if (!is_line_end(r, cut + cells)) return rows;
    }
    return rows;
}

/* How many of these rows hold nothing but UTF-8 without NUL (or ASCII, where the encoding is another) */
static size_t plain_rows(struct reader *r, size_t cells, size_t rows)
{
    const struct slice chunk = r->in.chunk;
    size_t end = offset_of(r, r->cut + rows * cells);
    if (end <= r->plain_end) return rows;
    if (r->plain_end < r->pos) r->plain_end = r->pos;
    size_t first = offset_of(r, r->cut + cells);
    size_t from = first > r->plain_end ? r->pos : r->plain_end;
    size_t len = end - from > LOOK_AHEAD ? end - from : LOOK_AHEAD;
    struct slice ahead = {chunk.p + from, len < chunk.len - from ? len : chunk.len - from};
    size_t plain = r->in.dialect->encoding == DIALECT_UTF8 ? r->ops->text_prefix(ahead) : r->ops->first_nul_or_high(ahead);
    r->plain_end = from + plain;
    if (end <= r->plain_end) return rows;
    size_t sound = 0;
    while (offset_of(r, r->cut + (sound + 1) * cells) <= r->plain_end)
        sound++;
    return sound;
}

static uint64_t count_lines(const struct reader *r, const struct reader_rows *rows, size_t from, size_t to)
{
    size_t begin = OFFSET(rows->behind[from * rows->cells]), end = OFFSET(rows->behind[to * rows->cells]);
    return rows->multiline ? r->ops->count((struct slice){rows->text + begin, end - begin}, '\n') : to - from;
}

size_t reader_rows(struct reader *r, size_t cells, size_t max, struct reader_rows *ret_rows)
{
    if (!is_plain(r) || cells == 0 || cells >= READER_INDEX || r->pos == r->in.chunk.len) return 0;
    find_cuts(r);
    size_t rows = even_rows(r, cells, max);
    if (rows > 0) rows = plain_rows(r, cells, rows);
    if (rows == 0) return 0;
    *ret_rows = (struct reader_rows){.text = r->in.chunk.p + r->base,
                                     .behind = r->behind + r->cut,
                                     .rows = rows,
                                     .cells = cells,
                                     .quote = quote_of(r),
                                     .multiline = r->multiline,
                                     .line = r->line,
                                     .offset = r->in.first_offset + r->base};
    r->line += count_lines(r, ret_rows, 0, rows);
    r->cut += rows * cells;
    r->line_cuts -= rows;
    r->pos = offset_of(r, r->cut);
    return rows;
}

void reader_rows_lines(const struct reader *r, const struct reader_rows *rows, uint64_t *ret_line)
{
    uint64_t line = rows->line;
    for (size_t i = 0; i < rows->rows; i++) {
        ret_line[i] = line;
        line += rows->multiline ? count_lines(r, rows, i, i + 1) : 1;
    }
}

struct slice reader_unescape(struct reader *r, struct slice text)
{
    char *to = arena_alloc(r->arena, text.len);
    if (!to) return (struct slice){NULL, 0};
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const char *p = text.p, *end = text.p + text.len;
    char *at = to;
    /* Eight bytes at a time, of which those up to the next quote count; the second of the two is left out. */
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        memcpy(at, p, sizeof(word));
        uint64_t other = le64toh(word) ^ ones * (unsigned char)r->quote;
        uint64_t quote = (other - ones) & ~other & ones << 7;
        size_t n = quote ? (unsigned)__builtin_ctzll(quote) / 8 + 1 : 8;
        at += n;
        p += n + (quote != 0);
    }
    while (p < end) {
        *at++ = *p;
        p += 1 + (*p == r->quote);
    }
    return (struct slice){to, (size_t)(at - to)};
}

int reader_rows_record(struct reader *r, const struct reader_rows *rows, size_t row, struct record *ret_record)
{
    struct cell *cell = arena_alloc(r->arena, rows->cells * sizeof(*cell));
    if (!cell) return -ENOMEM;
    for (size_t i = 0; i < rows->cells; i++) {
        bool doubled;
        cell[i] = reader_rows_cell(rows, row * rows->cells + i, i + 1 == rows->cells, &doubled);
        if (doubled) cell[i].text = reader_unescape(r, cell[i].text);
        if (doubled && !cell[i].text.p) return -ENOMEM;
    }
    size_t begin = OFFSET(rows->behind[row * rows->cells]), end = OFFSET(rows->behind[(row + 1) * rows->cells]) - 1;
    end -= end > begin && rows->text[end - 1] == '\r';
    *ret_record = (struct record){.cell = cell,
                                  .n = rows->cells,
                                  .line = rows->line + count_lines(r, rows, 0, row),
                                  .offset = rows->offset + begin,
                                  .raw = {rows->text + begin, end - begin},
                                  .fault_cell = rows->cells};
    return 0;
}
