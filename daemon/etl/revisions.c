/* SPDX-License-Identifier: MIT */
#include "etl/revisions.h"

#include <stdlib.h>

static void over(struct revisions *r)
{
    r->running--;
    r->over(r->ctx);
}

/* ---- unloads ---- */

struct unloading {
    struct revisions *all;
    struct revisions_unload asked;
};

static void unloaded(void *ctx, const struct unload_report *report)
{
    struct unloading u = *(struct unloading *)ctx;
    free(ctx);
    u.all->unloaded(u.all->ctx);
    u.asked.done(u.asked.ctx, report);
    over(u.all);
}

int revisions_unload(struct revisions *r, const struct revisions_unload *asked)
{
    if (r->stopping) return ERROR_CANCELLED;
    struct unloading *u = calloc(1, sizeof *u);
    if (!u) return -ENOMEM;
    *u = (struct unloading){r, *asked};
    struct unload_config c = {.pool = r->env->pool,
                              .catalog = r->env->catalog,
                              .stale = r->env->stale,
                              .stale_ctx = r->env->stale_ctx,
                              .observers = r->env->observers,
                              .file = asked->file,
                              .force = asked->force,
                              .done = unloaded,
                              .ctx = u};
    int e = unload_start(&c);
    if (e == 0) r->running++;
    if (e < 0) free(u);
    return e;
}

/* ---- replays ---- */

struct replaying {
    struct revisions *all;
    struct revisions_replay asked;
};

static void replayed(void *ctx, struct replay_report *report)
{
    struct replaying p = *(struct replaying *)ctx;
    free(ctx);
    p.all->unloaded(p.all->ctx);
    p.asked.done(p.asked.ctx, report);
    if (report->outcome == REPLAY_TAKEN) p.all->taken(p.all->ctx, &report->file);
    over(p.all);
}

int revisions_replay(struct revisions *r, const struct revisions_replay *asked)
{
    if (r->stopping) return ERROR_CANCELLED;
    struct replaying *p = calloc(1, sizeof *p);
    if (!p) return -ENOMEM;
    *p = (struct replaying){r, *asked};
    struct replay_config c = {.settings = &r->env->config,
                              .workers = r->env->workers,
                              .place = r->env->place,
                              .pool = r->env->pool,
                              .catalog = r->env->catalog,
                              .stale = r->env->stale,
                              .stale_ctx = r->env->stale_ctx,
                              .observers = r->env->observers,
                              .file = asked->file,
                              .force = asked->force,
                              .anyway = asked->anyway,
                              .done = replayed,
                              .ctx = p};
    int e = replay_start(&c);
    if (e == 0) r->running++;
    if (e < 0) free(p);
    return e;
}
