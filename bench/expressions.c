/* SPDX-License-Identifier: MIT */
/*
 * What one core takes for an expression: nanoseconds a row, parsed and checked once, evaluated over batches of rows without NULLs.
 * Times are the thread's own, the median of many passes over the same data.
 *
 *     expressions             the table
 *     expressions 'TEXT'      that one, again and again for two seconds: for a profiler
 *
 * Thread: one.
 */
#include "expr/expr.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PASSES = 501, TEXT_MAX = 64 };

static const char *const texts[] = {
    "quantity * 2 + line_no",
    "quantity / 3",
    "price * quantity",
    "price * 1.19",
    "round(price * quantity * 0.93, 2)",
    "(price * quantity)::numeric(12,2)",
    "price > 100",
    "weight * 2.5",
    "weight / quantity",
    "quantity between 10 and 500 and region <> 'west'",
    "region in ('north', 'south')",
    "case when quantity > 500 then 'bulk' else region end",
    "coalesce(region, 'none')",
    "lower(customer)",
    "upper(left(customer, 3))",
    "split_part(customer, ' ', 2)",
    "customer || ', ' || region",
    "trim(customer)",
    "customer like '%name%'",
    "length(customer)",
    "quantity::text",
    "price::text",
    "price::float8",
    "weight::numeric",
    "placed::date",
    "date_trunc('month', placed)",
    "extract(year from placed)",
    "placed::date + 30",
    "placed >= '2024-06-01'",
    "gen_random_uuid()",
};

static uint64_t state = 88172645463325252U;

static uint64_t dice(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void make_quantity(char *to)
{
    snprintf(to, TEXT_MAX, "%" PRIu64, 1 + dice() % 1000);
}
static void make_price(char *to)
{
    snprintf(to, TEXT_MAX, "%d.%02d", (int)(dice() % 1000), (int)(dice() % 100));
}
static void make_weight(char *to)
{
    snprintf(to, TEXT_MAX, "%.4f", (double)(dice() % 100000000) / 9999.0);
}
static void make_region(char *to)
{
    static const char *const region[] = {"north", "south", "east", "west", "middle", "far north", "the islands"};
    snprintf(to, TEXT_MAX, "%s", region[dice() % (sizeof(region) / sizeof(region[0]))]);
}
static void make_customer(char *to)
{
    snprintf(to, TEXT_MAX, "%.*s", 10 + (int)(dice() % 12), "Customer name and more");
}
static void make_placed(char *to)
{
    snprintf(to, TEXT_MAX, "2024-%02d-%02d %02d:%02d:%02d", 1 + (int)(dice() % 12), 1 + (int)(dice() % 28), (int)(dice() % 24),
             (int)(dice() % 60), (int)(dice() % 60));
}

static const struct {
    struct expr_name name;
    void (*make)(char *to);
} columns[] = {
    {{.name = "quantity", .type = {TYPE_INT4, -1}}, make_quantity},
    {{.name = "line_no", .type = {TYPE_INT8, -1}}, make_quantity},
    {{.name = "price", .type = {TYPE_NUMERIC, (12 << 16 | 2) + 4}}, make_price},
    {{.name = "weight", .type = {TYPE_FLOAT8, -1}}, make_weight},
    {{.name = "region", .type = {TYPE_TEXT, -1}, .bytewise = true}, make_region},
    {{.name = "customer", .type = {TYPE_TEXT, -1}, .bytewise = true}, make_customer},
    {{.name = "placed", .type = {TYPE_TIMESTAMP, -1}}, make_placed},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void make_batch(struct batch *b, struct arena *arena)
{
    struct type types[COLUMNS];
    for (int c = 0; c < COLUMNS; c++)
        types[c] = columns[c].name.type;
    if (batch_init(b, types, COLUMNS, arena)) exit(2);
    for (b->rows = 0; b->rows < BATCH_ROWS; b->rows++) {
        b->line[b->rows] = b->rows + 2;
        for (int c = 0; c < COLUMNS; c++) {
            char text[TEXT_MAX];
            columns[c].make(text);
            b->column[c].null[b->rows] = false;
            struct slice cell = arena_copy(arena, slice_of(text));
            if (type_parse(&(struct type_input){.type = types[c]}, cell, arena, &b->column[c].value[b->rows])) exit(2);
        }
    }
}

static const struct expr *prepare(const char *text, struct arena *arena)
{
    struct expr_name names[COLUMNS];
    for (int c = 0; c < COLUMNS; c++)
        names[c] = columns[c].name;
    const struct expr_scope scope = {.name = names, .names = COLUMNS, .bytewise = true, .ctype_known = true};
    const struct expr_want want = {.any = true};
    struct expr_mistake mistake = {.why = {.text = "no memory"}};
    struct expr_node *tree;
    const struct expr *e;
    if (expr_parse(slice_of(text), arena, &mistake, &tree) || expr_check(tree, &scope, &want, arena, &mistake, &e)) {
        fprintf(stderr, "%s: %s\n", text, mistake.why.text);
        exit(2);
    }
    return e;
}

static double pass(const struct expr *e, const struct batch *b, struct arena *arena)
{
    static uint32_t row[BATCH_ROWS];
    static const struct expr_fault *fault[BATCH_ROWS];
    for (uint32_t i = 0; i < BATCH_ROWS; i++)
        row[i] = i;
    struct expr_run run = {.column = b->column, .line = b->line, .rows = b->rows, .arena = arena, .fault = fault};
    const struct batch_column *made;
    double start = now_ns();
    if (expr_eval(e, &run, &(struct expr_rows){row, b->rows}, &made) || run.faults) exit(2);
    double took = now_ns() - start;
    arena_reset(arena);
    return took;
}

static void measure(const char *text, const struct batch *b, bool profile)
{
    struct arena arena, scratch;
    arena_init(&arena, 1 << 16, SIZE_MAX);
    arena_init(&scratch, 1 << 20, SIZE_MAX);
    const struct expr *e = prepare(text, &arena);
    for (double end = now_ns() + 2e9; profile && now_ns() < end;)
        pass(e, b, &scratch);
    double took[PASSES];
    for (int i = 0; i < PASSES; i++)
        took[i] = pass(e, b, &scratch);
    qsort(took, PASSES, sizeof(took[0]), ascending);
    printf("%8.1f  %s\n", took[PASSES / 2] / BATCH_ROWS, text);
    arena_done(&scratch);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct batch b;
    arena_init(&arena, 1 << 20, SIZE_MAX);
    make_batch(&b, &arena);
    if (argc > 1) {
        measure(argv[1], &b, true);
    } else {
        printf("ns a row\n");
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
            measure(texts[i], &b, false);
    }
    arena_done(&arena);
    return 0;
}
