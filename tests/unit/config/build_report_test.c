/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_report.h"

#include <cmocka.h>

static void its_values_and_defaults(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f", SLICE("[report plain]\nsql = select 1 as one ;\n"
                                             "[report hires]\nparam = year int default 2021\nfilename = hires_{year}.csv\n"
                                             "sql =\n  select\n  :year as year\n"),
                                  &m, &c),
                     0);
    assert_int_equal(c->n_reports, 2);
    const struct config_report *plain = config_report(c, SLICE("plain")), *hires = config_report(c, SLICE("hires"));
    assert_string_equal(plain->filename, "plain.csv");
    assert_string_equal(plain->sql, "select 1 as one");
    assert_int_equal(plain->params.n, 0);
    assert_int_equal(plain->text.n, 1);
    assert_string_equal(hires->params.item[0].otherwise, "2021");
    assert_int_equal(hires->text.n, 2);
    assert_int_equal(hires->filename_text.n, 2);
    assert_null(config_report(c, SLICE("hire")));
    config_unref(c);
    mistakes_done(&m);
}

static void expect_mistake(const char *text, const char *want)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f", slice_of(text), &m, &c), CONFIG_E_INVALID);
    assert_int_equal(m.n, 1);
    assert_string_equal(m.text[0], want);
    mistakes_done(&m);
}

static void mistakes_have_their_place(void **state)
{
    (void)state;
    expect_mistake("[report a]\n", "f:1: a report needs a query: sql = select … from …");
    expect_mistake("[report A-b]\nsql = select 1\n",
                   "f:1: a report's name is lower-case words joined by '_' that begin with a letter; write [report a_b]");
    expect_mistake("[report a]\nsql = select 1\nfilename =\n", "f:3: filename: a file needs a name");
    expect_mistake("[report a]\nsql = select :x\n", "f:2: sql: :x is no parameter; declare it: param = x int");
    expect_mistake("[report a]\nparam = x int\nsql = select 1\n",
                   "f:2: param: 'x' is not used; write :x in sql, or take it out");
    expect_mistake("[report a]\nparam = x\nsql = select :x\n", "f:2: param: the parameter 'x' has no type; write x int");
    expect_mistake("[report a]\nparam = x int\nsql = select :x\nfilename = {y}\n",
                   "f:4: filename: {y} is no parameter (did you mean {x}?)");
    expect_mistake("[report]\nsql = select 1\n", "f:1: [report] needs a name: [report hires]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_values_and_defaults),
        cmocka_unit_test(mistakes_have_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
