/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "http/outqueue.h"

#include <stdlib.h>

#include <cmocka.h>

static void put(struct http_outqueue *q, const char *text)
{
    assert_int_equal(http_outqueue_put(q, slice_of(text)), 0);
}

/* All that waits, taken `step` bytes at a time. */
static void drain(struct http_outqueue *q, size_t step, struct buf *ret_all)
{
    while (q->bytes > 0) {
        uv_buf_t part[4];
        unsigned n = http_outqueue_peek(q, part, 4, step);
        assert_true(n > 0);
        size_t bytes = 0;
        for (unsigned i = 0; i < n; i++) {
            buf_append(ret_all, part[i].base, part[i].len);
            bytes += part[i].len;
        }
        assert_true(bytes <= step);
        http_outqueue_drop(q, bytes);
    }
}

static void bytes_come_out_in_order_at_every_step(void **state)
{
    (void)state;
    for (size_t step = 1; step < 40; step++) {
        struct http_outqueue q, other;
        struct buf all;
        buf_init(&all, 1000);
        http_outqueue_init(&q);
        http_outqueue_init(&other);
        put(&q, "one ");
        assert_int_equal(http_outqueue_take(&q, strdup("two "), 4), 0);
        put(&q, "three ");
        put(&other, "four ");
        assert_int_equal(http_outqueue_take(&other, strdup("five"), 4), 0);
        http_outqueue_move(&q, &other);
        assert_int_equal(other.bytes, 0);
        assert_int_equal(q.bytes, 23);
        drain(&q, step, &all);
        assert_string_equal(buf_cstr(&all), "one two three four five");
        http_outqueue_done(&q);
        http_outqueue_done(&other);
        buf_done(&all);
    }
}

static void bytes_put_while_others_are_on_their_way_do_not_move_them(void **state)
{
    (void)state;
    struct http_outqueue q;
    http_outqueue_init(&q);
    put(&q, "first");
    uv_buf_t part[4];
    assert_int_equal(http_outqueue_peek(&q, part, 4, 1000), 1);
    const char *at = part[0].base;
    for (int i = 0; i < 10000; i++)
        put(&q, "more");
    assert_memory_equal(at, "firstmore", 9);
    assert_int_equal(q.bytes, 5 + 40000);
    http_outqueue_done(&q);
}

static void empty_block_that_is_taken_is_freed(void **state)
{
    (void)state;
    struct http_outqueue q;
    http_outqueue_init(&q);
    assert_int_equal(http_outqueue_take(&q, malloc(1), 0), 0);
    uv_buf_t part[1];
    assert_int_equal(http_outqueue_peek(&q, part, 1, 1000), 0);
    http_outqueue_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_in_order_at_every_step),
        cmocka_unit_test(bytes_put_while_others_are_on_their_way_do_not_move_them),
        cmocka_unit_test(empty_block_that_is_taken_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
