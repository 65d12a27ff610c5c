/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/reject.h"

#include <stdio.h>

static struct reject make(uint64_t line, const char *column, const char *value, const char *raw)
{
    return (struct reject){.line = line,
                           .offset = line * 10,
                           .code = "22P02",
                           .column = slice_of(column),
                           .message = SLICE("bad"),
                           .value = slice_of(value),
                           .raw = slice_of(raw)};
}

static void add(struct reject_list *l, uint64_t line)
{
    const struct reject r = make(line, "a", "v", "a,\"b\"");
    assert_int_equal(reject_list_add(l, &r), 0);
}

static void slices_are_copied(void **state)
{
    (void)state;
    struct reject_list l;
    reject_list_init(&l, 1 << 16);
    char raw[] = "x,y";
    const struct reject r = make(3, "amount", "x", raw);
    assert_int_equal(reject_list_add(&l, &r), 0);
    memset(raw, '?', sizeof(raw) - 1);
    assert_true(slice_equal(l.item[0].raw, SLICE("x,y")));
    assert_true(slice_equal(l.item[0].column, SLICE("amount")));
    assert_string_equal(l.item[0].code, "22P02");
    reject_list_done(&l);
}

static void what_finds_no_room_is_counted_by_column_and_code(void **state)
{
    (void)state;
    struct reject_list small, from;
    reject_list_init(&small, 1);
    reject_list_init(&from, 1 << 16);
    add(&small, 1);
    add(&from, 2);
    const struct reject other = make(3, "amount", "x", "y");
    assert_int_equal(reject_list_add(&from, &other), 0);
    assert_int_equal(from.n_unlisted, 0);
    assert_int_equal(reject_list_move(&small, &from), 0);
    assert_int_equal(small.n, 0);
    assert_int_equal(small.count, 3);
    assert_int_equal(small.n_unlisted, 2);
    assert_string_equal(small.unlisted[0].column, "a");
    assert_string_equal(small.unlisted[0].code, "22P02");
    assert_int_equal(small.unlisted[0].count, 2);
    assert_string_equal(small.unlisted[1].column, "amount");
    assert_int_equal(small.unlisted[1].count, 1);
    /* What was only counted moves, too; and there is a ceiling. */
    reject_list_init(&from, 1 << 16);
    assert_int_equal(reject_list_move(&from, &small), 0);
    assert_int_equal(from.unlisted[0].count, 2);
    for (int i = 0; i < 2 * REJECT_KINDS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        const struct reject r = make(9, name, "", "");
        from.max = 1;
        assert_int_equal(reject_list_add(&from, &r), 0);
    }
    assert_int_equal(from.n_unlisted, REJECT_KINDS_MAX);
    assert_int_equal(from.count, 3 + 2 * REJECT_KINDS_MAX);
    reject_list_done(&from);
    reject_list_done(&small);
}

static void a_row_too_long_for_the_list_is_kept_without_its_bytes(void **state)
{
    (void)state;
    static char raw[1 << 17];
    memset(raw, 'x', sizeof raw - 1);
    struct reject_list l;
    reject_list_init(&l, 1 << 16);
    const struct reject r = make(7, "amount", "x", raw);
    assert_int_equal(reject_list_add(&l, &r), 0);
    add(&l, 8);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.count, 2);
    assert_null(l.item[0].raw.p);
    assert_int_equal(l.item[0].line, 7);
    assert_true(slice_equal(l.item[0].message, SLICE("bad; the row's 131071 bytes are too many to be kept here")));
    assert_true(slice_equal(l.item[1].raw, SLICE("a,\"b\"")));
    reject_list_done(&l);
}

static void long_values_are_cut_at_a_character(void **state)
{
    (void)state;
    struct reject_list l;
    reject_list_init(&l, 1 << 16);
    char value[402];
    value[0] = 'x';
    for (size_t i = 1; i < 401; i += 2)
        memcpy(value + i, "ä", 2);
    value[401] = '\0';
    const struct reject r = make(1, "a", value, "");
    assert_int_equal(reject_list_add(&l, &r), 0);
    assert_int_equal(l.item[0].value.len, REJECT_VALUE_MAX - 1);
    reject_list_done(&l);
}

static void beyond_the_ceiling_only_the_count_goes_on(void **state)
{
    (void)state;
    struct reject_list l;
    reject_list_init(&l, 8192);
    for (uint64_t i = 1; i <= 1000; i++)
        add(&l, i);
    assert_int_equal(l.count, 1000);
    assert_in_range(l.n, 16, 999);
    assert_in_range(l.bytes, 1, 8192);
    assert_int_equal(l.item[l.n - 1].line, l.n);
    reject_list_done(&l);
    assert_int_equal(l.count, 0);
}

static void moving_keeps_the_count_and_the_order(void **state)
{
    (void)state;
    struct reject_list to, from;
    reject_list_init(&to, 1 << 16);
    reject_list_init(&from, 1 << 16);
    add(&to, 5);
    add(&to, 9);
    add(&from, 11);
    add(&from, 12);
    assert_int_equal(reject_list_move(&to, &from), 0);
    assert_int_equal(to.count, 4);
    assert_int_equal(from.count, 0);
    assert_int_equal(from.n, 0);
    const uint64_t lines[] = {5, 9, 11, 12};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(to.item[i].line, lines[i]);
    reject_list_done(&to);
    reject_list_done(&from);
}

static void a_move_into_a_full_list_only_counts(void **state)
{
    (void)state;
    struct reject_list to, from;
    reject_list_init(&to, 0);
    reject_list_init(&from, 1 << 16);
    for (uint64_t i = 1; i <= 20; i++)
        add(&from, i);
    assert_int_equal(reject_list_move(&to, &from), 0);
    assert_int_equal(to.n, 0);
    assert_int_equal(to.count, 20);
    reject_list_done(&to);
    reject_list_done(&from);
}

static void the_file_of_errors_is_rfc_4180(void **state)
{
    (void)state;
    struct reject_list l;
    reject_list_init(&l, 1 << 16);
    const struct reject cell = make(2, "amount", "a\nb", "1,\"a\nb\"");
    const struct reject row = make(3, "", "", "x;y");
    assert_int_equal(reject_list_add(&l, &cell), 0);
    assert_int_equal(reject_list_add(&l, &row), 0);
    struct buf out;
    buf_init(&out, 1 << 16);
    reject_list_csv(&l, &out);
    assert_string_equal(buf_cstr(&out), "line,byte_offset,column,code,message,value,raw\r\n"
                                        "2,20,amount,22P02,bad,\"a\nb\",\"1,\"\"a\nb\"\"\"\r\n"
                                        "3,30,,22P02,bad,,x;y\r\n");
    buf_done(&out);
    reject_list_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_copied),
        cmocka_unit_test(long_values_are_cut_at_a_character),
        cmocka_unit_test(what_finds_no_room_is_counted_by_column_and_code),
        cmocka_unit_test(a_row_too_long_for_the_list_is_kept_without_its_bytes),
        cmocka_unit_test(beyond_the_ceiling_only_the_count_goes_on),
        cmocka_unit_test(moving_keeps_the_count_and_the_order),
        cmocka_unit_test(a_move_into_a_full_list_only_counts),
        cmocka_unit_test(the_file_of_errors_is_rfc_4180),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
