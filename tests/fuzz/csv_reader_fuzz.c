/* SPDX-License-Identifier: MIT */
/*
 * Scan and reader over any bytes: the scan finds the same record ends whole, cut in two and a byte at a time; the reader finds the
 * same ones, one by one and many at once; what it hands out lies in the chunk and is UTF-8 without NUL. The first three bytes
 * choose the dialect and the cut.
 */
#include "csv/reader.h"
#include "csv/scan.h"
#include "csv/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

static struct dialect choose_dialect(unsigned choice, unsigned extra)
{
    struct dialect d = dialect_default();
    d.delimiter = ",;\t|"[choice & 3];
    d.encoding = choice & 4 ? DIALECT_LATIN1 : DIALECT_UTF8;
    d.blank = (enum dialect_blank)(extra >> 4 & 3);
    d.escape = extra & 1 ? '\\' : 0;
    d.comment = extra & 2 ? '#' : 0;
    d.trim = extra & 4;
    d.line_end = extra & 8 ? DIALECT_END_CR : DIALECT_END_LF;
    d.header = choice & 16 ? DIALECT_HEADER_YES : DIALECT_HEADER_NO;
    d.quote = choice & 64 ? '\0' : choice & 32 ? '\'' : '"';
    return d;
}

/* ends[i]: a record ends behind byte i. The state at the end is in *s. */
static size_t scan_bytes(struct scan *s, struct slice text, bool *ret_ends)
{
    size_t last = 0;
    for (size_t i = 0; i < text.len; i++) {
        ret_ends[i] = scan_feed(s, (struct slice){text.p + i, 1}).end == 1;
        if (ret_ends[i]) last = i + 1;
    }
    return last;
}

static void check_cut(const struct dialect *d, struct slice text, size_t cut, const struct scan *want, size_t last)
{
    struct scan s;
    scan_init(&s, d);
    struct scan_result a = scan_feed(&s, (struct slice){text.p, cut});
    struct scan_result b = scan_feed(&s, (struct slice){text.p + cut, text.len - cut});
    check((b.end ? cut + b.end : a.end) == last);
    check(s.line == want->line && s.state == want->state);
    check(!scan_open_quote(want) || s.quote_line == want->quote_line);
}

static void check_record(const struct record *r, int rc, struct slice text)
{
    check(r->offset <= text.len && r->raw.p == text.p + r->offset && r->raw.len <= text.len - r->offset);
    check(rc ? r->fault_cell == r->n : r->n > 0);
    for (size_t i = 0; i < r->n; i++) {
        struct slice cell = r->cell[i].text;
        check(utf8_valid(cell) && !memchr(cell.p, '\0', cell.len));
    }
}

static void check_reader(const struct dialect *d, struct slice text, const bool *ends)
{
    struct arena arena;
    arena_init(&arena, 1 << 14, 1 << 26);
    struct reader r;
    struct record record;
    reader_init(&r, &(struct reader_input){.dialect = d, .chunk = text, .first_line = 1}, &arena);
    size_t at = 0;
    uint64_t line = 1;
    const char end = dialect_line_byte(d);
    for (;;) {
        int rc = reader_next(&r, &record);
        check(rc >= 0);
        size_t start = rc == READER_E_END ? text.len : record.offset;
        for (; at < start; at++) { /* blank lines and comments */
            if (d->comment && text.p[at] == d->comment)
                while (at + 1 < start && text.p[at] != end)
                    check(!ends[at++]);
            check(ends[at] ? text.p[at] == end : text.p[at] == '\r' || at + 1 == text.len);
            line += text.p[at] == end;
        }
        if (rc == READER_E_END) break;
        check_record(&record, rc, text);
        check(record.line == line);
        check(r.pos > at);
        bool ended = record.offset + record.raw.len < r.pos;
        for (; at < r.pos; at++) {
            check(ends[at] == (ended && at + 1 == r.pos));
            line += text.p[at] == end;
        }
        check(ended || at == text.len);
    }
    arena_done(&arena);
}

static void check_row(struct reader *reader, const struct reader_rows *rows, size_t row, struct reader *reference)
{
    struct record want, got;
    check(reader_next(reference, &want) == 0 && reader_rows_record(reader, rows, row, &got) == 0);
    check(got.n == want.n && got.line == want.line && got.offset == want.offset && got.raw.p == want.raw.p &&
          got.raw.len == want.raw.len);
    for (size_t i = 0; i < got.n; i++)
        check(got.cell[i].quoted == want.cell[i].quoted && slice_equal(got.cell[i].text, want.cell[i].text));
}

/* Many records at once are those that come one by one. */
static void check_rows(const struct dialect *d, struct slice text, size_t cells)
{
    struct arena arena;
    arena_init(&arena, 1 << 14, 1 << 28);
    struct reader reference, reader;
    reader_init(&reference, &(struct reader_input){.dialect = d, .chunk = text, .first_line = 1}, &arena);
    reader_init(&reader, &(struct reader_input){.dialect = d, .chunk = text, .first_line = 1}, &arena);
    for (int rc = 0; rc != READER_E_END;) {
        struct reader_rows rows;
        struct record want, got;
        size_t n = reader_rows(&reader, cells, 1024, &rows);
        for (size_t i = 0; i < n; i++)
            check_row(&reader, &rows, i, &reference);
        check(reader.pos == reference.pos && reader.line == reference.line);
        rc = reader_next(&reference, &want);
        check(reader_next(&reader, &got) == rc);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    struct dialect d = choose_dialect(data[0], data[1]);
    struct slice text = {(const char *)data + 3, size - 3};
    bool *ends = calloc(text.len + 1, sizeof(*ends));
    check(ends != NULL);
    struct scan bytes;
    scan_init(&bytes, &d);
    size_t last = scan_bytes(&bytes, text, ends);
    check_cut(&d, text, 0, &bytes, last);
    check_cut(&d, text, text.len * data[2] / 255, &bytes, last);
    check_reader(&d, text, ends);
    check_rows(&d, text, 1 + data[2] % 4);
    free(ends);
    return 0;
}
