/* SPDX-License-Identifier: MIT */
#include "etl/load_private.h"
#include "etl/sql.h"

/* ---- COMPARING: a table that somebody changed or dropped speaks against no file ---- */

bool load_is_doubtful(const struct load *l)
{
    bool refused = l->outcome == LOAD_FAILED || l->outcome == LOAD_PAUSE;
    return refused && !l->compared && !l->recorded && !l->env->closed && l->judge && l->judge->columns && l->judge->table.schema;
}

static void on_compared(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->asking = false;
    if (r->status != 0) {
        l->outcome = LOAD_RETRY;
        l->why = *r->error;
        return load_unwind(l);
    }
    const char *columns = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 1) : NULL;
    bool same = columns && strcmp(columns, l->judge->columns) == 0;
    /* What pauses a dataset is mended by a new look at once only where its table is gone; else a person must, and may take some
     * time. */
    if ((l->outcome == LOAD_FAILED && !same) || (l->outcome == LOAD_PAUSE && !columns && l->judge->columns[0])) {
        l->outcome = LOAD_RETRY;
        error_set(&l->why, 0, "its table was changed meanwhile");
        l->env->stale(l->env->stale_ctx);
    }
    load_unwind(l);
}

void load_compare(struct load *l)
{
    l->compared = true;
    struct buf name;
    buf_init(&name, ERROR_TEXT_MAX);
    const char *text = table_quote(&name, l->judge->table.schema, l->judge->table.name);
    struct db_param param[] = {db_int8(l->judge->id), db_text(text)};
    struct db_query q = {.sql = SQL_DATASET_DEFINITION, .param = param, .params = 2, .done = on_compared, .ctx = l};
    int r = text ? db_query(l->conn, &q) : -ENOMEM;
    buf_done(&name);
    l->asking = r == 0;
    if (r == 0) return;
    l->outcome = LOAD_RETRY;
    error_set(&l->why, r, "%s", error_name(r));
    load_unwind(l);
}

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
    l->reject_job = (struct ledger_rejects){.workers = l->env->workers,
                                            .conn = l->conn,
                                            .file = l->arrival->ledger_id,
                                            .list = &l->rejects,
                                            .header = l->head.plan_head.raw,
                                            .done = on_report_rejects,
                                            .ctx = l};
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
    *n = (struct arrival_counts){.read = n->read, .rejected = n->rejected, .filtered = n->filtered};
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
    bool known = l->outcome == LOAD_FAILED && l->arrival->has_sum && l->dataset_id && load_skips_duplicates(l);
    if (!known || l->rejects.count > 0) return begin(l);
    struct ledger_content c = {l->dataset_id, l->arrival->sum};
    load_asked(l, ledger_find_duplicate(l->conn, &c, load_is_revertible(l), on_doubted, l));
}
