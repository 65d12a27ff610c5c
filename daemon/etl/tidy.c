/* SPDX-License-Identifier: MIT */
#include "etl/tidy.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>

enum { RETRY_MS = 10000, SHOWN_MAX = 512, ERRORS_MAX = 64 * 1024 * 1024, BATCH = 64 };

struct tidy {
    struct list link; /* in a list of the tidies, or of a job */
    struct place_file *file;
    enum place_target target;
    struct reject_list rejects;
    int rc;
    bool complained;
};

struct batch {
    struct worker_job job;
    struct tidies *all;
    struct list items;
};

static void pump(struct tidies *t);

static void move(struct place *place, struct tidy *t)
{
    struct buf errors;
    buf_init(&errors, ERRORS_MAX);
    if (t->rejects.n > 0) reject_list_csv(&t->rejects, &errors);
    t->rc = buf_check(&errors);
    if (t->rc == 0) t->rc = place_finish(place, t->file, t->target, buf_slice(&errors), NULL);
    buf_done(&errors);
    if (t->rc == 0) reject_list_done(&t->rejects); /* here, because it takes a while for many */
}

static void run(struct worker_job *job)
{
    struct batch *b = container_of(job, struct batch, job);
    for (list_each(l, next, &b->items))
        move(b->all->config.place, container_of(l, struct tidy, link));
}

static void over(struct tidies *all, struct tidy *t)
{
    struct place_file *file = t->file;
    list_remove(&t->link);
    reject_list_done(&t->rejects);
    free(t);
    all->files--;
    all->config.over(all->config.ctx, file);
}

static void complain(const struct tidy *t)
{
    char name[SHOWN_MAX];
    log_warning("%s cannot be moved to %s/: %s; it stays in work/ (its token: %s) and is tried again",
                log_escape(slice_of(t->file->name), name, sizeof name), t->target == PLACE_DONE ? "done" : "failed",
                error_name(t->rc), t->file->token);
}

static void judge(struct tidies *all, struct tidy *t)
{
    if (t->rc == 0 || all->hurried) return over(all, t);
    if (!t->complained) complain(t);
    t->complained = true;
    list_remove(&t->link);
    list_append(&all->failed, &t->link);
    if (!timer_active(all->timer)) timer_start(all->timer, RETRY_MS);
}

static void done(struct worker_job *job)
{
    struct batch *b = container_of(job, struct batch, job);
    struct tidies *all = b->all;
    /* What hears of the last one may let go of everything: the job is over first. */
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
        judge(all, container_of(l, struct tidy, link));
}

/* Fewer in a job where a move is a copy, which may take long. */
static unsigned batch_size(const struct tidies *t)
{
    return atomic_load(&t->config.place->pace.copied) > 0 ? 1 : BATCH;
}

/* The kernel lets one rename between folders of a file system through at a time: more workers would only spin. Copies go side by
 * side. */
static unsigned jobs_max(const struct tidies *t)
{
    return atomic_load(&t->config.place->pace.copied) > 0 ? workers_count(t->config.workers) : 1;
}

static void pump(struct tidies *t)
{
    while (!list_empty(&t->waiting) && t->jobs < jobs_max(t)) {
        struct batch *b = calloc(1, sizeof *b);
        if (!b) break; /* when the next job is done, or the timer runs */
        *b = (struct batch){.job = {.run = run, .done = done, .priority = WORKER_NORMAL}, .all = t};
        list_init(&b->items);
        for (unsigned n = batch_size(t); n > 0 && !list_empty(&t->waiting); n--) {
            struct list *l = t->waiting.next;
            list_remove(l);
            list_append(&b->items, l);
        }
        t->jobs++;
        workers_submit(t->config.workers, &b->job);
    }
    if (!list_empty(&t->waiting) && t->jobs == 0 && !timer_active(t->timer)) timer_start(t->timer, RETRY_MS);
}

static void again(void *ctx)
{
    struct tidies *t = ctx;
    for (list_each(l, next, &t->failed)) {
        list_remove(l);
        list_append(&t->waiting, l);
    }
    pump(t);
}

int tidies_init(struct tidies *t, const struct tidies_config *config)
{
    *t = (struct tidies){.config = *config};
    list_init(&t->waiting);
    list_init(&t->failed);
    return timer_new(config->loop, again, t, &t->timer);
}

void tidies_done(struct tidies *t)
{
    assert(t->files == 0);
    timer_free(t->timer);
    t->timer = NULL;
}

int tidies_add(struct tidies *t, struct place_file *file, enum place_target target, struct reject_list *rejects)
{
    struct tidy *one = calloc(1, sizeof *one);
    if (!one) return -ENOMEM;
    *one = (struct tidy){.file = file, .target = target, .rejects = *rejects};
    reject_list_init(rejects, rejects->max);
    list_append(&t->waiting, &one->link);
    t->files++;
    pump(t);
    return 0;
}

void tidies_hurry(struct tidies *t)
{
    t->hurried = true;
    timer_stop(t->timer);
    while (!list_empty(&t->failed))
        over(t, container_of(t->failed.next, struct tidy, link));
}
