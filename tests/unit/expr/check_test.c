/* SPDX-License-Identifier: MIT */
/* Names, overloads, casts, common types, folding; tests/differential/test_expr_check.py compares more of it with PostgreSQL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "dump.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_MAX = 4096, NUMERIC_92 = ((9 << 16) | 2) + 4 };

static const struct expr_name names[] = {
    {"flag", {TYPE_BOOL, -1}, true, false},
    {"small", {TYPE_INT2, -1}, true, false},
    {"qty", {TYPE_INT4, -1}, true, false},
    {"id", {TYPE_INT8, -1}, true, false},
    {"amount", {TYPE_NUMERIC, NUMERIC_92}, true, false},
    {"ratio", {TYPE_FLOAT8, -1}, true, false},
    {"day", {TYPE_DATE, -1}, true, false},
    {"at", {TYPE_TIMESTAMP, -1}, true, false},
    {"name", {TYPE_TEXT, -1}, true, false},
    {"code", {TYPE_VARCHAR, 5 + 4}, true, false},
    {"place", {TYPE_TEXT, -1}, false, false},
    {"own", {TYPE_TEXT, -1}, true, true},
    {"tags", {TYPE_OTHER, -1}, false, false},
    {"j", {TYPE_JSON, -1}, true, false},
    {"Order ID", {TYPE_INT4, -1}, true, false},
};

static const struct expr_scope plain = {
    .name = names, .names = sizeof names / sizeof names[0], .table = "orders", .ctype_known = true};

/* The tree and its type; of a mistake its kind, its place and its words. */
static void check(const struct expr_scope *scope, const struct expr_want *want, const char *text, char ret_text[TEXT_MAX])
{
    static const char *const kinds[] = {"", "syntax", "name", "type", "server"};
    struct arena a;
    struct buf out;
    struct expr_mistake m = {0};
    struct expr_node *tree;
    const struct expr *e;
    arena_init(&a, 1 << 16, 1 << 26);
    buf_init(&out, TEXT_MAX);
    int r = expr_parse(slice_of(text), &a, &m, &tree);
    if (r == 0) r = expr_check(tree, scope, want, &a, &m, &e);
    assert_true(r >= 0);
    if (r == 0) {
        char type[64];
        dump(expr_root(e), &out);
        snprintf(ret_text, TEXT_MAX, "%s %.*s", expr_type(e).typmod < 0 ? dump_type(expr_type(e).id) : type_sql(expr_type(e), type),
                 (int)out.len, out.data);
    } else {
        assert_true(m.at <= strlen(text));
        snprintf(ret_text, TEXT_MAX, "%s %zu: %s", kinds[r], m.at, m.why.text);
    }
    buf_done(&out);
    arena_done(&a);
}

static void expect_in(const struct expr_scope *scope, const struct expr_want *want, const char *text, const char *expected)
{
    char got[TEXT_MAX];
    check(scope, want, text, got);
    if (strcmp(got, expected) != 0) print_message("of: %s\n", text);
    assert_string_equal(got, expected);
}

static void expect(const char *text, const char *expected)
{
    expect_in(&plain, &(struct expr_want){.any = true}, text, expected);
}

static void expect_all(const char *const (*cases)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(cases[i][0], cases[i][1]);
}

#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void operands_find_their_overload(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"qty + 1", "int4 (+[int4,int4] qty 1)"},
        {"id + qty", "int8 (+[int8,int4] id qty)"},
        {"amount * qty", "numeric (*[numeric,numeric] amount (qty::numeric))"},
        {"amount * ratio", "float8 (*[float8,float8] (amount::float8) ratio)"},
        {"amount * 1.2", "numeric (*[numeric,numeric] amount 1.2n)"},
        {"qty = '5'", "bool (=[int4,int4] qty 5)"},
        {"day = '2024-01-31'", "bool (=[date,date] day 8796:date)"},
        {"code = 'x'", "bool (=[text,text] (code:text) 'x')"},
        {"round(qty)", "float8 (round[float8] (qty::float8))"},
        {"round(amount, 1)", "numeric (round[numeric,int4] amount 1)"},
        {"name || qty", "text (||[text,text] name (qty::text))"},
        {"name || flag", "text (||[text,text] name (flag::text))"},
        {"orders.qty + \"Order ID\"", "int4 (+[int4,int4] orders.qty Order ID)"},
        {"+qty", "int4 qty"},
        {"int8(qty)", "int8 (qty:int8)"},
        {"date('2024-01-31')", "date 8796:date"},
    };
    EXPECT_ALL(cases);
}

static void sugar_is_written_out(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"id between 1 and 2", "bool (and (>=[int8,int4] id 1) (<=[int8,int4] id 2))"},
        {"name in ('a', 'b')", "bool (or (=[text,text] name 'a') (=[text,text] name 'b'))"},
        {"name in ('a')", "bool (=[text,text] name 'a')"},
        {"case name when 'a' then 1 end", "int4 (case (=[text,text] name 'a') 1 NULL)"},
        {"amount in (1, qty)", "bool (or (=[numeric,numeric] amount 1n) (=[numeric,numeric] amount (qty::numeric)))"},
        {"name is distinct from null", "bool (not (null? name))"},
        {"nullif(name, '')", "text (nullif[text,text] name '')"},
        {"flag is unknown", "bool (null? flag)"},
    };
    EXPECT_ALL(cases);
}

static void branches_have_one_type(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"case when flag then qty else 1.5 end", "numeric (case flag (qty::numeric) 1.5n)"},
        {"case when flag then qty end", "int4 (case flag qty NULL)"},
        {"coalesce(name, 'x')", "text (coalesce name 'x')"},
        {"coalesce(amount, amount)", "numeric(9,2) (coalesce amount amount)"},
        {"coalesce(amount, 0)", "numeric (coalesce amount 0n)"},
        {"greatest(qty, id)", "int8 (greatest[int8,int8] (qty:int8) id)"},
        {"case when flag then name else qty end",
         "type 0: CASE types integer and text cannot be matched; cast one of them, as in x::integer"},
        {"greatest(j, j)", "type 0: could not identify a comparison function for type json"},
    };
    EXPECT_ALL(cases);
}

static void constants_are_computed_once(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"1 + 2 * 3", "int4 7"},
        {"qty + (1 + 1)", "int4 (+[int4,int4] qty 2)"},
        {"1 / 0", "int4 (/[int4,int4] 1 0)"},
        {"flag and true", "bool flag"},
        {"flag and false", "bool false"},
        {"flag or 1 = 1", "bool true"},
        {"qty + null", "int4 NULL"},
        {"case when false then 1 / 0 else qty end", "int4 qty"},
        {"case when 1 = 1 then qty else id end", "int8 (qty:int8)"},
        {"coalesce(null, qty, 1, id)", "int8 (coalesce (qty:int8) 1:int8)"},
        {"coalesce(null, null)", "text NULL"},
        {"nullif(null, qty)", "int4 NULL"},
        {"substr(name, nullif(null::int, 1 / qty))", "text NULL"},
        {"nullif(qty, null)", "int4 qty"},
        {"'5'::int", "int4 5"},
        {"numeric(5,2) '1.555'", "numeric(5,2) 1.56n"},
        {"gen_random_uuid()", "uuid (gen_random_uuid)"},
        {"line() + 1", "int8 (+[int8,int4] (line) 1)"},
        {"upper('x')", "text (upper[text] 'x')"},
        {"length(repeat('x', 2000000))", "int4 (length[text] (repeat[text,int4] 'x' 2000000))"},
    };
    EXPECT_ALL(cases);
}

static void mistakes_say_what_to_write(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"amonut > 1", "name 0: there is no column 'amonut' (did you mean 'amount'?)"},
        {"name = \"Rome\"", "name 7: there is no column 'Rome' (did you mean 'name'?); a text stands in single quotes: 'Rome'"},
        {"people.qty", "name 0: there is no table 'people' here; write qty alone"},
        {"name * 1.2", "type 5: operator does not exist: text * numeric; write name::numeric * 1.2"},
        {"name = 5", "type 5: operator does not exist: text = integer; write name::integer = 5, or name = '5'"},
        {"'a' + name", "type 4: operator does not exist: unknown + text; texts are joined by ||"},
        {"flag || flag", "type 5: operator does not exist: boolean || boolean; || joins texts: of conditions write OR"},
        {"flag && flag", "type 5: operator does not exist: boolean && boolean; for && write AND"},
        {"length(qty)", "type 0: function length(integer) does not exist; there is length(text), length(character)"},
        {"'1' + '2'", "type 4: operator is not unique: unknown + unknown; give a literal its type, as in integer '1'"},
        {"qty = 'x'", "type 6: 'x' is not a whole number; expected a whole number such as 12"},
        {"filename like 'a'", "name 0: there is no column 'filename'; write filename()"},
        {"day = 2020", "type 4: operator does not exist: date = integer; a part of it is a number: extract(year from day)"},
        {"flag = qty", "type 5: operator does not exist: boolean = integer; cast one of them, as in qty::boolean"},
        {"flag + flag", "type 5: operator does not exist: boolean + boolean"},
        {"not qty", "type 4: argument of NOT must be type boolean, not type integer; write a condition such as qty <> 0"},
        {"flag and name", "type 9: argument of AND must be type boolean, not type text; write a condition such as name::boolean"},
        {"day::int", "type 3: cannot cast type date to integer"},
        {"nullif(name, 1)", "type 0: operator does not exist: text = integer; write name::integer = 1, or name = '1'"},
    };
    EXPECT_ALL(cases);
}

/* Names that mean nothing in one of the scopes are "" there. */
static void a_name_without_letters_is_no_guess(void **state)
{
    (void)state;
    static const struct expr_name hidden[] = {{"", {TYPE_INT4, -1}, true, false}};
    expect_in(&(struct expr_scope){.name = hidden, .names = 1}, &(struct expr_want){.any = true}, "x",
              "name 0: there is no column 'x'");
}

/* Only where they win over PostgreSQL's; its own of the same types come first. */
static void what_the_database_has_of_its_own_is_the_servers(void **state)
{
    (void)state;
    struct expr_scope own = plain;
    own.own_calls = "*\ttext,int4\nround\tint4\n+\tint4,int4\nupper\ttext\n%\ttext,text\n\n-\nabs\tnosuch";
    static const struct expr_want any = {.any = true};
    expect_in(&own, &any, "name * qty", "server 5: only the server can evaluate the operator * of text, integer");
    expect_in(&own, &any, "round(qty)", "server 0: only the server can evaluate the function round(integer)");
    expect_in(&own, &any, "name % 'x'", "server 5: only the server can evaluate the operator % of text, unknown");
    expect_in(&own, &any, "qty + qty", "int4 (+[int4,int4] qty qty)");
    expect_in(&own, &any, "qty % 2", "int4 (%[int4,int4] qty 2)");
    expect_in(&own, &any, "upper(name)", "text (upper[text] name)");
    expect_in(&own, &any, "abs(qty)", "int4 (abs[int4] qty)");
}

static void what_is_the_servers_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"tags = 'x'", "server 0: only the server knows the type of column 'tags'"},
        {"my_function(qty)", "server 0: only the server can evaluate the function my_function(integer)"},
        {"nvl(qty, 1)", "server 0: only the server can know a function nvl(); PostgreSQL's own is coalesce()"},
        {"name ~ 'x'", "server 5: only the server can evaluate the operator ~ of text, unknown"},
        {"at + interval '1 day'", "server 5: only the server knows the type interval"},
        {"day = 'yesterday'", "server 6: only the server can say whether 'yesterday' is a date"},
        {"now() > at", "server 0: only the server can evaluate the function now()"},
        {"qty ~ 1 + amonut", "name 10: there is no column 'amonut' (did you mean 'amount'?)"},
    };
    EXPECT_ALL(cases);
}

static void texts_compare_bytewise_or_in_the_server(void **state)
{
    (void)state;
    const struct expr_want want = {.any = true};
    expect("name < 'x'", "bool (<[text,text] name 'x')");
    expect("name = place", "bool (=[text,text] name place)");
    expect("place < 'x'", "server 6: only the server can evaluate '<' of texts that are not COLLATE \"C\"");
    expect("name < place || name", "server 5: only the server can evaluate '<' of texts that are not COLLATE \"C\"");
    expect("qty::text < 'x'", "server 10: only the server can evaluate '<' of texts that are not COLLATE \"C\"");
    expect("length(place) < 5", "bool (<[int4,int4] (length[text] place) 5)");
    expect("greatest(place, name)", "server 0: only the server can evaluate '>' of texts that are not COLLATE \"C\"");
    expect("lower(place)", "text (lower[text] place)");
    expect("lower(own)", "server 0: only the server can evaluate 'lower' by the text's collation");
    struct expr_scope c = plain;
    c.bytewise = true;
    c.ctype_known = false;
    expect_in(&c, &want, "qty::text < 'x'", "bool (<[text,text] (qty::text) 'x')");
    expect_in(&c, &want, "lower(name)", "server 0: only the server can evaluate 'lower' by the text's collation");
}

static void conditions_are_boolean(void **state)
{
    (void)state;
    const struct expr_want want = {.condition = true};
    expect_in(&plain, &want, "qty > 1", "bool (>[int4,int4] qty 1)");
    expect_in(&plain, &want, "'true'", "bool true");
    expect_in(&plain, &want, "qty",
              "type 0: the condition must be type boolean, not type integer; write a condition such as qty <> 0");
    expect_in(&plain, &want, "qty + 1",
              "type 4: the condition must be type boolean, not type integer; write a condition such as (qty + 1) <> 0");
}

static void values_are_assigned_as_by_insert(void **state)
{
    (void)state;
    static const struct {
        struct type to;
        const char *text, *want;
    } cases[] = {
        {{TYPE_INT4, -1}, "amount", "int4 (amount::int4)"},
        {{TYPE_INT4, -1}, "'5'", "int4 5"},
        {{TYPE_INT4, -1}, "name", "type 0: the column is of type integer but the expression is of type text; write name::integer"},
        {{TYPE_INT4, -1},
         "name || 'x'",
         "type 5: the column is of type integer but the expression is of type text; write (name || 'x')::integer"},
        {{TYPE_INT4, -1}, "day", "type 0: the column is of type integer but the expression is of type date"},
        {{TYPE_INT8, -1}, "qty", "int8 (qty:int8)"},
        {{TYPE_TEXT, -1}, "qty", "text (qty::text)"},
        {{TYPE_VARCHAR, 3 + 4}, "qty", "character varying(3) (((qty::text):varchar)::character varying(3))"},
        {{TYPE_VARCHAR, 5 + 4}, "code", "character varying(5) code"},
        {{TYPE_NUMERIC, NUMERIC_92}, "amount", "numeric(9,2) amount"},
        {{TYPE_NUMERIC, NUMERIC_92}, "1.005", "numeric(9,2) 1.01n"},
        {{TYPE_OTHER, -1}, "name", "server 0: only the server knows the type of its column"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_in(&plain, &(struct expr_want){.type = cases[i].to}, cases[i].text, cases[i].want);
}

static void what_it_uses_is_told(void **state)
{
    (void)state;
    struct arena a;
    struct expr_mistake m;
    struct expr_node *tree;
    const struct expr *e;
    arena_init(&a, 1 << 16, 1 << 20);
    assert_int_equal(expr_parse(SLICE("qty between 1 and id"), &a, &m, &tree), 0);
    assert_int_equal(expr_check(tree, &plain, &(struct expr_want){.condition = true}, &a, &m, &e), 0);
    for (size_t i = 0; i < plain.names + 1; i++)
        assert_int_equal(expr_uses(e, i), i == 2 || i == 3);
    arena_done(&a);
}

/* Each level has its left side twice: written out it would have 2^60 parts. */
static void written_out_sugar_is_bounded(void **state)
{
    (void)state;
    char text[4096] = "flag", got[TEXT_MAX];
    for (int i = 0; i < 60; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s", text);
        snprintf(text, sizeof text, "(%.3900s between false and true)", inner);
    }
    check(&plain, &(struct expr_want){.condition = true}, text, got);
    assert_non_null(strstr(got, "only the server can evaluate an expression of more than 10000 parts"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operands_find_their_overload),
        cmocka_unit_test(sugar_is_written_out),
        cmocka_unit_test(branches_have_one_type),
        cmocka_unit_test(constants_are_computed_once),
        cmocka_unit_test(mistakes_say_what_to_write),
        cmocka_unit_test(a_name_without_letters_is_no_guess),
        cmocka_unit_test(what_is_the_servers_is_named),
        cmocka_unit_test(what_the_database_has_of_its_own_is_the_servers),
        cmocka_unit_test(texts_compare_bytewise_or_in_the_server),
        cmocka_unit_test(conditions_are_boolean),
        cmocka_unit_test(values_are_assigned_as_by_insert),
        cmocka_unit_test(what_it_uses_is_told),
        cmocka_unit_test(written_out_sugar_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
