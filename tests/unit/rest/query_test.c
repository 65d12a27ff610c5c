/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "rest/query.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { OUT_MAX = 1 << 20 };

struct fixture {
    struct arena arena;
    struct buf out;
};

static int set_up(void **state)
{
    static struct fixture f;
    arena_init(&f.arena, 4096, 8 << 20);
    buf_init(&f.out, OUT_MAX);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    buf_done(&f->out);
    return 0;
}

/* ---- a tree as text ---- */

static void put_field(struct buf *out, const struct rest_field *f)
{
    buf_printf(out, "<" SLICE_FMT ">", SLICE_ARG(f->name));
    for (size_t i = 0; i < f->steps; i++)
        buf_printf(out, "%s%s<" SLICE_FMT ">", f->step[i].text ? "->>" : "->", f->step[i].index ? "#" : "",
                   SLICE_ARG(f->step[i].key));
}

static void put_condition(struct buf *out, const struct rest_condition *c)
{
    static const char *const is[] = {"null", "not_null", "true", "false", "unknown"}, *const quantifier[] = {"", "(any)", "(all)"};
    if (c->negated) buf_putc(out, '!');
    if (c->kind != REST_TEST) {
        buf_puts(out, c->kind == REST_AND ? "and[" : "or[");
        for (const struct rest_condition *part = c->first; part; part = part->next) {
            if (part != c->first) buf_puts(out, ", ");
            put_condition(out, part);
        }
        buf_putc(out, ']');
        return;
    }
    put_field(out, &c->field);
    buf_printf(out, " %s%s", rest_op_name(c->op), quantifier[c->quantifier]);
    if (c->config.p) buf_printf(out, "{" SLICE_FMT "}", SLICE_ARG(c->config));
    if (c->op == REST_IS)
        buf_printf(out, " %s", is[c->is]);
    else
        buf_printf(out, " '" SLICE_FMT "'", SLICE_ARG(c->value));
}

static void put_level(struct buf *out, const struct rest_level *l);

static void put_selected(struct buf *out, const struct rest_select *s)
{
    if (s->kind == REST_STAR) {
        buf_putc(out, '*');
        return;
    }
    if (s->kind == REST_EMBED) {
        buf_printf(out, "%s%s<" SLICE_FMT ">", s->embed->spread ? "..." : "", s->embed->inner ? "inner" : "",
                   SLICE_ARG(s->embed->name));
        if (s->embed->alias.p) buf_printf(out, " as <" SLICE_FMT ">", SLICE_ARG(s->embed->alias));
        if (s->embed->hint.p) buf_printf(out, " by <" SLICE_FMT ">", SLICE_ARG(s->embed->hint));
        buf_putc(out, '(');
        put_level(out, s->embed);
        buf_putc(out, ')');
        return;
    }
    put_field(out, &s->field);
    if (s->cast.p) buf_printf(out, "::<" SLICE_FMT ">", SLICE_ARG(s->cast));
    if (s->alias.p) buf_printf(out, " as <" SLICE_FMT ">", SLICE_ARG(s->alias));
}

static void put_order(struct buf *out, const struct rest_order *o)
{
    if (o->relation.p) buf_printf(out, "<" SLICE_FMT ">.", SLICE_ARG(o->relation));
    put_field(out, &o->field);
    buf_printf(out, "%s%s", o->descending ? " desc" : "", !o->nulls_said ? "" : o->nulls_first ? " first" : " last");
}

static void put_level(struct buf *out, const struct rest_level *l)
{
    for (const struct rest_select *s = l->select; s; s = s->next) {
        if (s != l->select) buf_putc(out, ' ');
        put_selected(out, s);
    }
    if (l->where.first) {
        buf_puts(out, " where ");
        put_condition(out, &l->where);
    }
    for (size_t i = 0; i < l->orders; i++) {
        buf_puts(out, i ? ", " : " order ");
        put_order(out, &l->order[i]);
    }
    if (l->limit != REST_ALL) buf_printf(out, " limit %lld", (long long)l->limit);
    if (l->offset) buf_printf(out, " offset %lld", (long long)l->offset);
}

static int parse(struct fixture *f, const char *query, struct rest_query *q, struct rest_error *err)
{
    struct http_target t;
    char *target = arena_alloc(&f->arena, strlen(query) + 3);
    sprintf(target, "/?%s", query);
    assert_int_equal(http_target_parse(slice_of(target), &f->arena, &t), 0);
    return rest_query_parse(t.parameter, t.parameters, &f->arena, q, err);
}

static void check(struct fixture *f, const char *query, const char *tree)
{
    struct rest_query q;
    struct rest_error err = {.status = 0};
    if (parse(f, query, &q, &err) != 0) fail_msg("%s: %s (%s)", query, err.message, err.details);
    buf_reset(&f->out);
    put_level(&f->out, &q.root);
    assert_string_equal(buf_cstr(&f->out), tree);
}

static struct rest_error refused(struct fixture *f, const char *query)
{
    struct rest_query q;
    struct rest_error err = {.status = 0};
    if (parse(f, query, &q, &err) != REST_E_QUERY) fail_msg("%s is taken", query);
    assert_true(err.status >= 300 && err.status < 500 && err.code && err.message[0]);
    return err;
}

/* ---- select ---- */

static void select_of_nothing_is_all(void **state)
{
    check(*state, "", "*");
    check(*state, "select=", "*");
    check(*state, "select=*", "*");
}

static void select_has_aliases_casts_and_paths(void **state)
{
    check(*state, "select=id,total:amount::text,a b, c ", "<id> <amount>::<text> as <total> <a b> <c>");
    check(*state, "select=data->a->>b", "<data>-><a>->><b>");
    check(*state, "select=x:data->0->>-1::int,y:data->\"a,b\"", "<data>->#<0>->>#<-1>::<int> as <x> <data>-><a,b> as <y>");
    check(*state, "select=data->a-b->>12a", "<data>-><a-b>->><12a>");
    check(*state, "select=a-b,\"c,\\\"d\"", "<a-b> <c,\"d>");
    check(*state, "select=id::double precision", "<id>::<double precision>");
}

static void select_embeds(void **state)
{
    check(*state, "select=id,job:jobs(*)", "<id> <jobs> as <job>(*)");
    check(*state, "select=jobs!fk_job!inner(id,boss:people!inner(name)),*",
          "inner<jobs> by <fk_job>(<id> inner<people> as <boss>(<name>)) *");
    check(*state, "select=...jobs(title,t:id),tags!left()", "...<jobs>(<title> <id> as <t>) <tags>()");
}

static void select_that_is_no_list_of_columns_is_refused(void **state)
{
    static const char *const queries[] = {
        "select=,",         "select=a,",       "select=a(b", "select=a)",         "select=a::", "select=a->",     "select=a%22b",
        "select=%22a",      "select=a!b!c(*)", "select=a!b", "select=:a",         "select=a:",  "select=a b()c",  "select=...a",
        "select=...x:a(*)", "select=a->b(*)",  "select=**",  "select=a&select=b", "select=(a)", "select=a.sum()", "select=count()"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        refused(*state, queries[i]);
    assert_string_equal(refused(*state, "select=a,,b").message, "the parameter select, at character 3: expected a name");
    assert_string_equal(refused(*state, "select=a.sum()").code, "PGRST123");
}

/* ---- conditions ---- */

static void conditions_have_operators(void **state)
{
    check(*state, "id=eq.5&name=not.ilike.*x*", "* where and[<id> eq '5', !<name> ilike '%x%']");
    check(*state, "a=is.null&b=is.NOT_NULL&c=not.is.true", "* where and[<a> is null, <b> is not_null, !<c> is true]");
    check(*state, "a=eq.&b=eq.a.b,c)(&c=match.^*", "* where and[<a> eq '', <b> eq 'a.b,c)(', <c> match '^*']");
    check(*state, "a=like(any).{a*,*b}&b=gt(all).{1,2}", "* where and[<a> like(any) '{a%,%b}', <b> gt(all) '{1,2}']");
    check(*state, "t=fts(english).cat&t=wfts.a b", "* where and[<t> fts{english} 'cat', <t> wfts 'a b']");
    check(*state, "a=cs.{1,2}&b=ov.[1,2)&c=isdistinct.7", "* where and[<a> cs '{1,2}', <b> ov '[1,2)', <c> isdistinct '7']");
    check(*state, "data->>a=eq.x&data->b->0=gt.1", "* where and[<data>->><a> eq 'x', <data>-><b>->#<0> gt '1']");
    check(*state, "%22order%22=eq.1", "* where and[<order> eq '1']");
}

static void lists_are_arrays_for_the_server(void **state)
{
    check(*state, "a=in.(1,2)", "* where and[<a> in '{\"1\",\"2\"}']");
    check(*state, "a=in.(%22a,b%22,%22c%5C%22d%22,e%5Cf,NULL,{})",
          "* where and[<a> in '{\"a,b\",\"c\\\"d\",\"e\\\\f\",\"NULL\",\"{}\"}']");
    check(*state, "a=in.()", "* where and[<a> in '{}']");
    check(*state, "a=in.(%22%22)&b=not.in.(,)", "* where and[<a> in '{\"\"}', !<b> in '{\"\",\"\"}']");
}

static void and_or_are_nested(void **state)
{
    check(*state, "or=(a.eq.1,not.and(b.is.null,c.in.(1,2)),d.not.lt.3)",
          "* where and[or[<a> eq '1', !and[<b> is null, <c> in '{\"1\",\"2\"}'], !<d> lt '3']]");
    check(*state, "not.or=(a.eq.1,b.eq.2)&and=(c.eq.3)", "* where and[!or[<a> eq '1', <b> eq '2'], and[<c> eq '3']]");
    check(*state, "or=(a.eq.%22x,)y%22,b.cs.{1,%22}%22},c.eq.,d.eq. )",
          "* where and[or[<a> eq 'x,)y', <b> cs '{1,\"}\"}', <c> eq '', <d> eq ' ']]");
    check(*state, "or=(data->>a.eq.1,and.eq.2,j.cs.{%22a%22:{%22b%22:1}})",
          "* where and[or[<data>->><a> eq '1', <and> eq '2', <j> cs '{\"a\":{\"b\":1}}']]");
}

static void condition_without_operator_is_refused(void **state)
{
    static const char *const queries[] = {
        "a=5",          "a=",         "a",          "a=eq",       "a=not.eq", "a=foo.1",          "a=EQ.1",
        "a=in.1",       "a=in.(1",    "a=in.(1)x",  "a=is.maybe", "a=is.",    "a=eq(some).1",     "a=eq(any).1",
        "a=neq(any).1", "or=(a.eq.1", "or=()",      "or=a.eq.1",  "or=(a.1)", "or=(a.eq.1)x",     "or=(a.eq.{)",
        "or=(a.eq.1,)", "or=",        "not.or=(a)", "a..b=eq.1",  ".a=eq.1",  "or=(a.eq.\"x\"y)", "=eq.1"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        refused(*state, queries[i]);
    assert_non_null(strstr(refused(*state, "a=foo.1").message, "the parameter a, at character 1: expected an operator"));
    assert_string_equal(refused(*state, "a=foo.1").details, "found \"foo.1\"");
}

/* ---- order, limits, levels ---- */

static void order_and_page(void **state)
{
    check(*state, "order=a,b.desc,c.asc.nullsfirst,data->>x.desc.nullslast,\"e.f\".nullsfirst&limit=10&offset=20",
          "* order <a>, <b> desc, <c> first, <data>->><x> desc last, <e.f> first limit 10 offset 20");
    check(*state, "select=j:jobs(id)&order=jobs(name).desc,id", "<jobs> as <j>(<id>) order <jobs>.<name> desc, <id>");
    static const char *const queries[] = {
        "order=a.up", "order=a,",        "order=a.desc.asc", "order=a.nullsfirst.desc",     "order=j(a",      "limit=x", "limit=-1",
        "limit=",     "limit=1&limit=2", "offset=1.5",       "offset=99999999999999999999", "order=a&order=b"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++)
        refused(*state, queries[i]);
    assert_string_equal(refused(*state, "limit=x").message, "the parameter limit is \"x\", but must be a whole number from 0");
}

static void parameters_reach_what_is_embedded(void **state)
{
    check(*state,
          "jobs.name=eq.x&select=j:jobs(id,boss(name))&j.order=id&j.boss.limit=3&jobs.boss.or=(a.eq.1,b.eq.2)&j.not.and=(c.eq.1)&j."
          "offset=4",
          "<jobs> as <j>(<id> <boss>(<name> where and[or[<a> eq '1', <b> eq '2']] limit 3) where and[<name> eq 'x', !and[<c> eq "
          "'1']] order <id> offset 4)");
    struct rest_error err = refused(*state, "jobs.name=eq.x");
    assert_string_equal(err.code, "PGRST108");
    assert_string_equal(err.message, "the parameter jobs.name: \"jobs\" is not an embedded resource in this request");
    refused(*state, "jobs.limit=3");
    refused(*state, "select=jobs(*)&boss.jobs.order=a");
}

static void alias_goes_before_name(void **state)
{
    check(*state, "select=a:b(x),b:c(y)&b.x=eq.1", "<b> as <a>(<x>) <c> as <b>(<y> where and[<x> eq '1'])");
}

static void zero_bytes_are_refused(void **state)
{
    struct fixture *f = *state;
    struct rest_query q;
    struct rest_error err;
    struct http_parameter value = {SLICE("a"), SLICE("eq.\0")}, name = {SLICE("select\0"), SLICE("eq.1")};
    assert_int_equal(rest_query_parse(&value, 1, &f->arena, &q, &err), REST_E_QUERY);
    assert_int_equal(rest_query_parse(&name, 1, &f->arena, &q, &err), REST_E_QUERY);
}

static void lists_of_writes_and_after(void **state)
{
    struct rest_query q;
    struct rest_error err;
    assert_int_equal(parse(*state, "columns=a,%22b,c%22&on_conflict=a&after=1,%22null%22,null,", &q, &err), 0);
    assert_true(slice_equal(q.columns->next->name, SLICE("b,c")) && !q.columns->next->next);
    assert_true(slice_equal(q.on_conflict->name, SLICE("a")) && !q.on_conflict->next);
    assert_int_equal(q.afters, 4);
    assert_true(!q.after[1].null && slice_equal(q.after[1].text, SLICE("null")));
    assert_true(q.after[2].null && !q.after[3].null && q.after[3].text.len == 0);
    refused(*state, "columns=");
    refused(*state, "columns=a&columns=b");
    refused(*state, "after=1&after=2");
    refused(*state, "after=%221");
}

/* ---- limits ---- */

static void repeat(struct buf *out, const char *before, const char *text, unsigned n, const char *after)
{
    buf_reset(out);
    buf_puts(out, before);
    for (unsigned i = 0; i < n; i++)
        buf_printf(out, "%s%s", i && !strchr("(&>", text[strlen(text) - 1]) ? "," : "", text);
    buf_puts(out, after);
}

static void takes_up_to(struct fixture *f, unsigned n, const char *before, const char *text, const char *after, const char *closing)
{
    for (unsigned more = 0; more < 2; more++) {
        struct rest_query q;
        struct rest_error err;
        repeat(&f->out, before, text, n + more, after);
        for (unsigned i = 0; i < n + more && *closing; i++)
            buf_puts(&f->out, closing);
        int r = parse(f, buf_cstr(&f->out), &q, &err);
        if (r != (more ? REST_E_QUERY : 0)) fail_msg("%u times %s: %d %s", n + more, text, r, r ? err.message : "");
    }
}

static void each_limit_holds_exactly(void **state)
{
    struct fixture *f = *state;
    takes_up_to(f, REST_SELECT_MAX, "select=", "a", "", "");
    takes_up_to(f, REST_EMBEDS_MAX, "select=", "a()", "", "");
    takes_up_to(f, REST_DEPTH_MAX, "select=", "a(", "b", ")");
    takes_up_to(f, REST_DEPTH_MAX - 1, "or=(", "and(", "a.eq.1)", ")");
    takes_up_to(f, REST_TESTS_MAX, "or=(", "a.eq.1", ")", "");
    takes_up_to(f, REST_TESTS_MAX, "", "a=eq.1&", "", "");
}

static void names_and_lists_have_ceilings(void **state)
{
    struct fixture *f = *state;
    takes_up_to(f, REST_ORDERS_MAX, "order=", "a", "", "");
    takes_up_to(f, REST_ITEMS_MAX, "a=in.(", "1", ")", "");
    char name[80] = "select=";
    memset(name + 7, 'a', REST_NAME_MAX);
    struct rest_query q;
    struct rest_error err;
    assert_int_equal(parse(f, name, &q, &err), 0);
    strcat(name, "a");
    refused(f, name);
    takes_up_to(f, REST_STEPS_MAX - 1, "select=a->", "b->", "b", "");
}

static void select_of_a_configuration(void **state)
{
    struct fixture *f = *state;
    struct rest_query q;
    struct rest_error err;
    assert_int_equal(rest_select_parse(SLICE("api_select"), SLICE("*,\n  job: jobs ( *, name ) ,\tx"), &f->arena, &q, &err), 0);
    assert_int_equal(q.root.select->kind, REST_STAR);
    assert_int_equal(rest_select_parse(SLICE("api_select"), SLICE("a,("), &f->arena, &q, &err), REST_E_QUERY);
    assert_non_null(strstr(err.message, "api_select"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(select_of_nothing_is_all),
        T(select_has_aliases_casts_and_paths),
        T(select_embeds),
        T(select_that_is_no_list_of_columns_is_refused),
        T(conditions_have_operators),
        T(lists_are_arrays_for_the_server),
        T(and_or_are_nested),
        T(condition_without_operator_is_refused),
        T(order_and_page),
        T(parameters_reach_what_is_embedded),
        T(alias_goes_before_name),
        T(zero_bytes_are_refused),
        T(lists_of_writes_and_after),
        T(each_limit_holds_exactly),
        T(names_and_lists_have_ceilings),
        T(select_of_a_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
