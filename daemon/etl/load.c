/* SPDX-License-Identifier: MIT */
#include "etl/load.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/name.h"
#include "etl/head.h"
#include "etl/ledger.h"
#include "etl/merge.h"
#include "etl/sender.h"
#include "etl/sql.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHUNK_BYTES = 512 * 1024,
    REJECTS_MAX = 8 * 1024 * 1024, /* bytes of rejects kept for one file */
    AGGREGATE_SHARE = 4,           /* of memory_max, for the partial aggregates of all loads */
    DOUBT_POLL_MS = 200,
};

enum load_state {
    STATE_CHECKING,
    STATE_OPENING,
    STATE_INFERRING,
    STATE_CREATING,
    STATE_CONNECTING,
    STATE_COPYING,
    STATE_RECORDING,
    STATE_COMMITTING,
    STATE_UNWINDING,
    STATE_REPORTING,
};
static const char *const state_name[] = {
    [STATE_CHECKING] = "checking",     [STATE_OPENING] = "opening", [STATE_INFERRING] = "inferring", [STATE_CREATING] = "creating",
    [STATE_CONNECTING] = "connecting", [STATE_COPYING] = "copying", [STATE_RECORDING] = "recording", [STATE_COMMITTING] = "committing",
    [STATE_UNWINDING] = "unwinding",   [STATE_REPORTING] = "reporting"};

struct load {
    struct load_config config;
    const struct load_env *env;
    struct arrival *arrival;
    struct config *settings;               /* a reference to the configuration it began with */
    const struct config_dataset *declared; /* NULL: nobody declared this file's dataset */
    enum load_state state;

    struct head head;
    bool heading, headed;                  /* the head's job runs; the head is there */
    char name[NAME_MAX_BYTES + 1];         /* of an undeclared dataset */
    struct plan *plan;
    struct pipeline *pipeline;
    bool flowing;                          /* the pipeline runs */
    int flow_rc;                           /* how it ended */
    struct error flow_err;

    struct db_wait wait;
    bool waiting;
    struct db_conn *conn;
    bool asking;                           /* a statement is under way on conn */
    struct sender sender;
    struct merge merge;
    struct ledger_rejects reject_job;
    int64_t deleted;                       /* rows that `replace` took away */

    bool decided, recorded;                /* the outcome is known; the ledger has it */
    enum load_outcome outcome;
    struct error why;
    int64_t duplicate_of;
    struct reject_list rejects;
};

static void unwind(struct load *l);
static void ask_ledger(struct load *l);

static void enter(struct load *l, enum load_state s)
{
    log_debug("load %s: %s -> %s", l->arrival->file.token, state_name[l->state], state_name[s]);
    l->state = s;
}

/* ---- outcomes ---- */

/* The first outcome counts. */
static void conclude(struct load *l, enum load_outcome outcome, const struct error *why)
{
    if (!l->decided) {
        l->decided = true;
        l->outcome = outcome;
        if (why) l->why = *why;
        enter(l, STATE_UNWINDING);
    }
    unwind(l);
}

static void fail(struct load *l, const char *format, ...) printf_like(2, 3);
static void fail(struct load *l, const char *format, ...)
{
    struct error err = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    conclude(l, LOAD_FAILED, &err);
}

/* The machine failed us (memory, a lost connection): nothing is said against the file. */
static void retry(struct load *l, int code, const struct error *err)
{
    struct error words;
    if (!err || !err->text[0]) error_set(&words, code, "%s", error_name(code));
    conclude(l, LOAD_RETRY, err && err->text[0] ? err : &words);
}

/* What the server refused decides what becomes of the file. */
static void refused(struct load *l, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED) return retry(l, r->status, r->error);
    switch (db_refusal_of(r->error->sqlstate)) {
    case DB_RETRY: conclude(l, LOAD_RETRY, r->error); return;
    case DB_PAUSE: conclude(l, LOAD_PAUSE, r->error); return;
    case DB_BAD_DATA:
    case DB_FAIL: fail(l, "PostgreSQL refused the rows: %s%s%s", r->error->text, r->detail[0] ? "; " : "", r->detail); return;
    }
}

/* A statement's answer: true when the load goes on with it. */
static bool answered(struct load *l, const struct db_result *r)
{
    l->asking = false;
    if (l->decided) {
        unwind(l);
        return false;
    }
    if (r->status == 0) return true;
    refused(l, r);
    return false;
}

/* A statement was queued, or could not be. */
static void asked(struct load *l, int r)
{
    l->asking = r == 0;
    if (r < 0) retry(l, r, NULL);
}

static struct ledger_content content(const struct load *l)
{
    return (struct ledger_content){l->plan->dataset->id, l->arrival->sum};
}

/* ---- COMMITTING ---- */

static void on_committed(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->asking = false;
    if (r->status == 0) {
        l->arrival->xid[0] = '\0';
        l->arrival->check_ledger = false;
        return conclude(l, LOAD_LOADED, NULL);
    }
    /* Only the server's own refusal says that nothing was committed; without it the ledger must be asked. */
    if (r->status == ERROR_REFUSED) {
        l->arrival->xid[0] = '\0';
        l->arrival->check_ledger = false;
    }
    l->arrival->state = ARRIVAL_LOADING;
    refused(l, r);
}

static void commit(struct load *l)
{
    enter(l, STATE_COMMITTING);
    l->arrival->check_ledger = true;
    asked(l, db_query(l->conn, &(struct db_query){.sql = "COMMIT", .done = on_committed, .ctx = l}));
}

/* ---- RECORDING ---- */

static void on_merged(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (answered(l, &r)) commit(l);
}

static void merge_rollups(struct load *l)
{
    struct pipeline_result *result = pipeline_result(l->pipeline);
    l->merge = (struct merge){.workers = l->env->workers, .conn = l->conn, .dataset = l->plan->dataset, .bench = result->bench, .done = on_merged, .ctx = l};
    l->asking = true;
    merge_begin(&l->merge);
}

static void on_rejects_put(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (answered(l, r)) merge_rollups(l);
}

static void on_recorded(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    snprintf(l->arrival->xid, sizeof l->arrival->xid, "%s", PQgetvalue(r->rows, 0, 1));
    if (l->rejects.n == 0) return merge_rollups(l);
    asked(l, ledger_put_rejects(&l->reject_job, l->conn, l->arrival->ledger_id, &l->rejects, on_rejects_put, l));
}

static void record(struct load *l)
{
    l->arrival->state = ARRIVAL_LOADED;
    struct ledger_row row = {.arrival = l->arrival, .dataset = l->plan->dataset->id, .rows_delta = (int64_t)l->arrival->counts.loaded - l->deleted};
    asked(l, ledger_insert(l->conn, &row, on_recorded, l));
    if (!l->decided) l->arrival->state = ARRIVAL_COMMITTING;
}

static void on_duplicate(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    if (PQntuples(r->rows) == 0) return record(l);
    l->duplicate_of = db_get_int8(r->rows, 0, 0, 0);
    conclude(l, LOAD_DUPLICATE, NULL);
}

static bool replaces(const struct load *l)
{
    return l->declared && l->declared->mode == CONFIG_MODE_REPLACE;
}

static void on_locked(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    struct ledger_content c = content(l);
    if (l->declared && l->declared->duplicates == CONFIG_DUPLICATES_LOAD) return record(l);
    asked(l, ledger_find_duplicate(l->conn, &c, replaces(l), on_duplicate, l));
}

/* The rows are in the transaction. Promise 2: each is accounted for. */
static void on_copied(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    struct arrival_counts *n = &l->arrival->counts;
    n->loaded = (uint64_t)db_affected(r->rows);
    if (n->loaded + n->rejected != n->read)
        return fail(l, "%llu rows were read, but PostgreSQL counted %llu and %llu were rejected; nothing was loaded", (unsigned long long)n->read,
                    (unsigned long long)n->loaded, (unsigned long long)n->rejected);
    enter(l, STATE_RECORDING);
    struct ledger_content c = content(l);
    asked(l, ledger_lock(l->conn, &c, on_locked, l));
}

/* ---- COPYING ---- */

static bool over_budget(const struct load *l, bool at_end)
{
    const struct pipeline_result *r = pipeline_result(l->pipeline);
    static const struct config_budget none;
    const struct config_budget *b = l->declared ? &l->declared->max_errors : &none;
    if (!at_end && b->is_percent) return false;
    return !config_budget_allows(b, r->rejects.count, r->rows_read);
}

/* Words for too many rejects: the first of them, as the person will want to mend it. */
static void fail_rejected(struct load *l)
{
    const struct reject_list *list = &l->rejects;
    if (list->n == 0) return fail(l, "%llu of %llu rows are refused", (unsigned long long)list->count, (unsigned long long)l->arrival->counts.read);
    fail(l, "line %llu: " SLICE_FMT " (%llu of %llu rows are refused; see the .errors.csv beside the file)", (unsigned long long)list->item[0].line,
         SLICE_ARG(list->item[0].message), (unsigned long long)list->count, (unsigned long long)l->arrival->counts.read);
}

/* The pipeline failed for the file's sake, or for the machine's. */
static void fail_flow(struct load *l)
{
    switch (l->flow_rc) {
    case CUTTER_E_UNCLOSED:
    case CUTTER_E_LONG:
    case CUTTER_E_TRUNCATED: fail(l, "%s", l->flow_err.text); return;
    case ERROR_TOO_BIG: fail(l, "%s", l->flow_err.text); return;
    case CUTTER_E_CHANGED: retry(l, -EAGAIN, &l->flow_err); return;
    default: retry(l, l->flow_rc, &l->flow_err); return;
    }
}

static void take_results(struct load *l)
{
    struct pipeline_result *r = pipeline_result(l->pipeline);
    l->arrival->counts.read = r->rows_read;
    l->arrival->counts.rejected = r->rejects.count;
    if (reject_list_move(&l->rejects, &r->rejects) < 0) log_warning("rejects of %s were dropped for want of memory", l->arrival->file.token);
    reject_list_sort(&l->rejects);
    counters_add(l->env->counters, COUNTER_BYTES_READ, (int64_t)r->bytes);
    if (l->flow_rc != 0) return;
    memcpy(l->arrival->sum, r->sum, sizeof l->arrival->sum);
    l->arrival->has_sum = true;
}

static void on_flow_ended(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    l->flowing = false;
    l->flow_rc = rc;
    l->flow_err = *err;
    bool over = over_budget(l, true);
    take_results(l);
    if (l->decided) return unwind(l);
    if (rc != 0) return fail_flow(l);
    if (over) return fail_rejected(l);
    sender_finish(&l->sender);
}

static void on_flow_ready(void *ctx)
{
    struct load *l = ctx;
    sender_pump(&l->sender);
    if (l->flowing && !l->decided && over_budget(l, false)) pipeline_discard(l->pipeline); /* read on only to count */
}

static int flow_start(struct load *l, void (*ready)(void *), void (*ended)(void *, int, const struct error *))
{
    struct pipeline_config c = {
        .workers = l->env->workers,
        .memory = l->env->memory,
        .input = {.fd = l->arrival->file.fd,
                  .st = l->head.st,
                  .dialect = l->head.plan_head.dialect,
                  .chunk_bytes = CHUNK_BYTES,
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

static void copy(struct load *l)
{
    enter(l, STATE_COPYING);
    l->sender = (struct sender){.conn = l->conn, .pipeline = l->pipeline, .counters = l->env->counters, .done = on_copied, .ctx = l};
    char *sql = NULL;
    int r = replaces(l) ? 0 : asprintf(&sql, "BEGIN; %s", l->plan->copy_sql);
    r = r < 0 ? -ENOMEM : sender_begin(&l->sender, sql ? sql : l->plan->copy_sql);
    free(sql);
    if (r < 0) return retry(l, r, NULL);
    l->asking = true;
    if (!l->flowing) sender_finish(&l->sender); /* a small file is read by now */
}

static void on_deleted(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    l->deleted = db_affected(r->rows);
    copy(l);
}

/* The old rows go in the same transaction in which the new ones come. */
static void replace(struct load *l)
{
    struct buf sql;
    buf_init(&sql, ERROR_TEXT_MAX);
    buf_puts(&sql, "BEGIN; DELETE FROM ");
    db_quote_identifier(&sql, slice_of(l->plan->dataset->table.schema));
    buf_putc(&sql, '.');
    db_quote_identifier(&sql, slice_of(l->plan->dataset->table.name));
    const char *text = buf_cstr(&sql);
    asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_deleted, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

/* ---- CREATING ---- */

static void plan_and_copy(struct load *l, struct dataset *d);

static void on_created(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (!answered(l, &r)) return;
    struct dataset *d = catalog_find(l->env->catalog, l->declared ? l->declared->name : l->name);
    if (!d) return fail(l, "its table could not be made");
    plan_free(l->plan);
    l->plan = NULL;
    plan_and_copy(l, d);
}

static void create(struct load *l)
{
    enter(l, STATE_CREATING);
    struct arena arena;
    arena_init(&arena, 4096, (size_t)64 << 20);
    const struct plan_head *head = &l->head.plan_head;
    struct convert_bench *bench = pipeline_result(l->pipeline)->bench;
    const char **name = plan_names(head, &arena);
    struct infer_column *column = arena_array(&arena, head->cells + 1, sizeof *column);
    struct infer *none = NULL;
    int r = name && column ? 0 : -ENOMEM;
    if (r == 0 && !bench) r = infer_new(head->cells, &none); /* a header and nothing else */
    for (size_t i = 0; r == 0 && i < head->cells; i++)
        infer_result(bench ? bench->infer : none, i, &column[i]);
    if (r == 0) {
        struct catalog_guess guess = {.name = l->declared ? l->declared->name : l->name,
                                      .schema = l->declared ? l->declared->schema : "public",
                                      .table = l->declared ? l->declared->table : l->name,
                                      .owner = l->declared ? l->settings : NULL,
                                      .config = l->declared,
                                      .column = name,
                                      .inferred = column,
                                      .columns = head->cells};
        r = catalog_create(l->env->catalog, l->conn, &guess, on_created, l);
    }
    infer_free(none);
    arena_done(&arena);
    asked(l, r);
}

/* ---- CONNECTING ---- */

static void report(struct load *l);

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct load *l = container_of(w, struct load, wait);
    l->waiting = false;
    l->conn = c;
    if (!c) {
        l->recorded = true; /* the pool goes away: nothing more can be written */
        if (l->decided && (l->outcome == LOAD_FAILED || l->outcome == LOAD_DUPLICATE)) l->outcome = LOAD_RETRY;
        return retry(l, ERROR_CANCELLED, NULL);
    }
    switch (l->state) {
    case STATE_REPORTING: report(l); break;
    case STATE_CREATING: create(l); break;
    case STATE_CONNECTING:
        if (replaces(l)) {
            replace(l);
        } else {
            copy(l);
        }
        break;
    case STATE_CHECKING: ask_ledger(l); break;
    default: assert(l->decided); unwind(l); break;
    }
}

static void want_connection(struct load *l)
{
    l->waiting = true;
    l->wait.got = on_connected;
    db_pool_take(l->env->pool, &l->wait, 0);
}

static size_t aggregate_max(const struct load *l)
{
    size_t partials = l->plan->dataset->rollups * (workers_count(l->env->workers) + 1) * (size_t)l->settings->database.load_connections;
    return l->env->memory->max / AGGREGATE_SHARE / (partials ? partials : 1);
}

/* The dataset is known: the file must fit it. Reading begins while the connection is still to come. */
static void plan_and_copy(struct load *l, struct dataset *d)
{
    struct error err;
    int r = plan_new(d, &l->head.plan_head, &err, &l->plan);
    if (r == PLAN_E_HEADER) return fail(l, "%s", err.text);
    if (r == PLAN_E_DATASET) return conclude(l, LOAD_PAUSE, &err);
    if (r < 0) return retry(l, r, NULL);
    l->plan->convert.aggregate_max = aggregate_max(l);
    pipeline_free(l->pipeline);
    l->pipeline = NULL;
    enter(l, STATE_CONNECTING);
    r = flow_start(l, on_flow_ready, on_flow_ended);
    if (r < 0) return retry(l, r, NULL);
    if (l->decided) return;
    if (!l->conn) return want_connection(l);
    on_connected(&l->wait, l->conn);
}

/* ---- INFERRING ---- */

static void on_inferred(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    l->flowing = false;
    l->flow_rc = rc;
    l->flow_err = *err;
    if (l->decided) return unwind(l);
    if (rc != 0) return fail_flow(l);
    l->state = STATE_CREATING;
    if (l->conn) return create(l);
    want_connection(l);
}

static void infer(struct load *l)
{
    enter(l, STATE_INFERRING);
    int r = plan_new_infer(&l->head.plan_head, &l->plan);
    if (r == 0) r = flow_start(l, NULL, on_inferred);
    if (r < 0) return retry(l, r, NULL);
    if (l->flowing) pipeline_discard(l->pipeline);
}

/* ---- OPENING: which dataset ---- */

static bool header_agrees(const struct load *l, const struct dataset *d)
{
    const struct plan_head *head = &l->head.plan_head;
    if (head->cells != d->table.columns) return false;
    struct arena arena;
    arena_init(&arena, 4096, (size_t)64 << 20);
    const char **name = plan_names(head, &arena);
    bool agrees = name != NULL;
    for (size_t i = 0; agrees && i < head->cells; i++)
        agrees = table_find(&d->table, name[i]) >= 0;
    arena_done(&arena);
    return agrees;
}

static bool may_take(const struct load *l, const struct dataset *d)
{
    return d->inferred && !d->config && !d->broken && header_agrees(l, d);
}

/* Nobody declared it: the stem's dataset when the headers agree, else the full stem's, or a new one. */
static void resolve_undeclared(struct load *l)
{
    struct slice file = slice_of(l->arrival->file.name);
    if (l->settings->daemon.unmatched != CONFIG_UNMATCHED_INFER) return fail(l, "no dataset's `files` match its name, and unmatched is not infer");
    for (int full = 0; full < 2; full++) {
        if (full) {
            name_of_file_full(file, l->name);
        } else {
            name_of_file(file, l->name);
        }
        struct dataset *d = catalog_find(l->env->catalog, l->name);
        if (d && may_take(l, d)) return plan_and_copy(l, d);
        if (!d && !config_dataset(l->settings, slice_of(l->name))) return infer(l);
    }
    fail(l, "its header does not agree with the columns of dataset %s; rename the file, or declare a [dataset] whose `files` match it", l->name);
}

static void resolve(struct load *l)
{
    if (!l->declared) return resolve_undeclared(l);
    struct dataset *d = catalog_find(l->env->catalog, l->declared->name);
    if (d) return plan_and_copy(l, d);
    if (l->declared->columns_sql[0] == '\0') return infer(l);
    struct error err;
    error_set(&err, 0, "dataset %s is not in the catalog yet", l->declared->name);
    conclude(l, LOAD_RETRY, &err);
}

static void on_head(struct worker_job *job)
{
    struct load *l = container_of(container_of(job, struct head, job), struct load, head);
    l->heading = false;
    if (l->decided) return unwind(l);
    l->arrival->file.st.st_size = l->head.st.st_size;
    if (l->head.rc > 0) return fail(l, "%s", l->head.err.text);
    if (l->head.rc < 0) return retry(l, l->head.rc, &l->head.err);
    resolve(l);
}

static struct dialect declared_dialect(const struct config_dataset *c)
{
    struct dialect d = dialect_default();
    d.delimiter = '\0'; /* to be detected */
    if (!c) return d;
    bool positions = c->n_columns > 0;
    for (size_t i = 0; i < c->n_columns; i++)
        positions = positions && c->column[i].position > 0;
    static const enum dialect_header header_of[] = {
        [CONFIG_HEADER_AUTO] = DIALECT_HEADER_AUTO, [CONFIG_HEADER_YES] = DIALECT_HEADER_YES, [CONFIG_HEADER_NO] = DIALECT_HEADER_NO};
    d.delimiter = c->delimiter;
    d.quote = c->quote;
    d.encoding = c->encoding == CONFIG_ENCODING_LATIN1 ? DIALECT_LATIN1 : DIALECT_UTF8;
    d.header = header_of[c->header];
    if (d.header == DIALECT_HEADER_AUTO && positions) d.header = DIALECT_HEADER_NO;
    return d;
}

static void open_head(struct load *l)
{
    enter(l, STATE_OPENING);
    struct dialect d = declared_dialect(l->declared);
    head_init(&l->head, l->arrival->file.fd, &d, (size_t)l->settings->daemon.max_record);
    l->head.job.done = on_head;
    l->heading = l->headed = true;
    workers_submit(l->env->workers, &l->head.job);
}

/* ---- CHECKING: is it in the ledger already? ---- */

static void on_old_rejects(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    if (ledger_read_rejects(r->rows, &l->rejects) < 0) return retry(l, -ENOMEM, NULL);
    struct error why = l->why;
    conclude(l, LOAD_FAILED, &why);
}

static void on_found(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    l->arrival->check_ledger = false;
    l->arrival->xid[0] = '\0';
    if (PQntuples(r->rows) == 0) return open_head(l);
    l->recorded = true;
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    const char *state = PQgetvalue(r->rows, 0, 1), *error = db_get(r->rows, 0, 2);
    if (strcmp(state, "loaded") == 0) return conclude(l, LOAD_LOADED, NULL);
    if (strcmp(state, "duplicate") == 0) return conclude(l, LOAD_DUPLICATE, NULL);
    error_set(&l->why, 0, "%s", error ? error : "");
    asked(l, ledger_get_rejects(l->conn, l->arrival->ledger_id, on_old_rejects, l));
}

static void find_token(struct load *l)
{
    asked(l, ledger_find_token(l->conn, l->arrival->file.token, on_found, l));
}

static void on_xact(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!answered(l, r)) return;
    const char *status = db_get(r->rows, 0, 0);
    if (!status || strcmp(status, "in progress") != 0) return find_token(l);
    struct error err;
    error_set(&err, 0, "the transaction whose COMMIT got no answer is still running");
    conclude(l, LOAD_RETRY, &err);
}

/* With a connection: first the old transaction must be over, then the ledger is believed. */
static void ask_ledger(struct load *l)
{
    if (!l->arrival->xid[0]) return find_token(l);
    asked(l, ledger_xact_status(l->conn, l->arrival->xid, on_xact, l));
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
    unwind(l);
}

static void on_report_rejects(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    asked(l, db_query(l->conn, &(struct db_query){.sql = "COMMIT", .done = on_reported, .ctx = l}));
}

static void on_report_row(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    asked(l, ledger_put_rejects(&l->reject_job, l->conn, l->arrival->ledger_id, &l->rejects, on_report_rejects, l));
}

static void on_report_begun(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status != 0) return on_reported(ctx, r);
    struct ledger_row row = {.arrival = l->arrival,
                             .dataset = l->plan && l->plan->dataset ? l->plan->dataset->id : 0,
                             .duplicate_of = l->duplicate_of,
                             .error = l->outcome == LOAD_FAILED ? l->why.text : NULL};
    asked(l, ledger_insert(l->conn, &row, on_report_row, l));
}

static void report(struct load *l)
{
    struct arrival_counts *n = &l->arrival->counts;
    l->arrival->state = l->outcome == LOAD_FAILED ? ARRIVAL_FAILED : ARRIVAL_DUPLICATE;
    *n = (struct arrival_counts){.read = n->read, .rejected = n->rejected};
    asked(l, db_query(l->conn, &(struct db_query){.sql = "BEGIN", .done = on_report_begun, .ctx = l}));
}

/* ---- UNWINDING ---- */

static void on_rolled_back(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    (void)r; /* a connection that is lost is rolled back by the server */
    l->asking = false;
    unwind(l);
}

static void load_free(struct load *l)
{
    if (l->headed) head_done(&l->head);
    pipeline_free(l->pipeline);
    plan_free(l->plan);
    reject_list_done(&l->rejects);
    config_unref(l->settings);
    free(l);
}

static void finish(struct load *l)
{
    static const enum arrival_state state_of[] = {[LOAD_LOADED] = ARRIVAL_LOADED,
                                                  [LOAD_DUPLICATE] = ARRIVAL_DUPLICATE,
                                                  [LOAD_FAILED] = ARRIVAL_FAILED,
                                                  [LOAD_RETRY] = ARRIVAL_QUEUED,
                                                  [LOAD_PAUSE] = ARRIVAL_QUEUED};
    l->arrival->state = state_of[l->outcome];
    struct load_report report = {.outcome = l->outcome, .why = &l->why, .rejects = &l->rejects, .duplicate_of = l->duplicate_of};
    l->config.over(l->config.ctx, l->arrival, &report);
    load_free(l);
}

/* Bring one thing after the other to its end; every callback leads here again. */
static void unwind(struct load *l)
{
    if (l->heading) return;
    if (l->sender.running) {
        if (!l->sender.aborting) sender_abort(&l->sender);
        return;
    }
    if (l->flowing) {
        pipeline_stop(l->pipeline);
        return;
    }
    if (l->asking) return;
    if (l->waiting) {
        db_pool_cancel(l->env->pool, &l->wait);
        l->waiting = false;
    }
    if (l->conn && db_conn_in_transaction(l->conn)) {
        int r = db_query(l->conn, &(struct db_query){.sql = "ROLLBACK", .done = on_rolled_back, .ctx = l});
        l->asking = r == 0;
        if (l->asking) return;
    }
    if (l->conn) {
        db_pool_give(l->env->pool, l->conn);
        l->conn = NULL;
    }
    if ((l->outcome == LOAD_FAILED || l->outcome == LOAD_DUPLICATE) && !l->recorded) {
        enter(l, STATE_REPORTING);
        return want_connection(l);
    }
    finish(l);
}

/* ---- the load's outside ---- */

int load_start(const struct load_config *config, struct load **ret_load)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l) return -ENOMEM;
    l->config = *config;
    l->env = config->env;
    l->arrival = config->arrival;
    l->settings = config_ref(config->env->config);
    l->declared = config_dataset_for(l->settings, slice_of(l->arrival->file.path));
    reject_list_init(&l->rejects, REJECTS_MAX);
    l->arrival->state = ARRIVAL_LOADING;
    l->arrival->started_us = clock_real_us();
    l->arrival->counts = (struct arrival_counts){0};
    l->arrival->has_sum = false;
    *ret_load = l;
    if (l->arrival->check_ledger) {
        l->state = STATE_CHECKING;
        want_connection(l);
    } else {
        open_head(l);
    }
    return 0;
}

void load_stop(struct load *l)
{
    if (l->state == STATE_COMMITTING || l->state == STATE_REPORTING) return; /* as good as done */
    retry(l, ERROR_CANCELLED, NULL);
}

uint64_t load_rows(struct load *l)
{
    return l->flowing ? pipeline_result(l->pipeline)->rows_read : l->arrival->counts.read;
}
