/* SPDX-License-Identifier: MIT */
#include "etl/plan.h"

#include "base/log.h"
#include "base/name.h"
#include "db/query.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PLAN_BLOCK = 16 * 1024,
    PLAN_MAX = 64 * 1024 * 1024,
    COPY_SQL_MAX = 1024 * 1024,
    CHUNK_REJECTS_MAX = 1024 * 1024, /* bytes of rejects kept for one chunk */
};

bool plan_head_agrees(const struct plan_head *head, const struct table *t)
{
    if (head->cells != t->columns) return false;
    for (size_t i = 0; i < head->cells; i++)
        if (plan_head_find(head, t->column[i].name) < 0) return false;
    return true;
}

/* ---- matching ---- */

struct matching {
    struct plan *plan;
    const struct plan_head *head;
    bool *used;  /* cells that found their column */
    int *source; /* of each column of the table: the cell, or -1 */
    struct error *err;
};

/* By the name that the configuration gives, or the column's own: the first cell that has either. */
static int match_by_header(const struct matching *m, const char *column, const struct config_column *c)
{
    char wanted[NAME_MAX_BYTES + 1];
    name_normalise(slice_of(c && c->from[0] ? c->from : column), wanted);
    int given = plan_head_find(m->head, wanted), own = plan_head_find(m->head, column);
    if (given < 0 || own < 0) return given < 0 ? own : given;
    return given < own ? given : own;
}

/* Without a header and without positions the cells are the columns in their order. */
static bool by_order(const struct matching *m)
{
    if (m->head->dialect.header == DIALECT_HEADER_YES) return false;
    const struct config_dataset *c = m->plan->dataset->config;
    for (size_t i = 0; c && i < c->n_columns; i++)
        if (c->column[i].position > 0) return false;
    return true;
}

static int match_column(struct matching *m, size_t i, int *order)
{
    const struct dataset *d = m->plan->dataset;
    const struct table_column *column = &d->table.column[i];
    const struct config_column *c = d->config ? config_column(d->config, column->name) : NULL;
    m->source[i] = -1;
    if (column->generated) return 0;
    if (order) {
        m->source[i] = (*order)++;
    } else if (c && c->position > 0) {
        m->source[i] = (int)c->position - 1;
    } else if (m->head->dialect.header == DIALECT_HEADER_YES) {
        m->source[i] = match_by_header(m, column->name, c);
    }
    if (m->source[i] >= (int)m->head->cells)
        return error_set(m->err, PLAN_E_HEADER,
                         "line 1 has %zu cells, but column %s is expected in cell %d; is the delimiter right?", m->head->cells,
                         column->name, m->source[i] + 1);
    if (m->source[i] >= 0) m->used[m->source[i]] = true;
    return 0;
}

static int check_cells_used(const struct matching *m, bool ordered)
{
    if (!ordered && m->head->dialect.header != DIALECT_HEADER_YES) return 0; /* by position: the others are not wanted */
    const struct dataset *d = m->plan->dataset;
    for (size_t i = 0; i < m->head->cells; i++) {
        if (m->used[i]) continue;
        if (ordered)
            return error_set(m->err, PLAN_E_HEADER, "line 1 has %zu cells, but %s.%s has fewer columns", m->head->cells,
                             d->table.schema, d->table.name);
        char shown[128];
        return error_set(m->err, PLAN_E_HEADER,
                         "line 1: cell %zu (\"%s\") is no column of %s.%s; rename it, or give the column a `from`", i + 1,
                         log_escape(m->head->cell[i], shown, sizeof shown), d->table.schema, d->table.name);
    }
    return 0;
}

static bool used_by_rollup(const struct dataset *d, size_t column)
{
    for (size_t r = 0; r < d->rollups; r++) {
        const struct aggregate_spec *s = &d->rollup[r].spec;
        for (size_t i = 0; i < s->keys; i++)
            if (s->key[i].column == column) return true;
        for (size_t i = 0; i < s->measures; i++)
            if (s->measure[i].function != AGGREGATE_COUNT_ALL && s->measure[i].column == column) return true;
    }
    return false;
}

/* A column that the file does not have: the server's default, or NULL where that is allowed. */
static int check_missing(const struct matching *m, size_t i)
{
    const struct dataset *d = m->plan->dataset;
    const struct table_column *c = &d->table.column[i];
    if ((c->has_default || c->generated) && used_by_rollup(d, i))
        return error_set(m->err, PLAN_E_DATASET,
                         "column %s feeds a rollup, but the server would make its values; the file must have it", c->name);
    if (c->not_null && !c->has_default && !c->generated)
        return error_set(m->err, PLAN_E_HEADER, "line 1: no cell for column %s, which may not be null", c->name);
    return 0;
}

static int match_all(struct matching *m)
{
    struct plan *p = m->plan;
    const struct table *t = &p->dataset->table;
    bool ordered = by_order(m);
    int order = 0, r = 0;
    m->used = arena_array(&p->arena, m->head->cells + 1, sizeof *m->used);
    m->source = arena_array(&p->arena, t->columns + 1, sizeof *m->source);
    if (!m->used || !m->source) return -ENOMEM;
    for (size_t i = 0; i < t->columns && r == 0; i++)
        r = match_column(m, i, ordered ? &order : NULL);
    if (r == 0) r = check_cells_used(m, ordered);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        if (m->source[i] < 0) r = check_missing(m, i);
    return r;
}

/* ---- the rule ---- */

static const struct slice *null_tokens(struct arena *a, const struct config_list *list)
{
    struct slice *token = arena_array(a, list->n + 1, sizeof *token);
    for (size_t i = 0; token && i < list->n; i++)
        token[i] = slice_of(list->item[i]);
    return token;
}

/* Decimal 0 says that numbers are written as usual. */
static struct type_marks marks_of(const struct config_dataset *d, const struct config_column *c)
{
    int decimal = c && c->decimal_mark != CONFIG_AS_DATASET ? c->decimal_mark : d->decimal_mark;
    int thousands = c && c->thousands_mark != CONFIG_AS_DATASET ? c->thousands_mark : d->thousands_mark;
    bool usual = decimal == '.' && thousands == 0;
    return (struct type_marks){.decimal = usual ? '\0' : (char)decimal, .thousands = (char)thousands};
}

static bool is_number(enum type_id id)
{
    return id >= TYPE_INT2 && id <= TYPE_FLOAT8;
}

/* How the dataset's and the column's options say that values are written */
static int set_reading(struct matching *m, const struct table_column *c, const struct config_column *config,
                       struct column_rule *rule)
{
    const struct config_dataset *d = m->plan->dataset->config;
    rule->null_token = null_tokens(&m->plan->arena, &d->null);
    rule->null_tokens = d->null.n;
    rule->input.marks = marks_of(d, config);
    rule->input.zone = config && config->zone ? config->zone : d->zone;
    if (!rule->null_token) return -ENOMEM;
    if (!config) return 0;
    bool marks = config->decimal_mark != CONFIG_AS_DATASET || config->thousands_mark != CONFIG_AS_DATASET;
    if (marks && !is_number(c->type.id))
        return error_set(m->err, PLAN_E_DATASET, "column %s: decimal_mark and thousands_mark are for numbers, but it is a %s",
                         c->name, c->sql_type);
    if (config->zone && c->type.id != TYPE_TIMESTAMPTZ)
        return error_set(m->err, PLAN_E_DATASET,
                         "column %s: timezone is for timestamptz (timestamp with time zone), but it is a %s", c->name, c->sql_type);
    return 0;
}

static int make_column_rule(struct matching *m, size_t i, struct column_rule *rule, struct type_format **ret_format)
{
    const struct dataset *d = m->plan->dataset;
    const struct table_column *c = &d->table.column[i];
    const struct config_column *config = d->config ? config_column(d->config, c->name) : NULL;
    const char *format = config && config->format[0] ? config->format : c->format;
    *rule = (struct column_rule){.name = c->name, .input = {.type = c->type}, .source = m->source[i], .not_null = c->not_null};
    int r = d->config ? set_reading(m, c, config, rule) : 0;
    if (r != 0 || !format[0]) return r;
    struct error why;
    r = type_format_new(slice_of(format), &why, ret_format);
    if (r == 0 && !type_format_suits(*ret_format, c->type.id))
        r = error_set(&why, TYPE_E_SYNTAX, "it lacks what a %s needs", type_info(c->type.id)->name);
    if (r > 0) return error_set(m->err, PLAN_E_DATASET, "column %s: format \"%s\": %s", c->name, format, why.text);
    rule->input.format = *ret_format;
    return r;
}

/* The rollups' specs over the rule's columns instead of the table's. `place` maps a table's column to the rule's. */
static int place_rollups(struct plan *p, const size_t *place)
{
    const struct dataset *d = p->dataset;
    struct aggregate_spec *spec = arena_array(&p->arena, d->rollups + 1, sizeof *spec);
    if (!spec) return -ENOMEM;
    for (size_t r = 0; r < d->rollups; r++) {
        const struct aggregate_spec *from = &d->rollup[r].spec;
        struct aggregate_key *key = arena_array(&p->arena, from->keys + 1, sizeof *key);
        struct aggregate_measure *measure = arena_array(&p->arena, from->measures + 1, sizeof *measure);
        if (!key || !measure) return -ENOMEM;
        for (size_t i = 0; i < from->keys; i++) {
            key[i] = from->key[i];
            key[i].column = place[key[i].column];
        }
        for (size_t i = 0; i < from->measures; i++) {
            measure[i] = from->measure[i];
            if (measure[i].function != AGGREGATE_COUNT_ALL) measure[i].column = place[measure[i].column];
        }
        spec[r] = (struct aggregate_spec){.key = key,
                                          .keys = from->keys,
                                          .measure = measure,
                                          .measures = from->measures,
                                          .type = p->convert.types,
                                          .columns = p->rule.columns};
    }
    p->convert.rollup = spec;
    p->convert.rollups = d->rollups;
    return 0;
}

static void put_copy(struct buf *out, const struct plan *p, const char *table)
{
    buf_printf(out, "COPY %s", table);
    for (size_t i = 0; i < p->rule.columns; i++) {
        buf_puts(out, i ? ", " : " (");
        db_quote_identifier(out, slice_of(p->rule.column[i].name));
    }
    buf_puts(out, ") FROM STDIN");
}

void plan_copy_sql(struct buf *out, const struct plan *p, const char *fresh)
{
    put_copy(out, p, fresh);
    buf_puts(out, p->convert.text ? " (FREEZE)" : " (FORMAT binary, FREEZE)");
}

static int make_copy_sql(struct plan *p)
{
    struct buf sql, table;
    buf_init(&sql, COPY_SQL_MAX);
    buf_init(&table, COPY_SQL_MAX);
    const char *name = table_quote(&table, p->dataset->table.schema, p->dataset->table.name);
    if (name) put_copy(&sql, p, name);
    buf_puts(&sql, convert_copy_options(p->convert.text));
    p->copy_sql = name && buf_check(&sql) == 0 ? arena_cstr(&p->arena, buf_slice(&sql)) : NULL;
    buf_done(&sql);
    buf_done(&table);
    return p->copy_sql ? 0 : -ENOMEM;
}

static int make_rule(struct matching *m)
{
    struct plan *p = m->plan;
    const struct table *t = &p->dataset->table;
    struct type *types = arena_array(&p->arena, t->columns + 1, sizeof *types);
    size_t *place = arena_array(&p->arena, t->columns + 1, sizeof *place);
    p->rule.column = arena_array(&p->arena, t->columns + 1, sizeof *p->rule.column);
    p->format = arena_array(&p->arena, t->columns + 1, sizeof *p->format);
    if (!types || !place || !p->rule.column || !p->format) return -ENOMEM;
    p->rule.cells = m->head->cells;
    for (size_t i = 0; i < t->columns; i++) {
        if (m->source[i] < 0 && !used_by_rollup(p->dataset, i)) continue;
        size_t n = p->rule.columns++; /* also when it fails: its format is to be freed */
        int r = make_column_rule(m, i, &p->rule.column[n], &p->format[n]);
        if (r != 0) return r;
        types[n] = t->column[i].type;
        p->convert.text |= !t->column[i].known;
        place[i] = n;
    }
    if (p->rule.columns == 0)
        return error_set(m->err, PLAN_E_HEADER, "line 1: none of its cells is a column of %s.%s", t->schema, t->name);
    p->convert.rule = &p->rule;
    p->convert.types = types;
    int r = place_rollups(p, place);
    return r != 0 ? r : make_copy_sql(p);
}

/* The columns by which a keyed mode tells rows apart must come from the file. */
static int check_key(const struct matching *m)
{
    const struct dataset *d = m->plan->dataset;
    const struct config_dataset *c = d->config;
    if (!c || (c->mode != CONFIG_MODE_UPSERT && c->mode != CONFIG_MODE_IGNORE)) return 0;
    for (size_t i = 0; i < d->table.keys; i++) {
        size_t k = d->table.key[i];
        if (m->source[k] < 0)
            return error_set(
                m->err, PLAN_E_HEADER, "line 1: column %s is missing; it is in the primary key of %s.%s, which mode = %s needs",
                d->table.column[k].name, d->table.schema, d->table.name, c->mode == CONFIG_MODE_UPSERT ? "upsert" : "ignore");
    }
    if (c->newest_by[0] && m->source[table_find(&d->table, c->newest_by)] < 0)
        return error_set(m->err, PLAN_E_HEADER, "line 1: column %s is missing; newest_by needs it", c->newest_by);
    return 0;
}

static struct plan *plan_make(const struct plan_head *head)
{
    struct plan *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    arena_init(&p->arena, PLAN_BLOCK, PLAN_MAX);
    p->convert.dialect = head->dialect;
    p->convert.header = head->dialect.header == DIALECT_HEADER_YES;
    p->convert.rejects_max = CHUNK_REJECTS_MAX;
    return p;
}

int plan_new(struct dataset *d, const struct plan_head *head, struct error *err, struct plan **ret_plan)
{
    if (d->broken) return error_set(err, PLAN_E_DATASET, "%s", d->broken);
    struct plan *p = plan_make(head);
    if (!p) return -ENOMEM;
    p->dataset = dataset_ref(d);
    struct matching m = {.plan = p, .head = head, .err = err};
    int r = match_all(&m);
    if (r == 0) r = check_key(&m);
    if (r == 0) r = make_rule(&m);
    if (r != 0) {
        plan_free(p);
        return r;
    }
    *ret_plan = p;
    return 0;
}

int plan_new_infer(const struct config_dataset *config, const struct plan_head *head, struct plan **ret_plan)
{
    struct plan *p = plan_make(head);
    if (!p) return -ENOMEM;
    p->convert.infer_columns = head->cells;
    if (config) {
        p->convert.reading = (struct infer_reading){
            .null_token = null_tokens(&p->arena, &config->null), .null_tokens = config->null.n, .marks = marks_of(config, NULL)};
        if (!p->convert.reading.null_token) {
            plan_free(p);
            return -ENOMEM;
        }
    }
    *ret_plan = p;
    return 0;
}

void plan_free(struct plan *p)
{
    if (!p) return;
    for (size_t i = 0; p->format && i < p->rule.columns; i++)
        type_format_free(p->format[i]);
    dataset_unref(p->dataset);
    arena_done(&p->arena);
    free(p);
}
