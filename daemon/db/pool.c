/* SPDX-License-Identifier: MIT */
#include "db/pool.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/timer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_DOUBLINGS = 20,
    SHORT_LIFE_MS =
        1000, /* a connection that dies younger counts as a failed try: no tight circle of connecting and being thrown out */
};

/*
 *   EMPTY ──▶ CONNECTING ──▶ IDLE ◀──▶ TAKEN ──▶ DEAD (lost under its user, until he gives it back)
 *     ▲            │           │         │         │
 *     └────────────┴───────────┴─────────┴─────────┘
 */
enum slot_state { EMPTY, CONNECTING, IDLE, TAKEN, DEAD, SLOT_STATES };
static const char *const slot_state_name[] = {"empty", "connecting", "idle", "taken", "dead"};

struct slot {
    struct db_pool *pool;
    struct db_conn *conn;
    enum slot_state state;
    int64_t ready_at_ms;
};

enum health { UNKNOWN, UP, DOWN };

struct db_pool {
    struct loop *loop;
    struct db_pool_config config;
    char *conninfo, *application_name, *password, *setup; /* what config.conn points to */
    enum health health;
    struct error reason;
    unsigned failures; /* tries in a row */
    struct timer *backoff, *deadline;
    struct loop_deferred tend, last;
    struct list waiting; /* db_wait */
    bool freed;
    unsigned in_state[SLOT_STATES];
    struct slot slot[];
};

static void slot_enter(struct slot *s, enum slot_state state)
{
    struct db_pool *p = s->pool;
    bool was_open = s->state == IDLE || s->state == TAKEN, is_open = state == IDLE || state == TAKEN;
    log_debug("slot %d: %s -> %s", (int)(s - p->slot), slot_state_name[s->state], slot_state_name[state]);
    p->in_state[s->state]--;
    p->in_state[state]++;
    s->state = state;
    if (p->config.counters && was_open != is_open) counters_add(p->config.counters, COUNTER_PG_CONNECTIONS, is_open ? 1 : -1);
}

/* Handing out */

static void hand_over(struct db_pool *p, struct slot *s)
{
    struct db_wait *w = container_of(p->waiting.next, struct db_wait, link);
    list_remove(&w->link);
    slot_enter(s, TAKEN);
    if (p->config.waits) histogram_observe(p->config.waits, clock_mono_us() - w->since_us);
    w->got(w, s->conn);
}

static struct slot *slot_in(struct db_pool *p, enum slot_state state)
{
    for (unsigned i = 0; i < p->config.size; i++)
        if (p->slot[i].state == state) return &p->slot[i];
    return NULL;
}

static void set_deadline(struct db_pool *p)
{
    int64_t first = 0;
    for (list_each(l, next, &p->waiting)) {
        const struct db_wait *w = container_of(l, struct db_wait, link);
        if (w->deadline_ms && (!first || w->deadline_ms < first)) first = w->deadline_ms;
    }
    if (first)
        timer_start(p->deadline, first - loop_now_ms(p->loop));
    else
        timer_stop(p->deadline);
}

static struct db_wait *overdue(struct db_pool *p)
{
    for (list_each(l, next, &p->waiting)) {
        struct db_wait *w = container_of(l, struct db_wait, link);
        if (w->deadline_ms && w->deadline_ms <= loop_now_ms(p->loop)) return w;
    }
    return NULL;
}

static void deadline_passed(void *ctx)
{
    struct db_pool *p = ctx;
    for (struct db_wait *w; !p->freed && (w = overdue(p));) {
        list_remove(&w->link);
        w->got(w, NULL);
    }
    if (!p->freed) set_deadline(p);
}

/* Connecting and losing */

/* Half of the doubled time is fixed, the other half is drawn, so that many daemons do not come back all at once. */
static int64_t backoff_ms(const struct db_pool *p)
{
    unsigned doublings = p->failures < BACKOFF_DOUBLINGS ? p->failures : BACKOFF_DOUBLINGS;
    int64_t ms = (int64_t)BACKOFF_FIRST_MS << (doublings ? doublings - 1 : 0);
    if (ms > p->config.backoff_max_ms) ms = p->config.backoff_max_ms;
    uint32_t drawn = 0;
    if (getrandom(&drawn, sizeof drawn, GRND_NONBLOCK) != sizeof drawn) drawn = (uint32_t)uv_hrtime();
    return ms / 2 + (int64_t)(drawn % (uint64_t)(ms / 2 + 1));
}

static void failed(struct db_pool *p, const struct error *why)
{
    p->failures++;
    if (!timer_active(p->backoff)) timer_start(p->backoff, backoff_ms(p));
    /* Another connection that works speaks against it (too many connections, say). */
    if (p->in_state[IDLE] + p->in_state[TAKEN] > 0) return;
    p->reason = *why;
    if (p->health == DOWN) return;
    p->health = DOWN;
    if (p->config.down) p->config.down(p->config.ctx, &p->reason);
}

static void ready(void *ctx, struct db_conn *c)
{
    struct slot *s = ctx;
    struct db_pool *p = s->pool;
    (void)c;
    s->ready_at_ms = loop_now_ms(p->loop);
    slot_enter(s, IDLE);
    loop_defer(p->loop, &p->tend);
    if (p->health == UP) return;
    p->health = UP;
    p->reason.text[0] = p->reason.sqlstate[0] = '\0';
    if (p->config.up) p->config.up(p->config.ctx);
}

static void lost(void *ctx, struct db_conn *c, const struct error *why)
{
    struct slot *s = ctx;
    struct db_pool *p = s->pool;
    enum slot_state was = s->state;
    bool young = loop_now_ms(p->loop) - s->ready_at_ms < SHORT_LIFE_MS;
    if (was == TAKEN) {
        slot_enter(s, DEAD);
    } else {
        db_conn_free(c);
        s->conn = NULL;
        slot_enter(s, EMPTY);
    }
    if (was != CONNECTING && p->config.counters) counters_add(p->config.counters, COUNTER_PG_RECONNECTS, 1);
    loop_defer(p->loop, &p->tend);
    if (was == CONNECTING || young)
        failed(p, why);
    else
        p->failures = 0;
}

static void open_one(struct db_pool *p, struct slot *s)
{
    int r = db_conn_new(p->loop, &p->config.conn, &(struct db_conn_handler){ready, lost, s}, &s->conn);
    if (r == 0) {
        slot_enter(s, CONNECTING);
        return;
    }
    struct error why;
    error_set(&why, r, "no memory for a connection to the database");
    failed(p, &why);
}

/* Gives what there is to who waits, and opens what is missing: for everybody who waits, and one when there is none. */
static void tend(struct loop_deferred *d)
{
    struct db_pool *p = container_of(d, struct db_pool, tend);
    for (struct slot *s; !list_empty(&p->waiting) && (s = slot_in(p, IDLE));) {
        hand_over(p, s);
        if (p->freed) return;
    }
    set_deadline(p);
    unsigned wanted = db_pool_waiting(p), open = p->in_state[IDLE] + p->in_state[TAKEN];
    if (wanted == 0 && open == 0) wanted = 1;
    for (struct slot *s; !timer_active(p->backoff) && p->in_state[CONNECTING] < wanted && (s = slot_in(p, EMPTY));) {
        open_one(p, s);
        if (p->freed) return;
    }
}

void db_pool_retry(struct db_pool *p)
{
    if (!p || p->freed || p->health == UP) return;
    p->health = UNKNOWN;
    p->reason.text[0] = p->reason.sqlstate[0] = '\0';
    p->failures = 0;
    timer_stop(p->backoff);
    loop_defer(p->loop, &p->tend);
}

static void backoff_over(void *ctx)
{
    struct db_pool *p = ctx;
    loop_defer(p->loop, &p->tend);
}

/* Making and ending */

static void release(struct loop_deferred *d)
{
    struct db_pool *p = container_of(d, struct db_pool, last);
    free(p->conninfo);
    free(p->application_name);
    if (p->password) explicit_bzero(p->password, strlen(p->password));
    free(p->password);
    free(p->setup);
    free(p);
}

static int copy(const char **text, char **ret_copy)
{
    if (!*text) return 0;
    *ret_copy = strdup(*text);
    *text = *ret_copy;
    return *ret_copy ? 0 : -ENOMEM;
}

static int take_config(struct db_pool *p, const struct db_pool_config *config)
{
    p->config = *config;
    struct db_conn_config *conn = &p->config.conn;
    int r = copy(&conn->conninfo, &p->conninfo);
    if (r == 0) r = copy(&conn->application_name, &p->application_name);
    if (r == 0) r = copy(&conn->password, &p->password);
    if (r == 0) r = copy(&conn->setup, &p->setup);
    return r;
}

int db_pool_new(struct loop *l, const struct db_pool_config *config, struct db_pool **ret_pool)
{
    assert(config->size > 0);
    struct db_pool *p = calloc(1, sizeof *p + config->size * sizeof p->slot[0]);
    if (!p) return -ENOMEM;
    p->loop = l;
    list_init(&p->waiting);
    loop_deferred_init(&p->tend, tend);
    loop_deferred_init(&p->last, release);
    for (unsigned i = 0; i < config->size; i++)
        p->slot[i].pool = p;
    p->in_state[EMPTY] = config->size;
    int r = take_config(p, config);
    if (r == 0) r = timer_new(l, backoff_over, p, &p->backoff);
    if (r == 0) r = timer_new(l, deadline_passed, p, &p->deadline);
    if (r < 0) {
        timer_free(p->backoff);
        release(&p->last);
        return r;
    }
    loop_defer(l, &p->tend);
    *ret_pool = p;
    return 0;
}

void db_pool_free(struct db_pool *p)
{
    if (!p || p->freed) return;
    p->freed = true;
    loop_undefer(&p->tend);
    timer_free(p->backoff);
    timer_free(p->deadline);
    while (!list_empty(&p->waiting)) {
        struct db_wait *w = container_of(p->waiting.next, struct db_wait, link);
        list_remove(&w->link);
        w->got(w, NULL);
    }
    for (unsigned i = 0; i < p->config.size; i++) {
        struct slot *s = &p->slot[i];
        if (s->state == EMPTY) continue;
        slot_enter(s, EMPTY);
        db_conn_free(s->conn);
    }
    /* Users that were told so just now may still give their connection back. */
    loop_defer(p->loop, &p->last);
}

bool db_pool_is_up(const struct db_pool *p)
{
    return p->health == UP;
}

const char *db_pool_reason(const struct db_pool *p)
{
    return p->reason.text;
}

const struct error *db_pool_why(const struct db_pool *p)
{
    return &p->reason;
}

void db_pool_take(struct db_pool *p, struct db_wait *w, int64_t timeout_ms)
{
    bool full = p->config.waiting_max > 0 && db_pool_waiting(p) >= p->config.waiting_max;
    w->deadline_ms = full ? loop_now_ms(p->loop) : timeout_ms > 0 ? loop_now_ms(p->loop) + timeout_ms : 0;
    w->since_us = clock_mono_us();
    list_init(&w->link);
    list_append(&p->waiting, &w->link);
    loop_defer(p->loop, &p->tend);
}

void db_pool_cancel(struct db_pool *p, struct db_wait *w)
{
    (void)p; /* a deadline timer that fires for nobody finds nobody */
    list_remove(&w->link);
}

void db_pool_give(struct db_pool *p, struct db_conn *c)
{
    if (p->freed || !c) return;
    struct slot *s = NULL;
    for (unsigned i = 0; i < p->config.size && !s; i++)
        if (p->slot[i].conn == c && p->slot[i].state >= TAKEN) s = &p->slot[i];
    assert(s);
    if (s->state == TAKEN && db_conn_idle(c) && !db_conn_in_transaction(c)) {
        slot_enter(s, IDLE);
    } else {
        slot_enter(s, EMPTY);
        s->conn = NULL;
        db_conn_free(c);
        if (p->freed) return;
    }
    loop_defer(p->loop, &p->tend);
}

unsigned db_pool_waiting(const struct db_pool *p)
{
    unsigned n = 0;
    for (const struct list *l = p->waiting.next; l != &p->waiting; l = l->next)
        n++;
    return n;
}

struct db_pool_numbers db_pool_numbers(const struct db_pool *p)
{
    return (struct db_pool_numbers){.taken = p->in_state[TAKEN] + p->in_state[DEAD],
                                    .idle = p->in_state[IDLE],
                                    .connecting = p->in_state[CONNECTING],
                                    .size = p->config.size};
}
