/* SPDX-License-Identifier: MIT */
#include "etl/postponed.h"
#include "fixture.h"

/* Rows "a", "bb", "ccc" of lines 1, 2, 3. */
static const struct convert_row rows[] = {{1, 1}, {2, 3}, {3, 6}};

static struct postponed_window window(size_t from, size_t to)
{
    return (struct postponed_window){SLICE("abbccc"), rows, from, to};
}

static void rows_are_kept_with_their_ends(void **state)
{
    (void)state;
    struct postponed p;
    postponed_init(&p, 4096, 4096);
    struct postponed_window last = window(1, 3), first = window(0, 1);
    assert_true(postponed_add(&p, &last));
    assert_true(postponed_add(&p, &first));
    assert_int_equal(postponed_rows(&p), 3);
    assert_true(slice_equal(buf_slice(&p.copy), SLICE("bbccca")));
    const struct convert_row *row = postponed_row(&p);
    assert_int_equal(row[0].line, 2);
    assert_int_equal(row[0].end, 2);
    assert_int_equal(row[1].end, 5);
    assert_int_equal(row[2].line, 1);
    assert_int_equal(row[2].end, 6);
    postponed_done(&p);
}

static void they_are_turned_round(void **state)
{
    (void)state;
    struct postponed from, to;
    postponed_init(&from, 4096, 4096);
    postponed_init(&to, 4096, 4096);
    struct postponed_window all = window(0, 3);
    assert_true(postponed_add(&from, &all));
    assert_int_equal(postponed_turn(&to, &from), 0);
    assert_int_equal(postponed_rows(&from), 0);
    assert_true(slice_equal(buf_slice(&to.copy), SLICE("cccbba")));
    assert_int_equal(postponed_row(&to)[0].line, 3);
    assert_int_equal(postponed_row(&to)[2].end, 6);
    assert_true(postponed_add(&from, &all)); /* it can be used again */
    postponed_done(&from);
    postponed_done(&to);
}

static void without_room_nothing_is_added(void **state)
{
    (void)state;
    struct postponed p;
    postponed_init(&p, 2 * sizeof(struct convert_row), 4096);
    struct postponed_window first = window(0, 1), others = window(1, 3);
    assert_true(postponed_add(&p, &first));
    assert_false(postponed_add(&p, &others));
    assert_int_equal(postponed_rows(&p), 1);
    assert_true(slice_equal(buf_slice(&p.copy), SLICE("a")));
    struct postponed_window one = window(2, 3);
    assert_true(postponed_add(&p, &one));
    postponed_done(&p);
    assert_int_equal(postponed_bytes(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_kept_with_their_ends),
        cmocka_unit_test(they_are_turned_round),
        cmocka_unit_test(without_room_nothing_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
