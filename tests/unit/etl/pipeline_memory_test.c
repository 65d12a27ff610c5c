/* SPDX-License-Identifier: MIT */
/* A pipeline holds no more than its budget, and gets on with less. */
#include "flow.h"

static void memory_stays_below_its_ceiling(void **state)
{
    (void)state;
    enum { CHUNK = 16 * 1024, MAX = 1 << 20 };
    struct buf memory;
    struct slice text = mixed_text(&memory, 20000, 1000);
    assert_true(text.len > 20 * CHUNK);
    struct flow f = flow_of(WORKERS, CHUNK);
    f.memory_max = MAX;
    f.hold_turns = 3;
    flow_run(&f, text);
    assert_int_equal(f.rc, 0);
    assert_in_range(f.memory_peak, CHUNK, MAX);
    assert_int_equal(counters_get(&f.counters, COUNTER_MEMORY_USED), 0);
    flow_done(&f);
    buf_done(&memory);
}

/* numeric is the type whose binary form is longest beside its text: 16 bytes for "1\n". What a chunk took beforehand must do. */
static void rows_that_grow_most_stay_below_the_ceiling_too(void **state)
{
    (void)state;
    enum { CHUNK = 17 * 1024, MAX = 1 << 20 };
    struct buf memory;
    struct slice text = repeated(&memory, "", "1\n", 400000);
    struct flow f = flow_of(WORKERS, CHUNK);
    f.plan.rule = &narrow_rule;
    f.plan.rollups = 0;
    f.plan.header = false;
    f.memory_max = MAX;
    flow_fill(&f, text);
    assert_in_range(f.memory_peak, CHUNK, MAX);
    flow_empty(&f);
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.joined.len, 400000 * 16);
    assert_in_range(f.memory_peak, CHUNK, MAX);
    flow_done(&f);
    buf_done(&memory);
}

/* Rejects are memory too, as long as they wait for their turn. */
static void waiting_rejects_are_counted(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = repeated(&memory, "n,t\n1,first\n", "no number,this row is refused\n", 20000);
    struct flow f = flow_of(WORKERS, 4096);
    f.plan.rollups = 0;
    f.memory_max = (1 << 20) + (WORKERS + 1) * convert_bench_bytes(&f.plan);
    flow_fill(&f, text);
    /* The first output stands before the taker; what waits behind it has rejects only, which take more than their text. */
    assert_in_range(f.memory.used, pipeline_result(f.pipeline)->bytes, f.memory_max);
    flow_empty(&f);
    assert_int_equal(f.rejects, 20000);
    flow_done(&f);
    buf_done(&memory);
}

static void one_chunk_at_a_time_goes_even_without_room(void **state)
{
    (void)state;
    struct buf memory;
    struct slice text = mixed_text(&memory, 1000, 10);
    struct flow whole = flow_of(1, text.len + 1), f = flow_of(WORKERS, 1024);
    flow_run(&whole, text);
    f.memory_max = 1;
    flow_run(&f, text);
    size_t bench = convert_bench_bytes(&f.plan);
    assert_in_range(f.memory_peak, bench + 1024, bench + 16 * 1024);
    assert_same_results(&f, &whole);
    flow_done(&f);
    flow_done(&whole);
    buf_done(&memory);
}

/* What was taken before it was cut is for usual records only: this one waits until the budget has room for it. */
static void long_records_are_counted_as_what_they_are(void **state)
{
    (void)state;
    enum { LONG = 4 << 20 };
    struct buf memory;
    repeated(&memory, "n,t\n", "1,short\n", 1000);
    buf_puts(&memory, "2,\"");
    for (int i = 0; i < LONG; i++)
        buf_putc(&memory, 'x');
    buf_puts(&memory, "\"\n");
    for (int i = 0; i < 300; i++)
        buf_puts(&memory, "3,short\n");
    struct flow f = flow_of(WORKERS, 1024);
    f.plan.rollups = 0;
    f.memory_max = 3 * LONG;
    flow_fill(&f, buf_slice(&memory));
    assert_in_range(f.memory.used, LONG, f.memory_max);
    assert_in_range(pipeline_result(f.pipeline)->bytes, LONG, memory.len - 1000); /* nothing was read behind it */
    flow_empty(&f);
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.rows_read, 1301);
    flow_done(&f);
    buf_done(&memory);
}

/* Rows that take long to convert: chunks wait for a bench, of which there is one a worker and one more, or two where the budget has
 * no room for more. */
static void chunks_wait_for_a_bench(void **state)
{
    (void)state;
    enum { MANY = 20, WIDE = 200, ROWS = 100000 };
    struct column_rule column[WIDE];
    struct type type[WIDE];
    for (int i = 0; i < WIDE; i++) {
        type[i] = (struct type){TYPE_INT8, -1};
        column[i] = (struct column_rule){.name = "c", .input = {.type = type[i]}, .source = i == 0 ? 0 : -1};
    }
    struct row_rule wide = {.column = column, .columns = WIDE, .cells = 1};
    struct buf memory;
    struct slice text = repeated(&memory, "", "1\n", ROWS);
    for (int budget = 0; budget < 2; budget++) {
        struct flow f = flow_of(MANY, 2048);
        f.plan = (struct convert_plan){.rule = &wide, .types = type, .rejects_max = 1000};
        f.memory_max = budget ? 2 * convert_bench_bytes(&f.plan) : (size_t)1 << 30;
        f.discard_after = 1;
        flow_run(&f, text);
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.rows_read, ROWS);
        flow_done(&f);
    }
    buf_done(&memory);
}

static void taker_that_takes_nothing_stops_the_reading(void **state)
{
    (void)state;
    enum { CHUNK = 1024 };
    struct buf memory;
    struct slice text = mixed_text(&memory, 5000, 100);
    struct flow f = flow_of(WORKERS, CHUNK);
    flow_fill(&f, text);
    assert_in_range(pipeline_result(f.pipeline)->bytes, CHUNK, 40 * CHUNK);
    flow_empty(&f);
    assert_int_equal(f.rc, 0);
    assert_int_equal(f.bytes, text.len);
    flow_done(&f);
    buf_done(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_stays_below_its_ceiling),
        cmocka_unit_test(rows_that_grow_most_stay_below_the_ceiling_too),
        cmocka_unit_test(waiting_rejects_are_counted),
        cmocka_unit_test(one_chunk_at_a_time_goes_even_without_room),
        cmocka_unit_test(long_records_are_counted_as_what_they_are),
        cmocka_unit_test(chunks_wait_for_a_bench),
        cmocka_unit_test(taker_that_takes_nothing_stops_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
