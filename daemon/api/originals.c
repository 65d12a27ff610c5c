/* SPDX-License-Identifier: MIT */
#include "api/originals.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/reply.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/num.h"
#include "etl/kept.h"
#include "format/json_writer.h"
#include "http/disposition.h"

#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 128 * 1024, DISPOSITION_MAX = 8 * NAME_MAX, BODY_MAX = 64 * 1024 };

/* An original is of a file whose load is over; its places that have a link first. */
#define SQL_ORIGINAL                                                                                                               \
    "SELECT f.state, f.token, coalesce(f.path, convert_to(f.name, 'UTF8')) AS path, coalesce(f.bytes, -1) AS bytes,"               \
    " coalesce(f.sha256, ''::bytea) AS sha256, f.name, o.url FROM cetl.file f"                                                     \
    " LEFT JOIN cetl.original o ON o.file_id = f.id AND o.state = 'stored' WHERE "
#define SQL_ORIGINAL_ORDER " ORDER BY o.url LIKE 'file:%', o.archive LIMIT 16"
#define SQL_OF_ID SQL_ORIGINAL "f.id = $1::int8" SQL_ORIGINAL_ORDER
#define SQL_OF_TOKEN SQL_ORIGINAL "f.token = $1" SQL_ORIGINAL_ORDER
enum { ROW_STATE, ROW_TOKEN, ROW_PATH, ROW_BYTES, ROW_SUM, ROW_NAME, ROW_URL };

struct sending {
    struct api *api;
    struct http_request *request; /* NULL: gone */
    struct kept *kept;            /* being looked for; then: */
    struct worker_job job;
    int fd;
    char *block;
    ssize_t got;
    uint64_t at, bytes;
    bool link_only, working;
    char disposition[DISPOSITION_MAX];
};

static void sending_free(struct sending *s)
{
    kept_cancel(s->kept);
    if (s->fd >= 0) close(s->fd);
    if (s->block) memory_give(s->api->memory, BLOCK);
    free(s->block);
    free(s);
}

static void gone(void *state)
{
    struct sending *s = state;
    s->request = NULL;
    if (!s->working) sending_free(s);
}

/* The request goes its own way from here. */
static struct http_request *let_go(struct sending *s)
{
    struct http_request *r = s->request;
    http_request_attach(r, NULL, NULL);
    http_on_writable(r, NULL);
    sending_free(s);
    return r;
}

/* ---- its bytes ---- */

static void read_run(struct worker_job *job)
{
    struct sending *s = container_of(job, struct sending, job);
    uint64_t left = s->bytes - s->at;
    s->got = fs_pread_full(s->fd, s->block, left < BLOCK ? (size_t)left : BLOCK, (off_t)s->at);
}

static void read_done(struct worker_job *job);

static void read_on(void *state)
{
    struct sending *s = state;
    if (s->working) return;
    s->job = (struct worker_job){.run = read_run, .done = read_done, .priority = WORKER_NORMAL};
    s->working = true;
    workers_submit(s->api->storers, &s->job);
}

static void read_done(struct worker_job *job)
{
    struct sending *s = container_of(job, struct sending, job);
    s->working = false;
    if (!s->request) return sending_free(s);
    s->at += s->got > 0 ? (uint64_t)s->got : 0;
    if (s->got <= 0) return http_end(let_go(s), false); /* it was cut while it was read */
    bool more = http_write(s->request, (struct slice){s->block, (size_t)s->got});
    if (s->at == s->bytes) return http_end(let_go(s), true);
    if (more) read_on(s);
}

static void send_file(struct sending *s, const struct kept_report *report)
{
    s->fd = report->fd;
    s->bytes = report->bytes;
    bool head = http_request_method(s->request) == HTTP_HEAD_;
    if (!head && s->bytes > 0 && memory_take(s->api->memory, BLOCK, false)) {
        s->block = malloc(BLOCK);
        if (!s->block) memory_give(s->api->memory, BLOCK);
    }
    if (!head && s->bytes > 0 && !s->block) return problem_unavailable(let_go(s), "");
    http_header(s->request, "Content-Disposition", s->disposition);
    http_header(s->request, "X-Content-Type-Options", "nosniff");
    http_begin(s->request, 200, "application/octet-stream");
    if (!s->block) return http_end(let_go(s), true);
    http_on_writable(s->request, read_on);
    read_on(s);
}

/* ---- where it is ---- */

static void send_link(struct sending *s, const struct kept_report *report)
{
    bool redirects = !s->link_only;
    struct http_request *r = let_go(s);
    char until[CLOCK_ISO_MAX];
    struct buf body;
    struct json_writer w;
    clock_iso(report->until_s * 1000000, until);
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_field_text(&w, "url", report->url);
    json_write_field_text(&w, "until", until);
    json_write_field_text(&w, "ca_file", report->ca_file[0] ? report->ca_file : NULL);
    json_write_end(&w);
    if (redirects) http_header(r, "Location", report->url);
    http_header(r, "Referrer-Policy", "no-referrer");
    if (buf_check(&body) == 0)
        http_answer(r, redirects ? 307 : 200, "application/json", buf_slice(&body));
    else
        problem_internal(r);
    buf_done(&body);
}

static void on_kept(void *ctx, const struct kept_report *report)
{
    struct sending *s = ctx;
    s->kept = NULL;
    http_header(s->request, "Cache-Control", "no-store");
    if (report->outcome == KEPT_OPEN) return send_file(s, report);
    if (report->outcome == KEPT_LINK) return send_link(s, report);
    if (report->outcome == KEPT_BUSY) http_header(s->request, "Retry-After", "10");
    const char *details = report->why[0] ? report->why : NULL;
    struct http_problem p = {.status = 410,
                             .message = "the file's bytes are not kept any more",
                             .details = details,
                             .hint = "keep_done of [daemon] and [archive] say how long, and where, originals are kept"};
    if (report->outcome == KEPT_BUSY)
        p = (struct http_problem){.status = 503, .message = "what may have the file cannot be asked", .details = details};
    else if (s->link_only)
        p = (struct http_problem){.status = 404,
                                  .message = "the file has no link: no object store has it",
                                  .details = details,
                                  .hint = "without ?link=yes its bytes come, where they lie on this machine"};
    http_problem(let_go(s), &p);
}

/* ---- the ledger ---- */

static struct slice cell(const PGresult *rows, int row, int column)
{
    return (struct slice){PQgetvalue(rows, row, column), (size_t)PQgetlength(rows, row, column)};
}

static void look(struct sending *s, struct http_request *r, const PGresult *rows)
{
    struct slice path = cell(rows, 0, ROW_PATH), sum = cell(rows, 0, ROW_SUM), bytes = cell(rows, 0, ROW_BYTES);
    const char *slash = path.len > 0 ? memrchr(path.p, '/', path.len) : NULL;
    struct original original = {
        .token = PQgetvalue(rows, 0, ROW_TOKEN), .name = slash ? slash + 1 : path.p, .has_sum = sum.len == DIGEST_BYTES};
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.len; i++)
        number = number << 8 | (unsigned char)bytes.p[i];
    original.bytes = (int64_t)number;
    if (original.has_sum) memcpy(original.sum, sum.p, DIGEST_BYTES);
    const char *url[KEPT_URLS_MAX];
    size_t n = 0;
    for (int i = 0; i < PQntuples(rows) && n < KEPT_URLS_MAX; i++)
        if (!PQgetisnull(rows, i, ROW_URL)) url[n++] = PQgetvalue(rows, i, ROW_URL);
    struct buf disposition;
    buf_init(&disposition, DISPOSITION_MAX - 1);
    http_disposition(&disposition, cell(rows, 0, ROW_NAME));
    if (buf_check(&disposition) == 0) snprintf(s->disposition, sizeof s->disposition, "%s", buf_cstr(&disposition));
    buf_done(&disposition);
    struct kept_config c = {.loop = s->api->loop,
                            .workers = s->api->storers,
                            .transfers = s->api->transfers,
                            .place = s->api->place,
                            .config = s->api->config,
                            .original = original,
                            .url = url,
                            .urls = n,
                            .disposition = s->disposition,
                            .link_only = s->link_only,
                            .done = on_kept,
                            .ctx = s};
    http_request_attach(r, s, gone);
    if (kept_start(&c, &s->kept) < 0) problem_internal(let_go(s));
}

static bool wants_link(const struct http_request *r)
{
    return slice_equal(http_request_query(r, "link"), SLICE("yes"));
}

static void not_there(struct http_request *r, const char *message, const char *hint)
{
    http_problem(r, &(struct http_problem){.status = 404, .message = message, .hint = hint});
}

static bool on_rows(struct http_request *r, const PGresult *rows, struct buf *body)
{
    (void)body;
    const char *state = PQntuples(rows) > 0 ? PQgetvalue(rows, 0, ROW_STATE) : "";
    if (PQntuples(rows) == 0) {
        not_there(r, "there is no file with this id", "GET /v1/files lists them");
    } else if (strcmp(state, "loading") == 0 || strcmp(state, "committing") == 0) {
        not_there(r, "the file is being loaded just now", "ask again once that is over");
    } else {
        struct sending *s = malloc(sizeof *s);
        if (!s) {
            problem_internal(r);
            return false;
        }
        *s = (struct sending){.api = http_request_context(r), .request = r, .fd = -1, .link_only = wants_link(r)};
        look(s, r, rows);
    }
    return false;
}

void originals_get(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct slice text = http_request_capture(r, "id"), link = http_request_query(r, "link");
    char token[PLACE_TOKEN_MAX];
    int64_t id;
    if (!access_may(r, ACCESS_MANAGE, (struct slice){NULL, 0}) || !access_may_unfiltered(r)) return;
    if (link.p && !wants_link(r) && !slice_equal(link, SLICE("no"))) return problem_parameter(r, "link", "yes or no");
    bool is_id = num_parse_i64(text, &id) == 0;
    if (!is_id && text.len >= sizeof token) return problem_parameter(r, "id", "a whole number, or a token");
    snprintf(token, sizeof token, SLICE_FMT, SLICE_ARG(text));
    if (!is_id && scheduler_find(api->scheduler, token))
        return not_there(r, "the file is not loaded yet", "ask again once that is over");
    struct db_param p[] = {is_id ? db_int8(id) : db_text(token)};
    reply_with(r, &(struct reply_query){.sql = is_id ? SQL_OF_ID : SQL_OF_TOKEN, .param = p, .params = 1, .write = on_rows});
}
