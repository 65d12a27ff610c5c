/* SPDX-License-Identifier: MIT */
#include "etl/tidy.h"

#include "base/log.h"

#include <stdlib.h>

enum { RETRY_MS = 10000, SHOWN_MAX = 512, ERRORS_MAX = 64 * 1024 * 1024 };

struct tidy {
    struct tidy_config config;
    struct worker_job job;
    struct reject_list rejects;
    struct timer *timer;
    int rc;
    bool complained, hurried;
};

static void run(struct worker_job *job)
{
    struct tidy *t = container_of(job, struct tidy, job);
    struct buf errors;
    buf_init(&errors, ERRORS_MAX);
    if (t->rejects.n > 0) reject_list_csv(&t->rejects, &errors);
    t->rc = buf_check(&errors);
    if (t->rc == 0) t->rc = place_finish(t->config.place, t->config.file, t->config.target, buf_slice(&errors), NULL);
    buf_done(&errors);
    if (t->rc == 0) reject_list_done(&t->rejects); /* here, because it takes a while for many */
}

static void over(struct tidy *t)
{
    struct tidy_config c = t->config;
    timer_free(t->timer);
    reject_list_done(&t->rejects);
    free(t);
    c.over(c.ctx, c.file);
}

static void again(void *ctx)
{
    struct tidy *t = ctx;
    workers_submit(t->config.workers, &t->job);
}

static void done(struct worker_job *job)
{
    struct tidy *t = container_of(job, struct tidy, job);
    if (t->rc == 0 || t->hurried) return over(t);
    if (!t->complained) {
        char name[SHOWN_MAX];
        log_warning("%s cannot be moved to %s/: %s; it stays in work/%s and is tried again",
                    log_escape(slice_of(t->config.file->name), name, sizeof name),
                    t->config.target == PLACE_DONE ? "done" : "failed", error_name(t->rc), t->config.file->token);
    }
    t->complained = true;
    timer_start(t->timer, RETRY_MS);
}

int tidy_start(const struct tidy_config *config, struct tidy **ret_tidy)
{
    struct tidy *t = calloc(1, sizeof *t);
    if (!t) return -ENOMEM;
    t->config = *config;
    int r = timer_new(config->loop, again, t, &t->timer);
    if (r < 0) {
        free(t);
        return r;
    }
    t->rejects = *config->rejects;
    reject_list_init(config->rejects, config->rejects->max);
    t->job = (struct worker_job){.run = run, .done = done, .priority = WORKER_URGENT};
    *ret_tidy = t;
    workers_submit(config->workers, &t->job);
    return 0;
}

void tidy_hurry(struct tidy *t)
{
    t->hurried = true;
    if (!timer_active(t->timer)) return;
    timer_stop(t->timer);
    over(t);
}
