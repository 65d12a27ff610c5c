/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type_json.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

static int read_as(enum type_id id, const char *text)
{
    struct arena arena;
    union value v = {.s = {NULL, 0}};
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    int r = parse_text(&(struct type_input){.type = {id, -1}}, slice_of(text), &arena, &v);
    if (r == 0) assert_true(slice_equal(v.s, slice_of(text)));
    arena_done(&arena);
    return r;
}

static void json_is_taken_as_it_stands(void **state)
{
    (void)state;
    static const char *const good[] = {"{}",
                                       "[]",
                                       " [1, -2.5e+3, true, false, null] ",
                                       "{\"a\": {\"b\": []}, \"a\": \"\\u00e9\\n\"}",
                                       "0",
                                       "\"x\"",
                                       "\"\\ud83d\\ude00\""};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(read_as(TYPE_JSON, good[i]), 0);
        assert_int_equal(read_as(TYPE_JSONB, good[i]), 0);
    }
}

static void every_beginning_of_a_document_is_refused(void **state)
{
    (void)state;
    const char *text = "{\"a\\u0041\": [1, -2.5e+3, {\"b\": null}], \"c\": \"\\\"d\"}";
    for (size_t n = 0; n < strlen(text); n++) {
        char part[80];
        snprintf(part, sizeof(part), "%.*s", (int)n, text);
        assert_int_equal(read_as(TYPE_JSON, part), TYPE_E_SYNTAX);
    }
    assert_int_equal(read_as(TYPE_JSON, text), 0);
}

static void what_is_no_json_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",        "{a:1}",       "[1,]", "[,1]",  "{\"a\":1,}", "{\"a\"}", "[1}", "{]",  "01",
                                      "1.",      ".5",          "+1",   "1e",    "nul",        "True",    "NaN", "'a'", "\"a\tb\"",
                                      "\"\\x\"", "\"\\u12g4\"", "1 2",  "[1 2]", "{} {}",      "]",       ":",   ","};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (read_as(TYPE_JSON, bad[i]) != TYPE_E_SYNTAX) fail_msg("%s", bad[i]);
}

static void jsonb_refuses_what_it_cannot_hold(void **state)
{
    (void)state;
    static const char *const only_json[] = {"\"\\u0000\"",    "\"\\ud83d\"",        "\"\\ude00\"",
                                            "\"\\ud83d\\n\"", "\"\\ud83d\\ud83d\"", "[\"\\ud83dx\"]"};
    for (size_t i = 0; i < sizeof(only_json) / sizeof(only_json[0]); i++) {
        assert_int_equal(read_as(TYPE_JSON, only_json[i]), 0);
        assert_int_equal(read_as(TYPE_JSONB, only_json[i]), TYPE_E_SYNTAX);
    }
    assert_int_equal(read_as(TYPE_JSON, "[1e999999]"), 0);
    assert_int_equal(read_as(TYPE_JSONB, "[1e999999]"), TYPE_E_RANGE);
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[2 * TYPE_JSON_DEPTH + 3];
    memset(text, '[', TYPE_JSON_DEPTH + 1);
    memset(text + TYPE_JSON_DEPTH + 1, ']', TYPE_JSON_DEPTH + 1);
    text[sizeof(text) - 1] = '\0';
    struct arena arena;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    union value v;
    const struct type_input in = {.type = {TYPE_JSON, -1}};
    assert_int_equal(type_parse(&in, (struct slice){text, sizeof(text) - 1}, &arena, &v), TYPE_E_RANGE);
    assert_int_equal(type_parse(&in, (struct slice){text + 1, sizeof(text) - 3}, &arena, &v), 0);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_taken_as_it_stands), cmocka_unit_test(every_beginning_of_a_document_is_refused),
        cmocka_unit_test(what_is_no_json_is_refused), cmocka_unit_test(jsonb_refuses_what_it_cannot_hold),
        cmocka_unit_test(nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
