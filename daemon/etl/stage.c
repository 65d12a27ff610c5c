/* SPDX-License-Identifier: MIT */
#include "db/query.h"
#include "etl/convert.h"
#include "etl/stage_sql.h"

#include <string.h>

void stage_put_name(struct buf *out, const char *name)
{
    db_quote_identifier(out, slice_of(name));
}

void stage_put_columns(struct buf *out, const struct stage *s)
{
    for (size_t i = 0; i < s->rule->columns; i++) {
        buf_puts(out, i ? ", " : "");
        stage_put_name(out, s->rule->column[i].name);
    }
}

static void put_key(struct buf *out, const struct table *t)
{
    for (size_t i = 0; i < t->keys; i++) {
        buf_puts(out, i ? ", " : "");
        stage_put_name(out, t->column[t->key[i]].name);
    }
}

static bool in_key(const struct table *t, const char *name)
{
    for (size_t i = 0; i < t->keys; i++)
        if (strcmp(t->column[t->key[i]].name, name) == 0) return true;
    return false;
}

/* A file of nothing but the key has nothing to update. */
bool stage_updates(const struct stage *s)
{
    return s->update && (s->rule->columns > s->table->keys || s->table->deleted_at);
}

void stage_make_sql(struct buf *out, const struct stage *s)
{
    /* The lock first: the stage's columns are the table's until the end of the transaction, and no lock is raised later. */
    buf_puts(out, "LOCK TABLE ");
    table_quote(out, s->table->schema, s->table->name);
    buf_puts(out, " IN ROW EXCLUSIVE MODE; CREATE TEMP TABLE cetl_stage ON COMMIT DROP AS SELECT ");
    stage_put_columns(out, s);
    buf_puts(out, ", NULL::int8 AS " STAGE_FILE ", NULL::int8 AS " STAGE_LINE " FROM ");
    table_quote(out, s->table->schema, s->table->name);
    buf_puts(out, " WITH NO DATA");
    if (!s->formulas) return;
    buf_puts(out, "; ");
    stage_put_input(out, s);
}

const char *stage_first(const struct stage *s)
{
    return s->formulas ? "cetl_input" : "cetl_stage";
}

void stage_empty_sql(struct buf *out, const struct stage *s)
{
    buf_printf(out, "TRUNCATE pg_temp.cetl_stage%s", s->formulas ? ", pg_temp.cetl_input" : "");
}

void stage_fill_sql(struct buf *out, const struct stage *s)
{
    buf_printf(out, "COPY pg_temp.%s FROM STDIN%s", stage_first(s), convert_copy_options(s->text));
}

/* INSERT … SELECT the row that wins for each key. Sorted by key, they come in the order of the index. */
static void put_insert(struct buf *out, const struct stage *s)
{
    buf_puts(out, "INSERT INTO ");
    table_quote(out, s->table->schema, s->table->name);
    buf_puts(out, " AS " STAGE_OLD " (");
    stage_put_columns(out, s);
    if (s->table->lineage) buf_puts(out, ", " TABLE_LINEAGE_FILE ", " TABLE_LINEAGE_LINE);
    buf_puts(out, ") OVERRIDING SYSTEM VALUE SELECT ");
}

/* What it takes of a staged row. */
static void put_staged(struct buf *out, const struct stage *s)
{
    stage_put_columns(out, s);
    if (s->table->lineage) buf_puts(out, ", " STAGE_FILE ", " STAGE_LINE);
}

static void put_winners(struct buf *out, const struct stage *s)
{
    buf_puts(out, "SELECT DISTINCT ON (");
    put_key(out, s->table);
    buf_puts(out, ") ");
    put_staged(out, s);
    buf_puts(out, " FROM pg_temp.cetl_stage ORDER BY ");
    put_key(out, s->table);
    if (s->update && s->newest_by[0]) {
        buf_puts(out, ", ");
        stage_put_name(out, s->newest_by);
        buf_puts(out, " DESC NULLS LAST");
    }
    buf_puts(out, s->update ? ", " STAGE_LINE " DESC" : ", " STAGE_LINE);
}

static bool brings(const struct stage *s, const char *name)
{
    for (size_t i = 0; i < s->rule->columns; i++)
        if (strcmp(s->rule->column[i].name, name) == 0) return rule_brings(&s->rule->column[i]);
    return false;
}

/* A row that a file brings again is deleted no more, unless the file says so itself. */
static void put_stamps(struct buf *out, const struct stage *s, bool first)
{
    if (s->table->deleted_at && !brings(s, TABLE_DELETED_AT)) {
        buf_printf(out, "%s" TABLE_DELETED_AT " = NULL", first ? "" : ", ");
        first = false;
    }
    if (s->table->updated_at && !brings(s, TABLE_UPDATED_AT)) buf_printf(out, "%s" TABLE_UPDATED_AT " = now()", first ? "" : ", ");
}

/* What happens to a row whose key is in the table. */
static void put_conflict(struct buf *out, const struct stage *s)
{
    buf_puts(out, " ON CONFLICT (");
    put_key(out, s->table);
    if (!stage_updates(s)) {
        buf_puts(out, ") DO NOTHING");
        return;
    }
    buf_puts(out, ") DO UPDATE SET ");
    bool first = true;
    for (size_t i = 0; i < s->rule->columns; i++) {
        const char *name = s->rule->column[i].name;
        if (in_key(s->table, name) || !rule_brings(&s->rule->column[i])) continue;
        buf_puts(out, first ? "" : ", ");
        stage_put_name(out, name);
        buf_puts(out, " = excluded.");
        stage_put_name(out, name);
        first = false;
    }
    put_stamps(out, s, first);
    if (s->table->lineage)
        buf_puts(out, ", " TABLE_LINEAGE_FILE " = excluded." TABLE_LINEAGE_FILE ", " TABLE_LINEAGE_LINE
                      " = excluded." TABLE_LINEAGE_LINE);
    if (!s->newest_by[0]) return;
    buf_puts(out, " WHERE " STAGE_OLD ".");
    stage_put_name(out, s->newest_by);
    buf_puts(out, " IS NULL OR excluded.");
    stage_put_name(out, s->newest_by);
    buf_puts(out, " >= " STAGE_OLD ".");
    stage_put_name(out, s->newest_by);
}

/* The winners whose key is in the table: what PostgreSQL cannot say of a partitioned table's rows afterwards. */
static void put_known(struct buf *out, const struct stage *s)
{
    buf_puts(out, "SELECT count(*) AS n FROM w WHERE EXISTS (SELECT FROM ");
    table_quote(out, s->table->schema, s->table->name);
    buf_puts(out, " AS " STAGE_OLD " WHERE ");
    for (size_t i = 0; i < s->table->keys; i++) {
        const char *name = s->table->column[s->table->key[i]].name;
        buf_puts(out, i ? " AND " STAGE_OLD "." : STAGE_OLD ".");
        stage_put_name(out, name);
        buf_puts(out, " = w.");
        stage_put_name(out, name);
    }
    buf_puts(out, ")");
}

/*
 * A row that was just inserted has xmax 0; one that ON CONFLICT updated was locked first, and so has not. Partitions do not show
 * it ("cannot retrieve a system column in this context"): there it is counted before which keys are known, and what somebody else
 * inserts between that and the merge is counted as ours.
 */
void stage_merge_sql(struct buf *out, const struct stage *s)
{
    bool known = s->table->partitioned && stage_updates(s);
    buf_puts(out, "WITH w AS ");
    buf_puts(out, known ? "MATERIALIZED (" : "NOT MATERIALIZED (");
    put_winners(out, s);
    buf_puts(out, "), ");
    if (known) {
        buf_puts(out, "k AS (");
        put_known(out, s);
        buf_puts(out, "), ");
    }
    buf_puts(out, "m AS (");
    put_insert(out, s);
    put_staged(out, s);
    buf_puts(out, " FROM w");
    put_conflict(out, s);
    if (!stage_updates(s)) {
        buf_puts(out, " RETURNING 1) SELECT count(*), 0 FROM m");
    } else if (known) {
        buf_puts(out, " RETURNING 1) SELECT i.n, (SELECT count(*) FROM m) - i.n"
                      " FROM (SELECT (SELECT count(*) FROM w) - k.n AS n FROM k) i");
    } else {
        buf_puts(out, " RETURNING " STAGE_OLD ".xmax = 0 AS fresh)"
                      " SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM m");
    }
}

void stage_write_sql(struct buf *out, const struct stage *s)
{
    put_insert(out, s);
    put_staged(out, s);
    buf_puts(out, " FROM (");
    put_winners(out, s);
    buf_puts(out, ") w");
    put_conflict(out, s);
}

/* Sorted all the same: rows that come in the order of the index cost half where the file's keys are scattered, and where they are
 * not, sorting them costs nothing that can be measured. */
void stage_write_once_sql(struct buf *out, const struct stage *s)
{
    put_insert(out, s);
    put_staged(out, s);
    buf_puts(out, " FROM pg_temp.cetl_stage ORDER BY ");
    put_key(out, s->table);
    put_conflict(out, s);
}

void stage_append_sql(struct buf *out, const struct stage *s)
{
    put_insert(out, s);
    put_staged(out, s);
    buf_puts(out, " FROM pg_temp.cetl_stage");
}
