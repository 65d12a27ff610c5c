/* SPDX-License-Identifier: MIT */
#include "api/actions.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "base/log.h"
#include "base/num.h"
#include "format/json_writer.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 64 * 1024, SHOWN_MAX = 4 * NAME_MAX + 1, URL_MAX = 64 };

struct action {
    struct http_request *request; /* NULL: the client is gone; what it asked for is done all the same */
    int64_t file;
};

static void gone(void *state)
{
    struct action *a = state;
    a->request = NULL;
}

/* The request goes its own way from here. NULL: it is gone. */
static struct http_request *let_go(struct action *a)
{
    struct http_request *r = a->request;
    if (r) http_request_attach(r, NULL, NULL);
    free(a);
    return r;
}

static bool parse_flag(struct http_request *r, const char *name, bool *ret_flag)
{
    struct slice text = http_request_query(r, name);
    *ret_flag = slice_equal(text, SLICE("yes"));
    if (!text.p || *ret_flag || slice_equal(text, SLICE("no"))) return true;
    problem_parameter(r, name, "yes or no");
    return false;
}

/* NULL after a problem. */
static struct action *begin(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    int64_t id;
    if (!access_may(r, ACCESS_MANAGE, (struct slice){NULL, 0})) return NULL;
    if (num_parse_i64(http_request_capture(r, "id"), &id) != 0) {
        problem_parameter(r, "id", "a whole number");
        return NULL;
    }
    struct action *a = api->ready ? calloc(1, sizeof *a) : NULL;
    if (!api->ready) problem_unavailable(r, api_reason(api));
    if (api->ready && !a) problem_internal(r);
    if (!a) return NULL;
    *a = (struct action){.request = r, .file = id};
    http_request_attach(r, a, gone);
    return a;
}

static void refuse(struct http_request *r, int status, const char *why, const char *hint)
{
    if (!r) return;
    if (status == 503) http_header(r, "Retry-After", "1");
    http_problem(r, &(struct http_problem){.status = status, .message = why, .hint = hint});
}

static void answer(struct http_request *r, int status, const struct buf *body)
{
    if (!r) return;
    if (body->failed) return problem_internal(r);
    http_answer(r, status, "application/json", buf_slice(body));
}

/* 0: it was, and answers later. */
static void not_started(struct action *a, int r)
{
    if (r == ERROR_CANCELLED) return refuse(let_go(a), 503, "the daemon is stopping", NULL);
    if (r < 0) problem_internal(let_go(a));
}

/* ---- unload ---- */

static void on_unloaded(void *ctx, const struct unload_report *report)
{
    static const int status_of[] = {[UNLOAD_UNKNOWN] = 404, [UNLOAD_STATE] = 409, [UNLOAD_LINEAGE] = 409,
                                    [UNLOAD_REFUSED] = 409, [UNLOAD_KEYS] = 409,  [UNLOAD_BUSY] = 503};
    struct action *a = ctx;
    int64_t file = a->file;
    struct http_request *r = let_go(a);
    if (report->outcome != UNLOAD_DONE)
        return refuse(r, status_of[report->outcome], report->why.text,
                      report->outcome == UNLOAD_KEYS ? "?force=yes does it all the same" : NULL);
    struct buf body;
    struct json_writer w;
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_field_int(&w, "id", file);
    json_write_field_text(&w, "state", "unloaded");
    json_write_field_int(&w, "rows", report->rows);
    json_write_end(&w);
    answer(r, 200, &body);
    buf_done(&body);
}

void actions_unload(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    bool force;
    if (!parse_flag(r, "force", &force)) return;
    struct action *a = begin(r);
    if (!a) return;
    struct revisions_unload u = {.file = a->file, .force = force, .done = on_unloaded, .ctx = a};
    not_started(a, revisions_unload(scheduler_revisions(api->scheduler), &u));
}

/* ---- replay ---- */

static void on_replayed(void *ctx, const struct replay_report *report)
{
    static const int status_of[] = {
        [REPLAY_UNKNOWN] = 404, [REPLAY_GONE] = 404, [REPLAY_STATE] = 409, [REPLAY_REFUSED] = 409, [REPLAY_BUSY] = 503};
    struct action *a = ctx;
    int64_t file = a->file;
    struct http_request *r = let_go(a);
    if (report->outcome != REPLAY_TAKEN)
        return refuse(r, status_of[report->outcome], report->why.text,
                      report->outcome == REPLAY_REFUSED
                          ? "?again=yes loads it on top of what is loaded; ?force=yes unloads it anyway, where keys are in the way"
                          : NULL);
    char name[SHOWN_MAX], url[URL_MAX];
    struct buf body;
    struct json_writer w;
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    json_write_object(&w);
    snprintf(url, sizeof url, "/v1/files/%s", report->file.token);
    json_write_field_int(&w, "replayed", file);
    json_write_field_text(&w, "token", report->file.token);
    json_write_field_text(&w, "url", url);
    json_write_field_text(&w, "name", log_escape(slice_of(report->file.name), name, sizeof name));
    json_write_field_text(&w, "state", "queued");
    json_write_field_int(&w, "rows_unloaded", report->unloaded);
    json_write_end(&w);
    answer(r, 202, &body);
    buf_done(&body);
}

void actions_replay(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    bool force, again;
    if (!parse_flag(r, "force", &force) || !parse_flag(r, "again", &again)) return;
    struct action *a = begin(r);
    if (!a) return;
    struct revisions_replay p = {.file = a->file, .force = force, .anyway = again, .done = on_replayed, .ctx = a};
    not_started(a, revisions_replay(scheduler_revisions(api->scheduler), &p));
}
