/* SPDX-License-Identifier: MIT */
#include "format/json_writer.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

struct fixture {
    struct buf out;
    struct json_writer w;
};

static void start(struct fixture *f)
{
    buf_init(&f->out, 1 << 16);
    json_writer_init(&f->w, &f->out);
}

static void finish(struct fixture *f, const char *expected)
{
    assert_int_equal(buf_check(&f->out), 0);
    assert_string_equal(buf_cstr(&f->out), expected);
    buf_done(&f->out);
}

static void an_empty_object_and_array_hold_nothing(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_array(&f.w);
    json_write_object(&f.w);
    json_write_end(&f.w);
    json_write_array(&f.w);
    json_write_end(&f.w);
    json_write_end(&f.w);
    finish(&f, "[{},[]]");
}

static void commas_stand_between_items_only(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_object(&f.w);
    json_write_field_text(&f.w, "a", "x");
    json_write_field_int(&f.w, "b", INT64_MIN);
    json_write_key(&f.w, "c");
    json_write_array(&f.w);
    json_write_null(&f.w);
    json_write_bool(&f.w, true);
    json_write_raw(&f.w, SLICE("{\"r\":1.50}"));
    json_write_end(&f.w);
    json_write_field_bool(&f.w, "d", false);
    json_write_field_slice(&f.w, "e", (struct slice){NULL, 0});
    json_write_end(&f.w);
    finish(&f, "{\"a\":\"x\",\"b\":-9223372036854775808,\"c\":[null,true,{\"r\":1.50}],\"d\":false,\"e\":\"\"}");
}

static void values_at_the_top_stand_alone(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_int(&f.w, 1);
    buf_putc(&f.out, '\n');
    json_write_object(&f.w);
    json_write_end(&f.w);
    finish(&f, "1\n{}");
}

static void a_missing_text_is_null(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_text(&f.w, NULL);
    finish(&f, "null");
}

static void control_characters_quotes_and_backslashes_are_escaped(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_slice(&f.w, SLICE("\"\\/\b\f\n\r\t\x01\x1f\x7f\0end"));
    finish(&f, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000end\"");
}

static void invalid_utf8_becomes_replacement_characters(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_slice(&f.w, SLICE("gr\xc3\xbc\xc3\x9f \xff|\xc3(|\xf0\x9f\x98\x80|\xed\xa0\x80|\xe2\x82"));
    finish(&f, "\"gr\xc3\xbc\xc3\x9f "
               "\xef\xbf\xbd|\xef\xbf\xbd(|\xf0\x9f\x98\x80|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void keys_are_escaped_too(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    json_write_object(&f.w);
    json_write_key_slice(&f.w, SLICE("a\"b"));
    json_write_int(&f.w, 0);
    json_write_end(&f.w);
    finish(&f, "{\"a\\\"b\":0}");
}

/* The eight-at-a-time scan against the obvious one: every byte at every place of a word. */
static void every_byte_at_every_place_is_escaped_alike(void **state)
{
    (void)state;
    for (size_t at = 0; at < 19; at++) {
        for (unsigned c = 0; c < 0x80; c++) {
            char text[19], expected[64];
            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            struct fixture f;
            start(&f);
            json_write_slice(&f.w, (struct slice){text, sizeof(text)});
            const char *named = c == '"'    ? "\\\""
                                : c == '\\' ? "\\\\"
                                : c == '\n' ? "\\n"
                                : c == '\t' ? "\\t"
                                : c == '\r' ? "\\r"
                                : c == '\b' ? "\\b"
                                : c == '\f' ? "\\f"
                                            : NULL;
            char middle[8];
            if (named)
                snprintf(middle, sizeof(middle), "%s", named);
            else if (c < 0x20)
                snprintf(middle, sizeof(middle), "\\u%04x", c);
            else
                snprintf(middle, sizeof(middle), "%c", (int)c);
            snprintf(expected, sizeof(expected), "\"%.*s%s%.*s\"", (int)at, "aaaaaaaaaaaaaaaaaaa", middle, (int)(18 - at),
                     "aaaaaaaaaaaaaaaaaaa");
            finish(&f, expected);
        }
    }
}

static void containers_nest_to_the_limit(void **state)
{
    (void)state;
    struct fixture f;
    start(&f);
    char expected[2 * JSON_DEPTH_MAX + 1] = "";
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        json_write_array(&f.w);
        expected[i] = '[';
        expected[JSON_DEPTH_MAX + i] = ']';
    }
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++)
        json_write_end(&f.w);
    finish(&f, expected);
}

static void a_full_buffer_is_reported_once_at_the_end(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4);
    struct json_writer w;
    json_writer_init(&w, &out);
    json_write_array(&w);
    json_write_text(&w, "longer than four bytes");
    json_write_end(&w);
    assert_int_equal(buf_check(&out), ERROR_TOO_BIG);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_object_and_array_hold_nothing),
        cmocka_unit_test(commas_stand_between_items_only),
        cmocka_unit_test(values_at_the_top_stand_alone),
        cmocka_unit_test(a_missing_text_is_null),
        cmocka_unit_test(control_characters_quotes_and_backslashes_are_escaped),
        cmocka_unit_test(invalid_utf8_becomes_replacement_characters),
        cmocka_unit_test(keys_are_escaped_too),
        cmocka_unit_test(every_byte_at_every_place_is_escaped_alike),
        cmocka_unit_test(containers_nest_to_the_limit),
        cmocka_unit_test(a_full_buffer_is_reported_once_at_the_end),
    };
    return cmocka_run_group_tests_name("format/json_writer", tests, NULL, NULL);
}
