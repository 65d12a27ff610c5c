/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "base/name.h"
#include "etl/load_private.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    AGGREGATE_SHARE = 4, /* of memory_max, for the partial aggregates of all loads */
    COMPUTED_SHARE = 4,  /* likewise, for what expressions make at once on all workers */
    COMPUTED_MIN = 4 * 1024 * 1024,
    COMPUTED_MAX = 32 * 1024 * 1024,
};

/* ---- the plan: the file must fit its dataset ---- */

size_t load_aggregate_max(const struct load_env *env, const struct dataset *d)
{
    size_t loads = (size_t)env->config->database.load_connections + 1; /* and one of small files */
    size_t partials = d->rollups * pipeline_benches(env->workers) * loads;
    return env->memory->max / AGGREGATE_SHARE / (partials ? partials : 1);
}

size_t load_computed_max(const struct load_env *env)
{
    size_t share = env->memory->max / COMPUTED_SHARE / pipeline_benches(env->workers);
    return share < COMPUTED_MIN ? COMPUTED_MIN : share > COMPUTED_MAX ? COMPUTED_MAX : share;
}

/* The arrival was queued under its stem; now its dataset is known. */
static bool rename_dataset(struct arrival *a, const char *name)
{
    char *copy = strdup(name);
    if (!copy) return false;
    free(a->dataset);
    a->dataset = copy;
    return true;
}

static void judge_by(struct load *l, struct dataset *d)
{
    dataset_ref(d);
    dataset_unref(l->judge);
    l->judge = d;
}

/* Reading begins while the connection is still to come. */
static void begin_flow(struct load *l)
{
    l->way = load_first_way(l);
    if (l->way == WAY_COPY && load_wants_parallel(l)) l->way = WAY_PARALLEL;
    load_enter(l, STATE_CONNECTING);
    int r = load_flow_into_table(l);
    if (r < 0) return load_retry(l, r, NULL);
    if (l->decided) return;
    if (!l->conn) return load_want_connection(l);
    load_connected(l);
}

static void on_looked(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    if (l->lookups.fits) plan_look_up(l->plan, l->lookups.dictionary);
    begin_flow(l);
}

void load_look(struct load *l)
{
    lookups_release(&l->lookups); /* of a plan before this one */
    l->lookups = (struct lookups_use){.cache = l->env->lookups,
                                      .conn = l->conn,
                                      .dataset = l->plan->dataset,
                                      .max = config_lookup_max(l->settings),
                                      .done = on_looked,
                                      .ctx = l};
    load_asked(l, lookups_take(&l->lookups));
}

static void look_up_first(struct load *l)
{
    const struct formulas *f = l->plan->dataset->formulas;
    if (!f || f->server || f->lookups == 0) return begin_flow(l);
    load_enter(l, STATE_LOOKING);
    if (!l->conn) return load_want_connection(l);
    load_connected(l);
}

static void on_number(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->number = db_get_int8(r->rows, 0, 0, 0);
    look_up_first(l);
}

void load_number(struct load *l)
{
    if (l->number) return look_up_first(l);
    load_asked(l, db_query(l->conn, &(struct db_query){.sql = SQL_LEDGER_NUMBER, .done = on_number, .ctx = l}));
}

void load_plan(struct load *l, struct dataset *d)
{
    struct error err;
    l->dataset_id = d->id;
    judge_by(l, d);
    if (!rename_dataset(l->arrival, d->name)) return load_retry(l, -ENOMEM, NULL);
    struct plan *plan = NULL;
    int r = plan_new(d, &l->head.plan_head, &err, &plan);
    if (r == PLAN_E_HEADER) return load_fail(l, "%s", err.text);
    if (r == PLAN_E_DATASET) return load_conclude(l, d->unready ? LOAD_RETRY : LOAD_PAUSE, &err);
    if (r < 0) return load_retry(l, r, NULL);
    l->plan = plan;
    if (r == PLAN_E_DRIFT) return load_add_columns(l);
    plan_tell_ignored(plan, l->arrival->file.name);
    plan->convert.aggregate_max = load_aggregate_max(l->env, d);
    plan->convert.computed_max = load_computed_max(l->env);
    if (!d->table.lineage) return look_up_first(l);
    load_enter(l, STATE_NUMBERING);
    if (!l->conn) return load_want_connection(l);
    load_connected(l);
}

/* ---- CREATING ---- */

#define DUPLICATE_TABLE "42P07"
#define UNIQUE_VIOLATION "23505" /* of the system catalog: two CREATE TABLE at the same moment */
enum { CREATE_ATTEMPTS = 3 };

/* Another load made the table at the same moment (look again), or somebody else did long ago (say so). */
static bool exists_already(struct load *l, const struct error *err)
{
    bool table = strcmp(err->sqlstate, DUPLICATE_TABLE) == 0;
    if (!table && strcmp(err->sqlstate, UNIQUE_VIOLATION) != 0) return false;
    l->asking = false;
    if (!table || l->arrival->attempts < CREATE_ATTEMPTS) {
        load_conclude(l, LOAD_RETRY, err);
    } else {
        load_fail(l, "the table %s exists, and cetld did not make it; rename the file, or declare a [dataset] with this table",
                  l->declared ? l->declared->table : l->name);
    }
    return true;
}

static void on_created(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    static const struct error nothing;
    struct db_result r = {.status = status, .error = err ? err : &nothing, .detail = ""};
    if (status == ERROR_REFUSED && err && !l->decided && exists_already(l, err)) return;
    if (!load_answered(l, &r) || load_outlived(l)) return;
    struct dataset *d = catalog_find(l->env->catalog, l->declared ? l->declared->name : l->name);
    if (!d) return load_fail(l, "its table could not be made");
    pipeline_free(l->pipeline); /* before the plan that it reads */
    l->pipeline = NULL;
    plan_free(l->plan);
    l->plan = NULL;
    load_plan(l, d);
}

/* The columns of the cells, then those of the path. 0 or -ENOMEM. */
static int guess_columns(struct load *l, struct guess_column *ret_column)
{
    const struct plan_head *head = &l->head.plan_head;
    const struct convert_bench *bench = pipeline_result(l->pipeline)->bench;
    for (size_t i = 0; i < head->cells; i++) {
        ret_column[i].name = head->name[i];
        infer_result(bench->infer, i, &ret_column[i].as);
    }
    for (size_t i = 0; i < l->plan->n_wanted; i++) {
        struct guess_column *c = &ret_column[head->cells + i];
        c->name = l->plan->wanted[i].name;
        int r = infer_text(l->plan->wanted[i].text, &l->plan->convert.reading, &c->as);
        if (r < 0) return r;
        snprintf(c->as.reason, sizeof c->as.reason, "by the path of the first file");
    }
    return 0;
}

void load_create(struct load *l)
{
    load_enter(l, STATE_CREATING);
    const struct config_dataset *declared = l->declared;
    struct guess guess = {.name = declared ? declared->name : l->name,
                          .schema = declared ? declared->schema : "public",
                          .table = declared ? declared->table : l->name,
                          .lineage = !declared || declared->lineage != CONFIG_LINEAGE_NO,
                          .swapped = declared && declared->mode == CONFIG_MODE_REPLACE,
                          .columns = l->head.plan_head.cells + l->plan->n_wanted};
    struct guess_column *column = calloc(guess.columns, sizeof *column);
    int r = column ? guess_columns(l, column) : -ENOMEM;
    guess.column = column;
    if (r == 0) r = catalog_create(l->env->catalog, l->conn, &guess, declared ? l->settings : NULL, declared, on_created, l);
    free(column);
    load_asked(l, r);
}

/* ---- INFERRING ---- */

static void on_inferred(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    l->flowing = false;
    l->flow_rc = rc;
    l->flow_err = *err;
    if (l->decided) return load_unwind(l);
    if (rc != 0) return load_fail_flow(l);
    if (pipeline_result(l->pipeline)->rows_read == 0)
        return load_fail(l, "it has a header but no row, so that nothing tells the types of its columns; drop a file with rows "
                            "first, or declare the dataset's columns");
    l->state = STATE_CREATING;
    if (l->conn) return load_create(l);
    load_want_connection(l);
}

static void infer(struct load *l)
{
    load_enter(l, STATE_INFERRING);
    struct error err;
    int r = plan_new_infer(l->declared, &l->head.plan_head, &err, &l->plan);
    if (r > 0) return load_fail(l, "%s", err.text);
    if (r == 0) r = load_flow_start(l, NULL, on_inferred);
    if (r < 0) return load_retry(l, r, NULL);
    if (l->flowing) pipeline_discard(l->pipeline);
}

/* ---- OPENING: which dataset ---- */

static bool may_take(const struct load *l, const struct dataset *d)
{
    return d->inferred && !d->config && !d->broken && plan_head_agrees(&l->head.plan_head, &d->table);
}

/* It was sent to a dataset that nobody declared. */
static void resolve_sent(struct load *l)
{
    snprintf(l->name, sizeof l->name, "%s", l->arrival->file.dataset);
    struct dataset *d = catalog_find(l->env->catalog, l->name);
    if (!d) return infer(l);
    if (may_take(l, d)) return load_plan(l, d);
    judge_by(l, d);
    load_fail(l, "its header does not agree with the columns of dataset %s, to which it was sent", l->name);
}

/* Nobody declared it: the stem's dataset when the headers agree, else the full stem's, or a new one. */
static void resolve_undeclared(struct load *l)
{
    struct slice file = slice_of(l->arrival->file.name);
    if (l->settings->daemon.unmatched != CONFIG_UNMATCHED_INFER)
        return load_fail(l, l->arrival->file.dataset
                                ? "the dataset to which it was sent is not declared any more, and unmatched is "
                                  "not infer"
                                : "no dataset's `files` match its name, and unmatched is not infer");
    if (l->arrival->file.dataset) return resolve_sent(l);
    for (int full = 0; full < 2; full++) {
        if (full) {
            name_of_file_full(file, l->name);
        } else {
            name_of_file(file, l->name);
        }
        struct dataset *d = catalog_find(l->env->catalog, l->name);
        if (d && may_take(l, d)) return load_plan(l, d);
        if (!d && !config_dataset(l->settings, slice_of(l->name))) return infer(l);
        if (d) judge_by(l, d);
    }
    load_fail(
        l,
        "its header does not agree with the columns of dataset %s; rename the file, or declare a [dataset] whose `files` match it",
        l->name);
}

static void resolve(struct load *l)
{
    if (!l->declared) return resolve_undeclared(l);
    struct dataset *d = catalog_find(l->env->catalog, l->declared->name);
    if (d) return load_plan(l, d);
    struct error err;
    if (l->declared->columns_sql[0] == '\0' && load_is_keyed(l)) {
        error_set(&err, 0, "its mode needs a primary key, and table %s.%s does not exist; make it, or declare its columns",
                  l->declared->schema, l->declared->table);
        return load_conclude(l, LOAD_PAUSE, &err);
    }
    if (l->declared->columns_sql[0] == '\0') return infer(l);
    error_set(&err, 0, "dataset %s is not in the catalog yet", l->declared->name);
    load_conclude(l, LOAD_RETRY, &err);
}

static void on_head(struct head *h)
{
    struct load *l = container_of(h, struct load, head);
    l->heading = false;
    l->arrival->file.fd = l->head.fd;
    if (l->head.fd >= 0) l->arrival->file.st = l->head.st;
    if (l->decided) return load_unwind(l);
    if (l->arrival->overdue) {
        struct error why = l->arrival->why;
        return load_fail(l, "%s", why.text);
    }
    if (l->head.rc > 0) return load_fail(l, "%s", l->head.err.text);
    if (l->head.rc < 0) return load_retry(l, l->head.rc, &l->head.err);
    head_tell(&l->head, l->arrival->file.name);
    l->head.plan_head.path = slice_of(l->arrival->file.path);
    resolve(l);
}

void load_open(struct load *l)
{
    load_enter(l, STATE_OPENING);
    const struct dataset *known = l->declared ? catalog_find(l->env->catalog, l->declared->name) : NULL;
    if (known) l->dataset_id = known->id; /* the ledger says whose file it was, also when its head is refused */
    struct head_declared d = head_declare(l->settings, l->declared);
    head_init(&l->head, -1, &d, (size_t)l->settings->daemon.max_record);
    l->head.place = l->env->place;
    l->head.file = &l->arrival->file;
    l->head.done = on_head;
    l->heading = l->headed = true;
    head_start(&l->head, l->env->workers, l->env->memory);
}

/* ---- CHECKING: is it in the ledger already? ---- */

static void on_old_rejects(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    if (ledger_read_rejects(r->rows, &l->rejects) < 0) return load_retry(l, -ENOMEM, NULL);
    struct error why = l->why;
    load_conclude(l, LOAD_FAILED, &why);
}

enum { FOUND_COUNTS = 3 };

static struct arrival_counts counts_of(const PGresult *rows)
{
    uint64_t n[6];
    for (int i = 0; i < 6; i++)
        n[i] = (uint64_t)db_get_int8(rows, 0, FOUND_COUNTS + i, 0);
    return (struct arrival_counts){
        .read = n[0], .loaded = n[1], .updated = n[2], .ignored = n[3], .rejected = n[4], .filtered = n[5]};
}

static void on_found(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->arrival->check_ledger = false;
    l->arrival->xid[0] = '\0';
    l->arrival->ledger_id = 0; /* of a try that was taken back */
    if (PQntuples(r->rows) == 0) return load_open(l);
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    const char *state = PQgetvalue(r->rows, 0, 1), *error = db_get(r->rows, 0, 2);
    if (strcmp(state, "loading") == 0 || strcmp(state, "committing") == 0) return load_settle_found(l);
    l->recorded = true;
    l->arrival->counts = counts_of(r->rows);
    if (strcmp(state, "loaded") == 0 || strcmp(state, "unloaded") == 0) return load_conclude(l, LOAD_LOADED, NULL);
    if (strcmp(state, "duplicate") == 0) return load_conclude(l, LOAD_DUPLICATE, NULL);
    error_set(&l->why, 0, "%s", error ? error : "");
    load_asked(l, ledger_get_rejects(l->conn, l->arrival->ledger_id, on_old_rejects, l));
}

static void find_token(struct load *l)
{
    load_asked(l, ledger_find_token(l->conn, l->arrival->file.token, on_found, l));
}

/* "transaction ID is in the future": the server crashed before it wrote of it anywhere, so it was not committed. */
#define XID_UNKNOWN "22023"

static void on_xact(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status == ERROR_REFUSED && !l->decided && strcmp(r->error->sqlstate, XID_UNKNOWN) == 0) {
        l->asking = false;
        return find_token(l);
    }
    if (!load_answered(l, r)) return;
    const char *status = db_get(r->rows, 0, 0);
    if (!status || strcmp(status, "in progress") != 0) return find_token(l);
    struct error err;
    error_set(&err, 0, "the transaction whose COMMIT got no answer is still running");
    load_conclude(l, LOAD_RETRY, &err);
}

/* With a connection: first the old transaction must be over, then the ledger is believed. */
void load_ask_ledger(struct load *l)
{
    if (!l->arrival->xid[0]) return find_token(l);
    load_asked(l, ledger_xact_status(l->conn, l->arrival->xid, on_xact, l));
}
