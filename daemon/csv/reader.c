/* SPDX-License-Identifier: MIT */
#include "csv/reader.h"

#include "csv/charset.h"
#include "csv/simd.h"

#include <assert.h>

enum { CELLS_FIRST = 64 };

/* A record while it is cut; offsets in the chunk. */
struct parse {
    size_t start;
    size_t pos; /* of the next cell; when `ended`, behind the record */
    size_t end; /* when `ended`: behind the record's bytes without the line end */
    size_t n;   /* cells */
    int code;   /* 0 or READER_E_ */
    bool ended;
    bool multiline; /* there are line ends inside, or may be */
};

void reader_init(struct reader *r, const struct reader_input *in, struct arena *arena)
{
    const struct dialect *d = in->dialect;
    assert(d->delimiter != 0 && d->delimiter != d->quote);
    *r = (struct reader){.in = *in,
                         .arena = arena,
                         .ops = simd_best(),
                         .delimiter = d->delimiter,
                         .quote = d->quote ? d->quote : READER_NO_QUOTE,
                         .escape = d->escape,
                         .comment = d->comment,
                         .line_byte = dialect_line_byte(d),
                         .trim = d->trim,
                         .cr = d->line_end == DIALECT_END_CR,
                         .line = in->first_line,
                         .block = (size_t)-1};
}

void reader_forget(struct reader *r)
{
    r->cell = NULL;
}

static void load_block(struct reader *r, size_t block)
{
    const bool quoting = r->quote != READER_NO_QUOTE;
    const struct simd_set set = {.quote = quoting ? (char)r->quote : r->delimiter, .delimiter = r->delimiter};
    struct slice rest = {r->in.chunk.p + block, r->in.chunk.len - block};
    struct simd_masks m;
    if (rest.len >= SIMD_BLOCK)
        r->ops->structure(rest.p, 1, &set, &m);
    else
        simd_structure_tail(r->ops, rest, &set, &m);
    r->block = block;
    r->quotes = quoting ? m.quote : 0;
    r->structural = m.quote | m.delimiter | m.lf | m.cr;
    r->lines = r->cr ? m.cr : m.lf;
    if (!r->escape) return;
    if (rest.len > SIMD_BLOCK) rest.len = SIMD_BLOCK;
    simd_structure_tail(r->ops, rest, &(struct simd_set){.quote = r->escape}, &m);
    r->quotes |= m.quote;
}

/* The first structural byte at i or behind it; the chunk's length when there is none. */
static size_t find_marked(struct reader *r, size_t i)
{
    while (i < r->in.chunk.len) {
        size_t block = i & ~(size_t)(SIMD_BLOCK - 1);
        if (block != r->block) load_block(r, block);
        uint64_t marks = r->structural >> (i - block);
        if (marks) return i + (unsigned)__builtin_ctzll(marks);
        i = block + SIMD_BLOCK;
    }
    return r->in.chunk.len;
}

/* The same; most often it is in the block at hand. */
static inline size_t next_marked(struct reader *r, size_t i)
{
    if (i - r->block < SIMD_BLOCK) {
        uint64_t marks = r->structural >> (i - r->block);
        if (marks) return i + (unsigned)__builtin_ctzll(marks);
    }
    return find_marked(r, i);
}

/* The first quote or escape at i or behind it; the chunk's length when there is none. `multiline` becomes true when a line byte
 * stands before it. */
static size_t next_quote(struct reader *r, size_t i, bool *multiline)
{
    while (i < r->in.chunk.len) {
        size_t block = i & ~(size_t)(SIMD_BLOCK - 1);
        if (block != r->block) load_block(r, block);
        uint64_t marks = r->quotes >> (i - block), before = marks ? (marks & -marks) - 1 : ~(uint64_t)0;
        if (r->lines >> (i - block) & before) *multiline = true;
        if (marks) return i + (unsigned)__builtin_ctzll(marks);
        i = block + SIMD_BLOCK;
    }
    return r->in.chunk.len;
}

static bool escapes(const struct reader *r, char c)
{
    return c == r->quote || c == r->escape;
}

/* Behind the closing quote of the quoted cell whose content begins at i; 0 when the chunk ends first. `extra`: bytes of the content
 * that are no part of the text. */
static size_t close_quote(struct reader *r, size_t i, size_t *extra, bool *multiline)
{
    const struct slice chunk = r->in.chunk;
    for (;;) {
        i = next_quote(r, i, multiline);
        if (i >= chunk.len) return 0;
        if (r->escape && chunk.p[i] == r->escape) {
            *extra += i + 1 < chunk.len && escapes(r, chunk.p[i + 1]);
            *multiline = true; /* what it escapes may be a line end */
            i += 2;
            continue;
        }
        i++;
        if (i == chunk.len || chunk.p[i] != r->quote) return i;
        i++;
        ++*extra;
    }
}

/* The first quote or escape; NULL when there is none. */
static const char *find_extra(const struct reader *r, struct slice text)
{
    const char *quote = memchr(text.p, r->quote, text.len);
    if (!r->escape) return quote;
    const char *escape = memchr(text.p, r->escape, quote ? (size_t)(quote - text.p) : text.len);
    return escape ? escape : quote;
}

/* A doubled quote is one quote; an escape is gone before a quote or another. */
static struct slice unescape(struct reader *r, struct slice text, size_t extra)
{
    char *to = arena_alloc(r->arena, text.len - extra);
    if (!to) return (struct slice){NULL, 0};
    size_t len = 0;
    for (struct slice rest = text; rest.len > 0;) {
        const char *at = find_extra(r, rest);
        size_t part = at ? (size_t)(at - rest.p) : rest.len;
        memcpy(to + len, rest.p, part);
        len += part;
        rest.p += part;
        rest.len -= part;
        if (!at) break;
        /* A quote in here is the first of two; what stands behind an escape that is none is a byte of the text, too. */
        bool gone = *at == r->quote || (rest.len > 1 && escapes(r, at[1]));
        if (!gone) to[len++] = *at;
        if (rest.len > 1) to[len++] = at[1];
        rest.p += rest.len > 1 ? 2 : 1;
        rest.len -= rest.len > 1 ? 2 : 1;
    }
    return (struct slice){to, len};
}

static int grow_cells(struct reader *r, size_t n)
{
    size_t cap = n ? n * 2 : r->cell_cap ? r->cell_cap : CELLS_FIRST;
    struct cell *grown = arena_alloc(r->arena, cap * sizeof(*grown));
    if (!grown) return -ENOMEM;
    if (n) memcpy(grown, r->cell, n * sizeof(*grown));
    r->cell = grown;
    r->cell_cap = cap;
    return 0;
}

static inline int add_cell(struct reader *r, struct parse *p, const struct cell *cell)
{
    if (!r->cell || p->n == r->cell_cap) {
        int rc = grow_cells(r, p->n);
        if (rc < 0) return rc;
    }
    r->cell[p->n++] = *cell;
    return 0;
}

/* What stands at i, behind a cell, and is no delimiter: 0 when it ends the record, else the fault. */
static int end_row(const struct reader *r, struct parse *p, size_t i)
{
    const struct slice chunk = r->in.chunk;
    if (i == chunk.len) {
        p->pos = p->end = i;
        p->ended = true;
        return 0;
    }
    char c = chunk.p[i];
    size_t last = !r->cr && c == '\r' && i + 1 < chunk.len ? i + 1 : i;
    if (chunk.p[last] == r->line_byte) {
        p->pos = last + 1;
        p->end = i;
        p->ended = true;
        return 0;
    }
    if (c == '\r') return READER_E_BARE_CR;
    if (c == '\n') return READER_E_BARE_LF;
    return c == r->quote ? READER_E_STRAY_QUOTE : READER_E_AFTER_QUOTE;
}

/* i, or behind the white space there that `trim` takes away. */
static inline size_t skip_space(const struct reader *r, size_t i)
{
    const struct slice chunk = r->in.chunk;
    if (r->trim)
        while (i < chunk.len && dialect_space(r->in.dialect, chunk.p[i]))
            i++;
    return i;
}

/* The record ends at the line byte at i. */
static void end_record(const struct reader *r, struct parse *p, size_t i)
{
    const struct slice chunk = r->in.chunk;
    p->pos = i + 1;
    p->end = chunk.p[i] == '\n' && i > p->start && chunk.p[i - 1] == '\r' ? i - 1 : i;
}

/* Behind a fault: find the record's end from i on. at_cell: a cell begins there, else i is inside an unquoted one. */
static void skip_record(struct reader *r, struct parse *p, size_t i, bool at_cell)
{
    const struct slice chunk = r->in.chunk;
    p->ended = p->multiline = true;
    for (;; i++) {
        size_t extra = 0;
        if (at_cell) i = skip_space(r, i);
        if (at_cell && i < chunk.len && chunk.p[i] == r->quote) i = close_quote(r, i + 1, &extra, &p->multiline);
        if (i == 0) break;
        i = next_marked(r, i);
        if (i == chunk.len) break;
        if (chunk.p[i] == r->line_byte) return end_record(r, p, i);
        at_cell = chunk.p[i] == r->delimiter;
    }
    p->pos = p->end = chunk.len;
}

/* The cell at p->pos. 0 (also for a fault, which is in p->code) or -ENOMEM. */
static int cut_cell(struct reader *r, struct parse *p)
{
    const struct slice chunk = r->in.chunk;
    if (p->n == READER_CELLS_MAX) {
        p->code = READER_E_TOO_WIDE;
        skip_record(r, p, p->pos, true);
        return 0;
    }
    size_t from = skip_space(r, p->pos), to, stop;
    struct cell cell = {.quoted = from < chunk.len && chunk.p[from] == r->quote};
    size_t extra = 0;
    if (cell.quoted) {
        stop = close_quote(r, ++from, &extra, &p->multiline);
        to = stop - 1;
        if (stop == 0) {
            p->code = READER_E_UNCLOSED;
            p->pos = p->end = chunk.len;
            p->ended = true;
            return 0;
        }
        stop = skip_space(r, stop);
    } else {
        to = stop = next_marked(r, from);
        if (r->trim)
            while (to > from && dialect_space(r->in.dialect, chunk.p[to - 1]))
                to--;
    }
    if (stop < chunk.len && chunk.p[stop] == r->delimiter) {
        p->pos = stop + 1;
    } else {
        p->code = end_row(r, p, stop);
        if (p->code) {
            skip_record(r, p, stop + 1, false);
            return 0;
        }
    }
    cell.text = (struct slice){chunk.p + from, to - from};
    if (extra) cell.text = unescape(r, cell.text, extra);
    return cell.text.p ? add_cell(r, p, &cell) : -ENOMEM;
}

/* Cells to UTF-8, up to the first that cannot be: it becomes the fault. 0 or -ENOMEM. */
static int convert_cells(struct reader *r, struct parse *p)
{
    for (size_t i = 0; i < p->n; i++) {
        struct slice *text = &r->cell[i].text;
        size_t plain = r->ops->first_nul_or_high(*text);
        if (plain == text->len) continue;
        int rc = memchr(text->p + plain, '\0', text->len - plain) ? READER_E_NUL
                                                                  : charset_to_utf8(r->in.dialect->encoding, *text, r->arena, text);
        if (rc < 0) return rc;
        if (rc == 0) continue;
        p->code = rc == READER_E_NUL ? READER_E_NUL : READER_E_ENCODING;
        p->n = i;
    }
    return 0;
}

/*
 * The content of the record's cells. Most files are sound: one look far ahead serves many records. (The cells of a record in UTF-8
 * are UTF-8, because what cuts them is ASCII.) 0 or -ENOMEM.
 */
static int check_content(struct reader *r, struct parse *p)
{
    const struct slice chunk = r->in.chunk;
    if (p->end <= r->plain_end) return 0;
    struct slice rest = {chunk.p + p->start, chunk.len - p->start};
    r->plain_end =
        p->start + (r->in.dialect->encoding == DIALECT_UTF8 ? r->ops->text_prefix(rest) : r->ops->first_nul_or_high(rest));
    return p->end <= r->plain_end ? 0 : convert_cells(r, p);
}

static bool at_file_start(const struct reader *r)
{
    return r->pos == 0 && r->in.first_offset == r->in.dialect->start;
}

/* Behind the line end at pos; pos when there is none, which is then no blank line. */
static size_t blank_line(const struct reader *r)
{
    const struct slice chunk = r->in.chunk;
    size_t lf = !r->cr && chunk.p[r->pos] == '\r' && r->pos + 1 < chunk.len ? r->pos + 1 : r->pos;
    return chunk.p[lf] == r->line_byte ? lf + 1 : r->pos;
}

/* Behind the comment at pos; pos when there is none, or when it holds what may be the end of another line. */
static size_t comment_line(const struct reader *r)
{
    const struct slice chunk = r->in.chunk;
    const char *p = chunk.p + r->pos, *end;
    if (!r->comment || *p != r->comment) return r->pos;
    size_t len = chunk.len - r->pos;
    end = memchr(p, r->line_byte, len);
    size_t behind = end ? (size_t)(end - p) + 1 : len;
    size_t text = end && !r->cr && end[-1] == '\r' ? behind - 2 : behind;
    return memchr(p, r->cr ? '\n' : '\r', text) ? r->pos : r->pos + behind;
}

/* Comments, and the blank lines that are no records. */
static void skip_lines(struct reader *r)
{
    const struct dialect *d = r->in.dialect;
    bool before_header = at_file_start(r) && d->header != DIALECT_HEADER_NO && !d->blank_header;
    while (r->pos < r->in.chunk.len) {
        size_t behind = comment_line(r);
        if (behind == r->pos && (before_header || d->blank <= DIALECT_BLANK_SKIP)) behind = blank_line(r);
        if (behind == r->pos) break;
        r->line += r->in.chunk.p[behind - 1] == r->line_byte;
        r->pos = behind;
    }
}

/* A record that is cut as a whole: a comment that cannot be one, a blank line that must not be. 0: neither. */
static int refused_line(struct reader *r, struct parse *p)
{
    const struct dialect *d = r->in.dialect;
    const char *from = r->in.chunk.p + p->start;
    bool comment = r->comment && *from == r->comment;
    if (!comment && (d->blank != DIALECT_BLANK_REJECT || blank_line(r) == p->start)) return 0;
    const char *end = memchr(from, r->line_byte, r->in.chunk.len - p->start);
    p->pos = p->end = r->in.chunk.len;
    if (end) end_record(r, p, (size_t)(end - r->in.chunk.p));
    return comment ? READER_E_COMMENT : READER_E_BLANK;
}

/* Most records begin neither with a line end nor as a comment does. */
static inline bool may_be_odd(const struct reader *r)
{
    if (r->pos == r->in.chunk.len) return false;
    char c = r->in.chunk.p[r->pos];
    return c == '\n' || c == '\r' || c == r->comment;
}

int reader_next(struct reader *r, struct record *ret_record)
{
    const struct slice chunk = r->in.chunk;
    bool odd = may_be_odd(r);
    if (odd) skip_lines(r);
    if (r->pos == chunk.len) return READER_E_END;

    struct parse p = {.start = r->pos, .pos = r->pos};
    if (odd) p.code = refused_line(r, &p);
    p.ended = p.code != 0;
    while (!p.ended) {
        int rc = cut_cell(r, &p);
        if (rc < 0) return rc;
    }
    int rc = check_content(r, &p);
    if (rc < 0) return rc;

    *ret_record = (struct record){
        .cell = r->cell,
        .n = p.n,
        .line = r->line,
        .offset = r->in.first_offset + p.start,
        .raw = {chunk.p + p.start, p.end - p.start},
        .fault_cell = p.n,
    };
    struct slice whole = {chunk.p + p.start, p.pos - p.start};
    r->line += p.multiline ? r->ops->count(whole, r->line_byte) : p.pos > p.end;
    r->pos = p.pos;
    return p.code;
}

const char *reader_error_text(int code)
{
    _Static_assert(READER_CELLS_MAX == 16384, "the text of READER_E_TOO_WIDE says how many");
    static const char *const texts[] = {
        [READER_E_END] = "no more records",
        [READER_E_STRAY_QUOTE] = "a quote inside an unquoted cell; double it and put the cell in quotes",
        [READER_E_AFTER_QUOTE] = "text between a closing quote and the delimiter; double the quotes that belong to the cell",
        [READER_E_UNCLOSED] = "a quote opens a cell and is never closed; close it, or double it and put the cell in quotes",
        [READER_E_NUL] = "a NUL byte; remove it, or convert the file to UTF-8 if it is UTF-16",
        [READER_E_ENCODING] = "bytes that are no UTF-8; convert the file, or declare its encoding (encoding = cp1252, …)",
        [READER_E_BARE_CR] = "a carriage return without a line feed; end all lines with LF or CRLF, or put the cell in quotes",
        [READER_E_TOO_WIDE] = "more cells than a record may have (16384); is the delimiter right?",
        [READER_E_BARE_LF] =
            "a line feed in a file whose lines end in carriage returns; end all lines alike, or put the cell in quotes",
        [READER_E_COMMENT] = "a comment that holds another kind of line end; rows may hide in it: end all lines alike",
        [READER_E_BLANK] = "a blank line; remove it, or declare blank_lines = skip",
    };
    return code >= READER_E_END && code < READER_E_CODES ? texts[code] : "no error of the reader";
}
