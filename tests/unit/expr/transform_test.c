/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "expr/transform.h"

#include <string.h>

#include <cmocka.h>

enum { ROWS = 5 };

/* a and b are int4 and come from the file; c is a / b, checked to be below 100; only rows with a > 0 are wanted. */
struct shop {
    struct arena arena;
    struct batch in, out;
    struct transform_column column[3];
    struct transform t;
    struct reject_list rejects;
    uint64_t filtered;
};

static const struct type int4 = {TYPE_INT4, -1};

#define NAMED(text)                                                                                                                \
    {                                                                                                                              \
        .name = (text), .type = {TYPE_INT4, -1}, .bytewise = true                                                                  \
    }

static struct transform_expr compile_among(struct shop *s, const char *text, bool condition, const struct expr_name *name,
                                           size_t names)
{
    const struct expr_scope scope = {.name = name, .names = names, .ctype_known = true};
    const struct expr_want want = {.condition = condition, .type = int4};
    struct transform_expr e = {.text = slice_of(text)};
    struct expr_mistake mistake;
    struct expr_node *tree;
    assert_int_equal(expr_parse(e.text, &s->arena, &mistake, &tree), 0);
    assert_int_equal(expr_check(tree, &scope, &want, &s->arena, &mistake, &e.expr), 0);
    return e;
}

static struct transform_expr compile(struct shop *s, const char *text, bool condition, size_t names)
{
    static const struct expr_name name[] = {NAMED("a"), NAMED("b"), NAMED(""), NAMED(""), NAMED("c")};
    return compile_among(s, text, condition, name, names);
}

static void open_shop(struct shop *s, const int64_t (*cell)[2])
{
    *s = (struct shop){0};
    arena_init(&s->arena, 65536, 1 << 24);
    reject_list_init(&s->rejects, 65536);
    assert_int_equal(batch_init(&s->in, (const struct type[]){int4, int4}, 2, &s->arena), 0);
    assert_int_equal(batch_want_origins(&s->in, &s->arena), 0);
    for (size_t i = 0; i < ROWS; i++) {
        s->in.line[i] = i + 2;
        s->in.origin[i] = (struct batch_origin){10 * i, SLICE("raw")};
        for (size_t c = 0; c < 2; c++) {
            s->in.column[c].value[i].i = cell[i][c];
            s->in.column[c].null[i] = cell[i][c] == INT64_MIN;
        }
    }
    s->in.rows = ROWS;
    s->column[0] = (struct transform_column){.name = "a", .type = int4, .input = 0};
    s->column[1] = (struct transform_column){.name = "b", .type = int4, .input = 1, .absent = true};
    s->column[2] = (struct transform_column){.name = "c", .type = int4, .value = compile(s, "a / b", false, 2)};
    s->t = (struct transform){.inputs = 2, .column = s->column, .columns = 3};
}

static void close_shop(struct shop *s)
{
    reject_list_done(&s->rejects);
    arena_done(&s->arena);
}

static void run(struct shop *s)
{
    const struct transform_file file = {.name = SLICE("f.csv")};
    assert_int_equal(transform_apply(&s->t, &s->in, &file, &s->arena, &s->rejects, &s->out, &s->filtered), 0);
}

static void columns_are_computed_and_absent_ones_left_out(void **state)
{
    (void)state;
    struct shop s;
    open_shop(&s, (const int64_t[ROWS][2]){{6, 3}, {7, 2}, {8, INT64_MIN}, {0, 1}, {-9, 3}});
    run(&s);
    assert_int_equal(s.out.columns, 2);
    assert_int_equal(s.out.rows, ROWS);
    const int64_t c[] = {2, 3, 0, 0, -3};
    for (size_t i = 0; i < ROWS; i++)
        if (!s.out.column[1].null[i]) assert_int_equal(s.out.column[1].value[i].i, c[i]);
    assert_true(s.out.column[1].null[2]);
    assert_int_equal(s.out.column[0].value[4].i, -9);
    close_shop(&s);
}

static void filter_comes_before_what_it_does_not_read(void **state)
{
    (void)state;
    struct shop s;
    open_shop(&s, (const int64_t[ROWS][2]){{6, 3}, {0, 0}, {INT64_MIN, 0}, {8, 0}, {9, 3}});
    s.t.filter = compile(&s, "a > 0", true, 2);
    run(&s);
    assert_int_equal(s.filtered, 2); /* false and NULL; and nothing was divided there */
    assert_int_equal(s.out.rows, 2);
    assert_int_equal(s.out.line[0], 2);
    assert_int_equal(s.out.line[1], 6);
    assert_int_equal(s.out.column[1].value[1].i, 3);
    assert_int_equal(s.rejects.n, 1);
    assert_int_equal(s.rejects.item[0].line, 5);
    assert_int_equal(s.rejects.item[0].offset, 30);
    assert_string_equal(s.rejects.item[0].code, "22012");
    assert_true(slice_equal(s.rejects.item[0].message, SLICE("column c: expr a / b: division by zero")));
    assert_true(slice_equal(s.rejects.item[0].raw, SLICE("raw")));
    close_shop(&s);
}

static void check_refuses_what_is_false_and_not_what_is_null(void **state)
{
    (void)state;
    struct shop s;
    open_shop(&s, (const int64_t[ROWS][2]){{6, 3}, {500, 2}, {8, INT64_MIN}, {0, 1}, {-9, 3}});
    s.column[2].check = compile(&s, "c < 100", true, 5);
    run(&s);
    assert_int_equal(s.out.rows, 4);
    assert_int_equal(s.rejects.n, 1);
    assert_string_equal(s.rejects.item[0].code, "23514");
    assert_int_equal(s.rejects.item[0].line, 3);
    close_shop(&s);
}

static void null_is_refused_where_the_column_does_not_take_it(void **state)
{
    (void)state;
    struct shop s;
    open_shop(&s, (const int64_t[ROWS][2]){{6, 3}, {5, 2}, {8, INT64_MIN}, {0, 1}, {-9, 3}});
    s.column[2].not_null = true;
    run(&s);
    assert_int_equal(s.out.rows, 4);
    assert_string_equal(s.rejects.item[0].code, "23502");
    close_shop(&s);
}

static void without_room_nothing_is_added(void **state)
{
    (void)state;
    struct shop s;
    struct arena small;
    open_shop(&s, (const int64_t[ROWS][2]){{6, 3}, {5, 0}, {8, 1}, {0, 1}, {-9, 3}});
    const struct transform_file file = {.name = SLICE("f.csv")};
    arena_init(&small, 64, 128);
    assert_int_equal(transform_apply(&s.t, &s.in, &file, &small, &s.rejects, &s.out, &s.filtered), -ENOMEM);
    assert_int_equal(s.rejects.count, 0);
    assert_int_equal(transform_reject_big(&s.in, 1, &s.rejects), 0);
    assert_string_equal(s.rejects.item[0].code, "54000");
    assert_int_equal(s.rejects.item[0].line, 3);
    arena_done(&small);
    close_shop(&s);
}

/* f is what the table stock has for a: 100 and 200 for 1 and 2, NULL for 3; c is f / b. */
struct stock {
    struct shop shop;
    struct lookup config;
    struct transform_lookup lookup;
    struct dictionary *dictionary;
};

static struct dictionary *fill_dictionary(void)
{
    static const int64_t values[] = {100, 200, 0};
    struct dictionary *d;
    struct error err;
    assert_int_equal(dictionary_new(&(struct dictionary_spec){&int4, 1, &int4, 1, 1 << 20}, &err, &d), 0);
    for (int64_t i = 0; i < 3; i++) {
        const union value key = {.i = i + 1}, value = {.i = values[i]};
        const bool key_null = false, value_null = values[i] == 0;
        assert_int_equal(dictionary_add(d, &(struct dictionary_row){&key, &key_null, &value, &value_null}), 0);
    }
    return d;
}

static struct transform_expr compile_found(struct stock *s, const char *text, bool condition)
{
    static const struct expr_name name[] = {NAMED("a"), NAMED("b"), NAMED("f"), NAMED(""), NAMED(""), NAMED("c")};
    return compile_among(&s->shop, text, condition, name, condition ? 6 : 3);
}

static void open_stock(struct stock *s, const int64_t (*cell)[2])
{
    static const size_t key[] = {0};
    static const struct lookup_pair pair = {.column = "id", .name = "a"};
    open_shop(&s->shop, cell);
    s->dictionary = fill_dictionary();
    s->config = (struct lookup){.dataset = "stock", .column = "amount", .pair = &pair, .n = 1};
    s->lookup = (struct transform_lookup){.config = &s->config,
                                          .column = "f",
                                          .text = SLICE("stock.amount on stock.id = a"),
                                          .dictionary = s->dictionary,
                                          .key = key,
                                          .type = int4};
    struct shop *shop = &s->shop;
    shop->column[1] = (struct transform_column){.name = "f", .type = int4, .input = 2, .value.text = s->lookup.text};
    shop->column[2].value = compile_found(s, "f / b", false);
    shop->t = (struct transform){.inputs = 3, .lookup = &s->lookup, .lookups = 1, .column = shop->column, .columns = 3};
}

static void close_stock(struct stock *s)
{
    dictionary_free(s->dictionary);
    close_shop(&s->shop);
}

static void what_is_found_is_a_column_and_an_input(void **state)
{
    (void)state;
    struct stock s;
    open_stock(&s, (const int64_t[ROWS][2]){{2, 3}, {1, 2}, {3, 1}, {7, 0}, {INT64_MIN, 0}});
    run(&s.shop);
    const struct batch_column *f = &s.shop.out.column[1], *c = &s.shop.out.column[2];
    assert_int_equal(s.shop.out.rows, ROWS);
    assert_int_equal(f->value[0].i, 200);
    assert_int_equal(f->value[1].i, 100);
    assert_int_equal(c->value[0].i, 66);
    assert_int_equal(c->value[1].i, 50);
    for (size_t row = 2; row < ROWS; row++) /* NULL, no such row, no key: nothing is divided */
        assert_true(f->null[row] && c->null[row]);
    close_stock(&s);
}

static void filter_reads_what_is_found(void **state)
{
    (void)state;
    struct stock s;
    open_stock(&s, (const int64_t[ROWS][2]){{2, 3}, {1, 0}, {3, 0}, {7, 0}, {2, 4}});
    s.shop.t.filter = compile_found(&s, "f > 150", true);
    run(&s.shop);
    assert_int_equal(s.shop.filtered, 3);
    assert_int_equal(s.shop.rejects.n, 0);
    assert_int_equal(s.shop.out.rows, 2);
    assert_int_equal(s.shop.out.column[2].value[1].i, 50);
    close_stock(&s);
}

static void what_is_missed_rejects_behind_the_filter(void **state)
{
    (void)state;
    struct stock s;
    open_stock(&s, (const int64_t[ROWS][2]){{2, 3}, {7, 1}, {8, 1}, {INT64_MIN, 1}, {3, 1}});
    s.lookup.reject = true;
    s.shop.t.filter = compile_found(&s, "a IS DISTINCT FROM 7", true);
    run(&s.shop);
    assert_int_equal(s.shop.filtered, 1);
    assert_int_equal(s.shop.out.rows, 3); /* a key that is NULL refers to nothing, by right */
    assert_int_equal(s.shop.rejects.n, 1);
    assert_int_equal(s.shop.rejects.item[0].line, 4);
    assert_string_equal(s.shop.rejects.item[0].code, "23503");
    assert_true(slice_equal(s.shop.rejects.item[0].message,
                            SLICE("column f: lookup stock.amount on stock.id = a: no row of stock has id = 8")));
    close_stock(&s);
}

static void a_column_that_is_not_null_refuses_what_is_not_found(void **state)
{
    (void)state;
    struct stock s;
    open_stock(&s, (const int64_t[ROWS][2]){{2, 3}, {7, 1}, {3, 1}, {INT64_MIN, 1}, {1, 1}});
    s.shop.column[1].not_null = true;
    run(&s.shop);
    assert_int_equal(s.shop.out.rows, 2);
    assert_int_equal(s.shop.rejects.n, 3);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(s.shop.rejects.item[i].code, "23502");
    close_stock(&s);
}

/* Whoever plans with transform_bytes has enough for a whole batch that is looked up, filtered and computed. */
static void a_batch_takes_no_more_memory_than_was_said(void **state)
{
    (void)state;
    struct stock s;
    struct arena bounded;
    struct batch full;
    open_stock(&s, (const int64_t[ROWS][2]){{2, 3}, {1, 1}, {3, 1}, {1, 1}, {2, 1}});
    s.shop.t.filter = compile_found(&s, "f / b + a * 2 > 1 and c < f + 1000", true);
    assert_int_equal(batch_init(&full, (const struct type[]){int4, int4}, 2, &s.shop.arena), 0);
    assert_int_equal(batch_want_origins(&full, &s.shop.arena), 0);
    full.rows = full.rows_max;
    for (size_t row = 0; row < full.rows; row++)
        for (size_t c = 0; c < 2; c++) {
            full.column[c].value[row].i = 1 + (int64_t)row % 3;
            full.column[c].null[row] = false;
        }
    size_t said = transform_bytes(&s.shop.t);
    const struct transform_file file = {.name = SLICE("f.csv")};
    arena_init(&bounded, 65536, said);
    int r = transform_apply(&s.shop.t, &full, &file, &bounded, &s.shop.rejects, &s.shop.out, &s.shop.filtered);
    assert_int_equal(r, 0);
    assert_true(bounded.used <= said && s.shop.out.rows > full.rows / 2);
    arena_done(&bounded);
    close_stock(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_computed_and_absent_ones_left_out),
        cmocka_unit_test(filter_comes_before_what_it_does_not_read),
        cmocka_unit_test(check_refuses_what_is_false_and_not_what_is_null),
        cmocka_unit_test(null_is_refused_where_the_column_does_not_take_it),
        cmocka_unit_test(without_room_nothing_is_added),
        cmocka_unit_test(what_is_found_is_a_column_and_an_input),
        cmocka_unit_test(filter_reads_what_is_found),
        cmocka_unit_test(what_is_missed_rejects_behind_the_filter),
        cmocka_unit_test(a_column_that_is_not_null_refuses_what_is_not_found),
        cmocka_unit_test(a_batch_takes_no_more_memory_than_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
