/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/allow.h"

#include <string.h>

#include <cmocka.h>

struct state {
    struct arena arena;
    struct mistakes mistakes;
};

static int set_up(void **state)
{
    static struct state s;
    arena_init(&s.arena, 4096, 1 << 20);
    mistakes_init(&s.mistakes);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    arena_done(&s->arena);
    mistakes_done(&s->mistakes);
    return 0;
}

static struct allow parse(struct state *s, const char *text)
{
    struct allow a = {0};
    assert_int_equal(allow_parse(slice_of(text), &s->arena, (struct config_place){"f", 3}, &s->mistakes, &a), 0);
    return a;
}

static struct allow sound(struct state *s, const char *text)
{
    struct allow a = parse(s, text);
    if (s->mistakes.n) fail_msg("%s", s->mistakes.text[0]);
    return a;
}

static bool table(const struct allow *a, enum allow_action action, const char *name)
{
    return allow_permits(a, ALLOW_TABLES, action, slice_of(name));
}

static void named_rules_are_for_their_name(void **state)
{
    struct allow a = sound(*state, "orders: read write, items:ingest");
    assert_true(table(&a, ALLOW_READ, "orders") && table(&a, ALLOW_WRITE, "orders"));
    assert_false(table(&a, ALLOW_INGEST, "orders"));
    assert_true(table(&a, ALLOW_INGEST, "items"));
    assert_false(table(&a, ALLOW_READ, "items"));
    assert_false(table(&a, ALLOW_READ, "order"));
    assert_false(table(&a, ALLOW_READ, "orderss"));
    assert_false(table(&a, ALLOW_READ, ""));
    assert_false(table(&a, ALLOW_READ, NULL));
    assert_false(table(&a, ALLOW_MANAGE, NULL));
    assert_false(allow_permits(&a, ALLOW_REPORTS, ALLOW_READ, SLICE("orders")));
}

static void star_is_every_table_and_no_report(void **state)
{
    struct allow a = sound(*state, "*: read\n  report hires: read");
    assert_true(table(&a, ALLOW_READ, "x") && table(&a, ALLOW_READ, NULL));
    assert_false(table(&a, ALLOW_WRITE, "x"));
    assert_true(allow_permits(&a, ALLOW_REPORTS, ALLOW_READ, SLICE("hires")));
    assert_false(allow_permits(&a, ALLOW_REPORTS, ALLOW_READ, SLICE("fires")));
}

static void rule_without_a_name_is_for_everything(void **state)
{
    struct allow a = sound(*state, "read ingest, manage");
    assert_true(table(&a, ALLOW_READ, "x") && allow_permits(&a, ALLOW_REPORTS, ALLOW_READ, SLICE("x")));
    assert_true(table(&a, ALLOW_INGEST, NULL) && table(&a, ALLOW_MANAGE, NULL));
    assert_false(table(&a, ALLOW_WRITE, NULL));
}

static void nothing_allows_nothing(void **state)
{
    struct allow a = sound(*state, " ,\n ");
    assert_int_equal(a.n, 0);
    assert_false(table(&a, ALLOW_READ, "x"));
}

static void table_named_report_is_a_table(void **state)
{
    struct allow a = sound(*state, "report: read");
    assert_true(table(&a, ALLOW_READ, "report"));
    assert_false(allow_permits(&a, ALLOW_REPORTS, ALLOW_READ, SLICE("x")));
}

static void mistakes_say_what_to_write(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"orders: raed", "f:3: allow: 'orders: raed': 'raed' is none of read, write, ingest, manage (did you mean 'read'?)"},
        {"orders", "f:3: allow: 'orders': 'orders' is none of read, write, ingest, manage; what is allowed stands behind the name "
                   "and a colon, as in orders: read write"},
        {"orders:", "f:3: allow: 'orders:': it allows nothing; write what: read, write, ingest, manage"},
        {": read", "f:3: allow: ': read': a table's name or * stands before the colon"},
        {"a b: read", "f:3: allow: 'a b: read': one name stands before the colon, or 'report' and one"},
        {"report x: write", "f:3: allow: 'report x: write': a report can be read, and nothing else; write report x: read"},
        {"a: manage", "f:3: allow: 'a: manage': manage is about the whole ledger; write it as a rule without a name: manage"},
        {"READ", "f:3: allow: 'READ': 'READ' is none of read, write, ingest, manage (did you mean 'read'?)"},
    };
    struct state *s = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse(s, cases[i].text);
        assert_int_equal(s->mistakes.n, 1);
        assert_string_equal(s->mistakes.text[0], cases[i].want);
        mistakes_done(&s->mistakes);
    }
}

static void too_many_rules_are_a_mistake(void **state)
{
    struct state *s = *state;
    char text[(ALLOW_RULES_MAX + 1) * 5 + 1] = "";
    for (int i = 0; i <= ALLOW_RULES_MAX; i++)
        memcpy(text + (size_t)i * 5, "read,", 6);
    parse(s, text);
    assert_int_equal(s->mistakes.n, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(named_rules_are_for_their_name), T(star_is_every_table_and_no_report), T(rule_without_a_name_is_for_everything),
        T(nothing_allows_nothing),         T(table_named_report_is_a_table),     T(mistakes_say_what_to_write),
        T(too_many_rules_are_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
