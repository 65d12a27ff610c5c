/* SPDX-License-Identifier: MIT */
#include "api/write_sound.h"

#include "api/write_computed.h"
#include "etl/formulas.h"
#include "etl/rollup.h"

#include <stdio.h>

static void put_name(struct buf *out, const char *name)
{
    db_quote_identifier(out, slice_of(name));
}

static struct slice check_of(const struct dataset *d, size_t column)
{
    struct slice check = d->formulas ? d->formulas->column[column].check.text : (struct slice){NULL, 0};
    return check.p && write_reads_columns(d, check) ? check : (struct slice){NULL, 0};
}

/* The datasets' tables that have soft deletion are known by their column: the catalog has them, and nobody else. */
bool write_refuses(const struct dataset *d)
{
    for (size_t i = 0; i < d->table.columns; i++)
        if (check_of(d, i).p || write_refuses_misses(d, i)) return true;
    for (size_t i = 0; i < d->keys.references; i++)
        if (d->keys.reference[i].soft) return true;
    return false;
}

static void put_refuse(struct buf *out, const char *sqlstate, const char *column, struct slice words)
{
    buf_printf(out, " THEN pg_temp.cetl_refuse('%s', ", sqlstate);
    db_quote_literal(out, slice_of(column));
    buf_puts(out, ", ");
    db_quote_literal(out, words);
    buf_puts(out, ")");
}

static void put_checks(struct buf *out, const struct dataset *d)
{
    for (size_t i = 0; i < d->table.columns; i++) {
        struct slice check = check_of(d, i);
        if (!check.p) continue;
        char words[320];
        struct slice shown = slice_cut_utf8(check, 200);
        snprintf(words, sizeof words, "check of %s: %.*s", d->table.column[i].name, (int)shown.len, shown.p);
        buf_puts(out, " WHEN (");
        buf_put(out, check);
        buf_puts(out, "\n) IS FALSE");
        put_refuse(out, "23514", d->table.column[i].name, slice_of(words));
    }
}

static void put_misses(struct buf *out, const struct write_shape *s)
{
    const struct dataset *d = s->dataset;
    for (size_t i = 0; i < d->table.columns; i++) {
        if (!write_may_miss(s, i)) continue;
        buf_puts(out, " WHEN ");
        write_put_missed(out, d, i);
        buf_puts(out, " THEN pg_temp.cetl_refuse('23503', ");
        db_quote_literal(out, slice_of(d->table.column[i].name));
        buf_puts(out, ", ");
        write_put_missed_words(out, d, i);
        buf_putc(out, ')');
    }
}

/* The row that a reference means is there, but deleted. Only references that are written now. */
static void put_references(struct buf *out, const struct write_shape *s)
{
    const struct dataset *d = s->dataset;
    for (size_t i = 0; i < d->keys.references; i++) {
        const struct dataset_reference *r = &d->keys.reference[i];
        bool written = false;
        for (size_t k = 0; k < r->n; k++)
            written |= write_brings(s, (size_t)table_find(&d->table, r->column[k]));
        if (!r->soft || !written) continue;
        buf_puts(out, " WHEN EXISTS (SELECT FROM ");
        table_quote(out, r->schema, r->table);
        buf_puts(out, " AS \"cetl r\" WHERE \"cetl r\"." TABLE_DELETED_AT " IS NOT NULL");
        for (size_t k = 0; k < r->n; k++) {
            buf_puts(out, " AND \"cetl r\".");
            put_name(out, r->to[k]);
            buf_puts(out, " = t0.");
            put_name(out, r->column[k]);
        }
        char words[320];
        snprintf(words, sizeof words, "%s refers to a row of %s that is deleted", r->column[0], r->table);
        buf_puts(out, ")");
        put_refuse(out, "23503", r->column[0], slice_of(words));
    }
}

static void put_note_name(struct buf *out, const struct dataset *d, size_t i)
{
    buf_printf(out, "pg_temp.cetl_note_%lld_%lld_%zu", (long long)d->id, (long long)d->definition, i);
}

/* "AND"-ed calls that note the row's groups. */
static void put_notes(struct buf *out, const struct dataset *d)
{
    for (size_t i = 0; i < d->rollups; i++) {
        buf_puts(out, i ? " AND " : "");
        put_note_name(out, d, i);
        buf_puts(out, "(");
        for (size_t k = 0; k < d->rollup[i].table.keys; k++) {
            buf_puts(out, k ? ", " : "");
            rollup_put_key(out, &d->rollup[i], k);
        }
        buf_puts(out, ")");
    }
}

/* Behind what is computed of the columns of t0, whose names may stand behind the table's: " FROM (SELECT t0.*) AS orders". */
static void put_row(struct buf *out, const struct dataset *d)
{
    buf_puts(out, " FROM (SELECT t0.*) AS ");
    put_name(out, d->table.name);
}

void write_put_note_old(struct buf *out, const struct dataset *d)
{
    buf_puts(out, "(SELECT ");
    put_notes(out, d);
    put_row(out, d);
    buf_puts(out, ")");
}

void write_put_sound(struct buf *out, const struct write_shape *s)
{
    const struct dataset *d = s->dataset;
    bool deletes = s->kind == WRITE_DELETE || s->kind == WRITE_SOFT_DELETE;
    buf_puts(out, "(SELECT CASE");
    size_t before = out->len;
    if (!deletes) put_misses(out, s);
    if (!deletes) put_checks(out, d);
    if (!deletes) put_references(out, s);
    buf_puts(out, out->len == before ? " WHEN true THEN " : " ELSE ");
    d->rollups ? put_notes(out, d) : buf_puts(out, "true");
    buf_puts(out, " END");
    put_row(out, d);
    buf_puts(out, ") AS " WRITE_SOUND);
}

/* Once a session. */
void write_put_functions(struct buf *out, const struct dataset *d)
{
    buf_puts(out, "DO $cetl$BEGIN ");
    if (write_refuses(d))
        buf_puts(out, "IF to_regprocedure('pg_temp.cetl_refuse(text, text, text)') IS NULL THEN "
                      "CREATE FUNCTION pg_temp.cetl_refuse(code text, name text, words text) RETURNS boolean LANGUAGE plpgsql AS"
                      " $f$BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = words, COLUMN = name; END$f$; END IF; ");
    for (size_t i = 0; i < d->rollups; i++) {
        const struct table *t = &d->rollup[i].table;
        buf_puts(out, "IF NOT EXISTS (SELECT FROM pg_proc WHERE pronamespace = pg_my_temp_schema() AND proname = ");
        char name[96];
        snprintf(name, sizeof name, "cetl_note_%lld_%lld_%zu", (long long)d->id, (long long)d->definition, i);
        db_quote_literal(out, slice_of(name));
        buf_puts(out, ") THEN CREATE FUNCTION ");
        put_note_name(out, d, i);
        for (size_t k = 0; k < t->keys; k++)
            buf_printf(out, "%s%s", k ? ", " : "(", t->column[k].sql_type);
        buf_printf(
            out, "%s) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $f$BEGIN INSERT INTO pg_temp.cetl_touched_%zu VALUES (",
            t->keys ? "" : "(", i);
        for (size_t k = 0; k < t->keys; k++)
            buf_printf(out, "%s$%zu", k ? ", " : "", k + 1);
        buf_puts(out, "); RETURN true; END$f$; END IF; ");
    }
    buf_puts(out, "END$cetl$; ");
}
