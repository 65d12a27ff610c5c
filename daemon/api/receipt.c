/* SPDX-License-Identifier: MIT */
#include "api/receipt.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/reply.h"
#include "base/log.h"
#include "format/json_writer.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    BODY_MAX = 16 * 1024 * 1024,
    BODY_LARGE = 8 * 1024 * 1024,
    CONNECTION_WAIT_MS = 5000,
    SHOWN_MAX = 4 * NAME_MAX + 1,
    WORDS_MAX = 160,
    WHY_MAX = SHOWN_MAX + 1024,
};

#define SQL_FILE                                                                                                                   \
    "SELECT f.id, d.name AS dataset, f.bytes, encode(f.sha256, 'hex') AS sha256, f.state, f.rows_read, f.rows_loaded,"             \
    " f.rows_updated, f.rows_ignored, f.rows_rejected, f.rows_filtered, f.error, f.duplicate_of, f.arrived_at, f.started_at,"      \
    " f.finished_at FROM cetl.file f LEFT JOIN cetl.dataset d ON d.id = f.dataset_id WHERE f.token = $1"
enum { FILE_ID = 0, FILE_DATASET = 1, FILE_STATE = 4, FILE_REJECTED = 9, FILE_ERROR = 11, FILE_DUPLICATE_OF = 12 };
#define SQL_REJECTS                                                                                                                \
    "SELECT line, byte_offset, column_name AS column, code, message, left(value, 1000) AS value,"                                  \
    " encode(substr(raw, 1, 4000), 'escape') AS raw FROM cetl.reject WHERE file_id = $1"                                           \
    " ORDER BY line, byte_offset, column_name LIMIT $2::int8"

enum fate { FATE_OPEN, FATE_SOUND, FATE_REFUSED };

struct receipt {
    struct http_request *request; /* NULL: the client is gone */
    struct api *api;
    struct receipt_file *file;
    size_t files;
    bool *over; /* of each: it is through */
    size_t open;
    struct observer observer;
    struct timer *timer;

    struct db_wait wait;
    struct db_conn *conn;
    bool waits;       /* for a connection */
    size_t at;        /* the file that is asked for */
    bool asked;       /* and something of it was, and is not answered */
    int64_t id;       /* its */
    int64_t rows_of;  /* the file whose rows are shown */
    char dataset[64]; /* its */
    bool wants_rows;
    size_t refused, pending;
    char why[WHY_MAX]; /* the first was refused */
    struct buf body;
    struct json_writer w;
};

void receipt_free(struct receipt_file *file, size_t files)
{
    for (size_t i = 0; file && i < files; i++) {
        free(file[i].name);
        free(file[i].dataset);
    }
    free(file);
}

static void destroy(struct receipt *p)
{
    list_remove(&p->observer.link);
    timer_free(p->timer);
    if (p->waits) db_pool_cancel(p->api->pool, &p->wait);
    if (p->conn) db_pool_give(p->api->pool, p->conn);
    receipt_free(p->file, p->files);
    buf_done(&p->body);
    free(p->over);
    free(p);
}

static void gone(void *state)
{
    struct receipt *p = state;
    p->request = NULL;
    if (!p->asked) destroy(p); /* else the answer to that is awaited */
}

/* ---- JSON ---- */

static void write_names(struct json_writer *w, const struct receipt_file *f)
{
    char name[SHOWN_MAX], url[64];
    snprintf(url, sizeof url, "/v1/files/%s", f->token);
    json_write_field_text(w, "token", f->token);
    json_write_field_text(w, "name", f->name ? log_escape(slice_of(f->name), name, sizeof name) : NULL);
    json_write_field_text(w, "url", url);
}

/* As memory has it. */
static void write_open(struct receipt *p, const struct receipt_file *f)
{
    const struct arrival *a = scheduler_find(p->api->scheduler, f->token);
    const char *waits = a ? scheduler_waits(p->api->scheduler, a) : NULL;
    json_write_object(&p->w);
    write_names(&p->w, f);
    json_write_field_text(&p->w, "id", NULL);
    json_write_field_text(&p->w, "dataset", a ? a->dataset : f->dataset);
    json_write_field_int(&p->w, "bytes", f->bytes);
    json_write_field_text(&p->w, "state", waits ? "waiting" : a ? arrival_state_name(a->state) : "queued");
    json_write_field_text(&p->w, "error", waits ? waits : a && a->why.text[0] ? a->why.text : NULL);
    json_write_end(&p->w);
    p->pending++;
}

static void begin_body(struct receipt *p)
{
    buf_reset(&p->body);
    json_writer_init(&p->w, &p->body);
    json_write_object(&p->w);
    json_write_key(&p->w, "files");
    json_write_array(&p->w);
}

/* The array is open. */
static void send_all(struct receipt *p)
{
    struct http_request *r = p->request;
    char words[WORDS_MAX], location[64];
    int status = p->refused > 0 ? 422 : p->pending > 0 ? 202 : 200;
    json_write_end(&p->w);
    if (p->refused > 0) {
        snprintf(words, sizeof words, "%zu of %zu files %s refused, and nothing of %s was loaded", p->refused, p->files,
                 p->refused == 1 ? "was" : "were", p->refused == 1 ? "it" : "them");
        json_write_field_text(&p->w, "type", "about:blank");
        json_write_field_text(&p->w, "title", http_status_text(status));
        json_write_field_int(&p->w, "status", status);
        json_write_field_text(&p->w, "detail", words);
        json_write_field_text(&p->w, "code", "422");
        json_write_field_text(&p->w, "message", words);
        json_write_field_text(&p->w, "details", p->why);
        json_write_field_text(&p->w, "hint", "mend them and send them again; /v1/files/ID/rejects?format=csv has the rows");
    }
    json_write_end(&p->w);
    http_request_attach(r, NULL, NULL);
    snprintf(location, sizeof location, "/v1/files/%s", p->file[0].token);
    if (p->files == 1 && status == 202) http_header(r, "Location", location);
    if (buf_check(&p->body) == 0)
        http_answer(r, status, status == 422 ? "application/problem+json" : "application/json", buf_slice(&p->body));
    else
        problem_internal(r);
    destroy(p);
}

static void send_open(struct receipt *p)
{
    begin_body(p);
    p->refused = p->pending = 0;
    for (size_t i = 0; i < p->files; i++)
        write_open(p, &p->file[i]);
    send_all(p);
}

/* ---- what the database says ---- */

static void next_file(struct receipt *p);

/* False: the client is gone, or the database; both were seen to. */
static bool goes_on(struct receipt *p, const struct db_result *result)
{
    p->asked = false;
    if (!p->request) {
        destroy(p);
        return false;
    }
    if (result->status == 0) return true;
    send_open(p); /* the files are taken all the same */
    return false;
}

static void ask(struct receipt *p, const struct db_query *q)
{
    p->asked = true;
    if (db_query(p->conn, q) == 0) return;
    p->asked = false;
    send_open(p);
}

static void write_array(struct receipt *p, const char *name, const PGresult *rows)
{
    json_write_key(&p->w, name);
    json_write_array(&p->w);
    for (int i = 0; i < PQntuples(rows); i++) {
        json_write_object(&p->w);
        reply_row(&p->w, rows, i);
        json_write_end(&p->w);
    }
    json_write_end(&p->w);
}

static void on_table_rows(void *ctx, const struct db_result *result)
{
    struct receipt *p = ctx;
    if (result->status == ERROR_REFUSED) { /* somebody dropped the table, or the client's role may not read it */
        p->asked = false;
        if (!p->request) return destroy(p);
        json_write_end(&p->w);
        return next_file(p);
    }
    if (!goes_on(p, result)) return;
    json_write_key(&p->w, "rows");
    json_write_array(&p->w);
    for (int i = 0; i < PQntuples(result->rows); i++)
        json_write_raw(&p->w, PQgetisnull(result->rows, i, 0) ? SLICE("null") : slice_of(PQgetvalue(result->rows, i, 0)));
    json_write_end(&p->w);
    json_write_end(&p->w);
    next_file(p);
}

/* The statement for the first rows; behind the client's role, where it has one, which lasts as long as this one simple query. */
static void rows_sql(struct receipt *p, const struct table *t, struct buf *sql)
{
    if (access_role(p->request)) {
        access_sql(p->request, sql);
        buf_puts(sql, "; ");
    }
    buf_printf(sql, "SELECT CASE WHEN octet_length(j) <= %d THEN j END FROM (SELECT to_jsonb(t)::text AS j FROM (SELECT ",
               RECEIPT_ROW_BYTES);
    bool first = true;
    for (size_t i = 0; i < t->columns; i++) {
        if (t->column[i].lineage) continue;
        if (!first) buf_puts(sql, ", ");
        first = false;
        db_quote_identifier(sql, slice_of(t->column[i].name));
    }
    buf_puts(sql, " FROM ");
    db_quote_identifier(sql, slice_of(t->schema));
    buf_putc(sql, '.');
    db_quote_identifier(sql, slice_of(t->name));
    if (t->lineage) buf_printf(sql, " WHERE " TABLE_LINEAGE_FILE " = %lld", (long long)p->rows_of);
    if (t->lineage || t->keys > 0) buf_puts(sql, " ORDER BY ");
    for (size_t i = 0; !t->lineage && i < t->keys; i++) {
        if (i > 0) buf_puts(sql, ", ");
        db_quote_identifier(sql, slice_of(t->column[t->key[i]].name));
    }
    if (t->lineage) buf_puts(sql, TABLE_LINEAGE_LINE);
    buf_printf(sql, " LIMIT %d) t) u", RECEIPT_ROWS);
}

static void ask_rows(struct receipt *p)
{
    struct dataset *d;
    const struct table *t = p->wants_rows ? catalog_table(p->api->catalog, slice_of(p->dataset), &d) : NULL;
    if (!t || t->columns == 0 || !access_allows(p->request, ACCESS_READ, slice_of(p->dataset))) {
        json_write_end(&p->w);
        return next_file(p);
    }
    struct buf sql;
    buf_init(&sql, 1 << 20);
    rows_sql(p, t, &sql);
    json_write_field_text(&p->w, "rows_of", t->lineage ? "file" : "table");
    if (buf_check(&sql) == 0)
        ask(p, &(struct db_query){.sql = buf_cstr(&sql), .done = on_table_rows, .ctx = p});
    else
        send_open(p);
    buf_done(&sql);
}

static void on_rejects(void *ctx, const struct db_result *result)
{
    struct receipt *p = ctx;
    if (!goes_on(p, result)) return;
    char url[64];
    snprintf(url, sizeof url, "/v1/files/%lld/rejects", (long long)p->id);
    json_write_field_text(&p->w, "rejects_url", url);
    write_array(p, "rejects", result->rows);
    ask_rows(p);
}

static int64_t int8_of(const PGresult *rows, int column)
{
    uint64_t v = 0;
    for (int i = 0; i < PQgetlength(rows, 0, column); i++)
        v = v << 8 | (unsigned char)PQgetvalue(rows, 0, column)[i];
    return (int64_t)v;
}

static void on_file(void *ctx, const struct db_result *result)
{
    struct receipt *p = ctx;
    if (!goes_on(p, result)) return;
    const struct receipt_file *f = &p->file[p->at - 1];
    if (PQntuples(result->rows) == 0) {
        write_open(p, f);
        return next_file(p);
    }
    const char *state = PQgetvalue(result->rows, 0, FILE_STATE);
    bool failed = strcmp(state, "failed") == 0;
    p->id = int8_of(result->rows, FILE_ID);
    p->rows_of = PQgetisnull(result->rows, 0, FILE_DUPLICATE_OF) ? p->id : int8_of(result->rows, FILE_DUPLICATE_OF);
    snprintf(p->dataset, sizeof p->dataset, "%s", PQgetvalue(result->rows, 0, FILE_DATASET));
    if (failed && p->refused++ == 0) {
        char name[SHOWN_MAX];
        struct slice why = slice_cut_utf8(slice_of(PQgetvalue(result->rows, 0, FILE_ERROR)), WHY_MAX - SHOWN_MAX - 3);
        snprintf(p->why, sizeof p->why, "%s: " SLICE_FMT, log_escape(slice_of(f->name ? f->name : ""), name, sizeof name),
                 SLICE_ARG(why));
    }
    p->wants_rows = !failed && p->body.len < BODY_LARGE;
    json_write_object(&p->w);
    write_names(&p->w, f);
    reply_row(&p->w, result->rows, 0);
    if ((!failed && int8_of(result->rows, FILE_REJECTED) == 0) || p->body.len >= BODY_LARGE) return ask_rows(p);
    struct db_param param[] = {db_int8(p->id), db_int8(RECEIPT_REJECTS)};
    ask(p, &(struct db_query){.sql = SQL_REJECTS, .param = param, .params = 2, .binary = true, .done = on_rejects, .ctx = p});
}

static void next_file(struct receipt *p)
{
    while (p->at < p->files) {
        const struct receipt_file *f = &p->file[p->at++];
        if (scheduler_find(p->api->scheduler, f->token)) {
            write_open(p, f);
            continue;
        }
        struct db_param token = db_text(f->token);
        return ask(p, &(struct db_query){.sql = SQL_FILE, .param = &token, .params = 1, .binary = true, .done = on_file, .ctx = p});
    }
    send_all(p);
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct receipt *p = container_of(w, struct receipt, wait);
    p->conn = c;
    p->waits = false;
    if (!c) return send_open(p);
    begin_body(p);
    next_file(p);
}

/* ---- waiting ---- */

static void conclude(struct receipt *p)
{
    list_remove(&p->observer.link);
    timer_stop(p->timer);
    if (!p->api->ready) return send_open(p);
    p->waits = true;
    db_pool_take(p->api->pool, &p->wait, CONNECTION_WAIT_MS);
}

static void on_over(struct observer *o, const struct arrival *a)
{
    struct receipt *p = container_of(o, struct receipt, observer);
    for (size_t i = 0; i < p->files; i++) {
        if (p->over[i] || strcmp(p->file[i].token, a->file.token) != 0) continue;
        p->over[i] = true;
        p->open--;
    }
    if (p->open == 0) conclude(p);
}

static void on_time(void *ctx)
{
    conclude(ctx);
}

void receipt_answer(struct http_request *r, struct receipt_file *file, size_t files, int64_t wait_ms)
{
    struct api *api = http_request_context(r);
    struct receipt *p = calloc(1, sizeof *p);
    bool *over = calloc(files, sizeof *over);
    struct timer *timer = NULL;
    if (!p || !over || timer_new(api->loop, on_time, p, &timer) < 0) {
        free(p);
        free(over);
        receipt_free(file, files);
        return problem_internal(r);
    }
    *p = (struct receipt){.request = r,
                          .api = api,
                          .file = file,
                          .files = files,
                          .over = over,
                          .open = files,
                          .timer = timer,
                          .observer.over = on_over,
                          .wait.got = on_connected};
    list_init(&p->observer.link);
    buf_init(&p->body, BODY_MAX);
    if (wait_ms == 0) return send_open(p);
    http_request_attach(r, p, gone);
    observers_add(api->observers, &p->observer);
    timer_start(timer, wait_ms);
}
