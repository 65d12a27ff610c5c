/* SPDX-License-Identifier: MIT */
/* Linked into every unit test: CMOCKA_TEST_FILTER chooses tests by name (`make check-unit T=csv/scan F='*quote*'`). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

__attribute__((constructor)) static void choose_tests(void)
{
    const char *pattern = getenv("CMOCKA_TEST_FILTER");
    if (pattern && *pattern) cmocka_set_test_filter(pattern);
}
