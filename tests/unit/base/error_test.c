/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void code_is_handed_back_and_words_are_kept(void **state)
{
    (void)state;
    struct error err;
    memset(&err, 'x', sizeof(err));
    assert_int_equal(error_set(&err, -EINVAL, "line %d: %s", 3, "bad"), -EINVAL);
    assert_string_equal(err.text, "line 3: bad");
    assert_string_equal(err.sqlstate, "");
}

static void without_a_struct_only_the_code_is_handed_back(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, 7, "nobody reads this"), 7);
}

static void newlines_at_the_end_are_dropped(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(error_set(&err, 1, "FATAL: no\n\n"), 1);
    assert_string_equal(err.text, "FATAL: no");
}

static void a_long_text_is_cut_at_a_character(void **state)
{
    (void)state;
    /* 1022 bytes, then a character of two: only its first byte would fit. */
    char text[ERROR_TEXT_MAX + 8];
    memset(text, 'a', sizeof(text));
    memcpy(text + ERROR_TEXT_MAX - 2, "\xc3\xa9zzz", 6);
    struct error err;
    assert_int_equal(error_set(&err, 1, "%s", text), 1);
    assert_int_equal(strlen(err.text), ERROR_TEXT_MAX - 2);
}

static void errno_survives(void **state)
{
    (void)state;
    struct error err;
    errno = EXDEV;
    assert_int_equal(error_set(&err, 0, "x"), 0);
    assert_int_equal(errno, EXDEV);
}

static void every_code_has_words(void **state)
{
    (void)state;
    assert_string_equal(error_name(-ENOENT), "No such file or directory");
    assert_string_equal(error_name(ERROR_TOO_BIG), "too big");
    assert_string_equal(error_name(-3999), "unknown error");
    for (int code = ERROR_CANCELLED; code <= ERROR_CLOSED; code++)
        assert_string_not_equal(error_name(code), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_is_handed_back_and_words_are_kept),
        cmocka_unit_test(without_a_struct_only_the_code_is_handed_back),
        cmocka_unit_test(newlines_at_the_end_are_dropped),
        cmocka_unit_test(a_long_text_is_cut_at_a_character),
        cmocka_unit_test(errno_survives),
        cmocka_unit_test(every_code_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
