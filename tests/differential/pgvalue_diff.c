/* SPDX-License-Identifier: MIT */
/*
 * format/pgvalue against PostgreSQL: values of each type that the server makes up, read in binary, written by us, and compared with
 * what to_jsonb and COPY … CSV say of the same rows.
 *
 *     pgvalue_diff CONNINFO ROWS SEED
 *
 * Prints each difference; status 1 when there is one.
 */
#include "format/pgvalue.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 10 };

/* Values by an expression over random(), and the ones with a name. */
static const struct subject {
    const char *type;
    const char *random; /* SQL of that type */
    const char *edges;  /* text[] literals, cast to the type */
} subjects[] = {
    {"bool", "random() < 0.5", "true,false"},
    {"int2", "(random() * 65535 - 32768)::int2", "-32768,32767,0,-1"},
    {"int4", "((random() - 0.5) * power(10, random() * 9))::int4", "-2147483648,2147483647,0"},
    {"int8", "((random() - 0.5) * power(10, random() * 18))::int8", "-9223372036854775808,9223372036854775807,0"},
    {"oid", "(random() * 4294967295)::int8::oid", "0,4294967295"},
    {"float8",
     "case when i % 4 = 3 then (random() * 1e19)::float8 when i % 3 = 0 then round(((random() - 0.5) * power(10, random() * "
     "8))::numeric, (random() * 6)::int)::float8"
     "     when i % 3 = 1 then (random() - 0.5) * power(10::float8, random() * 600 - 300)"
     "     else power(2::float8, floor(random() * 2000 - 1000)) * (1 + floor(random() * 3)) end",
     "0,-0,NaN,Infinity,-Infinity,5e-324,2.2250738585072014e-308,2.225073858507201e-308,1.7976931348623157e308,1e22,1e23,9.5e-5,0."
     "0001,0.00001,"
     "123456789012345,1234567890123456,999999999999999,1e15,9007199254740993,5.684341886080801e-14,0.1,0.3,1e-7"},
    {"float4",
     "case when i % 4 = 3 then (random() * 1e9)::float4 when i % 3 = 0 then round(((random() - 0.5) * power(10, random() * "
     "5))::numeric, (random() * 3)::int)::float4"
     "     when i % 3 = 1 then ((random() - 0.5) * power(10::float8, random() * 74 - 37))::float4"
     "     else power(2::float8, floor(random() * 250 - 126))::float4 end",
     "0,-0,NaN,Infinity,-Infinity,1e-45,1.1754944e-38,3.4028235e38,999999,1e6,1000001,16777217,0.0001,0.00001,0.1,8388608.5,"
     "67108864"},
    {"numeric",
     "case when i % 4 = 0 then round((random() * power(10::numeric, (random() * 40)::int))::numeric, (random() * 30)::int) * (1 - "
     "2 * (i % 8 / 4))"
     "     when i % 4 = 1 then round(((random() - 0.5) * 1000)::numeric, (random() * 5)::int)"
     "     when i % 4 = 2 then power(10::numeric, (random() * 100 - 50)::int) * (random() * 100)::int"
     "     else (random() * 1e12)::int8 end",
     "0,0.00,-0.5,NaN,Infinity,-Infinity,10000,1e4,1e20,1e-20,0.0001,0.00010,100000000,12345.6789,-9999.9999,1e131071,1e-16383"},
    {"date", "'2000-01-01'::date + ((random() - 0.5) * 4e6)::int",
     "infinity,-infinity,4713-01-01 BC,0001-12-31 BC,0001-01-01,5874897-12-31,2024-02-29"},
    {"time", "time '00:00' + (random() * 86399999999)::int8 * interval '1 us'",
     "00:00:00,24:00:00,23:59:59.999999,12:00:00.5,01:02:03.000001"},
    {"timestamp", "timestamp '2000-01-01' + ((random() - 0.4) * 1e17)::int8 * interval '1 us'",
     "infinity,-infinity,4713-11-24 00:00:00 BC,294276-12-31 23:59:59.999999,0001-12-31 23:59:59.5 BC,1999-12-31 "
     "23:59:59.999999,2024-02-29 12:00"},
    {"timestamptz", "timestamptz '2000-01-01' + ((random() - 0.4) * 1e17)::int8 * interval '1 us'",
     "infinity,-infinity,4714-11-24 00:00:00+00 BC,294276-12-31 23:59:59.999999+00,0001-12-31 23:59:59.5+00 BC,1999-12-31 "
     "23:59:59.1+00"},
    {"uuid", "gen_random_uuid()", "00000000-0000-0000-0000-000000000000,ffffffff-ffff-ffff-ffff-ffffffffffff"},
    {"text",
     "(select string_agg(chr((case when random() < 0.5 then random() * 126 + 1 when random() < 0.9 then random() * 50000 + 160"
     "                       else random() * 60000 + 65536 end)::int), '') from generate_series(1, (random() * 20)::int + i * 0))",
     "a,\\\\.,\\\\,NULLx"},
    {"varchar(20)", "left(md5(random()::text) || ';|,\"' || chr((random() * 30)::int + 1), 20)", "a"},
    {"char(8)", "left(md5(random()::text), (random() * 8)::int)", "a"},
    {"name", "left(md5(random()::text), (random() * 40)::int)", "a"},
    {"jsonb",
     "jsonb_build_object('a', random(), md5(i::text), array[i, null], 'q', chr((random() * 300)::int + 1), 'n', "
     "jsonb_build_object())",
     "1,null,true,[],1.500"},
    {"json", "jsonb_build_array(i, random() < 0.5, null, chr((random() * 300)::int + 1))::json", "1,null,true"},
};
enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

struct run {
    PGconn *conn;
    const char *type;
    int differences;
};

static void must(struct run *run, PGresult *res, ExecStatusType expected)
{
    if (PQresultStatus(res) == expected) return;
    fprintf(stderr, "%s: %s", run->type, PQerrorMessage(run->conn));
    exit(2);
}

static PGresult *query(struct run *run, const char *sql, int binary)
{
    PGresult *res = PQexecParams(run->conn, sql, 0, NULL, NULL, NULL, NULL, binary);
    must(run, res, PGRES_TUPLES_OK);
    return res;
}

static void execute(struct run *run, const char *sql)
{
    PGresult *res = PQexec(run->conn, sql);
    if (PQresultStatus(res) != PGRES_TUPLES_OK) must(run, res, PGRES_COMMAND_OK);
    PQclear(res);
}

static void make_rows(struct run *run, const struct subject *s, int rows)
{
    struct buf sql;
    buf_init(&sql, 1 << 16);
    execute(run, "DROP TABLE IF EXISTS subject");
    buf_printf(&sql, "CREATE TEMP TABLE subject AS SELECT i, (%s)::%s AS x FROM generate_series(1, %d) i", s->random, s->type,
               rows);
    execute(run, buf_cstr(&sql));
    buf_reset(&sql);
    buf_printf(&sql, "INSERT INTO subject SELECT -n, edge::%s FROM unnest('{%s}'::text[]) WITH ORDINALITY AS e(edge, n)", s->type,
               s->edges);
    execute(run, buf_cstr(&sql));
    buf_done(&sql);
    execute(run, "INSERT INTO subject VALUES (0, NULL)");
}

static void compare(struct run *run, const char *what, const struct buf *ours, struct slice theirs)
{
    if (buf_check(ours) == 0 && slice_equal(buf_slice(ours), theirs)) return;
    if (run->differences++ < SHOWN_MAX)
        printf("%s %s: ours " SLICE_FMT "\n  theirs " SLICE_FMT "\n", run->type, what, SLICE_ARG(buf_slice(ours)),
               SLICE_ARG(theirs));
}

static struct slice cell(const PGresult *res, int row, int column)
{
    return (struct slice){PQgetvalue(res, row, column), (size_t)PQgetlength(res, row, column)};
}

static void compare_json(struct run *run)
{
    PGresult *res = query(run, "SELECT x, to_jsonb(x)::text FROM subject ORDER BY i", 1);
    uint32_t oid = PQftype(res, 0);
    if (!pgvalue_known(oid)) {
        printf("%s is not known\n", run->type);
        run->differences++;
    }
    struct buf out;
    buf_init(&out, 1 << 20);
    for (int row = 0; row < PQntuples(res) && pgvalue_known(oid); row++) {
        if (PQgetisnull(res, row, 0)) continue;
        buf_reset(&out);
        if (pgvalue_json(&out, oid, cell(res, row, 0))) buf_puts(&out, "(refused)");
        compare(run, "json", &out, cell(res, row, 1));
    }
    buf_done(&out);
    PQclear(res);
}

/* One CopyData message is one row, whatever line ends its cell holds. */
static void compare_csv(struct run *run)
{
    PGresult *values = query(run, "SELECT x FROM subject ORDER BY i", 1);
    PGresult *copy = PQexec(run->conn, "COPY (SELECT x FROM subject ORDER BY i) TO STDOUT (FORMAT csv)");
    must(run, copy, PGRES_COPY_OUT);
    PQclear(copy);
    struct buf out;
    buf_init(&out, 1 << 20);
    char *line;
    int len, row = 0;
    for (; (len = PQgetCopyData(run->conn, &line, 0)) > 0; row++) {
        buf_reset(&out);
        if (!PQgetisnull(values, row, 0) && pgvalue_csv(&out, PQftype(values, 0), cell(values, row, 0), ','))
            buf_puts(&out, "(refused)");
        compare(run, "csv", &out, (struct slice){line, (size_t)len - 1});
        PQfreemem(line);
    }
    PQclear(PQgetResult(run->conn));
    if (row != PQntuples(values)) run->differences++;
    buf_done(&out);
    PQclear(values);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s CONNINFO ROWS SEED\n", argv[0]);
        return 2;
    }
    struct run run = {.conn = PQconnectdb(argv[1]), .type = "connection"};
    if (PQstatus(run.conn) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(run.conn));
        return 2;
    }
    execute(&run, "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET client_encoding = 'UTF8'; SET client_min_messages = 'warning'");
    char seed[64];
    snprintf(seed, sizeof(seed), "SELECT setseed(%.6f)", (double)(atoi(argv[3]) % 1000000) / 1e6);
    execute(&run, seed);
    int differences = 0;
    for (int i = 0; i < SUBJECTS; i++) {
        run.type = subjects[i].type;
        run.differences = 0;
        make_rows(&run, &subjects[i], atoi(argv[2]));
        compare_json(&run);
        compare_csv(&run);
        printf("%-12s %d differences\n", run.type, run.differences);
        differences += run.differences;
    }
    PQfinish(run.conn);
    return differences != 0;
}
