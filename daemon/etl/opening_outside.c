/* SPDX-License-Identifier: MIT */
#include "base/log.h"
#include "etl/opening_private.h"
#include "etl/sql.h"

/* Whoever writes to the table leaves a mark: what is read of it, and of its rollups, has a version. */
static void mark_versioned(struct opening *o)
{
    const struct table_version version = {TABLE_OF_DATASET, o->d->id};
    o->d->table.version = version;
    for (size_t i = 0; i < o->d->rollups; i++)
        o->d->rollup[i].table.version = version;
}

/* Only rollups cannot do without it. */
static void outside_made(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    static const char what[] = "the trigger " SQL_OUTSIDE_NAME ", which tells of others' writes,";
    if (r->status == ERROR_REFUSED && o->d->rollups == 0) {
        log_notice("dataset %s: what is read of it has no ETag and is not kept: %s: %s", o->d->name, what, r->error->text);
        return opening_make_rollups(o);
    }
    if (opening_is_locked(o, r, what) || !opening_went_well(o, r, what)) return;
    if (o->countable) mark_versioned(o);
    opening_make_rollups(o);
}

/* What was written before nobody knows: rollups that are there already are computed anew. */
static void put_unknown(struct opening *o, struct buf *sql)
{
    if (o->d->rollups == 0) return;
    const struct table *rollup = &o->d->rollup[0].table;
    struct buf name;
    buf_init(&name, OPENING_SQL_MAX);
    table_quote(&name, rollup->schema, rollup->name);
    buf_printf(sql, "; " SQL_OUTSIDE_UNKNOWN, (long long)o->d->id);
    db_quote_literal(sql, buf_slice(&name));
    buf_puts(sql, ") IS NOT NULL");
    if (buf_check(&name) < 0) sql->failed = buf_check(&name);
    buf_done(&name);
}

/* Before the rollups are made: from then on nobody writes unseen. */
static void make_outside(struct opening *o)
{
    struct buf sql;
    buf_init(&sql, OPENING_SQL_MAX);
    buf_puts(&sql, SQL_LOCK_SOON "CREATE OR REPLACE TRIGGER " SQL_OUTSIDE_NAME " AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON ");
    table_quote(&sql, o->schema, o->table);
    buf_puts(&sql, SQL_OUTSIDE_TRIGGER "; ALTER TABLE ");
    table_quote(&sql, o->schema, o->table);
    buf_puts(&sql, SQL_OUTSIDE_ALWAYS);
    put_unknown(o, &sql);
    const char *text = buf_cstr(&sql);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = text, .done = outside_made, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&sql);
}

static void outside_looked(void *ctx, const struct db_result *r)
{
    struct opening *o = ctx;
    if (!opening_went_well(o, r, "pg_trigger")) return;
    bool is_table = PQntuples(r->rows) > 0;
    bool there = is_table && PQgetvalue(r->rows, 0, 0)[0] == 't', may = is_table && PQgetvalue(r->rows, 0, 1)[0] == 't';
    /* The partitions of a table that cetld made are its own; to others' anybody may write. */
    o->countable = is_table && (PQgetvalue(r->rows, 0, 2)[0] == 't' || (PQgetvalue(r->rows, 0, 3)[0] == 't' && o->d->ours));
    if (there && o->countable) mark_versioned(o);
    if (there || !may || (!o->countable && o->d->rollups == 0)) return opening_make_rollups(o);
    make_outside(o);
}

void opening_watch_outside(struct opening *o)
{
    struct buf name;
    buf_init(&name, OPENING_SQL_MAX);
    const char *text = table_quote(&name, o->schema, o->table);
    struct db_param param = db_text(text);
    if (text) {
        opening_ask(o, &(struct db_query){.sql = SQL_OUTSIDE_LOOK, .param = &param, .params = 1, .done = outside_looked, .ctx = o});
    } else {
        opening_over(o, -ENOMEM, NULL);
    }
    buf_done(&name);
}
