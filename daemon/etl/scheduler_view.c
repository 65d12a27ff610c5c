/* SPDX-License-Identifier: MIT */
#include "etl/scheduler_private.h"

bool scheduler_is_through(const struct scheduler *s, const char *token)
{
    for (const struct list *l = s->all.next; l != &s->all; l = l->next) {
        const struct arrival *a = container_of(l, struct arrival, all);
        if (a->state <= ARRIVAL_COMMITTING && strcmp(a->file.token, token) < 0) return false;
    }
    return !claims_under_way(&s->claims, token);
}

bool scheduler_has_room(const struct scheduler *s)
{
    return !s->stopping && !s->full && s->arrivals + s->claiming < SCHEDULER_ARRIVALS_MAX;
}

const struct arrival *scheduler_find(const struct scheduler *s, const char *token)
{
    /* The newest are asked for most. */
    for (const struct list *l = s->all.prev; l != &s->all; l = l->prev) {
        const struct arrival *a = container_of(l, struct arrival, all);
        if (strcmp(a->file.token, token) == 0) return a->state > ARRIVAL_COMMITTING ? NULL : a;
    }
    return NULL;
}

struct scheduler_totals scheduler_totals(const struct scheduler *s)
{
    unsigned waiting = 0;
    for (const struct lane *lane = s->lanes.by_name; lane; lane = lane->hh.next)
        for (const struct list *l = lane->queue.prev; lane->bar.set && l != &lane->queue; l = l->prev)
            waiting += lane_bars(lane, container_of(l, struct arrival, link));
    return (struct scheduler_totals){.queued = s->arrivals - s->runs.files - tidies_count(&s->endings.tidies) - waiting,
                                     .waiting = waiting,
                                     .loading = s->runs.files,
                                     .unreadable = refusals_count(&s->refusals)};
}

static const char *why_stopped(const struct scheduler *s, const struct lane *lane)
{
    const struct dataset *d = catalog_find(s->config.catalog, lane->name);
    if (lane->waiting == 0) return NULL;
    if (d && dataset_held_by(d)) return "held";
    if (lane->not_before_ms > loop_now_ms(s->config.loop)) return "paused";
    return lane_bars(lane, container_of(lane->queue.next, struct arrival, link)) ? "waiting" : NULL;
}

struct scheduler_lane scheduler_lane(const struct scheduler *s, const char *dataset)
{
    const struct lane *lane = lanes_find(&s->lanes, dataset);
    if (!lane) return (struct scheduler_lane){0};
    return (struct scheduler_lane){.queued = lane->waiting, .loads = lane->running, .stopped = why_stopped(s, lane)};
}

void scheduler_each(const struct scheduler *s, bool (*each)(void *ctx, const struct arrival *a), void *ctx)
{
    for (list_each(l, next, (struct list *)&s->all)) {
        const struct arrival *a = container_of(l, struct arrival, all);
        if (a->state > ARRIVAL_COMMITTING) continue; /* in the ledger, and about to be moved */
        if (!each(ctx, a)) return;
    }
}

void scheduler_each_load(const struct scheduler *s, bool (*each)(void *ctx, const struct arrival *a, struct load_progress p),
                         void *ctx)
{
    runs_each(&s->runs, each, ctx);
}

const char *scheduler_waits(const struct scheduler *s, const struct arrival *a)
{
    const struct lane *lane = a->state == ARRIVAL_QUEUED ? lanes_find(&s->lanes, a->dataset) : NULL;
    return lane && lane_bars(lane, a) ? lane->bar.why : NULL;
}

void scheduler_each_unreadable(const struct scheduler *s, bool (*each)(void *ctx, const struct unreadable *u), void *ctx)
{
    refusals_each(&s->refusals, each, ctx);
}
