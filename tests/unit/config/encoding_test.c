/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/encoding.h"

#include <string.h>

#include <cmocka.h>

static void encodings_of_the_system_are_known(void **state)
{
    (void)state;
    static const char *const names[] = {"auto",   "utf-8",        "UTF8",     "latin-1",     "Latin1",
                                        "cp1252", "windows-1252", "utf-16le", "ISO_8859-15", "shift_jis"};
    struct error err;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(encoding_check(slice_of(names[i]), &err), 0);
    assert_true(encoding_is_utf8("UTF-8") && encoding_is_latin1("ISO-8859-1") && encoding_is_auto("auto"));
    assert_false(encoding_is_utf8("utf-16") || encoding_is_latin1("cp1252"));
}

static void what_is_no_name_is_refused_with_the_nearest(void **state)
{
    (void)state;
    struct error err;
    assert_int_equal(encoding_check(SLICE("cp1525"), &err), ENCODING_E_UNKNOWN);
    assert_non_null(strstr(err.text, "did you mean 'cp125"));
    assert_int_equal(encoding_check(SLICE("utf-61"), &err), ENCODING_E_UNKNOWN);
    assert_non_null(strstr(err.text, "did you mean 'utf-16'"));
    /* what iconv_open takes beside names */
    assert_int_equal(encoding_check(SLICE("ascii//IGNORE"), &err), ENCODING_E_UNKNOWN);
    assert_int_equal(encoding_check(SLICE("ascii//TRANSLIT"), &err), ENCODING_E_UNKNOWN);
    assert_int_equal(encoding_check(SLICE("../../x"), &err), ENCODING_E_UNKNOWN);
    assert_int_equal(encoding_check(SLICE(""), &err), ENCODING_E_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_of_the_system_are_known),
        cmocka_unit_test(what_is_no_name_is_refused_with_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
