/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "db/copyin.h"
#include "etl/load_private.h"
#include "etl/sql.h"
#include "etl/verdict.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROUNDS_MAX = 3,
    VERDICTS_BYTES = 8 * 1024 * 1024, /* of those that are kept in the server's words */
    JUDGED_BYTES = 8 * 1024 * 1024,   /* of the lines of the others */
    POSTPONED_SHARE = 16,             /* of memory_max, for the rows that are put off */
    POSTPONED_ROUNDS = 16,
    TOGETHER_BYTES = 16 * 1024, /* a window of at most so many goes in one piece */
    FRAME_MAX = TOGETHER_BYTES + 64,
    SQL_MAX = 2 * 1024 * 1024,
};
enum { STEP_HEADER, STEP_ROWS, STEP_TRAILER, STEP_END };

#define ABORT_REASON "the search is over"

static void try_window(struct load *l);
static void look_again(struct load *l);

/* ---- memory ---- */

/* What waits counts against memory_max. */
static void account(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    size_t held = postponed_bytes(&n->now) + postponed_bytes(&n->later) + n->judged.cap + n->found_lines.cap;
    if (held > n->held) memory_take(l->env->memory, held - n->held, true);
    if (held < n->held) memory_give(l->env->memory, n->held - held);
    n->held = held;
}

void load_narrow_init(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    reject_list_init(&n->verdicts, (size_t)ROUNDS_MAX * VERDICTS_BYTES);
    buf_init(&n->judged, (size_t)ROUNDS_MAX * JUDGED_BYTES);
    buf_init(&n->found_lines, JUDGED_BYTES);
    reject_list_init(&n->found, VERDICTS_BYTES);
    size_t postponed = l->env->memory->max / POSTPONED_SHARE;
    postponed_init(&n->now, postponed, VERDICTS_BYTES);
    postponed_init(&n->later, postponed, VERDICTS_BYTES);
    buf_init(&n->frame, FRAME_MAX);
}

void load_narrow_done(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    reject_list_done(&n->verdicts);
    buf_done(&n->judged);
    buf_done(&n->found_lines);
    reject_list_done(&n->found);
    postponed_done(&n->now);
    postponed_done(&n->later);
    account(l);
    buf_done(&n->frame);
}

void load_narrow_forget(struct load *l)
{
    load_narrow_done(l);
    l->narrow = (struct load_narrow){0};
    load_narrow_init(l);
}

/* ---- the way in ---- */

void load_narrow(struct load *l, const struct error *why)
{
    struct load_narrow *n = &l->narrow;
    n->why = *why;
    /* Each row was accepted by itself: it is not the rows. */
    if (n->fruitless) return load_conclude(l, LOAD_FAILED, &n->why);
    if (n->rounds == ROUNDS_MAX) return load_conclude(l, LOAD_RETRY, &n->why);
    bool refer = load_may_refer(l, why);
    n->rounds += !refer;
    n->referred |= refer;
    l->narrowed = l->way;
    load_restart(l, refer ? WAY_REFER : WAY_NARROW);
}

static int by_line(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void load_narrow_prepare(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    if (reject_list_move(&n->verdicts, &n->found) < 0) log_warning("verdicts were dropped for want of memory");
    reject_list_sort(&n->verdicts);
    l->plan->convert.verdicts = n->verdicts.n > 0 ? &n->verdicts : NULL;
    buf_put(&n->judged, buf_slice(&n->found_lines));
    buf_reset(&n->found_lines);
    if (n->judged.len > 0) qsort(n->judged.data, n->judged.len / sizeof(uint64_t), sizeof(uint64_t), by_line);
    l->plan->convert.judged = (const uint64_t *)(const void *)n->judged.data;
    l->plan->convert.judged_rows = n->judged.len / sizeof(uint64_t);
    l->plan->convert.index = l->way == WAY_NARROW;
    n->ready = n->saved = n->refused = n->running = n->open = n->ended = n->aborting = false;
    n->piece = NULL;
    n->looks = 0;
    postponed_done(&n->now);
    postponed_done(&n->later);
    account(l);
    narrow_init(&n->search);
}

/* ---- the end of the search ---- */

static bool over_budget(struct load *l, bool at_end)
{
    const struct load_narrow *n = &l->narrow;
    const struct pipeline_result *r = pipeline_result(l->pipeline);
    const struct config_budget *b = load_budget(l);
    if (buf_check(&n->found_lines) < 0) return true; /* more than are remembered */
    if (!at_end && b->is_percent) return false;
    return !config_budget_allows(b, r->rejects.count + n->found.count, r->rows_read);
}

/* The load begins anew, in the light of what was found; the piece at hand is let go once that is under way. */
static void over(struct load *l, enum load_way way)
{
    struct load_narrow *n = &l->narrow;
    struct pipeline *p = l->pipeline;
    struct piece *piece = n->piece;
    n->piece = NULL;
    n->fruitless = n->found.count == 0;
    load_restart(l, way);
    if (piece) pipeline_release(p, piece);
}

static void stop_early(struct load *l)
{
    l->narrow.partial = true;
    over(l, WAY_COUNT);
}

/* Everything was sent that there is. */
static void search_over(struct load *l)
{
    over(l, over_budget(l, true) ? WAY_COUNT : l->narrowed);
}

/* ---- a window's COPY ---- */

static struct postponed_window window(const struct load_narrow *n)
{
    return (struct postponed_window){n->copy, n->row, n->from, n->to};
}

static struct slice window_bytes(const struct load_narrow *n)
{
    struct postponed_window w = window(n);
    return postponed_window_bytes(&w);
}

static void put_step(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    buf_reset(&n->frame);
    switch (n->step++) {
    case STEP_HEADER:
        convert_header(&l->plan->convert, &n->frame);
        db_copyin_put(l->conn, buf_slice(&n->frame));
        break;
    case STEP_ROWS: db_copyin_put(l->conn, window_bytes(n)); break;
    case STEP_TRAILER:
        convert_trailer(&l->plan->convert, &n->frame);
        db_copyin_put(l->conn, buf_slice(&n->frame));
        break;
    default:
        n->ended = true;
        db_copyin_end(l->conn, NULL);
        break;
    }
}

/* A small window: each piece costs a call, and the server is woken up for it. */
static void put_together(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    buf_reset(&n->frame);
    convert_header(&l->plan->convert, &n->frame);
    buf_put(&n->frame, window_bytes(n));
    convert_trailer(&l->plan->convert, &n->frame);
    n->ended = true;
    db_copyin_put(l->conn, buf_slice(&n->frame));
    db_copyin_end(l->conn, NULL);
}

static void on_ready(void *ctx)
{
    struct load *l = ctx;
    struct load_narrow *n = &l->narrow;
    n->open = true;
    if (!n->aborting) return window_bytes(n).len <= TOGETHER_BYTES ? put_together(l) : put_step(l);
    n->ended = true;
    db_copyin_end(l->conn, ABORT_REASON);
}

static void on_drained(void *ctx)
{
    put_step(ctx);
}

bool load_narrow_is_over(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    if (!n->running) return true;
    if (n->aborting) return false;
    n->aborting = true;
    if (!n->open || n->ended) return false;
    n->ended = true;
    db_copyin_end(l->conn, ABORT_REASON);
    return false;
}

/* It may have to wait for a row behind it. */
static bool may_wait(const struct load_narrow *n, const struct db_result *r)
{
    return n->refers_to_itself && strcmp(r->error->sqlstate, "23503") == 0;
}

/* The window's rows wait; false when there is no room. */
static bool postpone(struct load_narrow *n)
{
    struct postponed_window w = window(n);
    return postponed_add(&n->later, &w);
}

/* The row was refused all by itself. 0 or -ENOMEM. */
static int judge(struct load *l, const struct db_result *r)
{
    struct load_narrow *n = &l->narrow;
    uint64_t line = n->row[n->from].line;
    if (may_wait(n, r) && postpone(n)) return verdict_add(&n->later.why, r, &l->plan->rule, line);
    size_t kept = n->found.n;
    int e = verdict_add(&n->found, r, &l->plan->rule, line);
    if (e == 0 && n->found.n == kept) buf_append(&n->found_lines, &line, sizeof line);
    return e;
}

/* The attempt ends here, for another reason than the rows. */
static void give_up(struct load *l, const struct db_result *r)
{
    struct pipeline *p = l->pipeline;
    struct piece *piece = l->narrow.piece;
    l->narrow.piece = NULL;
    bool none = load_answered(l, r);
    assert(!none);
    (void)none;
    if (piece) pipeline_release(p, piece);
}

/* What became of the window. */
static void tried(struct load *l, const struct db_result *r)
{
    struct load_narrow *n = &l->narrow;
    n->refused = verdict_blames_rows(r);
    if (load_is_unwinding(l) || (r->status != 0 && !n->refused)) return give_up(l, r);
    int e = 0;
    if (!n->refused || (n->piece && may_wait(n, r) && postpone(n))) {
        narrow_accepted(&n->search); /* or put off as it is */
    } else if (narrow_refused(&n->search,
                              verdict_hint(r, load_is_staged(l) ? load_stage_first(l) : l->plan->dataset->table.name))) {
        e = judge(l, r);
        if (e == 0 && over_budget(l, false)) return stop_early(l);
    }
    account(l);
    if (e < 0) return give_up(l, &(struct db_result){.status = e, .error = NULL, .detail = ""});
    try_window(l);
}

static void on_merged(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->asking = false;
    tried(l, r);
}

static void on_copied(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    l->narrow.running = false;
    if (!load_is_staged(l) || r->status != 0 || load_is_unwinding(l)) return tried(l, r);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    load_stage_merge_sql(l, &sql);
    const char *text = buf_cstr(&sql);
    int e = text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_merged, .ctx = l}) : -ENOMEM;
    l->asking = e == 0;
    if (e < 0) give_up(l, &(struct db_result){.status = e, .error = NULL, .detail = ""});
    buf_done(&sql);
}

/* Rows [from, to) behind the savepoint; the statements that come before it travel with it. */
static int begin_window(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    if (n->refused) {
        buf_puts(&sql, "ROLLBACK TO SAVEPOINT cetl_window; ");
    } else {
        buf_puts(&sql, n->saved ? "RELEASE SAVEPOINT cetl_window; SAVEPOINT cetl_window; " : "SAVEPOINT cetl_window; ");
    }
    if (load_is_staged(l)) {
        load_stage_fill_sql(l, &sql);
    } else {
        buf_puts(&sql, l->plan->copy_sql);
    }
    n->saved = true;
    n->open = n->ended = n->aborting = false;
    n->step = STEP_HEADER;
    struct db_copyin_handler h = {.ready = on_ready, .drained = on_drained, .done = on_copied, .ctx = l};
    const char *text = buf_cstr(&sql);
    int r = text ? db_copyin_begin(l->conn, text, &h) : -ENOMEM;
    n->running = r == 0;
    buf_done(&sql);
    return r;
}

/* The piece, or what was put off, is through. */
static void next_piece(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    struct piece *piece = n->piece;
    n->piece = NULL;
    n->ready = true;
    if (!piece) return look_again(l);
    pipeline_release(l->pipeline, piece);
}

static void try_window(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    if (!narrow_window(&n->search, &n->from, &n->to)) return next_piece(l);
    n->ready = false;
    int r = begin_window(l);
    if (r < 0) give_up(l, &(struct db_result){.status = r, .error = NULL, .detail = ""});
}

/* ---- pieces ---- */

static void pump(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    if (!n->ready || n->piece || load_is_unwinding(l)) return;
    struct piece *piece = pipeline_take(l->pipeline);
    if (!piece) return; /* and perhaps the load is gone */
    n->piece = piece;
    n->copy = piece->copy;
    n->row = piece->row;
    narrow_begin(&n->search, piece->rows);
    try_window(l);
}

/* All pieces are through: once more for those that were put off, as long as that brings something. */
static void look_again(struct load *l)
{
    struct load_narrow *n = &l->narrow;
    size_t waiting = postponed_rows(&n->later);
    if (waiting == 0) return search_over(l);
    if (waiting == postponed_rows(&n->now) || n->looks++ == POSTPONED_ROUNDS) {
        const struct convert_row *row = postponed_row(&n->later);
        for (size_t i = 0; i < waiting; i++)
            buf_append(&n->found_lines, &row[i].line, sizeof row[i].line);
        int r = reject_list_move(&n->found, &n->later.why);
        return r < 0 ? load_retry(l, r, NULL) : search_over(l);
    }
    int r = postponed_turn(&n->now, &n->later);
    account(l);
    if (r < 0) return load_retry(l, r, NULL);
    n->copy = buf_slice(&n->now.copy);
    n->row = postponed_row(&n->now);
    narrow_init(&n->search);
    narrow_begin(&n->search, waiting);
    try_window(l);
}

static void on_flow_ready(void *ctx)
{
    pump(ctx);
}

static void on_flow_ended(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    l->flowing = false;
    l->flow_rc = rc;
    l->flow_err = *err;
    if (load_is_unwinding(l)) return load_unwind(l);
    if (rc != 0) return load_fail_flow(l);
    if (l->narrow.ready) look_again(l);
}

/* WAY_COUNT: the rejects are there. */
static void on_counted(void *ctx, int rc, const struct error *err)
{
    struct load *l = ctx;
    load_take_flow(l, rc, err);
    if (load_is_unwinding(l)) return load_unwind(l);
    if (rc != 0) return load_fail_flow(l);
    load_widen_or_fail(l);
}

int load_narrow_flow(struct load *l)
{
    l->plan->convert.lineage = l->plan->dataset->table.lineage || load_wants_lines(l);
    if (l->way == WAY_NARROW) return load_flow_start(l, on_flow_ready, on_flow_ended);
    int r = load_flow_start(l, NULL, on_counted);
    if (r == 0 && l->flowing) pipeline_discard(l->pipeline);
    return r;
}

/* ---- the transaction ---- */

static void on_begun(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->narrow.ready = true;
    if (l->flowing) return pump(l);
    look_again(l);
}

static void on_constraints(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    l->narrow.refers_to_itself = PQgetvalue(r->rows, 0, 0)[0] == 't';
    const char *deferrable = db_get(r->rows, 0, 1);
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "BEGIN");
    if (load_is_staged(l)) {
        buf_puts(&sql, "; ");
        load_stage_make_sql(l, &sql);
    }
    if (load_replaces(l)) {
        buf_puts(&sql, "; ");
        load_delete_sql(l, &sql);
    }
    if (deferrable) buf_printf(&sql, "; SET CONSTRAINTS %s IMMEDIATE", deferrable);
    const char *text = buf_cstr(&sql);
    load_asked(l, text ? db_query(l->conn, &(struct db_query){.sql = text, .done = on_begun, .ctx = l}) : -ENOMEM);
    buf_done(&sql);
}

static void search(struct load *l)
{
    if (l->way == WAY_REFER) return load_refer(l);
    struct db_param p = db_int8(l->plan->dataset->table.oid);
    load_asked(l, db_query(l->conn, &(struct db_query){
                                        .sql = SQL_TABLE_CONSTRAINTS, .param = &p, .params = 1, .done = on_constraints, .ctx = l}));
}

static void on_duplicate(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    if (PQntuples(r->rows) == 0) return search(l);
    l->duplicate_of = db_get_int8(r->rows, 0, 0, 0);
    load_conclude(l, LOAD_DUPLICATE, NULL);
}

/* First: are the keys there because these very bytes were loaded? */
void load_narrow_search(struct load *l)
{
    load_enter(l, STATE_NARROWING);
    if (!load_skips_duplicates(l)) return search(l);
    struct ledger_content c = {l->plan->dataset->id, l->arrival->sum};
    load_asked(l, ledger_find_duplicate(l->conn, &c, load_is_revertible(l), on_duplicate, l));
}
