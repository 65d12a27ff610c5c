/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/charset.h"
#include "csv/utf8.h"
#include "guarded.h"

#include <iconv.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct guarded guarded;
};

static int setup(void **state)
{
    static struct fixture f;
    arena_init(&f.arena, 4096, 1 << 20);
    guarded_init(&f.guarded, 4096);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    guarded_done(&f->guarded);
    return 0;
}

static void what_needs_no_change_is_not_copied(void **state)
{
    struct fixture *f = *state;
    struct slice text = SLICE("plain"), got;
    assert_int_equal(charset_to_utf8(DIALECT_LATIN1, text, &f->arena, &got), 0);
    assert_ptr_equal(got.p, text.p);
    text = SLICE("na\xc3\xafve");
    assert_int_equal(charset_to_utf8(DIALECT_UTF8, text, &f->arena, &got), 0);
    assert_ptr_equal(got.p, text.p);
    assert_int_equal(got.len, text.len);
    assert_int_equal(charset_to_utf8(DIALECT_LATIN1, (struct slice){NULL, 0}, &f->arena, &got), 0);
    assert_int_equal(got.len, 0);
}

static void latin1_is_what_iconv_says(void **state)
{
    struct fixture *f = *state;
    iconv_t cd = iconv_open("UTF-8", "ISO-8859-1");
    assert_true(cd != (iconv_t)-1);
    char all[512], want[1024];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(i * 37); /* all bytes, ASCII and not in turns */
    for (size_t from = 0; from < 256; from += 5) {
        char *in = all + from, *out = want;
        size_t in_left = sizeof all - from, out_left = sizeof want;
        struct slice text = {in, in_left}, got;
        assert_int_equal(iconv(cd, &in, &in_left, &out, &out_left), 0);
        assert_int_equal(charset_to_utf8(DIALECT_LATIN1, guarded_put(&f->guarded, text), &f->arena, &got), 0);
        assert_int_equal(got.len, sizeof want - out_left);
        assert_memory_equal(got.p, want, got.len);
        assert_true(utf8_valid(got));
    }
    iconv_close(cd);
}

static void latin1_keeps_long_ascii_between_letters(void **state)
{
    struct fixture *f = *state;
    char text[300];
    memset(text, 'x', sizeof text);
    text[100] = '\xe9';
    text[299] = '\xfc';
    struct slice got;
    assert_int_equal(charset_to_utf8(DIALECT_LATIN1, guarded_put(&f->guarded, (struct slice){text, sizeof text}), &f->arena, &got),
                     0);
    assert_int_equal(got.len, 302);
    assert_memory_equal(got.p + 100, "\xc3\xa9", 2);
    assert_memory_equal(got.p + 300, "\xc3\xbc", 2);
}

static void invalid_utf8_is_refused(void **state)
{
    struct fixture *f = *state;
    struct slice got = SLICE("untouched");
    assert_int_equal(charset_to_utf8(DIALECT_UTF8, SLICE("a\xff"), &f->arena, &got), CHARSET_E_INVALID);
    assert_string_equal(got.p, "untouched");
}

static void no_memory_is_told(void **state)
{
    (void)state;
    struct arena tiny;
    arena_init(&tiny, 64, 16);
    struct slice got;
    assert_int_equal(charset_to_utf8(DIALECT_LATIN1, SLICE("\xe9"), &tiny, &got), -ENOMEM);
    arena_done(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_needs_no_change_is_not_copied, setup, teardown),
        cmocka_unit_test_setup_teardown(latin1_is_what_iconv_says, setup, teardown),
        cmocka_unit_test_setup_teardown(latin1_keeps_long_ascii_between_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(invalid_utf8_is_refused, setup, teardown),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
