/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

static void booleans_compare_false_before_true(void **state)
{
    (void)state;
    assert_call("=", "bool true", "bool true", "true");
    assert_call("<>", "bool true", "bool true", "false");
    assert_call("<", "bool false", "bool true", "true");
    assert_call(">", "bool false", "bool true", "false");
    assert_call("<=", "bool true", "bool false", "false");
    assert_call(">=", "bool true", "bool NULL", "NULL");
}

static void uuids_compare_by_bytes(void **state)
{
    (void)state;
    const char *low = "uuid 00000000-0000-0000-0000-00000000007f", *high = "uuid 00000000-0000-0000-0000-000000000080";
    assert_call("=", low, low, "true");
    assert_call("<", low, high, "true");
    assert_call(">", low, high, "false");
    assert_call("<>", low, high, "true");
    assert_call(">=", high, low, "true");
    assert_call("<=", high, low, "false");
}

static void a_row_knows_its_file_line_and_time(void **state)
{
    (void)state;
    assert_call("filename", NULL, NULL, "a.csv");
    assert_call("line", NULL, NULL, "12");
    assert_call("loaded_at", NULL, NULL, "2000-01-01 00:00:00.000077+00");
}

static void uuids_are_of_version_4_and_each_its_own(void **state)
{
    (void)state;
    enum { ROWS = 1000 };
    static uint32_t row[ROWS];
    static const struct expr_fault *fault[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        row[i] = i;
    struct arena arena;
    arena_init(&arena, 1 << 16, 1 << 22);
    struct expr_node *n = calls_node(&arena, EXPR_CALL, TYPE_UUID, 0);
    n->function = calls_find("gen_random_uuid", NULL, 0);
    struct expr_run run = {.rows = ROWS, .arena = &arena, .fault = fault};
    const struct batch_column *c;
    assert_int_equal(expr_eval_node(n, &run, &(struct expr_rows){row, ROWS}, &c), 0);
    for (int i = 0; i < ROWS; i++) {
        struct slice u = c->value[i].s;
        assert_int_equal(u.len, 16);
        assert_int_equal((unsigned char)u.p[6] >> 4, 4);
        assert_int_equal((unsigned char)u.p[8] >> 6, 2);
        assert_false(c->null[i]);
        for (int j = 0; j < i; j++)
            assert_false(slice_equal(u, c->value[j].s));
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(booleans_compare_false_before_true),
        cmocka_unit_test(uuids_compare_by_bytes),
        cmocka_unit_test(a_row_knows_its_file_line_and_time),
        cmocka_unit_test(uuids_are_of_version_4_and_each_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
