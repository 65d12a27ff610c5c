/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "http/chunked.h"

#include <cmocka.h>

/* The whole text in two parts, cut at `cut`. Returns the verdict at the end; the body goes to `body`, what was not used to
 * *ret_rest. */
static enum http_chunked_verdict run(struct slice text, size_t cut, struct buf *body, size_t *ret_rest)
{
    struct http_chunked c;
    http_chunked_init(&c);
    struct slice part[2] = {{text.p, cut}, {text.p + cut, text.len - cut}};
    enum http_chunked_verdict v = HTTP_CHUNKED_MORE;
    size_t used = 0;
    for (int i = 0; i < 2 && v == HTTP_CHUNKED_MORE; i++) {
        size_t before = part[i].len;
        do {
            struct slice data;
            v = http_chunked_feed(&c, &part[i], &data);
            if (v == HTTP_CHUNKED_DATA) buf_put(body, data);
        } while (v == HTTP_CHUNKED_DATA);
        used += before - part[i].len;
    }
    *ret_rest = text.len - used;
    return v;
}

static void body_is_the_same_at_every_split_offset(void **state)
{
    (void)state;
    struct slice text =
        SLICE("5\r\nhello\r\n1;a=b;c=\"d e\"\r\n \r\n000000A\r\n0123456789\r\n0b\r\n0123456789a\r\n000\r\n\r\nREST");
    for (size_t cut = 0; cut <= text.len; cut++) {
        struct buf body;
        buf_init(&body, 1000);
        size_t rest;
        assert_int_equal(run(text, cut, &body, &rest), HTTP_CHUNKED_END);
        assert_int_equal(body.len, 5 + 1 + 10 + 11);
        assert_memory_equal(body.data, "hello 01234567890123456789a", 27);
        assert_int_equal(rest, 4);
        buf_done(&body);
    }
}

static void what_is_not_to_the_letter_is_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\n",          "g\r\n",   " 5\r\n",   "5 \r\n",     "+5\r\n",      "0x5\r\n",      "5\n",
        "5\rX",          "5;a\nb",  "5;a\rb",   "5;\x01\r\n", "5\r\nhelloX", "5\r\nhello\n", "5\r\nhello\rX",
        "0\r\nA: b\r\n", "0\r\n\n", "0\r\n\rX", "0\n",        ";\r\n",       "-1\r\n",       "ffffffffffffffffff\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t cut = 0; cut <= strlen(bad[i]); cut++) {
            struct buf body;
            buf_init(&body, 1000);
            size_t rest;
            assert_int_equal(run(slice_of(bad[i]), cut, &body, &rest), HTTP_CHUNKED_BAD);
            buf_done(&body);
        }
    }
}

static void body_of_tiny_chunks_with_long_extensions_ends(void **state)
{
    (void)state;
    struct http_chunked c;
    http_chunked_init(&c);
    enum http_chunked_verdict v = HTTP_CHUNKED_MORE;
    size_t fed = 0;
    while (v != HTTP_CHUNKED_BAD && fed < 1000000) {
        struct slice piece = SLICE("1;0123456789012345678901234567890\r\nx\r\n"), data;
        fed += piece.len;
        do
            v = http_chunked_feed(&c, &piece, &data);
        while (v == HTTP_CHUNKED_DATA);
    }
    assert_int_equal(v, HTTP_CHUNKED_BAD);
    assert_non_null(strstr(c.why, "outweigh"));
}

static void one_byte_chunks_are_taken(void **state)
{
    (void)state;
    struct http_chunked c;
    http_chunked_init(&c);
    for (int i = 0; i < 100000; i++) {
        struct slice piece = SLICE("1\r\nx\r\n"), data;
        enum http_chunked_verdict v;
        do
            v = http_chunked_feed(&c, &piece, &data);
        while (v == HTTP_CHUNKED_DATA);
        assert_int_equal(v, HTTP_CHUNKED_MORE);
    }
    assert_int_equal(c.data, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body_is_the_same_at_every_split_offset),
        cmocka_unit_test(what_is_not_to_the_letter_is_bad),
        cmocka_unit_test(body_of_tiny_chunks_with_long_extensions_ends),
        cmocka_unit_test(one_byte_chunks_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
