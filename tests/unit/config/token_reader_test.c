/* SPDX-License-Identifier: MIT */
#include "config/token_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct error err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    arena_init(&f->arena, 1024, 65536);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

static void what_must_be_there_is_taken(void **state)
{
    struct fixture *f = *state;
    const char *name = NULL;
    struct token_reader r = token_reader_of(SLICE("Sum ( \"Net Price\" ) AS\nx"), &f->arena, &f->err);
    assert_int_equal(token_take_word(&r, "sum", "a function"), 0);
    assert_int_equal(token_take_sign(&r, "(", "'('"), 0);
    assert_int_equal(token_take_name(&r, "a column", &name), 0);
    assert_string_equal(name, "Net Price");
    assert_int_equal(token_take_sign(&r, ")", "')'"), 0);
    assert_false(r.new_line);
    assert_int_equal(token_take_word(&r, "as", "'as'"), 0);
    assert_true(r.new_line);
    assert_int_equal(token_take_name(&r, "a name", &name), 0);
    assert_int_equal(r.now.kind, TOKEN_END);
}

static void what_is_there_instead_is_said(void **state)
{
    struct fixture *f = *state;
    const char *name = "untouched";
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "it ends where a column was expected"},      {"-- only a comment", "it ends where a column was expected"},
        {"12", "found '12' where a column was expected"}, {"\"\"", "found '\"\"' where a column was expected"},
        {"\"open", "a quote or a comment is not closed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct token_reader r = token_reader_of(slice_of(cases[i].text), &f->arena, &f->err);
        assert_int_equal(token_take_name(&r, "a column", &name), TOKEN_E_SYNTAX);
        assert_string_equal(f->err.text, cases[i].words);
    }
    assert_string_equal(name, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_must_be_there_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_instead_is_said, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
