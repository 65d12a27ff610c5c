/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "api/trace.h"

#include <cmocka.h>

static void name_fits_into_postgres_names(void **state)
{
    (void)state;
    char name[TRACE_NAME_MAX];
    const char *trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const char *longest = "0123456789012345678901234567890123456789012345678901234567890123";
    trace_name("8c1f-7", "", name);
    assert_string_equal(name, "cetld 8c1f-7");
    trace_name("8c1f-7", trace, name);
    assert_string_equal(name, "cetld 8c1f-7 4bf92f3577b34da6a3ce929d0e0e4736");
    trace_name(longest, trace, name);
    assert_string_equal(name, "cetld 012345678901234567890123 4bf92f3577b34da6a3ce929d0e0e4736");
    assert_int_equal(strlen(name), TRACE_NAME_MAX - 1);
    trace_name(longest, "", name);
    assert_string_equal(name, "cetld 012345678901234567890123456789012345678901234567890123456");
    assert_int_equal(strlen(name), TRACE_NAME_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(name_fits_into_postgres_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
