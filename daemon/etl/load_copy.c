/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "etl/load_private.h"
#include "etl/sql.h"

#include <stdlib.h>

enum {
    CHUNK_BYTES = 512 * 1024,
    CHUNK_BYTES_MIN = 16 * 1024,
    SORTED_BYTES_MAX = 4 * 1024 * 1024,
    CHUNK_EXTRA = 8,               /* bytes of COPY for a byte of the file that a chunk of full size has room for */
    REJECTS_MAX = 8 * 1024 * 1024, /* bytes of rejects kept for one file */
    SHOWN_MAX = 4 * NAME_MAX + 1,
};

/*
 * PostgreSQL refused the rows. Perhaps the file is a duplicate whose keys are there already: to know, its digest is needed, and so
 * it is read to its end before it is judged (load_narrow.c).
 */
bool load_spoiled(struct load *l, const struct db_result *r)
{
    bool bad_data = r->status == ERROR_REFUSED && db_refusal_of(r->error->sqlstate) == DB_BAD_DATA;
    if (!bad_data || load_is_unwinding(l) || !l->flowing) return false;
    l->asking = false;
    l->spoiled = true;
    load_describe(r, &l->why);
    pipeline_discard(l->pipeline);
    return true;
}

/* The rows are in the transaction. Promise 2: each is accounted for. */
static void on_copied(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (load_clashed(l, r)) {
        l->asking = false;
        return load_restart(l, WAY_STAGE);
    }
    if (load_spoiled(l, r) || !load_answered(l, r)) return;
    struct arrival_counts *n = &l->arrival->counts;
    n->loaded = (uint64_t)db_affected(r->rows);
    if (n->loaded != arrival_kept(n)) return load_miscounted(l, n->loaded);
    load_record(l);
}

const struct config_budget *load_budget(const struct load *l)
{
    static const struct config_budget none;
    return l->declared ? &l->declared->max_errors : &none;
}

static bool over_budget(const struct load *l, bool at_end)
{
    const struct pipeline_result *r = pipeline_result(l->pipeline);
    const struct config_budget *b = load_budget(l);
    if (!at_end && b->is_percent) return false;
    return !config_budget_allows(b, r->rejects.count, r->rows_read);
}

/* Words for too many rejects: the first of them, as the person will want to mend it. */
static void describe_rejected(const struct load *l, struct error *ret_why)
{
    const struct reject_list *list = &l->rejects;
    unsigned long long refused = list->count, read = l->arrival->counts.read;
    if (list->n == 0) {
        error_set(ret_why, 0, "%llu of %llu rows are refused", refused, read);
    } else {
        error_set(ret_why, 0, "line %llu: " SLICE_FMT " (%s%llu of %llu rows are refused; see the .errors.csv beside the file)",
                  (unsigned long long)list->item[0].line, SLICE_ARG(list->item[0].message), l->narrow.partial ? "at least " : "",
                  refused, read);
    }
}

static void fail_rejected(struct load *l)
{
    struct error why;
    describe_rejected(l, &why);
    load_conclude(l, LOAD_FAILED, &why);
}

/* More rows are refused than may be: does the table follow the file? */
void load_widen_or_fail(struct load *l)
{
    if (!load_may_widen(l)) return fail_rejected(l);
    describe_rejected(l, &l->why);
    l->widening = true;
    load_restart(l, l->way);
}

/* The pipeline failed for the file's sake, or for the machine's. */
void load_fail_flow(struct load *l)
{
    switch (l->flow_rc) {
    case CUTTER_E_UNCLOSED:
    case CUTTER_E_LONG:
    case CUTTER_E_REFUSED:
    case CUTTER_E_TRUNCATED: load_fail(l, "%s", l->flow_err.text); return;
    case ERROR_TOO_BIG: load_fail(l, "%s", l->flow_err.text); return;
    case CUTTER_E_CHANGED: load_retry(l, -EAGAIN, &l->flow_err); return;
    default: load_retry(l, l->flow_rc, &l->flow_err); return;
    }
}

static void take_results(struct load *l)
{
    struct pipeline_result *r = pipeline_result(l->pipeline);
    l->arrival->counts.read = r->rows_read;
    l->arrival->counts.rejected = r->rejects.count;
    l->arrival->counts.filtered = r->rows_filtered;
    if (reject_list_move(&l->rejects, &r->rejects) < 0)
        log_warning("rejects of %s were dropped for want of memory", l->arrival->file.token);
    counters_add(l->env->counters, COUNTER_BYTES_READ, (int64_t)r->bytes);
    if (l->flow_rc != 0) return;
    memcpy(l->arrival->sum, r->sum, sizeof l->arrival->sum);
    l->arrival->has_sum = true;
}

void load_take_flow(struct load *l, int rc, const struct error *err)
{
    l->flowing = false;
    l->flow_rc = rc;
    l->flow_err = *err;
    take_results(l);
}

/* Too many groups for the memory: the server finds them, and computes them. */
static void go_without_partials(struct load *l)
{
    char name[SHOWN_MAX];
    log_info("%s is loaded without adding up its rollups here: %s", log_escape(slice_of(l->arrival->file.name), name, sizeof name),
             l->flow_err.text);
    l->crowded = true;
    load_restart(l, load_replaces(l) ? WAY_COPY : WAY_STAGE);
}

static void on_flow_ended(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    bool over = over_budget(l, true);
    load_take_flow(l, rc, err);
    if (load_is_unwinding(l)) return load_unwind(l);
    if (rc == PIPELINE_E_CROWDED) return go_without_partials(l);
    if (rc != 0) return load_fail_flow(l);
    if (over) return load_widen_or_fail(l);
    if (l->spoiled) return load_narrow(l, &l->why);
    sender_finish(&l->sender);
    if (l->shares) load_parallel_flow_ended(l);
}

static void on_flow_ready(void *ctx)
{
    struct load *l = ctx;
    sender_pump(&l->sender);
    if (l->shares) load_parallel_pump(l);
    if (l->flowing && !load_is_unwinding(l) && over_budget(l, false)) pipeline_discard(l->pipeline); /* read on only to count */
}

/* Sorting gains with the rows that are sorted together; each load may always hold a chunk, whatever that comes to. */
static size_t sorted_bytes(const struct load *l)
{
    size_t share = l->env->memory->max / PIPELINE_CHUNK_COST / ((size_t)l->settings->database.load_connections + 1);
    return share < CHUNK_BYTES ? CHUNK_BYTES : share > SORTED_BYTES_MAX ? SORTED_BYTES_MAX : share;
}

/* Where rows bring more than their cells (constants, NULLs), which have a byte each at least, chunks are smaller, so that what is
 * made of one keeps its size. */
static size_t chunk_bytes(const struct load *l)
{
    const struct plan *p = l->plan;
    size_t extra = p->convert.row_extra / (p->rule.cells ? p->rule.cells : 1);
    size_t bytes = (p->convert.sort_columns > 0 ? sorted_bytes(l) : CHUNK_BYTES) / (1 + extra / CHUNK_EXTRA);
    return bytes > CHUNK_BYTES_MIN ? bytes : CHUNK_BYTES_MIN;
}

int load_flow_start(struct load *l, void (*ready)(void *), void (*ended)(void *, int, const struct error *))
{
    /* A keyed table is in no order of the file's anyway: what goes through a stage is merged in the order of the key. */
    bool sorted = load_is_keyed(l) && l->plan->key && (l->way == WAY_COPY || l->way == WAY_PARALLEL);
    l->plan->convert.sort = l->plan->key;
    l->plan->convert.sort_columns = sorted ? l->plan->dataset->table.keys : 0;
    l->plan->convert.rollups = l->plan->dataset && load_has_partials(l) ? l->plan->dataset->rollups : 0;
    struct pipeline_config c = {
        .workers = l->env->workers,
        .memory = l->env->memory,
        .input = {.fd = l->arrival->file.fd,
                  .file = l->number,
                  .name = slice_of(l->arrival->file.name),
                  .st = l->head.st,
                  .dialect = l->head.plan_head.dialect,
                  .options = l->head.input,
                  .chunk_bytes = chunk_bytes(l),
                  .max_record = (size_t)l->settings->daemon.max_record},
        .plan = &l->plan->convert,
        .rejects_max = REJECTS_MAX,
        .ready = ready,
        .ended = ended,
        .ctx = l,
    };
    int r = pipeline_new(&c, &l->pipeline);
    if (r < 0) return r;
    l->flowing = true;
    pipeline_start(l->pipeline);
    return 0;
}

struct sender load_sender(struct load *l, void (*done)(void *ctx, const struct db_result *r))
{
    return (struct sender){.conn = l->conn, .pipeline = l->pipeline, .counters = l->env->counters, .done = done, .ctx = l};
}

void load_send(struct load *l, const char *sql, void (*done)(void *ctx, const struct db_result *r))
{
    load_enter(l, STATE_COPYING);
    l->sender = load_sender(l, done);
    int r = sql ? sender_begin(&l->sender, sql) : -ENOMEM;
    if (r < 0) return load_retry(l, r, NULL);
    l->asking = true;
    if (!l->flowing) sender_finish(&l->sender); /* a small file is read by now */
}

static void copy(struct load *l)
{
    char *sql = NULL;
    if (asprintf(&sql, "BEGIN; %s", l->plan->copy_sql) < 0) sql = NULL;
    load_send(l, sql, on_copied);
    free(sql);
}

/* As many as the dataset's marks know of: what others put into the table was never counted. */
static void on_known(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->deleted = PQntuples(r->rows) > 0 ? db_get_int8(r->rows, 0, 0, 0) : 0;
    if (l->way == WAY_STAGE) return load_copy_to_stage(l, "");
    load_send(l, l->plan->copy_sql, on_copied);
}

static void on_deleted(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status == ERROR_REFUSED && db_refusal_of(r->error->sqlstate) == DB_BAD_DATA && !load_is_unwinding(l)) {
        struct error why;
        l->asking = false;
        error_set(&why, 0, "the old rows of %s cannot be deleted: %s", l->plan->dataset->table.name, r->error->text);
        return load_conclude(l, LOAD_PAUSE, &why); /* others refer to them: no file can mend that */
    }
    if (!load_answered(l, r)) return;
    struct db_param p = db_int8(l->plan->dataset->id);
    load_asked(l,
               db_query(l->conn, &(struct db_query){.sql = SQL_LEDGER_ROWS, .param = &p, .params = 1, .done = on_known, .ctx = l}));
}

void load_delete_sql(const struct load *l, struct buf *out)
{
    buf_puts(out, "LOCK TABLE ");
    table_quote(out, l->plan->dataset->table.schema, l->plan->dataset->table.name);
    buf_puts(out, " IN SHARE ROW EXCLUSIVE MODE; DELETE FROM ");
    table_quote(out, l->plan->dataset->table.schema, l->plan->dataset->table.name);
}

/* The old rows go in the same transaction in which the new ones come. */
static void replace(struct load *l)
{
    struct buf sql;
    buf_init(&sql, ERROR_TEXT_MAX);
    buf_puts(&sql, "BEGIN; ");
    load_delete_sql(l, &sql);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_deleted, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

void load_copy_by(struct load *l, const char *copy_sql)
{
    load_send(l, copy_sql, on_copied);
}

int load_flow_into_table(struct load *l)
{
    l->plan->convert.lineage = l->plan->dataset->table.lineage || load_wants_lines(l);
    return load_flow_start(l, on_flow_ready, on_flow_ended);
}

void load_copy(struct load *l)
{
    if (l->way == WAY_PARALLEL) {
        load_parallel(l);
    } else if (l->way == WAY_NARROW || l->way == WAY_REFER) {
        load_narrow_search(l);
    } else if (l->way == WAY_SWAP) {
        load_swap(l);
    } else if (load_replaces(l)) {
        replace(l); /* and then the copy, or the stage */
    } else if (l->way == WAY_STAGE) {
        load_copy_to_stage(l, "BEGIN; ");
    } else {
        copy(l);
    }
}
