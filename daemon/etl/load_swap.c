/* SPDX-License-Identifier: MIT */
/*
 * WAY_SWAP: `replace` by exchange of the partition (swap.h). Where that does not go, for a reason that is not the rows', the load
 * begins anew with DELETE + COPY.
 *
 *   which partition? ─▶ rows it has ─▶ BEGIN, fresh table ─▶ COPY … ledger ─▶ detach, drop ⟲ ─▶ attach ─▶ COMMIT
 */
#include "base/log.h"
#include "etl/load_private.h"
#include "etl/sql.h"
#include "etl/swap.h"
#include "etl/verdict.h"

#include <stdlib.h>
#include <string.h>

enum { SQL_MAX = 4 * 1024 * 1024, TRIES_MAX = 200 };

#define LOCK_NOT_AVAILABLE "55P03"

void load_swap_done(struct load *l)
{
    free(l->swap.partition);
    free(l->swap.fresh);
    l->swap = (struct load_swap){0};
}

bool load_may_swap(const struct load *l)
{
    if (!load_replaces(l) || !l->plan->dataset->table.partitioned) return false;
    if (!l->plan->dataset->merged) return false; /* what the server computes with must be in the table */
    if ((int64_t)l->arrival->file.st.st_size < l->declared->replace_swap_min) return false;
    /* What advances a sequence reads the table, and that has the old rows yet. */
    return plan_next_sequence(l->plan, 0) == l->plan->rule.columns;
}

static struct swap swap_of(const struct load *l)
{
    return (struct swap){.table = &l->plan->dataset->table, .partition = l->swap.partition, .fresh = l->swap.fresh};
}

static void ask(struct load *l, struct buf *sql, void (*done)(void *ctx, const struct db_result *r))
{
    const char *text = buf_cstr(sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = done, .ctx = l}) : -ENOMEM);
    buf_done(sql);
}

/* True when it goes another way, because the server does not want this one. */
static bool turned_back(struct load *l, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED || load_is_unwinding(l) || db_refusal_of(r->error->sqlstate) == DB_RETRY) return false;
    log_warning("%s.%s is replaced by DELETE and COPY, because its partition cannot be exchanged: %s",
                l->plan->dataset->table.schema, l->plan->dataset->table.name, r->error->text);
    l->asking = false;
    load_restart(l, WAY_COPY);
    return true;
}

/* ---- in ---- */

static void on_made(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (turned_back(l, r) || !load_answered(l, r)) return;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    plan_copy_sql(&sql, l->plan, l->swap.fresh);
    load_copy_by(l, buf_cstr(&sql));
    buf_done(&sql);
}

static void on_rows(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->deleted = PQntuples(r->rows) > 0 ? db_get_int8(r->rows, 0, 0, 0) : 0;
    struct swap s = swap_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    swap_begin_sql(&sql, &s);
    ask(l, &sql, on_made);
}

static void on_partition(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    if (PQntuples(r->rows) == 0) {
        l->way = WAY_COPY;
        return load_copy(l);
    }
    struct buf name;
    buf_init(&name, ERROR_TEXT_MAX);
    swap_name(&name, &l->plan->dataset->table, l->arrival->file.token);
    size_t len;
    l->swap.fresh = buf_steal(&name, &len);
    l->swap.partition = strdup(db_get(r->rows, 0, 0));
    if (!l->swap.fresh || !l->swap.partition) return load_retry(l, -ENOMEM, NULL);
    struct db_param p = db_int8(l->plan->dataset->id);
    load_asked(l,
               db_query(l->conn, &(struct db_query){.sql = SQL_LEDGER_ROWS, .param = &p, .params = 1, .done = on_rows, .ctx = l}));
}

void load_swap(struct load *l)
{
    load_swap_done(l);
    struct db_param p = db_int8(l->plan->dataset->table.oid);
    load_asked(l, db_query(l->conn, &(struct db_query){
                                        .sql = SQL_SWAP_PARTITION, .param = &p, .params = 1, .done = on_partition, .ctx = l}));
}

/* ---- the exchange ---- */

static void detach(struct load *l, bool again);

/* Readers were in the way: behind the savepoint, and once more, until it is time to leave the table to its other writers. */
static bool waits_for_lock(struct load *l, const struct db_result *r)
{
    if (r->status != ERROR_REFUSED || load_is_unwinding(l) || l->swap.tries++ >= TRIES_MAX) return false;
    return strcmp(r->error->sqlstate, LOCK_NOT_AVAILABLE) == 0;
}

static void on_attached(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (waits_for_lock(l, r)) return detach(l, true);
    if (verdict_blames_rows(r) && !load_is_unwinding(l)) { /* foreign keys are looked at only here */
        struct error why;
        l->asking = false;
        load_describe(r, &why);
        return load_narrow(l, &why);
    }
    if (turned_back(l, r) || !load_answered(l, r)) return;
    load_commit(l);
}

static void on_detached(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (waits_for_lock(l, r)) return detach(l, true);
    if (turned_back(l, r) || !load_answered(l, r)) return;
    struct swap s = swap_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    swap_attach_sql(&sql, &s);
    ask(l, &sql, on_attached);
}

static void detach(struct load *l, bool again)
{
    struct swap s = swap_of(l);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    swap_detach_sql(&sql, &s, again);
    ask(l, &sql, on_detached);
}

void load_swap_in(struct load *l)
{
    detach(l, false);
}
