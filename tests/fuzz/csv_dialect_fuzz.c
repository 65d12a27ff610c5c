/* SPDX-License-Identifier: MIT */
/*
 * Detection over any bytes: it ends, leaves nothing open that was to be detected, keeps what was declared, and its answer can be
 * read with. The first two bytes choose what is declared.
 */
#include "csv/dialect.h"
#include "csv/reader.h"
#include "csv/shape.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    static const char *const name[] = {"id", "name", "note"};
    static const struct shape_names names = {name, 3};
    struct dialect declared = dialect_default(), d;
    declared.delimiter = "\0\0,:"[data[0] & 3];
    declared.header = data[0] & 4 ? DIALECT_HEADER_NO : DIALECT_HEADER_AUTO;
    declared.encoding = data[0] & 8 ? DIALECT_LATIN1 : DIALECT_UTF8;
    bool whole = data[0] & 16;
    declared.escape = data[0] & 32 ? '\\' : 0;
    declared.comment = data[0] & 64 ? '#' : 0;
    declared.trim = data[0] & 128;
    declared.line_end = (enum dialect_line_end)(data[1] % 3);
    declared.blank = (enum dialect_blank)(data[1] / 3 % 3);
    declared.skip_lines = data[1] / 9 % 4;
    unsigned open = data[1] / 36u;
    declared.open.quote = open & 1;
    declared.open.escape = open & 2 && !declared.escape;
    declared.open.lines = open & 4 && !declared.skip_lines;
    if (data[0] & 1) declared.open.names = &names;
    struct slice sample = {(const char *)data + 2, size - 2};
    dialect_detect(&declared, sample, whole, &d);

    check(d.header == DIALECT_HEADER_YES || d.header == DIALECT_HEADER_NO);
    check(declared.header == DIALECT_HEADER_AUTO || d.header == declared.header);
    check(declared.delimiter ? d.delimiter == declared.delimiter : d.delimiter && strchr(",;\t|", d.delimiter));
    check(d.encoding == declared.encoding && (d.quote == declared.quote || (declared.open.quote && d.quote == '\'')));
    check(d.escape == declared.escape || (declared.open.escape && d.escape == '\\'));
    check(d.skip_lines == declared.skip_lines || (declared.open.lines && d.skip_lines <= SHAPE_LINES_MAX));
    check(d.delimiter != d.quote && d.delimiter != d.escape);
    check(!d.open.quote && !d.open.escape && !d.open.lines && !d.open.names);
    size_t mark = sample.len >= 3 && memcmp(sample.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, lines = 0;
    check(d.line_end != DIALECT_END_AUTO && d.blank != DIALECT_BLANK_AUTO && d.start >= mark && d.start <= sample.len);
    check(declared.line_end == DIALECT_END_AUTO || d.line_end == declared.line_end);
    for (size_t i = mark; i < d.start; i++)
        lines += sample.p[i] == dialect_line_byte(&d);
    check(d.first_line == 1 + d.skip_lines && (lines == d.skip_lines || d.start == sample.len));
    char found[DIALECT_FOUND_MAX];
    dialect_found(&declared, &d, found);

    struct arena arena;
    arena_init(&arena, 1 << 14, 1 << 26);
    struct reader r;
    struct record record;
    struct slice chunk = {sample.p + d.start, sample.len - d.start};
    reader_init(&r, &(struct reader_input){.dialect = &d, .chunk = chunk, .first_line = d.first_line, .first_offset = d.start},
                &arena);
    int rc;
    while ((rc = reader_next(&r, &record)) != READER_E_END)
        check(rc >= 0);
    arena_done(&arena);
    return 0;
}
