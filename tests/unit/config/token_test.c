/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/token.h"

#include <cmocka.h>

struct want {
    enum token_kind kind;
    const char *text;
};

static void check(const char *text, const struct want *want, size_t n)
{
    struct slice rest = slice_of(text);
    for (size_t i = 0; i < n; i++) {
        struct token t = token_next(&rest);
        if (t.kind != want[i].kind || !slice_equal(t.text, slice_of(want[i].text)))
            fail_msg("in '%s': token %zu is %d '" SLICE_FMT "'", text, i, t.kind, SLICE_ARG(t.text));
    }
    if (n == 0 || want[n - 1].kind != TOKEN_BAD) assert_int_equal(token_next(&rest).kind, TOKEN_END);
}
#define CHECK(text, ...)                                                                                                           \
    check(text, (const struct want[]){__VA_ARGS__}, sizeof((const struct want[]){__VA_ARGS__}) / sizeof(struct want))

static void names_numbers_and_signs_are_cut(void **state)
{
    (void)state;
    CHECK("amount numeric(12,2)", {TOKEN_NAME, "amount"}, {TOKEN_NAME, "numeric"}, {TOKEN_SIGN, "("}, {TOKEN_NUMBER, "12"},
          {TOKEN_SIGN, ","}, {TOKEN_NUMBER, "2"}, {TOKEN_SIGN, ")"});
    CHECK("placed::date", {TOKEN_NAME, "placed"}, {TOKEN_SIGN, "::"}, {TOKEN_NAME, "date"});
    CHECK("gr\xc3\xb6\xc3\x9f"
          "e_1$",
          {TOKEN_NAME, "gr\xc3\xb6\xc3\x9f"
                       "e_1$"});
}

static void quotes_hold_what_they_hold(void **state)
{
    (void)state;
    CHECK("\"a \"\"b\"\", c\" x", {TOKEN_QUOTED_NAME, "\"a \"\"b\"\", c\""}, {TOKEN_NAME, "x"});
    CHECK("'it''s, (' x", {TOKEN_STRING, "'it''s, ('"}, {TOKEN_NAME, "x"});
    CHECK("E'a\\'b' x", {TOKEN_STRING, "E'a\\'b'"}, {TOKEN_NAME, "x"});
    CHECK("'a\\' x", {TOKEN_STRING, "'a\\'"}, {TOKEN_NAME, "x"});
    CHECK("$$a,'b$$ $t$ $$ $t$", {TOKEN_STRING, "$$a,'b$$"}, {TOKEN_STRING, "$t$ $$ $t$"});
    CHECK("$1", {TOKEN_SIGN, "$"}, {TOKEN_NUMBER, "1"});
}

static void comments_are_skipped(void **state)
{
    (void)state;
    CHECK("a -- x ' y\n b /* c /* d */ ' */ e", {TOKEN_NAME, "a"}, {TOKEN_NAME, "b"}, {TOKEN_NAME, "e"});
    CHECK("-- all");
    CHECK("a - -b", {TOKEN_NAME, "a"}, {TOKEN_SIGN, "-"}, {TOKEN_SIGN, "-"}, {TOKEN_NAME, "b"});
}

static void what_is_not_closed_is_bad(void **state)
{
    (void)state;
    CHECK("a 'b", {TOKEN_NAME, "a"}, {TOKEN_BAD, "'b"});
    CHECK("\"b", {TOKEN_BAD, "\"b"});
    CHECK("/* b", {TOKEN_BAD, "/* b"});
    CHECK("$x$ b $x", {TOKEN_BAD, "$x$ b $x"});
    CHECK("E'\\'", {TOKEN_BAD, "E'\\'"});
}

static void names_fold_unless_they_are_quoted(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 4096);
    struct slice rest = SLICE("OrderID \"Order \"\"ID\" AS");
    struct token t = token_next(&rest);
    assert_string_equal(token_name(t, &a), "orderid");
    t = token_next(&rest);
    assert_string_equal(token_name(t, &a), "Order \"ID");
    assert_false(token_is_word(t, "order"));
    t = token_next(&rest);
    assert_true(token_is_word(t, "as"));
    assert_true(token_is_name(t));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_numbers_and_signs_are_cut),
        cmocka_unit_test(quotes_hold_what_they_hold),
        cmocka_unit_test(comments_are_skipped),
        cmocka_unit_test(what_is_not_closed_is_bad),
        cmocka_unit_test(names_fold_unless_they_are_quoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
