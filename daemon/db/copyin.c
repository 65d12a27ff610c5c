/* SPDX-License-Identifier: MIT */
#include "db/copyin.h"

#include "db/op.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_BYTES = 64 * 1024,
    TURN_BYTES = 1024 * 1024, /* then others get their turn, however fast the server is */
    REASON_MAX = 200,
};

/*
 *   WAITING ──the server wants data──▶ OPEN ──end was sent──▶ ENDING
 */
enum state { WAITING, OPEN, ENDING };

struct copyin {
    struct db_op op;
    struct db_copyin_handler handler;
    enum state state;
    struct slice rest; /* of what was put */
    bool owes_drained; /* once `rest` is gone */
    bool ended;        /* db_copyin_end was called, and perhaps with a reason */
    char reason[REASON_MAX];
    char sql[];
};

static int start(struct db_op *op, struct db_conn *c)
{
    struct copyin *k = container_of(op, struct copyin, op);
    return PQsendQuery(db_conn_pg(c), k->sql) ? 0 : -1;
}

static int send_end(struct copyin *k, struct db_conn *c, const char *reason)
{
    k->state = ENDING;
    k->rest = (struct slice){NULL, 0};
    k->owes_drained = false;
    return PQputCopyEnd(db_conn_pg(c), reason) == 1 ? 0 : -1;
}

/*
 * Hand over what there is, a piece whenever libpq has nothing left of the last.
 *
 * libpq does not look at the server's words before the COPY has ended, and so a refusal of the first line would be heard after the
 * last. But a server that takes COPY data says nothing except notices, or an error: ending there lets libpq read it. Were it no
 * error after all, the COPY would fail with our reason as 57014, which is tried again. And were it read by libpq itself, inside a
 * send that would block (so pieces are small, and only for a socket with room), the refusal would be heard at the end.
 */
static int send_data(struct copyin *k, struct db_conn *c)
{
    PGconn *pg = db_conn_pg(c);
    for (size_t sent = 0;;) {
        /* What libpq holds goes with what comes next: a small COPY is one write to the socket. */
        if (k->rest.len == 0 && k->owes_drained && !k->ended) {
            k->owes_drained = false;
            k->handler.drained(k->handler.ctx);
            if (db_conn_gone(c)) return 0;
        }
        if (k->ended && (k->reason[0] || k->rest.len == 0)) return send_end(k, c, k->reason[0] ? k->reason : NULL);
        int room = db_conn_room(c);
        if (room < 0) return -1;
        if (db_conn_spoke(c)) return send_end(k, c, "the server interrupted the COPY");
        if (!room || k->rest.len == 0) return 0;
        if (sent >= TURN_BYTES) {
            db_conn_kick(c);
            return 0;
        }
        size_t n = k->rest.len < PIECE_BYTES ? k->rest.len : PIECE_BYTES;
        if (PQputCopyData(pg, k->rest.p, (int)n) != 1) return -1;
        k->rest.p += n;
        k->rest.len -= n;
        sent += n;
    }
}

/* Until the server wants data, and after the end. */
static int take_results(struct copyin *k, struct db_conn *c)
{
    while (!PQisBusy(db_conn_pg(c))) {
        PGresult *res = PQgetResult(db_conn_pg(c));
        if (!res) return DB_OP_DONE;
        ExecStatusType status = PQresultStatus(res);
        if (status == PGRES_COPY_IN) {
            PQclear(res);
            if (k->state == ENDING) return -1; /* a second COPY in one text: nobody has data for it */
            k->state = OPEN;
            (void)db_conn_spoke(c); /* that was the invitation */
            if (!k->ended) k->handler.ready(k->handler.ctx);
            return 0;
        }
        if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
            PQclear(res);
            return -1;
        }
        db_op_keep(&k->op, res);
    }
    return 0;
}

static int advance(struct db_op *op, struct db_conn *c)
{
    struct copyin *k = container_of(op, struct copyin, op);
    int r = 0;
    if (k->state == WAITING) r = take_results(k, c);
    if (r == 0 && !db_conn_gone(c) && k->state == OPEN) r = send_data(k, c);
    /* The answer may have been read already, together with what made us end. */
    if (r == 0 && !db_conn_gone(c) && k->state == ENDING) r = take_results(k, c);
    return r;
}

static void end(struct db_op *op, const struct db_result *why)
{
    struct copyin *k = container_of(op, struct copyin, op);
    struct db_result none = {
        .status = ERROR_PROTOCOL, .error = &(struct error){.text = "the statement was no COPY FROM STDIN"}, .detail = ""};
    if (!why && !k->op.refusal && k->state == WAITING) why = &none;
    db_op_report(op, why, k->handler.done, k->handler.ctx);
    free(k);
}

static const struct db_op_class copyin_class = {start, advance, end};

int db_copyin_begin(struct db_conn *c, const char *sql, const struct db_copyin_handler *h)
{
    size_t n = strlen(sql) + 1;
    struct copyin *k = calloc(1, sizeof *k + n);
    if (!k) return -ENOMEM;
    k->op.class = &copyin_class;
    list_init(&k->op.link);
    k->handler = *h;
    memcpy(k->sql, sql, n);
    int r = db_conn_enqueue(c, &k->op);
    if (r < 0) free(k);
    return r;
}

static struct copyin *current(struct db_conn *c)
{
    struct db_op *op = db_conn_current(c);
    return op && op->class == &copyin_class ? container_of(op, struct copyin, op) : NULL;
}

void db_copyin_put(struct db_conn *c, struct slice bytes)
{
    struct copyin *k = current(c);
    assert(k && k->rest.len == 0 && !k->ended);
    if (k->state != OPEN) return; /* the server refused meanwhile: `done` is on its way */
    k->rest = bytes;
    k->owes_drained = true;
    db_conn_kick(c);
}

void db_copyin_end(struct db_conn *c, const char *abort_reason)
{
    struct copyin *k = current(c);
    assert(k && !k->ended);
    k->ended = true;
    if (abort_reason) {
        struct slice words = slice_cut_utf8(slice_of(abort_reason[0] ? abort_reason : "aborted"), REASON_MAX - 1);
        memcpy(k->reason, words.p, words.len);
    }
    db_conn_kick(c);
}
