/* SPDX-License-Identifier: MIT */
/*
 * What one core makes of a file, without a database.
 *
 *     fold sum FILE      typed parse and GROUP BY of a file of `generate sales`: the groups on stdout, "seconds S" on stderr
 *     fold transform FILE   the same with a filter and three expressions in between
 *     fold split FILE    the structural scan alone, over at most 256 MB of the file in memory: "bytes N" and "seconds S" on stderr
 *
 * The queries are those of duckdb.mjs, over every column, so that none is left unread.
 */
#include "base/arena.h"
#include "csv/scan.h"
#include "data/aggregate.h"
#include "data/rule.h"
#include "expr/transform.h"
#include "format/pgvalue.h"

#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

enum { CHUNK = 1 << 20, SPLIT_MAX = 256 << 20, SPLIT_ROUNDS = 8, COLUMNS = 9, ARENA_BLOCK = 256 * 1024, TEXT_MAX = 1 << 20 };

#define NUMERIC(p, s)                                                                                                              \
    {                                                                                                                              \
        TYPE_NUMERIC, ((p) << 16 | (s)) + 4                                                                                        \
    }
static const struct type types[COLUMNS] = {{TYPE_INT8, -1}, {TYPE_INT8, -1}, {TYPE_TIMESTAMP, -1}, {TYPE_TEXT, -1}, {TYPE_TEXT, -1},
                                           {TYPE_INT4, -1}, NUMERIC(10, 2),  NUMERIC(12, 2),       {TYPE_TEXT, -1}};
enum { ORDER_ID, CUSTOMER_ID, ORDERED, ITEM, CHANNEL, QUANTITY, PRICE, AMOUNT, PLACE };

static const struct aggregate_key keys[] = {{.column = PLACE}, {.column = CHANNEL}};
static const struct aggregate_measure measures[] = {
    {AGGREGATE_COUNT_ALL, 0},     {AGGREGATE_SUM, QUANTITY}, {AGGREGATE_SUM, AMOUNT},
    {AGGREGATE_MIN, ORDERED},     {AGGREGATE_MAX, ORDERED},  {AGGREGATE_MAX, PRICE},
    {AGGREGATE_MAX, CUSTOMER_ID}, {AGGREGATE_MAX, ORDER_ID}, {AGGREGATE_COUNT, ITEM},
};
enum { KEYS = sizeof keys / sizeof *keys, MEASURES = sizeof measures / sizeof *measures };

/* What the transform makes behind the file's columns. */
static const char *const names[COLUMNS] = {"order_id", "customer_id", "ordered", "item", "channel",
                                           "quantity", "price",       "amount",  "place"};
static const char filter_text[] = "quantity > 3 and channel <> 'phone'";
enum { GROSS = COLUMNS, CHANNEL_UPPER, MONTH, MADE };
static const struct {
    const char *name, *text;
    struct type type;
} made[MADE - COLUMNS] = {
    {"gross", "round(amount * 1.19, 2)", NUMERIC(14, 2)},
    {"channel_upper", "upper(channel)", {TYPE_TEXT, -1}},
    {"month", "date_trunc('month', ordered)", {TYPE_TIMESTAMP, -1}},
};
static const struct aggregate_key made_keys[] = {{.column = CHANNEL_UPPER}, {.column = MONTH}};
static const struct aggregate_measure made_measures[] = {
    {AGGREGATE_COUNT_ALL, 0},  {AGGREGATE_SUM, QUANTITY}, {AGGREGATE_SUM, GROSS},
    {AGGREGATE_MIN, ORDERED},  {AGGREGATE_MAX, PRICE},    {AGGREGATE_MAX, CUSTOMER_ID},
    {AGGREGATE_MAX, ORDER_ID}, {AGGREGATE_COUNT, ITEM},   {AGGREGATE_MAX, PLACE},
};

static void check(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "fold: %s failed\n", what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The file in memory, as pages of the cache: as with DuckDB nothing cuts it beforehand, since one thread reads it all. */
struct source {
    struct slice bytes;
    struct dialect dialect;
};

static void source_open(struct source *s, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    check(fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0, path);
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    check(p != MAP_FAILED, "mmap");
    s->bytes = (struct slice){p, (size_t)st.st_size};
    const struct dialect declared = dialect_default();
    dialect_detect(&declared, (struct slice){p, s->bytes.len < CHUNK ? s->bytes.len : CHUNK}, s->bytes.len <= CHUNK, &s->dialect);
}

struct fold {
    struct column_rule column[COLUMNS];
    struct row_rule rule;
    struct arena arena;
    struct batch batch;
    struct aggregate *groups;
    struct reject_list rejects;
    uint64_t rows;
    const struct transform *transform; /* or NULL */
};

static void fold_begin(struct fold *f)
{
    check(batch_init(&f->batch, types, COLUMNS, &f->arena) == 0, "batch_init");
    check(!f->transform || batch_want_origins(&f->batch, &f->arena) == 0, "batch_want_origins");
}

static void fold_batch(struct fold *f, struct reader *reader)
{
    struct batch rows = f->batch;
    const struct transform_file file = {.name = SLICE("bench.csv")};
    uint64_t filtered;
    if (f->transform)
        check(transform_apply(f->transform, &f->batch, &file, &f->arena, &f->rejects, &rows, &filtered) == 0 && f->rejects.n == 0,
              "transform_apply");
    check(aggregate_add(f->groups, &rows) == 0, "aggregate_add");
    f->rows += f->batch.rows;
    arena_reset(&f->arena);
    reader_forget(reader);
    fold_begin(f);
}

/* As etl/convert.c does it */
static void fold_rows(struct fold *f, struct reader *reader)
{
    for (size_t read = 1; read > 0;) {
        check(rule_apply_rows(&f->rule, reader, &f->batch, &f->rejects, &read) == 0 && f->rejects.n == 0, "a row");
        if (f->batch.rows == f->batch.rows_max) fold_batch(f, reader);
    }
}

static void fold_file(struct fold *f, const struct source *s)
{
    struct reader reader;
    struct record record;
    int r;
    const struct reader_input input = {.dialect = &s->dialect, .chunk = s->bytes, .first_line = 1};
    reader_init(&reader, &input, &f->arena);
    fold_begin(f);
    for (bool header = true; (r = reader_next(&reader, &record)) == 0; header = false) {
        if (header) {
            fold_rows(f, &reader);
            continue;
        }
        check(rule_apply(&f->rule, &record, &f->batch, &f->arena, &f->rejects) == 0, "a row");
        if (f->batch.rows == f->batch.rows_max) fold_batch(f, &reader);
        fold_rows(f, &reader);
    }
    check(r == READER_E_END, "a record");
    fold_batch(f, &reader);
}

/* A value as the COPY format has it, which is what pgvalue_text reads. */
static void print_value(const struct batch_column *c, size_t row, char end)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    union value v = c->value[row];
    uint64_t wire = htobe64((uint64_t)v.i);
    struct slice bytes = type_info(c->type.id)->fixed ? (struct slice){(const char *)&wire, sizeof wire} : v.s;
    check(c->null[row] || pgvalue_text(&text, type_info(c->type.id)->oid, bytes) == 0, "pgvalue_text");
    struct slice s = buf_slice(&text);
    printf("%.*s%c", (int)s.len, s.p ? s.p : "", end);
    buf_done(&text);
}

static void print_groups(struct fold *f)
{
    struct batch groups;
    for (size_t position = 0;;) {
        arena_reset(&f->arena);
        check(aggregate_read(f->groups, &position, &f->arena, &groups) == 0, "aggregate_read");
        if (groups.rows == 0) return;
        for (size_t row = 0; row < groups.rows; row++)
            for (size_t c = 0; c < groups.columns; c++)
                print_value(&groups.column[c], row, c + 1 < groups.columns ? '|' : '\n');
    }
}

static const struct expr *compile(const char *text, const struct expr_want *want, const struct expr_scope *scope,
                                  struct arena *arena)
{
    struct expr_node *tree;
    struct expr_mistake mistake;
    const struct expr *expr = NULL;
    check(expr_parse(slice_of(text), arena, &mistake, &tree) == 0, text);
    check(expr_check(tree, scope, want, arena, &mistake, &expr) == 0, text);
    return expr;
}

/* As etl/formulas.c does it; the columns of the file are all loaded. */
static const struct transform *make_transform(struct arena *arena)
{
    static struct transform_column column[MADE];
    static struct transform t = {.inputs = COLUMNS, .column = column, .columns = MADE};
    struct expr_name name[COLUMNS + MADE];
    for (size_t i = 0; i < COLUMNS; i++) {
        name[i] = name[COLUMNS + i] = (struct expr_name){.name = names[i], .type = types[i], .bytewise = true};
        name[COLUMNS + i].name = ""; /* the input is the column */
        column[i] = (struct transform_column){.name = names[i], .type = types[i], .input = i};
    }
    const struct expr_scope scope = {.name = name, .names = COLUMNS, .ctype_known = true};
    for (size_t i = COLUMNS; i < MADE; i++) {
        const char *text = made[i - COLUMNS].text;
        struct type type = made[i - COLUMNS].type;
        const struct expr *value = compile(text, &(struct expr_want){.type = type}, &scope, arena);
        column[i] = (struct transform_column){.name = made[i - COLUMNS].name, .type = type, .value = {value, slice_of(text)}};
    }
    t.filter =
        (struct transform_expr){compile(filter_text, &(struct expr_want){.condition = true}, &scope, arena), slice_of(filter_text)};
    return &t;
}

static void sum(const char *path, bool transforms)
{
    static struct fold f;
    static struct type all[MADE];
    struct arena arena;
    struct aggregate_spec spec = {
        .key = keys, .keys = KEYS, .measure = measures, .measures = MEASURES, .type = types, .columns = COLUMNS};
    arena_init(&arena, ARENA_BLOCK, TEXT_MAX);
    if (transforms) {
        f.transform = make_transform(&arena);
        for (size_t i = 0; i < MADE; i++)
            all[i] = f.transform->column[i].type;
        spec = (struct aggregate_spec){.key = made_keys,
                                       .keys = sizeof made_keys / sizeof *made_keys,
                                       .measure = made_measures,
                                       .measures = sizeof made_measures / sizeof *made_measures,
                                       .type = all,
                                       .columns = MADE};
    }
    for (int i = 0; i < COLUMNS; i++)
        f.column[i] = (struct column_rule){.name = "column", .input = {.type = types[i]}, .source = i};
    f.rule = (struct row_rule){.column = f.column, .columns = COLUMNS, .cells = COLUMNS};
    arena_init(&f.arena, ARENA_BLOCK, (size_t)1 << 30);
    reject_list_init(&f.rejects, TEXT_MAX);
    check(aggregate_new(&spec, (size_t)64 << 20, &f.groups) == 0, "aggregate_new");

    double began = now();
    struct source s;
    source_open(&s, path);
    fold_file(&f, &s);
    double seconds = now() - began;
    print_groups(&f);
    fprintf(stderr, "rows %" PRIu64 "\nseconds %.6f\n", f.rows, seconds);
    arena_done(&arena);
}

static void split(const char *path)
{
    struct source s;
    struct scan scan;
    source_open(&s, path);
    size_t n = s.bytes.len < SPLIT_MAX ? s.bytes.len : SPLIT_MAX;
    double best = 0; /* what the machine can, with the least of its noise */
    size_t ends = 0;
    for (int round = 0; round < SPLIT_ROUNDS; round++) {
        scan_init(&scan, &s.dialect);
        double began = now();
        for (size_t at = 0; at < n; at += CHUNK) {
            size_t len = n - at < CHUNK ? n - at : CHUNK;
            ends += scan_feed(&scan, (struct slice){s.bytes.p + at, len}).end;
        }
        double seconds = now() - began;
        if (round == 0 || seconds < best) best = seconds;
    }
    check(ends > 0, "scan");
    fprintf(stderr, "bytes %zu\nseconds %.6f\n", n, best);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "sum") == 0)
        sum(argv[2], false);
    else if (argc == 3 && strcmp(argv[1], "transform") == 0)
        sum(argv[2], true);
    else if (argc == 3 && strcmp(argv[1], "split") == 0)
        split(argv[2]);
    else
        return fputs("usage: fold sum|transform|split FILE\n", stderr), 2;
    return 0;
}
