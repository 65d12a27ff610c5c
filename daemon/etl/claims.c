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
    NOT_RUN = -ECANCELED,
};

/* Claims that go to a worker together. */
struct batch {
    struct worker_job job;
    struct claims *all;
    struct claim_turn *turn; /* of all its items, or NULL */
    struct list items;
};

static void pump(struct claims *all);

static void run(struct worker_job *job)
{
    struct batch *b = container_of(job, struct batch, job);
    for (list_each(l, next, &b->items)) {
        struct claim *c = container_of(l, struct claim, link);
        struct place_wish wish = {.path = c->path, .token = c->token, .durable = c->durable, .again = c->failures > 0};
        c->rc = place_claim(b->all->config.place, &wish, &c->err, &c->file);
        if (b->turn && c->rc < 0) break;
    }
}

void claim_turn_init(struct claim_turn *t)
{
    *t = (struct claim_turn){0};
    list_init(&t->waiting);
    list_init(&t->link);
}

/* In the list of turns if it may go, else not. */
static void turn_settle(struct claims *all, struct claim_turn *t)
{
    bool may_go = !t->running && t->failed == 0 && !list_empty(&t->waiting);
    list_remove(&t->link);
    if (may_go) list_append(&all->turns, &t->link);
}

static void put(struct claim *c)
{
    c->rc = NOT_RUN;
    c->queued = true;
    if (!c->turn) {
        list_append(&c->all->waiting, &c->link);
        return;
    }
    struct list *at = &c->turn->waiting;
    while (at->prev != &c->turn->waiting && strcmp(container_of(at->prev, struct claim, link)->token, c->token) > 0)
        at = at->prev;
    list_insert(at, &c->link);
    turn_settle(c->all, c->turn);
}

static void take_off(struct claim *c)
{
    list_remove(&c->link);
    c->queued = false;
    if (c->turn) turn_settle(c->all, c->turn);
}

static void over(struct claim *c)
{
    struct claims *all = c->all;
    HASH_DEL(all->by_path, c);
    list_remove(&c->sibling);
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

/* It waits for its next try. */
static void postpone(struct claim *c)
{
    char name[SHOWN_MAX];
    if (c->failures++ == 0)
        log_warning("%s cannot be claimed, and is tried again: %s", log_escape(slice_of(c->path), name, sizeof name),
                    error_name(c->rc));
    place_file_done(&c->file);
    c->file = (struct place_file){.fd = -1};
    if (c->turn) c->turn->failed++;
    if (!timer_active(c->all->timer)) timer_start(c->all->timer, RETRY_MS);
}

/* First those that go on waiting, so that the turn is settled before `over` may end its owner. */
static void done(struct worker_job *job)
{
    struct batch *b = container_of(job, struct batch, job);
    struct claims *all = b->all;
    struct list ended;
    list_init(&ended);
    for (list_each(l, next, &b->items)) {
        struct claim *c = container_of(l, struct claim, link);
        list_remove(l);
        c->running = false;
        if (c->rc == NOT_RUN && c->turn && !all->stopping) {
            put(c); /* one before it failed */
        } else if (worth_another_try(c)) {
            postpone(c);
        } else {
            list_append(&ended, l);
        }
    }
    if (b->turn) {
        b->turn->running = false;
        turn_settle(all, b->turn);
    }
    free(b);
    all->jobs--;
    pump(all);
    for (list_each(l, next, &ended)) {
        list_remove(l);
        over(container_of(l, struct claim, link));
    }
    all->config.then(all->config.ctx);
}

/* What a job takes with it: of one turn, or of those without. */
static void fill(struct claims *all, struct batch *b)
{
    bool turns = !list_empty(&all->turns) && (all->turns_next || list_empty(&all->waiting));
    if (turns) {
        b->turn = container_of(all->turns.next, struct claim_turn, link);
        b->turn->running = true;
        list_remove(&b->turn->link);
    }
    all->turns_next = !turns;
    struct list *from = turns ? &b->turn->waiting : &all->waiting;
    /* One in a job where a claim is a copy, which may take long. */
    unsigned most = atomic_load(&all->config.place->pace.copied) > 0 ? 1 : BATCH;
    for (; most > 0 && !list_empty(from); most--) {
        struct claim *c = container_of(from->next, struct claim, link);
        list_remove(&c->link);
        list_append(&b->items, &c->link);
        c->queued = false;
        c->running = true;
    }
}

static bool something_waits(const struct claims *all)
{
    return !list_empty(&all->waiting) || !list_empty(&all->turns);
}

/* One job a worker at most: so what waits meanwhile goes together. */
static void pump(struct claims *all)
{
    while (something_waits(all) && all->jobs < workers_count(all->config.workers)) {
        struct batch *b = calloc(1, sizeof *b);
        if (!b) break;
        *b = (struct batch){.job = {.run = run, .done = done, .priority = WORKER_URGENT}, .all = all};
        list_init(&b->items);
        fill(all, b);
        all->jobs++;
        workers_submit(all->config.workers, &b->job);
    }
    if (something_waits(all) && all->jobs == 0 && !timer_active(all->timer)) timer_start(all->timer, RETRY_MS);
}

static void again(void *ctx)
{
    struct claims *all = ctx;
    struct claim *c, *next;
    HASH_ITER(hh, all->by_path, c, next)
    {
        if (c->running || c->queued) continue;
        if (c->turn) c->turn->failed--;
        put(c);
    }
    pump(all);
}

int claims_init(struct claims *c, const struct claims_config *config)
{
    *c = (struct claims){.config = *config};
    list_init(&c->waiting);
    list_init(&c->turns);
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

bool claims_start(struct claims *c, const struct claim_wish *wish)
{
    struct claim *claim = calloc(1, sizeof *claim);
    char *copy = strdup(wish->path);
    if (claim && copy) {
        *claim = (struct claim){.all = c, .path = copy, .durable = wish->durable, .turn = wish->turn, .siblings = wish->siblings};
        claim->file.fd = -1;
        list_init(&claim->link);
        list_init(&claim->sibling);
        HASH_ADD_KEYPTR(hh, c->by_path, claim->path, strlen(claim->path), claim);
    }
    if (!claim || !copy || !claim->hh.tbl) {
        free(claim);
        free(copy);
        return false;
    }
    claims_renew(c, claim);
    put(claim);
    pump(c);
    return true;
}

const char *claims_earliest(const struct list *siblings)
{
    return list_empty(siblings) ? NULL : container_of(siblings->next, struct claim, sibling)->token;
}

bool claims_await_earlier(const struct list *siblings, const char *token)
{
    if (list_empty(siblings)) return false;
    return strcmp(container_of(siblings->next, struct claim, sibling)->token, token) < 0;
}

bool claims_under_way(const struct claims *c, const char *token)
{
    for (const struct claim *claim = c->by_path; claim; claim = claim->hh.next)
        if (strcmp(claim->token, token) < 0) return true;
    return false;
}

/* Tokens rise: the newest one is the last. */
void claims_renew(struct claims *c, struct claim *claim)
{
    bool queued = claim->queued;
    if (queued) take_off(claim);
    place_token(c->config.place, claim->token);
    list_remove(&claim->sibling);
    if (claim->siblings) list_append(claim->siblings, &claim->sibling);
    claim->arrived_us = clock_real_us();
    if (queued) put(claim);
}

void claims_stop(struct claims *c)
{
    c->stopping = true;
    timer_stop(c->timer);
    struct claim *claim, *next;
    HASH_ITER(hh, c->by_path, claim, next)
    {
        if (claim->running) continue;
        if (claim->queued) take_off(claim);
        over(claim);
    }
    c->config.then(c->config.ctx);
}
