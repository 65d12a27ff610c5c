/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "data/rescue.h"
#include "data/type.h"

#include <cmocka.h>

/* The object of a record of these cells, of which the second and the third are rescued. */
static void assert_rescued(const struct cell *cell, size_t n, struct slice wanted)
{
    struct arena arena;
    arena_init(&arena, 1024, 1 << 20);
    struct rescue_cell rescued[2];
    assert_int_equal(rescue_cell_init(1, SLICE("Note"), &arena, &rescued[0]), 0);
    assert_int_equal(rescue_cell_init(2, SLICE("a \"b\"\\\n"), &arena, &rescued[1]), 0);
    const struct rescue rescue = {rescued, 2};
    const struct record record = {.cell = cell, .n = n};
    struct slice json;
    assert_int_equal(rescue_row(&rescue, &record, &arena, &json), 0);
    if (!slice_equal(json, wanted)) fail_msg(SLICE_FMT, SLICE_ARG(json));
    if (json.p) {
        const struct type_input jsonb = {.type = {TYPE_JSONB, -1}};
        union value v;
        assert_int_equal(type_parse(&jsonb, json, &arena, &v), 0);
    }
    arena_done(&arena);
}

static void cells_with_a_value_are_kept_by_their_headers(void **state)
{
    (void)state;
    assert_rescued((struct cell[]){{SLICE("1"), false}, {SLICE("x"), false}, {SLICE("y"), false}}, 3,
                   SLICE("{\"Note\":\"x\",\"a \\\"b\\\"\\\\\\u000a\":\"y\"}"));
    assert_rescued((struct cell[]){{SLICE("1"), false}, {SLICE(""), false}, {SLICE("\"\t\x1f\xc3\xa4\\"), false}}, 3,
                   SLICE("{\"a \\\"b\\\"\\\\\\u000a\":\"\\\"\\u0009\\u001f\xc3\xa4\\\\\"}"));
}

static void empty_cells_are_none_unless_quoted(void **state)
{
    (void)state;
    assert_rescued((struct cell[]){{SLICE("1"), false}, {SLICE(""), false}, {SLICE(""), false}}, 3, (struct slice){0});
    assert_rescued((struct cell[]){{SLICE("1"), false}, {SLICE(""), true}, {SLICE(""), false}}, 3, SLICE("{\"Note\":\"\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_with_a_value_are_kept_by_their_headers),
        cmocka_unit_test(empty_cells_are_none_unless_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
