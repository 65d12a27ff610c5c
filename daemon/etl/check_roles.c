/* SPDX-License-Identifier: MIT */
#include "etl/check_roles.h"

#include <stdio.h>
#include <stdlib.h>

enum { SQL_MAX = 1024 * 1024 };
enum { EXISTS = 1, MEMBER, USER };

/* A role that somebody is to have: the i-th token's, then the roles'. */
struct wanted {
    const char *section, *name, *role;
    struct config_place place;
};

static bool wanted_at(const struct config *c, size_t i, struct wanted *ret_wanted)
{
    if (i < c->n_tokens)
        *ret_wanted = (struct wanted){"token", c->tokens[i].name, c->tokens[i].role, c->tokens[i].place};
    else if (i - c->n_tokens < c->n_roles)
        *ret_wanted = (struct wanted){"role", c->roles[i - c->n_tokens].name, c->roles[i - c->n_tokens].role,
                                      c->roles[i - c->n_tokens].place};
    else
        return false;
    return true;
}

static void tell(const struct check_roles *k, const struct wanted *w, const char *what, const char *mend)
{
    char text[ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "%s:%d: %s %s: role: %s; %s", w->place.file, w->place.line, w->section, w->name, what, mend);
    k->handler->mistake(k->handler->ctx, text);
}

static void judge(const struct check_roles *k, const struct wanted *w, const PGresult *rows, int row)
{
    char mend[ERROR_TEXT_MAX / 4];
    if (db_get(rows, row, EXISTS)[0] != 't') {
        snprintf(mend, sizeof mend, "CREATE ROLE \"%.63s\" NOLOGIN, and GRANT it to \"%.63s\"", w->role, db_get(rows, row, USER));
        tell(k, w, "the database has no such role", mend);
    } else if (db_get(rows, row, MEMBER)[0] != 't') {
        snprintf(mend, sizeof mend, "GRANT \"%.63s\" TO \"%.63s\"", w->role, db_get(rows, row, USER));
        tell(k, w, "the daemon may not take it", mend);
    }
}

static void on_roles(void *ctx, const struct db_result *r)
{
    struct check_roles *k = ctx;
    struct wanted w;
    int row = 0;
    for (size_t i = 0; r->status == 0 && wanted_at(k->config, i, &w); i++)
        if (*w.role && row < PQntuples(r->rows)) judge(k, &w, r->rows, row++);
    struct check_roles done = *k;
    free(k);
    done.done(done.ctx, r->status, r->error);
}

int check_roles(const struct check_roles *asked)
{
    struct check_roles *k = malloc(sizeof *k);
    struct buf sql;
    struct wanted w;
    if (!k) return -ENOMEM;
    *k = *asked;
    buf_init(&sql, SQL_MAX);
    buf_puts(
        &sql,
        "SELECT n, r.oid IS NOT NULL, coalesce(pg_has_role(r.oid, 'MEMBER'), false), current_user FROM (VALUES (0, NULL::name)");
    for (size_t i = 0; wanted_at(asked->config, i, &w); i++) {
        if (!*w.role) continue;
        buf_printf(&sql, ", (%zu, ", i + 1);
        db_quote_literal(&sql, slice_of(w.role));
        buf_putc(&sql, ')');
    }
    buf_puts(&sql, ") u(i, n) LEFT JOIN pg_roles r ON r.rolname = n WHERE i > 0 ORDER BY i");
    const char *text = buf_cstr(&sql);
    int r = text ? db_query(k->conn, &(struct db_query){.sql = text, .done = on_roles, .ctx = k}) : -ENOMEM;
    if (r < 0) free(k);
    buf_done(&sql);
    return r;
}
