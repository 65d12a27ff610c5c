/* SPDX-License-Identifier: MIT */
/*
 * Rows whose reference is missing, all at once. Where the server refuses a row for a foreign key, there are often many such; to
 * narrow down each costs a transaction's part of its own. So first the file is sent into a temporary table, and the server is asked
 * which of its rows have no counterpart, by joins, in a transaction that is rolled back. The answers are verdicts as those of
 * load_narrow.h, and the load begins anew. What this cannot tell is left to the narrowing.
 */
#include "base/log.h"
#include "etl/load_private.h"
#include "etl/sql.h"
#include "format/json_writer.h"

#include <stdio.h>

enum { SQL_MAX = 1024 * 1024, COL_LINE = 0, COL_COLUMN, COL_WORDS, COL_VALUE };

#define FOREIGN_KEY_VIOLATION "23503"

bool load_may_refer(const struct load *l, const struct error *why)
{
    /* What is left as it is in the table may refer to nothing: there only the merge tells. */
    bool written = !load_is_keyed(l) || (l->declared->mode == CONFIG_MODE_UPSERT && !l->declared->newest_by[0]);
    return strcmp(why->sqlstate, FOREIGN_KEY_VIOLATION) == 0 && !l->narrow.referred && written && !l->plan->in_server;
}

/* Nothing was found this way. */
static void narrow_instead(struct load *l)
{
    load_restart(l, WAY_NARROW);
}

static bool on_row(void *ctx, const PGresult *row)
{
    struct load *l = ctx;
    struct load_narrow *n = &l->narrow;
    uint64_t line = (uint64_t)db_get_int8(row, 0, COL_LINE, 0);
    struct reject reject = {.line = line,
                            .column = slice_of(db_get(row, 0, COL_COLUMN)),
                            .code = FOREIGN_KEY_VIOLATION,
                            .message = slice_of(db_get(row, 0, COL_WORDS)),
                            .value = slice_of(db_get(row, 0, COL_VALUE))};
    size_t kept = n->found.n;
    if (reject_list_add(&n->found, &reject) < 0 || n->found.n == kept) buf_append(&n->found_lines, &line, sizeof line);
    return true;
}

static void on_told(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status == ERROR_REFUSED && !load_is_unwinding(l)) {
        l->asking = false;
        return narrow_instead(l);
    }
    if (!load_answered(l, r)) return;
    struct load_narrow *n = &l->narrow;
    if (buf_check(&n->found_lines) == 0) return load_restart(l, n->found.count > 0 ? l->narrowed : WAY_NARROW);
    n->partial = true; /* more than are remembered, as in load_narrow.c */
    load_restart(l, WAY_COUNT);
}

static void on_question(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (!load_answered(l, r)) return;
    const char *sql = PQntuples(r->rows) > 0 ? db_get(r->rows, 0, 0) : NULL;
    if (!sql) return narrow_instead(l);
    load_asked(l, db_query(l->conn, &(struct db_query){.sql = sql, .row = on_row, .done = on_told, .ctx = l}));
}

/* The foreign keys whose columns the file brings. */
static void ask_question(struct load *l)
{
    struct buf columns;
    struct json_writer w;
    buf_init(&columns, SQL_MAX);
    json_writer_init(&w, &columns);
    json_write_array(&w);
    for (size_t i = 0; i < l->plan->rule.columns; i++)
        json_write_text(&w, l->plan->rule.column[i].name);
    json_write_end(&w);
    const char *text = buf_cstr(&columns);
    struct db_param param[] = {db_int8(l->plan->dataset->table.oid), db_text(text ? text : "[]")};
    const struct db_query q = {.sql = SQL_TABLE_MISSING, .param = param, .params = 2, .done = on_question, .ctx = l};
    load_asked(l, text ? db_query(l->conn, &q) : -ENOMEM);
    buf_done(&columns);
}

static void on_sent(void *ctx, const struct db_result *r)
{
    struct load *l = ctx;
    if (r->status == ERROR_REFUSED && !load_is_unwinding(l)) { /* no temporary tables, or rows with other faults */
        l->asking = false;
        return narrow_instead(l);
    }
    if (load_answered(l, r)) ask_question(l);
}

void load_refer(struct load *l)
{
    const struct plan *p = l->plan;
    struct buf sql;
    buf_init(&sql, SQL_MAX);
    buf_puts(&sql, "BEGIN; CREATE TEMP TABLE cetl_reference ON COMMIT DROP AS SELECT ");
    for (size_t i = 0; i < p->rule.columns; i++) {
        db_quote_identifier(&sql, slice_of(p->rule.column[i].name));
        buf_puts(&sql, ", ");
    }
    buf_puts(&sql, "NULL::int8 AS \"cetl file\", NULL::int8 AS \"cetl line\" FROM ");
    table_quote(&sql, p->dataset->table.schema, p->dataset->table.name);
    buf_printf(&sql, " WITH NO DATA; COPY pg_temp.cetl_reference FROM STDIN%s", convert_copy_options(p->convert.text));
    load_send(l, buf_cstr(&sql), on_sent);
    buf_done(&sql);
}
