/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "base/log.h"
#include "etl/group_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { SKIPPED_MAX = 2 /* groups that an arrival was in without being loaded; then it goes alone */ };

static const char *const state_name[] = {
    [GROUP_READING] = "reading",       [GROUP_CONNECTING] = "connecting",    [GROUP_BEGINNING] = "beginning",
    [GROUP_CONVERTING] = "converting", [GROUP_MERGING_PARTIALS] = "merging", [GROUP_COPYING] = "copying",
    [GROUP_RECORDING] = "recording",   [GROUP_COMMITTING] = "committing",    [GROUP_UNWINDING] = "unwinding"};

static const enum phase phase_of[] = {
    [GROUP_READING] = PHASE_OPEN,     [GROUP_CONNECTING] = PHASE_CONNECT,    [GROUP_BEGINNING] = PHASE_OPEN,
    [GROUP_CONVERTING] = PHASE_COPY,  [GROUP_MERGING_PARTIALS] = PHASE_COPY, [GROUP_COPYING] = PHASE_COPY,
    [GROUP_RECORDING] = PHASE_RECORD, [GROUP_COMMITTING] = PHASE_COMMIT,     [GROUP_UNWINDING] = PHASE_FINISH};

void group_enter(struct group *g, enum group_state s)
{
    phases_enter(&g->phases, phase_of[s]);
    log_debug("group %s (%zu files): %s -> %s", g->member[0].arrival->file.token, g->n, state_name[g->state], state_name[s]);
    g->state = s;
}

/* ---- outcomes; each of these may end the group: return right after ---- */

void group_conclude(struct group *g, enum load_outcome outcome, const struct error *why)
{
    if (!g->decided) {
        g->decided = true;
        g->outcome = outcome;
        if (why) g->why = *why;
        group_enter(g, GROUP_UNWINDING);
    }
    group_unwind(g);
}

void group_retry(struct group *g, int code, const struct error *err)
{
    struct error words;
    bool said = err && err->text[0];
    if (!said) error_set(&words, code, "%s", error_name(code));
    group_conclude(g, LOAD_RETRY, said ? err : &words);
}

void group_send_alone(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        g->member[i].arrival->alone = true;
    group_conclude(g, LOAD_AGAIN, NULL);
}

/* It was in a group and not loaded, for no fault of its own: not for ever. */
void group_skip(struct arrival *a)
{
    if (++a->skipped > SKIPPED_MAX) a->alone = true;
}

/* A statement's answer: true when the group goes on with it. */
bool group_answered(struct group *g, const struct db_result *r)
{
    g->asking = false;
    if (g->decided) {
        group_unwind(g);
        return false;
    }
    if (r->status == 0) return true;
    group_refused(g, r);
    return false;
}

void group_asked(struct group *g, int r)
{
    g->asking = r == 0;
    if (r < 0) group_retry(g, r, NULL);
}

/* ---- the budget ---- */

void group_settle(struct group *g, struct member *m, size_t held)
{
    struct memory *memory = g->env->memory;
    if (held > m->cost) memory_take(memory, held - m->cost, true);
    if (held < m->cost) memory_give(memory, m->cost - held);
    m->cost = held;
}

size_t group_count(const struct group *g, enum member_fate fate)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += g->member[i].fate == fate;
    return n;
}

/* ---- the end ---- */

static void group_free(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        group_settle(g, &g->member[i], 0);
        member_done(&g->member[i]);
    }
    for (size_t i = 0; g->converted && i < g->shares; i++) {
        convert_bench_done(&g->share[i].work.bench, &g->plan->convert);
        buf_done(&g->share[i].work.copy);
    }
    memory_give(g->env->memory, g->bench_cost + g->copy_cost);
    plan_free(g->plan);
    lookups_release(&g->lookups);
    dataset_unref(g->dataset);
    config_unref(g->settings);
    free(g->member);
    free(g->reject);
    free(g->id);
    free(g);
}

static enum load_outcome outcome_of(const struct group *g, const struct member *m)
{
    if (m->fate == MEMBER_LATER || m->fate == MEMBER_ALONE) return LOAD_AGAIN;
    if (!g->committed) return g->outcome;
    return m->fate == MEMBER_IN ? LOAD_LOADED : LOAD_DUPLICATE;
}

static void finish(struct group *g)
{
    phases_end(&g->phases, g->env->counters);
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        struct arrival *a = m->arrival;
        enum load_outcome outcome = outcome_of(g, m);
        if (m->fate == MEMBER_ALONE) a->alone = true;
        a->state = outcome == LOAD_LOADED ? ARRIVAL_LOADED : outcome == LOAD_DUPLICATE ? ARRIVAL_DUPLICATE : ARRIVAL_QUEUED;
        if (outcome == LOAD_RETRY || outcome == LOAD_AGAIN) a->counts = (struct arrival_counts){0};
        a->has_sum = g->committed && group_travels(m);
        a->ledger_id = g->committed ? g->id[i] : 0;
        struct load_report report = {.outcome = outcome, .why = &g->why, .rejects = &m->rejects, .duplicate_of = m->duplicate_of};
        g->config.each(g->config.ctx, a, &report);
    }
    struct group_config c = g->config;
    bool was_refused = g->refused;
    group_free(g);
    c.over(c.ctx, was_refused);
}

static void on_rolled_back(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    (void)r; /* a connection that is lost is rolled back by the server */
    g->asking = false;
    group_unwind(g);
}

/* Bring one thing after the other to its end; every callback leads here again. */
void group_unwind(struct group *g)
{
    if (g->running > 0) return;
    if (g->copying) {
        if (g->open && !g->ended) {
            g->ended = true;
            db_copyin_end(g->conn, "the group is given up");
        }
        return;
    }
    if (g->asking) return;
    if (g->waiting) {
        db_pool_cancel(g->env->pool, &g->wait);
        g->waiting = false;
    }
    if (g->conn && db_conn_in_transaction(g->conn)) {
        g->asking = db_query(g->conn, &(struct db_query){.sql = "ROLLBACK", .done = on_rolled_back, .ctx = g}) == 0;
        if (g->asking) return;
    }
    if (g->conn) db_pool_give(g->env->pool, g->conn);
    finish(g);
}

/* ---- the group's outside ---- */

static struct group *allocate(size_t n)
{
    struct group *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    g->member = calloc(n, sizeof *g->member);
    g->reject = calloc(n, sizeof *g->reject);
    g->id = calloc(n, sizeof *g->id);
    if (g->member && g->reject && g->id) return g;
    free(g->member);
    free(g->reject);
    free(g->id);
    free(g);
    return NULL;
}

int group_start(const struct group_config *config, struct group **ret_group)
{
    assert(config->n > 0 && config->n <= GROUP_FILES_MAX);
    struct group *g = allocate(config->n);
    if (!g) return -ENOMEM;
    g->config = *config;
    g->env = config->env;
    g->phases = phases_begin(PHASE_OPEN);
    g->settings = config_ref(g->env->config);
    g->dataset = dataset_ref(config->dataset);
    g->input = (struct member_input){.place = g->env->place,
                                     .declared = head_declare(g->settings, config->declared),
                                     .max_record = (size_t)g->settings->daemon.max_record};
    int64_t now = clock_real_us();
    for (; g->n < config->n; g->n++) {
        struct member *m = &g->member[g->n];
        m->arrival = config->arrival[g->n];
        size_t cost = member_cost((uint64_t)m->arrival->file.st.st_size);
        if (!memory_take(g->env->memory, cost, g->n == 0)) break;
        m->cost = cost;
        m->arrival->state = ARRIVAL_LOADING;
        m->arrival->started_us = now;
        m->arrival->counts = (struct arrival_counts){0};
        m->arrival->has_sum = false;
        m->arrival->xid[0] = '\0';
    }
    group_read(g);
    *ret_group = g;
    return 0;
}

size_t group_size(const struct group *g)
{
    return g->n;
}

void group_stop(struct group *g)
{
    if (g->state == GROUP_COMMITTING || g->committed) return;
    group_retry(g, ERROR_CANCELLED, NULL);
}
