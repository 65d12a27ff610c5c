/* SPDX-License-Identifier: MIT */
/*
 * What one core does with cells: nanoseconds a cell to parse it and to write it as binary COPY, by type, and nanoseconds a row
 * to aggregate (two keys, four measures). Times are the thread's own, the median of many passes over the same data.
 *
 *     cells           the table
 *     cells NAME      one line of it, again and again for two seconds: for a profiler
 *
 * Thread: one.
 */
#include "base/zone.h"
#include "data/aggregate.h"
#include "format/pgcopy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS = 64 * BATCH_ROWS, PASSES = 31, TEXT_MAX = 64 };

static uint64_t state = 88172645463325252U;

static uint64_t dice(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void make_int8(char *to)
{
    snprintf(to, TEXT_MAX, "%" PRIu64, dice() % 10000000);
}
static void make_long(char *to)
{
    snprintf(to, TEXT_MAX, "%" PRId64, (int64_t)dice());
}
static void make_price(char *to)
{
    snprintf(to, TEXT_MAX, "%d.%02d", (int)(dice() % 100000), (int)(dice() % 100));
}
static void make_float(char *to)
{
    snprintf(to, TEXT_MAX, "%.4f", (double)(dice() % 100000000) / 9999.0);
}
static void make_double(char *to)
{
    snprintf(to, TEXT_MAX, "%.17g", (double)(dice() >> 11) * 0x1p-53 * 1000);
}
/* As files have them: many rows of one day, one after another */
static void make_date(char *to)
{
    static int row;
    int day = row++ / 50;
    snprintf(to, TEXT_MAX, "2024-%02d-%02d", 1 + day / 28 % 12, 1 + day % 28);
}
static void make_any_date(char *to)
{
    snprintf(to, TEXT_MAX, "%04d-%02d-%02d", 1950 + (int)(dice() % 100), 1 + (int)(dice() % 12), 1 + (int)(dice() % 28));
}
static void make_timestamp(char *to)
{
    make_date(to);
    snprintf(to + 10, TEXT_MAX - 10, " %02d:%02d:%02d", (int)(dice() % 24), (int)(dice() % 60), (int)(dice() % 60));
}
static void make_timestamptz(char *to)
{
    make_date(to);
    snprintf(to + 10, TEXT_MAX - 10, "T%02d:%02d:%02d.%06d+02:00", (int)(dice() % 24), (int)(dice() % 60), (int)(dice() % 60),
             (int)(dice() % 1000000));
}
static void make_short_date(char *to)
{
    snprintf(to, TEXT_MAX, "%02d/%02d/%04d %02d:%02d", 1 + (int)(dice() % 28), 1 + (int)(dice() % 12), 1990 + (int)(dice() % 40),
             (int)(dice() % 24), (int)(dice() % 60));
}
static void make_local(char *to)
{
    snprintf(to, TEXT_MAX, "%04d-%02d-%02d %02d:%02d:%02d", 1990 + (int)(dice() % 40), 1 + (int)(dice() % 12),
             1 + (int)(dice() % 28), (int)(dice() % 24), (int)(dice() % 60), (int)(dice() % 60));
}
static void make_marked(char *to)
{
    snprintf(to, TEXT_MAX, "%d.%03d,%02d", 1 + (int)(dice() % 999), (int)(dice() % 1000), (int)(dice() % 100));
}
static void make_text(char *to)
{
    snprintf(to, TEXT_MAX, "%.*s", 4 + (int)(dice() % 12), "Customer name and more");
}
static void make_uuid(char *to)
{
    snprintf(to, TEXT_MAX, "%08x-%04x-%04x-%04x-%012" PRIx64, (unsigned)dice(), (unsigned)dice() & 0xffff,
             (unsigned)dice() & 0xffff, (unsigned)dice() & 0xffff, dice() >> 16);
}
static void make_bool(char *to)
{
    snprintf(to, TEXT_MAX, "%s", dice() & 1 ? "true" : "false");
}

static const struct subject {
    const char *name;
    struct type type;
    void (*make)(char *to);
    const char *format, *zone;
    struct type_marks marks;
} subjects[] = {
    {.name = "int8", .type = {TYPE_INT8, -1}, .make = make_int8},
    {.name = "int8, 19 digits", .type = {TYPE_INT8, -1}, .make = make_long},
    {.name = "numeric(12,2)", .type = {TYPE_NUMERIC, (12 << 16 | 2) + 4}, .make = make_price},
    {.name = "numeric", .type = {TYPE_NUMERIC, -1}, .make = make_price},
    {.name = "float8", .type = {TYPE_FLOAT8, -1}, .make = make_float},
    {.name = "float8, 17 digits", .type = {TYPE_FLOAT8, -1}, .make = make_double},
    {.name = "float4", .type = {TYPE_FLOAT4, -1}, .make = make_float},
    {.name = "date", .type = {TYPE_DATE, -1}, .make = make_date},
    {.name = "date, any", .type = {TYPE_DATE, -1}, .make = make_any_date},
    {.name = "timestamp", .type = {TYPE_TIMESTAMP, -1}, .make = make_timestamp},
    {.name = "timestamptz", .type = {TYPE_TIMESTAMPTZ, -1}, .make = make_timestamptz},
    {.name = "timestamp, template", .type = {TYPE_TIMESTAMP, -1}, .make = make_short_date, .format = "DD/MM/YYYY HH24:MI"},
    {.name = "timestamptz, zone", .type = {TYPE_TIMESTAMPTZ, -1}, .make = make_local, .zone = "Europe/Paris"},
    {.name = "numeric, marks", .type = {TYPE_NUMERIC, -1}, .make = make_marked, .marks = {',', '.'}},
    {.name = "text", .type = {TYPE_TEXT, -1}, .make = make_text},
    {.name = "uuid", .type = {TYPE_UUID, -1}, .make = make_uuid},
    {.name = "bool", .type = {TYPE_BOOL, -1}, .make = make_bool},
};
enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

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

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), ascending);
    return v[n / 2];
}

struct cells {
    struct slice *text;
    char *bytes;
    size_t len; /* of bytes */
};

static struct cells make_cells(const struct subject *s)
{
    struct cells c = {.text = calloc(ROWS, sizeof(*c.text)), .bytes = calloc(ROWS, TEXT_MAX)};
    if (!c.text || !c.bytes) exit(2);
    size_t at = 0;
    for (size_t i = 0; i < ROWS; i++) {
        s->make(c.bytes + at);
        c.text[i] = slice_of(c.bytes + at);
        at += c.text[i].len;
        c.bytes[at++] = ','; /* as in a file: something follows */
    }
    c.len = at;
    return c;
}

/* One pass: parse all, batch by batch, and write them. */
static void pass(const struct type_input *in, const struct cells *c, double *ret_parse, double *ret_write)
{
    static struct arena arena = {.block = 1 << 20, .max = SIZE_MAX};
    static struct buf out = {.max = SIZE_MAX};
    *ret_parse = *ret_write = 0;
    for (size_t from = 0; from < ROWS; from += BATCH_ROWS) {
        struct batch b;
        if (batch_init(&b, &in->type, 1, &arena)) exit(2);
        memset(b.column[0].null, 0, BATCH_ROWS);
        b.rows = BATCH_ROWS;
        bool bad[BATCH_ROWS] = {false};
        for (size_t i = 0; i < BATCH_ROWS; i++)
            b.column[0].value[i].s = c->text[from + i];
        const struct type_rows rows = {b.column[0].value, b.column[0].null, bad, BATCH_ROWS, {c->bytes, c->len}};
        double start = now_ns();
        if (type_parse_rows(in, &rows, &arena) || memchr(bad, true, BATCH_ROWS)) exit(2);
        double parsed = now_ns();
        pgcopy_rows(&out, &b, NULL);
        *ret_parse += parsed - start;
        *ret_write += now_ns() - parsed;
        buf_reset(&out);
        arena_reset(&arena);
    }
}

static void measure_cells(const struct subject *s, bool profile)
{
    struct cells c = make_cells(s);
    struct type_input in = {.type = s->type, .marks = s->marks};
    struct type_format *format = NULL;
    struct arena zones;
    struct error err;
    arena_init(&zones, 1 << 12, 1 << 20);
    if (s->format && type_format_new(slice_of(s->format), &err, &format)) exit(2);
    if (s->zone && zone_load(s->zone, &zones, &err, &in.zone)) exit(2);
    in.format = format;
    double parse[PASSES], write[PASSES];
    for (double end = now_ns() + 2e9; profile && now_ns() < end;)
        pass(&in, &c, &parse[0], &write[0]);
    for (size_t i = 0; i < PASSES; i++)
        pass(&in, &c, &parse[i], &write[i]);
    printf("%-20s %8.1f %8.1f\n", s->name, median(parse, PASSES) / ROWS, median(write, PASSES) / ROWS);
    type_format_free(format);
    arena_done(&zones);
    free(c.text);
    free(c.bytes);
}

/* SELECT region, placed::date, count(*), sum(amount), sum(quantity), max(price) … GROUP BY 1, 2 */
static const struct type row_types[] = {
    {TYPE_TEXT, -1}, {TYPE_TIMESTAMP, -1}, {TYPE_NUMERIC, (12 << 16 | 2) + 4}, {TYPE_INT8, -1}, {TYPE_FLOAT8, -1}};
enum { COLUMNS = sizeof(row_types) / sizeof(row_types[0]), REGIONS = 7 };

static void make_rows(struct batch *b, struct arena *arena)
{
    static const char *const region[REGIONS] = {"north", "south", "east", "west", "middle", "far north", "the islands"};
    static void (*const make[COLUMNS])(char *to) = {NULL, make_timestamp, make_price, make_int8, make_float};
    if (batch_init(b, row_types, COLUMNS, arena)) exit(2);
    for (b->rows = 0; b->rows < BATCH_ROWS; b->rows++)
        for (size_t k = 0; k < COLUMNS; k++) {
            char text[TEXT_MAX];
            if (make[k])
                make[k](text);
            else
                snprintf(text, sizeof(text), "%s", region[dice() % REGIONS]);
            struct slice cell = arena_copy(arena, slice_of(text));
            b->column[k].null[b->rows] = false;
            if (type_parse(&(struct type_input){.type = row_types[k]}, cell, arena, &b->column[k].value[b->rows])) exit(2);
        }
}

static void measure_aggregate(bool profile)
{
    const struct aggregate_key key[] = {{AGGREGATE_KEY_COLUMN, 0, NULL}, {AGGREGATE_KEY_DATE, 1, NULL}};
    const struct aggregate_measure measure[] = {
        {AGGREGATE_COUNT_ALL, 0}, {AGGREGATE_SUM, 2}, {AGGREGATE_SUM, 3}, {AGGREGATE_MAX, 4}};
    const struct aggregate_spec spec = {key, 2, measure, 4, row_types, COLUMNS};
    struct arena arena;
    arena_init(&arena, 1 << 20, SIZE_MAX);
    enum { BATCHES = ROWS / BATCH_ROWS };
    struct batch *b = calloc(BATCHES, sizeof(*b));
    struct aggregate *a;
    if (!b || aggregate_new(&spec, 64 << 20, &a)) exit(2);
    for (size_t i = 0; i < BATCHES; i++)
        make_rows(&b[i], &arena);
    double took[PASSES];
    for (double end = now_ns() + 2e9; profile && now_ns() < end;)
        for (size_t k = 0; k < BATCHES; k++)
            if (aggregate_add(a, &b[k])) exit(2);
    for (size_t i = 0; i < PASSES; i++) {
        double start = now_ns();
        for (size_t k = 0; k < BATCHES; k++)
            if (aggregate_add(a, &b[k])) exit(2);
        took[i] = now_ns() - start;
    }
    printf("%-20s %8.1f\n", "aggregate", median(took, PASSES) / ROWS);
    aggregate_free(a);
    arena_done(&arena);
    free(b);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    if (!only) printf("%-20s %8s %8s\n", "ns a cell", "parse", "write");
    for (size_t i = 0; i < SUBJECTS; i++)
        if (!only || strcmp(only, subjects[i].name) == 0) measure_cells(&subjects[i], only);
    if (!only || strcmp(only, "aggregate") == 0) measure_aggregate(only);
    return 0;
}
