/* SPDX-License-Identifier: MIT */
/*
 * The end of a load's transaction, when its rows are in: the table's sequences, the lock on the content and the question whether it
 * is a duplicate, the ledger row with rejects and rollups (RECORDING), COMMIT and what follows it (COMMITTING).
 */
#include "etl/load_private.h"
#include "etl/sql.h"

enum { ANALYZE_ROWS = 10000 };

static void advance_sequences(struct load *l, size_t i);

static struct ledger_content content(const struct load *l)
{
    return (struct ledger_content){l->plan->dataset->id, l->arrival->sum};
}

/* ---- COMMITTING ---- */

/* Whatever becomes of it, the rows are there. */
static void on_analyzed(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    (void)r;
    l->asking = false;
    load_conclude(l, LOAD_LOADED, NULL);
}

/* A content that was exchanged as a whole has statistics of the old one, or none. */
static bool wants_analyze(const struct load *l)
{
    return load_replaces(l) && l->arrival->counts.loaded >= ANALYZE_ROWS;
}

static void analyze(struct load *l)
{
    struct buf sql;
    buf_init(&sql, ERROR_TEXT_MAX);
    buf_puts(&sql, "ANALYZE ");
    const char *text = table_quote(&sql, l->plan->dataset->table.schema, l->plan->dataset->table.name);
    int r = text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_analyzed, .ctx = l}) : -ENOMEM;
    l->asking = r == 0;
    buf_done(&sql);
    if (r < 0) load_conclude(l, LOAD_LOADED, NULL);
}

static void on_committed(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->asking = false;
    if (r->status == 0 && strcmp(PQcmdStatus((PGresult *)r->rows), "COMMIT") != 0) {
        l->arrival->xid[0] = '\0'; /* "ROLLBACK": the transaction had failed, and nobody said so */
        l->arrival->check_ledger = l->shares != NULL;
        l->arrival->state = ARRIVAL_LOADING;
        return load_retry(l, -EPROTO, NULL);
    }
    if (r->status == 0) load_note_clashes(l);
    if (r->status == 0 && l->shares) return load_parallel_finish(l);
    if (r->status == 0) {
        l->arrival->xid[0] = '\0';
        l->arrival->check_ledger = false;
        if (wants_analyze(l)) return analyze(l);
        return load_conclude(l, LOAD_LOADED, NULL);
    }
    /* Only the server's own refusal says that nothing was committed; without it the ledger must be asked. */
    if (r->status == ERROR_REFUSED) {
        l->arrival->xid[0] = '\0';
        l->arrival->check_ledger = l->shares != NULL;
    }
    l->arrival->state = ARRIVAL_LOADING;
    load_refused(l, r);
}

void load_commit(struct load *l)
{
    l->merging = false;
    load_enter(l, STATE_COMMITTING);
    l->arrival->check_ledger = true;
    load_asked(l, db_query(l->conn, &(struct db_query){.sql = "COMMIT", .done = on_committed, .ctx = l}));
}

/* ---- RECORDING ---- */

bool load_has_partials(const struct load *l)
{
    if (l->plan->dataset->staged || l->crowded) return false;
    return l->way == WAY_COPY || l->way == WAY_PARALLEL || l->way == WAY_SWAP;
}

static void on_merged(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (!load_answered(l, &r)) return;
    if (l->way == WAY_SWAP) {
        load_swap_in(l);
    } else {
        load_commit(l);
    }
}

static void merge_rollups(struct load *l)
{
    struct pipeline_result *result = pipeline_result(l->pipeline);
    enum merge_way staged = load_replaces(l) ? MERGE_REFILL : MERGE_TOUCHED;
    enum merge_way sent = load_replaces(l) ? MERGE_RENEW : MERGE_PARTIALS;
    l->merge = (struct merge){.way = load_has_partials(l) ? sent : staged,
                              .workers = l->env->workers,
                              .conn = l->conn,
                              .dataset = l->plan->dataset,
                              .bench = load_has_partials(l) ? result->bench : NULL,
                              .done = on_merged,
                              .ctx = l};
    l->asking = l->merging = true;
    merge_begin(&l->merge);
}

static void on_rejects_put(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (load_answered(l, r)) merge_rollups(l);
}

static void on_recorded(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    if (PQntuples(r->rows) == 0) return load_retry(l, -EAGAIN, NULL); /* its row of the ledger was given up by somebody else */
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    snprintf(l->arrival->xid, sizeof l->arrival->xid, "%s", PQgetvalue(r->rows, 0, 1));
    if (l->rejects.n == 0) return merge_rollups(l);
    l->reject_job = (struct ledger_rejects){.workers = l->env->workers,
                                            .conn = l->conn,
                                            .file = l->arrival->ledger_id,
                                            .list = &l->rejects,
                                            .header = l->head.plan_head.raw,
                                            .done = on_rejects_put,
                                            .ctx = l};
    l->asking = true;
    ledger_put_rejects(&l->reject_job);
}

static void record(struct load *l)
{
    l->arrival->state = ARRIVAL_LOADED;
    struct ledger_row row = {.arrival = l->arrival,
                             .dataset = l->plan->dataset->id,
                             .rows_delta = (int64_t)l->arrival->counts.loaded - l->deleted,
                             .id = l->number,
                             .lineage = l->plan->dataset->table.lineage};
    load_asked(l, l->shares ? ledger_decide(l->conn, &row, on_recorded, l) : ledger_insert(l->conn, &row, on_recorded, l));
    if (l->decided) return;
    l->arrival->state = ARRIVAL_COMMITTING;
    observers_state(l->env->observers, l->arrival, "committing", NULL);
}

static void on_duplicate(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    if (PQntuples(r->rows) == 0) return record(l);
    l->duplicate_of = db_get_int8(r->rows, 0, 0, 0);
    load_conclude(l, LOAD_DUPLICATE, NULL);
}

static void on_locked(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    const struct dataset *d = l->plan->dataset;
    const char *columns = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 2) : NULL;
    if (!columns || strcmp(columns, d->columns) != 0 || db_get_int8(r->rows, 0, 1, -1) != d->definition)
        return load_stale(l, "its columns or its rollups are not what they were when the load began");
    struct ledger_content c = content(l);
    if (!load_skips_duplicates(l)) return record(l);
    load_asked(l, ledger_find_duplicate(l->conn, &c, load_is_revertible(l), on_duplicate, l));
}

static void lock_content(struct load *l)
{
    struct ledger_content c = content(l);
    load_asked(l, ledger_lock(l->conn, &c, &l->plan->dataset->table, on_locked, l));
}

static void on_advanced(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (load_answered(l, r)) advance_sequences(l, l->sequence + 1);
}

/* From number `i` on; then the load goes on. */
static void advance_sequences(struct load *l, size_t i)
{
    l->sequence = plan_next_sequence(l->plan, i);
    if (l->sequence == l->plan->rule.columns) return lock_content(l);
    struct ledger_sequence s = {.table = &l->plan->dataset->table,
                                .column = l->plan->rule.column[l->sequence].name,
                                .most = l->shares ? load_parallel_most(l, l->sequence) : LEDGER_SEQUENCE_SEEN};
    load_asked(l, ledger_advance_sequence(l->conn, &s, on_advanced, l));
}

void load_record(struct load *l)
{
    load_enter(l, STATE_RECORDING);
    advance_sequences(l, 0);
}

void load_miscounted(struct load *l, uint64_t counted)
{
    const struct arrival_counts *n = &l->arrival->counts;
    load_fail(l, "%llu rows were read, but PostgreSQL counted %llu, and %llu were rejected or filtered; nothing was loaded",
              (unsigned long long)n->read, (unsigned long long)counted, (unsigned long long)n->rejected + n->filtered);
}
