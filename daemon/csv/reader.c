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
    bool multiline; /* there may be line ends inside */
};

void reader_init(struct reader *r, const struct reader_input *in, struct arena *arena)
{
    assert(in->dialect->delimiter != 0 && in->dialect->delimiter != in->dialect->quote);
    *r = (struct reader){.in = *in, .arena = arena, .ops = simd_best(), .line = in->first_line, .block = (size_t)-1};
}

void reader_forget(struct reader *r)
{
    r->cell = NULL;
}

static void load_block(struct reader *r, size_t block)
{
    const struct simd_set set = {.quote = r->in.dialect->quote, .delimiter = r->in.dialect->delimiter};
    struct slice rest = {r->in.chunk.p + block, r->in.chunk.len - block};
    struct simd_masks m;
    if (rest.len >= SIMD_BLOCK)
        r->ops->structure(rest.p, 1, &set, &m);
    else
        simd_structure_tail(r->ops, rest, &set, &m);
    r->block = block;
    r->quotes = m.quote;
    r->structural = m.quote | m.delimiter | m.lf | m.cr;
}

/* The first structural byte, or the first quote, at i or behind it; the chunk's length when there is none. */
static size_t next_marked(struct reader *r, size_t i, bool quotes_only)
{
    while (i < r->in.chunk.len) {
        size_t block = i & ~(size_t)(SIMD_BLOCK - 1);
        if (block != r->block) load_block(r, block);
        uint64_t marks = (quotes_only ? r->quotes : r->structural) >> (i - block);
        if (marks) return i + (unsigned)__builtin_ctzll(marks);
        i = block + SIMD_BLOCK;
    }
    return r->in.chunk.len;
}

/* Behind the closing quote of the quoted cell whose content begins at i; 0 when the chunk ends first. */
static size_t close_quote(struct reader *r, size_t i, size_t *doubled)
{
    const struct slice chunk = r->in.chunk;
    for (;;) {
        i = next_marked(r, i, true);
        if (i == chunk.len) return 0;
        i++;
        if (i == chunk.len || chunk.p[i] != r->in.dialect->quote) return i;
        i++;
        ++*doubled;
    }
}

/* A doubled quote is one quote. */
static struct slice unescape(struct reader *r, struct slice text, size_t doubled)
{
    char *to = arena_alloc(r->arena, text.len - doubled);
    if (!to) return (struct slice){NULL, 0};
    size_t len = 0;
    for (struct slice rest = text; rest.len > 0;) {
        const char *quote = memchr(rest.p, r->in.dialect->quote, rest.len);
        size_t part = quote ? (size_t)(quote - rest.p) + 1 : rest.len;
        memcpy(to + len, rest.p, part);
        len += part;
        if (quote) part++;
        rest.p += part;
        rest.len -= part;
    }
    return (struct slice){to, len};
}

static int add_cell(struct reader *r, struct parse *p, const struct cell *cell)
{
    if (!r->cell || p->n == r->cell_cap) {
        size_t cap = p->n ? p->n * 2 : r->cell_cap ? r->cell_cap : CELLS_FIRST;
        struct cell *grown = arena_alloc(r->arena, cap * sizeof(*grown));
        if (!grown) return -ENOMEM;
        if (p->n) memcpy(grown, r->cell, p->n * sizeof(*grown));
        r->cell = grown;
        r->cell_cap = cap;
    }
    r->cell[p->n++] = *cell;
    return 0;
}

/* What stands at i, behind a cell: 0 when it may (p->pos is then behind it), else the fault. */
static int leave_cell(const struct reader *r, struct parse *p, size_t i)
{
    const struct slice chunk = r->in.chunk;
    if (i == chunk.len) {
        p->pos = p->end = i;
        p->ended = true;
        return 0;
    }
    char c = chunk.p[i];
    if (c == r->in.dialect->delimiter) {
        p->pos = i + 1;
        return 0;
    }
    size_t lf = c == '\r' && i + 1 < chunk.len ? i + 1 : i;
    if (chunk.p[lf] == '\n') {
        p->pos = lf + 1;
        p->end = i;
        p->ended = true;
        return 0;
    }
    return c == '\r' ? READER_E_BARE_CR : c == r->in.dialect->quote ? READER_E_STRAY_QUOTE : READER_E_AFTER_QUOTE;
}

/* Behind a fault: find the record's end from i on. at_cell: a cell begins there, else i is inside an unquoted one. */
static void skip_record(struct reader *r, struct parse *p, size_t i, bool at_cell)
{
    const struct slice chunk = r->in.chunk;
    p->ended = p->multiline = true;
    for (;; i++) {
        size_t doubled = 0;
        if (at_cell && i < chunk.len && chunk.p[i] == r->in.dialect->quote) i = close_quote(r, i + 1, &doubled);
        if (i == 0) break;
        i = next_marked(r, i, false);
        if (i == chunk.len) break;
        if (chunk.p[i] == '\n') {
            p->pos = i + 1;
            p->end = i > p->start && chunk.p[i - 1] == '\r' ? i - 1 : i;
            return;
        }
        at_cell = chunk.p[i] == r->in.dialect->delimiter;
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
    size_t from = p->pos, to, stop;
    struct cell cell = {.quoted = from < chunk.len && chunk.p[from] == r->in.dialect->quote};
    size_t doubled = 0;
    if (cell.quoted) {
        p->multiline = true;
        stop = close_quote(r, ++from, &doubled);
        to = stop - 1;
        if (stop == 0) {
            p->code = READER_E_UNCLOSED;
            p->pos = p->end = chunk.len;
            p->ended = true;
            return 0;
        }
    } else {
        to = stop = next_marked(r, from, false);
    }
    p->code = leave_cell(r, p, stop);
    if (p->code) {
        skip_record(r, p, stop + 1, false);
        return 0;
    }
    cell.text = (struct slice){chunk.p + from, to - from};
    if (doubled) cell.text = unescape(r, cell.text, doubled);
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

/* The content of the record's cells. Most files are ASCII: one look far ahead serves many records. 0 or -ENOMEM. */
static int check_content(struct reader *r, struct parse *p)
{
    const struct slice chunk = r->in.chunk;
    if (p->end <= r->plain_end) return 0;
    r->plain_end = p->start + r->ops->first_nul_or_high((struct slice){chunk.p + p->start, chunk.len - p->start});
    return p->end <= r->plain_end ? 0 : convert_cells(r, p);
}

/* A line end with nothing before it is no record, or is one. */
static bool blank_lines_count(const struct reader *r)
{
    const struct dialect *d = r->in.dialect;
    bool at_file_start = r->pos == 0 && r->in.first_offset == d->bom;
    return d->blank_rows && !(at_file_start && d->header != DIALECT_HEADER_NO);
}

static void skip_blank_lines(struct reader *r)
{
    const struct slice chunk = r->in.chunk;
    while (r->pos < chunk.len) {
        size_t lf = chunk.p[r->pos] == '\r' && r->pos + 1 < chunk.len ? r->pos + 1 : r->pos;
        if (chunk.p[lf] != '\n') break;
        r->pos = lf + 1;
        r->line++;
    }
}

int reader_next(struct reader *r, struct record *ret_record)
{
    const struct slice chunk = r->in.chunk;
    if (!blank_lines_count(r)) skip_blank_lines(r);
    if (r->pos == chunk.len) return READER_E_END;

    struct parse p = {.start = r->pos, .pos = r->pos};
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
    r->line += p.multiline ? r->ops->count((struct slice){chunk.p + p.start, p.pos - p.start}, '\n') : p.pos > p.end;
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
        [READER_E_ENCODING] = "bytes that are no UTF-8; convert the file, or declare its encoding (encoding = latin-1)",
        [READER_E_BARE_CR] = "a carriage return without a line feed; end lines with LF or CRLF, or put the cell in quotes",
        [READER_E_TOO_WIDE] = "more cells than a record may have (16384); is the delimiter right?",
    };
    return code >= READER_E_END && code <= READER_E_TOO_WIDE ? texts[code] : "no error of the reader";
}
