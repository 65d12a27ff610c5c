/* SPDX-License-Identifier: MIT */
#include "etl/group.h"

#include "base/clock.h"
#include "base/log.h"
#include "etl/ledger_many.h"
#include "etl/member.h"
#include "etl/merge.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    JOBS_MAX = 8,
    FILES_A_JOB = 4, /* fewer are not worth another worker */
    FRAME_MAX = 64,
    SKIPPED_MAX = 2, /* groups that an arrival was in without being loaded; then it goes alone */
};

enum state { READING, CONNECTING, BEGINNING, CONVERTING, MERGING_PARTIALS, COPYING, RECORDING, COMMITTING, UNWINDING };
static const char *const state_name[] = {[READING] = "reading",       [CONNECTING] = "connecting",    [BEGINNING] = "beginning",
                                         [CONVERTING] = "converting", [MERGING_PARTIALS] = "merging", [COPYING] = "copying",
                                         [RECORDING] = "recording",   [COMMITTING] = "committing",    [UNWINDING] = "unwinding"};

/* A worker's share of the members. */
struct share {
    struct worker_job job;
    struct group *g;
    struct member_work work;
    int rc;
};

struct group {
    struct group_config config;
    const struct load_env *env;
    struct config *settings; /* a reference to the configuration it began with */
    struct dataset *dataset;
    struct plan *plan;
    struct member *member;
    size_t n;
    struct member *leader; /* whose head the plan was made for; kept, since all have that header */
    struct member_input input;
    enum state state;

    struct share share[JOBS_MAX];
    size_t shares;
    unsigned running;  /* jobs */
    bool converted;    /* the shares hold benches and COPY bytes */
    size_t bench_cost; /* bytes taken from the budget for those */
    size_t copy_cost;
    struct worker_job merge_job;
    int merge_rc;

    struct db_wait wait;
    bool waiting;
    struct db_conn *conn;
    bool asking;               /* a statement is under way on conn */
    bool copying, open, ended; /* COPY: from begin until done; the server waits for data; its end was sent */
    struct buf frame;          /* its header, later its trailer */
    size_t piece;              /* the next to be put: 0 the header, then the shares, then the trailer */
    struct merge merge;
    bool merging; /* rows go into the rollups: what the server refuses now is the rows' fault */
    size_t sequence;
    struct ledger_rejects reject_job;
    struct ledger_file_rejects *reject; /* one for each member that has some */
    int64_t *id;                        /* ledger ids, one for each member */
    char xid[ARRIVAL_XID_MAX];

    bool decided, committed, refused;
    enum load_outcome outcome; /* of all, when decided and not committed: RETRY or AGAIN */
    struct error why;
};

static void unwind(struct group *g);
static void convert(struct group *g);
static void copy(struct group *g);
static void record(struct group *g);

static void enter(struct group *g, enum state s)
{
    log_debug("group %s (%zu files): %s -> %s", g->member[0].arrival->file.token, g->n, state_name[g->state], state_name[s]);
    g->state = s;
}

/* ---- outcomes; each of these may end the group: return right after ---- */

static void conclude(struct group *g, enum load_outcome outcome, const struct error *why)
{
    if (!g->decided) {
        g->decided = true;
        g->outcome = outcome;
        if (why) g->why = *why;
        enter(g, UNWINDING);
    }
    unwind(g);
}

static void retry(struct group *g, int code, const struct error *err)
{
    struct error words;
    bool said = err && err->text[0];
    if (!said) error_set(&words, code, "%s", error_name(code));
    conclude(g, LOAD_RETRY, said ? err : &words);
}

static void send_alone(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        g->member[i].arrival->alone = true;
    conclude(g, LOAD_AGAIN, NULL);
}

/* The member whose row stands in that line of the COPY, from 1; NULL: none does. */
static struct member *member_of_row(struct group *g, uint64_t row)
{
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        if (m->fate != MEMBER_IN) continue;
        uint64_t rows = m->rows_read - m->rejects.count;
        if (row <= rows) return m;
        row -= rows;
    }
    return NULL;
}

/* COPY's CONTEXT names the line also where the format is binary. */
static struct member *culprit(struct group *g, const struct db_result *r)
{
    char *words = NULL;
    if (asprintf(&words, "COPY %s, line ", g->dataset->table.name) < 0) return NULL;
    const char *at = strstr(r->detail, words);
    unsigned long long row = at ? strtoull(at + strlen(words), NULL, 10) : 0;
    free(words);
    return row > 0 ? member_of_row(g, row) : NULL;
}

static void refused_rows(struct group *g, const struct db_result *r)
{
    g->refused = true;
    struct member *m = g->state == COPYING ? culprit(g, r) : NULL;
    if (!m) return send_alone(g);
    m->arrival->alone = true;
    conclude(g, LOAD_AGAIN, NULL);
}

/* It was in a group and not loaded, for no fault of its own: not for ever. */
static void skip(struct arrival *a)
{
    if (++a->skipped > SKIPPED_MAX) a->alone = true;
}

static void refused(struct group *g, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED) return retry(g, r->status, r->error);
    bool rows = g->state == COPYING || g->state == COMMITTING || g->merging;
    switch (db_refusal_of(r->error->sqlstate)) {
    case DB_RETRY:
        /* A deadlock, no room for so many locks: what is less may get through. */
        for (size_t i = 0; i < g->n; i++)
            skip(g->member[i].arrival);
        return conclude(g, LOAD_RETRY, r->error);
    case DB_PAUSE:
        /* One of them alone finds out whether the dataset is to be paused. */
        g->member[0].arrival->alone = true;
        return conclude(g, LOAD_AGAIN, NULL);
    case DB_BAD_DATA:
    case DB_FAIL:
        if (rows) return refused_rows(g, r);
        /* One of our own statements: the ledger knows a token already, or a value of ours is wrong. */
        for (size_t i = 0; i < g->n; i++)
            g->member[i].arrival->check_ledger = true;
        return conclude(g, LOAD_RETRY, r->error);
    }
}

/* A statement's answer: true when the group goes on with it. */
static bool answered(struct group *g, const struct db_result *r)
{
    g->asking = false;
    if (g->decided) {
        unwind(g);
        return false;
    }
    if (r->status == 0) return true;
    refused(g, r);
    return false;
}

static void asked(struct group *g, int r)
{
    g->asking = r == 0;
    if (r < 0) retry(g, r, NULL);
}

/* ---- the budget ---- */

static void settle(struct group *g, struct member *m, size_t held)
{
    struct memory *memory = g->env->memory;
    if (held > m->cost) memory_take(memory, held - m->cost, true);
    if (held < m->cost) memory_give(memory, m->cost - held);
    m->cost = held;
}

/* ---- jobs ---- */

/* Deal the members out to the workers. */
static void deal(struct group *g, void (*run)(struct worker_job *), void (*done)(struct worker_job *))
{
    size_t most = workers_count(g->env->workers) < JOBS_MAX ? workers_count(g->env->workers) : JOBS_MAX;
    size_t wanted = (g->n + FILES_A_JOB - 1) / FILES_A_JOB, at = 0;
    g->shares = wanted < most ? wanted : most;
    for (size_t i = 0; i < g->shares; i++) {
        size_t n = (g->n - at) / (g->shares - i);
        g->share[i] = (struct share){
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

/* ---- COMMITTING ---- */

static void forget_doubt(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        g->member[i].arrival->xid[0] = '\0';
        g->member[i].arrival->check_ledger = false;
    }
}

static void on_committed(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    g->asking = false;
    bool rolled_back = r->status == 0 && strcmp(PQcmdStatus((PGresult *)r->rows), "COMMIT") != 0;
    /* Only the server's own refusal says that nothing was committed; without it the ledger must be asked. */
    if (r->status == 0 || r->status == ERROR_REFUSED) forget_doubt(g);
    if (rolled_back) return retry(g, -EPROTO, NULL); /* the transaction had failed, and nobody said so */
    if (r->status != 0) return refused(g, r);
    g->committed = true;
    conclude(g, LOAD_LOADED, NULL);
}

static bool travels(const struct member *m)
{
    return m->fate == MEMBER_IN || m->fate == MEMBER_DUPLICATE;
}

static void commit(struct group *g)
{
    enter(g, COMMITTING);
    for (size_t i = 0; i < g->n; i++) {
        if (!travels(&g->member[i])) continue;
        struct arrival *a = g->member[i].arrival;
        a->check_ledger = true;
        memcpy(a->xid, g->xid, sizeof a->xid);
    }
    asked(g, db_query(g->conn, &(struct db_query){.sql = "COMMIT", .done = on_committed, .ctx = g}));
}

/* ---- RECORDING ---- */

static void on_merged(void *ctx, int status, const struct error *err)
{
    struct group *g = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (answered(g, &r)) commit(g);
}

static void merge_rollups(struct group *g)
{
    if (!g->converted || g->plan->convert.rollups == 0) return commit(g);
    g->merge = (struct merge){.workers = g->env->workers,
                              .conn = g->conn,
                              .dataset = g->dataset,
                              .bench = &g->share[0].work.bench,
                              .done = on_merged,
                              .ctx = g};
    g->asking = g->merging = true;
    merge_begin(&g->merge);
}

static void on_rejects_put(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (answered(g, r)) merge_rollups(g);
}

static void put_rejects(struct group *g)
{
    size_t lists = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->member[i].fate == MEMBER_IN && g->member[i].rejects.n > 0)
            g->reject[lists++] = (struct ledger_file_rejects){g->id[i], &g->member[i].rejects, g->leader->head.plan_head.raw};
    if (lists == 0) return merge_rollups(g);
    g->reject_job = (struct ledger_rejects){
        .workers = g->env->workers, .conn = g->conn, .many = g->reject, .n_many = lists, .done = on_rejects_put, .ctx = g};
    g->asking = true;
    ledger_put_rejects(&g->reject_job);
}

/* The ids come in the order of the rows, and are found by their tokens in any other, too. */
static bool take_ids(struct group *g, const PGresult *rows)
{
    size_t at = 0;
    for (int row = 0; row < PQntuples(rows); row++) {
        size_t tried = 0;
        while (tried < g->n && strcmp(g->member[at].arrival->file.token, PQgetvalue(rows, row, 1)) != 0) {
            at = (at + 1) % g->n;
            tried++;
        }
        if (tried == g->n) return false;
        g->id[at] = db_get_int8(rows, row, 0, 0);
    }
    for (size_t i = 0; i < g->n; i++)
        if (travels(&g->member[i]) && g->id[i] == 0) return false;
    return true;
}

enum { COL_XID = 2, COL_DEFINITION, COL_COLUMNS };

static void on_recorded(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (!answered(g, r)) return;
    if (!take_ids(g, r->rows)) return retry(g, ERROR_PROTOCOL, NULL);
    snprintf(g->xid, sizeof g->xid, "%s", PQgetvalue(r->rows, 0, COL_XID));
    const char *columns = db_get(r->rows, 0, COL_COLUMNS);
    if (columns && strcmp(columns, g->dataset->columns) == 0 &&
        db_get_int8(r->rows, 0, COL_DEFINITION, -1) == g->dataset->definition)
        return put_rejects(g);
    struct error err;
    g->env->stale(g->env->stale_ctx);
    error_set(&err, 0, "its table was changed meanwhile: its columns or its rollups are not what they were when the load began");
    conclude(g, LOAD_RETRY, &err);
}

static void record(struct group *g)
{
    enter(g, RECORDING);
    struct ledger_row *row = calloc(g->n, sizeof *row);
    struct ledger_many many = {.table = &g->dataset->table, .dataset = g->dataset->id, .row = row};
    if (!row) return retry(g, -ENOMEM, NULL);
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        struct arrival *a = m->arrival;
        if (!travels(m)) continue;
        memcpy(a->sum, m->sum, sizeof a->sum);
        a->state = m->fate == MEMBER_IN ? ARRIVAL_LOADED : ARRIVAL_DUPLICATE;
        if (m->fate == MEMBER_IN) {
            uint64_t loaded = m->rows_read - m->rejects.count;
            a->counts = (struct arrival_counts){.read = m->rows_read, .loaded = loaded, .rejected = m->rejects.count};
            many.rows_delta += (int64_t)loaded;
        }
        row[many.n++] = (struct ledger_row){.arrival = a, .duplicate_of = m->duplicate_of};
    }
    int r = ledger_insert_many(g->conn, &many, on_recorded, g);
    for (size_t i = 0; i < g->n; i++)
        if (travels(&g->member[i])) g->member[i].arrival->state = ARRIVAL_COMMITTING;
    free(row);
    asked(g, r);
}

/* ---- COPYING ---- */

static void advance_sequences(struct group *g, size_t i);

static void on_advanced(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (answered(g, r)) advance_sequences(g, g->sequence + 1);
}

/* As load_copy.c does it: rows that bring their own ids leave an identity's sequence behind. */
static void advance_sequences(struct group *g, size_t i)
{
    const struct table *t = &g->dataset->table;
    for (; i < g->plan->rule.columns; i++) {
        const char *name = g->plan->rule.column[i].name;
        const struct table_column *c = &t->column[table_find(t, name)];
        bool integer = c->type.id == TYPE_INT2 || c->type.id == TYPE_INT4 || c->type.id == TYPE_INT8;
        if (!c->has_default || !integer) continue;
        g->sequence = i;
        return asked(g, ledger_advance_sequence(g->conn, t, name, on_advanced, g));
    }
    record(g);
}

static void on_copied(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    g->copying = false;
    if (!answered(g, r)) return;
    uint64_t rows = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->member[i].fate == MEMBER_IN) rows += g->member[i].rows_read - g->member[i].rejects.count;
    if ((uint64_t)db_affected(r->rows) != rows) return send_alone(g); /* a trigger swallows some: it is said file by file */
    advance_sequences(g, 0);
}

static struct slice next_piece(struct group *g)
{
    buf_reset(&g->frame);
    if (g->piece == 0)
        convert_header(&g->plan->convert, &g->frame);
    else if (g->piece <= g->shares)
        return buf_slice(&g->share[g->piece - 1].work.copy);
    else
        convert_trailer(&g->plan->convert, &g->frame);
    return buf_slice(&g->frame);
}

static void put_next(void *ctx)
{
    struct group *g = ctx;
    g->open = true;
    struct slice s = {NULL, 0};
    if (g->decided) {
        g->ended = true;
        return db_copyin_end(g->conn, "the group is given up");
    }
    while (s.len == 0 && g->piece < g->shares + 2) {
        s = next_piece(g);
        g->piece++;
    }
    if (s.len > 0) {
        counters_add(g->env->counters, COUNTER_BYTES_COPIED, (int64_t)s.len);
        return db_copyin_put(g->conn, s);
    }
    g->ended = true;
    db_copyin_end(g->conn, NULL);
}

static void copy(struct group *g)
{
    enter(g, COPYING);
    struct db_copyin_handler h = {.ready = put_next, .drained = put_next, .done = on_copied, .ctx = g};
    g->piece = 0;
    int r = db_copyin_begin(g->conn, g->plan->copy_sql, &h);
    g->copying = r == 0;
    asked(g, r);
}

/* ---- CONVERTING ---- */

static size_t count_fate(const struct group *g, enum member_fate fate)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        n += g->member[i].fate == fate;
    return n;
}

static void merge_run(struct worker_job *job)
{
    struct group *g = container_of(job, struct group, merge_job);
    for (size_t i = 1; i < g->shares && g->merge_rc == 0; i++)
        g->merge_rc = convert_bench_merge(&g->share[0].work.bench, &g->share[i].work.bench, &g->plan->convert);
}

static void on_partials_merged(struct worker_job *job)
{
    struct group *g = container_of(job, struct group, merge_job);
    g->running--;
    if (g->decided) return unwind(g);
    if (g->merge_rc < 0) return retry(g, g->merge_rc, NULL);
    if (g->merge_rc > 0) return send_alone(g);
    copy(g);
}

static void merge_partials(struct group *g)
{
    if (g->plan->convert.rollups == 0 || g->shares < 2) return copy(g);
    enter(g, MERGING_PARTIALS);
    g->merge_job = (struct worker_job){.run = merge_run, .done = on_partials_merged, .priority = WORKER_URGENT};
    g->running = 1;
    workers_submit(g->env->workers, &g->merge_job);
}

static void convert_run(struct worker_job *job)
{
    struct share *s = container_of(job, struct share, job);
    s->rc = members_convert(&s->work);
}

static void settle_converted(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        settle(g, &g->member[i], g->member[i].rejects.bytes);
    for (size_t i = 0; i < g->shares; i++)
        g->copy_cost += g->share[i].work.copy.len;
    memory_take(g->env->memory, g->copy_cost, true);
}

static void on_converted(struct worker_job *job)
{
    struct group *g = container_of(job, struct share, job)->g;
    if (--g->running > 0) return;
    g->converted = true;
    settle_converted(g);
    if (g->decided) return unwind(g);
    for (size_t i = 0; i < g->shares; i++) {
        if (g->share[i].rc < 0) return retry(g, g->share[i].rc, NULL);
        if (g->share[i].rc > 0) return send_alone(g); /* too many groups for a rollup's memory, or a time out of range */
    }
    if (count_fate(g, MEMBER_IN) > 0) return merge_partials(g);
    if (count_fate(g, MEMBER_DUPLICATE) > 0) return record(g);
    conclude(g, LOAD_AGAIN, NULL);
}

static void convert(struct group *g)
{
    static const struct config_budget none;
    enter(g, CONVERTING);
    deal(g, convert_run, on_converted);
    g->bench_cost = g->shares * convert_bench_bytes(&g->plan->convert);
    memory_take(g->env->memory, g->bench_cost, true);
    for (size_t i = 0; i < g->shares; i++) {
        g->share[i].work.plan = &g->plan->convert;
        g->share[i].work.budget = g->config.declared ? &g->config.declared->max_errors : &none;
    }
    submit_shares(g);
}

/* ---- BEGINNING ---- */

static bool skips_duplicates(const struct group *g)
{
    return !g->config.declared || g->config.declared->duplicates == CONFIG_DUPLICATES_SKIP;
}

static void on_begun(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (!answered(g, r)) return;
    size_t place = 0, *index = calloc(g->n, sizeof *index);
    if (!index) return retry(g, -ENOMEM, NULL);
    for (size_t i = 0; i < g->n; i++)
        if (g->member[i].fate == MEMBER_IN) index[place++] = i;
    for (int row = 0; skips_duplicates(g) && row < PQntuples(r->rows); row++) {
        int64_t at = db_get_int8(r->rows, row, 0, -1);
        assert(at >= 0 && (size_t)at < place);
        struct member *m = &g->member[index[at]];
        m->fate = MEMBER_DUPLICATE;
        m->duplicate_of = db_get_int8(r->rows, row, 1, 0);
    }
    free(index);
    if (count_fate(g, MEMBER_IN) > 0) return convert(g);
    record(g);
}

static void begin(struct group *g)
{
    enter(g, BEGINNING);
    const uint8_t *sum[GROUP_FILES_MAX];
    size_t sums = 0;
    for (size_t i = 0; i < g->n && skips_duplicates(g); i++)
        if (g->member[i].fate == MEMBER_IN) sum[sums++] = g->member[i].sum;
    asked(g, ledger_begin_many(g->conn, g->dataset->id, sum, sums, on_begun, g));
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct group *g = container_of(w, struct group, wait);
    g->waiting = false;
    g->conn = c;
    if (!c) return retry(g, ERROR_CANCELLED, NULL); /* the pool goes away */
    begin(g);
}

/* ---- READING ---- */

static void read_run(struct worker_job *job)
{
    struct share *s = container_of(job, struct share, job);
    for (size_t i = 0; i < s->work.n; i++)
        member_read(&s->work.member[i], &s->g->input);
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
static int make_plan(struct group *g, const struct member *leader)
{
    const struct plan_head *head = &leader->head.plan_head;
    struct error err;
    if (!g->config.declared && !plan_head_agrees(head, &g->dataset->table)) return PLAN_E_HEADER;
    int r = plan_new(g->dataset, head, &err, &g->plan);
    if (r == 0) g->plan->convert.aggregate_max = load_aggregate_max(g->env, g->dataset);
    return r;
}

static void on_read(struct worker_job *job)
{
    struct group *g = container_of(job, struct share, job)->g;
    if (--g->running > 0) return;
    if (g->decided) return unwind(g);
    struct member *leader = g->leader = leader_of(g);
    int r = leader ? make_plan(g, leader) : 0;
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        counters_add(g->env->counters, COUNTER_BYTES_READ, (int64_t)m->chunk.bytes.len);
        if (m->fate != MEMBER_IN || m == leader) continue;
        if (r > 0 || !member_same_shape(leader, m)) {
            m->fate = MEMBER_LATER; /* the first one's plan is the group's */
            skip(m->arrival);
        } else if (skips_duplicates(g) && repeats(g, i)) {
            m->fate = MEMBER_LATER; /* by then the first is in the ledger, or it is not */
        }
    }
    if (r < 0) return retry(g, r, NULL);
    if (r > 0) leader->fate = MEMBER_ALONE;
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        if (m != leader) member_forget_head(m);
        if (m->fate != MEMBER_IN) chunk_done(&m->chunk);
        settle(g, m, member_cost(m->chunk.bytes.len));
    }
    if (count_fate(g, MEMBER_IN) == 0) return conclude(g, LOAD_AGAIN, NULL);
    enter(g, CONNECTING);
    g->waiting = true;
    g->wait.got = on_connected;
    db_pool_take(g->env->pool, &g->wait, 0);
}

/* ---- the end ---- */

static void group_free(struct group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        settle(g, &g->member[i], 0);
        member_done(&g->member[i]);
    }
    for (size_t i = 0; g->converted && i < g->shares; i++) {
        convert_bench_done(&g->share[i].work.bench, &g->plan->convert);
        buf_done(&g->share[i].work.copy);
    }
    memory_give(g->env->memory, g->bench_cost + g->copy_cost);
    buf_done(&g->frame);
    plan_free(g->plan);
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
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        struct arrival *a = m->arrival;
        enum load_outcome outcome = outcome_of(g, m);
        if (m->fate == MEMBER_ALONE) a->alone = true;
        a->state = outcome == LOAD_LOADED ? ARRIVAL_LOADED : outcome == LOAD_DUPLICATE ? ARRIVAL_DUPLICATE : ARRIVAL_QUEUED;
        if (outcome == LOAD_RETRY || outcome == LOAD_AGAIN) a->counts = (struct arrival_counts){0};
        a->has_sum = g->committed && travels(m);
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
    unwind(g);
}

/* Bring one thing after the other to its end; every callback leads here again. */
static void unwind(struct group *g)
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
    g->settings = config_ref(g->env->config);
    g->dataset = dataset_ref(config->dataset);
    g->input = (struct member_input){
        .place = g->env->place, .declared = head_declare(g->settings, config->declared), .max_record = (size_t)g->settings->daemon.max_record};
    buf_init(&g->frame, FRAME_MAX);
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
    deal(g, read_run, on_read);
    submit_shares(g);
    *ret_group = g;
    return 0;
}

size_t group_size(const struct group *g)
{
    return g->n;
}

void group_stop(struct group *g)
{
    if (g->state == COMMITTING || g->committed) return;
    retry(g, ERROR_CANCELLED, NULL);
}
