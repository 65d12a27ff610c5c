/* SPDX-License-Identifier: MIT */
#include "etl/load_private.h"

/* ---- REPORTING: failed and duplicate files have their row too ---- */

static void on_reported(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->asking = false;
    l->recorded = true;
    if (r->status != 0) {
        l->outcome = r->status == ERROR_REFUSED && db_refusal_of(r->error->sqlstate) == DB_PAUSE ? LOAD_PAUSE : LOAD_RETRY;
        l->why = *r->error;
        l->arrival->check_ledger = true; /* its COMMIT may have gone through */
    }
    load_unwind(l);
}

static void on_report_rejects(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    load_asked(l, db_query(l->conn, &(struct db_query){.sql = "COMMIT", .done = on_reported, .ctx = l}));
}

static void on_report_row(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    l->reject_job = (struct ledger_rejects){
        .workers = l->env->workers, .conn = l->conn, .file = l->arrival->ledger_id, .list = &l->rejects, .done = on_report_rejects, .ctx = l};
    l->asking = true;
    ledger_put_rejects(&l->reject_job);
}

static void on_report_begun(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    struct ledger_row row = {.arrival = l->arrival,
                             .dataset = l->dataset_id,
                             .duplicate_of = l->duplicate_of,
                             .error = l->outcome == LOAD_FAILED ? l->why.text : NULL};
    load_asked(l, ledger_insert(l->conn, &row, on_report_row, l));
}

static void begin(struct load *l)
{
    struct arrival_counts *n = &l->arrival->counts;
    l->arrival->xid[0] = '\0'; /* that transaction was rolled back */
    l->arrival->state = l->outcome == LOAD_FAILED ? ARRIVAL_FAILED : ARRIVAL_DUPLICATE;
    *n = (struct arrival_counts){.read = n->read, .rejected = n->rejected};
    load_asked(l, db_query(l->conn, &(struct db_query){.sql = "BEGIN", .done = on_report_begun, .ctx = l}));
}

static void on_doubted(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    if (PQntuples(r->rows) > 0) {
        l->outcome = LOAD_DUPLICATE;
        l->duplicate_of = db_get_int8(r->rows, 0, 0, 0);
    }
    begin(l);
}

/* A file that PostgreSQL refused because its keys are there already may be a duplicate: these very bytes put them there. */
void load_report_outcome(struct load *l)
{
    if (l->outcome != LOAD_FAILED || !l->arrival->has_sum || !l->dataset_id || l->rejects.count > 0) return begin(l);
    struct ledger_content c = {l->dataset_id, l->arrival->sum};
    load_asked(l, ledger_find_duplicate(l->conn, &c, load_replaces(l), on_doubted, l));
}
