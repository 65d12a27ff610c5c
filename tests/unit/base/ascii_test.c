/* SPDX-License-Identifier: MIT */
#include "base/ascii.h"

#include <ctype.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The program runs in the C locale, where C's own functions say the same. */
static void every_byte_is_what_c_says_in_its_own_locale(void **state)
{
    (void)state;
    for (int byte = 0; byte <= UCHAR_MAX; byte++) {
        char c = (char)byte, text[] = {c, '\0'}, *end;
        assert_int_equal(ascii_is_digit(c), isdigit(byte) != 0);
        assert_int_equal(ascii_is_letter(c), isalpha(byte) != 0);
        assert_int_equal(ascii_is_alnum(c), isalnum(byte) != 0);
        assert_int_equal(ascii_is_space(c), isspace(byte) != 0);
        long value = strtol(text, &end, 16);
        assert_int_equal(ascii_hex(c), end > text ? value : -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_byte_is_what_c_says_in_its_own_locale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
