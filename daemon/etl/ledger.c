/* SPDX-License-Identifier: MIT */
#include "etl/ledger.h"

#include "base/clock.h"
#include "base/log.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 4 * NAME_MAX + 1, REJECTS_TEXT_MAX = 256 * 1024 * 1024, BYTEA_OID = 17, SQL_TEXT_MAX = 4096 };

int ledger_find_token(struct db_conn *c, const char *token, ledger_done done, void *ctx)
{
    struct db_param p = db_text(token);
    return db_query(c, &(struct db_query){.sql = SQL_LEDGER_BY_TOKEN, .param = &p, .params = 1, .done = done, .ctx = ctx});
}

int ledger_xact_status(struct db_conn *c, const char *xid, ledger_done done, void *ctx)
{
    struct db_param p = db_text(xid);
    return db_query(c, &(struct db_query){.sql = SQL_XACT_STATUS, .param = &p, .params = 1, .done = done, .ctx = ctx});
}

static struct db_param sum_param(const uint8_t *sum)
{
    if (!sum) return db_text(NULL);
    return db_binary(BYTEA_OID, (struct slice){(const char *)sum, DIGEST_BYTES});
}

int ledger_lock(struct db_conn *c, const struct ledger_content *content, const struct table *t, ledger_done done, void *ctx)
{
    struct buf table;
    buf_init(&table, SQL_TEXT_MAX);
    const char *name = table_quote(&table, t->schema, t->name);
    struct db_param p[] = {db_int8(content->dataset), sum_param(content->sum), db_text(name)};
    int r =
        name ? db_query(c, &(struct db_query){.sql = SQL_LEDGER_LOCK, .param = p, .params = 3, .done = done, .ctx = ctx}) : -ENOMEM;
    buf_done(&table);
    return r;
}

int ledger_find_duplicate(struct db_conn *c, const struct ledger_content *content, bool newest, ledger_done done, void *ctx)
{
    struct db_param p[] = {db_int8(content->dataset), sum_param(content->sum)};
    const char *sql = newest ? SQL_LEDGER_DUPLICATE_NEWEST : SQL_LEDGER_DUPLICATE;
    return db_query(c, &(struct db_query){.sql = sql, .param = p, .params = 2, .done = done, .ctx = ctx});
}

static struct db_param id_or_null(int64_t id)
{
    return id ? db_int8(id) : db_text(NULL);
}

/* The path, where it says more than the name that is shown. */
static struct db_param more_than_name(const struct arrival *a, const char *shown)
{
    if (!a->file.path || strcmp(a->file.path, shown) == 0) return db_text(NULL);
    return db_binary(BYTEA_OID, slice_of(a->file.path));
}

int ledger_insert(struct db_conn *c, const struct ledger_row *row, ledger_done done, void *ctx)
{
    const struct arrival *a = row->arrival;
    const struct arrival_counts *n = &a->counts;
    char name[SHOWN_MAX], arrived[CLOCK_ISO_MAX], started[CLOCK_ISO_MAX];
    clock_iso(a->arrived_us, arrived);
    clock_iso(a->started_us, started);
    log_escape(slice_of(a->file.name), name, sizeof name);
    struct db_param p[] = {
        id_or_null(row->dataset),
        db_text(a->file.token),
        db_text(name),
        db_int8((int64_t)a->file.st.st_size),
        db_text(arrival_state_name(a->state)),
        sum_param(a->has_sum ? a->sum : NULL),
        db_int8((int64_t)n->read),
        db_int8((int64_t)n->loaded),
        db_int8((int64_t)n->updated),
        db_int8((int64_t)n->ignored),
        db_int8((int64_t)n->rejected),
        db_int8((int64_t)n->filtered),
        db_text(row->error),
        id_or_null(row->duplicate_of),
        db_text(arrived),
        db_text(started),
        db_int8(row->rows_delta),
        more_than_name(a, name),
        db_text(row->lineage ? "true" : "false"),
        id_or_null(row->id),
    };
    return db_query(
        c, &(struct db_query){.sql = SQL_LEDGER_INSERT, .param = p, .params = sizeof p / sizeof *p, .done = done, .ctx = ctx});
}

/* ---- a load over several connections ---- */

int ledger_begin(struct db_conn *c, const struct ledger_row *row, const struct ledger_shares *shares, ledger_done done, void *ctx)
{
    const struct arrival *a = row->arrival;
    char name[SHOWN_MAX], arrived[CLOCK_ISO_MAX], started[CLOCK_ISO_MAX];
    clock_iso(a->arrived_us, arrived);
    clock_iso(a->started_us, started);
    log_escape(slice_of(a->file.name), name, sizeof name);
    struct db_param p[] = {id_or_null(row->dataset),
                           db_text(a->file.token),
                           db_text(name),
                           db_int8((int64_t)a->file.st.st_size),
                           db_text(arrived),
                           db_text(started),
                           db_int8(shares->connections),
                           db_text(shares->instance)};
    return db_query(
        c, &(struct db_query){.sql = SQL_LEDGER_BEGIN, .param = p, .params = sizeof p / sizeof *p, .done = done, .ctx = ctx});
}

int ledger_decide(struct db_conn *c, const struct ledger_row *row, ledger_done done, void *ctx)
{
    const struct arrival *a = row->arrival;
    const struct arrival_counts *n = &a->counts;
    struct db_param p[] = {db_int8(a->ledger_id),         db_text(a->file.token),       sum_param(a->sum),
                           db_int8((int64_t)n->read),     db_int8((int64_t)n->loaded),  db_int8((int64_t)n->ignored),
                           db_int8((int64_t)n->rejected), db_int8((int64_t)n->filtered)};
    return db_query(
        c, &(struct db_query){.sql = SQL_LEDGER_DECIDE, .param = p, .params = sizeof p / sizeof *p, .done = done, .ctx = ctx});
}

/* ---- rejects ---- */

/* A cell of COPY's text format: backslash, tab and line ends escaped; what is no UTF-8, or NUL, shown as log_escape shows it. */
static void put_text(struct buf *out, struct slice s)
{
    size_t size = s.len * 4 + 1;
    char *shown = malloc(size);
    if (!shown) {
        out->failed = -ENOMEM;
        return;
    }
    log_escape(s, shown, size);
    for (const char *p = shown; *p; p++) {
        if (*p == '\\') buf_putc(out, '\\');
        buf_putc(out, *p);
    }
    free(shown);
}

static void put_bytes(struct buf *out, struct slice s)
{
    static const char hex[] = "0123456789abcdef";
    buf_puts(out, "\\\\x");
    for (size_t i = 0; i < s.len; i++) {
        buf_putc(out, hex[(unsigned char)s.p[i] >> 4]);
        buf_putc(out, hex[(unsigned char)s.p[i] & 15]);
    }
}

static void put_reject(struct buf *out, int64_t file, const struct reject *r)
{
    buf_printf(out, "%lld\t%llu\t%llu\t", (long long)file, (unsigned long long)r->line, (unsigned long long)r->offset);
    if (r->column.len > 0) {
        put_text(out, r->column);
    } else {
        buf_puts(out, "\\N");
    }
    buf_printf(out, "\t%s\t", r->code);
    put_text(out, r->message);
    buf_putc(out, '\t');
    put_text(out, r->value);
    buf_putc(out, '\t');
    if (r->raw.p) {
        put_bytes(out, r->raw);
    } else {
        buf_puts(out, "\\N");
    }
    buf_putc(out, '\n');
}

static void put_file(struct ledger_rejects *j, const struct ledger_file_rejects *f)
{
    for (size_t i = 0; i < f->list->n; i++)
        put_reject(&j->text, f->file, &f->list->item[i]);
    if (f->header.len == 0) return;
    /* What put_bytes writes for COPY has one backslash more than a literal. */
    buf_puts(&j->sql, "UPDATE cetl.file SET header = E'");
    put_bytes(&j->sql, f->header);
    buf_printf(&j->sql, "' WHERE id = %lld; ", (long long)f->file);
}

static void rejects_run(struct worker_job *job)
{
    struct ledger_rejects *j = container_of(job, struct ledger_rejects, job);
    if (j->list) put_file(j, &(struct ledger_file_rejects){j->file, j->list, j->header});
    for (size_t i = 0; i < j->n_many; i++)
        put_file(j, &j->many[i]);
    buf_puts(&j->sql, SQL_REJECT_COPY);
    j->rc = buf_cstr(&j->sql) ? buf_check(&j->text) : buf_check(&j->sql);
}

static void rejects_ready(void *ctx)
{
    struct ledger_rejects *j = ctx;
    db_copyin_put(j->conn, buf_slice(&j->text));
}

static void rejects_drained(void *ctx)
{
    struct ledger_rejects *j = ctx;
    db_copyin_end(j->conn, NULL);
}

static void rejects_over(void *ctx, const struct db_result *r)
{
    struct ledger_rejects *j = ctx;
    buf_done(&j->text);
    buf_done(&j->sql);
    j->done(j->ctx, r);
}

static void rejects_done(struct worker_job *job)
{
    struct ledger_rejects *j = container_of(job, struct ledger_rejects, job);
    struct db_copyin_handler h = {.ready = rejects_ready, .drained = rejects_drained, .done = rejects_over, .ctx = j};
    int r = j->rc == 0 ? db_copyin_begin(j->conn, buf_cstr(&j->sql), &h) : j->rc;
    if (r == 0) return;
    struct error err = {0};
    error_set(&err, r, "%s", error_name(r));
    rejects_over(j, &(struct db_result){.status = r, .error = &err, .detail = ""});
}

void ledger_put_rejects(struct ledger_rejects *r)
{
    buf_init(&r->text, REJECTS_TEXT_MAX);
    buf_init(&r->sql, REJECTS_TEXT_MAX);
    r->job = (struct worker_job){.run = rejects_run, .done = rejects_done, .priority = WORKER_URGENT};
    workers_submit(r->workers, &r->job);
}

int ledger_get_rejects(struct db_conn *c, int64_t file, ledger_done done, void *ctx)
{
    struct db_param p = db_int8(file);
    return db_query(c, &(struct db_query){.sql = SQL_REJECT_LIST, .param = &p, .params = 1, .done = done, .ctx = ctx});
}

static struct slice field(const PGresult *rows, int row, int column)
{
    return (struct slice){PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column)};
}

int ledger_read_rejects(const PGresult *rows, struct reject_list *list)
{
    int r = 0;
    for (int i = 0; i < PQntuples(rows) && r == 0; i++) {
        size_t len = 0;
        unsigned char *raw = PQunescapeBytea((const unsigned char *)PQgetvalue(rows, i, 6), &len);
        struct reject item = {.line = (uint64_t)db_get_int8(rows, i, 0, 0),
                              .offset = (uint64_t)db_get_int8(rows, i, 1, 0),
                              .column = field(rows, i, 2),
                              .message = field(rows, i, 4),
                              .value = field(rows, i, 5),
                              .raw = {(const char *)raw, len}};
        snprintf(item.code, sizeof item.code, "%.5s", PQgetvalue(rows, i, 3));
        r = raw ? reject_list_add(list, &item) : -ENOMEM;
        PQfreemem(raw);
    }
    return r;
}

int ledger_compact(struct db_conn *c, int64_t dataset, ledger_done done, void *ctx)
{
    struct db_param p = db_int8(dataset);
    return db_query(c, &(struct db_query){.sql = SQL_CHANGE_COMPACT, .param = &p, .params = 1, .done = done, .ctx = ctx});
}

int ledger_advance_sequence(struct db_conn *c, const struct ledger_sequence *s, ledger_done done, void *ctx)
{
    struct buf table, sql;
    buf_init(&table, SQL_TEXT_MAX);
    buf_init(&sql, SQL_TEXT_MAX);
    const char *name = table_quote(&table, s->table->schema, s->table->name);
    buf_puts(&sql, "SELECT setval(s.seq, least(m.id, q.seqmax)) FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS seq) s, "
                   "(SELECT greatest(max(");
    db_quote_identifier(&sql, slice_of(s->column));
    buf_puts(&sql, "), $3::int8) AS id FROM ");
    buf_put(&sql, buf_slice(&table));
    buf_puts(&sql, ") m, pg_sequence q WHERE q.seqrelid = s.seq AND q.seqincrement > 0 AND m.id >= q.seqmin AND m.id > "
                   "coalesce(pg_sequence_last_value(s.seq), 0)");
    const char *text = buf_cstr(&sql);
    struct db_param p[] = {db_text(name), db_text(s->column), db_int8(s->most)};
    int r =
        name && text ? db_query(c, &(struct db_query){.sql = text, .param = p, .params = 3, .done = done, .ctx = ctx}) : -ENOMEM;
    buf_done(&table);
    buf_done(&sql);
    return r;
}
