/* SPDX-License-Identifier: MIT */
#include "api/files.h"

#include "api/access.h"
#include "api/problem.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "format/json_writer.h"
#include "http/accept.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 10000, REJECTS_MAX = 1000, SHOWN_MAX = 4 * NAME_MAX + 1 };

/* The names of /v1/files are the ledger's. */
#define FILE_COLUMNS                                                                                                               \
    "SELECT f.id, d.name AS dataset, f.name, f.bytes, encode(f.sha256, 'hex') AS sha256, f.state, f.rows_read, f.rows_loaded,"     \
    " f.rows_updated, f.rows_ignored, f.rows_rejected, f.rows_filtered, f.error, f.duplicate_of, f.arrived_at, f.started_at,"      \
    " f.finished_at FROM cetl.file f LEFT JOIN cetl.dataset d ON d.id = f.dataset_id"
/* What this daemon ($5) is loading is told from memory. */
#define SQL_FILES                                                                                                                  \
    FILE_COLUMNS " WHERE ($3 = '' OR d.name = $3) AND ($4 = '' OR f.state = $4)"                                                   \
                 " AND NOT (f.state IN ('loading', 'committing') AND f.instance = $5)"                                             \
                 " ORDER BY f.id DESC LIMIT $1::int8 OFFSET $2::int8"
#define SQL_FILE FILE_COLUMNS " WHERE f.id = $1::int8"
/* A page ends early where its rows grow too large, but has one row at least. */
#define SQL_REJECTS                                                                                                                \
    "SELECT line, byte_offset, column_name AS column, code, message, value, encode(raw, 'escape') AS raw FROM"                     \
    " (SELECT *, sum(octet_length(raw) + coalesce(octet_length(value), 0)) OVER (ORDER BY line, byte_offset, column_name"          \
    "   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM"                                                    \
    "  (SELECT * FROM cetl.reject WHERE file_id = $1::int8 ORDER BY line, byte_offset, column_name LIMIT $2::int8 OFFSET "         \
    "$3::int8) p) q"                                                                                                               \
    " WHERE coalesce(bytes_before, 0) < 8388608 ORDER BY line, byte_offset, column_name"

/* The header line (a CR at its end says that records end so), then the rows as they stood in the file: what is mended there can be
 * dropped again. What is stored of a file is bounded (etl/load.c). */
#define SQL_REJECTED_ROWS                                                                                                          \
    "SELECT raw FROM (SELECT header AS raw, -1 AS line, -1 AS byte_offset FROM cetl.file WHERE id = $1::int8"                      \
    " UNION ALL SELECT raw, line, byte_offset FROM cetl.reject WHERE file_id = $1::int8 AND line > 0) r"                           \
    " ORDER BY line, byte_offset"

/* ---- what is in memory ---- */

struct listing {
    const struct scheduler *scheduler;
    struct json_writer *w;
    struct slice dataset, state; /* filters; empty: all */
    int64_t limit;
};

static void write_time(struct json_writer *w, const char *key, int64_t real_us)
{
    char text[CLOCK_ISO_MAX];
    if (real_us) clock_iso(real_us, text);
    json_write_field_text(w, key, real_us ? text : NULL);
}

static bool wanted(const struct listing *l, struct slice dataset, const char *state)
{
    return (l->dataset.len == 0 || slice_equal(l->dataset, dataset)) &&
           (l->state.len == 0 || slice_equal(l->state, slice_of(state)));
}

static bool write_arrival(void *ctx, const struct arrival *a)
{
    struct listing *l = ctx;
    char name[SHOWN_MAX];
    const char *waits = scheduler_waits(l->scheduler, a), *why = waits ? waits : a->why.text[0] ? a->why.text : NULL;
    const char *state = waits ? "waiting" : arrival_state_name(a->state);
    if (!wanted(l, slice_of(a->dataset), state)) return true;
    struct json_writer *w = l->w;
    json_write_object(w);
    json_write_field_text(w, "id", NULL);
    json_write_field_text(w, "dataset", a->dataset);
    json_write_field_text(w, "name", log_escape(slice_of(a->file.name), name, sizeof name));
    json_write_field_int(w, "bytes", (int64_t)a->file.st.st_size);
    json_write_field_text(w, "state", state);
    json_write_field_int(w, "attempts", a->attempts);
    json_write_field_text(w, "error", why);
    write_time(w, "arrived_at", a->arrived_us);
    write_time(w, "started_at", a->state == ARRIVAL_QUEUED ? 0 : a->started_us);
    json_write_end(w);
    return --l->limit > 0;
}

static bool write_unreadable(void *ctx, const struct unreadable *u)
{
    struct listing *l = ctx;
    char name[SHOWN_MAX];
    if (!wanted(l, SLICE(""), "unreadable")) return true;
    json_write_object(l->w);
    json_write_field_text(l->w, "id", NULL);
    json_write_field_text(l->w, "name", log_escape(slice_of(u->path), name, sizeof name));
    json_write_field_text(l->w, "state", "unreadable");
    json_write_field_text(l->w, "error", u->why);
    write_time(l->w, "arrived_at", u->since_us);
    json_write_end(l->w);
    return --l->limit > 0;
}

/* ---- the list ---- */

static int64_t number(struct http_request *r, const char *name, int64_t otherwise, int64_t most)
{
    struct slice text = http_request_query(r, name);
    int64_t v;
    if (!text.p) return otherwise;
    return num_parse_i64(text, &v) == 0 && v >= 0 ? (v < most ? v : most) : -1;
}

static bool write_list(struct http_request *r, const PGresult *rows, struct buf *body)
{
    struct api *api = http_request_context(r);
    struct json_writer w;
    json_writer_init(&w, body);
    json_write_array(&w);
    struct listing l = {.scheduler = api->scheduler,
                        .w = &w,
                        .dataset = http_request_query(r, "dataset"),
                        .state = http_request_query(r, "state"),
                        .limit = number(r, "limit", LIMIT_DEFAULT, LIMIT_MAX)};
    if (number(r, "offset", 0, INT64_MAX) == 0 && l.limit > 0) {
        scheduler_each(api->scheduler, write_arrival, &l);
        if (l.limit > 0) scheduler_each_unreadable(api->scheduler, write_unreadable, &l);
    }
    for (int i = 0; rows && i < PQntuples(rows); i++) {
        json_write_object(&w);
        reply_row(&w, rows, i);
        json_write_end(&w);
    }
    json_write_end(&w);
    return true;
}

void files_list(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    int64_t limit = number(r, "limit", LIMIT_DEFAULT, LIMIT_MAX), offset = number(r, "offset", 0, INT64_MAX);
    if (limit < 0 || offset < 0) return problem_parameter(r, limit < 0 ? "limit" : "offset", "a whole number from 0");
    struct slice dataset = http_request_query(r, "dataset"), state = http_request_query(r, "state");
    if (!access_may(r, ACCESS_READ, dataset.len ? dataset : (struct slice){NULL, 0})) return;
    struct db_param p[] = {db_int8(limit), db_int8(offset), db_slice(dataset.p ? dataset : SLICE("")),
                           db_slice(state.p ? state : SLICE("")), db_text(api->instance->id)};
    reply_with(r, &(struct reply_query){.sql = SQL_FILES, .param = p, .params = 5, .write = write_list});
}

/* ---- one ---- */

static bool no_file(struct http_request *r)
{
    http_problem(
        r, &(struct http_problem){.status = 404, .message = "there is no file with this id", .hint = "GET /v1/files lists them"});
    return false;
}

static bool write_one(struct http_request *r, const PGresult *rows, struct buf *body)
{
    if (PQntuples(rows) == 0) return no_file(r);
    if (!access_may(r, ACCESS_READ, slice_of(PQgetvalue(rows, 0, PQfnumber(rows, "dataset"))))) return false;
    struct json_writer w;
    json_writer_init(&w, body);
    json_write_object(&w);
    reply_row(&w, rows, 0);
    json_write_end(&w);
    return true;
}

static bool write_rejects(struct http_request *r, const PGresult *rows, struct buf *body)
{
    (void)r;
    struct json_writer w;
    json_writer_init(&w, body);
    json_write_array(&w);
    for (int i = 0; i < PQntuples(rows); i++) {
        json_write_object(&w);
        reply_row(&w, rows, i);
        json_write_end(&w);
    }
    json_write_end(&w);
    return true;
}

static bool write_rejected_rows(struct http_request *r, const PGresult *rows, struct buf *body)
{
    if (PQntuples(rows) == 0) return no_file(r);
    char end = '\n';
    for (int i = 0; i < PQntuples(rows); i++) {
        if (PQgetisnull(rows, i, 0)) continue;
        struct slice line = {PQgetvalue(rows, i, 0), (size_t)PQgetlength(rows, i, 0)};
        bool first = i == 0, cr = first && line.len > 0 && line.p[line.len - 1] == '\r';
        if (cr) {
            end = '\r';
            line.len--;
        }
        buf_put(body, line);
        /* A byte order mark is no line. */
        if (!first || (line.len > 0 && !slice_equal(line, SLICE("\xef\xbb\xbf")))) buf_putc(body, end);
    }
    http_header(r, "Content-Disposition", "attachment; filename=\"rejects.csv\"");
    return true;
}

void files_one(struct http_request *r)
{
    int64_t id;
    if (num_parse_i64(http_request_capture(r, "id"), &id) != 0) return problem_parameter(r, "id", "a whole number");
    struct db_param p[] = {db_int8(id)};
    reply_with(r, &(struct reply_query){.sql = SQL_FILE, .param = p, .params = 1, .write = write_one});
}

/* 0: with their reasons, as JSON. 1: the rows alone, as CSV. Negative: a problem was answered. */
static int rejects_format(struct http_request *r)
{
    static const char *const media[] = {"application/json", "text/csv", NULL};
    struct slice format = http_request_query(r, "format");
    http_header(r, "Vary", "Accept");
    if (format.p && slice_equal(format, SLICE("csv"))) return 1;
    if (format.p && slice_equal(format, SLICE("json"))) return 0;
    if (format.p) {
        problem_parameter(r, "format", "json or csv");
        return -1;
    }
    int chosen = http_accept(http_request_header(r, "Accept"), media);
    return chosen < 0 ? 0 : chosen;
}

void files_rejects(struct http_request *r)
{
    int64_t id, limit = number(r, "limit", REJECTS_MAX, REJECTS_MAX), offset = number(r, "offset", 0, INT64_MAX);
    if (num_parse_i64(http_request_capture(r, "id"), &id) != 0) return problem_parameter(r, "id", "a whole number");
    if (limit < 0 || offset < 0) return problem_parameter(r, limit < 0 ? "limit" : "offset", "a whole number from 0");
    if (!access_may(r, ACCESS_READ, (struct slice){NULL, 0})) return;
    int format = rejects_format(r);
    if (format < 0) return;
    struct db_param p[] = {db_int8(id), db_int8(limit), db_int8(offset)};
    if (format == 1)
        return reply_with(
            r, &(struct reply_query){
                   .sql = SQL_REJECTED_ROWS, .param = p, .params = 1, .media_type = "text/csv", .write = write_rejected_rows});
    reply_with(r, &(struct reply_query){.sql = SQL_REJECTS, .param = p, .params = 3, .write = write_rejects});
}
