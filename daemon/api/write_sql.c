/* SPDX-License-Identifier: MIT */
#include "api/write_sql.h"

#include "api/write_computed.h"
#include "api/write_sound.h"
#include "etl/sql.h"
#include "etl/touched.h"

static void put_name(struct buf *out, const char *name)
{
    db_quote_identifier(out, slice_of(name));
}

static void put_table(struct buf *out, const struct table *t)
{
    table_quote(out, t->schema, t->name);
}

bool write_brings(const struct write_shape *s, size_t column)
{
    for (size_t i = 0; s->body && i < s->body->fields; i++)
        if (s->body->field[i].column == column) return true;
    return false;
}

static bool brings(const struct write_shape *s, const struct table_column *c)
{
    return c && write_brings(s, (size_t)(c - s->dataset->table.column));
}

const struct dataset_unique *write_target(const struct dataset *d, const struct write_body *b)
{
    struct write_shape s = {.dataset = d, .body = b};
    for (size_t i = 0; i < d->keys.uniques; i++) {
        const struct dataset_unique *u = &d->keys.unique[i];
        size_t n = 0;
        while (n < u->n && write_brings(&s, (size_t)table_find(&d->table, u->column[n])))
            n++;
        if (n == u->n) return u;
    }
    return NULL;
}

/* ---- the statement ---- */

/*
 * What a row counted for before it is written over: "1", "0" (it was deleted softly), "" (it was not there). A setting of the
 * transaction takes it from where the server has the row locked, just before it writes it, to where it returns the row, just after:
 * a look at the table would show the row as it was when the statement began, and not what others committed since.
 */
#define WAS "'cetl.was'"

static void put_visible(struct buf *out, const struct write_shape *s)
{
    buf_puts(out, s->dataset->table.deleted_at ? "(t0." TABLE_DELETED_AT " IS NULL)::int" : "1");
}

static void put_note_was(struct buf *out, const struct write_shape *s)
{
    buf_puts(out, "set_config(" WAS ", (");
    put_visible(out, s);
    buf_puts(out, ")::text, true)");
}

/* An UPDATE of rows that it can bring back or take away. */
static bool changes_visibility(const struct write_shape *s)
{
    return s->kind == WRITE_UPDATE && brings(s, s->dataset->table.deleted_at);
}

static void put_delta(struct buf *out, const struct write_shape *s)
{
    switch (s->kind) {
    case WRITE_INSERT:
        put_visible(out, s);
        if (s->clash == WRITE_CLASH_MERGE) /* and the next row may be new */
            buf_puts(out,
                     " - coalesce(nullif(current_setting(" WAS ", true), ''), '0')::int + length(set_config(" WAS ", '', true))");
        break;
    case WRITE_UPDATE:
        if (changes_visibility(s)) {
            put_visible(out, s);
            buf_puts(out, " - current_setting(" WAS ")::int");
        } else {
            buf_puts(out, "0");
        }
        break;
    case WRITE_DELETE:
        buf_puts(out, "-");
        put_visible(out, s);
        break;
    case WRITE_SOFT_DELETE: buf_puts(out, "-1"); break;
    }
    buf_puts(out, " AS " WRITE_DELTA);
}

static void put_returning(struct buf *out, const struct write_shape *s)
{
    buf_puts(out, " RETURNING t0.*, ");
    put_delta(out, s);
    buf_puts(out, ", ");
    write_put_sound(out, s);
}

/* The body's columns with their types: x("a" bigint, …). */
static void put_types(struct buf *out, const struct write_shape *s)
{
    const struct table *t = &s->dataset->table;
    buf_puts(out, " AS x(");
    for (size_t i = 0; i < s->body->fields; i++) {
        const struct table_column *c = &t->column[s->body->field[i].column];
        buf_puts(out, i ? ", " : "");
        put_name(out, c->name);
        buf_printf(out, " %s", c->sql_type);
    }
    buf_puts(out, ")");
}

static void put_fields(struct buf *out, const struct write_shape *s)
{
    for (size_t i = 0; i < s->body->fields; i++) {
        buf_puts(out, i ? ", " : "");
        put_name(out, s->dataset->table.column[s->body->field[i].column].name);
    }
    for (size_t i = 0; i < s->dataset->table.columns; i++) {
        if (!write_is_computed(s, i)) continue;
        buf_puts(out, ", ");
        put_name(out, s->dataset->table.column[i].name);
    }
}

/* Some rows bring it, and others do not, which then have its DEFAULT. */
static bool is_mixed(const struct write_shape *s, size_t i)
{
    const struct write_field *f = &s->body->field[i];
    return s->defaults && f->seen < s->body->rows && s->dataset->table.column[f->column].default_sql;
}

static void put_values(struct buf *out, const struct write_shape *s)
{
    for (size_t i = 0; i < s->body->fields; i++) {
        const struct table_column *c = &s->dataset->table.column[s->body->field[i].column];
        buf_puts(out, i ? ", " : "");
        if (is_mixed(s, i)) {
            buf_puts(out, "CASE WHEN j.e -> ");
            db_quote_literal(out, slice_of(c->name));
            buf_printf(out, " IS NULL THEN %s ELSE ", c->default_sql);
        }
        buf_puts(out, "x.");
        put_name(out, c->name);
        if (is_mixed(s, i)) buf_puts(out, " END");
    }
    for (size_t i = 0; i < s->dataset->table.columns; i++) {
        if (!write_is_computed(s, i)) continue;
        buf_puts(out, ", ");
        write_put_computed(out, s, i);
    }
}

static void put_source(struct rest_builder *b, const struct write_shape *s)
{
    bool mixed = false;
    for (size_t i = 0; i < s->body->fields; i++)
        mixed |= is_mixed(s, i);
    buf_puts(b->out, s->body->fields && !mixed ? " FROM json_to_recordset(" : " FROM json_array_elements(");
    rest_put_param(b, db_slice(s->body->all), (struct slice){NULL, 0});
    buf_puts(b->out, "::json)");
    if (mixed) buf_puts(b->out, " AS j(e), json_to_record(j.e)");
    if (s->body->fields) put_types(b->out, s);
}

static bool in_target(const struct write_shape *s, const char *name)
{
    for (size_t i = 0; i < s->targets; i++)
        if (strcmp(s->target[i], name) == 0) return true;
    return false;
}

/* What is kept by soft_delete and timestamps, where the body says nothing of it. */
static void put_stamps(struct buf *out, const struct write_shape *s, bool revive, bool first)
{
    const struct table *t = &s->dataset->table;
    if (revive && t->deleted_at && !brings(s, t->deleted_at)) {
        buf_printf(out, "%s" TABLE_DELETED_AT " = NULL", first ? "" : ", ");
        first = false;
    }
    if (t->updated_at && !brings(s, t->updated_at)) buf_printf(out, "%s" TABLE_UPDATED_AT " = now()", first ? "" : ", ");
}

static void put_merge(struct buf *out, const struct write_shape *s)
{
    bool first = true;
    for (size_t i = 0; i < s->body->fields; i++) {
        const char *name = s->dataset->table.column[s->body->field[i].column].name;
        if (in_target(s, name)) continue;
        buf_puts(out, first ? "" : ", ");
        put_name(out, name);
        buf_puts(out, " = excluded.");
        put_name(out, name);
        first = false;
    }
    for (size_t i = 0; i < s->dataset->table.columns; i++) {
        if (!write_is_computed(s, i)) continue;
        const char *name = s->dataset->table.column[i].name;
        buf_puts(out, first ? "" : ", ");
        put_name(out, name);
        buf_puts(out, " = excluded.");
        put_name(out, name);
        first = false;
    }
    if (first) { /* a row of nothing but its key is an answer, too */
        put_name(out, s->target[0]);
        buf_puts(out, " = excluded.");
        put_name(out, s->target[0]);
    }
    put_stamps(out, s, true, false);
    buf_puts(out, " WHERE ");
    put_note_was(out, s);
    buf_puts(out, " IS NOT NULL");
    if (!s->dataset->rollups) return;
    buf_puts(out, " AND ");
    write_put_note_old(out, s->dataset);
}

static void put_clash(struct buf *out, const struct write_shape *s)
{
    if (s->clash == WRITE_CLASH_REFUSE) return;
    buf_puts(out, " ON CONFLICT");
    for (size_t i = 0; i < s->targets; i++) {
        buf_puts(out, i ? ", " : " (");
        put_name(out, s->target[i]);
    }
    if (s->targets) buf_putc(out, ')');
    buf_puts(out, s->clash == WRITE_CLASH_IGNORE ? " DO NOTHING" : " DO UPDATE SET ");
    if (s->clash == WRITE_CLASH_MERGE) put_merge(out, s);
}

/* Rows that are there already are locked in the order of their keys, so that no two requests wait for each other. Not where the
 * server makes the primary key, which tells in which order rows came. */
static void put_lock_order(struct buf *out, const struct write_shape *s)
{
    const struct table *t = &s->dataset->table;
    if (s->clash != WRITE_CLASH_MERGE || !s->sorted || t->keys == 0) return;
    for (size_t i = 0; i < t->keys; i++)
        if (!write_brings(s, t->key[i])) return;
    for (size_t i = 0; i < s->targets; i++)
        if (!write_brings(s, (size_t)table_find(t, s->target[i]))) return;
    for (size_t i = 0; i < s->targets; i++) {
        buf_puts(out, i ? ", x." : " ORDER BY x.");
        put_name(out, s->target[i]);
    }
}

static void put_insert(struct rest_builder *b, const struct write_shape *s)
{
    struct buf *out = b->out;
    buf_puts(out, "INSERT INTO ");
    put_table(out, &s->dataset->table);
    buf_puts(out, " AS t0");
    if (s->body->fields) {
        buf_puts(out, " (");
        put_fields(out, s);
        buf_puts(out, ") OVERRIDING SYSTEM VALUE SELECT ");
        put_values(out, s);
    } else {
        buf_puts(out, " SELECT");
    }
    put_source(b, s);
    put_lock_order(out, s);
    put_clash(out, s);
}

/* ---- UPDATE and DELETE ---- */

void write_put_key(struct rest_builder *b, const struct table *t, const struct slice *key)
{
    for (size_t k = 0; k < t->keys; k++) {
        const struct table_column *c = &t->column[t->key[k]];
        buf_puts(b->out, k ? " AND t0." : " WHERE t0.");
        put_name(b->out, c->name);
        buf_puts(b->out, " = "); /* no cast: one to varchar(3) or numeric(6,2) would make the value another's */
        rest_put_text(b, key[k], slice_of(c->name));
    }
}

static int put_where(struct rest_builder *b, const struct write_shape *s)
{
    size_t before = b->out->len;
    int r = 0;
    if (s->plan)
        r = rest_put_where(b, s->plan);
    else
        write_put_key(b, &s->dataset->table, s->key);
    if (r == 0 && s->kind == WRITE_SOFT_DELETE) /* conditions may speak of rows that are deleted already */
        buf_puts(b->out, b->out->len == before ? " WHERE t0." TABLE_DELETED_AT " IS NULL" : " AND t0." TABLE_DELETED_AT " IS NULL");
    if (r != 0 || !s->dataset->rollups || s->kind == WRITE_DELETE) return r; /* DELETE returns what was there */
    buf_puts(b->out, b->out->len == before ? " WHERE " : " AND ");
    write_put_note_old(b->out, s->dataset);
    return 0;
}

/* PUT: what the body lacks. */
static void put_defaults(struct buf *out, const struct write_shape *s, bool *first)
{
    const struct table *t = &s->dataset->table;
    for (size_t i = 0; i < t->columns; i++) {
        const struct table_column *c = &t->column[i];
        bool key = false;
        for (size_t k = 0; k < t->keys; k++)
            key |= t->key[k] == i;
        if (key || c->generated || c->identity_always || c->lineage || c == t->created_at || c == t->updated_at ||
            c == t->deleted_at || write_brings(s, i) || write_is_computed(s, i))
            continue;
        buf_puts(out, *first ? "" : ", ");
        put_name(out, c->name);
        buf_puts(out, " = DEFAULT");
        *first = false;
    }
}

static void put_set(struct buf *out, const struct write_shape *s, size_t column, bool first)
{
    const struct table_column *c = &s->dataset->table.column[column];
    bool notes = c == s->dataset->table.deleted_at;
    buf_puts(out, first ? "" : ", ");
    put_name(out, c->name);
    buf_puts(out, notes ? " = CASE WHEN " : " = ");
    if (notes) put_note_was(out, s);
    buf_puts(out, notes ? " IS NOT NULL THEN x." : "x.");
    put_name(out, c->name);
    if (notes) buf_puts(out, " END");
}

static int put_update(struct rest_builder *b, const struct write_shape *s)
{
    struct buf *out = b->out;
    bool first = true;
    buf_puts(out, "UPDATE ");
    put_table(out, &s->dataset->table);
    buf_puts(out, " AS t0 SET ");
    if (s->kind == WRITE_SOFT_DELETE) {
        buf_puts(out, TABLE_DELETED_AT " = now()");
        put_stamps(out, s, false, false);
        return put_where(b, s);
    }
    for (size_t i = 0; i < s->body->fields; i++) {
        put_set(out, s, s->body->field[i].column, first);
        first = false;
    }
    if (s->whole) put_defaults(out, s, &first);
    for (size_t i = 0; i < s->dataset->table.columns && s->body->fields; i++) {
        if (!write_is_computed(s, i)) continue;
        buf_puts(out, first ? "" : ", ");
        put_name(out, s->dataset->table.column[i].name);
        buf_puts(out, " = ");
        write_put_computed(out, s, i);
        first = false;
    }
    if (first) { /* nothing changes, but for the time */
        const char *name = s->dataset->table.column[0].name;
        put_name(out, name);
        buf_puts(out, " = t0.");
        put_name(out, name);
    }
    put_stamps(out, s, false, false);
    if (s->body->fields) {
        buf_puts(out, " FROM json_to_recordset(");
        rest_put_param(b, db_slice(s->body->all), (struct slice){NULL, 0});
        buf_puts(out, "::json)");
        put_types(out, s);
    }
    return put_where(b, s);
}

static int put_delete(struct rest_builder *b, const struct write_shape *s)
{
    buf_puts(b->out, "DELETE FROM ");
    put_table(b->out, &s->dataset->table);
    buf_puts(b->out, " AS t0");
    return put_where(b, s);
}

int write_put_rows(struct rest_builder *b, const struct write_shape *s)
{
    int r = 0;
    buf_puts(b->out, "w AS (");
    if (s->kind == WRITE_INSERT)
        put_insert(b, s);
    else
        r = s->kind == WRITE_DELETE ? put_delete(b, s) : put_update(b, s);
    put_returning(b->out, s);
    buf_puts(b->out, ")");
    return r;
}

/* As UPDATE locks it: who inserts a row that refers to it, as a load may do for long, is not in the way. A role that may delete
 * need not be one that may update; what goes is gone, whoever came first. */
void write_put_find(struct rest_builder *b, const struct dataset *d, const struct slice *key, bool lock)
{
    buf_puts(b->out, d->table.deleted_at ? "SELECT t0." TABLE_DELETED_AT " IS NOT NULL FROM " : "SELECT false FROM ");
    put_table(b->out, &d->table);
    buf_puts(b->out, " AS t0");
    write_put_key(b, &d->table, key);
    if (lock) buf_puts(b->out, " FOR NO KEY UPDATE");
}

/* ---- begin and end ---- */

void write_begin_sql(struct buf *out, const struct dataset *d)
{
    buf_puts(out, "BEGIN READ WRITE; SET LOCAL cetl.load = 'on'; SET LOCAL synchronous_commit = on; ");
    if (d->rollups || write_refuses(d)) write_put_functions(out, d);
    if (d->rollups) buf_printf(out, "SELECT pg_advisory_xact_lock_shared(" SQL_GROUPS_LOCK "); ", (long long)d->id);
    for (size_t i = 0; i < d->rollups; i++) {
        touched_make_sql(out, d, i);
        buf_puts(out, "; ");
    }
}

/* Rows of other tables went, or changed, with these: marks as of writes from outside for their datasets. */
static void put_cascades(struct buf *out, const struct write_end *e, const char *action)
{
    struct buf name;
    buf_init(&name, 4096);
    const struct table *t = &e->dataset->table;
    const char *text = table_quote(&name, t->schema, t->name);
    buf_puts(out, "WITH RECURSIVE c(t, own) AS (SELECT to_regclass(");
    db_quote_literal(out, slice_of(text ? text : ""));
    buf_printf(out,
               ")::oid, true UNION SELECT f.conrelid, false FROM pg_constraint f JOIN c ON f.confrelid = c.t WHERE f.contype = 'f'"
               " AND f.%s IN ('c', 'n', 'd')) INSERT INTO cetl.change (dataset_id, outside) SELECT DISTINCT d.id, true FROM c"
               " JOIN cetl.dataset d ON to_regclass(format('%%I.%%I', d.table_schema, d.table_name)) = c.t WHERE NOT c.own; ",
               action);
    if (!text) out->failed = -ENOMEM;
    buf_done(&name);
}

void write_end_sql(struct buf *out, const struct write_end *e)
{
    const struct dataset *d = e->dataset;
    if (e->role) buf_puts(out, "SET LOCAL ROLE NONE; ");
    for (size_t i = 0; i < d->rollups; i++) {
        touched_recompute_sql(out, d, i);
        buf_puts(out, "; ");
    }
    if (e->kind == WRITE_DELETE) put_cascades(out, e, "confdeltype");
    if (e->kind == WRITE_UPDATE && e->keys) put_cascades(out, e, "confupdtype");
    buf_printf(out,
               "INSERT INTO cetl.change (dataset_id, rows) SELECT id, %lld FROM cetl.dataset WHERE id = %lld AND definition = %lld"
               " RETURNING id",
               (long long)e->delta, (long long)d->id, (long long)d->definition);
}
