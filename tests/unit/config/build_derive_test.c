/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_derive.h"

#include <cmocka.h>

#define ITEMS "[dataset items]\ncolumns = id int\n"

static struct config *parse(const char *text)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    int r = config_parse("f", slice_of(text), &m, &c);
    if (r) fail_msg("%d: %s", r, m.stored ? m.text[0] : "");
    mistakes_done(&m);
    return c;
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

static void its_values_and_defaults(void **state)
{
    (void)state;
    struct config *c = parse(ITEMS "[derive a]\nafter = items\nsql =\n  select 1\n   as one ; ;\n"
                                   "[derive b]\nafter = items, a\nsql = select 2\nas = view\ntable = x.y\ntimeout = 2s\n");
    assert_int_equal(c->n_derives, 2);
    const struct config_derive *a = config_derive(c, SLICE("a")), *b = config_derive(c, SLICE("b"));
    assert_string_equal(a->sql, "select 1\nas one");
    assert_string_equal(a->schema, "public");
    assert_string_equal(a->table, "a");
    assert_int_equal(a->as, CONFIG_AS_TABLE);
    assert_int_equal(a->timeout_ms, 300000);
    assert_int_equal(a->sql_place.line, 5);
    assert_int_equal(b->as, CONFIG_AS_VIEW);
    assert_string_equal(b->schema, "x");
    assert_string_equal(b->table, "y");
    assert_int_equal(b->after.n, 2);
    assert_null(config_derive(c, SLICE("c")));
    config_unref(c);
}

static void each_stands_behind_its_inputs(void **state)
{
    (void)state;
    struct config *c = parse(ITEMS "[derive d]\nafter = b, c\nsql = select 1\n[derive c]\nafter = a\nsql = select 1\n"
                                   "[derive b]\nafter = a, items\nsql = select 1\n[derive a]\nafter = items\nsql = select 1\n");
    char order[5] = "";
    for (size_t i = 0; i < c->n_derives; i++)
        order[i] = c->derives[i].name[0];
    assert_string_equal(order, "abcd");
    config_unref(c);
}

static void a_circle_is_told_once_with_its_names(void **state)
{
    (void)state;
    expect_mistake(
        ITEMS "[derive x]\nafter = a\nsql = select 1\n[derive a]\nafter = items, b\nsql = select 1\n"
              "[derive b]\nafter = a\nsql = select 1\n",
        "f:7: derives cannot be made after one another in a circle (a after b after a); take one name out of an 'after'");
    expect_mistake(ITEMS "[derive a]\nafter = a\nsql = select 1\n",
                   "f:4: derives cannot be made after one another in a circle (a after a); take one name out of an 'after'");
}

static void inputs_are_known(void **state)
{
    (void)state;
    expect_mistake(ITEMS "[derive a]\nafter = itms\nsql = select 1\n",
                   "f:4: after: there is no dataset or derive 'itms' (did you mean 'items'?)");
    expect_mistake(ITEMS "[derive a]\nafter = people\nsql = select 1\n",
                   "f:4: after: there is no dataset or derive 'people'; one that is inferred needs a section [dataset …] of its "
                   "name, which may be empty");
    expect_mistake(ITEMS "[derive a]\nafter = items, items\nsql = select 1\n", "f:4: after: 'items' is there twice");
}

static void a_query_is_needed(void **state)
{
    (void)state;
    expect_mistake(ITEMS "[derive a]\nafter = items\n", "f:3: a derive needs a query: sql = select … from …");
    expect_mistake(ITEMS "[derive a]\nafter = items\nsql = ;\n", "f:5: a derive needs a query: sql = select … from …");
}

static void its_table_is_nobody_elses(void **state)
{
    (void)state;
    expect_mistake(ITEMS "[derive a]\nafter = items\nsql = select 1\ntable = items\n",
                   "f:6: the table public.items is that of dataset 'items'; give the derive another: table = …");
    expect_mistake(ITEMS "[derive a]\nafter = items\nsql = select 1\n[derive b]\nafter = items\nsql = select 1\ntable = a\n",
                   "f:9: the table public.a is that of derive 'a'; give one of them another: table = …");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_values_and_defaults),
        cmocka_unit_test(each_stands_behind_its_inputs),
        cmocka_unit_test(a_circle_is_told_once_with_its_names),
        cmocka_unit_test(inputs_are_known),
        cmocka_unit_test(a_query_is_needed),
        cmocka_unit_test(its_table_is_nobody_elses),
    };
    return cmocka_run_group_tests_name("config/build_derive", tests, NULL, NULL);
}
