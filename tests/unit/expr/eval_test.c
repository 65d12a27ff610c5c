/* SPDX-License-Identifier: MIT */
/* The evaluator by hand-made trees: what is evaluated at which rows, and what NULLs and faults become. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
#include "expr/fn_text.h"
/* clang-format on */

/*
 * A table of three int4 columns. A result is shown as its values of all rows with blanks between them; N is NULL, ! a fault, t and
 * f are booleans.
 */
enum { ROWS = 6, COLUMNS = 3, N = INT32_MIN };

struct fixture {
    struct arena arena;
    struct batch_column column[COLUMNS];
    const struct expr_fault *fault[ROWS];
    struct expr_run run;
    char got[256];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    if (!f) return -1;
    static const int64_t table[COLUMNS][ROWS] = {{0, 1, 2, N, 1, 0}, {0, 0, 1, 1, N, N}, {10, 20, 30, 40, 50, N}};
    arena_init(&f->arena, 1 << 16, 1 << 24);
    for (size_t c = 0; c < COLUMNS; c++) {
        f->column[c] = (struct batch_column){
            {TYPE_INT4, -1}, arena_array(&f->arena, ROWS, sizeof(union value)), arena_array(&f->arena, ROWS, sizeof(bool))};
        for (size_t r = 0; r < ROWS; r++) {
            f->column[c].value[r].i = table[c][r];
            f->column[c].null[r] = table[c][r] == N;
        }
    }
    f->run = (struct expr_run){.column = f->column, .rows = ROWS, .arena = &f->arena, .fault = f->fault};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

static struct expr_node *node(struct fixture *f, enum expr_kind kind, enum type_id type, size_t args, struct expr_node *const *arg)
{
    struct expr_node *n = calls_node(&f->arena, kind, type, args);
    for (size_t i = 0; i < args; i++)
        n->arg[i] = arg[i];
    return n;
}
#define NODE(kind, type, ...)                                                                                                      \
    node(f, kind, type, sizeof((struct expr_node *[]){__VA_ARGS__}) / sizeof(struct expr_node *),                                  \
         (struct expr_node *[]){__VA_ARGS__})

static struct expr_node *column(struct fixture *f, size_t index)
{
    struct expr_node *n = calls_node(&f->arena, EXPR_COLUMN, TYPE_INT4, 0);
    n->column = index;
    return n;
}
#define A column(f, 0)
#define B column(f, 1)
#define C column(f, 2)

static struct expr_node *number(struct fixture *f, int64_t v)
{
    struct expr_node *n = calls_node(&f->arena, EXPR_CONSTANT, TYPE_INT4, 0);
    n->value.i = v;
    n->null = v == N;
    return n;
}

static struct expr_node *with(struct expr_node *n, const char *function, struct expr_node *a, struct expr_node *b)
{
    n->function = calls_find(function, (struct expr_node *[]){a, b}, 2);
    return n;
}

static struct expr_node *operation(struct fixture *f, struct expr_node *a, const char *name, struct expr_node *b)
{
    struct expr_node *n = with(NODE(EXPR_CALL, TYPE_INT4, a, b), name, a, b);
    n->type.id = (enum type_id)n->function->result;
    return n;
}
#define OP(a, name, b) operation(f, a, name, b)
/* 1 / a > 0 and the like: a fault where a is 0 */
#define RISKY(a) OP(OP(number(f, 1), "/", a), ">", number(f, 0))

static const char *evaluate(struct fixture *f, const struct expr_node *n, const uint32_t *row, size_t rows)
{
    const struct batch_column *c = NULL;
    memset(f->fault, 0, sizeof(f->fault));
    f->run.faults = 0;
    f->got[0] = '\0';
    assert_int_equal(expr_eval_node(n, &f->run, &(struct expr_rows){row, rows}, &c), 0);
    assert_int_equal(c->type.id, n->type.id);
    size_t len = 0, faults = 0;
    for (size_t i = 0; i < rows; i++) {
        char value[CALLS_TEXT] = "!";
        faults += f->fault[row[i]] != NULL;
        if (!f->fault[row[i]]) calls_show(c, row[i], value);
        bool word = value[0] == 't' || value[0] == 'f' || value[0] == 'N';
        len += (size_t)snprintf(f->got + len, sizeof(f->got) - len, "%s%.*s", i ? " " : "", word ? 1 : 20, value);
    }
    assert_int_equal(faults, f->run.faults);
    return f->got;
}

static const char *all(struct fixture *f, const struct expr_node *n)
{
    static const uint32_t row[ROWS] = {0, 1, 2, 3, 4, 5};
    return evaluate(f, n, row, ROWS);
}

static void strict_functions_of_null_are_null(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(all(f, OP(A, "+", B)), "0 1 3 N N N");
    assert_string_equal(all(f, OP(number(f, 1), "/", B)), "! ! 1 1 N N");
    assert_string_equal(all(f, OP(B, "/", number(f, N))), "N N N N N N");
    assert_string_equal(f->fault[0] ? f->fault[0]->message : "", "");
}

static void a_column_and_a_constant_are_expressions(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(all(f, A), "0 1 2 N 1 0");
    assert_string_equal(all(f, number(f, 7)), "7 7 7 7 7 7");
    assert_string_equal(all(f, number(f, N)), "N N N N N N");
}

static void other_rows_are_not_touched(void **state)
{
    struct fixture *f = *state;
    const uint32_t row[] = {2, 3};
    assert_string_equal(evaluate(f, OP(C, "/", B), row, 2), "30 40");
    assert_int_equal(f->run.faults, 0);
    assert_string_equal(evaluate(f, OP(C, "/", B), row, 0), "");
}

static void an_argument_is_evaluated_beside_a_null(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(all(f, OP(number(f, N), "+", OP(number(f, 1), "/", A))), "! N N N N !");
}

static void the_first_fault_of_a_row_stays(void **state)
{
    struct fixture *f = *state;
    struct expr_node *large = OP(OP(number(f, INT32_MAX), "+", A), "+", OP(number(f, 1), "/", B));
    assert_string_equal(all(f, large), "! ! ! N ! N");
    assert_string_equal(f->fault[0]->message, "division by zero");
    assert_string_equal(f->fault[1]->message, "integer out of range");
    assert_string_equal(f->fault[1]->code, "22003");
    assert_string_equal(f->fault[4]->message, "integer out of range");
}

static void and_stops_at_the_first_false(void **state)
{
    struct fixture *f = *state;
    struct expr_node *positive = OP(A, ">", number(f, 0));
    assert_string_equal(all(f, NODE(EXPR_AND, TYPE_BOOL, positive, RISKY(A))), "f t f N t f");
    assert_string_equal(all(f, NODE(EXPR_AND, TYPE_BOOL, RISKY(A), positive)), "! t f N t !");
    /* NULL does not stop it */
    assert_string_equal(all(f, NODE(EXPR_AND, TYPE_BOOL, OP(B, "=", B), RISKY(A), OP(C, ">", number(f, 40)))), "! f f f N !");
}

static void or_stops_at_the_first_true(void **state)
{
    struct fixture *f = *state;
    struct expr_node *zero = OP(A, "=", number(f, 0));
    assert_string_equal(all(f, NODE(EXPR_OR, TYPE_BOOL, zero, RISKY(A))), "t t f N t t");
    assert_string_equal(all(f, NODE(EXPR_OR, TYPE_BOOL, OP(B, "<>", B), RISKY(A), OP(C, ">", number(f, 40)))), "! t f N t !");
}

static void logic_is_three_valued(void **state)
{
    struct fixture *f = *state;
    struct expr_node *a = OP(A, ">", number(f, 0)), *b = OP(B, ">", number(f, 0)); /* f t t N t f and f f t t N N */
    assert_string_equal(all(f, NODE(EXPR_AND, TYPE_BOOL, a, b)), "f f t N N f");
    assert_string_equal(all(f, NODE(EXPR_OR, TYPE_BOOL, a, b)), "f t t t t N");
    assert_string_equal(all(f, NODE(EXPR_NOT, TYPE_BOOL, a)), "t f f N f t");
    assert_string_equal(all(f, NODE(EXPR_IS_NULL, TYPE_BOOL, a)), "f f f t f f");
    assert_string_equal(all(f, NODE(EXPR_IS_TRUE, TYPE_BOOL, a)), "f t t f t f");
    assert_string_equal(all(f, NODE(EXPR_IS_FALSE, TYPE_BOOL, a)), "t f f f f t");
    assert_string_equal(all(f, NODE(EXPR_IS_NULL, TYPE_BOOL, RISKY(A))), "! f f t f !");
}

static void a_branch_not_taken_raises_nothing(void **state)
{
    struct fixture *f = *state;
    struct expr_node *zero = OP(A, "=", number(f, 0)), *one = OP(A, "=", number(f, 1));
    struct expr_node *safe = NODE(EXPR_CASE, TYPE_INT4, zero, number(f, -1), one, B, OP(C, "/", A));
    assert_string_equal(all(f, safe), "-1 0 15 N N -1");
    assert_string_equal(all(f, NODE(EXPR_CASE, TYPE_INT4, one, number(f, -1), OP(C, "/", A))), "! -1 15 N -1 N");
    /* nor is a condition asked behind the one that was true */
    assert_string_equal(all(f, NODE(EXPR_CASE, TYPE_INT4, zero, C, RISKY(A), B, number(f, N))), "10 0 N N N N");
}

static void a_fault_in_a_branch_or_condition_is_the_rows(void **state)
{
    struct fixture *f = *state;
    struct expr_node *one = OP(A, "=", number(f, 1));
    assert_string_equal(all(f, NODE(EXPR_CASE, TYPE_INT4, RISKY(A), OP(C, "/", B), C)), "! ! 30 40 N !");
    assert_string_equal(all(f, NODE(EXPR_CASE, TYPE_INT4, one, OP(C, "/", B), C)), "10 ! 30 40 N N");
}

static void coalesce_stops_at_the_first_value(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(all(f, NODE(EXPR_COALESCE, TYPE_INT4, B, A, C)), "0 0 1 1 1 0");
    assert_string_equal(all(f, NODE(EXPR_COALESCE, TYPE_INT4, A, OP(C, "/", B))), "0 1 2 40 1 0");
    assert_string_equal(all(f, NODE(EXPR_COALESCE, TYPE_INT4, OP(C, "/", B), A)), "! ! 30 40 1 0");
    assert_string_equal(all(f, NODE(EXPR_COALESCE, TYPE_INT4, number(f, N), B)), "0 0 1 1 N N");
}

static void nulls_are_distinct_from_values_only(void **state)
{
    struct fixture *f = *state;
    struct expr_node *a = A, *b = B;
    assert_string_equal(all(f, with(NODE(EXPR_DISTINCT, TYPE_BOOL, a, b), "=", a, b)), "f t t t t t");
    struct expr_node *null = number(f, N);
    assert_string_equal(all(f, with(NODE(EXPR_DISTINCT, TYPE_BOOL, b, null), "=", b, null)), "t t t t f f");
}

static void nullif_is_null_where_equal(void **state)
{
    struct fixture *f = *state;
    struct expr_node *a = A, *b = B;
    assert_string_equal(all(f, with(NODE(EXPR_NULLIF, TYPE_INT4, a, b), "=", a, b)), "N 1 2 N 1 0");
}

static void extremes_ignore_nulls(void **state)
{
    struct fixture *f = *state;
    struct expr_node *a = A, *b = B;
    assert_string_equal(all(f, with(NODE(EXPR_GREATEST, TYPE_INT4, a, b), ">", a, b)), "0 1 2 1 1 0");
    assert_string_equal(all(f, with(NODE(EXPR_LEAST, TYPE_INT4, a, b, number(f, 1)), "<", a, b)), "0 0 1 1 1 0");
    assert_string_equal(all(f, with(NODE(EXPR_LEAST, TYPE_INT4, number(f, N), b), "<", b, b)), "0 0 1 1 N N");
    assert_string_equal(all(f, with(NODE(EXPR_LEAST, TYPE_INT4, b, OP(C, "/", a)), "<", b, b)), "! 0 1 1 50 N");
}

/* The same node in two places, and a selection that was made smaller by an outer node */
static void a_node_may_stand_in_two_places(void **state)
{
    struct fixture *f = *state;
    struct expr_node *quotient = OP(C, "/", A), *zero = OP(A, "=", number(f, 0));
    struct expr_node *safe = NODE(EXPR_CASE, TYPE_INT4, zero, number(f, 0), OP(quotient, "+", quotient));
    assert_string_equal(all(f, safe), "0 40 30 N 100 0");
    assert_string_equal(all(f, OP(safe, "-", C)), "-10 20 0 N 50 N");
}

/* Scratch columns are used again: a sum of a thousand needs few. */
static void memory_does_not_grow_with_the_length(void **state)
{
    struct fixture *f = *state;
    struct expr_node *sum = A;
    for (int i = 0; i < 1000; i++)
        sum = OP(sum, "+", number(f, 1));
    struct arena small;
    arena_init(&small, 512, 4096);
    f->run.arena = &small;
    assert_string_equal(all(f, sum), "1000 1001 1002 N 1001 1000");
    arena_done(&small);
}

static void want_of_memory_is_said(void **state)
{
    struct fixture *f = *state;
    struct arena none;
    arena_init(&none, 64, 128);
    f->run.arena = &none;
    const struct batch_column *c;
    assert_int_equal(expr_eval_node(OP(A, "+", B), &f->run, &(struct expr_rows){(uint32_t[]){0}, 1}, &c), -ENOMEM);
    arena_done(&none);
}

/* Whatever a function makes of them; no more than twice that is ever taken. */
static void texts_beyond_the_memory_are_want_of_it(void **state)
{
    struct fixture *f = *state;
    enum { LONG = 40000 };
    static char longs[LONG];
    memset(longs, 'a', sizeof longs);
    struct expr_node *text = calls_node(&f->arena, EXPR_CONSTANT, TYPE_TEXT, 0),
                     *a = calls_node(&f->arena, EXPR_CONSTANT, TYPE_TEXT, 0);
    text->value.s = (struct slice){longs, sizeof longs};
    a->value.s = SLICE("a");
    struct expr_node *three[] = {text, a, text}, *replaced = NODE(EXPR_CALL, TYPE_TEXT, text, a, text),
                     *joined = calls_node(&f->arena, EXPR_CALL, TYPE_TEXT, 30);
    replaced->function = calls_find("replace", three, 3);
    for (joined->function = expr_fn_text; strcmp(joined->function->name, "concat") != 0;)
        joined->function++;
    for (size_t i = 0; i < joined->args; i++)
        joined->arg[i] = text;
    const struct batch_column *c;
    struct arena small;
    arena_init(&small, 4096, 1 << 20);
    f->run.arena = &small;
    struct buf room;
    fn_text_begin(&room, &f->run);
    assert_int_equal(room.max, 1 << 20);
    assert_int_equal(expr_eval_node(replaced, &f->run, &(struct expr_rows){(uint32_t[]){0}, 1}, &c), -ENOMEM);
    assert_int_equal(expr_eval_node(joined, &f->run, &(struct expr_rows){(uint32_t[]){0}, 1}, &c), -ENOMEM);
    arena_done(&small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strict_functions_of_null_are_null),
        TEST(a_column_and_a_constant_are_expressions),
        TEST(other_rows_are_not_touched),
        TEST(an_argument_is_evaluated_beside_a_null),
        TEST(the_first_fault_of_a_row_stays),
        TEST(and_stops_at_the_first_false),
        TEST(or_stops_at_the_first_true),
        TEST(logic_is_three_valued),
        TEST(a_branch_not_taken_raises_nothing),
        TEST(a_fault_in_a_branch_or_condition_is_the_rows),
        TEST(coalesce_stops_at_the_first_value),
        TEST(nulls_are_distinct_from_values_only),
        TEST(nullif_is_null_where_equal),
        TEST(extremes_ignore_nulls),
        TEST(a_node_may_stand_in_two_places),
        TEST(memory_does_not_grow_with_the_length),
        TEST(want_of_memory_is_said),
        TEST(texts_beyond_the_memory_are_want_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
