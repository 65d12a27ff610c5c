/* SPDX-License-Identifier: MIT */
#include "api/manage.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/tables.h"
#include "config/effective.h"
#include "format/json_writer.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 64 << 20, MISTAKES_BODY_MAX = 4 << 20, LOOK_MS = 10, MESSAGE_MAX = 128 };

static bool may(struct http_request *r)
{
    static const char *const none[] = {NULL};
    return access_may(r, ACCESS_MANAGE, (struct slice){NULL, 0}) && tables_only(r, none);
}

static void answer(struct http_request *r, const struct buf *body)
{
    if (buf_check(body) < 0) return problem_internal(r);
    http_header(r, "Cache-Control", "no-store");
    http_answer(r, 200, "application/json", buf_slice(body));
}

/* ---- what is in force ---- */

struct listing {
    const struct config_written *written;
    struct json_writer w;
    struct buf value, next;
};

/* What the files say, where not all of it may be in force. */
static const void *values_written(const struct config_written *written, const struct effective_section *s)
{
    switch (s->kind) {
    case OPTION_DAEMON: return &written->daemon;
    case OPTION_DATABASE: return &written->database;
    case OPTION_API: return &written->api;
    default: return s->values;
    }
}

static void format(const struct option *o, const void *values, struct buf *out)
{
    buf_reset(out);
    value_format(&o->rule, (const char *)values + o->offset, out);
}

static void write_option(struct listing *l, const struct effective_section *s, const struct option *o)
{
    struct config_place place = effective_place(s, o);
    format(o, values_written(l->written, s), &l->next);
    format(o, s->values, &l->value);
    bool waits = !slice_equal(buf_slice(&l->value), buf_slice(&l->next));
    json_write_object(&l->w);
    json_write_field_text(&l->w, "section", options_section(s->kind)->kind);
    json_write_field_text(&l->w, "name", s->name[0] ? s->name : NULL);
    json_write_field_text(&l->w, "option", o->name);
    json_write_field_slice(&l->w, "value", buf_slice(&l->value));
    json_write_field_text(&l->w, "file", place.line > 0 ? place.file : NULL);
    json_write_key(&l->w, "line");
    if (place.line > 0)
        json_write_int(&l->w, place.line);
    else
        json_write_null(&l->w);
    json_write_field_bool(&l->w, "fixed", o->fixed);
    json_write_key(&l->w, "after_restart");
    if (waits)
        json_write_slice(&l->w, buf_slice(&l->next));
    else
        json_write_null(&l->w);
    json_write_end(&l->w);
}

static void write_section(void *ctx, const struct effective_section *s)
{
    for (const struct option *o = options_section(s->kind)->options; o->name; o++)
        write_option(ctx, s, o);
}

void manage_config(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct listing l = {.written = api->config->written};
    struct buf body;
    if (!may(r)) return;
    buf_init(&body, BODY_MAX);
    buf_init(&l.next, BODY_MAX);
    buf_init(&l.value, BODY_MAX);
    json_writer_init(&l.w, &body);
    json_write_array(&l.w);
    effective_each(api->config, write_section, &l);
    json_write_end(&l.w);
    answer(r, &body);
    buf_done(&l.value);
    buf_done(&l.next);
    buf_done(&body);
}

/* ---- reload ---- */

/* Who waits until the new one is in force. */
struct waiting {
    struct http_request *request;
    struct timer *timer;
    char *restart; /* what takes a restart; "" */
};

static void gone(void *state)
{
    struct waiting *w = state;
    timer_free(w->timer);
    free(w->restart);
    free(w);
}

static void answer_reloaded(struct http_request *r, const char *restart)
{
    const struct api *api = http_request_context(r);
    const char *reason = api_reason(api);
    struct json_writer w;
    struct buf body;
    buf_init(&body, MISTAKES_BODY_MAX);
    json_writer_init(&w, &body);
    json_write_object(&w);
    json_write_field_bool(&w, "reloaded", true);
    json_write_field_text(&w, "restart", restart[0] ? restart : NULL);
    json_write_field_text(&w, "reason", reason[0] ? reason : NULL);
    json_write_end(&w);
    answer(r, &body);
    buf_done(&body);
}

static void look(void *ctx)
{
    struct waiting *w = ctx;
    const struct api *api = http_request_context(w->request);
    if (api->control.reloading(api->control.ctx)) return;
    timer_stop(w->timer);
    answer_reloaded(w->request, w->restart);
}

static void wait_for_it(struct http_request *r, const char *restart)
{
    const struct api *api = http_request_context(r);
    struct waiting *w = calloc(1, sizeof *w);
    char *text = strdup(restart);
    if (!w || !text || timer_new(api->loop, look, w, &w->timer) < 0) {
        free(w);
        free(text);
        return answer_reloaded(r, restart);
    }
    w->request = r;
    w->restart = text;
    http_request_attach(r, w, gone);
    timer_repeat(w->timer, LOOK_MS);
}

static void answer_mistakes(struct http_request *r, const struct mistakes *m)
{
    struct json_writer w;
    struct buf members;
    char message[MESSAGE_MAX];
    snprintf(message, sizeof message, "%zu %s in the configuration; the old one stays in force", m->n,
             m->n == 1 ? "mistake" : "mistakes");
    buf_init(&members, MISTAKES_BODY_MAX);
    buf_puts(&members, "\"mistakes\":");
    json_writer_init(&w, &members);
    json_write_array(&w);
    for (size_t i = 0; i < m->stored; i++)
        json_write_text(&w, m->text[i]);
    json_write_end(&w);
    http_problem(
        r, &(struct http_problem){
               .status = 422, .message = message, .details = m->stored > 0 ? m->text[0] : NULL, .members = buf_cstr(&members)});
    buf_done(&members);
}

void manage_reload(struct http_request *r)
{
    struct api *api = http_request_context(r);
    struct mistakes m;
    struct buf restart;
    if (!may(r)) return;
    mistakes_init(&m);
    buf_init(&restart, MISTAKES_BODY_MAX);
    int rc = api->control.reload(api->control.ctx, &m);
    if (rc == 0) config_diff(api->first, api->config, &restart);
    const char *words = restart.len > 0 ? buf_cstr(&restart) : "";
    if (rc == 0)
        wait_for_it(r, words ? words : "");
    else if (rc == ERROR_CANCELLED)
        http_problem(r, &(struct http_problem){.status = 503, .message = "the daemon is stopping"});
    else if (rc > 0)
        answer_mistakes(r, &m);
    else
        http_problem(r, &(struct http_problem){.status = 500,
                                               .message = "the configuration cannot be read; the old one stays in force",
                                               .details = error_name(rc)});
    buf_done(&restart);
    mistakes_done(&m);
}
