/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "rest/sql.h"
#include "tables.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct arena arena;
    struct rest_ask ask;
    struct rest_statement s;
    struct rest_error err;
};

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){.ask = {.json = true}};
    arena_init(&f.arena, 4096, 8 << 20);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    arena_done(&((struct fixture *)*state)->arena);
    return 0;
}

/* "orders?select=id" */
static int make(struct fixture *f, const char *text)
{
    struct http_target t;
    static struct rest_query q;
    char *target = arena_alloc(&f->arena, strlen(text) + 2);
    sprintf(target, "/%s", text);
    assert_int_equal(http_target_parse(slice_of(target), &f->arena, &t), 0);
    int r = rest_query_parse(t.parameter, t.parameters, &f->arena, &q, &f->err);
    if (r != 0) return r;
    f->ask.query = &q;
    f->ask.scope = &test_scope;
    assert_true(test_find(NULL, t.segment[0], &f->ask.table));
    return rest_statement_make(&f->ask, &f->arena, &f->s, &f->err);
}

/* The statement, and its parameters. */
static void check(struct fixture *f, const char *request, const char *sql, const char *params)
{
    char seen[1000] = "";
    if (make(f, request) != 0) fail_msg("%s: %s", request, f->err.message);
    assert_string_equal(f->s.sql, sql);
    for (size_t i = 0; i < f->s.params; i++) {
        struct slice v = f->s.param[i].value;
        if (!v.p) v = slice_of(f->s.param[i].scratch);
        sprintf(seen + strlen(seen), "%s" SLICE_FMT, i ? "|" : "", SLICE_ARG(v));
    }
    assert_string_equal(seen, params);
}

static void refused(struct fixture *f, const char *request, int status, const char *code, const char *message)
{
    if (make(f, request) != REST_E_QUERY) fail_msg("%s is taken", request);
    assert_string_equal(f->err.message, message);
    assert_string_equal(f->err.code, code);
    assert_int_equal(f->err.status, status);
}

#define FROM " FROM \"public\".\"orders\" AS t0"

static void all_columns_come_in_the_order_of_the_key(void **state)
{
    check(*state, "orders",
          "SELECT t0.\"id\", t0.\"customer_id\", t0.\"payer_id\", t0.\"amount\", t0.\"placed\", t0.\"name\", t0.\"paid\", "
          "t0.\"data\", t0.\"raw\","
          " to_jsonb(t0.\"words\")::text, t0.\"od\"\"d\"" FROM " ORDER BY t0.\"id\"",
          "");
    struct fixture *f = *state;
    assert_int_equal(f->s.columns, 11);
    assert_int_equal(f->s.column[9].oid, 0);
    assert_int_equal(f->s.column[3].oid, TEST_NUMERIC);
    assert_int_equal(f->s.params, 0);
    f->ask.json = false;
    check(f, "orders?select=words", "SELECT t0.\"words\"::text" FROM " ORDER BY t0.\"id\"", "");
}

static void requests_of_one_shape_have_one_text(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(make(f, "orders?id=gt.5&name=in.(a,b)&limit=3&offset=7"), 0);
    const char *first = f->s.sql;
    assert_int_equal(make(f, "orders?id=gt.7777&name=in.(c)&limit=3&offset=1"), 0);
    assert_string_equal(f->s.sql, first);
}

static void a_page_has_a_constant_size_a_large_one_is_a_parameter(void **state)
{
    struct fixture *f = *state;
    check(f, "orders?select=id&limit=100&offset=5", "SELECT t0.\"id\"" FROM " ORDER BY t0.\"id\" LIMIT 100 OFFSET $1", "5");
    check(f, "orders?select=id&limit=101", "SELECT t0.\"id\"" FROM " ORDER BY t0.\"id\" LIMIT $1", "101");
    check(f, "orders?select=id&limit=0", "SELECT t0.\"id\"" FROM " ORDER BY t0.\"id\" LIMIT 0", "");
}

static void casts_and_paths_have_types(void **state)
{
    struct fixture *f = *state;
    check(f, "orders?select=a:id::text,data->x->>0,raw->y,n:id::inet,l:name::text[],words->0&order=placed",
          "SELECT t0.\"id\"::text, (t0.\"data\"->$1::text->>$2::int4), (to_jsonb(t0.\"raw\")->$3::text), "
          "to_jsonb(t0.\"id\"::\"inet\")::text,"
          " to_jsonb(t0.\"name\"::text[])::text, (to_jsonb(t0.\"words\")->$4::int4)" FROM " ORDER BY t0.\"placed\"",
          "x|0|y|0");
    static const struct {
        const char *name;
        uint32_t oid;
    } columns[] = {{"a", TEST_TEXT}, {"x", TEST_TEXT}, {"y", TEST_JSONB}, {"n", 0}, {"l", 0}, {"words", TEST_JSONB}};
    for (size_t i = 0; i < 6; i++) {
        assert_true(slice_equal(f->s.column[i].name, slice_of(columns[i].name)));
        assert_int_equal(f->s.column[i].oid, columns[i].oid);
    }
    check(f, "orders?select=id::te\"xt;--&order=placed",
          "SELECT to_jsonb(t0.\"id\"::\"te\"\"xt;--\")::text" FROM " ORDER BY t0.\"placed\"", "");
}

static void conditions_are_parameters(void **state)
{
    struct fixture *f = *state;
    check(f, "orders?select=id&id=eq.1&amount=neq.2&name=like.a*&name=not.imatch.^x&paid=is.true&placed=not.is.null&order=id",
          "SELECT t0.\"id\"" FROM
          " WHERE (t0.\"id\" = $1) AND (t0.\"amount\" <> $2) AND (t0.\"name\" LIKE $3) AND NOT (t0.\"name\" ~* $4)"
          " AND (t0.\"paid\" IS TRUE) AND NOT (t0.\"placed\" IS NULL) ORDER BY t0.\"id\"",
          "1|2|a%|^x");
    check(f, "orders?select=id&or=(id.in.(1,2),not.and(name.eq(any).{a,b},amount.gt(all).{1,2}),data.cs.{})&order=id",
          "SELECT t0.\"id\"" FROM
          " WHERE ((t0.\"id\" = ANY ($1)) OR NOT ((t0.\"name\" = ANY ($2)) AND (t0.\"amount\" > ALL ($3))) OR (t0.\"data\" @> $4))"
          " ORDER BY t0.\"id\"",
          "{\"1\",\"2\"}|{a,b}|{1,2}|{}");
    check(
        f,
        "orders?select=id&words=ov.{a}&words=cd.{b}&data->>k=eq.1&name=isdistinct.x&name=fts(english).cat&words=wfts.dog&order=id",
        "SELECT t0.\"id\"" FROM " WHERE (t0.\"words\" && $1) AND (t0.\"words\" <@ $2) AND ((t0.\"data\"->>$3::text) = $4)"
        " AND (t0.\"name\" IS DISTINCT FROM $5) AND (to_tsvector($6::regconfig, t0.\"name\") @@ to_tsquery($7::regconfig, "
        "$8::text))"
        " AND (t0.\"words\" @@ websearch_to_tsquery($9::text)) ORDER BY t0.\"id\"",
        "{a}|{b}|k|1|x|english|english|cat|dog");
    assert_true(slice_equal(rest_param_at_fault(&f->s, "unnamed portal parameter $4 = 'x'"), SLICE("data->>k")));
    assert_null(rest_param_at_fault(&f->s, "parameter $99").p);
    assert_null(rest_param_at_fault(&f->s, "no parameter").p);
}

static void what_does_not_suit_a_column_is_refused(void **state)
{
    struct fixture *f = *state;
    refused(f, "orders?id=like.1*", 400, "42883", "the parameter id: like cannot stand behind id, which is bigint");
    refused(f, "orders?or=(raw.eq.1,id.eq.2)", 400, "42883", "the parameter or: eq cannot stand behind raw, which is json");
    refused(f, "orders?name=cs.{a}", 400, "42883", "the parameter name: cs cannot stand behind name, which is text");
    refused(f, "orders?amount=is.true", 400, "42804", "the parameter amount: amount is numeric(12,2), not boolean");
    refused(f, "orders?order=raw", 400, "42883", "the parameter order: raw is json, which has no order");
    refused(f, "orders?nmae=eq.1", 400, "42703", "the parameter nmae: orders has no column \"nmae\"");
    assert_string_equal(f->err.hint, "perhaps \"name\" is meant");
    refused(f, "orders?select=_file", 400, "42703", "the parameter select: orders has no column \"_file\"");
    refused(f, "orders?order=_file", 400, "42703", "the parameter order: orders has no column \"_file\"");
    refused(f, "orders?_file=eq.1", 400, "42703", "the parameter _file: orders has no column \"_file\"");
}

static void one_row_is_embedded_as_an_object(void **state)
{
    check(
        *state, "orders?select=id,customer:customers!orders_customer(id,name,regions(code))&order=id",
        "SELECT t0.\"id\", (SELECT row_to_json(e.*) FROM (SELECT t1.\"id\" AS \"id\", t1.\"name\" AS \"name\","
        " (SELECT row_to_json(e.*) FROM (SELECT t2.\"code\" AS \"code\" FROM \"public\".\"regions\" AS t2 WHERE t1.\"region_id\" = "
        "t2.\"id\") AS e) AS \"regions\""
        " FROM \"public\".\"customers\" AS t1 WHERE t0.\"customer_id\" = t1.\"id\" AND t1.\"deleted_at\" IS NULL) AS e)::text" FROM
        " ORDER BY t0.\"id\"",
        "");
    struct fixture *f = *state;
    assert_true(f->s.column[1].json && slice_equal(f->s.column[1].name, SLICE("customer")));
    assert_int_equal(f->s.tables.n, 3);
}

static void many_rows_are_embedded_as_an_array(void **state)
{
    check(*state,
          "regions?select=code,customers(name)&customers.name=like.a*&customers.order=name.desc&customers.limit=2&order=code",
          "SELECT t0.\"code\", (SELECT coalesce(json_agg(e.*), '[]') FROM (SELECT t1.\"name\" AS \"name\" FROM "
          "\"public\".\"customers\" AS t1"
          " WHERE t1.\"region_id\" = t0.\"id\" AND t1.\"deleted_at\" IS NULL AND (t1.\"name\" LIKE $1) ORDER BY t1.\"name\" DESC, "
          "t1.\"id\" LIMIT 2) AS e)::text"
          " FROM \"public\".\"regions\" AS t0 ORDER BY t0.\"code\"",
          "a%");
}

static void rows_that_refer_are_counted(void **state)
{
    check(*state, "regions?select=id,customers(n:count)&customers.name=eq.x",
          "SELECT t0.\"id\", (SELECT json_agg(e.*) FROM (SELECT count(*) AS \"n\" FROM \"public\".\"customers\" AS t1 WHERE"
          " t1.\"region_id\" = t0.\"id\" AND t1.\"deleted_at\" IS NULL AND (t1.\"name\" = $1)) AS e)::text FROM"
          " \"public\".\"regions\" AS t0 ORDER BY t0.\"id\"",
          "x");
    refused(*state, "orders?select=payer_id(count)", 400, "42703", "the parameter select: customers has no column \"count\"");
}

static void tables_between_are_gone_through(void **state)
{
    check(
        *state, "orders?select=id,tags(word)&order=id",
        "SELECT t0.\"id\", (SELECT coalesce(json_agg(e.*), '[]') FROM (SELECT t1.\"word\" AS \"word\" FROM \"public\".\"tags\" AS "
        "t1, \"public\".\"order_tags\" AS t2"
        " WHERE t2.\"order_id\" = t0.\"id\" AND t2.\"tag_id\" = t1.\"id\" ORDER BY t1.\"id\") AS e)::text" FROM
        " ORDER BY t0.\"id\"",
        "");
    struct fixture *f = *state;
    assert_int_equal(f->s.tables.n, 3);
}

static void inner_and_null_tests_ask_whether_there_are_rows(void **state)
{
    check(*state, "orders?select=id,customers!customer_id!inner()&customers.name=eq.x&order=id",
          "SELECT t0.\"id\"" FROM " WHERE EXISTS (SELECT FROM \"public\".\"customers\" AS t1 WHERE t0.\"customer_id\" = t1.\"id\""
          " AND t1.\"deleted_at\" IS NULL AND (t1.\"name\" = $1)) ORDER BY t0.\"id\"",
          "x");
    check(*state, "regions?select=id,customers()&or=(customers.is.null,code.eq.a)&order=id",
          "SELECT t0.\"id\" FROM \"public\".\"regions\" AS t0 WHERE ((NOT EXISTS (SELECT FROM \"public\".\"customers\" AS t1 WHERE"
          " t1.\"region_id\" = t0.\"id\" AND t1.\"deleted_at\" IS NULL)) OR (t0.\"code\" = $1)) ORDER BY t0.\"id\"",
          "a");
}

static void spread_columns_are_the_parents(void **state)
{
    check(*state, "orders?select=id,...customers!customer_id(who:name,...regions(code))&order=customers(name).desc,id",
          "SELECT t0.\"id\", (SELECT t1.\"name\" FROM \"public\".\"customers\" AS t1 WHERE t0.\"customer_id\" = t1.\"id\" AND "
          "t1.\"deleted_at\" IS NULL),"
          " (SELECT (SELECT t2.\"code\" FROM \"public\".\"regions\" AS t2 WHERE t1.\"region_id\" = t2.\"id\") FROM "
          "\"public\".\"customers\" AS t1"
          " WHERE t0.\"customer_id\" = t1.\"id\" AND t1.\"deleted_at\" IS NULL)" FROM
          " ORDER BY (SELECT t1.\"name\" FROM \"public\".\"customers\" AS t1"
          " WHERE t0.\"customer_id\" = t1.\"id\" AND t1.\"deleted_at\" IS NULL) DESC, t0.\"id\"",
          "");
    refused(*state, "regions?select=...customers(name)", 400, "PGRST119",
            "the parameter select: a row of regions has many of \"customers\", so that their columns cannot be spread");
}

static void ways_are_told_apart(void **state)
{
    struct fixture *f = *state;
    refused(f, "orders?select=customers(*)", 300, "PGRST201",
            "the parameter select: there is more than one way from orders to \"customers\"");
    assert_string_equal(
        f->err.details,
        "orders_customer: orders(customer_id) refers to customers(id); orders_payer: orders(payer_id) refers to customers(id)");
    refused(f, "orders?select=customer(*)", 400, "PGRST200", "the parameter select: no foreign key joins orders with \"customer\"");
    assert_string_equal(f->err.hint, "perhaps \"customers\" is meant");
    refused(f, "orders?select=secrets(*)", 400, "PGRST200", "the parameter select: no foreign key joins orders with \"secrets\"");
    refused(f, "orders?select=customers!nope(*)", 400, "PGRST200",
            "the parameter select: no foreign key joins orders with \"customers\" by \"nope\"");
    for (unsigned i = 0; i < 3; i++) {
        static const char *const same[] = {"orders?select=payer_id(id)", "orders?select=orders_payer(id)",
                                           "orders?select=customers!payer_id(id)"};
        assert_int_equal(make(f, same[i]), 0);
        assert_non_null(strstr(f->s.sql, "t0.\"payer_id\" = t1.\"id\""));
    }
    assert_int_equal(make(f, "people?select=boss:people!boss_id(id)"), 0);
    assert_non_null(strstr(f->s.sql, "t0.\"boss_id\" = t1.\"id\""));
    assert_int_equal(make(f, "people?select=staff:people!id(id)"), 0);
    assert_non_null(strstr(f->s.sql, "t1.\"boss_id\" = t0.\"id\""));
    refused(f, "people?select=people(id)", 300, "PGRST201",
            "the parameter select: there is more than one way from people to \"people\"");
}

static void total_is_counted_in_the_same_statement(void **state)
{
    struct fixture *f = *state;
    f->ask.count = REST_COUNT_EXACT;
    check(f, "orders?select=id&name=eq.a&limit=2",
          "SELECT c.n, p.* FROM (SELECT count(*) AS n" FROM
          " WHERE (t0.\"name\" = $1)) AS c LEFT JOIN LATERAL (SELECT true, t0.\"id\"" FROM
          " WHERE (t0.\"name\" = $1) ORDER BY t0.\"id\" LIMIT 2) AS p ON true",
          "a");
    assert_true(f->s.total && !f->s.plan_sql);
    f->ask.count = REST_COUNT_PLANNED;
    check(f, "orders?select=id&name=eq.a&limit=2", "SELECT t0.\"id\"" FROM " WHERE (t0.\"name\" = $1) ORDER BY t0.\"id\" LIMIT 2",
          "a");
    assert_string_equal(f->s.plan_sql, "EXPLAIN (FORMAT JSON) SELECT" FROM " WHERE (t0.\"name\" = $1)");
    assert_int_equal(f->s.plan_params, 1);
    f->ask.count = REST_COUNT_ESTIMATED;
    assert_int_equal(make(f, "orders?select=id"), 0);
    assert_true(f->s.total && f->s.plan_sql &&
                strstr(f->s.sql, "(SELECT count(*) AS n FROM (SELECT" FROM " LIMIT 10001) AS few) AS c"));
}

static void plan_tells_its_rows(void **state)
{
    (void)state;
    assert_int_equal(rest_plan_rows(SLICE("[{\"Plan\": {\"Node Type\": \"Seq Scan\", \"Plan Rows\": 1234, \"Plan Rows\": 5}}]")),
                     1234);
    assert_int_equal(rest_plan_rows(SLICE("[]")), -1);
    assert_int_equal(rest_plan_rows(SLICE("\"Plan Rows\":")), -1);
}

static void page_goes_on_behind_a_row(void **state)
{
    struct fixture *f = *state;
    f->ask.cursors = true;
    check(f, "orders?select=name&limit=2&after=7",
          "SELECT t0.\"name\", t0.\"id\"::text" FROM " WHERE ((t0.\"id\") > ($1)) ORDER BY t0.\"id\" LIMIT 2", "7");
    assert_int_equal(f->s.cursors, 1);
    check(f, "orders?select=name&limit=2&order=placed&name=eq.a&after=2024-01-01,7",
          "SELECT t0.\"name\", t0.\"placed\"::text, t0.\"id\"::text" FROM
          " WHERE (t0.\"name\" = $1) AND ((t0.\"placed\", t0.\"id\") > ($2, $3))"
          " ORDER BY t0.\"placed\", t0.\"id\" LIMIT 2",
          "a|2024-01-01|7");
    check(f, "orders?select=name&limit=2&order=name.desc&after=x,7",
          "SELECT t0.\"name\", t0.\"name\"::text, t0.\"id\"::text" FROM
          " WHERE ((t0.\"name\" <= $1) AND ((t0.\"name\" < $2) OR (t0.\"name\" = $3 AND"
          " ((t0.\"id\" > $4))))) ORDER BY t0.\"name\" DESC, t0.\"id\" LIMIT 2",
          "x|x|x|7");
    check(f, "orders?select=name&limit=2&order=name&after=null,7",
          "SELECT t0.\"name\", t0.\"name\"::text, t0.\"id\"::text" FROM
          " WHERE (t0.\"name\" IS NULL AND (false OR (t0.\"name\" IS NULL AND"
          " ((t0.\"id\" > $1))))) ORDER BY t0.\"name\", t0.\"id\" LIMIT 2",
          "7");
    refused(f, "orders?order=name&after=1", 400, "PGRST100", "the parameter after: 1 values, where the order has 2 columns");
    refused(f, "notes?after=1", 400, "PGRST100",
            "the parameter after: rows of notes cannot be told apart by this order: there is no primary key");
    assert_int_equal(make(f, "notes?limit=3"), 0);
    assert_int_equal(f->s.cursors, 0);
}

static void writes_select_from_what_they_return(void **state)
{
    struct fixture *f = *state;
    struct rest_builder before;
    struct buf text;
    buf_init(&text, 1000);
    rest_builder_init(&before, &f->arena, &f->err, &text);
    rest_put_text(&before, SLICE("x"), SLICE("name"));
    f->ask.with = "WITH w AS (INSERT …) ";
    f->ask.source = "w";
    f->ask.before = &before;
    check(f, "orders?select=id&id=eq.5&order=id",
          "WITH w AS (INSERT …) SELECT t0.\"id\" FROM w AS t0 WHERE (t0.\"id\" = $2) ORDER BY t0.\"id\"", "x|5");
    buf_done(&text);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(all_columns_come_in_the_order_of_the_key),
        T(requests_of_one_shape_have_one_text),
        T(a_page_has_a_constant_size_a_large_one_is_a_parameter),
        T(casts_and_paths_have_types),
        T(conditions_are_parameters),
        T(what_does_not_suit_a_column_is_refused),
        T(one_row_is_embedded_as_an_object),
        T(many_rows_are_embedded_as_an_array),
        T(rows_that_refer_are_counted),
        T(tables_between_are_gone_through),
        T(inner_and_null_tests_ask_whether_there_are_rows),
        T(spread_columns_are_the_parents),
        T(ways_are_told_apart),
        T(total_is_counted_in_the_same_statement),
        T(plan_tells_its_rows),
        T(page_goes_on_behind_a_row),
        T(writes_select_from_what_they_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
