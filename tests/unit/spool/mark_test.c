/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "spool/mark.h"

#include <string.h>

#include <cmocka.h>

#define UTF8_MARK "\xef\xbb\xbf"

static void mark_and_declaration_make_the_encoding(void **state)
{
    (void)state;
    static const struct {
        struct slice start;
        const char *declared, *encoding; /* NULL: UTF-8; "": refused */
    } cases[] = {
        {{"a,b", 3}, NULL, NULL},
        {{"", 0}, NULL, NULL},
        {{UTF8_MARK "a", 4}, NULL, NULL},
        {{"\xff\xfe"
          "a\0",
          4},
         NULL,
         "UTF-16LE"},
        {{"\xfe\xff\0a", 4}, NULL, "UTF-16BE"},
        {{"\xff\xfe\0\0a\0\0\0", 8}, NULL, "UTF-32LE"},
        {{"\0\0\xfe\xff", 4}, NULL, "UTF-32BE"},
        {{"\xff\xfe", 2}, "UTF-8", ""},
        {{UTF8_MARK, 3}, "UTF-8", NULL},
        {{UTF8_MARK, 3}, "cp1252", NULL},
        {{"\xff\xfe", 2}, "cp1252", ""},
        {{"a", 1}, "cp1252", "cp1252"},
        {{"\xff\xfe", 2}, "utf-16", "UTF-16LE"},
        {{"\xfe\xff", 2}, "utf-16le", ""},
        {{"\xff\xfe\0\0", 4}, "utf-16", ""},
        {{"a\0b\0", 4}, "UTF-16", "UTF-16LE"},
        {{"\0a\0b", 4}, "UCS-2", "UTF-16BE"},
        {{"a\0\0\0", 4}, "utf32", "UTF-32LE"},
        {{"ab", 2}, "utf-16", ""},
        {{"ab", 2}, "utf-16be", "UTF-16BE"},
        {{"", 0}, "utf-16", "UTF-16LE"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *encoding = "?", *want = cases[i].encoding;
        struct error err;
        int r = mark_encoding(cases[i].start, cases[i].declared, &encoding, &err);
        assert_int_equal(r, want && !*want ? MARK_E_REFUSED : 0);
        if (r != 0) continue;
        if (!want) assert_null(encoding);
        if (want) assert_string_equal(encoding, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mark_and_declaration_make_the_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
