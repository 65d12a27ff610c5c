/* SPDX-License-Identifier: MIT */
#include "etl/sorter.h"
#include "fixture.h"
#include "format/pgcopy.h"

#include <stdlib.h>

/* A batch of some columns, whose rows are given as texts. */
struct table_of {
    struct arena arena;
    struct batch batch;
    struct type type[2];
};

static void table_init(struct table_of *t, enum type_id a, enum type_id b)
{
    arena_init(&t->arena, 1 << 20, (size_t)1 << 30);
    t->type[0] = (struct type){a, -1};
    t->type[1] = (struct type){b, -1};
    assert_int_equal(batch_init(&t->batch, t->type, 2, &t->arena), 0);
}

static void put_cell(struct table_of *t, size_t column, const char *text)
{
    struct batch_column *c = &t->batch.column[column];
    struct type_input in = {.type = t->type[column]};
    c->null[t->batch.rows] = text == NULL;
    if (text) assert_int_equal(type_parse(&in, arena_copy(&t->arena, slice_of(text)), &t->arena, &c->value[t->batch.rows]), 0);
}

static void put(struct table_of *t, const char *a, const char *b)
{
    put_cell(t, 0, a);
    put_cell(t, 1, b);
    t->batch.rows++;
}

static const size_t first[] = {0}, both[] = {0, 1};

static void expect_ascending(enum type_id type, const char *const *text, size_t n)
{
    struct table_of t;
    struct sorter s;
    uint64_t last[2] = {0}, next[2];
    table_init(&t, type, TYPE_BOOL);
    sorter_init(&s, first, 1);
    for (size_t i = 0; i < n; i++) {
        put(&t, text[i], NULL);
        sorter_prefix(&s, &t.batch, i, next);
        bool greater = next[0] > last[0] || (next[0] == last[0] && next[1] > last[1]);
        if (i > 0 && !greater) fail_msg("%s does not come behind %s", text[i], text[i - 1]);
        memcpy(last, next, sizeof last);
    }
    sorter_done(&s);
    arena_done(&t.arena);
}

static void prefixes_compare_as_values_do(void **state)
{
    (void)state;
#define EXPECT(type, ...)                                                                                                          \
    expect_ascending(type, (const char *const[]){__VA_ARGS__}, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *))
    EXPECT(TYPE_INT2, "-32768", "-1", "0", "1", "32767");
    EXPECT(TYPE_INT4, "-2147483648", "-70000", "-1", "0", "255", "256", "2147483647");
    EXPECT(TYPE_INT8, "-9223372036854775808", "-1", "0", "1", "65536", "9223372036854775807");
    EXPECT(TYPE_FLOAT8, "-Infinity", "-1e300", "-1.5", "-1e-300", "0", "1e-300", "1.5", "Infinity");
    EXPECT(TYPE_NUMERIC, "-100000", "-9999.5", "-9999", "-1", "-0.00001", "0", "0.00001", "0.5", "1", "1.5", "9999", "10000",
           "123456789.01");
    EXPECT(TYPE_DATE, "0001-01-01", "1999-12-31", "2000-01-01", "2024-02-29");
    EXPECT(TYPE_TIMESTAMP, "1999-12-31 23:59:59", "2000-01-01 00:00:00", "2000-01-01 00:00:00.000001");
    EXPECT(TYPE_UUID, "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0100-000000000000",
           "ffffffff-0000-0000-0000-000000000000");
    EXPECT(TYPE_TEXT, "", "a", "aa", "ab", "b", "ä");
#undef EXPECT
}

static void second_column_decides_where_the_first_is_equal(void **state)
{
    (void)state;
    struct table_of t;
    struct sorter s;
    uint64_t a[2], b[2], c[2];
    table_init(&t, TYPE_TEXT, TYPE_INT4);
    put(&t, "eu", "-5");
    put(&t, "eu", "7");
    put(&t, "eur", "-9");
    sorter_init(&s, both, 2);
    sorter_prefix(&s, &t.batch, 0, a);
    sorter_prefix(&s, &t.batch, 1, b);
    sorter_prefix(&s, &t.batch, 2, c);
    assert_true(a[0] < b[0] && b[0] < c[0]);
    arena_done(&t.arena);
}

/* Rows (n, name) with these numbers, a batch each `step` of them, as COPY bytes; sorted with `s` if there is one. */
static void copy_of(struct buf *out, struct sorter *s, const int *number, size_t n, size_t step)
{
    buf_init(out, (size_t)1 << 30);
    for (size_t from = 0; from < n; from += step) {
        struct table_of t;
        char text[16], name[40];
        table_init(&t, TYPE_INT4, TYPE_TEXT);
        for (size_t i = from; i < from + step && i < n; i++) {
            snprintf(text, sizeof text, "%d", number[i]);
            snprintf(name, sizeof name, "%*d", 1 + number[i] % 30, number[i]);
            put(&t, text, number[i] % 7 ? name : NULL);
        }
        size_t at = out->len;
        pgcopy_rows(out, &t.batch, NULL);
        if (s) assert_int_equal(sorter_add(s, &t.batch, out, at, pgcopy_row_bytes), 0);
        arena_done(&t.arena);
    }
    if (s) assert_int_equal(sorter_finish(s, out), 0);
}

static void expect_sorted(const int *number, const int *sorted, size_t n)
{
    struct sorter s;
    struct buf got, expected;
    sorter_init(&s, first, 1);
    copy_of(&got, &s, number, n, 1000);
    copy_of(&expected, NULL, sorted, n, 1000);
    assert_int_equal(got.len, expected.len);
    assert_memory_equal(got.data, expected.data, got.len);
    sorter_done(&s);
    buf_done(&got);
    buf_done(&expected);
}

static void rows_of_any_length_come_in_the_order_of_the_key(void **state)
{
    (void)state;
    enum { N = 5000 };
    static int scattered[N], ascending[N];
    for (int i = 0; i < N; i++) {
        ascending[i] = i;
        scattered[i] = i * 1237 % N;
    }
    expect_sorted(scattered, ascending, N);
    expect_sorted(ascending, ascending, N);
    expect_sorted((int[]){2, 1}, (int[]){1, 2}, 2);
    expect_sorted((int[]){1}, (int[]){1}, 1);
    expect_sorted(NULL, NULL, 0);
}

static void many_rows_are_sorted_in_parts(void **state)
{
    (void)state;
    enum { PART = SORTER_ROWS / 1000 * 1000, N = PART + 3000 };
    int *descending = calloc(N, sizeof *descending), *parts = calloc(N, sizeof *parts);
    assert_true(descending && parts);
    for (int i = 0; i < N; i++) {
        descending[i] = N - i;
        parts[i] = i < PART ? N - PART + 1 + i : i - PART + 1;
    }
    expect_sorted(descending, parts, N);
    free(descending);
    free(parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_compare_as_values_do),
        cmocka_unit_test(second_column_decides_where_the_first_is_equal),
        cmocka_unit_test(rows_of_any_length_come_in_the_order_of_the_key),
        cmocka_unit_test(many_rows_are_sorted_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
