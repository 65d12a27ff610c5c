/* SPDX-License-Identifier: MIT */
#include "api/jobs.h"

#include "api/access.h"
#include "api/api.h"
#include "api/problem.h"
#include "api/pulls.h"
#include "base/clock.h"
#include "base/name.h"
#include "format/json_writer.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 256 * 1024, LOOK_MS = 100, URL_MAX = 64 };

enum state { JOB_PULLING, JOB_SCANNING, JOB_LOADING, JOB_DONE };

struct job {
    char id[PLACE_TOKEN_MAX]; /* a token, so that ids rise */
    enum state state;
    char source[NAME_MAX_BYTES + 1]; /* that it pulls; "": all */
    char bar[PLACE_TOKEN_MAX];       /* its files have lower tokens; "" while it scans: all do */
    int64_t began_us, ended_us;
    uint64_t files, loaded, duplicate, failed, rows_loaded, rows_rejected;
};

struct jobs {
    struct scheduler *scheduler;
    struct place *place;
    struct sources *sources;
    struct observer observer;
    struct timer *timer; /* while one is not done */
    struct job job[JOBS_KEPT];
    size_t n; /* in all: the i-th is job[i % JOBS_KEPT] */
};

/* ---- what happens ---- */

static struct job *newest(struct jobs *all)
{
    return all->n > 0 ? &all->job[(all->n - 1) % JOBS_KEPT] : NULL;
}

static size_t kept(const struct jobs *all)
{
    return all->n < JOBS_KEPT ? all->n : JOBS_KEPT;
}

static bool has(const struct job *j, const struct arrival *a)
{
    return j->state != JOB_DONE && (j->bar[0] == '\0' || strcmp(a->file.token, j->bar) < 0);
}

static void on_arrived(struct observer *o, const struct arrival *a)
{
    struct jobs *all = container_of(o, struct jobs, observer);
    for (size_t i = 0; i < kept(all); i++)
        if (has(&all->job[i], a)) all->job[i].files++;
}

static void on_over(struct observer *o, const struct arrival *a)
{
    struct jobs *all = container_of(o, struct jobs, observer);
    for (size_t i = 0; i < kept(all); i++) {
        struct job *j = &all->job[i];
        if (!has(j, a)) continue;
        j->loaded += a->state == ARRIVAL_LOADED;
        j->duplicate += a->state == ARRIVAL_DUPLICATE;
        j->failed += a->state == ARRIVAL_FAILED;
        j->rows_loaded += a->state == ARRIVAL_LOADED ? a->counts.loaded : 0;
        j->rows_rejected += a->counts.rejected;
    }
}

static void on_scanned(struct observer *o)
{
    struct jobs *all = container_of(o, struct jobs, observer);
    for (size_t i = 0; i < kept(all); i++) {
        struct job *j = &all->job[i];
        if (j->state != JOB_SCANNING) continue;
        j->state = JOB_LOADING;
        place_token(all->place, j->bar);
    }
}

static void look(void *ctx)
{
    struct jobs *all = ctx;
    bool more = false;
    for (size_t i = 0; i < kept(all); i++) {
        struct job *j = &all->job[i];
        if (j->state == JOB_PULLING && !pulls_any(all->sources, slice_of(j->source))) {
            j->state = JOB_SCANNING;
            scheduler_rescan(all->scheduler);
        }
        if (j->state == JOB_LOADING && j->loaded + j->duplicate + j->failed >= j->files &&
            scheduler_is_through(all->scheduler, j->bar)) {
            j->state = JOB_DONE;
            j->ended_us = clock_real_us();
        }
        more = more || j->state != JOB_DONE;
    }
    if (!more) timer_stop(all->timer);
}

static bool count(void *ctx, const struct arrival *a)
{
    (void)a;
    ((struct job *)ctx)->files++;
    return true;
}

static struct job *begin(struct jobs *all, struct slice source)
{
    struct job *j = newest(all);
    if (j && (j->state == JOB_SCANNING || j->state == JOB_PULLING) && slice_equal(source, slice_of(j->source))) return j;
    j = &all->job[all->n++ % JOBS_KEPT];
    *j = (struct job){.began_us = clock_real_us()};
    snprintf(j->source, sizeof j->source, SLICE_FMT, SLICE_ARG(source));
    place_token(all->place, j->id);
    scheduler_each(all->scheduler, count, j);
    if (sources_pull(all->sources, source) == 0) {
        j->state = JOB_SCANNING;
        scheduler_rescan(all->scheduler);
    }
    timer_repeat(all->timer, LOOK_MS);
    return j;
}

int jobs_new(const struct jobs_config *config, struct jobs **ret_jobs)
{
    struct jobs *all = calloc(1, sizeof *all);
    if (!all) return -ENOMEM;
    *all = (struct jobs){.scheduler = config->scheduler,
                         .place = config->place,
                         .sources = config->sources,
                         .observer = {.arrived = on_arrived, .over = on_over, .scanned = on_scanned}};
    list_init(&all->observer.link);
    int r = timer_new(config->loop, look, all, &all->timer);
    if (r < 0) {
        free(all);
        return r;
    }
    observers_add(config->observers, &all->observer);
    *ret_jobs = all;
    return 0;
}

void jobs_free(struct jobs *all)
{
    if (!all) return;
    list_remove(&all->observer.link);
    timer_free(all->timer);
    free(all);
}

/* ---- what is told ---- */

static void write_time(struct json_writer *w, const char *key, int64_t real_us)
{
    char text[CLOCK_ISO_MAX];
    if (real_us) clock_iso(real_us, text);
    json_write_field_text(w, key, real_us ? text : NULL);
}

static struct jobs *jobs_of(const struct http_request *r)
{
    return ((struct api *)http_request_context(r))->jobs;
}

static const char *url_of(const struct job *j, char ret_url[URL_MAX])
{
    snprintf(ret_url, URL_MAX, "/etl-jobs/%s", j->id);
    return ret_url;
}

static void write_job(struct json_writer *w, const struct http_request *r, const struct job *j)
{
    static const char *const states[] = {
        [JOB_PULLING] = "pulling", [JOB_SCANNING] = "scanning", [JOB_LOADING] = "loading", [JOB_DONE] = "done"};
    char url[URL_MAX];
    json_write_object(w);
    json_write_field_text(w, "id", j->id);
    json_write_field_text(w, "url", url_of(j, url));
    json_write_field_text(w, "state", states[j->state]);
    pulls_write(w, jobs_of(r)->sources, slice_of(j->source), r);
    json_write_field_int(w, "files", (int64_t)j->files);
    json_write_field_int(w, "files_open", (int64_t)(j->files - j->loaded - j->duplicate - j->failed));
    json_write_field_int(w, "files_loaded", (int64_t)j->loaded);
    json_write_field_int(w, "files_duplicate", (int64_t)j->duplicate);
    json_write_field_int(w, "files_failed", (int64_t)j->failed);
    json_write_field_int(w, "rows_loaded", (int64_t)j->rows_loaded);
    json_write_field_int(w, "rows_rejected", (int64_t)j->rows_rejected);
    write_time(w, "started_at", j->began_us);
    write_time(w, "finished_at", j->ended_us);
    json_write_end(w);
}

static void answer(struct http_request *r, int status, const struct buf *body)
{
    if (buf_check(body) < 0) return problem_internal(r);
    http_header(r, "Cache-Control", "no-store");
    http_answer(r, status, "application/json", buf_slice(body));
}

static void answer_job(struct http_request *r, int status, const struct job *j)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    write_job(&w, r, j);
    answer(r, status, &body);
    buf_done(&body);
}

/* ---- routes ---- */

/* A browser that follows a link, or loads an image of, another site's page asks by GET, too; a token it does not send by itself. */
static bool may_start(struct http_request *r)
{
    const struct access_identity *id = access_identity(r);
    bool by_itself = !id || (id->who != ACCESS_TOKEN && id->who != ACCESS_JWT);
    if (by_itself && access_is_cross_site(r)) {
        http_problem(r, &(struct http_problem){.status = 403, .message = "a page of another site cannot start a job here"});
        return false;
    }
    return access_may(r, ACCESS_INGEST, (struct slice){NULL, 0});
}

void jobs_start(struct http_request *r)
{
    const struct api *api = http_request_context(r);
    struct slice name, value;
    char url[URL_MAX];
    if (!may_start(r)) return;
    struct slice source = SLICE("");
    for (unsigned i = 0; http_request_query_at(r, i, &name, &value); i++) {
        bool known = slice_equal(name, SLICE("source"));
        if (known && value.len > 0 && pulls_has(api->sources, value)) {
            source = value;
            continue;
        }
        http_problem(r, &(struct http_problem){.status = known ? 404 : 400,
                                               .message = known ? "there is no such source" : "the only parameter here is source",
                                               .hint = "without it all sources are pulled, and incoming/ is scanned"});
        return;
    }
    if (http_request_method(r) == HTTP_HEAD_) return http_answer(r, 202, "application/json", SLICE(""));
    if (!scheduler_has_room(api->scheduler)) {
        http_header(r, "Retry-After", "1");
        http_problem(r, &(struct http_problem){.status = 503, .message = "the queue is full, or the daemon is stopping"});
        return;
    }
    struct job *j = begin(jobs_of(r), source);
    http_header(r, "Location", url_of(j, url));
    answer_job(r, 202, j);
}

void jobs_list(struct http_request *r)
{
    struct jobs *all = jobs_of(r);
    struct buf body;
    struct json_writer w;
    buf_init(&body, BODY_MAX);
    json_writer_init(&w, &body);
    json_write_array(&w);
    for (size_t i = all->n; i > all->n - kept(all); i--)
        write_job(&w, r, &all->job[(i - 1) % JOBS_KEPT]);
    json_write_end(&w);
    answer(r, 200, &body);
    buf_done(&body);
}

/* Who has the URL was told it. */
void jobs_one(struct http_request *r)
{
    struct jobs *all = jobs_of(r);
    for (size_t i = 0; i < kept(all); i++)
        if (slice_equal(http_request_capture(r, "id"), slice_of(all->job[i].id))) return answer_job(r, 200, &all->job[i]);
    http_problem(r, &(struct http_problem){.status = 404,
                                           .message = "there is no job with this id",
                                           .hint = "GET /etl-jobs lists the newest; a restart forgets them"});
}
