/* SPDX-License-Identifier: MIT */
#include "etl/convert.h"
#include "fixture.h"
#include "format/pgcopy.h"

/* A table (n bigint NOT NULL, t text) and one rollup of it: by t, count(*) and sum(n). */
struct table_plan {
    struct column_rule column[2];
    struct row_rule rule;
    struct type types[2];
    struct aggregate_key key;
    struct aggregate_measure measure[2];
    struct aggregate_spec spec;
    struct convert_plan plan;
};

static void plan_of(struct table_plan *p)
{
    *p = (struct table_plan){
        .column = {{.name = "n", .input = {.type = {TYPE_INT8, -1}}, .source = 0, .not_null = true},
                   {.name = "t", .input = {.type = {TYPE_TEXT, -1}}, .source = 1}},
        .types = {{TYPE_INT8, -1}, {TYPE_TEXT, -1}},
        .key = {.kind = AGGREGATE_KEY_COLUMN, .column = 1},
        .measure = {{.function = AGGREGATE_COUNT_ALL}, {.function = AGGREGATE_SUM, .column = 0}},
    };
    p->rule = (struct row_rule){.column = p->column, .columns = 2, .cells = 2};
    p->spec =
        (struct aggregate_spec){.key = &p->key, .keys = 1, .measure = p->measure, .measures = 2, .type = p->types, .columns = 2};
    p->plan = (struct convert_plan){.dialect = dialect_default(),
                                    .header = true,
                                    .rule = &p->rule,
                                    .types = p->types,
                                    .rollup = &p->spec,
                                    .rollups = 1,
                                    .aggregate_max = 1 << 20,
                                    .rejects_max = 1 << 20};
    p->plan.dialect.delimiter = ',';
}

static struct chunk chunk_of(struct slice bytes)
{
    return (struct chunk){.bytes = bytes, .first_line = 1};
}

static void put_row(struct buf *out, int64_t n, const char *t)
{
    buf_put_u16(out, 2);
    pgcopy_value(out, (struct type){TYPE_INT8, -1}, &(union value){.i = n}, false);
    pgcopy_value(out, (struct type){TYPE_TEXT, -1}, &(union value){.s = slice_of(t)}, t == NULL);
}

static void assert_same(const struct buf *a, const struct buf *b)
{
    assert_int_equal(a->len, b->len);
    if (a->len > 0) assert_memory_equal(a->data, b->data, a->len);
}

/* One more chunk through the bench; the output is the caller's. */
static void convert(const struct convert_plan *plan, struct convert_bench *bench, struct slice text,
                    struct convert_output *ret_output)
{
    struct chunk chunk = chunk_of(text);
    assert_int_equal(convert_chunk(plan, &chunk, bench, ret_output), 0);
}

static void rows_become_copy_bytes_and_bad_ones_rejects(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    plan_of(&p);
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    convert(&p.plan, &bench, SLICE("n,t\r\n1,a\r\n2,\"b \"\"x\"\"\r\nc\"\nx,d\n3,\n4,\"\"\n,e\n5\n6,stray\"\n7,last"), &out);

    struct buf expected;
    buf_init(&expected, 1 << 16);
    put_row(&expected, 1, "a");
    put_row(&expected, 2, "b \"x\"\r\nc");
    put_row(&expected, 3, NULL);
    put_row(&expected, 4, "");
    put_row(&expected, 7, "last");
    assert_same(&out.copy, &expected);
    assert_int_equal(out.rows_read, 9);

    static const struct {
        uint64_t line;
        const char *code, *column, *raw;
    } rejected[] = {{5, "22P02", "n", "x,d"}, {8, "23502", "n", ",e"}, {9, "22P04", "", "5"}, {10, "22P04", "t", "6,stray\""}};
    assert_int_equal(out.rejects.n, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct reject *r = &out.rejects.item[i];
        assert_int_equal(r->line, rejected[i].line);
        assert_string_equal(r->code, rejected[i].code);
        assert_true(slice_equal(r->column, slice_of(rejected[i].column)));
        assert_true(slice_equal(r->raw, slice_of(rejected[i].raw)));
    }
    buf_done(&expected);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
}

static void judged_rows_are_rejected_and_the_others_have_their_places(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    struct reject_list verdicts;
    plan_of(&p);
    reject_list_init(&verdicts, 1 << 16);
    for (uint64_t line = 5; line >= 3; line -= 2)
        assert_int_equal(
            reject_list_add(&verdicts,
                            &(struct reject){.line = line, .column = SLICE("t"), .code = "23514", .message = SLICE("no")}),
            0);
    reject_list_sort(&verdicts);
    static const uint64_t judged[] = {3, 6, 9};
    p.plan.verdicts = &verdicts;
    p.plan.judged = judged;
    p.plan.judged_rows = 3;
    p.plan.index = true;
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    convert(&p.plan, &bench, SLICE("n,t\n1,a\n2,bad\n3,\n4,worse\n5,e\n"), &out);

    struct buf expected;
    buf_init(&expected, 1 << 16);
    static const uint64_t lines[] = {2, 4};
    static const char *const texts[] = {"a", NULL};
    assert_int_equal(out.rows, 2);
    for (size_t i = 0; i < 2; i++) {
        put_row(&expected, (int64_t)lines[i] - 1, texts[i]);
        assert_int_equal(out.row[i].line, lines[i]);
        assert_int_equal(out.row[i].end, expected.len);
    }
    assert_same(&out.copy, &expected);
    assert_int_equal(out.rows_read, 5);
    assert_int_equal(out.rejects.n, 3);
    assert_string_equal(out.rejects.item[2].code, "23000");
    const struct reject *r = &out.rejects.item[1];
    assert_int_equal(r->line, 5);
    assert_int_equal(r->offset, 17);
    assert_string_equal(r->code, "23514");
    assert_true(slice_equal(r->raw, SLICE("4,worse")) && slice_equal(r->value, SLICE("worse")) &&
                slice_equal(r->message, SLICE("no")));
    buf_done(&expected);
    reject_list_done(&verdicts);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
}

static void only_the_first_record_of_the_first_chunk_is_the_header(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    plan_of(&p);
    static const struct {
        bool header;
        uint64_t seq, rows;
    } cases[] = {{true, 0, 1}, {true, 1, 2}, {false, 0, 2}, {false, 1, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        p.plan.header = cases[i].header;
        assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
        struct chunk chunk = chunk_of(SLICE("1,a\n2,b\n"));
        chunk.seq = cases[i].seq;
        struct convert_output out;
        assert_int_equal(convert_chunk(&p.plan, &chunk, &bench, &out), 0);
        assert_int_equal(out.rows_read, cases[i].rows);
        convert_output_done(&out);
        convert_bench_done(&bench, &p.plan);
    }
}

static void header_behind_blank_lines_is_still_the_header(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    plan_of(&p);
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    convert(&p.plan, &bench, SLICE("\r\n\nn,t\n1,a\n"), &out);
    assert_int_equal(out.rows_read, 1);
    assert_int_equal(out.rejects.count, 0);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
}

/* The place of a reject counts from the chunk's. */
static void lines_and_offsets_go_on_from_the_chunks_place(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    plan_of(&p);
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    struct chunk chunk = {.bytes = SLICE("1,a\nx,b\n"), .first_line = 1001, .first_offset = 70000, .seq = 3};
    assert_int_equal(convert_chunk(&p.plan, &chunk, &bench, &out), 0);
    assert_int_equal(out.rejects.item[0].line, 1002);
    assert_int_equal(out.rejects.item[0].offset, 70004);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
}

enum { MANY = 3 * BATCH_ROWS + 7 };

/* n,t with t of three values, quoted so that it has to be unescaped into the arena */
static void many_rows(struct buf *text, struct buf *copy)
{
    buf_init(text, 1 << 20);
    if (copy) buf_init(copy, 1 << 20);
    for (int i = 0; i < MANY; i++) {
        char t[32];
        snprintf(t, sizeof t, "\"%d\"", i % 3);
        buf_printf(text, "%d,\"\"\"%d\"\"\"\n", i, i % 3);
        if (copy) put_row(copy, i, t);
    }
}

static void more_rows_than_a_batch_holds_lose_nothing(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    struct buf text, expected;
    plan_of(&p);
    p.plan.header = false;
    many_rows(&text, &expected);
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    convert(&p.plan, &bench, buf_slice(&text), &out);
    assert_int_equal(out.rows_read, MANY);
    assert_same(&out.copy, &expected);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
    buf_done(&text);
    buf_done(&expected);
}

/* count and sum of the group of `key`, from a bench's only aggregate */
static void assert_group(struct convert_bench *bench, const char *key, int64_t count, int64_t sum)
{
    struct batch b;
    size_t position = 0;
    assert_int_equal(aggregate_read(bench->partial[0], &position, &bench->arena, &b), 0);
    /* sum(bigint) is numeric: read as the digits that numeric_send has, one group of four here */
    for (size_t r = 0; r < b.rows; r++) {
        if (b.column[0].null[r] || !slice_equal(b.column[0].value[r].s, slice_of(key))) continue;
        assert_int_equal(b.column[1].value[r].i, count);
        const unsigned char *n = (const unsigned char *)b.column[2].value[r].s.p;
        int64_t got = 0;
        for (int i = 0; i <= (n[2] << 8 | n[3]); i++)
            got = got * 10000 + (i < (n[0] << 8 | n[1]) ? n[8 + 2 * i] << 8 | n[9 + 2 * i] : 0);
        assert_int_equal(got, sum);
        return;
    }
    fail_msg("no group %s", key);
}

static void aggregates_are_fed_every_row_that_is_copied(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    struct buf text;
    plan_of(&p);
    p.plan.header = false;
    many_rows(&text, NULL);
    buf_puts(&text, "x,\"\"\"0\"\"\"\n"); /* rejected: not counted */
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    convert(&p.plan, &bench, buf_slice(&text), &out);
    assert_int_equal(out.rejects.count, 1);
    int64_t count[3] = {0}, sum[3] = {0};
    for (int i = 0; i < MANY; i++) {
        count[i % 3]++;
        sum[i % 3] += i;
    }
    assert_int_equal(aggregate_groups(bench.partial[0]), 3);
    assert_group(&bench, "\"0\"", count[0], sum[0]);
    assert_group(&bench, "\"2\"", count[2], sum[2]);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
    buf_done(&text);
}

static void merged_benches_are_as_one(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench[2];
    struct convert_output out;
    plan_of(&p);
    p.plan.header = false;
    static const struct slice text[2] = {{"1,a\n2,b\n", 8}, {"10,a\n20,c\n", 10}};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(convert_bench_init(&bench[i], &p.plan), 0);
        convert(&p.plan, &bench[i], text[i], &out);
        convert_output_done(&out);
    }
    assert_int_equal(convert_bench_merge(&bench[0], &bench[1], &p.plan), 0);
    assert_group(&bench[0], "a", 2, 11);
    assert_group(&bench[0], "c", 1, 20);
    for (int i = 0; i < 2; i++)
        convert_bench_done(&bench[i], &p.plan);
}

static void full_aggregate_is_told(void **state)
{
    (void)state;
    struct table_plan p;
    struct convert_bench bench;
    struct convert_output out;
    struct buf text;
    plan_of(&p);
    p.plan.header = false;
    p.plan.aggregate_max = 64 * 1024;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 20000; i++)
        buf_printf(&text, "1,group %d\n", i);
    assert_int_equal(convert_bench_init(&bench, &p.plan), 0);
    struct chunk chunk = chunk_of(buf_slice(&text));
    assert_int_equal(convert_chunk(&p.plan, &chunk, &bench, &out), AGGREGATE_E_FULL);
    convert_output_done(&out);
    convert_bench_done(&bench, &p.plan);
    buf_done(&text);
}

/* A narrow file may feed a wide table whose rollups want the columns it does not have: NULLs in plenty, and no failure. */
static void columns_that_the_file_lacks_do_not_burst_the_output(void **state)
{
    (void)state;
    enum { COLUMNS = 64, ROWS = 100000 };
    struct column_rule column[COLUMNS];
    struct type types[COLUMNS];
    for (int i = 0; i < COLUMNS; i++) {
        types[i] = (struct type){TYPE_INT8, -1};
        column[i] = (struct column_rule){.name = "c", .input = {.type = types[i]}, .source = i == 0 ? 0 : -1};
    }
    struct row_rule rule = {.column = column, .columns = COLUMNS, .cells = 1};
    struct convert_plan plan = {.dialect = dialect_default(), .rule = &rule, .types = types, .rejects_max = 1000};
    plan.dialect.delimiter = ',';
    struct buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < ROWS; i++)
        buf_puts(&text, "1\n");
    struct convert_bench bench;
    struct convert_output out;
    assert_int_equal(convert_bench_init(&bench, &plan), 0);
    convert(&plan, &bench, buf_slice(&text), &out);
    assert_int_equal(out.copy.len, ROWS * (2 + 12 + 4 * (COLUMNS - 1)));
    convert_output_done(&out);
    convert_bench_done(&bench, &plan);
    buf_done(&text);
}

/* A table as wide as PostgreSQL has them takes few rows a batch, and all of its rows arrive. */
static void wide_tables_take_little_memory_and_lose_nothing(void **state)
{
    (void)state;
    enum { COLUMNS = 1600, ROWS = 300 };
    static struct column_rule column[COLUMNS];
    static struct type types[COLUMNS];
    struct buf text;
    buf_init(&text, 4 << 20);
    for (int i = 0; i < COLUMNS; i++) {
        types[i] = (struct type){TYPE_INT8, -1};
        column[i] = (struct column_rule){.name = "c", .input = {.type = types[i]}, .source = i};
    }
    for (int i = 0; i < COLUMNS * ROWS; i++)
        buf_puts(&text, i % COLUMNS == COLUMNS - 1 ? "1\n" : "1,");
    struct row_rule rule = {.column = column, .columns = COLUMNS, .cells = COLUMNS};
    struct convert_plan plan = {.dialect = dialect_default(), .rule = &rule, .types = types, .rejects_max = 1000};
    plan.dialect.delimiter = ',';
    struct convert_bench bench;
    struct convert_output out;
    assert_int_equal(convert_bench_init(&bench, &plan), 0);
    bench.arena.max = convert_bench_bytes(&plan) + (1 << 20); /* and a little for the record's cells */
    convert(&plan, &bench, buf_slice(&text), &out);
    assert_int_equal(out.copy.len, ROWS * (2 + 12 * COLUMNS));
    convert_output_done(&out);
    convert_bench_done(&bench, &plan);
    buf_done(&text);
}

static void undeclared_columns_are_inferred_over_all_chunks(void **state)
{
    (void)state;
    struct convert_plan plan = {.dialect = dialect_default(), .header = true, .infer_columns = 2};
    plan.dialect.delimiter = ',';
    struct convert_bench bench[2];
    struct convert_output out;
    struct chunk chunk[2] = {chunk_of(SLICE("n,d\n1,2024-01-02\n2,\n")), chunk_of(SLICE("3.5,2024-02-03\n"))};
    chunk[1].seq = 1;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(convert_bench_init(&bench[i], &plan), 0);
        assert_int_equal(convert_chunk(&plan, &chunk[i], &bench[i], &out), 0);
        assert_int_equal(out.rows_read, i == 0 ? 2 : 1);
        assert_int_equal(out.copy.len, 0);
        convert_output_done(&out);
    }
    assert_int_equal(convert_bench_merge(&bench[0], &bench[1], &plan), 0);
    struct infer_column column;
    infer_result(bench[0].infer, 0, &column);
    assert_int_equal(column.type.id, TYPE_NUMERIC);
    infer_result(bench[0].infer, 1, &column);
    assert_int_equal(column.type.id, TYPE_DATE);
    assert_true(column.nulls);
    for (int i = 0; i < 2; i++)
        convert_bench_done(&bench[i], &plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_copy_bytes_and_bad_ones_rejects),
        cmocka_unit_test(judged_rows_are_rejected_and_the_others_have_their_places),
        cmocka_unit_test(only_the_first_record_of_the_first_chunk_is_the_header),
        cmocka_unit_test(header_behind_blank_lines_is_still_the_header),
        cmocka_unit_test(lines_and_offsets_go_on_from_the_chunks_place),
        cmocka_unit_test(more_rows_than_a_batch_holds_lose_nothing),
        cmocka_unit_test(aggregates_are_fed_every_row_that_is_copied),
        cmocka_unit_test(merged_benches_are_as_one),
        cmocka_unit_test(full_aggregate_is_told),
        cmocka_unit_test(columns_that_the_file_lacks_do_not_burst_the_output),
        cmocka_unit_test(wide_tables_take_little_memory_and_lose_nothing),
        cmocka_unit_test(undeclared_columns_are_inferred_over_all_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
