/* SPDX-License-Identifier: MIT */
#include "etl/rollup.h"

#include "db/query.h"
#include "etl/sql.h"

static const char *const function_name[] = {
    [ROLLUP_COUNT_ALL] = "count", [ROLLUP_COUNT] = "count", [ROLLUP_SUM] = "sum", [ROLLUP_MIN] = "min", [ROLLUP_MAX] = "max"};
static const enum aggregate_function function_of[] = {[ROLLUP_COUNT_ALL] = AGGREGATE_COUNT_ALL,
                                                      [ROLLUP_COUNT] = AGGREGATE_COUNT,
                                                      [ROLLUP_SUM] = AGGREGATE_SUM,
                                                      [ROLLUP_MIN] = AGGREGATE_MIN,
                                                      [ROLLUP_MAX] = AGGREGATE_MAX};
static const enum aggregate_key_kind kind_of[] = {
    [ROLLUP_KEY_COLUMN] = AGGREGATE_KEY_COLUMN, [ROLLUP_KEY_DATE] = AGGREGATE_KEY_DATE, [ROLLUP_KEY_TRUNC] = AGGREGATE_KEY_TRUNC};

/* ---- resolving names ---- */

struct resolution {
    const struct config_rollup *config;
    const struct table *source;
    struct arena *arena;
    struct error *err;
};

static int find_column(const struct resolution *r, const char *name, size_t *ret_column)
{
    int c = table_find(r->source, name);
    const struct config_place *at = &r->config->place;
    if (c < 0)
        return error_set(r->err, ROLLUP_E_UNKNOWN_COLUMN, "%s:%d: rollup %s: table %s.%s has no column %s", at->file, at->line,
                         r->config->name, r->source->schema, r->source->name, name);
    if (!r->source->column[c].known)
        return error_set(r->err, ROLLUP_E_TYPE, "%s:%d: rollup %s: column %s has type %s, which a rollup cannot use", at->file,
                         at->line, r->config->name, name, r->source->column[c].sql_type);
    *ret_column = (size_t)c;
    return 0;
}

static int resolve_spec(const struct resolution *r, struct aggregate_spec *ret_spec)
{
    const struct config_rollup *c = r->config;
    struct aggregate_key *key = arena_array(r->arena, c->keys.n + 1, sizeof *key);
    struct aggregate_measure *measure = arena_array(r->arena, c->measures.n + 1, sizeof *measure);
    struct type *type = arena_array(r->arena, r->source->columns + 1, sizeof *type);
    if (!key || !measure || !type) return -ENOMEM;
    for (size_t i = 0; i < r->source->columns; i++)
        type[i] = r->source->column[i].type;
    for (size_t i = 0; i < c->keys.n; i++) {
        key[i] = (struct aggregate_key){.kind = kind_of[c->keys.item[i].kind], .unit = c->keys.item[i].unit};
        int e = find_column(r, c->keys.item[i].column, &key[i].column);
        if (e != 0) return e;
    }
    for (size_t i = 0; i < c->measures.n; i++) {
        const struct rollup_measure *m = &c->measures.item[i];
        measure[i] = (struct aggregate_measure){.function = function_of[m->function]};
        int e = m->column ? find_column(r, m->column, &measure[i].column) : 0;
        if (e != 0) return e;
    }
    *ret_spec = (struct aggregate_spec){
        .key = key, .keys = c->keys.n, .measure = measure, .measures = c->measures.n, .type = type, .columns = r->source->columns};
    return 0;
}

static int check_text_order(const struct resolution *r, const struct aggregate_measure *m)
{
    if (m->function != AGGREGATE_MIN && m->function != AGGREGATE_MAX) return 0;
    const struct table_column *c = &r->source->column[m->column];
    if (c->bytewise) return 0;
    return error_set(r->err, ROLLUP_E_TYPE,
                     "%s:%d: rollup %s: min and max of %s need bytewise order; declare the column COLLATE \"C\"",
                     r->config->place.file, r->config->place.line, r->config->name, c->name);
}

/* One column of the rollup's table. */
static int add_column(const struct resolution *r, struct table *t, const char *name, struct type type)
{
    char sql[64];
    struct table_column *c = &t->column[t->columns];
    *c = (struct table_column){.oid = type_info(type.id)->oid, .known = true, .type = type, .bytewise = true, .format = ""};
    c->name = arena_cstr(r->arena, slice_of(name));
    c->sql_type = arena_cstr(r->arena, slice_of(type_sql(type, sql)));
    if (!c->name || !c->sql_type) return -ENOMEM;
    t->columns++;
    return 0;
}

static int resolve_table(const struct resolution *r, const struct aggregate_spec *spec, struct table *ret_table)
{
    const struct config_rollup *c = r->config;
    struct table t = {.schema = r->source->schema, .name = c->table};
    t.column = arena_array(r->arena, spec->keys + spec->measures + 1, sizeof *t.column);
    t.key = arena_array(r->arena, spec->keys + 1, sizeof *t.key);
    if (!t.column || !t.key) return -ENOMEM;
    struct type type;
    int e = 0;
    for (size_t i = 0; i < spec->keys && e == 0; i++) {
        t.key[t.keys++] = i;
        e = aggregate_key_type(spec, i, r->err, &type);
        if (e == 0) e = add_column(r, &t, c->keys.item[i].alias, type);
    }
    for (size_t i = 0; i < spec->measures && e == 0; i++) {
        e = check_text_order(r, &spec->measure[i]);
        if (e == 0) e = aggregate_measure_type(spec, i, r->err, &type);
        if (e == 0) e = add_column(r, &t, c->measures.item[i].alias, type);
    }
    if (e == AGGREGATE_E_TYPE) {
        struct error why = *r->err;
        return error_set(r->err, ROLLUP_E_TYPE, "%s:%d: rollup %s: %s", c->place.file, c->place.line, c->name, why.text);
    }
    if (e == 0) *ret_table = t;
    return e;
}

int rollup_resolve(const struct config_rollup *config, const struct table *source, struct arena *a, struct error *err,
                   struct dataset_rollup *ret_rollup)
{
    struct resolution r = {config, source, a, err};
    struct dataset_rollup out = {.config = config};
    int e = resolve_spec(&r, &out.spec);
    if (e == 0) e = resolve_table(&r, &out.spec, &out.table);
    if (e == 0) *ret_rollup = out;
    return e;
}

/* ---- SQL ---- */

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
    if (k->kind == ROLLUP_KEY_TRUNC) buf_printf(out, "date_trunc('%s', ", k->unit);
    put_name(out, k->column);
    if (k->kind == ROLLUP_KEY_TRUNC) buf_putc(out, ')');
    if (k->kind == ROLLUP_KEY_DATE) buf_puts(out, "::date");
}

static void put_measure(struct buf *out, const struct rollup_measure *m)
{
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
    buf_puts(out, " FROM ");
    put_table(out, source);
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

/* How an old measure and a load's partial become the new one. A sum of nothing is NULL, and stays out of the way. */
static void put_combination(struct buf *out, enum rollup_function function, const char *column)
{
    struct buf name;
    buf_init(&name, 256);
    put_name(&name, column);
    const char *n = buf_cstr(&name);
    if (!n) {
        out->failed = -ENOMEM;
        n = "";
    }
    buf_printf(out, "%s = ", n);
    switch (function) {
    case ROLLUP_COUNT_ALL:
    case ROLLUP_COUNT: buf_printf(out, "r.%s + excluded.%s", n, n); break;
    case ROLLUP_SUM: buf_printf(out, "coalesce(r.%s + excluded.%s, r.%s, excluded.%s)", n, n, n, n); break;
    case ROLLUP_MIN: buf_printf(out, "least(r.%s, excluded.%s)", n, n); break;
    case ROLLUP_MAX: buf_printf(out, "greatest(r.%s, excluded.%s)", n, n); break;
    }
    buf_done(&name);
}

void rollup_merge_sql(struct buf *out, const struct dataset_rollup *r)
{
    const struct table *t = &r->table;
    buf_puts(out, "INSERT INTO ");
    put_table(out, t);
    buf_puts(out, " AS r (");
    put_names(out, t, t->columns);
    buf_puts(out, ") SELECT * FROM unnest(");
    for (size_t i = 0; i < t->columns; i++)
        buf_printf(out, "%s$%zu::%s[]", i ? ", " : "", i + 1, type_info(t->column[i].type.id)->name);
    buf_puts(out, ") ON CONFLICT (");
    put_names(out, t, t->keys);
    buf_puts(out, ") DO UPDATE SET ");
    for (size_t i = 0; i < r->config->measures.n; i++) {
        if (i > 0) buf_puts(out, ", ");
        put_combination(out, r->config->measures.item[i].function, t->column[t->keys + i].name);
    }
}
