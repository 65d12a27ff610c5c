/* SPDX-License-Identifier: MIT */
/* All keys and measures are compared with PostgreSQL by tests/differential/test_aggregate.py. */
#include "data/aggregate.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The batch's columns. */
enum { INT, TEXT, NUMERIC, FLOAT, DATE, JSON, COLUMNS };
static const struct type types[COLUMNS] = {[INT] = {TYPE_INT4, -1},     [TEXT] = {TYPE_TEXT, -1}, [NUMERIC] = {TYPE_NUMERIC, -1},
                                           [FLOAT] = {TYPE_FLOAT8, -1}, [DATE] = {TYPE_DATE, -1}, [JSON] = {TYPE_JSON, -1}};

static const struct aggregate_key by_text[] = {{AGGREGATE_KEY_COLUMN, TEXT, NULL}};
static const struct aggregate_key by_int[] = {{AGGREGATE_KEY_COLUMN, INT, NULL}};
static const struct aggregate_key by_numeric[] = {{AGGREGATE_KEY_COLUMN, NUMERIC, NULL}};
static const struct aggregate_key by_float[] = {{AGGREGATE_KEY_COLUMN, FLOAT, NULL}};
static const struct aggregate_key by_month[] = {{AGGREGATE_KEY_TRUNC, DATE, "month"}};
static const struct aggregate_key by_two[] = {{AGGREGATE_KEY_COLUMN, TEXT, NULL}, {AGGREGATE_KEY_COLUMN, NUMERIC, NULL}};

static const struct aggregate_measure measures[] = {
    {AGGREGATE_COUNT_ALL, 0}, {AGGREGATE_COUNT, INT}, {AGGREGATE_SUM, INT},  {AGGREGATE_SUM, NUMERIC},
    {AGGREGATE_MIN, NUMERIC}, {AGGREGATE_MAX, TEXT},  {AGGREGATE_MIN, TEXT},
};
enum { MEASURES = sizeof(measures) / sizeof(measures[0]) };

static struct aggregate_spec spec_of(const struct aggregate_key *key, size_t keys)
{
    return (struct aggregate_spec){
        .key = key, .keys = keys, .measure = measures, .measures = MEASURES, .type = types, .columns = COLUMNS};
}

#define NUMERIC_ONE_0 SLICE("\0\1\0\0\0\0\0\1\0\1")
#define NUMERIC_ONE_00 SLICE("\0\1\0\0\0\0\0\2\0\1")
#define NUMERIC_MINUS_TWO SLICE("\0\1\0\0\x40\0\0\0\0\2")

static struct batch new_batch(struct arena *arena)
{
    struct batch b;
    assert_int_equal(batch_init(&b, types, COLUMNS, arena), 0);
    b.rows = 0;
    return b;
}

/* One more row, all NULL. */
static size_t add_row(struct batch *b)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        b->column[c].null[b->rows] = true;
        b->column[c].value[b->rows] = (union value){.i = 0};
    }
    return b->rows++;
}

static void set(struct batch *b, size_t column, union value v)
{
    b->column[column].null[b->rows - 1] = false;
    b->column[column].value[b->rows - 1] = v;
}

static void set_text(struct batch *b, const char *text)
{
    set(b, TEXT, (union value){.s = slice_of(text)});
}

struct fixture {
    struct arena arena;
    struct aggregate_spec spec;
    struct aggregate *aggregate;
};

static void begin(struct fixture *f, struct aggregate_spec spec, size_t max_bytes)
{
    f->spec = spec;
    arena_init(&f->arena, 1 << 16, 1 << 28);
    assert_int_equal(aggregate_new(&f->spec, max_bytes, &f->aggregate), 0);
}

static void end(struct fixture *f)
{
    aggregate_free(f->aggregate);
    arena_done(&f->arena);
}

static struct batch read_all(struct fixture *f)
{
    size_t position = 0;
    struct batch b;
    assert_int_equal(aggregate_read(f->aggregate, &position, &f->arena, &b), 0);
    assert_true(b.rows == aggregate_groups(f->aggregate));
    return b;
}

static void groups_come_in_order_with_nulls_last(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, spec_of(by_text, 1), 1 << 20);
    struct batch b = new_batch(&f.arena);
    const char *const texts[] = {"b", NULL, "a", "", "ab", "b"};
    for (size_t i = 0; i < 6; i++) {
        add_row(&b);
        if (texts[i]) set_text(&b, texts[i]);
    }
    assert_int_equal(aggregate_add(f.aggregate, &b), 0);
    struct batch got = read_all(&f);
    const char *const expected[] = {"", "a", "ab", "b"};
    assert_int_equal(got.rows, 5);
    for (size_t i = 0; i < 4; i++)
        assert_true(slice_equal(got.column[0].value[i].s, slice_of(expected[i])));
    assert_true(got.column[0].null[4]);
    assert_int_equal(got.column[1].value[3].i, 2);
    end(&f);
}

static void nulls_count_for_rows_only(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, spec_of(by_text, 1), 1 << 20);
    struct batch b = new_batch(&f.arena);
    add_row(&b);
    add_row(&b);
    assert_int_equal(aggregate_add(f.aggregate, &b), 0);
    struct batch got = read_all(&f);
    assert_int_equal(got.column[1].value[0].i, 2); /* count(*) */
    assert_false(got.column[2].null[0]);
    assert_int_equal(got.column[2].value[0].i, 0); /* count(int) */
    for (size_t c = 3; c <= MEASURES; c++)
        assert_true(got.column[c].null[0]); /* sums, min, max of nothing */
    end(&f);
}

static void equal_keys_that_look_different_are_one_group(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, spec_of(by_numeric, 1), 1 << 20);
    struct batch b = new_batch(&f.arena);
    add_row(&b);
    set(&b, NUMERIC, (union value){.s = NUMERIC_ONE_0});
    add_row(&b);
    set(&b, NUMERIC, (union value){.s = NUMERIC_ONE_00});
    add_row(&b);
    set(&b, NUMERIC, (union value){.s = NUMERIC_MINUS_TWO});
    assert_int_equal(aggregate_add(f.aggregate, &b), 0);
    struct batch got = read_all(&f);
    assert_int_equal(got.rows, 2);
    assert_true(slice_equal(got.column[0].value[0].s, NUMERIC_MINUS_TWO));
    assert_true(slice_equal(got.column[0].value[1].s, NUMERIC_ONE_0)); /* as first seen */
    end(&f);
}

static void floats_group_and_order_as_in_postgresql(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, spec_of(by_float, 1), 1 << 20);
    struct batch b = new_batch(&f.arena);
    const double values[] = {NAN, -0.0, INFINITY, 0.0, -1.5, -INFINITY, -NAN, 2.5};
    for (size_t i = 0; i < 8; i++) {
        add_row(&b);
        set(&b, FLOAT, (union value){.f = values[i]});
    }
    assert_int_equal(aggregate_add(f.aggregate, &b), 0);
    struct batch got = read_all(&f);
    const double expected[] = {-INFINITY, -1.5, 0, 2.5, INFINITY};
    assert_int_equal(got.rows, 6);
    for (size_t i = 0; i < 5; i++)
        assert_true(got.column[0].value[i].f == expected[i]);
    assert_true(isnan(got.column[0].value[5].f));
    assert_int_equal(got.column[1].value[2].i, 2);
    assert_int_equal(got.column[1].value[5].i, 2);
    end(&f);
}

static void a_key_out_of_range_stops_at_its_row(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, spec_of(by_month, 1), 1 << 20);
    struct batch b = new_batch(&f.arena);
    add_row(&b);
    set(&b, DATE, (union value){.i = 45});
    add_row(&b);
    set(&b, DATE, (union value){.i = 2000000000});
    size_t row = 0;
    assert_int_equal(aggregate_add_from(f.aggregate, &b, &row), AGGREGATE_E_RANGE);
    assert_int_equal(row, 1);
    struct batch got = read_all(&f);
    assert_int_equal(got.rows, 1);
    assert_int_equal(got.column[0].type.id, TYPE_TIMESTAMPTZ);
    assert_true(got.column[0].value[0].i == INT64_C(31) * 86400 * 1000000);
    end(&f);
}

/* Rows of few keys and many values, from a seed. */
static void fill(struct batch *b, struct arena *arena, unsigned *seed, size_t rows)
{
    while (b->rows < rows) {
        add_row(b);
        if (rand_r(seed) % 10) set(b, INT, (union value){.i = rand_r(seed) % 100 - 50});
        if (rand_r(seed) % 10) {
            struct slice text = arena_copy(arena, SLICE("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"));
            text.len = (size_t)(rand_r(seed) % 5) * (size_t)(rand_r(seed) % 12);
            set(b, TEXT, (union value){.s = text});
        }
        if (rand_r(seed) % 10) {
            char *n = arena_zalloc(arena, 12);
            n[1] = 2;
            n[3] = (char)(rand_r(seed) % 3);
            n[4] = rand_r(seed) % 2 ? 0x40 : 0;
            n[7] = (char)(rand_r(seed) % 5);
            n[9] = (char)(1 + rand_r(seed) % 4);
            n[11] = (char)(rand_r(seed) % 2);
            set(b, NUMERIC, (union value){.s = {n, 12}});
        }
    }
}

static bool same_value(enum type_id id, const union value *a, const union value *b)
{
    if (id == TYPE_NUMERIC) return decimal_compare(a->s, b->s) == 0;
    return type_info(id)->fixed ? a->i == b->i : slice_equal(a->s, b->s);
}

static void assert_same(struct aggregate *a, struct aggregate *b, struct arena *arena)
{
    size_t at_a = 0, at_b = 0;
    struct batch x, y;
    do {
        assert_int_equal(aggregate_read(a, &at_a, arena, &x), 0);
        assert_int_equal(aggregate_read(b, &at_b, arena, &y), 0);
        assert_int_equal(x.rows, y.rows);
        for (size_t c = 0; c < x.columns; c++)
            for (size_t i = 0; i < x.rows; i++) {
                assert_int_equal(x.column[c].null[i], y.column[c].null[i]);
                if (!x.column[c].null[i])
                    assert_true(same_value(x.column[c].type.id, &x.column[c].value[i], &y.column[c].value[i]));
            }
    } while (x.rows > 0);
}

/* Texts of 0 to 40 bytes of 'a', and such with another byte at each place: as many groups, of two rows each. */
static void texts_that_differ_in_a_byte_or_in_length_are_groups_of_their_own(void **state)
{
    enum { LEN_MAX = 40 };
    (void)state;
    struct fixture f;
    begin(&f, spec_of(by_text, 1), 1 << 22);
    size_t texts = 0;
    for (int round = 0; round < 2; round++) {
        texts = 0;
        for (size_t len = 0; len <= LEN_MAX; len++) {
            struct batch b = new_batch(&f.arena);
            for (size_t at = 0; at <= len; at++, texts++) { /* at == len: all are 'a' */
                char *text = arena_alloc(&f.arena, LEN_MAX + 1);
                memset(text, 'a', LEN_MAX);
                text[at] = 'b';
                add_row(&b);
                set(&b, TEXT, (union value){.s = {text, len}});
            }
            assert_int_equal(aggregate_add(f.aggregate, &b), 0);
        }
    }
    assert_int_equal(aggregate_groups(f.aggregate), texts);
    struct batch got = read_all(&f);
    for (size_t row = 0; row < got.rows; row++)
        assert_int_equal(got.column[1].value[row].i, 2);
    end(&f);
}

static void any_cutting_and_any_order_of_merges_give_the_same(void **state)
{
    (void)state;
    enum { PARTS = 5, ROUNDS = 40 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct fixture whole;
        begin(&whole, spec_of(by_two, 2), 1 << 24);
        struct aggregate *part[PARTS];
        for (size_t i = 0; i < PARTS; i++)
            assert_int_equal(aggregate_new(&whole.spec, 1 << 24, &part[i]), 0);
        unsigned seed = round;
        for (int batch = 0; batch < 8; batch++) {
            struct batch b = new_batch(&whole.arena);
            fill(&b, &whole.arena, &seed, (size_t)(rand_r(&seed) % BATCH_ROWS));
            assert_int_equal(aggregate_add(whole.aggregate, &b), 0);
            assert_int_equal(aggregate_add(part[rand_r(&seed) % PARTS], &b), 0);
            arena_reset(&whole.arena); /* what is kept must have been copied */
        }
        /* Into a random other one, until one is left. */
        for (size_t left = PARTS; left > 1; left--) {
            size_t from = (size_t)rand_r(&seed) % left;
            struct aggregate *merged = part[from];
            part[from] = part[left - 1];
            assert_int_equal(aggregate_merge(part[(size_t)rand_r(&seed) % (left - 1)], merged), 0);
            aggregate_free(merged);
        }
        assert_same(whole.aggregate, part[0], &whole.arena);
        aggregate_free(part[0]);
        end(&whole);
    }
}

static void more_groups_than_a_batch_are_read_in_pieces(void **state)
{
    (void)state;
    enum { GROUPS = 3 * BATCH_ROWS + 7 };
    struct fixture f;
    begin(&f, spec_of(by_int, 1), 1 << 24);
    for (int64_t i = 0; i < GROUPS;) {
        struct batch b = new_batch(&f.arena);
        for (; i < GROUPS && b.rows < BATCH_ROWS; i++) {
            add_row(&b);
            set(&b, INT, (union value){.i = i * 7919 % GROUPS - 100});
        }
        assert_int_equal(aggregate_add(f.aggregate, &b), 0);
    }
    size_t position = 0;
    int64_t next = -100;
    struct batch b;
    do {
        assert_int_equal(aggregate_read(f.aggregate, &position, &f.arena, &b), 0);
        for (size_t i = 0; i < b.rows; i++)
            assert_true(b.column[0].value[i].i == next++);
    } while (b.rows > 0);
    assert_int_equal(next, GROUPS - 100);
    end(&f);
}

/* A full aggregate is emptied into another, and the batch goes on where it stopped: nothing is lost or doubled. */
static void a_full_aggregate_can_be_emptied_and_gone_on_with(void **state)
{
    (void)state;
    enum { MAX = 200 << 10, GROUPS = 20000 };
    struct fixture f;
    begin(&f, spec_of(by_int, 1), 64 << 20);
    struct aggregate *small;
    assert_int_equal(aggregate_new(&f.spec, MAX, &small), 0);
    size_t full = 0;
    for (int64_t i = 0; i < GROUPS;) {
        struct batch b = new_batch(&f.arena);
        for (; i < GROUPS && b.rows < BATCH_ROWS; i++) {
            add_row(&b);
            set(&b, INT, (union value){.i = i});
            set_text(&b, "a text of more than some bytes, so that it takes memory of its own");
        }
        for (size_t row = 0; row < b.rows;) {
            int r = aggregate_add_from(small, &b, &row);
            assert_true(aggregate_bytes(small) <= MAX);
            if (r == 0) continue;
            assert_int_equal(r, AGGREGATE_E_FULL);
            full++;
            assert_int_equal(aggregate_merge(f.aggregate, small), 0);
            aggregate_free(small);
            assert_int_equal(aggregate_new(&f.spec, MAX, &small), 0);
        }
        arena_reset(&f.arena);
    }
    assert_int_equal(aggregate_merge(f.aggregate, small), 0);
    aggregate_free(small);
    assert_true(full > 3);
    assert_int_equal(aggregate_groups(f.aggregate), GROUPS);
    size_t position = 0;
    int64_t rows = 0;
    for (struct batch b;;) {
        assert_int_equal(aggregate_read(f.aggregate, &position, &f.arena, &b), 0);
        if (b.rows == 0) break;
        for (size_t i = 0; i < b.rows; i++)
            rows += b.column[1].value[i].i;
    }
    assert_int_equal(rows, GROUPS);
    end(&f);
}

static void functions_refuse_types_that_postgresql_refuses(void **state)
{
    (void)state;
    static const struct aggregate_key keys[] = {{AGGREGATE_KEY_COLUMN, JSON, NULL},
                                                {AGGREGATE_KEY_DATE, INT, NULL},
                                                {AGGREGATE_KEY_TRUNC, TEXT, "day"},
                                                {AGGREGATE_KEY_TRUNC, DATE, "fortnight"}};
    static const struct aggregate_measure refused[] = {{AGGREGATE_SUM, TEXT}, {AGGREGATE_SUM, DATE}, {AGGREGATE_MIN, JSON}};
    struct aggregate_spec spec = {.key = keys, .keys = 4, .measure = refused, .measures = 3, .type = types, .columns = COLUMNS};
    struct type type;
    for (size_t k = 0; k < spec.keys; k++)
        assert_int_equal(aggregate_key_type(&spec, k, NULL, &type), AGGREGATE_E_TYPE);
    for (size_t m = 0; m < spec.measures; m++)
        assert_int_equal(aggregate_measure_type(&spec, m, NULL, &type), AGGREGATE_E_TYPE);
    struct error err;
    assert_int_equal(aggregate_measure_type(&spec, 0, &err, &type), AGGREGATE_E_TYPE);
    assert_string_equal(err.text, "sum does not take a text");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_come_in_order_with_nulls_last),
        cmocka_unit_test(nulls_count_for_rows_only),
        cmocka_unit_test(equal_keys_that_look_different_are_one_group),
        cmocka_unit_test(floats_group_and_order_as_in_postgresql),
        cmocka_unit_test(a_key_out_of_range_stops_at_its_row),
        cmocka_unit_test(texts_that_differ_in_a_byte_or_in_length_are_groups_of_their_own),
        cmocka_unit_test(any_cutting_and_any_order_of_merges_give_the_same),
        cmocka_unit_test(more_groups_than_a_batch_are_read_in_pieces),
        cmocka_unit_test(a_full_aggregate_can_be_emptied_and_gone_on_with),
        cmocka_unit_test(functions_refuse_types_that_postgresql_refuses),
    };
    return cmocka_run_group_tests_name("data/aggregate", tests, NULL, NULL);
}
