/* SPDX-License-Identifier: MIT */
#include "etl/guess.h"

#include "db/query.h"
#include "etl/sql.h"
#include "etl/swap.h"
#include "format/json_writer.h"

#include <stdio.h>

/* The table's oid, or NULL. */
static void put_oid(struct buf *out, const char *schema, const char *table)
{
    struct buf name;
    buf_init(&name, ERROR_TEXT_MAX);
    table_quote(&name, schema, table);
    buf_puts(out, "to_regclass(");
    db_quote_literal(out, buf_slice(&name));
    buf_puts(out, ")::oid");
    buf_done(&name);
}

/* The columns as they are frozen in cetl.dataset.columns. */
static void put_columns_json(struct buf *out, const struct guess_column *column, size_t columns)
{
    struct buf json;
    struct json_writer w;
    buf_init(&json, out->max);
    json_writer_init(&w, &json);
    json_write_array(&w);
    for (size_t i = 0; i < columns; i++) {
        char sql[64];
        json_write_object(&w);
        json_write_field_text(&w, "name", column[i].name);
        json_write_field_text(&w, "type", type_sql(column[i].as.type, sql));
        json_write_field_text(&w, "format", column[i].as.format);
        json_write_field_text(&w, "reason", column[i].as.reason);
        json_write_end(&w);
    }
    json_write_end(&w);
    db_quote_literal(out, buf_slice(&json));
    if (json.failed) out->failed = json.failed;
    buf_done(&json);
}

static void put_type(struct buf *out, struct type type)
{
    char sql[64];
    buf_puts(out, type_sql(type, sql));
    if (type.id == TYPE_TEXT) buf_puts(out, " COLLATE \"C\"");
}

static void put_column_list(struct buf *out, const struct guess *g)
{
    for (size_t i = 0; i < g->columns; i++) {
        if (i) buf_puts(out, ", ");
        db_quote_identifier(out, slice_of(g->column[i].name));
        buf_putc(out, ' ');
        put_type(out, g->column[i].as.type);
    }
    if (g->lineage) buf_puts(out, ", " TABLE_LINEAGE_FILE " bigint, " TABLE_LINEAGE_LINE " bigint");
}

void guess_create_sql(struct buf *out, const struct guess *g)
{
    struct buf list;
    buf_init(&list, out->max);
    put_column_list(&list, g);
    if (g->swapped) {
        swap_make_sql(out, &(struct table){.schema = g->schema, .name = g->table}, buf_slice(&list), false);
    } else {
        buf_puts(out, "CREATE TABLE ");
        table_quote(out, g->schema, g->table);
        buf_puts(out, " (");
        buf_put(out, buf_slice(&list));
        buf_putc(out, ')');
    }
    if (list.failed) out->failed = list.failed;
    buf_done(&list);
    buf_puts(out, "; INSERT INTO cetl.dataset (name, table_schema, table_name, inferred, table_made, columns) VALUES (");
    db_quote_literal(out, slice_of(g->name));
    buf_puts(out, ", ");
    db_quote_literal(out, slice_of(g->schema));
    buf_puts(out, ", ");
    db_quote_literal(out, slice_of(g->table));
    buf_puts(out, ", true, ");
    put_oid(out, g->schema, g->table);
    buf_puts(out, ", ");
    put_columns_json(out, g->column, g->columns);
    buf_puts(out,
             ") ON CONFLICT (name) DO UPDATE SET inferred = true, table_made = excluded.table_made, columns = excluded.columns");
}

/* "ALTER TABLE name", behind a lock that is taken soon or not at all. */
static void begin_alter(struct buf *out, const struct dataset *d)
{
    buf_puts(out, SQL_LOCK_SOON "ALTER TABLE ");
    table_quote(out, d->table.schema, d->table.name);
}

void guess_add_sql(struct buf *out, const struct dataset *d, const struct guess_column *column, size_t columns)
{
    begin_alter(out, d);
    for (size_t i = 0; i < columns; i++) {
        buf_puts(out, i ? ", ADD COLUMN IF NOT EXISTS " : " ADD COLUMN IF NOT EXISTS ");
        db_quote_identifier(out, slice_of(column[i].name));
        buf_putc(out, ' ');
        put_type(out, column[i].as.type);
    }
    buf_puts(out, "; UPDATE cetl.dataset d SET columns = coalesce(d.columns, '[]') ||"
                  " (SELECT coalesce(jsonb_agg(n), '[]') FROM jsonb_array_elements(");
    put_columns_json(out, column, columns);
    buf_printf(out,
               "::jsonb) n WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(d.columns) o WHERE o ->> 'name' = n ->> 'name'))"
               " WHERE id = %lld",
               (long long)d->id);
}

void guess_widen_sql(struct buf *out, const struct dataset *d, const struct guess_column *column, size_t columns)
{
    begin_alter(out, d);
    for (size_t i = 0; i < columns; i++) {
        buf_puts(out, i ? ", ALTER COLUMN " : " ALTER COLUMN ");
        db_quote_identifier(out, slice_of(column[i].name));
        buf_puts(out, " TYPE ");
        put_type(out, column[i].as.type);
    }
    buf_puts(out, "; UPDATE cetl.dataset d SET columns = (SELECT jsonb_agg(coalesce(n, o.c) ORDER BY o.i)"
                  " FROM jsonb_array_elements(coalesce(d.columns, '[]')) WITH ORDINALITY o (c, i) LEFT JOIN jsonb_array_elements(");
    put_columns_json(out, column, columns);
    buf_printf(out, "::jsonb) n ON n ->> 'name' = o.c ->> 'name') WHERE id = %lld", (long long)d->id);
}

void guess_is_small_sql(struct buf *out, const struct dataset *d)
{
    buf_puts(out, "SELECT count(*) <= ");
    buf_printf(out, "%d FROM (SELECT FROM ", GUESS_SMALL_ROWS);
    table_quote(out, d->table.schema, d->table.name);
    buf_printf(out, " LIMIT %d) t", GUESS_SMALL_ROWS + 1);
}

void guess_declared_sql(struct buf *out, const struct dataset *d)
{
    const struct config_dataset *c = d->config;
    buf_puts(out, "SELECT set_config('cetl.there', coalesce(");
    put_oid(out, c->schema, c->table);
    buf_puts(out, "::text, ''), true); ");
    dataset_create_sql(out, c);
    buf_puts(out, "; UPDATE cetl.dataset SET table_made = ");
    put_oid(out, c->schema, c->table);
    buf_printf(out, " WHERE id = %lld AND current_setting('cetl.there') = ''", (long long)d->id);
}

/* ---- widening ---- */

/* A value of the first type reads the same in the second. */
static const struct widening {
    enum type_id from, to;
} widenings[] = {
    {TYPE_INT8, TYPE_NUMERIC}, {TYPE_DATE, TYPE_TIMESTAMP}, {TYPE_INT8, TYPE_TEXT},
    {TYPE_NUMERIC, TYPE_TEXT}, {TYPE_BOOL, TYPE_TEXT},      {TYPE_DATE, TYPE_TEXT},
};

/* A column of the type takes whatever the guess has. */
static bool takes(enum type_id type, enum type_id seen)
{
    return type == seen || type == TYPE_TEXT || (type == TYPE_NUMERIC && seen == TYPE_INT8) ||
           (type == TYPE_TIMESTAMP && seen == TYPE_DATE);
}

bool guess_widened(struct type type, const char *format, const struct infer_column *seen, struct infer_column *ret_wider)
{
    if (type.typmod != -1 || format[0] || (takes(type.id, seen->type.id) && !seen->format[0])) return false;
    for (size_t i = 0; i < sizeof widenings / sizeof widenings[0]; i++) {
        const struct widening *w = &widenings[i];
        if (w->from != type.id || !takes(w->to, seen->type.id) || (seen->format[0] && w->to != TYPE_TEXT)) continue;
        char from[64];
        *ret_wider = (struct infer_column){.type = {w->to, -1}};
        snprintf(ret_wider->reason, sizeof ret_wider->reason, "it was %.24s; %.120s", type_sql(type, from), seen->reason);
        return true;
    }
    return false;
}
