/* SPDX-License-Identifier: MIT */
#include "etl/load.h"

#include "base/clock.h"
#include "base/log.h"
#include "etl/load_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    REJECTS_MAX = 8 * 1024 * 1024, /* bytes of rejects kept for one file */
    CANCELLED_MAX = 3,             /* a statement that is cancelled again and again will not get through */
    UNRECORDED_MAX = 3,            /* neither will a ledger row that its constraints refuse */
};
#define QUERY_CANCELED "57014"
#define UNIQUE_VIOLATION "23505"

static const char *const state_name[] = {
    [STATE_CHECKING] = "checking",   [STATE_OPENING] = "opening",       [STATE_INFERRING] = "inferring",
    [STATE_CREATING] = "creating",   [STATE_NUMBERING] = "numbering",   [STATE_CONNECTING] = "connecting",
    [STATE_COPYING] = "copying",     [STATE_ALTERING] = "altering",     [STATE_NARROWING] = "narrowing",
    [STATE_RECORDING] = "recording", [STATE_COMMITTING] = "committing", [STATE_UNWINDING] = "unwinding",
    [STATE_COMPARING] = "comparing", [STATE_REPORTING] = "reporting",   [STATE_GATHERING] = "gathering",
    [STATE_FINISHING] = "finishing", [STATE_LOOKING] = "looking"};

static const enum phase phase_of[] = {
    [STATE_CHECKING] = PHASE_OPEN,    [STATE_OPENING] = PHASE_OPEN,      [STATE_INFERRING] = PHASE_OPEN,
    [STATE_CREATING] = PHASE_OPEN,    [STATE_NUMBERING] = PHASE_OPEN,    [STATE_CONNECTING] = PHASE_CONNECT,
    [STATE_COPYING] = PHASE_COPY,     [STATE_ALTERING] = PHASE_OPEN,     [STATE_NARROWING] = PHASE_NARROW,
    [STATE_RECORDING] = PHASE_RECORD, [STATE_COMMITTING] = PHASE_COMMIT, [STATE_UNWINDING] = PHASE_FINISH,
    [STATE_COMPARING] = PHASE_FINISH, [STATE_REPORTING] = PHASE_FINISH,  [STATE_GATHERING] = PHASE_CONNECT,
    [STATE_FINISHING] = PHASE_COMMIT, [STATE_LOOKING] = PHASE_OPEN};

void load_enter(struct load *l, enum load_state s)
{
    phases_enter(&l->phases, phase_of[s]);
    log_debug("load %s: %s -> %s", l->arrival->file.token, state_name[l->state], state_name[s]);
    l->state = s;
}

/* ---- outcomes ---- */

/* The first outcome counts. */
void load_conclude(struct load *l, enum load_outcome outcome, const struct error *why)
{
    if (!l->decided) {
        l->decided = true;
        l->restarting = false;
        l->outcome = outcome;
        if (why) l->why = *why;
        load_enter(l, STATE_UNWINDING);
    }
    load_unwind(l);
}

void load_fail(struct load *l, const char *format, ...)
{
    struct error err = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(err.text, sizeof err.text, format, args);
    va_end(args);
    load_conclude(l, LOAD_FAILED, &err);
}

/* The machine failed us (memory, a lost connection): nothing is said against the file. */
void load_retry(struct load *l, int code, const struct error *err)
{
    struct error words;
    if (!err || !err->text[0]) error_set(&words, code, "%s", error_name(code));
    load_conclude(l, LOAD_RETRY, err && err->text[0] ? err : &words);
}

void load_describe(const struct db_result *r, struct error *ret_why)
{
    error_set(ret_why, 0, "PostgreSQL refused the rows: %s%s%s", r->error->text, r->detail[0] ? "; " : "", r->detail);
    memcpy(ret_why->sqlstate, r->error->sqlstate, sizeof ret_why->sqlstate);
    for (char *c = ret_why->text; *c; c++)
        if (*c == '\n') *c = ' ';
}

void load_stale(struct load *l, const char *why)
{
    struct error err;
    l->env->stale(l->env->stale_ctx);
    error_set(&err, 0, "its table was changed meanwhile: %s", why);
    load_conclude(l, LOAD_RETRY, &err);
}

bool load_outlived(struct load *l)
{
    if (l->settings == l->env->config) return false;
    load_stale(l, "the configuration was reloaded");
    return true;
}

/* The statement under way carries the file's rows. */
static bool judges_rows(const struct load *l)
{
    return l->state == STATE_COPYING || l->state == STATE_COMMITTING || l->merging;
}

/* The ledger refuses what we write of the file: our fault, or that of who altered the ledger, and nothing that waiting mends. */
static void fail_unrecorded(struct load *l, const char *why)
{
    char name[4 * NAME_MAX + 1];
    log_escape(slice_of(l->arrival->file.name), name, sizeof name);
    log_error(
        "the ledger refuses the row of %s, so that none of its rows can stay. This is a fault of cetld, or the table cetl.file was "
        "altered; please report it: %s",
        name, why);
    load_fail(
        l,
        "the ledger refused its row %d times, so that none of its rows could stay (a fault of cetld, or cetl.file was altered): %s",
        (int)l->arrival->unrecorded, why);
}

/* What the server refused decides what becomes of the file. */
void load_refused(struct load *l, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED) return load_retry(l, r->status, r->error);
    struct error why;
    enum db_refusal refusal = db_refusal_of(r->error->sqlstate);
    if (refusal == DB_BAD_DATA && !judges_rows(l)) {
        /* One of our own statements: the ledger knows the token already, or a value of ours is wrong. Nothing is said against the
         * file. */
        l->arrival->check_ledger = true;
        refusal = DB_RETRY;
        bool known = strcmp(r->error->sqlstate, UNIQUE_VIOLATION) == 0;
        if (l->state == STATE_RECORDING && !known && ++l->arrival->unrecorded >= UNRECORDED_MAX)
            return fail_unrecorded(l, r->error->text);
    }
    switch (refusal) {
    case DB_RETRY:
        if (strcmp(r->error->sqlstate, QUERY_CANCELED) == 0 && ++l->arrival->cancelled > CANCELLED_MAX)
            return load_fail(l, "PostgreSQL cancelled it %d times: %s", (int)l->arrival->cancelled, r->error->text);
        load_conclude(l, LOAD_RETRY, r->error);
        return;
    case DB_PAUSE: load_conclude(l, LOAD_PAUSE, r->error); return;
    case DB_BAD_DATA:
        load_describe(r, &why);
        if (!l->merging) return load_narrow(l, &why);
        load_conclude(l, LOAD_FAILED, &why);
        return;
    case DB_FAIL:
        load_describe(r, &why);
        load_conclude(l, LOAD_FAILED, &why);
        return;
    }
}

/* A statement's answer: true when the load goes on with it. */
bool load_answered(struct load *l, const struct db_result *r)
{
    l->asking = false;
    if (load_is_unwinding(l)) {
        load_unwind(l);
        return false;
    }
    if (r->status == 0) return true;
    load_refused(l, r);
    return false;
}

/* A statement was queued, or could not be. */
void load_asked(struct load *l, int r)
{
    l->asking = r == 0;
    if (r < 0) load_retry(l, r, NULL);
}

bool load_replaces(const struct load *l)
{
    return l->declared && l->declared->mode == CONFIG_MODE_REPLACE;
}

bool load_is_revertible(const struct load *l)
{
    return l->declared && (l->declared->mode == CONFIG_MODE_REPLACE || l->declared->mode == CONFIG_MODE_UPSERT);
}

bool load_skips_duplicates(const struct load *l)
{
    return !l->arrival->file.anyway && (!l->declared || l->declared->duplicates == CONFIG_DUPLICATES_SKIP);
}

/* ---- CONNECTING ---- */

void load_connected(struct load *l)
{
    switch (l->state) {
    case STATE_CHECKING: load_ask_ledger(l); break;
    case STATE_CREATING: load_create(l); break;
    case STATE_ALTERING: load_alter(l); break;
    case STATE_NUMBERING: load_number(l); break;
    case STATE_LOOKING: load_look(l); break;
    case STATE_CONNECTING: load_copy(l); break;
    case STATE_COMPARING: load_compare(l); break;
    case STATE_REPORTING: load_report_outcome(l); break;
    default:
        assert(l->decided);
        load_unwind(l);
        break;
    }
}

static void on_connected(struct db_wait *w, struct db_conn *c)
{
    struct load *l = container_of(w, struct load, wait);
    l->waiting = false;
    l->conn = c;
    if (c) return load_connected(l);
    /* The pool goes away: nothing more can be written. */
    l->recorded = true;
    if (l->decided && (l->outcome == LOAD_FAILED || l->outcome == LOAD_DUPLICATE)) l->outcome = LOAD_RETRY;
    load_retry(l, ERROR_CANCELLED, NULL);
}

void load_want_connection(struct load *l)
{
    l->waiting = true;
    l->wait.got = on_connected;
    db_pool_take(l->env->pool, &l->wait, 0);
}

/* ---- UNWINDING ---- */

static void on_rolled_back(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    (void)r; /* a connection that is lost is rolled back by the server */
    l->asking = false;
    load_unwind(l);
}

static void load_free(struct load *l)
{
    if (l->headed) head_done(&l->head);
    load_parallel_free(l);
    pipeline_free(l->pipeline);
    plan_free(l->plan);
    lookups_release(&l->lookups);
    dataset_unref(l->judge);
    load_narrow_done(l);
    free(l->altered);
    load_swap_done(l);
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
    place_file_close(&l->arrival->file);
    phases_end(&l->phases, l->env->counters);
    struct load_report report = {.outcome = l->outcome, .why = &l->why, .rejects = &l->rejects, .duplicate_of = l->duplicate_of};
    l->config.over(l->config.ctx, l->arrival, &report);
    load_free(l);
}

/* Jobs, COPY, statement, transaction: true when they are all over. What is not is on its way, and leads to load_unwind. */
static bool attempt_is_over(struct load *l)
{
    if (l->heading || !load_narrow_is_over(l)) return false;
    bool quiet = load_parallel_is_over(l);
    if (l->sender.running) {
        if (!l->sender.aborting) sender_abort(&l->sender);
        return false;
    }
    if (l->flowing) {
        pipeline_stop(l->pipeline);
        return false;
    }
    if (l->asking || !quiet) return false;
    if (l->waiting) {
        db_pool_cancel(l->env->pool, &l->wait);
        l->waiting = false;
    }
    if (!l->conn || !db_conn_in_transaction(l->conn)) return load_parallel_is_settled(l);
    int r = db_query(l->conn, &(struct db_query){.sql = "ROLLBACK", .done = on_rolled_back, .ctx = l});
    l->asking = r == 0;
    return !l->asking;
}

void load_forget_attempt(struct load *l)
{
    l->restarting = l->spoiled = l->merging = false;
    pipeline_free(l->pipeline);
    l->pipeline = NULL;
    reject_list_done(&l->rejects);
    reject_list_init(&l->rejects, REJECTS_MAX);
    l->arrival->counts = (struct arrival_counts){0};
    l->arrival->has_sum &= l->way == WAY_NARROW || l->way == WAY_REFER;
    l->arrival->xid[0] = '\0';
    l->arrival->state = ARRIVAL_LOADING;
    l->deleted = 0;
}

/* Once more from the file's first byte. */
static void begin_anew(struct load *l)
{
    load_forget_attempt(l);
    load_narrow_prepare(l);
    load_enter(l, STATE_CONNECTING);
    bool searching = l->way == WAY_NARROW || l->way == WAY_COUNT;
    int r = searching ? load_narrow_flow(l) : load_flow_into_table(l);
    if (r < 0) return load_retry(l, r, NULL);
    if (l->decided || l->way == WAY_COUNT) return;
    if (!l->conn) return load_want_connection(l);
    load_connected(l);
}

void load_restart(struct load *l, enum load_way way)
{
    assert(l->plan && !l->decided);
    l->way = way;
    l->restarting = true;
    load_unwind(l);
}

/* Bring one thing after the other to its end; every callback leads here again. */
void load_unwind(struct load *l)
{
    if (!attempt_is_over(l)) return;
    if (l->restarting && l->widening) return load_widen(l);
    if (l->restarting) return begin_anew(l);
    if (load_is_doubtful(l)) {
        load_enter(l, STATE_COMPARING);
        if (!l->conn) return load_want_connection(l);
        return load_compare(l);
    }
    if (l->conn) {
        db_pool_give(l->env->pool, l->conn);
        l->conn = NULL;
    }
    bool unrecorded = (l->outcome == LOAD_FAILED || l->outcome == LOAD_DUPLICATE) && !l->recorded;
    if (unrecorded && l->env->closed) l->outcome = LOAD_RETRY;
    if (unrecorded && !l->env->closed) {
        load_enter(l, STATE_REPORTING);
        return load_want_connection(l);
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
    l->phases = phases_begin(PHASE_OPEN);
    l->arrival = config->arrival;
    l->settings = config_ref(config->env->config);
    l->declared = arrival_declared(l->settings, &l->arrival->file);
    reject_list_init(&l->rejects, REJECTS_MAX);
    load_narrow_init(l);
    l->arrival->state = ARRIVAL_LOADING;
    l->arrival->started_us = clock_real_us();
    l->arrival->counts = (struct arrival_counts){0};
    l->arrival->has_sum = false;
    if (!l->arrival->check_ledger) l->arrival->xid[0] = '\0'; /* of a transaction that was rolled back */
    *ret_load = l;
    if (l->arrival->check_ledger) {
        l->state = STATE_CHECKING;
        load_want_connection(l);
    } else {
        load_open(l);
    }
    return 0;
}

void load_stop(struct load *l)
{
    if (l->state == STATE_COMMITTING || l->state == STATE_FINISHING || (l->state == STATE_REPORTING && !l->waiting))
        return; /* as good as done */
    if (l->state == STATE_REPORTING || l->state == STATE_COMPARING) {
        l->outcome = LOAD_RETRY; /* no connection to report it by */
        return load_unwind(l);
    }
    load_retry(l, ERROR_CANCELLED, NULL);
}

struct load_progress load_progress(const struct load *l)
{
    const struct pipeline_result *so_far = l->pipeline ? pipeline_result(l->pipeline) : NULL;
    return so_far ? (struct load_progress){so_far->rows_read, so_far->bytes} : (struct load_progress){l->arrival->counts.read, 0};
}
