/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/batch.h"

static void a_batch_has_room_for_its_rows(void **state)
{
    (void)state;
    struct arena arena;
    struct batch b;
    const struct type types[] = {{TYPE_INT8, -1}, {TYPE_TEXT, -1}};
    arena_init(&arena, 1 << 16, 1 << 20);
    assert_int_equal(batch_init(&b, types, 2, &arena), 0);
    assert_int_equal(b.rows, 0);
    assert_int_equal(b.columns, 2);
    assert_int_equal(b.column[1].type.id, TYPE_TEXT);
    for (size_t r = 0; r < BATCH_ROWS; r++) {
        b.line[r] = r;
        for (size_t c = 0; c < 2; c++) {
            b.column[c].value[r].i = (int64_t)(r * 2 + c);
            b.column[c].null[r] = r % 2;
        }
    }
    for (size_t r = 0; r < BATCH_ROWS; r++)
        assert_true(b.line[r] == r && b.column[1].value[r].i == (int64_t)(r * 2 + 1) && b.column[0].null[r] == r % 2);
    arena_done(&arena);
}

/* PostgreSQL's widest table, and one beyond it. */
static void batches_of_wide_tables_have_fewer_rows(void **state)
{
    (void)state;
    assert_int_equal(batch_rows_max(0), BATCH_ROWS);
    assert_int_equal(batch_rows_max(100), BATCH_ROWS);
    assert_in_range(batch_rows_max(1600), BATCH_ROWS_MIN + 1, 100);
    assert_in_range(batch_bytes(1600), BATCH_BYTES / 2, BATCH_BYTES + 1024);
    assert_int_equal(batch_rows_max(1000000), BATCH_ROWS_MIN);

    enum { WIDE = 1600 };
    static struct type types[WIDE];
    struct arena arena;
    struct batch b;
    arena_init(&arena, 1 << 16, 4 << 20);
    assert_int_equal(batch_init(&b, types, WIDE, &arena), 0);
    assert_int_equal(b.rows_max, batch_rows_max(WIDE));
    for (size_t c = 0; c < WIDE; c++) {
        b.column[c].null[b.rows_max - 1] = true;
        b.column[c].value[b.rows_max - 1].i = 1;
    }
    arena_done(&arena);
}

static void too_little_memory_leaves_the_batch_as_it_was(void **state)
{
    (void)state;
    struct arena arena;
    struct batch b = {.columns = 77};
    const struct type types[] = {{TYPE_INT8, -1}, {TYPE_TEXT, -1}};
    arena_init(&arena, 1 << 12, 1 << 13);
    assert_int_equal(batch_init(&b, types, 2, &arena), -ENOMEM);
    assert_int_equal(b.columns, 77);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_has_room_for_its_rows),
        cmocka_unit_test(batches_of_wide_tables_have_fewer_rows),
        cmocka_unit_test(too_little_memory_leaves_the_batch_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
