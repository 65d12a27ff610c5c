/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/arena.h"

#include <cmocka.h>

static void memory_is_aligned_and_does_not_overlap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 1 << 20);
    char *last = NULL;
    for (size_t i = 1; i < 200; i++) {
        char *p = arena_alloc(&a, i);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, (int)i, i);
        if (last) assert_int_equal(last[0], (char)(i - 1));
        last = p;
    }
    arena_done(&a);
}

static void the_ceiling_is_reached_and_kept(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 8192);
    size_t n = 0;
    while (arena_alloc(&a, 100))
        n++;
    assert_in_range(n, 60, 80);
    assert_true(a.used <= 8192);
    assert_null(arena_alloc(&a, 5000));
    arena_done(&a);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 20));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    arena_done(&a);
}

static void a_large_piece_leaves_the_block_in_use(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 1 << 20);
    char *small = arena_alloc(&a, 16);
    assert_non_null(arena_alloc(&a, 10000));
    char *next = arena_alloc(&a, 16);
    assert_ptr_equal(next, small + 16);
    arena_done(&a);
}

static void reset_keeps_one_block_and_frees_the_rest(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 1 << 20);
    char *first = arena_alloc(&a, 2000); /* its own block comes first */
    assert_non_null(first);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 100));
    assert_true(a.used > 10000);
    arena_reset(&a);
    assert_in_range(a.used, 1024, 1100);
    size_t used = a.used;
    assert_non_null(arena_alloc(&a, 100));
    assert_int_equal(a.used, used);
    arena_done(&a);
    assert_int_equal(a.used, 0);
    arena_done(NULL);
}

static void copies_are_equal_and_terminated(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64, 4096);
    struct slice copy = arena_copy(&a, SLICE("a\0b"));
    assert_true(slice_equal(copy, SLICE("a\0b")));
    assert_string_equal(arena_cstr(&a, SLICE("text")), "text");
    assert_string_equal(arena_cstr(&a, (struct slice){NULL, 0}), "");
    const char *zero = arena_zalloc(&a, 33);
    for (int i = 0; i < 33; i++)
        assert_int_equal(zero[i], 0);
    arena_done(&a);
}

static void no_bytes_have_an_address_and_take_no_block_each(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096, 1 << 16);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_alloc(&a, 0));
    assert_non_null(arena_copy(&a, (struct slice){NULL, 0}).p);
    assert_in_range(a.used, 1, 2 * 4096);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 15));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_bytes_have_an_address_and_take_no_block_each),
        cmocka_unit_test(memory_is_aligned_and_does_not_overlap),
        cmocka_unit_test(the_ceiling_is_reached_and_kept),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_large_piece_leaves_the_block_in_use),
        cmocka_unit_test(reset_keeps_one_block_and_frees_the_rest),
        cmocka_unit_test(copies_are_equal_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
