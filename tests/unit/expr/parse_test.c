/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "dump.h"

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_MAX = 4096 };

/* The tree; of a mistake its kind, where it points and its words: "syntax 5: found …". */
static void parse(struct slice text, char ret_text[TEXT_MAX])
{
    static const char *const kinds[] = {"", "syntax", "name", "type", "server"};
    struct arena a;
    struct buf out;
    struct expr_mistake m = {0};
    struct expr_node *tree;
    arena_init(&a, 1 << 16, 1 << 26);
    buf_init(&out, TEXT_MAX);
    int r = expr_parse(text, &a, &m, &tree);
    assert_true(r >= 0);
    if (r == 0) {
        dump(tree, &out);
        snprintf(ret_text, TEXT_MAX, "%.*s", (int)out.len, out.data);
    } else {
        assert_true(m.at <= text.len);
        snprintf(ret_text, TEXT_MAX, "%s %zu: %s", kinds[r], m.at, m.why.text);
    }
    buf_done(&out);
    arena_done(&a);
}

/* From a buffer of its own size, so that a sanitizer sees what is read beyond it. */
static void expect(const char *text, const char *want)
{
    char got[TEXT_MAX];
    char *copy = strlen(text) ? malloc(strlen(text)) : NULL;
    if (copy) memcpy(copy, text, strlen(text));
    parse((struct slice){copy, strlen(text)}, got);
    free(copy);
    if (strcmp(got, want) != 0) print_message("of: %s\n", text);
    assert_string_equal(got, want);
}

static void expect_all(const char *const (*cases)[2], size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect(cases[i][0], cases[i][1]);
}

#define EXPECT_ALL(cases) expect_all(cases, sizeof(cases) / sizeof((cases)[0]))

static void operators_bind_as_in_postgresql(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a + b * c", "(+ a (* b c))"},
        {"a - b - c", "(- (- a b) c)"},
        {"2 ^ 3 ^ 2", "(^ (^ 2 3) 2)"},
        {"-2 ^ 2", "(^ -2 2)"},
        {"-a ^ 2", "(^ (- a) 2)"},
        {"- a::int", "(- (a::int4))"},
        {"a || b = c || d", "(= (|| a b) (|| c d))"},
        {"a + 1 || b", "(|| (+ a 1) b)"},
        {"a and b or c and d", "(or (and a b) (and c d))"},
        {"a and (b and c)", "(and a b c)"},
        {"a or b or c", "(or a b c)"},
        {"not a = b", "(not (= a b))"},
        {"not a and b", "(and (not a) b)"},
        {"not not a", "(not (not a))"},
        {"a = not b = c", "(= a (not (= b c)))"},
        {"a is null = b", "(= (null? a) b)"},
        {"a = b is null", "(null? (= a b))"},
        {"not a is null", "(not (null? a))"},
        {"a is null is null", "(null? (null? a))"},
        {"a < b and c <> d", "(and (< a b) (<> c d))"},
        {"a != b", "(<> a b)"},
        {"a=-1", "(= a -1)"},
        {"a*-b", "(* a (- b))"},
        {"a@-b", "(@- a b)"},
        {"@ a + b", "(@ (+ a b))"},
        {"a between 1 and 2 and b", "(and (between a 1 2) b)"},
        {"a not between 1 and 2", "(not (between a 1 2))"},
        {"a between 1 and 2 = true", "(= (between a 1 2) true)"},
        {"a between b = c and d", "(between a (= b c) d)"},
        {"a in (1, 2)", "(in a 1 2)"},
        {"a not in (1)", "(not (in a 1))"},
        {"a = b in (c)", "(= a (in b c))"},
        {"a like b || 'x'", "(~~ a (|| b 'x'))"},
        {"a not like b escape '!'", "(!~~ a (like_escape b '!'))"},
        {"a ilike b and a not ilike c", "(and (~~* a b) (!~~* a c))"},
        {"a is not distinct from b + 1", "(not (distinct a (+ b 1)))"},
        {"a is not true", "(not (true? a))"},
        {"a is unknown", "(unknown? a)"},
        {"a isnull or b notnull", "(or (null? a) (not (null? b)))"},
        {"a at time zone 'UTC' + 1", "(+ (timezone 'UTC' a) 1)"},
        {"a % b / c", "(/ (% a b) c)"},
        {"a ~ 'x' and b", "(and (~ a 'x') b)"},
    };
    EXPECT_ALL(cases);
}

static void literals_are_what_they_mean(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"1", "1"},
        {"-2147483648", "-2147483648"},
        {"2147483648", "2147483648:int8"},
        {"-(-5)", "5"},
        {"+5", "5"},
        {"9223372036854775807", "9223372036854775807:int8"},
        {"-9223372036854775808", "-9223372036854775808:int8"},
        {"9223372036854775808", "9223372036854775808n"},
        {"1.50", "1.50n"},
        {".5", "0.5n"},
        {"1.", "1n"},
        {"1e3", "1000n"},
        {"1.5e-2", "0.015n"},
        {"-0.0", "0.0n"},
        {"'it''s'", "'it's'"},
        {"'a\\n'", "'a\\n'"},
        {"E'a\\tb\\x41\\101\\u00e9\\'x'''", "'a\tbAAé'x''"},
        {"E'\\ud83d\\ude00'", "'😀'"},
        {"$$it's$$", "'it's'"},
        {"$x$a$$b$x$", "'a$$b'"},
        {"'a'\n  'b'", "'ab'"},
        {"true and false", "(and true false)"},
        {"NULL", "NULL"},
        {"date '2024-01-31'", "('2024-01-31'::date)"},
        {"timestamp with time zone '2024-01-31'", "('2024-01-31'::timestamptz)"},
        {"numeric(5, 2) '1.5'", "('1.5'::numeric(5,2))"},
        {"double precision '1.5'", "('1.5'::float8)"},
        {"interval '1' day", "('1'::?interval)"},
        {"pg_catalog.date '2024-01-31'", "('2024-01-31'::date)"},
    };
    EXPECT_ALL(cases);
}

static void names_fold_unless_quoted(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"Amount", "amount"},
        {"\"Order ID\"", "Order ID"},
        {"\"a\"\"b\"", "a\"b"},
        {"orders.Amount", "orders.amount"},
        {"größe", "größe"},
        {"time", "time"},
        {"date + 1", "(+ date 1)"},
        {"position > 3", "(> position 3)"},
        {"values + 1", "(+ values 1)"},
        {"double", "double"},
        {"timestamp", "timestamp"},
        {"a$1", "a$1"},
    };
    EXPECT_ALL(cases);
}

static void casts_name_types(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a::int::text", "((a::int4)::text)"},
        {"cast(a as numeric(12,2))", "(a::numeric(12,2))"},
        {"a::varchar(3)", "(a::character varying(3))"},
        {"a::character varying", "(a::varchar)"},
        {"a::timestamp without time zone", "(a::timestamp)"},
        {"a::timestamp(3) at time zone 'x'", "(timezone 'x' (a::timestamp(3) without time zone))"},
        {"a::pg_catalog.int4", "(a::int4)"},
        {"a::text[]", "(a::?text[])"},
        {"a::mood", "(a::?mood)"},
        {"a::serial", "(a::?serial)"},
        {"a::numeric(2000)", "syntax 3: there can be no type numeric(2000): what is in its parentheses"},
    };
    EXPECT_ALL(cases);
}

static void calls_have_their_own_syntax(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"lower(a)", "(lower a)"},
        {"pg_catalog.lower(a)", "(lower a)"},
        {"now()", "(now)"},
        {"current_date", "(current_date)"},
        {"left(a, 2)", "(left a 2)"},
        {"case when a then b else c end", "(case a b c)"},
        {"case a when 1 then 'x' when 2 then 'y' end", "(case-of a 1 'x' 2 'y')"},
        {"coalesce(a, b, 1)", "(coalesce a b 1)"},
        {"nullif(a, '')", "(nullif a '')"},
        {"greatest(a, b) - least(a, b)", "(- (greatest a b) (least a b))"},
        {"extract(year from a)", "(extract 'year' a)"},
        {"extract('Month' from a)", "(extract 'Month' a)"},
        {"trim(a)", "(btrim a)"},
        {"trim(both from a)", "(btrim a)"},
        {"trim(leading 'x' from a)", "(ltrim a 'x')"},
        {"trim(trailing from a)", "(rtrim a)"},
        {"trim('x' from a)", "(btrim a 'x')"},
        {"trim(a, 'x')", "(btrim a 'x')"},
        {"substring(a from 2 for 3)", "(substring a 2 3)"},
        {"substring(a for 3)", "(substring a 1 (3::int4))"},
        {"substring(a, 2)", "(substring a 2)"},
        {"position('x' in a)", "(position a 'x')"},
        {"overlay(a placing 'x' from 2 for 1)", "(overlay a 'x' 2 1)"},
    };
    EXPECT_ALL(cases);
}

static void what_is_the_servers_is_named(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a = (select max(b) from c)", "server 4: only the server can evaluate a subquery"},
        {"a in (select b from c)", "server 6: only the server can evaluate a subquery"},
        {"exists (select 1)", "server 0: only the server can evaluate exists (…)"},
        {"a = any (b)", "server 4: only the server can evaluate 'any (…)'"},
        {"array[1, 2]", "server 0: only the server can evaluate array[…]"},
        {"a[1]", "server 1: only the server can evaluate an element of an array"},
        {"(a).b", "server 3: only the server can evaluate a field of a composite value"},
        {"(a, b) = (c, d)", "server 0: only the server can evaluate a row of several values"},
        {"count(*)", "server 0: only the server can evaluate count(*…)"},
        {"count(distinct a)", "server 0: only the server can evaluate count(distinct…)"},
        {"sum(a) over (partition by b)", "server 7: only the server can evaluate what has a window (OVER)"},
        {"a collate \"C\" < b", "server 2: only the server can evaluate COLLATE"},
        {"a similar to 'x'", "server 2: only the server can evaluate SIMILAR TO"},
        {"a between symmetric 1 and 2", "server 10: only the server can evaluate BETWEEN SYMMETRIC"},
        {"f(x => 1)", "server 2: only the server can evaluate arguments by name"},
        {"f(x := 1)", "server 2: only the server can evaluate arguments by name"},
        {"my.f(1)", "server 3: only the server can evaluate a function with its schema"},
        {"a operator(pg_catalog.+) b", "server 2: only the server can evaluate OPERATOR(…)"},
        {"x'1f'", "server 0: the string x'…' is the server's"},
        {"0x1f + 1", "server 0: the number 0x1f is for the server to read"},
        /* a mistake behind it is told before */
        {"a collate \"C\" <", "syntax 15: the expression ends where an operand was expected"},
        {"a = (select 1", "syntax 4: the '(' is not closed that is opened here"},
    };
    EXPECT_ALL(cases);
}

static void mistakes_say_what_to_write(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "syntax 0: the expression ends where an operand was expected"},
        {"  -- nothing", "syntax 12: the expression ends where an operand was expected"},
        {"a b", "syntax 2: found 'b' where an operator or the end was expected"},
        {"a 'x'", "syntax 2: found 'x' where an operator or the end was expected"},
        {"a == 1", "syntax 2: there is no operator ==; write ="},
        {"a = = 1", "syntax 4: found '=' where an operand was expected; equal is =, not equal is <>"},
        {"a > 1 && b > 2", "syntax 11: found '>' where an AND, an OR or the end was expected; for && write AND"},
        {"a > 1 || b > 2", "syntax 11: found '>' where an AND, an OR or the end was expected; || joins texts: where one of two "
                           "conditions is meant write OR"},
        {"a < b < c",
         "syntax 6: found '<' where an AND, an OR or the end (comparisons do not chain: a < b AND b < c) was expected"},
        {"!a", "syntax 0: there is no operator ! before an operand; write NOT"},
        {"if(a, b, c)", "syntax 0: there is no if(); write CASE WHEN condition THEN value ELSE other END"},
        {"a > 1 ? 2 : 3",
         "syntax 10: found ':' where an operator or the end was expected; for a ? b : c write CASE WHEN a THEN b ELSE c END"},
        {"f(a,)", "syntax 4: found ')' where an operand was expected"},
        {"(a", "syntax 0: the '(' is not closed that is opened here"},
        {"a)", "syntax 1: found ')', which closes nothing"},
        {"(a]", "syntax 2: found ']', which closes nothing"},
        {"'a", "syntax 0: the quote is not closed that is opened here; one inside a string is written twice: 'it''s'"},
        {"\"a", "syntax 0: the quote is not closed that is opened here"},
        {"a /* b", "syntax 2: a comment is not closed"},
        {"a; drop table b", "syntax 1: a ';' does not belong in an expression"},
        {"a > 1,5", "syntax 5: found ',' where an operator or the end was expected; a number has a point before its decimals: 1.5"},
        {"where a > 1", "syntax 0: found 'where' where an operand was expected; write the condition alone"},
        {"case when a then b", "syntax 18: the expression ends where the END of CASE was expected"},
        {"nullif(a)", "syntax 0: NULLIF takes two arguments, here are 1"},
        {"123abc", "syntax 0: '123abc' is no number and no name; write a name that begins with a digit in double quotes"},
        {"\"\"", "syntax 0: the name in double quotes is empty; an empty text is ''"},
        {"a in ()", "syntax 6: found ')' where an operand was expected"},
        {"varchar(a)", "syntax 0: 'varchar' is a type, no function; write CAST(value AS varchar)"},
        {"E'\\x00'", "syntax 0: the string is no text: an escape or a byte of it is no character of UTF-8"},
        {"a and", "syntax 5: the expression ends where an operand was expected"},
        {"* 5", "syntax 0: found '*' where an operand was expected"},
        {"$1", "syntax 0: found '$' where an operand was expected; there are no parameters: write the value itself"},
        {"a > :x", "syntax 4: found ':' where an operand was expected; there are no parameters: write the value itself"},
        {"select a", "syntax 0: found 'select' where an operand was expected; write the value alone: the columns' names are known"},
        {"a not null", "syntax 2: found 'not' where an operator or the end was expected; write IS NOT NULL"},
        {"a => 1", "syntax 2: found '=>' where an operator or the end was expected; greater or equal is >="},
        {"a like %x%", "syntax 7: found '%' where an operand was expected; a pattern stands in single quotes: '%x%'"},
        {"[a] > 1", "syntax 0: found '[' where an operand was expected; names stand in double quotes"},
        {"a is 5", "syntax 5: found '5' where NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM behind IS was expected"},
    };
    EXPECT_ALL(cases);
}

static void repeat(char *text, const char *piece, size_t times)
{
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * strlen(piece), piece, strlen(piece));
    text[times * strlen(piece)] = '\0';
}

static void hostile_depth_is_refused_not_followed(void **state)
{
    (void)state;
    static const char *const pieces[] = {"(",          "-",     "not ",        "case when ", "a+", "1=(",    "f(",
                                         "a between ", "'x'||", "coalesce(a,", "a::text||",  "~",  "a in (", "a is distinct from "};
    enum { TIMES = 20000 };
    char *text = malloc(20 * TIMES + 1);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char got[TEXT_MAX];
        repeat(text, pieces[i], TIMES);
        parse((struct slice){text, strlen(text)}, got);
        assert_true(strncmp(got, "server", 6) == 0 || strncmp(got, "syntax", 6) == 0);
    }
    memset(text, '(', TIMES);
    text[TIMES] = '1';
    memset(text + TIMES + 1, ')', TIMES);
    char got[TEXT_MAX];
    parse((struct slice){text, 2 * TIMES + 1}, got);
    assert_string_equal(got, "server 400: only the server can evaluate an expression of more than 100 levels");
    free(text);
}

static void long_chains_are_flat(void **state)
{
    (void)state;
    char text[8 * 500 + 10], got[TEXT_MAX];
    repeat(text, "a and ", 500);
    strcat(text, "b");
    parse(slice_of(text), got);
    assert_string_equal(got + strlen(got) - 3, " b)");
    assert_memory_equal(got, "(and a a a ", 11);
}

static void each_cut_of_a_text_is_a_tree_or_a_mistake(void **state)
{
    (void)state;
    static const char text[] =
        "case when a::numeric(5,2) between -1.5e3 and 2 then E'\\u00e9' || $t$x$t$ when \"B c\" not in (1, 'x') "
        "then substring(a from 2 for 3) else trim(both 'x' from d) end is not distinct from date '2024-01-01' /* c */ -- d";
    for (size_t i = 0; i < sizeof text; i++) {
        char got[TEXT_MAX], *copy = malloc(i + 1);
        assert_non_null(copy);
        char *exact = realloc(copy, i ? i : 1);
        assert_non_null(exact);
        memcpy(exact, text, i);
        parse((struct slice){exact, i}, got);
        free(exact);
    }
}

static int count_name(void *ctx, const struct expr_node *name)
{
    struct buf *out = ctx;
    buf_printf(out, SLICE_FMT " ", SLICE_ARG(name->name));
    return 0;
}

static void names_are_told_in_order(void **state)
{
    (void)state;
    struct arena a;
    struct buf out;
    struct expr_mistake m;
    struct expr_node *tree;
    arena_init(&a, 1 << 14, 1 << 20);
    buf_init(&out, 1000);
    assert_int_equal(expr_parse(SLICE("b + lower(a) between c and case when d then b end"), &a, &m, &tree), 0);
    assert_int_equal(expr_each_name(tree, count_name, &out), 0);
    assert_true(slice_equal((struct slice){out.data, out.len}, SLICE("b a c d b ")));
    buf_done(&out);
    arena_done(&a);
}

static void places_count_characters(void **state)
{
    (void)state;
    unsigned line, column;
    struct slice text = SLICE("é = 1\n and ü = x");
    expr_place(text, text.len - 1, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 10);
    expr_place(text, 0, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_bind_as_in_postgresql),
        cmocka_unit_test(literals_are_what_they_mean),
        cmocka_unit_test(names_fold_unless_quoted),
        cmocka_unit_test(casts_name_types),
        cmocka_unit_test(calls_have_their_own_syntax),
        cmocka_unit_test(what_is_the_servers_is_named),
        cmocka_unit_test(mistakes_say_what_to_write),
        cmocka_unit_test(hostile_depth_is_refused_not_followed),
        cmocka_unit_test(long_chains_are_flat),
        cmocka_unit_test(each_cut_of_a_text_is_a_tree_or_a_mistake),
        cmocka_unit_test(names_are_told_in_order),
        cmocka_unit_test(places_count_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
