/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/infer_cell.h"

static const struct type_marks usual = {0};
#define BIT(candidate) (1U << INFER_CELL_##candidate)

static void a_cell_has_the_bit_of_each_type_it_could_be(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        unsigned is;
    } cells[] = {
        {{"1", 1}, BIT(INT8) | BIT(NUMERIC) | BIT(FLOAT8)},
        {{"1.5", 3}, BIT(NUMERIC) | BIT(FLOAT8)},
        {{"1e5", 3}, BIT(FLOAT8)},
        {{"t", 1}, BIT(BOOL)},
        {{"2024-01-31", 10}, BIT(DATE) | BIT(TIMESTAMP)},
        {{"2024/01/31", 10}, BIT(DATE) | BIT(TIMESTAMP)},
        {{"2024-01-31 12:00", 16}, BIT(TIMESTAMP)},
        {{"2024-01-31 12:00Z", 17}, BIT(TIMESTAMPTZ)},
        {{"1/2/2024", 8}, BIT(DAY_FIRST) | BIT(MONTH_FIRST)},
        {{"13/2/2024", 9}, BIT(DAY_FIRST)},
        {{"2/13/2024", 9}, BIT(MONTH_FIRST)},
        {{"1/2-2024", 8}, 0},
        {{"", 0}, 0},
    };
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        assert_int_equal(infer_cell_look(cells[i].text, INFER_CELL_ALL, &usual).is, cells[i].is);
    assert_int_equal(infer_cell_look(SLICE("1"), BIT(NUMERIC), &usual).is, BIT(NUMERIC));
}

/* Every form's template reads the cell that had the form. */
static void forms_have_their_templates(void **state)
{
    (void)state;
    static const char *const texts[] = {"31/1/2024",          "31.01.2024",         "31-01-2024",          "31/01/2024 1:05",
                                        "31.1.2024 23:59:59", "31-1-2024 12:30 am", "31/1/2024 1:02:03 PM"};
    struct arena arena;
    arena_init(&arena, 4096, 1 << 16);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct infer_cell cell = infer_cell_look(slice_of(texts[i]), INFER_CELL_ALL, &usual);
        char pattern[INFER_FORMAT_MAX];
        struct type_format *format;
        struct type_input in = {.type = {infer_cell_template(cell.form, true, pattern), -1}};
        assert_int_equal(type_format_new(slice_of(pattern), NULL, &format), 0);
        in.format = format;
        union value v;
        assert_int_equal(type_parse(&in, slice_of(texts[i]), &arena, &v), 0);
        assert_int_equal(in.type.id, strchr(texts[i], ':') ? TYPE_TIMESTAMP : TYPE_DATE);
        type_format_free(format);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_has_the_bit_of_each_type_it_could_be),
        cmocka_unit_test(forms_have_their_templates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
