/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/utf8.h"
#include "guarded.h"

#include <cmocka.h>

/* As UTF-8 would write `c` in `bytes` bytes if it were allowed to: overlong forms, surrogates and code points that do not exist,
 * too. */
static struct slice encode(uint32_t c, size_t bytes, char *ret_text)
{
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (bytes == 1) {
        ret_text[0] = (char)c;
        return (struct slice){ret_text, 1};
    }
    for (size_t i = bytes - 1; i > 0; i--, c >>= 6)
        ret_text[i] = (char)(0x80 | (c & 0x3f));
    ret_text[0] = (char)(leads[bytes] | c);
    return (struct slice){ret_text, bytes};
}

static size_t shortest(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_code_point_is_valid_in_its_shortest_form_only(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x200000; c++) {
        bool exists = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);
        for (size_t bytes = shortest(c); bytes <= 4; bytes++) {
            char text[4];
            assert_int_equal(utf8_valid(encode(c, bytes, text)), exists && bytes == shortest(c));
        }
    }
}

static void character_cut_short_is_invalid(void **state)
{
    (void)state;
    struct guarded g;
    guarded_init(&g, 8);
    const struct slice text = SLICE("\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x98");
    static const size_t prefix[] = {0, 0, 2, 2, 2, 5, 5, 5, 5, 9};
    for (size_t cut = 0; cut <= text.len; cut++)
        assert_int_equal(utf8_prefix(guarded_put(&g, (struct slice){text.p, cut})), prefix[cut]);
    guarded_done(&g);
}

static void stray_continuation_and_impossible_bytes_are_invalid(void **state)
{
    (void)state;
    for (int c = 0x80; c < 0xc2; c++)
        assert_false(utf8_valid((struct slice){(char[]){(char)c, 'a', 'b', 'c'}, 4}));
    for (int c = 0xf5; c < 0x100; c++)
        assert_false(utf8_valid((struct slice){(char[]){(char)c, (char)0x80, (char)0x80, (char)0x80}, 4}));
    assert_false(utf8_valid(SLICE("\xc3(")));
    assert_false(utf8_valid(SLICE("\xe2\x82(")));
    assert_false(utf8_valid(SLICE("\xf0\x9f\x90(")));
}

static void fault_is_found_at_every_place_between_ascii(void **state)
{
    (void)state;
    struct guarded g;
    guarded_init(&g, 100);
    char text[100];
    for (size_t len = 1; len <= sizeof text; len++) {
        for (size_t at = 0; at < len; at++) {
            memset(text, 'x', len);
            text[at] = '\xff';
            assert_int_equal(utf8_prefix(guarded_put(&g, (struct slice){text, len})), at);
        }
        memset(text, 'x', len);
        assert_true(utf8_valid(guarded_put(&g, (struct slice){text, len})));
    }
    guarded_done(&g);
}

static void empty_and_nul_are_valid(void **state)
{
    (void)state;
    assert_true(utf8_valid((struct slice){NULL, 0}));
    assert_true(utf8_valid((struct slice){"\0", 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_valid_in_its_shortest_form_only),
        cmocka_unit_test(character_cut_short_is_invalid),
        cmocka_unit_test(stray_continuation_and_impossible_bytes_are_invalid),
        cmocka_unit_test(fault_is_found_at_every_place_between_ascii),
        cmocka_unit_test(empty_and_nul_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
