/* SPDX-License-Identifier: MIT */
#include "etl/group_private.h"
#include "etl/sql.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- refusals ---- */

/* The member whose row stands in that line of the COPY, from 1; NULL: none does. */
static struct member *member_of_row(struct group *g, uint64_t row)
{
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        if (m->fate != MEMBER_IN) continue;
        uint64_t rows = member_kept(m);
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
    struct member *m = g->state == GROUP_COPYING ? culprit(g, r) : NULL;
    if (!m) return group_send_alone(g);
    m->arrival->alone = true;
    group_conclude(g, LOAD_AGAIN, NULL);
}

void group_refused(struct group *g, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED) return group_retry(g, r->status, r->error);
    bool rows = g->state == GROUP_COPYING || g->state == GROUP_COMMITTING || g->merging;
    switch (db_refusal_of(r->error->sqlstate)) {
    case DB_RETRY:
        /* A deadlock, no room for so many locks: what is less may get through. */
        for (size_t i = 0; i < g->n; i++)
            group_skip(g->member[i].arrival);
        return group_conclude(g, LOAD_RETRY, r->error);
    case DB_PAUSE:
        /* One of them alone finds out whether the dataset is to be paused. */
        g->member[0].arrival->alone = true;
        return group_conclude(g, LOAD_AGAIN, NULL);
    case DB_BAD_DATA:
    case DB_FAIL:
        if (rows) return refused_rows(g, r);
        /* One of our own statements: the ledger knows a token already, or a value of ours is wrong. */
        for (size_t i = 0; i < g->n; i++)
            g->member[i].arrival->check_ledger = true;
        return group_conclude(g, LOAD_RETRY, r->error);
    }
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
    if (rolled_back) return group_retry(g, -EPROTO, NULL); /* the transaction had failed, and nobody said so */
    if (r->status != 0) return group_refused(g, r);
    g->committed = true;
    group_conclude(g, LOAD_LOADED, NULL);
}

static void commit(struct group *g)
{
    group_enter(g, GROUP_COMMITTING);
    for (size_t i = 0; i < g->n; i++) {
        if (!group_travels(&g->member[i])) continue;
        struct arrival *a = g->member[i].arrival;
        a->check_ledger = true;
        memcpy(a->xid, g->xid, sizeof a->xid);
    }
    group_asked(g, db_query(g->conn, &(struct db_query){.sql = "COMMIT", .done = on_committed, .ctx = g}));
}

/* ---- RECORDING ---- */

static void on_merged(void *ctx, int status, const struct error *err)
{
    struct group *g = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (group_answered(g, &r)) commit(g);
}

static void merge_rollups(struct group *g)
{
    if (group_count(g, MEMBER_IN) == 0 || g->plan->convert.rollups == 0) return commit(g);
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
    if (group_answered(g, r)) merge_rollups(g);
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
        if (group_travels(&g->member[i]) && g->id[i] == 0) return false;
    return true;
}

enum { COL_XID = 2, COL_DEFINITION, COL_COLUMNS };

static void on_recorded(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (!group_answered(g, r)) return;
    if (!take_ids(g, r->rows)) return group_retry(g, ERROR_PROTOCOL, NULL);
    snprintf(g->xid, sizeof g->xid, "%s", PQgetvalue(r->rows, 0, COL_XID));
    const char *columns = db_get(r->rows, 0, COL_COLUMNS);
    if (columns && strcmp(columns, g->dataset->columns) == 0 &&
        db_get_int8(r->rows, 0, COL_DEFINITION, -1) == g->dataset->definition)
        return put_rejects(g);
    struct error err;
    g->env->stale(g->env->stale_ctx);
    error_set(&err, 0, "its table was changed meanwhile: its columns or its rollups are not what they were when the load began");
    group_conclude(g, LOAD_RETRY, &err);
}

void group_record(struct group *g)
{
    group_enter(g, GROUP_RECORDING);
    struct ledger_row *row = calloc(g->n, sizeof *row);
    struct ledger_many many = {.table = &g->dataset->table, .dataset = g->dataset->id, .row = row};
    if (!row) return group_retry(g, -ENOMEM, NULL);
    for (size_t i = 0; i < g->n; i++) {
        struct member *m = &g->member[i];
        struct arrival *a = m->arrival;
        if (!group_travels(m)) continue;
        memcpy(a->sum, m->sum, sizeof a->sum);
        a->state = m->fate == MEMBER_IN ? ARRIVAL_LOADED : ARRIVAL_DUPLICATE;
        if (m->fate == MEMBER_IN) {
            uint64_t loaded = member_kept(m);
            a->counts = (struct arrival_counts){
                .read = m->rows_read, .loaded = loaded, .rejected = m->rejects.count, .filtered = m->rows_filtered};
            many.rows_delta += (int64_t)loaded;
        }
        row[many.n++] = (struct ledger_row){.arrival = a, .duplicate_of = m->duplicate_of, .id = m->number};
    }
    int r = ledger_insert_many(g->conn, &many, on_recorded, g);
    for (size_t i = 0; i < g->n; i++) {
        if (!group_travels(&g->member[i])) continue;
        g->member[i].arrival->state = ARRIVAL_COMMITTING;
        observers_state(g->env->observers, g->member[i].arrival, "committing", NULL);
    }
    free(row);
    group_asked(g, r);
}

/* ---- COPYING ---- */

static void advance_sequences(struct group *g, size_t i);

static void on_advanced(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (group_answered(g, r)) advance_sequences(g, g->sequence + 1);
}

static void advance_sequences(struct group *g, size_t i)
{
    g->sequence = plan_next_sequence(g->plan, i);
    if (g->sequence == g->plan->rule.columns) return group_record(g);
    struct ledger_sequence s = {
        .table = &g->dataset->table, .column = g->plan->rule.column[g->sequence].name, .most = LEDGER_SEQUENCE_SEEN};
    group_asked(g, ledger_advance_sequence(g->conn, &s, on_advanced, g));
}

static void on_copied(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    g->copying = false;
    if (!group_answered(g, r)) return;
    uint64_t rows = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->member[i].fate == MEMBER_IN) rows += member_kept(&g->member[i]);
    if ((uint64_t)db_affected(r->rows) != rows) return group_send_alone(g); /* a trigger swallows some: it is said file by file */
    advance_sequences(g, 0);
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
    while (s.len == 0 && g->piece < g->shares)
        s = buf_slice(&g->share[g->piece++].work.copy);
    if (s.len > 0) {
        counters_add(g->env->counters, COUNTER_BYTES_COPIED, (int64_t)s.len);
        return db_copyin_put(g->conn, s);
    }
    g->ended = true;
    db_copyin_end(g->conn, NULL);
}

void group_copy(struct group *g)
{
    group_enter(g, GROUP_COPYING);
    struct db_copyin_handler h = {.ready = put_next, .drained = put_next, .done = on_copied, .ctx = g};
    g->piece = 0;
    int r = db_copyin_begin(g->conn, g->plan->copy_sql, &h);
    g->copying = r == 0;
    group_asked(g, r);
}

/* ---- BEGINNING ---- */

static void on_begun(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (!group_answered(g, r)) return;
    g->begun = true;
    if (g->ahead) {
        bool known = group_skips_duplicates(g) && PQntuples(r->rows) > 0;
        if (known) g->leader_duplicate_of = db_get_int8(r->rows, 0, 1, 0);
        if (g->converted) group_go_on(g);
        return;
    }
    size_t place = 0, *index = calloc(g->n, sizeof *index);
    if (!index) return group_retry(g, -ENOMEM, NULL);
    for (size_t i = 0; i < g->n; i++)
        if (g->member[i].fate == MEMBER_IN) index[place++] = i;
    for (int row = 0; group_skips_duplicates(g) && row < PQntuples(r->rows); row++) {
        int64_t at = db_get_int8(r->rows, row, 0, -1);
        assert(at >= 0 && (size_t)at < place);
        struct member *m = &g->member[index[at]];
        m->fate = MEMBER_DUPLICATE;
        m->duplicate_of = db_get_int8(r->rows, row, 1, 0);
    }
    free(index);
    if (group_count(g, MEMBER_IN) > 0) return group_convert(g);
    group_record(g);
}

static void begin(struct group *g)
{
    group_enter(g, GROUP_BEGINNING);
    const uint8_t *sum[GROUP_FILES_MAX];
    size_t sums = 0;
    if (g->ahead && group_skips_duplicates(g)) sum[sums++] = g->leader->sum; /* a worker has its fate */
    for (size_t i = 0; i < g->n && !g->ahead && group_skips_duplicates(g); i++)
        if (g->member[i].fate == MEMBER_IN) sum[sums++] = g->member[i].sum;
    group_asked(g, ledger_begin_many(g->conn, g->dataset->id, sum, sums, on_begun, g));
}

/* The rows of each member are to bear its id. */
static void on_numbers(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (!group_answered(g, r)) return;
    for (size_t i = 0; i < g->n; i++)
        g->member[i].number = g->member[i].chunk.file = db_get_int8(r->rows, (int)i, 0, 0);
    begin(g);
}

static void number(struct group *g)
{
    struct db_param n = db_int8((int64_t)g->n);
    group_asked(g, db_query(g->conn,
                            &(struct db_query){.sql = SQL_LEDGER_NUMBERS, .param = &n, .params = 1, .done = on_numbers, .ctx = g}));
}

static void on_looked(void *ctx, const struct db_result *r)
{
    struct group *g = ctx;
    if (!group_answered(g, r)) return;
    if (!g->lookups.fits) return group_send_alone(g); /* the server joins */
    plan_look_up(g->plan, g->lookups.dictionary);
    if (g->dataset->table.lineage) return number(g);
    begin(g);
}

static void look_up(struct group *g)
{
    g->lookups = (struct lookups_use){.cache = g->env->lookups,
                                      .conn = g->conn,
                                      .dataset = g->plan->dataset,
                                      .max = config_lookup_max(g->settings),
                                      .done = on_looked,
                                      .ctx = g};
    group_asked(g, lookups_take(&g->lookups));
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct group *g = container_of(w, struct group, wait);
    g->waiting = false;
    g->conn = c;
    if (!c) return group_retry(g, ERROR_CANCELLED, NULL); /* the pool goes away */
    if (group_looks_up(g)) return look_up(g);
    if (g->dataset->table.lineage) return number(g);
    begin(g);
}

void group_connect(struct group *g)
{
    group_enter(g, GROUP_CONNECTING);
    g->waiting = true;
    g->wait.got = on_connected;
    db_pool_take(g->env->pool, &g->wait, 0);
}
