/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "config/lookup.h"

#include <cmocka.h>

static void expect(const char *sql, const char *want)
{
    struct arena a;
    struct error err;
    struct lookup l = {0};
    struct buf text;
    buf_init(&text, 4096);
    arena_init(&a, 16384, 1 << 20);
    int r = lookup_parse(slice_of(sql), &a, &err, &l);
    if (r > 0) buf_printf(&text, "! %s", err.text);
    if (r == 0) buf_printf(&text, "%s.%s", l.dataset, l.column);
    for (size_t i = 0; i < l.n; i++)
        buf_printf(&text, "|%s=%s", l.pair[i].column, l.pair[i].name);
    assert_string_equal(buf_cstr(&text), want);
    buf_done(&text);
    arena_done(&a);
}

static void a_column_is_looked_up_by_a_key(void **state)
{
    (void)state;
    expect("customers.zip on customers.id = customer_id", "customers.zip|id=customer_id");
    expect("Customers.ZIP\n ON customer_id=customers.\"Id No\" -- so", "customers.zip|Id No=customer_id");
    expect("p.amount on p.item = item and day = p.day", "p.amount|item=item|day=day");
}

static void mistakes_say_what_to_write(void **state)
{
    (void)state;
    expect("", "! it ends where DATASET.COLUMN on DATASET.KEY = NAME was expected");
    expect("zip on customers.id = x", "! 'zip' has no dataset before it; write DATASET.zip on DATASET.KEY = NAME");
    expect("c.zip", "! it ends where 'on' was expected");
    expect("c.zip where c.id = x", "! found 'where' where 'on' was expected");
    expect("c.zip on id = x", "! 'id = x' has no column of c; write c.id = x");
    expect("c.zip on d.id = x", "! 'd.id' is not of c, which is looked into; write c.id");
    expect("c.zip on c.id = c.x", "! both sides of 'c.id = c.x' have a dataset; write c.COLUMN = NAME");
    expect("c.zip on c.id < x", "! found '<' where '=' was expected");
    expect("c.zip on c.id = x or c.y = y", "! found 'or' where 'and' or the end was expected");
    expect("c.zip on c.id = x and", "! it ends where DATASET.COLUMN = NAME was expected");
    expect("c.zip on c.id = x and c.id = y", "! c.id is there twice");
    expect("c.zip on c.id = 42", "! found '42' where a column or an input was expected");
    expect("c.\"zip on c.id = x", "! a quote or a comment is not closed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_is_looked_up_by_a_key),
        cmocka_unit_test(mistakes_say_what_to_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
