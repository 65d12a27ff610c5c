/* SPDX-License-Identifier: MIT */
/*
 * Detection over any bytes: it ends, leaves nothing open that was to be detected, keeps what was declared, and its answer can be
 * read with. The first byte chooses what is declared.
 */
#include "csv/dialect.h"
#include "csv/reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    struct dialect declared = dialect_default(), d;
    declared.delimiter = "\0\0,:"[data[0] & 3];
    declared.header = data[0] & 4 ? DIALECT_HEADER_NO : DIALECT_HEADER_AUTO;
    declared.encoding = data[0] & 8 ? DIALECT_LATIN1 : DIALECT_UTF8;
    bool whole = data[0] & 16;
    struct slice sample = {(const char *)data + 1, size - 1};
    dialect_detect(&declared, sample, whole, &d);

    check(d.header == DIALECT_HEADER_YES || d.header == DIALECT_HEADER_NO);
    check(declared.header == DIALECT_HEADER_AUTO || d.header == declared.header);
    check(declared.delimiter ? d.delimiter == declared.delimiter : d.delimiter && strchr(",;\t|", d.delimiter));
    check(d.encoding == declared.encoding && d.quote == declared.quote);
    check(d.bom == (sample.len >= 3 && memcmp(sample.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0));

    struct arena arena;
    arena_init(&arena, 1 << 14, 1 << 26);
    struct reader r;
    struct record record;
    struct slice chunk = {sample.p + d.bom, sample.len - d.bom};
    reader_init(&r, &(struct reader_input){.dialect = &d, .chunk = chunk, .first_line = 1, .first_offset = d.bom}, &arena);
    int rc;
    while ((rc = reader_next(&r, &record)) != READER_E_END)
        check(rc >= 0);
    arena_done(&arena);
    return 0;
}
