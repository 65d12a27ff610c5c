/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_requires.h"

#include <cmocka.h>

static void expect_mistakes(const char *text, size_t n, const char *first)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    int r = config_parse("f", slice_of(text), &m, &c);
    assert_int_equal(m.n, n);
    if (n > 0) assert_string_equal(m.text[0], first);
    assert_int_equal(r, n > 0 ? CONFIG_E_INVALID : 0);
    config_unref(c);
    mistakes_done(&m);
}

static void its_values_and_defaults(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f", SLICE("[dataset a]\n[dataset b]\nrequires = a\n  c\nwait = 5min\n[dataset c]\n"), &m, &c),
                     0);
    assert_int_equal(c->datasets[0].requires.n, 0);
    assert_int_equal(c->datasets[0].wait_ms, 3600000);
    assert_int_equal(c->datasets[1].requires.n, 2);
    assert_string_equal(c->datasets[1].requires.item[1], "c");
    assert_int_equal(c->datasets[1].wait_ms, 300000);
    config_unref(c);
    mistakes_done(&m);
}

static void circles_are_told_once_each(void **state)
{
    (void)state;
    expect_mistakes("[dataset x]\nrequires = a\n[dataset a]\nrequires = b\n[dataset b]\nrequires = a, x2\n[dataset x2]\n", 1,
                    "f:4: datasets cannot wait for one another in a circle (a requires b requires a); take one name out");
    expect_mistakes("[dataset a]\nrequires = b\n[dataset b]\nrequires = a\n[dataset c]\nrequires = c\n", 2,
                    "f:2: datasets cannot wait for one another in a circle (a requires b requires a); take one name out");
    expect_mistakes("[dataset a]\nrequires = b, c\n[dataset b]\nrequires = d\n[dataset c]\nrequires = d\n[dataset d]\n", 0, NULL);
}

static void names_are_known(void **state)
{
    (void)state;
    expect_mistakes("[dataset orders]\nrequires = customer\n[dataset customers]\n", 1,
                    "f:2: requires: there is no [dataset customer] (did you mean 'customers'?)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_values_and_defaults),
        cmocka_unit_test(circles_are_told_once_each),
        cmocka_unit_test(names_are_known),
    };
    return cmocka_run_group_tests_name("config/build_requires", tests, NULL, NULL);
}
