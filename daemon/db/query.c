/* SPDX-License-Identifier: MIT */
#include "db/query.h"

#include "base/num.h"
#include "db/op.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { OID_INT8 = 20 };

/*
 * SIMPLE is the simple protocol, alone. With parameters:
 *
 *   [DEALLOCATE ──▶] PREPARE ──▶ EXECUTE          when the statement is not known yet; DEALLOCATE makes room, or clears a stale one
 * away │ ▲ └─┘ stale: once again from DEALLOCATE
 */
enum step { SIMPLE, DEALLOCATE, PREPARE, EXECUTE };

/* One block of memory: the struct, the arrays, the key (types, then the SQL text), the values. */
struct query {
    struct db_op op;
    struct db_query q; /* sql and param are not ours and not used; the copies are below */
    enum step step;
    bool again;  /* prepared for the second time */
    bool paused; /* `row` wanted no more */
    struct slice key;
    const char *sql; /* behind the types in the key */
    char name[DB_STATEMENT_NAME];
    struct db_statement *surplus; /* to be deallocated */
    const char **value;
    int *length, *format;
    Oid *type;
};

/* Sending */

static int send_prepare(struct query *q, struct db_conn *c)
{
    q->step = PREPARE;
    db_statements_name(db_conn_statements(c), q->name);
    return PQsendPrepare(db_conn_pg(c), q->name, q->sql, q->q.params, q->type) ? 0 : -1;
}

static int send_deallocate(struct query *q, struct db_conn *c, struct db_statement *surplus)
{
    char sql[32 + DB_STATEMENT_NAME];
    q->step = DEALLOCATE;
    q->surplus = surplus;
    snprintf(sql, sizeof sql, "DEALLOCATE %s", db_statement_name(surplus));
    return PQsendQuery(db_conn_pg(c), sql) ? 0 : -1;
}

static int send_execute(struct query *q, struct db_conn *c, const char *name)
{
    PGconn *pg = db_conn_pg(c);
    q->step = EXECUTE;
    if (!PQsendQueryPrepared(pg, name, q->q.params, q->value, q->length, q->format, q->q.binary)) return -1;
    return !q->q.row || PQsetSingleRowMode(pg) ? 0 : -1;
}

static int start(struct db_op *op, struct db_conn *c)
{
    struct query *q = container_of(op, struct query, op);
    if (q->step == SIMPLE) {
        if (!PQsendQuery(db_conn_pg(c), q->sql)) return -1;
        return !q->q.row || PQsetSingleRowMode(db_conn_pg(c)) ? 0 : -1;
    }
    struct db_statement *st = db_statements_find(db_conn_statements(c), q->key);
    if (st) return send_execute(q, c, db_statement_name(st));
    st = db_statements_surplus(db_conn_statements(c));
    return st ? send_deallocate(q, c, st) : send_prepare(q, c);
}

/* Results */

/* The server forgot the statement (DISCARD ALL), or its result's shape changed; a later case of 0A000 is the statement's own fault.
 */
static bool is_stale(const struct query *q)
{
    if (!q->op.refusal || q->again) return false;
    const char *state = PQresultErrorField(q->op.refusal, PG_DIAG_SQLSTATE);
    const char *where = PQresultErrorField(q->op.refusal, PG_DIAG_SOURCE_FUNCTION);
    if (!state) return false;
    return strcmp(state, "26000") == 0 || (strcmp(state, "0A000") == 0 && where && strcmp(where, "RevalidateCachedQuery") == 0);
}

static void forget(struct query *q)
{
    PQclear(q->op.refusal);
    PQclear(q->op.last);
    q->op.refusal = q->op.last = NULL;
}

/* All results of a step are there. 0: another step was sent. */
static int next_step(struct query *q, struct db_conn *c)
{
    struct db_statements *known = db_conn_statements(c);
    const char *state = PQresultErrorField(q->op.refusal, PG_DIAG_SQLSTATE);
    switch (q->step) {
    case SIMPLE: return DB_OP_DONE;
    case DEALLOCATE:
        if (q->op.refusal && !(state && strcmp(state, "26000") == 0)) return DB_OP_DONE;
        db_statements_remove(known, q->surplus);
        q->surplus = NULL;
        forget(q);
        return send_prepare(q, c);
    case PREPARE:
        if (q->op.refusal) return DB_OP_DONE;
        forget(q);
        /* Without memory to remember it the statement is executed all the same. */
        (void)!db_statements_add(known, q->key, q->name);
        return send_execute(q, c, q->name);
    case EXECUTE: break;
    }
    if (!is_stale(q)) return DB_OP_DONE;
    struct db_statement *st = db_statements_find(known, q->key);
    if (PQtransactionStatus(db_conn_pg(c)) != PQTRANS_IDLE) { /* which is lost; the next one prepares the statement anew */
        db_statements_remove(known, st);
        return DB_OP_DONE;
    }
    q->again = true;
    forget(q);
    return st ? send_deallocate(q, c, st) : send_prepare(q, c);
}

/* 0, or negative when the result cannot be dealt with here. Rows of a stream go out at once. */
static int take(struct query *q, struct db_conn *c, PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_SINGLE_TUPLE: {
        bool more = q->q.row(q->q.ctx, res);
        PQclear(res);
        if (!db_conn_gone(c)) q->paused = !more;
        return 0;
    }
    case PGRES_COPY_IN:
    case PGRES_COPY_OUT:
    case PGRES_COPY_BOTH:
        /* Such a connection waits for data that will not come. */
        PQclear(res);
        return -1;
    default: break;
    }
    if (q->q.row && PQresultStatus(res) == PGRES_TUPLES_OK)
        PQclear(res);
    else
        db_op_keep(&q->op, res);
    return 0;
}

static int advance(struct db_op *op, struct db_conn *c)
{
    struct query *q = container_of(op, struct query, op);
    while (!q->paused && !PQisBusy(db_conn_pg(c))) {
        PGresult *res = PQgetResult(db_conn_pg(c));
        int r = res ? take(q, c, res) : next_step(q, c);
        if (db_conn_gone(c)) return 0;
        if (r != 0) return r;
        if (!res) break;
    }
    db_conn_hold(c, q->paused);
    return 0;
}

static void end(struct db_op *op, const struct db_result *why)
{
    struct query *q = container_of(op, struct query, op);
    db_op_report(op, why, q->q.done, q->q.ctx);
    free(q);
}

static const struct db_op_class query_class = {start, advance, end};

void db_query_resume(struct db_conn *c)
{
    struct db_op *op = db_conn_current(c);
    if (!op || op->class != &query_class) return;
    struct query *q = container_of(op, struct query, op);
    if (!q->paused) return;
    q->paused = false;
    db_conn_kick(c);
}

/* Making one */

static struct slice param_bytes(const struct db_param *p)
{
    return p->value.p || p->null ? p->value : (struct slice){p->scratch, p->value.len};
}

static struct query *allocate(const struct db_query *from, size_t *ret_values_bytes)
{
    size_t n = (size_t)from->params, values = 0, size = sizeof(struct query) + strlen(from->sql) + 1;
    for (size_t i = 0; i < n; i++)
        if (!num_add(values, from->param[i].value.len + 1, &values)) return NULL;
    if (!num_add(size, n * (sizeof(char *) + 2 * sizeof(int) + sizeof(Oid)), &size) || !num_add(size, values, &size)) return NULL;
    *ret_values_bytes = values;
    return calloc(1, size);
}

static void copy_params(struct query *q, const struct db_query *from, char *values)
{
    for (int i = 0; i < from->params; i++) {
        const struct db_param *p = &from->param[i];
        q->type[i] = p->oid;
        q->format[i] = p->binary;
        if (p->null) continue;
        struct slice bytes = param_bytes(p);
        assert(bytes.len <= INT32_MAX);
        memcpy(values, bytes.p, bytes.len);
        q->value[i] = values;
        q->length[i] = (int)bytes.len;
        values += bytes.len + 1; /* text needs its NUL */
    }
}

int db_query(struct db_conn *c, const struct db_query *from)
{
    size_t values_bytes, n = (size_t)from->params, sql_len = strlen(from->sql);
    struct query *q = allocate(from, &values_bytes);
    if (!q) return -ENOMEM;
    q->op.class = &query_class;
    list_init(&q->op.link);
    q->q = *from;
    q->q.sql = NULL;
    q->q.param = NULL;
    q->step = n > 0 || from->binary ? PREPARE : SIMPLE;
    q->value = (const char **)(q + 1);
    q->length = (int *)(q->value + n);
    q->format = q->length + n;
    q->type = (Oid *)(q->format + n);
    char *sql = (char *)(q->type + n);
    memcpy(sql, from->sql, sql_len + 1);
    q->sql = sql;
    q->key = (struct slice){(char *)q->type, n * sizeof(Oid) + sql_len};
    copy_params(q, from, sql + sql_len + 1);
    int r = db_conn_enqueue(c, &q->op);
    if (r < 0) free(q);
    return r;
}

/* Parameters and values */

struct db_param db_text(const char *text)
{
    return db_slice(slice_of(text));
}

struct db_param db_slice(struct slice s)
{
    return (struct db_param){.value = s, .null = !s.p};
}

struct db_param db_int8(int64_t v)
{
    struct db_param p = {.oid = OID_INT8};
    p.value.len = (size_t)num_write_i64(v, p.scratch);
    return p;
}

struct db_param db_binary(uint32_t oid, struct slice bytes)
{
    return (struct db_param){.value = bytes, .oid = oid, .binary = true, .null = !bytes.p};
}

int64_t db_affected(const PGresult *res)
{
    /* PQcmdTuples reads only, but takes no const. */
    int64_t rows;
    return num_parse_i64(slice_of(PQcmdTuples((PGresult *)(uintptr_t)res)), &rows) == 0 ? rows : 0;
}

const char *db_get(const PGresult *res, int row, int column)
{
    return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

int64_t db_get_int8(const PGresult *res, int row, int column, int64_t otherwise)
{
    const char *text = db_get(res, row, column);
    int64_t v;
    return text && num_parse_i64(slice_of(text), &v) == 0 ? v : otherwise;
}

/* Always quoted: which words are reserved changes from version to version. */
void db_quote_identifier(struct buf *out, struct slice name)
{
    buf_putc(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '"') buf_putc(out, '"');
        buf_putc(out, name.p[i]);
    }
    buf_putc(out, '"');
}

void db_quote_literal(struct buf *out, struct slice text)
{
    buf_puts(out, "E'"); /* reads the same whatever standard_conforming_strings says */
    for (size_t i = 0; i < text.len; i++) {
        if (text.p[i] == '\'' || text.p[i] == '\\') buf_putc(out, text.p[i]);
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '\'');
}

bool db_is_stale(const char *sqlstate)
{
    return strcmp(sqlstate, "26000") == 0 || strcmp(sqlstate, "0A000") == 0;
}

enum db_refusal db_refusal_of(const char *sqlstate)
{
    /* The first row whose beginning fits. */
    static const struct {
        const char *prefix;
        enum db_refusal refusal;
    } rows[] = {
        {"08", DB_RETRY},       {"40", DB_RETRY},       {"53", DB_RETRY},       {"57", DB_RETRY},    {"58", DB_RETRY},
        {"55P03", DB_RETRY},    {"25P03", DB_RETRY},    {"25006", DB_RETRY},    {"26000", DB_RETRY}, {"28", DB_PAUSE},
        {"3D", DB_PAUSE},       {"3F", DB_PAUSE},       {"42", DB_PAUSE},       {"22", DB_BAD_DATA}, {"23", DB_BAD_DATA},
        {"P0001", DB_BAD_DATA}, {"54000", DB_BAD_DATA}, {"54001", DB_BAD_DATA},
    };
    if (!sqlstate[0]) return DB_RETRY;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strncmp(sqlstate, rows[i].prefix, strlen(rows[i].prefix)) == 0) return rows[i].refusal;
    return DB_FAIL;
}
