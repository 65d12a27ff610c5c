/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"

#include <stdlib.h>

#include <cmocka.h>

static void appends_stand_one_behind_the_other(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    buf_printf(&b, "%d,", 1);
    buf_puts(&b, "two");
    buf_putc(&b, ';');
    buf_put(&b, SLICE("\0x"));
    assert_int_equal(buf_check(&b), 0);
    assert_true(slice_equal(buf_slice(&b), SLICE("1,two;\0x")));
    buf_done(&b);
    buf_done(NULL);
}

static void the_ceiling_stops_everything_behind_it(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10);
    buf_puts(&b, "0123456789");
    assert_int_equal(buf_check(&b), 0);
    buf_putc(&b, 'x');
    assert_int_equal(buf_check(&b), ERROR_TOO_BIG);
    buf_consume(&b, 5);
    buf_puts(&b, "y");
    buf_printf(&b, "z");
    assert_true(slice_equal(buf_slice(&b), SLICE("56789")));
    assert_null(buf_cstr(&b));
    assert_null(buf_steal(&b, NULL));
    buf_reset(&b);
    buf_puts(&b, "again");
    assert_string_equal(buf_cstr(&b), "again");
    buf_done(&b);
}

static void a_size_that_overflows_is_too_big(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, SIZE_MAX);
    buf_puts(&b, "abc");
    assert_null(buf_reserve(&b, SIZE_MAX - 1));
    assert_int_equal(buf_check(&b), ERROR_TOO_BIG);
    buf_done(&b);
}

static void printf_fits_at_every_length(void **state)
{
    (void)state;
    for (int n = 0; n < 300; n++) {
        struct buf b;
        buf_init(&b, 300);
        buf_printf(&b, "%*s", n, "");
        buf_printf(&b, "%s", "");
        assert_int_equal(buf_check(&b), 0);
        assert_int_equal(b.len, n);
        assert_int_equal(strlen(buf_cstr(&b)), n);
        buf_done(&b);
    }
}

static void integers_are_big_endian(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_put_u16(&b, 0x0102);
    buf_put_u32(&b, 0x03040506);
    buf_put_u64(&b, 0x0708090a0b0c0d0e);
    assert_true(slice_equal(buf_slice(&b), SLICE("\1\2\3\4\5\6\7\10\11\12\13\14\15\16")));
    buf_done(&b);
}

static void reserved_room_is_written_in_place(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        char *to = buf_reserve(&b, 100);
        assert_non_null(to);
        memset(to, 'a', 100);
        buf_wrote(&b, 10);
    }
    assert_int_equal(b.len, 10000);
    assert_true(b.cap <= b.max);
    buf_done(&b);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_puts(&b, "abcdef");
    buf_consume(&b, 2);
    assert_string_equal(buf_cstr(&b), "cdef");
    buf_consume(&b, 99);
    assert_string_equal(buf_cstr(&b), "");
    buf_done(&b);
}

static void stolen_memory_is_terminated_and_the_buffer_empty(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    size_t len = 99;
    char *empty = buf_steal(&b, &len);
    assert_string_equal(empty, "");
    assert_int_equal(len, 0);
    free(empty);
    buf_puts(&b, "mine");
    char *text = buf_steal(&b, &len);
    assert_string_equal(text, "mine");
    assert_int_equal(len, 4);
    assert_null(b.data);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_stand_one_behind_the_other),
        cmocka_unit_test(the_ceiling_stops_everything_behind_it),
        cmocka_unit_test(a_size_that_overflows_is_too_big),
        cmocka_unit_test(printf_fits_at_every_length),
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(reserved_room_is_written_in_place),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(stolen_memory_is_terminated_and_the_buffer_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
