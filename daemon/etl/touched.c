/* SPDX-License-Identifier: MIT */
#include "etl/touched.h"

#include "db/query.h"
#include "etl/rollup.h"

/* Names that no column has by accident. */
#define TOUCHED "\"cetl touched\""

static void put_touched(struct buf *out, size_t i)
{
    buf_printf(out, "pg_temp.cetl_touched_%zu", i);
}

static void put_name(struct buf *out, const char *name)
{
    db_quote_identifier(out, slice_of(name));
}

static void put_names(struct buf *out, const struct table *t)
{
    for (size_t k = 0; k < t->keys; k++) {
        buf_puts(out, k ? ", " : "");
        put_name(out, t->column[k].name);
    }
}

static void put_touched_names(struct buf *out, const struct table *t)
{
    for (size_t k = 0; k < t->keys; k++)
        buf_printf(out, "%s\"cetl k%zu\"", k ? ", " : "", k);
}

static bool is_text(const struct table_column *c)
{
    return c->type.id == TYPE_TEXT || c->type.id == TYPE_VARCHAR || c->type.id == TYPE_BPCHAR;
}

void touched_make_sql(struct buf *out, const struct dataset *d, size_t i)
{
    const struct table *t = &d->rollup[i].table;
    buf_puts(out, "CREATE TEMP TABLE ");
    buf_printf(out, "cetl_touched_%zu (", i);
    for (size_t k = 0; k < t->keys; k++)
        buf_printf(out, "%s\"cetl k%zu\" %s%s", k ? ", " : "", k, t->column[k].sql_type,
                   is_text(&t->column[k]) ? " COLLATE \"C\"" : "");
    buf_puts(out, ") ON COMMIT DROP");
}

/* The keys of the rows of what is named behind it. */
static void put_select(struct buf *out, const struct dataset_rollup *r)
{
    buf_puts(out, "SELECT ");
    for (size_t k = 0; k < r->table.keys; k++) {
        buf_puts(out, k ? ", " : "");
        rollup_put_key(out, r, k);
    }
    buf_puts(out, " FROM ");
}

static void put_primary_key(struct buf *out, const struct table *t)
{
    for (size_t k = 0; k < t->keys; k++) {
        buf_puts(out, k ? ", " : "");
        put_name(out, t->column[t->key[k]].name);
    }
}

void touched_add_sql(struct buf *out, const struct dataset *d, size_t i, bool keyed)
{
    const struct dataset_rollup *r = &d->rollup[i];
    buf_puts(out, "INSERT INTO ");
    put_touched(out, i);
    buf_puts(out, " SELECT DISTINCT * FROM (");
    put_select(out, r);
    buf_puts(out, "pg_temp.cetl_stage AS ");
    put_name(out, d->table.name); /* which a key may name in front of its columns */
    if (keyed) {
        buf_puts(out, " UNION ALL ");
        put_select(out, r);
        table_quote(out, d->table.schema, d->table.name);
        buf_puts(out, " WHERE (");
        put_primary_key(out, &d->table);
        buf_puts(out, ") IN (SELECT ");
        put_primary_key(out, &d->table);
        buf_puts(out, " FROM pg_temp.cetl_stage)");
    }
    buf_puts(out, ") " TOUCHED);
}

void touched_add_keys_sql(struct buf *out, const struct dataset *d, size_t i)
{
    buf_puts(out, "INSERT INTO ");
    put_touched(out, i);
    buf_puts(out, " SELECT * FROM ");
    rollup_put_unnest(out, &d->rollup[i]);
}

/* Some value of the type: for NULLs, which are compared by themselves. */
static const char *some_value(enum type_id id)
{
    switch (id) {
    case TYPE_BOOL: return "false";
    case TYPE_DATE: return "date '2000-01-01'";
    case TYPE_TIME: return "time '00:00'";
    case TYPE_TIMESTAMP: return "timestamp '2000-01-01'";
    case TYPE_TIMESTAMPTZ: return "timestamptz '2000-01-01 00:00+00'";
    case TYPE_UUID: return "uuid '00000000-0000-0000-0000-000000000000'";
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR: return "''";
    default: return "0";
    }
}

/* `left` is the rollup's table, or NULL: the key is computed from a row of the source. */
static void put_pair(struct buf *out, const struct dataset_rollup *r, size_t k, const char *left)
{
    const struct table_column *c = &r->table.column[k];
    const char *collate = is_text(c) ? " COLLATE \"C\"" : "";
    struct buf name;
    buf_init(&name, 64 * 1024);
    if (left) {
        buf_printf(&name, "%s.", left);
        put_name(&name, c->name);
    } else {
        rollup_put_key(&name, r, k);
    }
    const char *text = buf_cstr(&name);
    if (!text) out->failed = -ENOMEM;
    buf_printf(out,
               "(%s IS NULL) = (" TOUCHED ".\"cetl k%zu\" IS NULL)"
               " AND coalesce(%s, %s)%s = coalesce(" TOUCHED ".\"cetl k%zu\", %s)%s",
               text ? text : "", k, text ? text : "", some_value(c->type.id), collate, k, some_value(c->type.id), collate);
    buf_done(&name);
}

/*
 * The groups' keys are equal, NULLs too. IS NOT DISTINCT FROM says the same, but the server has neither a hash nor a merge join for
 * it.
 */
static void put_match(struct buf *out, const struct dataset_rollup *r, const char *left)
{
    for (size_t k = 0; k < r->table.keys; k++) {
        buf_puts(out, k ? " AND " : "");
        put_pair(out, r, k, left);
    }
}

void touched_recompute_sql(struct buf *out, const struct dataset *d, size_t i)
{
    const struct dataset_rollup *r = &d->rollup[i];
    const struct table *t = &r->table;
    /* An UPDATE whose condition is false locks its row all the same. */
    buf_puts(out, "INSERT INTO ");
    table_quote(out, t->schema, t->name);
    buf_puts(out, " AS r (");
    put_names(out, t);
    buf_puts(out, ") SELECT DISTINCT * FROM ");
    put_touched(out, i);
    buf_puts(out, " ORDER BY ");
    put_touched_names(out, t);
    buf_puts(out, " ON CONFLICT (");
    put_names(out, t);
    buf_puts(out, ") DO UPDATE SET ");
    put_name(out, t->column[0].name);
    buf_puts(out, " = excluded.");
    put_name(out, t->column[0].name);
    buf_puts(out, " WHERE false; DELETE FROM ");
    table_quote(out, t->schema, t->name);
    buf_puts(out, " AS r USING ");
    put_touched(out, i);
    buf_puts(out, " AS " TOUCHED " WHERE ");
    put_match(out, r, "r");
    buf_puts(out, "; INSERT INTO ");
    table_quote(out, t->schema, t->name);
    buf_puts(out, " ");
    rollup_select(out, r, &d->table);
    buf_puts(out, d->table.deleted_at ? " AND EXISTS (SELECT FROM " : " WHERE EXISTS (SELECT FROM ");
    put_touched(out, i);
    buf_puts(out, " AS " TOUCHED " WHERE ");
    put_match(out, r, NULL);
    buf_puts(out, ")");
    rollup_group_by(out, r);
}
