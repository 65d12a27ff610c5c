/* SPDX-License-Identifier: MIT */
#include "etl/rollup.h"

#include "db/query.h"
#include "etl/sql.h"

static const char *const function_name[] = {
    [ROLLUP_COUNT_ALL] = "count", [ROLLUP_COUNT] = "count", [ROLLUP_SUM] = "sum",           [ROLLUP_MIN] = "min",
    [ROLLUP_MAX] = "max",         [ROLLUP_AVG] = "avg",     [ROLLUP_BOOL_AND] = "bool_and", [ROLLUP_BOOL_OR] = "bool_or"};

static void put_table(struct buf *out, const struct table *t)
{
    table_quote(out, t->schema, t->name);
}

static void put_name(struct buf *out, const char *name)
{
    db_quote_identifier(out, slice_of(name));
}

void rollup_put_key(struct buf *out, const struct dataset_rollup *r, size_t i)
{
    const struct rollup_key *k = &r->config->keys.item[i];
    if (k->kind == ROLLUP_KEY_EXPR) {
        buf_printf(out, "(%s\n)", k->sql); /* the line end: it may end in a comment */
        return;
    }
    if (k->kind == ROLLUP_KEY_TRUNC) buf_printf(out, "date_trunc('%s', ", k->unit);
    put_name(out, k->column);
    if (k->kind == ROLLUP_KEY_TRUNC) buf_putc(out, ')');
    if (k->kind == ROLLUP_KEY_DATE) buf_puts(out, "::date");
}

static void put_measure(struct buf *out, const struct rollup_measure *m)
{
    if (m->sql) {
        buf_puts(out, m->sql);
        return;
    }
    buf_printf(out, "%s(", function_name[m->function]);
    if (m->column) {
        put_name(out, m->column);
    } else {
        buf_putc(out, '*');
    }
    buf_putc(out, ')');
}

void rollup_select(struct buf *out, const struct dataset_rollup *r, const struct table *source)
{
    const struct config_rollup *c = r->config;
    buf_puts(out, "SELECT ");
    for (size_t i = 0; i < c->keys.n; i++) {
        rollup_put_key(out, r, i);
        buf_puts(out, " AS ");
        put_name(out, c->keys.item[i].alias);
        buf_puts(out, ", ");
    }
    for (size_t i = 0; i < c->measures.n; i++) {
        put_measure(out, &c->measures.item[i]);
        buf_puts(out, " AS ");
        put_name(out, c->measures.item[i].alias);
        if (i + 1 < c->measures.n) buf_puts(out, ", ");
    }
    for (size_t n = 0; n < r->spec.measures; n++) {
        const struct table_column *state = &r->table.column[r->state[n].column];
        if (!state->lineage) continue;
        buf_printf(out, ", %s(", function_name[r->state[n].function]);
        put_name(out, source->column[r->spec.measure[n].column].name);
        buf_puts(out, ") AS ");
        put_name(out, state->name);
    }
    buf_puts(out, " FROM ");
    put_table(out, source);
    if (source->deleted_at) buf_puts(out, " WHERE " TABLE_DELETED_AT " IS NULL");
}

void rollup_group_by(struct buf *out, const struct dataset_rollup *r)
{
    for (size_t i = 0; i < r->config->keys.n; i++)
        buf_printf(out, "%s%zu", i ? ", " : " GROUP BY ", i + 1);
}

void rollup_definition(struct buf *out, const struct dataset_rollup *r, const struct table *source)
{
    rollup_select(out, r, source);
    rollup_group_by(out, r);
}

void rollup_comment(struct buf *out, const struct dataset_rollup *r, const struct table *source)
{
    rollup_definition(out, r, source);
    buf_printf(out, " /* table %u", source->oid);
    for (size_t i = 0; i < r->table.columns; i++)
        buf_printf(out, ", %s", r->table.column[i].sql_type);
    buf_puts(out, " */");
}

static void put_names(struct buf *out, const struct table *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0) buf_puts(out, ", ");
        put_name(out, t->column[i].name);
    }
}

void rollup_create_sql(struct buf *out, const struct dataset_rollup *r, const struct table *source)
{
    const struct table *t = &r->table;
    struct buf comment;
    buf_init(&comment, out->max);
    rollup_comment(&comment, r, source);

    buf_puts(out, SQL_LOCK_SOON "LOCK TABLE ");
    put_table(out, source);
    buf_puts(out, " IN SHARE MODE; DROP TABLE IF EXISTS ");
    put_table(out, t);
    buf_puts(out, "; CREATE TABLE ");
    put_table(out, t);
    buf_puts(out, " (");
    for (size_t i = 0; i < t->columns; i++) {
        if (i > 0) buf_puts(out, ", ");
        put_name(out, t->column[i].name);
        buf_printf(out, " %s", t->column[i].sql_type);
        enum type_id id = t->column[i].type.id;
        if (id == TYPE_TEXT || id == TYPE_VARCHAR || id == TYPE_BPCHAR) buf_puts(out, " COLLATE \"C\"");
    }
    buf_puts(out, ", UNIQUE NULLS NOT DISTINCT (");
    put_names(out, t, t->keys);
    buf_puts(out, ")); INSERT INTO ");
    put_table(out, t);
    buf_putc(out, ' ');
    rollup_definition(out, r, source);
    buf_puts(out, "; COMMENT ON TABLE ");
    put_table(out, t);
    buf_puts(out, " IS ");
    db_quote_literal(out, buf_slice(&comment));
    if (buf_check(&comment) != 0) out->failed = comment.failed;
    buf_done(&comment);
}

void rollup_empty_sql(struct buf *out, const struct dataset_rollup *r)
{
    buf_puts(out, "DELETE FROM ");
    put_table(out, &r->table);
}

void rollup_refill_sql(struct buf *out, const struct dataset_rollup *r, const struct table *source)
{
    rollup_empty_sql(out, r);
    buf_puts(out, "; INSERT INTO ");
    put_table(out, &r->table);
    buf_putc(out, ' ');
    rollup_definition(out, r, source);
}

void rollup_types_sql(struct buf *out, const struct dataset_rollup *r, const struct table *source)
{
    rollup_definition(out, r, source);
    buf_puts(out, " LIMIT 0");
}

/* How an old measure and a load's partial become the new one. A sum of nothing is NULL, and stays out of the way. */
static void put_combination(struct buf *out, enum rollup_function function, const char *column)
{
    static const char *const form[] = {[ROLLUP_COUNT_ALL] = "r.%s + excluded.%s",
                                       [ROLLUP_COUNT] = "r.%s + excluded.%s",
                                       [ROLLUP_SUM] = "coalesce(r.%s + excluded.%s, r.%s, excluded.%s)",
                                       [ROLLUP_MIN] = "least(r.%s, excluded.%s)",
                                       [ROLLUP_MAX] = "greatest(r.%s, excluded.%s)",
                                       [ROLLUP_BOOL_AND] = "coalesce(r.%s AND excluded.%s, r.%s, excluded.%s)",
                                       [ROLLUP_BOOL_OR] = "coalesce(r.%s OR excluded.%s, r.%s, excluded.%s)"};
    for (const char *p = form[function]; *p; p++) {
        if (*p == '%') {
            put_name(out, column);
            p++;
        } else {
            buf_putc(out, *p);
        }
    }
}

/* The avg that stands in front of the sum `n`: the division is PostgreSQL's own, of a numeric or a float8. */
static void put_avg(struct buf *out, const struct dataset_rollup *r, size_t n, bool combine)
{
    const struct table *t = &r->table;
    const struct table_column *sum = &t->column[r->state[n].column], *count = &t->column[r->state[n + 1].column];
    const char *as = sum->type.id == TYPE_FLOAT8 ? "float8" : "numeric";
    buf_putc(out, '(');
    combine ? put_combination(out, ROLLUP_SUM, sum->name) : put_name(out, sum->name);
    buf_printf(out, ")::%s / nullif(", as);
    combine ? put_combination(out, ROLLUP_COUNT, count->name) : put_name(out, count->name);
    buf_printf(out, ", 0)::%s", as);
}

/* Call for each avg: its column, and the number of its sum among the states. */
static bool next_avg(const struct dataset_rollup *r, size_t *i, size_t *n)
{
    const struct rollup_measures *m = &r->config->measures;
    for (; *i < m->n && m->item[*i].function != ROLLUP_AVG; ++*i)
        ++*n;
    return *i < m->n;
}

size_t rollup_partial_column(const struct dataset_rollup *r, size_t i)
{
    return i < r->spec.keys ? i : r->state[i - r->spec.keys].column;
}

static void put_partial_names(struct buf *out, const struct dataset_rollup *r)
{
    for (size_t i = 0; i < r->spec.keys + r->spec.measures; i++) {
        buf_puts(out, i ? ", " : "");
        put_name(out, r->table.column[rollup_partial_column(r, i)].name);
    }
}

void rollup_put_unnest(struct buf *out, const struct dataset_rollup *r)
{
    buf_puts(out, "unnest(");
    for (size_t i = 0; i < r->spec.keys + r->spec.measures; i++)
        buf_printf(out, "%s$%zu::%s[]", i ? ", " : "", i + 1,
                   type_info(r->table.column[rollup_partial_column(r, i)].type.id)->name);
    buf_puts(out, ")");
}

void rollup_merge_sql(struct buf *out, const struct dataset_rollup *r)
{
    const struct table *t = &r->table;
    buf_puts(out, "INSERT INTO ");
    put_table(out, t);
    buf_puts(out, " AS r (");
    put_partial_names(out, r);
    for (size_t i = 0, n = 0; next_avg(r, &i, &n); i++, n += 2) {
        buf_puts(out, ", ");
        put_name(out, t->column[t->keys + i].name);
    }
    buf_puts(out, ") SELECT *");
    for (size_t i = 0, n = 0; next_avg(r, &i, &n); i++, n += 2) {
        buf_puts(out, ", ");
        put_avg(out, r, n, false);
    }
    buf_puts(out, " FROM ");
    rollup_put_unnest(out, r);
    buf_puts(out, " AS p (");
    put_partial_names(out, r);
    buf_puts(out, ") ON CONFLICT (");
    put_names(out, t, t->keys);
    buf_puts(out, ") DO UPDATE SET ");
    for (size_t n = 0; n < r->spec.measures; n++) {
        const char *name = t->column[r->state[n].column].name;
        buf_puts(out, n ? ", " : "");
        put_name(out, name);
        buf_puts(out, " = ");
        put_combination(out, r->state[n].function, name);
    }
    for (size_t i = 0, n = 0; next_avg(r, &i, &n); i++, n += 2) {
        buf_puts(out, ", ");
        put_name(out, t->column[t->keys + i].name);
        buf_puts(out, " = ");
        put_avg(out, r, n, true);
    }
}
