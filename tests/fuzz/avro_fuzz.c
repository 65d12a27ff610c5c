/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an Avro file: what is read as rows is COPY's form of rows, which become the same rows again by way of Avro. The
 * source gives the bytes in small pieces.
 */
#include "format/avro_file.h"
#include "format/avro_row.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 1000, STEP = 61 };

static void check(bool holds)
{
    if (!holds) abort();
}

static ssize_t give(void *ctx, void *p, size_t n)
{
    struct slice *rest = ctx;
    size_t got = n < STEP ? n : STEP;
    if (got > rest->len) got = rest->len;
    if (got) memcpy(p, rest->p, got);
    *rest = (struct slice){rest->p + got, rest->len - got};
    return (ssize_t)got;
}

static void walk(const struct avro_schema *s, int64_t rows, struct slice records)
{
    struct buf row, avro, again;
    struct error err = {0};
    buf_init(&row, 1 << 22);
    buf_init(&avro, 1 << 22);
    buf_init(&again, 1 << 22);
    for (int64_t i = 0; i < rows && i < ROWS_MAX; i++) {
        size_t bad;
        buf_reset(&row);
        buf_reset(&avro);
        buf_reset(&again);
        int r = avro_row_get(s, &records, &row, &err);
        check(r == 0 || (r == AVRO_E_DAMAGED && err.text[0]));
        if (r != 0 || buf_check(&row) < 0) break;
        check(avro_row_put(s, buf_slice(&row), &avro, &bad) == 0);
        struct slice in = buf_slice(&avro);
        check(avro_row_get(s, &in, &again, &err) == 0 && in.len == 0 && slice_equal(buf_slice(&row), buf_slice(&again)));
    }
    buf_done(&row);
    buf_done(&avro);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size}, records;
    struct avro_reader reader;
    struct error err = {0};
    int64_t rows;
    int r = avro_reader_open(&reader, &(struct avro_source){give, &rest}, &err);
    check(r == 0 || r == AVRO_E_DAMAGED);
    if (r != 0) return 0;
    check(reader.schema.columns > 0);
    while ((r = avro_reader_block(&reader, &rows, &records, &err)) == 0)
        walk(&reader.schema, rows, records);
    check(r == AVRO_E_END || r == AVRO_E_DAMAGED);
    avro_reader_close(&reader);
    return 0;
}
