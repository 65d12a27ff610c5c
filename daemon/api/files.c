/* SPDX-License-Identifier: MIT */
#include "api/files.h"

#include "api/access.h"
#include "api/arrivals.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/tables.h"
#include "base/num.h"
#include "csv/utf8.h"
#include "http/accept.h"
#include "http/disposition.h"
#include "http/target.h"

#include <inttypes.h>
#include <stdlib.h>

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, REJECTS_MAX = 1000, LINK_MAX = 1024, RAW_MAX = 64 << 20, ARRIVAL_MAX = 65536 };

/* The names of /v1/files are the ledger's. */
#define FILE_COLUMNS                                                                                                               \
    "SELECT f.id, d.name AS dataset, f.name, f.bytes, encode(f.sha256, 'hex') AS sha256, f.state, f.rows_read, f.rows_loaded,"     \
    " f.rows_updated, f.rows_ignored, f.rows_rejected, f.rows_filtered, f.error, f.duplicate_of, f.arrived_at, f.started_at,"      \
    " f.finished_at"
#define FILE_TABLES " FROM cetl.file f LEFT JOIN cetl.dataset d ON d.id = f.dataset_id"
/* What this daemon ($5) is loading is told from memory. The last two columns are not shown. */
enum { HIDDEN_COLUMNS = 2 };
#define SQL_FILES                                                                                                                  \
    FILE_COLUMNS ", f.id::text, f.token" FILE_TABLES " WHERE ($3 = '' OR d.name = $3) AND ($4 = '' OR f.state = $4)"               \
                 " AND NOT (f.state IN ('loading', 'committing') AND f.instance = $5) AND f.id < $6::int8"                         \
                 " ORDER BY f.id DESC LIMIT $1::int8 OFFSET $2::int8"
#define SQL_FILE FILE_COLUMNS FILE_TABLES " WHERE f.id = $1::int8"
#define SQL_FILE_OF_TOKEN FILE_COLUMNS FILE_TABLES " WHERE f.token = $1"
/*
 * No row: there is no such file; one without a code: it has no rejects. A page ends early where its rows grow too large, but has
 * one row at least.
 */
#define SQL_REJECTS                                                                                                                \
    "SELECT line, byte_offset, column_name AS column, code, message, value, d.name AS dataset, raw"                                \
    " FROM cetl.file f LEFT JOIN cetl.dataset d ON d.id = f.dataset_id LEFT JOIN LATERAL"                                          \
    " (SELECT *, sum(octet_length(raw) + coalesce(octet_length(value), 0)) OVER (ORDER BY line, byte_offset, column_name"          \
    "   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM"                                                    \
    "  (SELECT * FROM cetl.reject WHERE file_id = f.id ORDER BY line, byte_offset, column_name LIMIT $2::int8 OFFSET "             \
    "$3::int8) p) q ON coalesce(bytes_before, 0) < 1048576 WHERE f.id = $1::int8 ORDER BY line, byte_offset, column_name"

/* The header line (a CR at its end says that records end so), then the rows as they stood in the file: what is mended there can be
 * dropped again. What is stored of a file is bounded (etl/load.c). */
#define SQL_REJECTED_ROWS                                                                                                          \
    "SELECT raw, name, dataset FROM (SELECT f.header AS raw, -1 AS line, -1 AS byte_offset, f.name, d.name AS dataset" FILE_TABLES \
    " WHERE f.id = $1::int8"                                                                                                       \
    " UNION ALL SELECT raw, line, byte_offset, NULL, NULL FROM cetl.reject WHERE file_id = $1::int8 AND line > 0) r"               \
    " ORDER BY line, byte_offset"

/* One file. Why it was refused is told in words that hold values of its rows: not to who is confined to some (see
 * access_may_unfiltered). */
static void write_entry(struct http_request *r, struct json_writer *w, const PGresult *rows, int row, int columns)
{
    json_write_object(w);
    reply_columns_but(w, rows, row, columns, access_role(r) ? PQfnumber(rows, "error") : -1);
    json_write_end(w);
}

/* ---- the list ---- */

struct page {
    struct arrivals *arrivals;
    int64_t limit;
};

static int64_t number(struct http_request *r, const char *name, int64_t otherwise, int64_t most)
{
    struct slice text = http_request_query(r, name);
    int64_t v;
    if (!text.p) return otherwise;
    return num_parse_i64(text, &v) == 0 && v >= 0 ? (v < most ? v : most) : -1;
}

/* What may be asked for, and what each would be shown as. */
static const char *const states[] = {"queued", "waiting",   "loading",  "committing", "loaded",
                                     "failed", "duplicate", "unloaded", "unreadable", NULL};

static bool is_state(struct slice state)
{
    for (size_t i = 0; states[i]; i++)
        if (slice_equal(state, slice_of(states[i]))) return true;
    return false;
}

/* The next page begins behind the last row of this one. */
static void link_next(struct http_request *r, const struct page *p, const PGresult *rows)
{
    int n = PQntuples(rows);
    if (n == 0 || n < p->limit) return;
    struct slice dataset = http_request_query(r, "dataset"), state = http_request_query(r, "state");
    struct buf link;
    buf_init(&link, LINK_MAX);
    buf_printf(&link, "</v1/files?before=%s&limit=%" PRId64, PQgetvalue(rows, n - 1, PQnfields(rows) - HIDDEN_COLUMNS), p->limit);
    if (dataset.len) buf_puts(&link, "&dataset="), http_target_encode(&link, dataset);
    if (state.len) buf_puts(&link, "&state="), http_target_encode(&link, state);
    buf_puts(&link, ">; rel=\"next\"");
    if (buf_check(&link) == 0) http_header(r, "Link", buf_cstr(&link));
    buf_done(&link);
}

static bool write_list(struct http_request *r, void *ctx, const PGresult *rows, struct buf *body)
{
    struct page *p = ctx;
    struct json_writer w;
    int shown = PQnfields(rows) - HIDDEN_COLUMNS;
    json_writer_init(&w, body);
    json_write_array(&w);
    arrivals_write(p->arrivals, &w, rows, PQnfields(rows) - 1);
    for (int i = 0; i < PQntuples(rows); i++)
        write_entry(r, &w, rows, i, shown);
    json_write_end(&w);
    link_next(r, p, rows);
    return true;
}

static void page_free(void *ctx)
{
    struct page *p = ctx;
    arrivals_free(p->arrivals);
    free(p);
}

void files_list(struct http_request *r)
{
    static const char *const names[] = {"dataset", "state", "limit", "offset", "before", NULL};
    const struct api *api = http_request_context(r);
    int64_t limit = number(r, "limit", LIMIT_DEFAULT, LIMIT_MAX), offset = number(r, "offset", 0, INT64_MAX);
    int64_t before = number(r, "before", INT64_MAX, INT64_MAX);
    if (limit < 0 || offset < 0) return problem_parameter(r, limit < 0 ? "limit" : "offset", "a whole number from 0");
    if (before < 0) return problem_parameter(r, "before", "the id of a file");
    struct slice dataset = http_request_query(r, "dataset"), state = http_request_query(r, "state");
    if (!tables_only(r, names) || !access_may(r, ACCESS_READ, dataset.len ? dataset : (struct slice){NULL, 0})) return;
    if (state.len && !is_state(state))
        return problem_parameter(r, "state",
                                 "queued, waiting, loading, committing, loaded, failed, duplicate, unloaded or unreadable");
    struct page *page = calloc(1, sizeof *page);
    if (!page) return problem_internal(r);
    page->limit = limit;
    /* What is in memory stands before the first page, and does not count. */
    int64_t shown = offset == 0 && before == INT64_MAX ? limit : 0;
    page->arrivals = arrivals_note(
        api->scheduler, &(struct arrivals_filter){.dataset = dataset, .state = state, .limit = shown, .confined = access_role(r)});
    if (!page->arrivals) {
        page_free(page);
        return problem_internal(r);
    }
    struct db_param p[] = {db_int8(limit),
                           db_int8(offset),
                           db_slice(dataset.p ? dataset : SLICE("")),
                           db_slice(state.p ? state : SLICE("")),
                           db_text(api->instance->id),
                           db_int8(before)};
    reply_with(r, &(struct reply_query){
                      .sql = SQL_FILES, .param = p, .params = 6, .write_with = write_list, .done = page_free, .ctx = page});
}

/* ---- one ---- */

static bool no_file(struct http_request *r)
{
    http_problem(
        r, &(struct http_problem){.status = 404, .message = "there is no file with this id", .hint = "GET /v1/files lists them"});
    return false;
}

/* Is there a file, and may they be read? */
static bool may_see(struct http_request *r, const PGresult *rows)
{
    if (PQntuples(rows) == 0) return no_file(r);
    return access_may(r, ACCESS_READ, slice_of(PQgetvalue(rows, 0, PQfnumber(rows, "dataset"))));
}

static bool write_file(struct http_request *r, const PGresult *rows, struct buf *body)
{
    struct json_writer w;
    json_writer_init(&w, body);
    write_entry(r, &w, rows, 0, PQnfields(rows));
    return true;
}

/* Text as it is; bytes that are no UTF-8 in octal, as PostgreSQL escapes bytea. */
static void write_raw(struct json_writer *w, struct slice raw)
{
    struct buf text;
    if (utf8_valid(raw) && !memchr(raw.p, '\0', raw.len)) return json_write_slice(w, raw);
    buf_init(&text, RAW_MAX);
    for (struct slice rest = raw; rest.len > 0;) {
        size_t len = slice_char_len(rest);
        if (len > 0 && rest.p[0] != '\0')
            buf_append(&text, rest.p, len);
        else
            buf_printf(&text, "\\%03o", (unsigned char)rest.p[0]);
        if (len == 0) len = 1;
        rest = (struct slice){rest.p + len, rest.len - len};
    }
    if (buf_check(&text) < 0) w->out->failed = buf_check(&text);
    json_write_slice(w, buf_slice(&text));
    buf_done(&text);
}

static bool write_one(struct http_request *r, const PGresult *rows, struct buf *body)
{
    return may_see(r, rows) && write_file(r, rows, body);
}

/* Who may send files to the dataset, and has the token of one, is told what becomes of it. */
static bool may_follow(struct http_request *r, struct slice dataset)
{
    return access_allows(r, ACCESS_INGEST, dataset) || access_may(r, ACCESS_READ, dataset);
}

static bool write_of_token(struct http_request *r, const PGresult *rows, struct buf *body)
{
    if (PQntuples(rows) == 0) return no_file(r);
    return may_follow(r, slice_of(PQgetvalue(rows, 0, PQfnumber(rows, "dataset")))) && write_file(r, rows, body);
}

static bool write_rejects(struct http_request *r, const PGresult *rows, struct buf *body)
{
    if (!may_see(r, rows)) return false;
    struct json_writer w;
    int code = PQfnumber(rows, "code"), shown = PQfnumber(rows, "dataset"), raw = PQfnumber(rows, "raw");
    json_writer_init(&w, body);
    json_write_array(&w);
    for (int i = 0; i < PQntuples(rows); i++) {
        if (PQgetisnull(rows, i, code)) continue;
        json_write_object(&w);
        reply_columns(&w, rows, i, shown);
        json_write_key(&w, "raw");
        if (PQgetisnull(rows, i, raw))
            json_write_null(&w);
        else
            write_raw(&w, (struct slice){PQgetvalue(rows, i, raw), (size_t)PQgetlength(rows, i, raw)});
        json_write_end(&w);
    }
    json_write_end(&w);
    return true;
}

/* orders.csv.gz → orders.rejects.csv, so that what is mended is found by the same globs. */
static void name_rejects(struct http_request *r, struct slice file)
{
    static const char *const packed[] = {".gz", ".zip"}, *const kinds[] = {".csv", ".tsv", ".txt"};
    struct slice stem = file, kind = SLICE(".csv");
    struct buf name, field;
    for (size_t i = 0; i < sizeof packed / sizeof packed[0]; i++)
        if (slice_ends(stem, slice_of(packed[i]))) stem.len -= strlen(packed[i]);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!slice_ends(stem, slice_of(kinds[i]))) continue;
        kind = slice_of(kinds[i]);
        stem.len -= kind.len;
        break;
    }
    buf_init(&name, LINK_MAX);
    buf_init(&field, 4 * LINK_MAX);
    buf_printf(&name, SLICE_FMT ".rejects" SLICE_FMT, SLICE_ARG(stem), SLICE_ARG(kind));
    http_disposition(&field, buf_slice(&name));
    if (buf_check(&field) == 0) http_header(r, "Content-Disposition", buf_cstr(&field));
    buf_done(&name);
    buf_done(&field);
}

static bool write_rejected_rows(struct http_request *r, const PGresult *rows, struct buf *body)
{
    if (!may_see(r, rows)) return false;
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
    name_rejects(r, slice_of(PQgetvalue(rows, 0, 1)));
    return true;
}

/* As GET gives it in a receipt (api/receipt.h): it is known from the moment on at which a file is taken. */
static bool is_token(struct slice text)
{
    static const char shape[] = "xxxxxxxxxxxxxxxx-xxxxxxxx";
    if (text.len != sizeof shape - 1) return false;
    for (size_t i = 0; i < text.len; i++)
        if (shape[i] == 'x' ? !strchr("0123456789abcdef", text.p[i]) || !text.p[i] : text.p[i] != '-') return false;
    return true;
}

/* How far the load of one has come. */
struct one_load {
    const struct arrival *arrival;
    struct json_writer *w;
};

static bool write_progress(void *ctx, const struct arrival *a, struct load_progress p)
{
    const struct one_load *one = ctx;
    if (a != one->arrival) return true;
    json_write_field_int(one->w, "bytes_read", (int64_t)p.bytes);
    json_write_field_int(one->w, "rows_read", (int64_t)p.rows);
    return false;
}

static void answer_arrival(struct http_request *r, const struct arrival *a)
{
    const struct api *api = http_request_context(r);
    if (!may_follow(r, slice_of(a->dataset))) return;
    struct buf body;
    struct json_writer w;
    buf_init(&body, ARRIVAL_MAX);
    json_writer_init(&w, &body);
    json_write_object(&w);
    arrivals_write_one(&w, api->scheduler, a, access_role(r));
    scheduler_each_load(api->scheduler, write_progress, &(struct one_load){a, &w});
    json_write_end(&w);
    if (buf_check(&body) == 0)
        http_answer(r, 200, "application/json", buf_slice(&body));
    else
        problem_internal(r);
    buf_done(&body);
}

static void answer_token(struct http_request *r, struct slice text)
{
    const struct api *api = http_request_context(r);
    char token[PLACE_TOKEN_MAX];
    snprintf(token, sizeof token, SLICE_FMT, SLICE_ARG(text));
    const struct arrival *a = scheduler_find(api->scheduler, token);
    if (a) return answer_arrival(r, a);
    struct db_param p[] = {db_text(token)};
    reply_with(r, &(struct reply_query){.sql = SQL_FILE_OF_TOKEN, .param = p, .params = 1, .write = write_of_token});
}

void files_one(struct http_request *r)
{
    int64_t id;
    if (is_token(http_request_capture(r, "id"))) return answer_token(r, http_request_capture(r, "id"));
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
    if (!access_may_unfiltered(r)) return;
    int format = rejects_format(r);
    if (format < 0) return;
    struct db_param p[] = {db_int8(id), db_int8(limit), db_int8(offset)};
    if (format == 1)
        return reply_with(
            r, &(struct reply_query){
                   .sql = SQL_REJECTED_ROWS, .param = p, .params = 1, .media_type = "text/csv", .write = write_rejected_rows});
    reply_with(r, &(struct reply_query){.sql = SQL_REJECTS, .param = p, .params = 3, .write = write_rejects});
}
