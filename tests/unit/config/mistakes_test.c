/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/mistakes.h"

#include <string.h>

#include <cmocka.h>

static void a_mistake_names_file_and_line(void **state)
{
    (void)state;
    struct mistakes m;
    mistakes_init(&m);
    mistakes_add(&m, (struct config_place){"a.conf", 7}, "no option '%s'", "x");
    mistakes_add(&m, (struct config_place){"b.conf", 0}, "cannot be read");
    assert_int_equal(m.n, 2);
    assert_string_equal(m.text[0], "a.conf:7: no option 'x'");
    assert_string_equal(m.text[1], "b.conf: cannot be read");
    mistakes_done(&m);
    assert_int_equal(m.n, 0);
    mistakes_done(NULL);
}

static void beyond_the_ceiling_they_are_only_counted(void **state)
{
    (void)state;
    struct mistakes m;
    mistakes_init(&m);
    for (int i = 0; i < MISTAKES_MAX + 50; i++)
        mistakes_add(&m, (struct config_place){"a", i + 1}, "x");
    assert_int_equal(m.stored, MISTAKES_MAX);
    assert_int_equal(m.n, MISTAKES_MAX + 50);
    mistakes_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_names_file_and_line),
        cmocka_unit_test(beyond_the_ceiling_they_are_only_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
