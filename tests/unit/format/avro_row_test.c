/* SPDX-License-Identifier: MIT */
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

enum { ROOM = 4096 };

/* A COPY row of one value; NULL is a null. */
static void put_row(struct buf *row, const void *value, int len)
{
    buf_put_u16(row, 1);
    buf_put_u32(row, value ? (uint32_t)len : UINT32_MAX);
    if (value) buf_append(row, value, (size_t)len);
}

/* What Avro makes of the value, and that COPY's form comes back from it. */
static void same(const struct avro_column *c, const void *value, int len, const void *avro, size_t avro_len)
{
    struct avro_schema s = {.column = (struct avro_column *)c, .columns = 1};
    struct buf row, out, back;
    struct error err = {0};
    size_t bad;
    buf_init(&row, ROOM);
    buf_init(&out, ROOM);
    buf_init(&back, ROOM);
    put_row(&row, value, len);
    assert_int_equal(avro_row_put(&s, buf_slice(&row), &out, &bad), 0);
    assert_int_equal(out.len, avro_len);
    assert_memory_equal(out.data, avro, avro_len);
    struct slice records = buf_slice(&out);
    if (avro_row_get(&s, &records, &back, &err) != 0) fail_msg("%s", err.text);
    assert_int_equal(records.len, 0);
    assert_int_equal(back.len, row.len);
    assert_memory_equal(back.data, row.data, row.len);
    /* Cut anywhere, it is refused. */
    for (size_t cut = 0; cut < avro_len; cut++) {
        char *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, avro, cut);
        records = (struct slice){exact, cut};
        buf_reset(&back);
        assert_int_equal(avro_row_get(&s, &records, &back, &err), AVRO_E_DAMAGED);
        free(exact);
    }
    buf_done(&row);
    buf_done(&out);
    buf_done(&back);
}
#define SAME(column, value, avro) same(&(column), value, sizeof(value) - 1, avro, sizeof(avro) - 1)

static void integers_are_zigzag_numbers(void **state)
{
    (void)state;
    struct avro_column l = {.kind = AVRO_LONG}, i = {.kind = AVRO_INT}, s = {.kind = AVRO_INT, .small = true};
    SAME(l, "\0\0\0\0\0\0\0\0", "\0");
    SAME(l, "\xff\xff\xff\xff\xff\xff\xff\xff", "\x01");
    SAME(l, "\0\0\0\0\0\0\0\x40", "\x80\x01");
    SAME(l, "\x7f\xff\xff\xff\xff\xff\xff\xff", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    SAME(l, "\x80\0\0\0\0\0\0\0", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    SAME(i, "\x80\0\0\0", "\xff\xff\xff\xff\x0f");
    SAME(s, "\x80\0", "\xff\xff\x03");
}

static void texts_floats_and_nulls_are_as_the_specification_says(void **state)
{
    (void)state;
    struct avro_column t = {.kind = AVRO_STRING}, d = {.kind = AVRO_DOUBLE}, f = {.kind = AVRO_FLOAT}, b = {.kind = AVRO_BOOLEAN},
                       n = {.kind = AVRO_STRING, .nullable = true},
                       last = {.kind = AVRO_STRING, .nullable = true, .null_last = true};
    SAME(t, "foo",
         "\x06"
         "foo");
    SAME(t, "", "\0");
    SAME(d, "\x3f\xf0\0\0\0\0\0\0", "\0\0\0\0\0\0\xf0\x3f");
    SAME(f, "\x3f\x80\0\0", "\0\0\x80\x3f");
    SAME(b, "\x01", "\x01");
    SAME(n, "a",
         "\x02\x02"
         "a");
    SAME(last, "a",
         "\0\x02"
         "a");
    same(&n, NULL, 0, "\0", 1);
    same(&last, NULL, 0, "\x02", 1);
}

static void days_and_microseconds_count_from_1970(void **state)
{
    (void)state;
    struct avro_column d = {.kind = AVRO_DATE}, t = {.kind = AVRO_TIMESTAMPTZ};
    SAME(d, "\0\0\0\0", "\x9a\xab\x01"); /* 2000-01-01: 10957 */
    SAME(d, "\xff\xff\xd5\x33", "\0");
    SAME(t, "\xff\xfc\xa2\xfe\xc4\xc8\x20\0", "\0");
}

static void a_uuid_is_its_text(void **state)
{
    (void)state;
    struct avro_column u = {.kind = AVRO_UUID};
    SAME(u, "\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11",
         "\x48"
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
}

static void a_decimal_is_the_shortest_twos_complement_of_its_digits(void **state)
{
    (void)state;
    struct avro_column two = {.kind = AVRO_DECIMAL, .precision = 12, .scale = 2}, none = {.kind = AVRO_DECIMAL, .precision = 38},
                       all = {.kind = AVRO_DECIMAL, .precision = 38, .scale = 38};
    /* ndigits, weight, sign, dscale, digits */
    SAME(two, "\0\0\0\0\0\0\0\x02", "\x02\0");
    SAME(two, "\0\x02\0\0\0\0\0\x02\0\x01\x13\x88", "\x04\0\x96");     /* 1.50: 150 */
    SAME(two, "\0\x02\0\0\x40\0\0\x02\0\x01\x0b\x54", "\x04\xff\x7f"); /* -1.29: -129 */
    SAME(two, "\0\x02\0\0\x40\0\0\x02\0\x01\x0a\xf0", "\x02\x80");     /* -1.28: -128 */
    SAME(two, "\0\x01\xff\xff\0\0\0\x02\0\x64", "\x02\x01");           /* 0.01 */
    SAME(two, "\0\x01\0\x01\0\0\0\x02\0\x01", "\x06\x0f\x42\x40");     /* 10000.00 */
    SAME(none, "\0\x01\0\x09\0\0\0\0\0\x0a",                           /* 10^37 */
         "\x20\x07\x85\xee\x10\xd5\xda\x46\xd9\0\xf4\x36\xa0\0\0\0\0");
    SAME(all, "\0\x01\xff\xf6\0\0\0\x26\0\x64", "\x02\x01"); /* 10^-38 */
}

static void refuse(const struct avro_column *c, const char *avro, size_t len)
{
    struct avro_schema s = {.column = (struct avro_column *)c, .columns = 1};
    struct buf back;
    struct error err = {0};
    buf_init(&back, ROOM);
    struct slice records = {avro, len};
    assert_int_equal(avro_row_get(&s, &records, &back, &err), AVRO_E_DAMAGED);
    assert_non_null(strstr(err.text, "field x"));
    buf_done(&back);
}
#define REFUSE(avro, ...) refuse(&(struct avro_column){.name = "x", __VA_ARGS__}, avro, sizeof(avro) - 1)

static void what_a_type_does_not_have_is_refused(void **state)
{
    (void)state;
    REFUSE("\x02", .kind = AVRO_BOOLEAN);
    REFUSE("\x80\x80\x80\x80\x20", .kind = AVRO_INT);
    REFUSE("\x80\x80\x08", .kind = AVRO_INT, .small = true);
    REFUSE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", .kind = AVRO_LONG);
    REFUSE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", .kind = AVRO_LONG);
    REFUSE("\x01", .kind = AVRO_STRING);                                    /* -1 bytes */
    REFUSE("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", .kind = AVRO_BYTES); /* 2^63 - 1 bytes */
    REFUSE("\x04\0", .kind = AVRO_STRING, .nullable = true);                /* branch 2 */
    REFUSE("\x01\0", .kind = AVRO_STRING, .nullable = true);                /* branch -1 */
    REFUSE("\x01", .kind = AVRO_TIME);                                      /* -1 */
    REFUSE("\x80\xc0\xee\xf8\x83\x05", .kind = AVRO_TIME);                  /* 24:00:00 */
    REFUSE("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", .kind = AVRO_TIMESTAMP);
    REFUSE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", .kind = AVRO_TIMESTAMPTZ);
    REFUSE("\xfe\xff\xff\xff\x0f", .kind = AVRO_DATE);
    REFUSE("\0", .kind = AVRO_DECIMAL, .precision = 5);               /* no bytes */
    REFUSE("\x06\x01\x86\xa0", .kind = AVRO_DECIMAL, .precision = 5); /* 100000 */
    REFUSE("\x22\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", .kind = AVRO_DECIMAL, .precision = 38);
    REFUSE("\x46"
           "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1",
           .kind = AVRO_UUID);
    REFUSE("\x48"
           "a0eebc99-9c0b-4ef8-bb6d+6bb9bd380a11",
           .kind = AVRO_UUID);
    REFUSE("\x48"
           "g0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
           .kind = AVRO_UUID);
}

static void a_long_decimal_of_leading_zeros_is_read(void **state)
{
    (void)state;
    struct avro_column c = {.kind = AVRO_DECIMAL, .precision = 5};
    struct avro_schema s = {.column = &c, .columns = 1};
    struct buf back;
    struct error err;
    buf_init(&back, ROOM);
    struct slice records = SLICE("\x28\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07");
    assert_int_equal(avro_row_get(&s, &records, &back, &err), 0);
    assert_int_equal(back.len, 16);
    assert_memory_equal(back.data, "\0\x01\0\0\0\x0a\0\x01\0\0\0\0\0\0\0\x07", 16);
    buf_done(&back);
}

static void ask_for_text(const struct avro_column *c, const void *value, int len)
{
    struct avro_schema s = {.column = (struct avro_column *)c, .columns = 1};
    struct buf row, out;
    size_t bad = 7;
    buf_init(&row, ROOM);
    buf_init(&out, ROOM);
    buf_puts(&out, "kept");
    put_row(&row, value, len);
    assert_int_equal(avro_row_put(&s, buf_slice(&row), &out, &bad), AVRO_E_TEXT);
    assert_int_equal(bad, 0);
    assert_int_equal(out.len, 4);
    buf_done(&row);
    buf_done(&out);
}
#define TEXT(value, ...) ask_for_text(&(struct avro_column){__VA_ARGS__}, value, sizeof(value) - 1)

static void what_others_could_not_hold_asks_for_text(void **state)
{
    (void)state;
    TEXT("\x7f\xff\xff\xff", .kind = AVRO_DATE);
    TEXT("\x80\0\0\0", .kind = AVRO_DATE);
    TEXT("\xff\xf4\xdb\xf8", .kind = AVRO_DATE); /* the day before 0001-01-01 */
    TEXT("\x7f\xff\xff\xff\xff\xff\xff\xff", .kind = AVRO_TIMESTAMP);
    TEXT("\0\0\0\x14\x1d\xd7\x60\0", .kind = AVRO_TIME); /* 24:00:00 */
    TEXT("\0\0\0\0\xc0\0\0\0", .kind = AVRO_DECIMAL, .precision = 5);
    TEXT("\0\0\0\0\xd0\0\0\0", .kind = AVRO_DECIMAL, .precision = 5);
    TEXT("\0\x01\xff\xff\0\0\0\x03\0\x0a", .kind = AVRO_DECIMAL, .precision = 5, .scale = 2); /* 0.001 */
    TEXT("\0\x01\0\x0a\0\0\0\0\0\x01", .kind = AVRO_DECIMAL, .precision = 38);                /* 10^40 */
}

static void nonsense_of_the_server_is_told(void **state)
{
    (void)state;
    struct avro_column c[] = {{.kind = AVRO_LONG}, {.kind = AVRO_STRING}};
    struct avro_schema s = {.column = c, .columns = 2};
    static const struct slice rows[] = {
        SLICE(""),
        SLICE("\0"),
        SLICE("\0\x01\0\0\0\0"),
        SLICE("\0\x02\0\0\0\x08"),
        SLICE("\0\x02\0\0\0\x04\0\0\0\0\0\0\0\0"),
        SLICE("\0\x02\0\0\0\x08\0\0\0\0\0\0\0\0"),
        SLICE("\0\x02\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x02"
              "a"),
        SLICE("\0\x02\0\0\0\x08\0\0\0\0\0\0\0\0\0\0\0\x01"
              "aa"),
        SLICE("\0\x02\xff\xff\xff\xff\0\0\0\0"),
        SLICE("\0\x02\xff\xff\xff\xfe\0\0\0\0"),
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        size_t bad;
        buf_init(&out, ROOM);
        assert_int_equal(avro_row_put(&s, rows[i], &out, &bad), ERROR_PROTOCOL);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_zigzag_numbers),
        cmocka_unit_test(texts_floats_and_nulls_are_as_the_specification_says),
        cmocka_unit_test(days_and_microseconds_count_from_1970),
        cmocka_unit_test(a_uuid_is_its_text),
        cmocka_unit_test(a_decimal_is_the_shortest_twos_complement_of_its_digits),
        cmocka_unit_test(what_a_type_does_not_have_is_refused),
        cmocka_unit_test(a_long_decimal_of_leading_zeros_is_read),
        cmocka_unit_test(what_others_could_not_hold_asks_for_text),
        cmocka_unit_test(nonsense_of_the_server_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
