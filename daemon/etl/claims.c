/* SPDX-License-Identifier: MIT */
#include "etl/claims.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>

enum {
    RETRY_MS = 1000,
    FAILURES_MAX = 30, /* then the watcher names the file again when it has been quiet for long */
    SHOWN_MAX = 512,
    BATCH = 32,
};

/* Claims that go to a worker together. */
struct batch {
    struct worker_job job;
    struct claims *all;
    struct list items;
};

static void pump(struct claims *all);

static void run(struct worker_job *job)
{
    struct batch *b = container_of(job, struct batch, job);
    for (list_each(l, next, &b->items)) {
        struct claim *c = container_of(l, struct claim, link);
        c->rc = place_claim(b->all->config.place, c->path, c->token, c->durable, &c->err, &c->file);
    }
}

static void submit(struct claim *c)
{
    c->rc = -ECANCELED; /* until it ran */
    list_append(&c->all->waiting, &c->link);
    c->queued = true;
    pump(c->all);
}

static void over(struct claim *c)
{
    struct claims *all = c->all;
    HASH_DEL(all->by_path, c);
    all->config.over(all->config.ctx, c);
    place_file_done(&c->file);
    free(c->path);
    free(c);
}

/* Only what may mend itself soon: what was written to while it was copied arrives anew when it is complete. */
static bool worth_another_try(const struct claim *c)
{
    return c->rc < 0 && c->rc != -EAGAIN && !c->all->stopping && c->failures < FAILURES_MAX;
}

static void judge(struct claim *c)
{
    list_remove(&c->link);
    c->running = false;
    if (!worth_another_try(c)) return over(c);
    char name[SHOWN_MAX];
    if (c->failures++ == 0)
        log_warning("%s cannot be claimed, and is tried again: %s", log_escape(slice_of(c->path), name, sizeof name),
                    error_name(c->rc));
    place_file_done(&c->file);
    c->file = (struct place_file){.fd = -1};
    if (!timer_active(c->all->timer)) timer_start(c->all->timer, RETRY_MS);
}

static void done(struct worker_job *job)
{
    struct batch *b = container_of(job, struct batch, job);
    struct claims *all = b->all;
    struct list items;
    list_init(&items);
    for (list_each(l, next, &b->items)) {
        list_remove(l);
        list_append(&items, l);
    }
    free(b);
    all->jobs--;
    pump(all);
    for (list_each(l, next, &items))
        judge(container_of(l, struct claim, link));
}

/* One job a worker at most: so what waits meanwhile goes together. One in a job where a claim is a copy, which may take long. */
static void pump(struct claims *all)
{
    while (!list_empty(&all->waiting) && all->jobs < workers_count(all->config.workers)) {
        struct batch *b = calloc(1, sizeof *b);
        if (!b) break;
        *b = (struct batch){.job = {.run = run, .done = done, .priority = WORKER_URGENT}, .all = all};
        list_init(&b->items);
        unsigned most = atomic_load(&all->config.place->copied) > 0 ? 1 : BATCH;
        for (; most > 0 && !list_empty(&all->waiting); most--) {
            struct claim *c = container_of(all->waiting.next, struct claim, link);
            list_remove(&c->link);
            list_append(&b->items, &c->link);
            c->queued = false;
            c->running = true;
        }
        all->jobs++;
        workers_submit(all->config.workers, &b->job);
    }
    if (!list_empty(&all->waiting) && all->jobs == 0 && !timer_active(all->timer)) timer_start(all->timer, RETRY_MS);
}

static void again(void *ctx)
{
    struct claims *all = ctx;
    struct claim *c, *next;
    HASH_ITER(hh, all->by_path, c, next)
    {
        if (!c->running && !c->queued) submit(c);
    }
    pump(all);
}

int claims_init(struct claims *c, const struct claims_config *config)
{
    *c = (struct claims){.config = *config};
    list_init(&c->waiting);
    return timer_new(config->loop, again, c, &c->timer);
}

void claims_done(struct claims *c)
{
    timer_free(c->timer);
    c->timer = NULL;
}

struct claim *claims_find(const struct claims *c, const char *path)
{
    struct claim *claim;
    HASH_FIND_STR(c->by_path, path, claim);
    return claim;
}

bool claims_start(struct claims *c, const char *path, bool durable, void *tag)
{
    struct claim *claim = calloc(1, sizeof *claim);
    char *copy = strdup(path);
    if (claim && copy) {
        *claim = (struct claim){.all = c, .path = copy, .durable = durable, .tag = tag};
        claim->file.fd = -1;
        HASH_ADD_KEYPTR(hh, c->by_path, claim->path, strlen(claim->path), claim);
    }
    if (!claim || !copy || !claim->hh.tbl) {
        free(claim);
        free(copy);
        return false;
    }
    claims_renew(c, claim);
    submit(claim);
    return true;
}

void claims_renew(struct claims *c, struct claim *claim)
{
    place_token(c->config.place, claim->token);
    claim->arrived_us = clock_real_us();
}

void claims_stop(struct claims *c)
{
    c->stopping = true;
    timer_stop(c->timer);
    struct claim *claim, *next;
    HASH_ITER(hh, c->by_path, claim, next)
    {
        if (claim->running) continue;
        if (claim->queued) list_remove(&claim->link);
        over(claim);
    }
}
