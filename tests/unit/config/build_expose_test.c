/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_expose.h"

#include <stdio.h>

#include <cmocka.h>

#define ITEMS "[dataset items]\ncolumns = id int\n[rollup items.daily]\ngroup = id\nmeasure = count(*) as n\n"

static void each_item_is_a_table(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f", SLICE("[api]\nexpose = reporting.busy, lists\n" ITEMS), &m, &c), 0);
    assert_int_equal(c->n_exposed, 2);
    assert_string_equal(c->exposed[0].schema, "reporting");
    assert_string_equal(c->exposed[0].table, "busy");
    assert_string_equal(c->exposed[1].schema, "public");
    assert_string_equal(c->exposed[1].table, "lists");
    config_unref(c);
    mistakes_done(&m);
}

static void what_cannot_be_exposed_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *item, *want;
    } rows[] = {
        {"cetl.file", "f:2: expose: tables of schema cetl are never exposed; a view of yours may show what you want of 'file'"},
        {"pg_catalog.pg_authid",
         "f:2: expose: tables of schema pg_catalog are never exposed; a view of yours may show what you want of 'pg_authid'"},
        {"information_schema.tables",
         "f:2: expose: tables of schema information_schema are never exposed; a view of yours may show what you want of 'tables'"},
        {"a.b.c", "f:2: expose: 'a.b.c' is no table; write schema.name, or name"},
        {".b", "f:2: expose: '.b' is no table; write schema.name, or name"},
        {"a.", "f:2: expose: 'a.' is no table; write schema.name, or name"},
        {"x.files", "f:2: expose: 'files' is a word of the API's addresses; expose a view with another name"},
        {"x.items", "f:2: expose: 'items' would have the same address in the API as a dataset; expose a view with another name"},
        {"x.items_daily",
         "f:2: expose: 'items_daily' would have the same address in the API as a rollup; expose a view with another name"},
        {"x.a, y.a",
         "f:2: expose: 'a' would have the same address in the API as another item of expose; expose a view with another name"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[300];
        struct mistakes m;
        struct config *c = NULL;
        mistakes_init(&m);
        snprintf(text, sizeof text, "[api]\nexpose = %s\n" ITEMS, rows[i].item);
        assert_int_equal(config_parse("f", slice_of(text), &m, &c), CONFIG_E_INVALID);
        assert_int_equal(m.n, 1);
        assert_string_equal(m.text[0], rows[i].want);
        mistakes_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_item_is_a_table), cmocka_unit_test(what_cannot_be_exposed_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
