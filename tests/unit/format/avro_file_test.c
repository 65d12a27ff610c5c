/* SPDX-License-Identifier: MIT */
#include "format/avro_file.h"
#include "format/avro_row.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

enum { ROOM = 1 << 22, ROWS = 3000 };

static struct avro_column column = {.name = "n", .kind = AVRO_LONG};
static const struct avro_schema schema = {.name = "t", .column = &column, .columns = 1};

/* A file of the numbers 0 to ROWS - 1 in three blocks. */
static void make(struct buf *out, int level)
{
    struct avro_format format;
    buf_init(out, ROOM);
    assert_int_equal(avro_format_init(&format, level), 0);
    avro_file_header(&schema, &format, out);
    for (int block = 0; block < 3; block++) {
        struct buf records;
        buf_init(&records, ROOM);
        for (int i = 0; i < ROWS / 3; i++)
            avro_put_long(&records, block * (ROWS / 3) + i);
        assert_int_equal(avro_file_block(&format, buf_slice(&records), ROWS / 3, out), 0);
        buf_done(&records);
    }
    assert_int_equal(buf_check(out), 0);
}

struct source {
    struct slice rest;
    size_t step; /* so many bytes at a time */
};
static ssize_t give(void *ctx, void *p, size_t n)
{
    struct source *s = ctx;
    size_t got = n < s->step ? n : s->step;
    if (got > s->rest.len) got = s->rest.len;
    if (got) memcpy(p, s->rest.p, got);
    s->rest = (struct slice){s->rest.p + got, s->rest.len - got};
    return (ssize_t)got;
}

/* AVRO_E_END and the rows, in their order, or what is wrong. */
static int read_all(struct slice file, size_t step, int64_t *ret_rows, struct error *err)
{
    struct source source = {file, step};
    struct avro_reader reader;
    int64_t rows, seen = 0, n;
    struct slice records;
    int r = avro_reader_open(&reader, &(struct avro_source){give, &source}, err);
    if (r != 0) return r;
    assert_int_equal(reader.schema.columns, 1);
    while ((r = avro_reader_block(&reader, &rows, &records, err)) == 0) {
        while (avro_get_long(&records, &n))
            if (n == seen) seen++;
        if (records.len != 0) r = AVRO_E_DAMAGED;
        if (r != 0) break;
    }
    avro_reader_close(&reader);
    *ret_rows = seen;
    return r;
}

static void what_is_written_is_read_in_any_pieces(void **state)
{
    (void)state;
    for (int level = 0; level <= 9; level += 3) {
        struct buf file;
        make(&file, level);
        for (size_t step = 1; step < 5000; step = step * 3 + 1) {
            int64_t rows = 0;
            struct error err;
            assert_int_equal(read_all(buf_slice(&file), step, &rows, &err), AVRO_E_END);
            assert_int_equal(rows, ROWS);
        }
        buf_done(&file);
    }
}

/* A file that ends between two blocks is whole for Avro: that is for the manifest to find. */
static void a_file_that_is_cut_off_inside_a_block_is_refused(void **state)
{
    (void)state;
    struct buf file;
    make(&file, 1);
    int whole = 0;
    for (size_t cut = 0; cut < file.len; cut++) {
        char *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, file.data, cut);
        int64_t rows = 0;
        struct error err = {0};
        int r = read_all((struct slice){exact, cut}, 100, &rows, &err);
        whole += r == AVRO_E_END;
        if (r != AVRO_E_END) assert_true(r == AVRO_E_DAMAGED && err.text[0]);
        free(exact);
    }
    assert_int_equal(whole, 3); /* behind the header, the first and the second block */
    buf_done(&file);
}

static void no_changed_byte_of_what_avro_checks_is_taken(void **state)
{
    (void)state;
    struct buf file;
    make(&file, 0);
    for (size_t at = 0; at < file.len; at += at < 300 ? 1 : 97) {
        int64_t rows = 0;
        struct error err = {0};
        file.data[at] ^= 0x04;
        int r = read_all(buf_slice(&file), 100, &rows, &err);
        assert_true(r == AVRO_E_END || r == AVRO_E_DAMAGED);
        file.data[at] ^= 0x04;
    }
    buf_done(&file);
}

static void refuse(struct slice file, const char *words)
{
    int64_t rows;
    struct error err = {0};
    assert_int_equal(read_all(file, 7, &rows, &err), AVRO_E_DAMAGED);
    if (!strstr(err.text, words)) fail_msg("%s", err.text);
}

#define SYNC "0123456789abcdef"
#define SMALL "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"n\",\"type\":\"long\"}]}"
/* 66 bytes: zigzag 0x84 0x01 */
#define HEADER                                                                                                                     \
    "Obj\x01\x02\x16"                                                                                                              \
    "avro.schema\x84\x01" SMALL "\0" SYNC

static void hostile_headers_and_blocks_are_refused(void **state)
{
    (void)state;
    refuse(SLICE("Obj\x02"), "no Avro file");
    refuse(SLICE("PK\x03\x04"), "no Avro file");
    refuse(SLICE("Obj\x01\0" SYNC), "no schema");
    refuse(SLICE("Obj\x01\x02\x16"
                 "avro.schema\x02"
                 "x\0" SYNC),
           "no JSON");
    refuse(SLICE("Obj\x01\x02\x14"
                 "avro.codec\x0c"
                 "snappy\0" SYNC),
           "codec");
    refuse(SLICE("Obj\x01\x02\x01"), "length");
    refuse(SLICE("Obj\x01\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "length");
    refuse(SLICE("Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), "header");
    refuse(SLICE(HEADER "\x02\x02"
                        "a0123456789abcdeX"),
           "marker");
    refuse(SLICE(HEADER "\x01\0" SYNC), "less than no rows");
    refuse(SLICE(HEADER "\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "1 GiB");
    refuse(SLICE(HEADER "\x02\x01"), "1 GiB");
    refuse(SLICE(HEADER "\x02\x80\x80\x80\x80\x04"), "cut off");
    int64_t rows;
    struct error err;
    assert_int_equal(read_all(SLICE(HEADER), 7, &rows, &err), AVRO_E_END);
    assert_int_equal(read_all(SLICE(HEADER "\x04\x04\0\x02" SYNC), 7, &rows, &err), AVRO_E_END);
    assert_int_equal(rows, 2);
    /* A map in two blocks, one with its size before it, and an entry of somebody else's. */
    assert_int_equal(read_all(SLICE("Obj\x01\x01\x06\x02"
                                    "a\0\x02\x16"
                                    "avro.schema\x84\x01" SMALL "\0" SYNC "\x02\x02\0" SYNC),
                              7, &rows, &err),
                     AVRO_E_END);
}

static ssize_t fail_reading(void *ctx, void *p, size_t n)
{
    (void)ctx, (void)p, (void)n;
    return -EIO;
}

static void the_sources_error_is_handed_on(void **state)
{
    (void)state;
    struct avro_reader reader;
    struct error err;
    assert_int_equal(avro_reader_open(&reader, &(struct avro_source){fail_reading, NULL}, &err), -EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_in_any_pieces),
        cmocka_unit_test(a_file_that_is_cut_off_inside_a_block_is_refused),
        cmocka_unit_test(no_changed_byte_of_what_avro_checks_is_taken),
        cmocka_unit_test(hostile_headers_and_blocks_are_refused),
        cmocka_unit_test(the_sources_error_is_handed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
