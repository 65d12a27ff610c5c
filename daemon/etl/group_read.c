/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "etl/group_private.h"

enum { FILES_A_JOB = 4 /* fewer are not worth another worker */ };

/* ---- jobs ---- */

/* Deal the members out to the workers. */
static void deal(struct group *g, void (*run)(struct worker_job *), void (*done)(struct worker_job *))
{
    size_t most = workers_count(g->env->workers) < GROUP_SHARES_MAX ? workers_count(g->env->workers) : GROUP_SHARES_MAX;
    size_t wanted = (g->n + FILES_A_JOB - 1) / FILES_A_JOB, at = 0;
    g->shares = wanted < most ? wanted : most;
    for (size_t i = 0; i < g->shares; i++) {
        size_t n = (g->n - at) / (g->shares - i);
        g->share[i] = (struct group_share){
            .job = {.run = run, .done = done, .priority = WORKER_URGENT}, .g = g, .work = {.member = &g->member[at], .n = n}};
        at += n;
    }
    g->running = (unsigned)g->shares;
}

static void submit_shares(struct group *g)
{
    for (size_t i = 0; i < g->shares; i++)
        workers_submit(g->env->workers, &g->share[i].job);
}

/* ---- CONVERTING ---- */

static void merge_run(struct worker_job *job)
{
    struct group *g = container_of(job, struct group, merge_job);
    int64_t began_us = clock_mono_us();
    for (size_t i = 1; i < g->shares && g->merge_rc == 0; i++)
        g->merge_rc = convert_bench_merge(&g->share[0].work.bench, &g->share[i].work.bench, &g->plan->convert);
    counters_observe(g->env->counters, HISTOGRAM_JOB_MERGE, clock_mono_us() - began_us);
}

static void on_partials_merged(struct worker_job *job)
{
    struct group *g = container_of(job, struct group, merge_job);
    g->running--;
    if (g->decided) return group_unwind(g);
    if (g->merge_rc < 0) return group_retry(g, g->merge_rc, NULL);
    if (g->merge_rc > 0) return group_send_alone(g);
    group_copy(g);
}

static void merge_partials(struct group *g)
{
    if (g->plan->convert.rollups == 0 || g->shares < 2) return group_copy(g);
    group_enter(g, GROUP_MERGING_PARTIALS);
    g->merge_job = (struct worker_job){.run = merge_run, .done = on_partials_merged, .priority = WORKER_URGENT};
    g->running = 1;
    workers_submit(g->env->workers, &g->merge_job);
}

static void convert_run(struct worker_job *job)
{
    struct group_share *s = container_of(job, struct group_share, job);
    int64_t began_us = clock_mono_us();
    s->rc = members_convert(&s->work);
    counters_observe(s->g->env->counters, HISTOGRAM_JOB_CONVERT, clock_mono_us() - began_us);
}

static void settle_converted(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        group_settle(g, &g->member[i], g->member[i].rejects.bytes);
    for (size_t i = 0; i < g->shares; i++)
        g->copy_cost += g->share[i].work.copy.len;
    memory_take(g->env->memory, g->copy_cost, true);
}

static void on_converted(struct worker_job *job)
{
    struct group *g = container_of(job, struct group_share, job)->g;
    if (--g->running > 0) return;
    g->converted = true;
    settle_converted(g);
    if (g->decided) return group_unwind(g);
    if (g->begun) group_go_on(g);
}

void group_go_on(struct group *g)
{
    if (g->leader_duplicate_of) {
        g->leader->fate = MEMBER_DUPLICATE;
        g->leader->duplicate_of = g->leader_duplicate_of;
    }
    for (size_t i = 0; i < g->shares; i++) {
        int rc = g->share[i].rc;
        /* too many groups for a rollup's memory, a time out of range, or expressions that make too much */
        if (rc > 0 || rc == ERROR_TOO_BIG) return group_send_alone(g);
        if (rc < 0) return group_retry(g, rc, NULL);
    }
    if (group_count(g, MEMBER_IN) > 0) return merge_partials(g);
    if (group_count(g, MEMBER_DUPLICATE) > 0) return group_record(g);
    group_conclude(g, LOAD_AGAIN, NULL);
}

void group_convert(struct group *g)
{
    static const struct config_budget none;
    group_enter(g, GROUP_CONVERTING);
    deal(g, convert_run, on_converted);
    g->bench_cost = g->shares * convert_bench_bytes(&g->plan->convert);
    memory_take(g->env->memory, g->bench_cost, true);
    for (size_t i = 0; i < g->shares; i++) {
        g->share[i].work.plan = &g->plan->convert;
        g->share[i].work.first = i == 0;
        g->share[i].work.last = i + 1 == g->shares;
        g->share[i].work.budget = g->config.declared ? &g->config.declared->max_errors : &none;
    }
    submit_shares(g);
}

/* ---- READING ---- */

static void read_run(struct worker_job *job)
{
    struct group_share *s = container_of(job, struct group_share, job);
    int64_t began_us = clock_mono_us();
    for (size_t i = 0; i < s->work.n; i++)
        member_read(&s->work.member[i], &s->g->input);
    counters_observe(s->g->env->counters, HISTOGRAM_JOB_READ, clock_mono_us() - began_us);
}

static bool repeats(const struct group *g, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (g->member[j].fate == MEMBER_IN && memcmp(g->member[j].sum, g->member[i].sum, DIGEST_BYTES) == 0) return true;
    return false;
}

static struct member *leader_of(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->member[i].fate == MEMBER_IN) return &g->member[i];
    return NULL;
}

/* 0; positive: the leader's head does not fit, which is to be said when it is loaded alone; negative. */
static int make_plan(struct group *g, struct member *leader)
{
    struct plan_head *head = &leader->head.plan_head;
    struct error err;
    head->path = slice_of(leader->arrival->file.path);
    if (!g->config.declared && !plan_head_agrees(head, &g->dataset->table)) return PLAN_E_HEADER;
    int r = plan_new(g->dataset, head, &err, &g->plan);
    if (r == 0) {
        g->plan->convert.aggregate_max = load_aggregate_max(g->env, g->dataset);
        g->plan->convert.computed_max = load_computed_max(g->env);
        plan_tell_ignored(g->plan, leader->arrival->file.name);
    }
    return r;
}

/* What the path gives to the rows is in the plan, too. */
static bool same_parts(const struct group *g, const struct member *leader, const struct member *m)
{
    return !g->config.declared ||
           match_same_parts(g->config.declared, slice_of(leader->arrival->file.path), slice_of(m->arrival->file.path));
}

static void on_read(struct worker_job *job)
{
    struct group *g = container_of(job, struct group_share, job)->g;
    if (--g->running > 0) return;
    if (g->decided) return group_unwind(g);
    struct member *leader = g->leader = leader_of(g);
    int r = leader ? make_plan(g, leader) : 0;
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        counters_add(g->env->counters, COUNTER_BYTES_READ, (int64_t)m->chunk.bytes.len);
        if (m->fate != MEMBER_IN || m == leader) continue;
        if (r > 0 || !member_same_shape(leader, m) || !same_parts(g, leader, m)) {
            m->fate = MEMBER_LATER; /* the first one's plan is the group's */
            group_skip(m->arrival);
        } else if (group_skips_duplicates(g) && repeats(g, i)) {
            m->fate = MEMBER_LATER; /* by then the first is in the ledger, or it is not */
        }
    }
    if (r < 0) return group_retry(g, r, NULL);
    if (r > 0) leader->fate = MEMBER_ALONE;
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        if (m->fate == MEMBER_IN) head_tell(&m->head, m->arrival->file.name);
        if (m != leader) member_forget_head(m);
        if (m->fate != MEMBER_IN) chunk_done(&m->chunk);
        group_settle(g, m, member_cost(m->chunk.bytes.len));
    }
    if (group_count(g, MEMBER_IN) == 0) return group_conclude(g, LOAD_AGAIN, NULL);
    /* One alone has no partials to be kept apart from: it is converted while the server looks for it in the ledger. */
    g->ahead = group_count(g, MEMBER_IN) == 1 && !g->dataset->table.lineage && !group_looks_up(g);
    if (g->ahead) group_convert(g);
    group_connect(g);
}

void group_read(struct group *g)
{
    deal(g, read_run, on_read);
    submit_shares(g);
}
