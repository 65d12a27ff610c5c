/* SPDX-License-Identifier: MIT */
#include "etl/prepared.h"

#include "base/log.h"
#include "etl/sql.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_SUCH_TRANSACTION "42704" /* undefined_object: somebody else has ended it */

void prepared_names(char ret_names[PREPARED_NAME_MAX], const char *instance, int64_t file)
{
    snprintf(ret_names, PREPARED_NAME_MAX, "cetl:%s:%lld:", instance, (long long)file);
}

/* ---- one load ---- */

static void next(struct prepared *p);

/* The session's lock goes whatever happened: it is another's turn. */
static void on_unlocked(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    if (p->status == 0 && r->status != 0) {
        p->status = r->status;
        p->why = *r->error;
    }
    p->done(p->ctx, p->status, &p->why);
}

static void over(struct prepared *p, int status, const struct error *err)
{
    p->status = status;
    if (status != 0 && err) p->why = *err;
    if (status != 0 && !err) error_set(&p->why, status, "%s", error_name(status));
    int r = db_query(p->conn, &(struct db_query){.sql = SQL_UNLOCK_ALL, .done = on_unlocked, .ctx = p});
    if (r == 0) return;
    if (status == 0) p->status = error_set(&p->why, r, "%s", error_name(r));
    p->done(p->ctx, p->status, &p->why);
}

static void ask(struct prepared *p, const char *sql, void (*done)(void *, const struct db_result *))
{
    struct db_param file = db_int8(p->file);
    int r = db_query(p->conn, &(struct db_query){.sql = sql, .param = &file, .params = 1, .done = done, .ctx = p});
    if (r < 0) over(p, r, NULL);
}

static void on_closed(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    if (r->status != 0) return over(p, r->status, r->error);
    p->fate = p->commit ? PREPARED_LOADED : PREPARED_GONE;
    over(p, 0, NULL);
}

static void on_ended(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    bool gone = r->status == ERROR_REFUSED && strcmp(r->error->sqlstate, NO_SUCH_TRANSACTION) == 0;
    if (r->status != 0 && !gone) return over(p, r->status, r->error);
    next(p);
}

static void on_next(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    if (r->status != 0) return over(p, r->status, r->error);
    if (PQntuples(r->rows) == 0) return ask(p, p->commit ? SQL_LEDGER_FINISH : SQL_LEDGER_FORGET, on_closed);
    const char *sql = PQgetvalue(r->rows, 0, 0);
    int e = db_query(p->conn, &(struct db_query){.sql = sql, .done = on_ended, .ctx = p});
    if (e < 0) over(p, e, NULL);
}

static void next(struct prepared *p)
{
    struct db_param param[] = {db_text(p->names), db_text(p->commit ? "COMMIT" : "ROLLBACK")};
    int r = db_query(p->conn, &(struct db_query){.sql = SQL_PREPARED_NEXT, .param = param, .params = 2, .done = on_next, .ctx = p});
    if (r < 0) over(p, r, NULL);
}

static void on_state(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    if (r->status != 0) return over(p, r->status, r->error);
    const char *state = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 0) : NULL;
    const char *instance = state ? db_get(r->rows, 0, 1) : NULL;
    p->commit = state && strcmp(state, "committing") == 0;
    bool open = p->commit || (state && strcmp(state, "loading") == 0);
    if (open && instance) {
        prepared_names(p->names, instance, p->file);
        return next(p);
    }
    p->fate = !state ? PREPARED_GONE : strcmp(state, "loaded") == 0 ? PREPARED_LOADED : PREPARED_OTHER;
    over(p, 0, NULL);
}

static void on_alone(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    if (r->status != 0) return over(p, r->status, r->error);
    ask(p, SQL_LEDGER_SETTLE, on_state);
}

static void on_evicted(void *ctx, const struct db_result *r)
{
    struct prepared *p = ctx;
    if (r->status != 0) return over(p, r->status, r->error);
    ask(p, SQL_LOAD_LOCK_ALONE, on_alone);
}

void prepared_settle(struct prepared *p)
{
    ask(p, SQL_LOAD_EVICT, on_evicted);
}

/* ---- all that earlier runs have left ---- */

struct sweep {
    struct prepared one;
    struct db_conn *conn;
    char instance[INSTANCE_ID_CHARS + 1], orphan[PREPARED_NAME_MAX];
    void (*done)(void *ctx, int status, const struct error *err);
    void *ctx;
};

static void next_open(struct sweep *s);
static void next_orphan(struct sweep *s);

static void swept(struct sweep *s, int status, const struct error *err)
{
    void (*done)(void *, int, const struct error *) = s->done;
    void *ctx = s->ctx;
    struct error words = {0};
    if (status < 0 && !err) error_set(&words, status, "%s", error_name(status));
    struct error copy = err ? *err : words;
    free(s);
    done(ctx, status, &copy);
}

static void on_orphan_ended(void *ctx, const struct db_result *r)
{
    struct sweep *s = ctx;
    if (r->status == ERROR_REFUSED) {
        log_error("the prepared transaction %s of an earlier run cannot be rolled back: %s", s->orphan, r->error->text);
        return swept(s, 0, NULL);
    }
    if (r->status != 0) return swept(s, r->status, r->error);
    log_warning("the prepared transaction %s of an earlier run belonged to no file and is rolled back", s->orphan);
    next_orphan(s);
}

static void on_orphan(void *ctx, const struct db_result *r)
{
    struct sweep *s = ctx;
    if (r->status != 0) return swept(s, r->status, r->error);
    if (PQntuples(r->rows) == 0) return swept(s, 0, NULL);
    snprintf(s->orphan, sizeof s->orphan, "%s", PQgetvalue(r->rows, 0, 1));
    const char *sql = PQgetvalue(r->rows, 0, 0);
    int e = db_query(s->conn, &(struct db_query){.sql = sql, .done = on_orphan_ended, .ctx = s});
    if (e < 0) swept(s, e, NULL);
}

static void next_orphan(struct sweep *s)
{
    char prefix[PREPARED_NAME_MAX];
    snprintf(prefix, sizeof prefix, "cetl:%s:", s->instance);
    struct db_param p = db_text(prefix);
    int r =
        db_query(s->conn, &(struct db_query){.sql = SQL_PREPARED_ORPHAN, .param = &p, .params = 1, .done = on_orphan, .ctx = s});
    if (r < 0) swept(s, r, NULL);
}

static void on_settled(void *ctx, int status, const struct error *err)
{
    struct sweep *s = ctx;
    if (status == ERROR_REFUSED) {
        log_error("the load of file %lld by an earlier run cannot be settled: %s", (long long)s->one.file, err->text);
    } else if (status != 0) {
        return swept(s, status, err);
    } else {
        log_info("the load of file %lld, which an earlier run left open, is %s", (long long)s->one.file,
                 s->one.fate == PREPARED_LOADED ? "finished" : "taken back");
    }
    next_open(s);
}

static void on_open(void *ctx, const struct db_result *r)
{
    struct sweep *s = ctx;
    if (r->status != 0) return swept(s, r->status, r->error);
    if (PQntuples(r->rows) == 0) return next_orphan(s);
    s->one = (struct prepared){.conn = s->conn, .file = db_get_int8(r->rows, 0, 0, 0), .done = on_settled, .ctx = s};
    prepared_settle(&s->one);
}

static void next_open(struct sweep *s)
{
    struct db_param p[] = {db_text(s->instance), db_int8(s->one.file)};
    int r = db_query(s->conn, &(struct db_query){.sql = SQL_LEDGER_OPEN, .param = p, .params = 2, .done = on_open, .ctx = s});
    if (r < 0) swept(s, r, NULL);
}

int prepared_sweep(struct db_conn *conn, const struct instance *instance, void (*done)(void *, int, const struct error *),
                   void *ctx)
{
    struct sweep *s = calloc(1, sizeof *s);
    if (!s) return -ENOMEM;
    *s = (struct sweep){.conn = conn, .done = done, .ctx = ctx};
    memcpy(s->instance, instance->id, sizeof s->instance);
    struct db_param p[] = {db_text(s->instance), db_int8(0)};
    int r = db_query(conn, &(struct db_query){.sql = SQL_LEDGER_OPEN, .param = p, .params = 2, .done = on_open, .ctx = s});
    if (r < 0) free(s);
    return r;
}
