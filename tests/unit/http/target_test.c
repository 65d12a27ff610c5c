/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/target.h"

#include <stdio.h>

#include <cmocka.h>

static int set_up(void **state)
{
    static struct arena arena;
    arena_init(&arena, 4096, 1 << 20);
    *state = &arena;
    return 0;
}

static int tear_down(void **state)
{
    arena_done(*state);
    return 0;
}

static void assert_slice(struct slice s, const char *text)
{
    assert_int_equal(s.len, strlen(text));
    assert_memory_equal(s.p, text, s.len);
}

static struct http_target parse(struct arena *arena, const char *text)
{
    struct http_target t;
    assert_int_equal(http_target_parse(slice_of(text), arena, &t), 0);
    return t;
}

static void segments_are_cut_before_they_are_decoded(void **state)
{
    struct http_target t = parse(*state, "/v1/a%2Fb/c%20d/%C3%A9+");
    assert_int_equal(t.segments, 4);
    assert_slice(t.segment[0], "v1");
    assert_slice(t.segment[1], "a/b");
    assert_slice(t.segment[2], "c d");
    assert_slice(t.segment[3], "\xc3\xa9+");
    assert_slice(t.path, "/v1/a%2Fb/c%20d/%C3%A9+");
}

static void slash_at_the_end_adds_no_segment(void **state)
{
    assert_int_equal(parse(*state, "/").segments, 0);
    assert_int_equal(parse(*state, "/a").segments, 1);
    assert_int_equal(parse(*state, "/a/").segments, 1);
    assert_int_equal(parse(*state, "/a//").segments, 2);
    assert_int_equal(parse(*state, "//a").segments, 2);
    assert_int_equal(parse(*state, "/a/?x=1").segments, 1);
}

static void query_is_decoded_as_a_form(void **state)
{
    struct http_target t = parse(*state, "/t?a=1+2&b=%2B&&c&d=&=e&a=x=y");
    assert_int_equal(t.parameters, 6);
    static const char *const expected[][2] = {{"a", "1 2"}, {"b", "+"}, {"c", ""}, {"d", ""}, {"", "e"}, {"a", "x=y"}};
    for (unsigned i = 0; i < 6; i++) {
        assert_slice(t.parameter[i].name, expected[i][0]);
        assert_slice(t.parameter[i].value, expected[i][1]);
        assert_non_null(t.parameter[i].value.p);
    }
}

static void absolute_target_gives_authority_and_path(void **state)
{
    struct http_target t = parse(*state, "http://example.org:80/a?b=1");
    assert_slice(t.authority, "example.org:80");
    assert_slice(t.path, "/a");
    assert_int_equal(t.parameters, 1);
    t = parse(*state, "https://example.org");
    assert_slice(t.authority, "example.org");
    assert_slice(t.path, "/");
    t = parse(*state, "http://example.org?x=1");
    assert_slice(t.path, "/");
    assert_int_equal(t.parameters, 1);
}

static void broken_encoding_and_nul_are_refused(void **state)
{
    static const char *const bad[] = {"/%", "/%2", "/%zz", "/%2g", "/a%00b", "/?a=%", "/?%0=1", "/?a=%00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_target t;
        assert_int_equal(http_target_parse(slice_of(bad[i]), *state, &t), HTTP_TARGET_E_ENCODING);
    }
}

static void path_has_a_ceiling_of_segments(void **state)
{
    struct http_target t;
    assert_int_equal(http_target_parse(SLICE("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/"), *state, &t), 0);
    assert_int_equal(http_target_parse(SLICE("/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17"), *state, &t), HTTP_TARGET_E_DEPTH);
}

static void encoded_segment_decodes_to_itself(void **state)
{
    struct buf out;
    buf_init(&out, 1000);
    buf_putc(&out, '/');
    http_target_encode(&out, SLICE("a-1_.~ /%?\xc3\xa9\n"));
    assert_string_equal(buf_cstr(&out), "/a-1_.~%20%2F%25%3F%C3%A9%0A");
    assert_slice(parse(*state, buf_cstr(&out)).segment[0], "a-1_.~ /%?\xc3\xa9\n");
    buf_done(&out);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(segments_are_cut_before_they_are_decoded), T(slash_at_the_end_adds_no_segment),    T(query_is_decoded_as_a_form),
        T(absolute_target_gives_authority_and_path), T(broken_encoding_and_nul_are_refused), T(path_has_a_ceiling_of_segments),
        T(encoded_segment_decodes_to_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
