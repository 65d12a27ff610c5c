/* SPDX-License-Identifier: MIT */
/*
 * data/aggregate against PostgreSQL's GROUP BY: a table of random rows that the server makes up, read in binary, cut at random over
 * three aggregates, merged and read, and compared with the server's answer, for every kind of key.
 *
 *     aggregate_diff CONNINFO ROWS SEED
 *
 * Prints each difference; status 1 when there is one.
 */
#include "data/aggregate.h"
#include "data/decimal.h"
#include "server_value.h"

#include <libpq-fe.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 20, PARTS = 3 };

/* The table: values repeat, have equal ones that look different, and are NULL now and then. */
static const struct column {
    const char *name, *sql;
    enum type_id type;
    const char *functions; /* of c s m n a o: count, sum, max, min, bool_and, bool_or */
} columns[] = {
    {"b", "bool", TYPE_BOOL, "cao"},
    {"i2", "int2", TYPE_INT2, "csmn"},
    {"i4", "int4", TYPE_INT4, "csmn"},
    {"i8", "int8", TYPE_INT8, "csmn"},
    {"n", "numeric", TYPE_NUMERIC, "csmn"},
    {"f4", "float4", TYPE_FLOAT4, "csmn"},
    {"f8", "float8", TYPE_FLOAT8, "csmn"},
    {"d", "date", TYPE_DATE, "cmn"},
    {"t", "time", TYPE_TIME, "cmn"},
    {"ts", "timestamp", TYPE_TIMESTAMP, "cmn"},
    {"tz", "timestamptz", TYPE_TIMESTAMPTZ, "cmn"},
    {"u", "uuid", TYPE_UUID, "c"},
    {"x", "text", TYPE_TEXT, "cmn"},
    {"v", "varchar", TYPE_VARCHAR, "cmn"},
    {"c", "char(6)", TYPE_BPCHAR, "cmn"},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]), MEASURES_MAX = 1 + 4 * COLUMNS };

static const char make_table[] =
    "CREATE TEMP TABLE subject AS SELECT"
    " random() < 0.5 AS b, ((random() - 0.5) * 20)::int2 AS i2, ((random() - 0.5) * 40)::int4 * 1000000 AS i4,"
    " ((random() - 0.5) * 30)::int8 * 600000000000000000 AS i8,"
    " CASE WHEN r < 0.5 THEN round(((random() - 0.5) * 10)::numeric, (random() * 3)::int)"
    "      WHEN r < 0.9 THEN (floor(random() * 5) - 2)::int * power(10::numeric, (random() * 60 - 30)::int)"
    "      WHEN r < 0.92 THEN 'NaN' WHEN r < 0.93 THEN 'Infinity' WHEN r < 0.94 THEN '-Infinity' ELSE 0.00 END AS n,"
    " CASE WHEN r < 0.8 THEN round((random() * 20 - 10)::numeric, 1)::float4 WHEN r < 0.9 THEN '-0' WHEN r < 0.95 THEN 0"
    "      WHEN r < 0.96 THEN 'NaN' WHEN r < 0.97 THEN 'Infinity' ELSE 1 END::float4 AS f4,"
    " CASE WHEN r < 0.8 THEN round((random() * 20 - 10)::numeric, 1)::float8 WHEN r < 0.9 THEN '-0' WHEN r < 0.95 THEN 0"
    "      WHEN r < 0.96 THEN 'NaN' WHEN r < 0.97 THEN '-Infinity' ELSE 1 END::float8 AS f8,"
    " CASE WHEN r < 0.98 THEN '2000-01-01'::date + ((random() - 0.5) * power(10, random() * 6.3))::int WHEN r < 0.99 THEN "
    "'infinity' "
    "ELSE '-infinity' END::date AS d,"
    " time '00:00' + (random() * 24)::int * interval '1 hour' AS t,"
    " CASE WHEN r < 0.98 THEN timestamp '2000-01-01' + ((random() - 0.5) * power(10, 8 + random() * 9.3))::int8 * interval '1 us' "
    "WHEN r < 0.99 THEN 'infinity' ELSE '-infinity' END::timestamp AS ts,"
    " CASE WHEN r < 0.98 THEN timestamptz '2000-01-01' + ((random() - 0.5) * power(10, 8 + random() * 9.3))::int8 * interval '1 "
    "us' "
    "WHEN r < 0.99 THEN 'infinity' ELSE '-infinity' END::timestamptz AS tz,"
    " md5((random() * 50)::int::text)::uuid AS u, left(md5((random() * 50)::int::text), (random() * 4)::int) AS x,"
    " repeat('ä' || chr(97 + (random() * 5)::int), (random() * 40)::int)::varchar AS v, left(md5((random() * 50)::int::text), "
    "(random() * 2)::int)::char(6) AS c"
    " FROM (SELECT random() AS r FROM generate_series(1, %d)) s";

struct run {
    PGconn *conn;
    PGresult *rows; /* the table, in binary */
    struct type type[COLUMNS];
    struct arena arena;
    const char *what;
    int differences;
};

static PGresult *query(struct run *run, const char *sql)
{
    PGresult *res = PQexecParams(run->conn, sql, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(res) != PGRES_TUPLES_OK && PQresultStatus(res) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s\n%s", PQerrorMessage(run->conn), sql);
        exit(2);
    }
    return res;
}

static void execute(struct run *run, const char *sql)
{
    PQclear(query(run, sql));
}

static bool close_to(double a, double b, double within)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= within * (1 + fabs(a));
}

static bool same(enum type_id id, const union value *a, const union value *b)
{
    switch (id) {
    case TYPE_FLOAT4: return close_to(a->f, b->f, 1e-4); /* PostgreSQL adds them in float4 */
    case TYPE_FLOAT8: return close_to(a->f, b->f, 1e-11);
    case TYPE_NUMERIC: return decimal_valid(a->s) && decimal_compare(a->s, b->s) == 0;
    default: return type_info(id)->fixed ? a->i == b->i : slice_equal(a->s, b->s);
    }
}

printf_like(2, 3) static void differ(struct run *run, const char *format, ...)
{
    if (run->differences++ >= SHOWN_MAX) return;
    va_list args;
    va_start(args, format);
    printf("%s: ", run->what);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

/* Rows [from, to) as a batch. */
static struct batch load(struct run *run, int from, int to)
{
    struct batch b;
    if (batch_init(&b, run->type, COLUMNS, &run->arena)) exit(2);
    b.rows = (size_t)(to - from);
    for (int row = from; row < to; row++)
        for (int c = 0; c < COLUMNS; c++) {
            b.column[c].null[row - from] = PQgetisnull(run->rows, row, c);
            b.column[c].value[row - from] =
                server_value(run->type[c].id, PQgetvalue(run->rows, row, c), PQgetlength(run->rows, row, c));
        }
    return b;
}

static struct aggregate *fill(struct run *run, const struct aggregate_spec *spec)
{
    struct aggregate *part[PARTS];
    for (int i = 0; i < PARTS; i++)
        if (aggregate_new(spec, 64 << 20, &part[i])) exit(2);
    for (int row = 0; row < PQntuples(run->rows);) {
        int n = 1 + rand() % BATCH_ROWS;
        if (n > PQntuples(run->rows) - row) n = PQntuples(run->rows) - row;
        struct batch b = load(run, row, row + n);
        if (aggregate_add(part[rand() % PARTS], &b)) differ(run, "aggregate_add failed at row %d", row);
        arena_reset(&run->arena); /* what was kept must have been copied */
        row += n;
    }
    for (int i = 1; i < PARTS; i++) {
        if (aggregate_merge(part[0], part[i])) differ(run, "aggregate_merge of part %d failed", i);
        aggregate_free(part[i]);
    }
    return part[0];
}

static void compare(struct run *run, struct aggregate *a, const PGresult *theirs)
{
    size_t position = 0;
    int row = 0;
    if ((int)aggregate_groups(a) != PQntuples(theirs))
        differ(run, "%d groups instead of %d", (int)aggregate_groups(a), PQntuples(theirs));
    for (;;) {
        struct batch b;
        if (aggregate_read(a, &position, &run->arena, &b)) exit(2);
        if (b.rows == 0) break;
        for (size_t i = 0; i < b.rows && row < PQntuples(theirs); i++, row++)
            for (int c = 0; c < (int)b.columns; c++) {
                enum type_id id = b.column[c].type.id;
                if (type_info(id)->oid != PQftype(theirs, c)) differ(run, "row %d, column %d: another type", row, c);
                bool null = PQgetisnull(theirs, row, c);
                union value v = server_value(id, PQgetvalue(theirs, row, c), PQgetlength(theirs, row, c));
                if (null != b.column[c].null[i] || (!null && !same(id, &v, &b.column[c].value[i])))
                    differ(run, "row %d, column %d differ", row, c);
            }
    }
    if (row != PQntuples(theirs)) differ(run, "%d rows read instead of %d", row, PQntuples(theirs));
    arena_reset(&run->arena);
}

struct grouping {
    struct aggregate_key key[2];
    size_t keys;
    const char *sql[2];
};

/* All measures over all columns. */
static void check(struct run *run, const struct grouping *g)
{
    struct aggregate_measure measure[MEASURES_MAX] = {{AGGREGATE_COUNT_ALL, 0}};
    size_t measures = 1;
    struct buf sql;
    buf_init(&sql, 1 << 16);
    buf_puts(&sql, "SELECT ");
    for (size_t k = 0; k < g->keys; k++)
        buf_printf(&sql, "%s, ", g->sql[k]);
    buf_puts(&sql, "count(*)");
    for (size_t c = 0; c < COLUMNS; c++)
        for (const char *f = columns[c].functions; *f; f++) {
            static const struct {
                char sign;
                enum aggregate_function function;
                const char *name;
            } all[] = {{'c', AGGREGATE_COUNT, "count"}, {'s', AGGREGATE_SUM, "sum"},      {'m', AGGREGATE_MAX, "max"},
                       {'n', AGGREGATE_MIN, "min"},     {'a', AGGREGATE_AND, "bool_and"}, {'o', AGGREGATE_OR, "bool_or"}};
            size_t i = 0;
            while (all[i].sign != *f)
                i++;
            measure[measures++] = (struct aggregate_measure){all[i].function, c};
            buf_printf(&sql, ", %s(%s)", all[i].name, columns[c].name);
        }
    buf_puts(&sql, g->keys == 1 ? " FROM subject GROUP BY 1 ORDER BY 1 NULLS LAST"
                                : " FROM subject GROUP BY 1, 2 ORDER BY 1 NULLS LAST, 2 NULLS LAST");
    struct aggregate_spec spec = {
        .key = g->key, .keys = g->keys, .measure = measure, .measures = measures, .type = run->type, .columns = COLUMNS};
    run->what = g->sql[0];
    PGresult *theirs = query(run, buf_cstr(&sql));
    struct aggregate *ours = fill(run, &spec);
    compare(run, ours, theirs);
    aggregate_free(ours);
    PQclear(theirs);
    buf_done(&sql);
}

static void check_columns(struct run *run)
{
    for (size_t c = 0; c < COLUMNS; c++)
        check(run, &(struct grouping){.key = {{AGGREGATE_KEY_COLUMN, c, NULL}}, .keys = 1, .sql = {columns[c].name}});
    for (size_t c = 1; c < COLUMNS; c++)
        check(run, &(struct grouping){.key = {{AGGREGATE_KEY_COLUMN, c, NULL}, {AGGREGATE_KEY_COLUMN, c - 1, NULL}},
                                      .keys = 2,
                                      .sql = {columns[c].name, columns[c - 1].name}});
}

static void check_moments(struct run *run)
{
    static const char *const units[] = {"microseconds", "milliseconds", "second", "minute", "hour",    "day",       "week",
                                        "month",        "quarter",      "year",   "decade", "century", "millennium"};
    for (size_t c = 0; c < COLUMNS; c++) {
        if (run->type[c].id != TYPE_DATE && run->type[c].id != TYPE_TIMESTAMP && run->type[c].id != TYPE_TIMESTAMPTZ) continue;
        char sql[80];
        snprintf(sql, sizeof(sql), "%s::date", columns[c].name);
        check(run, &(struct grouping){.key = {{AGGREGATE_KEY_DATE, c, NULL}}, .keys = 1, .sql = {sql}});
        for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
            snprintf(sql, sizeof(sql), "date_trunc('%s', %s)", units[u], columns[c].name);
            check(run, &(struct grouping){.key = {{AGGREGATE_KEY_TRUNC, c, units[u]}}, .keys = 1, .sql = {sql}});
        }
    }
}

static void make_rows(struct run *run, int rows)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    buf_printf(&sql, make_table, rows);
    execute(run, buf_cstr(&sql));
    for (size_t c = 0; c < COLUMNS; c++) {
        buf_reset(&sql);
        buf_printf(&sql, "UPDATE subject SET %s = NULL WHERE random() < 0.05", columns[c].name);
        execute(run, buf_cstr(&sql));
        run->type[c] = (struct type){columns[c].type, -1};
    }
    buf_done(&sql);
    run->rows = query(run, "SELECT * FROM subject");
    for (int c = 0; c < COLUMNS; c++)
        if (PQftype(run->rows, c) != type_info(columns[c].type)->oid) {
            fprintf(stderr, "column %s is not of type %s\n", columns[c].name, columns[c].sql);
            exit(2);
        }
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s CONNINFO ROWS SEED\n", argv[0]);
        return 2;
    }
    struct run run = {.conn = PQconnectdb(argv[1])};
    if (PQstatus(run.conn) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(run.conn));
        return 2;
    }
    execute(&run, "SET TimeZone = 'UTC'");
    char seed[64];
    snprintf(seed, sizeof(seed), "SELECT setseed(%.6f)", (double)(atoi(argv[3]) % 1000000) / 1e6);
    execute(&run, seed);
    srand((unsigned)atoi(argv[3]));
    arena_init(&run.arena, 1 << 20, SIZE_MAX);
    make_rows(&run, atoi(argv[2]));
    check_columns(&run);
    check_moments(&run);
    printf("%d differences\n", run.differences);
    PQclear(run.rows);
    arena_done(&run.arena);
    PQfinish(run.conn);
    return run.differences != 0;
}
