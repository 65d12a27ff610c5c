/* SPDX-License-Identifier: MIT */
/*
 * One huge file over several connections: the load's own, which leads, and its followers (parallel.h).
 *
 *   GATHERING   may this table be loaded so? which connections are free? the ledger row `loading`, committed
 *   COPYING     every connection takes the next piece of the file that is ready; followers end with PREPARE TRANSACTION
 *   RECORDING   as for any load, on the leader's connection (load_copy.c); the row becomes `committing`
 *   COMMITTING  the leader's COMMIT: the decision
 *   FINISHING   COMMIT PREPARED of each follower, then `loaded` and the mark of a change (prepared.h)
 *
 * What goes wrong before the decision takes everything back (prepared.h again). Where the server refused something that one
 * connection may be able to do, or can say more exactly, the file is sent once more over one.
 */
#include "base/clock.h"
#include "base/log.h"
#include "etl/load_private.h"
#include "etl/parallel.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>

#define UNIQUE_VIOLATION "23505"
enum {
    SQL_TEXT_MAX = 4096,
    SQL_MAX = 4 * 1024 * 1024,
    CONNECTION_WAIT_MS = 10000,
    SHOWN_MAX = 4 * NAME_MAX + 1,
};

struct shares {
    struct followers followers;
    bool in_ledger; /* the row `loading` is there, or may be */
    bool copied;    /* the leader's share is in its transaction */
    int64_t rows;   /* of the leader */
    unsigned seats; /* that the followers take */
    int64_t *most;  /* of each of the plan's sequences, in their order: the highest id of the followers */
    char *most_sql; /* malloc'd, or NULL: there are none */
    size_t sequences;
};

bool load_wants_parallel(const struct load *l)
{
    const struct config_dataset *d = l->declared;
    if (!l->plan->dataset->merged) return false;       /* what the others have prepared, the server does not compute with yet */
    if (l->plan->dataset->table.lineage) return false; /* the row that `parallel` begins with gives its own id */
    return d && d->parallel > 1 && l->head.st.st_size >= d->parallel_min;
}

/* ---- one connection after all ---- */

static void say_alone(const struct load *l, const char *why)
{
    char name[SHOWN_MAX];
    log_info("%s is loaded over one connection, not %lld: %s", log_escape(slice_of(l->arrival->file.name), name, sizeof name),
             (long long)l->declared->parallel, why);
}

/* Nothing was sent yet. */
static void alone(struct load *l, const char *why)
{
    say_alone(l, why);
    load_parallel_free(l);
    l->way = WAY_COPY;
    load_enter(l, STATE_CONNECTING);
    load_copy(l);
}

/* A share came to nothing. What the server refused is tried over one connection: it may go there, or is told by line. */
static void share_failed(struct load *l, int status, const struct error *why)
{
    if (status != ERROR_REFUSED) return load_retry(l, status, why);
    say_alone(l, why->text);
    bool clash = load_is_keyed(l) && strcmp(why->sqlstate, UNIQUE_VIOLATION) == 0;
    load_restart(l, clash ? WAY_STAGE : WAY_COPY);
}

/* ---- COPYING ---- */

/* What RECORDING waits for is waited for as by any load. */
static void on_patient(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (load_answered(l, r)) load_record(l);
}

/* All shares are there? Promise 2: each row is accounted for. */
static void maybe_record(struct load *l)
{
    struct shares *s = l->shares;
    if (!s->copied || l->asking || !followers_prepared(&s->followers)) return;
    struct arrival_counts *n = &l->arrival->counts;
    n->loaded = (uint64_t)(s->rows + followers_rows(&s->followers));
    if (n->loaded != arrival_kept(n)) return load_miscounted(l, n->loaded);
    load_asked(l, db_query(l->conn, &(struct db_query){
                                        .sql = "SET LOCAL lock_timeout = '" SQL_LOCK_TIMEOUT "'", .done = on_patient, .ctx = l}));
}

static void on_copied(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->asking = false;
    if (load_is_unwinding(l)) return load_unwind(l);
    if (r->status != 0) return share_failed(l, r->status, r->error);
    l->shares->copied = true;
    l->shares->rows = db_affected(r->rows);
    maybe_record(l);
}

static void on_locked(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    struct followers *f = &l->shares->followers;
    struct followers_copy copy = {.sender = load_sender(l, NULL),
                                  .sql = l->plan->copy_sql,
                                  .instance = l->env->instance->id,
                                  .file = l->arrival->ledger_id,
                                  .most_sql = l->shares->most_sql,
                                  .most = l->shares->most,
                                  .most_columns = l->shares->sequences};
    int e = followers_begin(f, &copy);
    if (e < 0) return load_retry(l, e, NULL);
    if (!l->flowing) followers_finish(f);
    load_send(l, l->plan->copy_sql, on_copied);
}

/* The leader's lock on the table comes before the followers': what changes the table waits for all of them, or they for it. */
static void begin(struct load *l)
{
    load_enter(l, STATE_COPYING);
    struct buf sql;
    buf_init(&sql, SQL_TEXT_MAX);
    buf_printf(&sql, SQL_LOAD_SHARE "; BEGIN; LOCK TABLE ", (long long)l->arrival->ledger_id);
    table_quote(&sql, l->plan->dataset->table.schema, l->plan->dataset->table.name);
    buf_printf(&sql, " IN ROW EXCLUSIVE MODE; SET LOCAL lock_timeout = %d", FOLLOWERS_LOCK_TIMEOUT_MS);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_locked, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

void load_parallel_pump(struct load *l)
{
    followers_pump(&l->shares->followers);
}

void load_parallel_flow_ended(struct load *l)
{
    followers_finish(&l->shares->followers);
}

/* ---- GATHERING ---- */

static void on_begun(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status == ERROR_REFUSED) l->shares->in_ledger = false;
    if (!load_answered(l, r)) return;
    l->arrival->ledger_id = db_get_int8(r->rows, 0, 0, 0);
    begin(l);
}

static void enter_ledger(struct load *l)
{
    struct shares *s = l->shares;
    s->in_ledger = l->arrival->check_ledger = true;
    struct ledger_row row = {.arrival = l->arrival, .dataset = l->plan->dataset->id};
    struct ledger_shares shares = {.connections = (int)followers_held(&s->followers) + 1, .instance = l->env->instance->id};
    load_asked(l, ledger_begin(l->conn, &row, &shares, on_begun, l));
}

static void on_followers(void *ctx)
{
    struct load *l = ctx;
    struct shares *s = l->shares;
    if (load_is_unwinding(l)) return load_unwind(l);
    if (s->followers.failed) return share_failed(l, s->followers.status, &s->followers.why);
    if (l->state == STATE_COPYING) return maybe_record(l);
    if (l->state != STATE_GATHERING || l->asking || followers_waiting(&s->followers)) return;
    if (followers_held(&s->followers) == 0) return alone(l, "no other connection came");
    enter_ledger(l);
}

/* As many as it wants, as are left of load_connections, and as the server can prepare. */
static void gather(struct load *l, int64_t prepared_free)
{
    struct load_seats *seats = l->env->seats;
    unsigned most = (unsigned)l->settings->database.load_connections, taken = seats->large + seats->followers;
    unsigned spare = taken < most ? most - taken : 0, wanted = (unsigned)l->declared->parallel - 1;
    if (spare == 0)
        return alone(l, "the others of load_connections are in use, or there are none; that should be at least `parallel`");
    if (wanted > spare) wanted = spare;
    if (prepared_free < (int64_t)wanted) wanted = (unsigned)prepared_free;
    struct followers_config c = {.pool = l->env->pool, .wait_ms = CONNECTION_WAIT_MS, .changed = on_followers, .ctx = l};
    followers_init(&l->shares->followers, &c);
    int r = followers_gather(&l->shares->followers, wanted);
    if (r < 0) return load_retry(l, r, NULL);
    l->shares->seats = wanted;
    seats->followers += wanted;
}

static void on_conditions(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    char words[ERROR_TEXT_MAX];
    if (!load_answered(l, r)) return;
    if (PQntuples(r->rows) == 0) return load_stale(l, "its table is gone");
    int64_t most = db_get_int8(r->rows, 0, 0, 0), taken = db_get_int8(r->rows, 0, 1, 0);
    const char *table = db_get(r->rows, 0, 2);
    instance_judge(l->env->instance, most);
    if (l->env->instance->missing.text[0]) {
        snprintf(words, sizeof words, "%s", l->env->instance->missing.text);
    } else if (load_replaces(l)) {
        snprintf(words, sizeof words, "its mode is replace");
    } else if (table) {
        snprintf(words, sizeof words, "its table takes one: %s", table);
    } else if (most <= taken) {
        snprintf(words, sizeof words, "all of the server's %lld prepared transactions are taken (max_prepared_transactions)",
                 (long long)most);
    } else {
        return gather(l, most - taken);
    }
    alone(l, words);
}

/* Rows that bring their own ids move sequences; the leader, which does that, does not see what is prepared. 0 or -ENOMEM. */
static int find_sequences(struct load *l)
{
    struct shares *s = l->shares;
    const struct plan *p = l->plan;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    for (size_t i = 0; (i = plan_next_sequence(p, i)) < p->rule.columns; i++) {
        buf_puts(&sql, s->sequences++ ? ", max(" : "SELECT max(");
        db_quote_identifier(&sql, slice_of(p->rule.column[i].name));
        buf_puts(&sql, ")::int8");
    }
    if (s->sequences == 0) return 0;
    buf_puts(&sql, " FROM ");
    table_quote(&sql, p->dataset->table.schema, p->dataset->table.name);
    size_t len;
    s->most_sql = buf_steal(&sql, &len);
    s->most = calloc(s->sequences, sizeof *s->most);
    for (size_t i = 0; s->most && i < s->sequences; i++)
        s->most[i] = LEDGER_SEQUENCE_SEEN;
    return s->most && s->most_sql ? 0 : -ENOMEM;
}

int64_t load_parallel_most(const struct load *l, size_t column)
{
    size_t n = 0;
    for (size_t i = 0; (i = plan_next_sequence(l->plan, i)) < column; i++)
        n++;
    return l->shares->most[n];
}

void load_parallel(struct load *l)
{
    load_enter(l, STATE_GATHERING);
    l->shares = calloc(1, sizeof *l->shares);
    if (!l->shares || find_sequences(l) < 0) return load_retry(l, -ENOMEM, NULL);
    struct buf name;
    buf_init(&name, SQL_TEXT_MAX);
    struct db_param p = db_text(table_quote(&name, l->plan->dataset->table.schema, l->plan->dataset->table.name));
    struct db_query q = {.sql = SQL_PARALLEL_CONDITIONS, .param = &p, .params = 1, .done = on_conditions, .ctx = l};
    load_asked(l, buf_check(&name) == 0 ? db_query(l->conn, &q) : -ENOMEM);
    buf_done(&name);
}

/* ---- FINISHING: it is decided ---- */

static void on_finished(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    l->asking = false;
    if (l->decided) return load_unwind(l);
    if (status != 0) return load_retry(l, status, err); /* CHECKING goes on from there */
    if (l->prepared.fate != PREPARED_LOADED) return load_retry(l, -EPROTO, NULL);
    l->shares->in_ledger = false; /* nothing of it is open any more */
    l->arrival->check_ledger = false;
    load_conclude(l, LOAD_LOADED, NULL);
}

void load_parallel_finish(struct load *l)
{
    load_enter(l, STATE_FINISHING);
    l->prepared = (struct prepared){.conn = l->conn, .file = l->arrival->ledger_id, .done = on_finished, .ctx = l};
    l->asking = true;
    prepared_settle(&l->prepared);
}

/* ---- taking it back ---- */

static void on_taken_back(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    struct shares *s = l->shares;
    l->asking = s->in_ledger = false; /* or the next try finds out */
    if (status == 0 && l->prepared.fate == PREPARED_GONE) {
        l->arrival->check_ledger = false;
        l->arrival->xid[0] = '\0';
        l->arrival->ledger_id = 0;
        return load_unwind(l);
    }
    if (status == 0) error_set(&l->why, 0, "its load was decided meanwhile");
    if (!l->decided) return load_retry(l, status ? status : -EAGAIN, err);
    l->outcome = LOAD_RETRY; /* and CHECKING tells what it is */
    if (status != 0) l->why = *err;
    load_unwind(l);
}

bool load_parallel_is_over(struct load *l)
{
    struct shares *s = l->shares;
    return !s || !s->followers.n || followers_quiet(&s->followers);
}

bool load_parallel_is_settled(struct load *l)
{
    struct shares *s = l->shares;
    if (s && s->in_ledger && l->arrival->ledger_id && l->conn && !l->env->closed) {
        l->prepared = (struct prepared){.conn = l->conn, .file = l->arrival->ledger_id, .done = on_taken_back, .ctx = l};
        l->asking = true;
        prepared_settle(&l->prepared);
        return false;
    }
    load_parallel_free(l);
    return true;
}

void load_parallel_free(struct load *l)
{
    struct shares *s = l->shares;
    if (!s) return;
    followers_done(&s->followers);
    l->env->seats->followers -= s->seats;
    if (s->seats > 0) l->env->room(l->env->room_ctx);
    free(s->most);
    free(s->most_sql);
    free(s);
    l->shares = NULL;
}

/* ---- CHECKING: an earlier try left it open ---- */

static void on_settled(void *ctx, int status, const struct error *err)
{
    struct load *l = ctx;
    l->asking = false;
    if (l->decided) return load_unwind(l);
    if (status != 0) return load_retry(l, status, err);
    if (l->prepared.fate == PREPARED_OTHER) return load_retry(l, -EAGAIN, NULL);
    l->arrival->check_ledger = false;
    l->arrival->xid[0] = '\0';
    if (l->prepared.fate == PREPARED_GONE) {
        l->arrival->ledger_id = 0;
        return load_open(l);
    }
    l->recorded = true;
    load_conclude(l, LOAD_LOADED, NULL);
}

void load_settle_found(struct load *l)
{
    l->arrival->check_ledger = true;
    l->prepared = (struct prepared){.conn = l->conn, .file = l->arrival->ledger_id, .done = on_settled, .ctx = l};
    l->asking = true;
    prepared_settle(&l->prepared);
}
