/* SPDX-License-Identifier: MIT */
#include "format/json_reader.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>

static const struct json_limits limits = {.depth = 8};

/* In memory of exactly its size, so that a read behind it is found. */
static int check(const char *text, size_t len, struct json_fault *fault)
{
    char *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, text, len);
    int r = json_check((struct slice){exact, len}, &limits, fault);
    free(exact);
    return r;
}

static void accept(const char *text)
{
    struct json_fault fault = {0};
    if (check(text, strlen(text), &fault) != 0) fail_msg("%s: %s", text, fault.message);
}

static void refuse(const char *text, size_t line, size_t column, const char *message)
{
    struct json_fault fault = {0};
    assert_int_equal(check(text, strlen(text), &fault), JSON_E_TEXT);
    if (strcmp(fault.message, message) != 0 || fault.line != line || fault.column != column)
        fail_msg("%s: %zu:%zu: %s", text, fault.line, fault.column, fault.message);
}

static void what_the_grammar_allows_is_accepted(void **state)
{
    (void)state;
    static const char *const texts[] = {"null",
                                        " true ",
                                        "false",
                                        "0",
                                        "-0",
                                        "12.50",
                                        "1e5",
                                        "-1.5E-300",
                                        "1e999999999",
                                        "123456789012345678901234567890.123456789",
                                        "\"\"",
                                        "\"a\"",
                                        "[]",
                                        "{}",
                                        "[[]]",
                                        "[1, 2 ,\t3\n]",
                                        "{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}",
                                        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00\"",
                                        "\"\xf0\x9f\x98\x80\"",
                                        "\xef\xbb\xbf[1]",
                                        "[[[[[[[[]]]]]]]]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        accept(texts[i]);
}

static void a_mistake_is_told_with_its_place(void **state)
{
    (void)state;
    refuse("", 1, 1, "there is nothing");
    refuse("  \n ", 2, 2, "a value is expected here");
    refuse("[1,]", 1, 4, "a value is expected here");
    refuse("{\"a\":1,}", 1, 8, "a name in double quotes is expected here");
    refuse("{a:1}", 1, 2, "a name in double quotes is expected here");
    refuse("{\"a\" 1}", 1, 6, "a colon is expected here");
    refuse("[1 2]", 1, 4, "a comma or ] is expected here");
    refuse("{\"a\":1]", 1, 7, "a comma or } is expected here");
    refuse("[1", 1, 3, "a comma or ] is expected here");
    refuse("01", 1, 1, "a number has no zeros in front");
    refuse("-", 1, 1, "no value can begin so");
    refuse("1.", 1, 1, "digits are missing behind the point");
    refuse("1e+", 1, 1, "digits are missing in the exponent");
    refuse("NaN", 1, 1, "a value is expected here");
    refuse("'a'", 1, 1, "a value is expected here");
    refuse("\"a\nb\"", 1, 3, "a control character inside a string; write it as an escape");
    refuse("[\n\"abc]", 2, 1, "this string does not end");
    refuse("\"\\x\"", 1, 2, "there is no such escape");
    refuse("\"\\u12g4\"", 1, 2, "\\u wants four hexadecimal digits");
    refuse("1 2", 1, 3, "there is more behind the value");
    refuse("[[[[[[[[[]]]]]]]]]", 1, 9, "it is nested too deeply");
    refuse("[\"\xc0\xaf\"]", 1, 3, "these bytes are no UTF-8");
}

static void what_no_text_can_hold_is_refused(void **state)
{
    (void)state;
    refuse("\"\\u0000\"", 1, 2, "\\u0000 is in no text of PostgreSQL's");
    refuse("\"\\ud800\"", 1, 2, "half of a surrogate pair");
    refuse("\"\\ud800\\u0041\"", 1, 2, "half of a surrogate pair");
    refuse("\"\\udc00\\ud800\"", 1, 2, "half of a surrogate pair");
    struct json_fault fault;
    assert_int_equal(check("[\"a\0b\"]", 7, &fault), JSON_E_TEXT);
    assert_int_equal(check("1\0", 2, &fault), JSON_E_TEXT);
}

static void a_name_twice_in_one_object_is_refused_however_it_is_written(void **state)
{
    (void)state;
    refuse("{\"a\":1,\"b\":2,\"a\":3}", 1, 14, "this name is in the object twice");
    refuse("{\"a\":1,\"\\u0061\":3}", 1, 8, "this name is in the object twice");
    refuse("{\"x\":{\"a\":1},\"y\":[{\"b\":1,\"b\":2}]}", 1, 26, "this name is in the object twice");
    accept("[{\"a\":1},{\"a\":1},{\"a\":{\"a\":1}}]");
}

static void thousands_of_names_are_told_apart(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    buf_putc(&text, '{');
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, "%s\"n%d\":%d", i ? "," : "", i, i);
    struct json_fault fault;
    size_t len = text.len;
    buf_putc(&text, '}');
    assert_int_equal(json_check(buf_slice(&text), &limits, &fault), 0);
    text.len = len;
    buf_puts(&text, ",\"n77\":1}");
    assert_int_equal(json_check(buf_slice(&text), &limits, &fault), JSON_E_TEXT);
    buf_done(&text);
}

static void every_cut_of_a_sound_text_is_refused(void **state)
{
    (void)state;
    static const char text[] = "[{\"a\":[1.5e3,\"\\ud83d\\ude00\",null],\"b\":{}}]";
    struct json_fault fault;
    for (size_t n = 0; n + 1 < sizeof text; n++)
        assert_int_equal(check(text, n, &fault), JSON_E_TEXT);
    accept(text);
}

static void values_are_walked_as_they_stand(void **state)
{
    (void)state;
    static const char text[] = " { \"a\" : 1.2300 , \"b}\\\"\" : [ true,null , \"x,]\" ], \"c\":{\"d\":[]} } ";
    struct json_value v = json_root(slice_of(text));
    assert_int_equal(v.kind, JSON_KIND_OBJECT);
    struct json_walk w = json_walk_begin(v);
    assert_true(json_walk_next(&w));
    assert_true(json_means(w.name, SLICE("a")));
    assert_int_equal(w.value.kind, JSON_KIND_NUMBER);
    assert_true(slice_equal(w.value.raw, SLICE("1.2300")));
    assert_true(json_walk_next(&w));
    assert_true(json_means(w.name, SLICE("b}\"")));
    static const enum json_kind kinds[] = {JSON_KIND_TRUE, JSON_KIND_NULL, JSON_KIND_STRING};
    struct json_walk inner = json_walk_begin(w.value);
    for (size_t i = 0; i < 3; i++) {
        assert_true(json_walk_next(&inner));
        assert_int_equal(inner.value.kind, kinds[i]);
    }
    assert_false(json_walk_next(&inner));
    assert_true(json_walk_next(&w));
    assert_true(slice_equal(w.value.raw, SLICE("{\"d\":[]}")));
    assert_false(json_walk_next(&w));
    struct json_walk none = json_walk_begin(json_root(SLICE("7")));
    assert_false(json_walk_next(&none));
}

static void a_string_is_unquoted(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 100);
    json_unquote(&out, SLICE("\"a\\n\\u00e9\\u20ac\\ud83d\\ude00\\/\\\\\\\"z\""));
    assert_string_equal(buf_cstr(&out), "a\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\\\"z");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_grammar_allows_is_accepted),
        cmocka_unit_test(a_mistake_is_told_with_its_place),
        cmocka_unit_test(what_no_text_can_hold_is_refused),
        cmocka_unit_test(a_name_twice_in_one_object_is_refused_however_it_is_written),
        cmocka_unit_test(thousands_of_names_are_told_apart),
        cmocka_unit_test(every_cut_of_a_sound_text_is_refused),
        cmocka_unit_test(values_are_walked_as_they_stand),
        cmocka_unit_test(a_string_is_unquoted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
