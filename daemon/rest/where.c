/* SPDX-License-Identifier: MIT */
#include "rest/where.h"

#include "format/pgvalue.h"

#include <stdlib.h>

enum {
    OID_BOOL = 16,
    OID_NAME = 19,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_JSONB = 3802,
};

/* ---- fields ---- */

static void put_column(struct rest_builder *b, unsigned alias, const char *column)
{
    rest_put_number(b->out, 't', alias);
    buf_putc(b->out, '.');
    rest_put_name(b, slice_of(column));
}

static void put_steps(struct rest_builder *b, const struct rest_field *f)
{
    for (size_t i = 0; i < f->steps; i++) {
        const struct rest_step *s = &f->step[i];
        buf_puts(b->out, s->text ? "->>" : "->");
        rest_put_text(b, s->key, f->name);
        buf_puts(b->out, s->index ? "::int4" : "::text");
    }
}

int rest_put_field(struct rest_builder *b, const struct rest_plan *p, const struct rest_field *f, struct slice parameter,
                   uint32_t *ret_oid)
{
    const struct table *t = p->table.table;
    int i = rest_column_find(t, f->name);
    if (i < 0) return rest_column_unknown(&p->table, f->name, parameter, b->err);
    const struct table_column *c = &t->column[i];
    if (ret_oid) *ret_oid = f->steps == 0 ? c->oid : f->step[f->steps - 1].text ? OID_TEXT : OID_JSONB;
    if (f->steps == 0) {
        put_column(b, p->alias, c->name);
        return 0;
    }
    bool jsonb = c->oid == OID_JSONB;
    buf_puts(b->out, jsonb ? "(" : "(to_jsonb(");
    put_column(b, p->alias, c->name);
    if (!jsonb) buf_putc(b->out, ')');
    put_steps(b, f);
    buf_putc(b->out, ')');
    return 0;
}

/* ---- tests ---- */

enum suits { ANY_TYPE, TEXTS, CONTAINERS, RANGES, SORTED };

static const struct {
    const char *sql;
    enum suits suits;
} operators[REST_OP_N] = {
    [REST_EQ] = {"=", SORTED},
    [REST_NEQ] = {"<>", SORTED},
    [REST_GT] = {">", SORTED},
    [REST_GTE] = {">=", SORTED},
    [REST_LT] = {"<", SORTED},
    [REST_LTE] = {"<=", SORTED},
    [REST_LIKE] = {"LIKE", TEXTS},
    [REST_ILIKE] = {"ILIKE", TEXTS},
    [REST_MATCH] = {"~", TEXTS},
    [REST_IMATCH] = {"~*", TEXTS},
    [REST_IN] = {"=", SORTED},
    [REST_IS] = {"IS", ANY_TYPE},
    [REST_ISDISTINCT] = {"IS DISTINCT FROM", SORTED},
    [REST_CS] = {"@>", CONTAINERS},
    [REST_CD] = {"<@", CONTAINERS},
    [REST_OV] = {"&&", RANGES},
    [REST_SL] = {"<<", RANGES},
    [REST_SR] = {">>", RANGES},
    [REST_NXL] = {"&>", RANGES},
    [REST_NXR] = {"&<", RANGES},
    [REST_ADJ] = {"-|-", RANGES},
    [REST_FTS] = {"to_tsquery", ANY_TYPE},
    [REST_PLFTS] = {"plainto_tsquery", ANY_TYPE},
    [REST_PHFTS] = {"phraseto_tsquery", ANY_TYPE},
    [REST_WFTS] = {"websearch_to_tsquery", ANY_TYPE},
};

static bool is_text(uint32_t oid)
{
    return oid == OID_TEXT || oid == OID_VARCHAR || oid == OID_BPCHAR || oid == OID_NAME;
}

/* Types that are not ours the server judges. */
static bool suits(enum suits what, uint32_t oid)
{
    switch (what) {
    case ANY_TYPE: return true;
    case TEXTS: return !pgvalue_known(oid) || is_text(oid);
    case CONTAINERS: return !pgvalue_known(oid) || oid == OID_JSONB;
    case RANGES: return !pgvalue_known(oid);
    case SORTED: return oid != OID_JSON;
    }
    return true;
}

static const char *type_name(const struct rest_plan *p, const struct rest_field *f, uint32_t oid)
{
    if (f->steps > 0) return oid == OID_TEXT ? "text" : "jsonb";
    return p->table.table->column[rest_column_find(p->table.table, f->name)].sql_type;
}

static int refuse_operator(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c, uint32_t oid)
{
    static const char *const hints[] = {
        [TEXTS] = "it is for text; other types have eq neq gt gte lt lte in is",
        [CONTAINERS] = "it is for arrays, ranges and jsonb",
        [RANGES] = "it is for arrays and ranges",
        [SORTED] = "values of type json cannot be compared: name a part of it as text, COLUMN->>KEY",
    };
    struct slice name = rest_shown(c->field.name), by = rest_shown(c->parameter);
    return rest_refuse(b->err, 400, "42883", hints[operators[c->op].suits],
                       "the parameter %.*s: %s cannot stand behind %.*s, which is %s", (int)by.len, by.p, rest_op_name(c->op),
                       (int)name.len, name.p, type_name(p, &c->field, oid));
}

static int put_is(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c, uint32_t oid)
{
    static const char *const words[] = {[REST_IS_NULL] = "NULL",
                                        [REST_IS_NOT_NULL] = "NOT NULL",
                                        [REST_IS_TRUE] = "TRUE",
                                        [REST_IS_FALSE] = "FALSE",
                                        [REST_IS_UNKNOWN] = "UNKNOWN"};
    struct slice name = rest_shown(c->field.name), by = rest_shown(c->parameter);
    if (c->is > REST_IS_NOT_NULL && pgvalue_known(oid) && oid != OID_BOOL)
        return rest_refuse(b->err, 400, "42804", "true, false and unknown are for boolean; null and not_null are for all",
                           "the parameter %.*s: %.*s is %s, not boolean", (int)by.len, by.p, (int)name.len, name.p,
                           type_name(p, &c->field, oid));
    buf_printf(b->out, " IS %s", words[c->is]);
    return 0;
}

/* The text search configuration, and what goes with it. */
static void put_config(struct rest_builder *b, const struct rest_condition *c)
{
    if (!c->config.p) return;
    rest_put_text(b, c->config, c->parameter);
    buf_puts(b->out, "::regconfig, ");
}

static int put_search(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c)
{
    int i = rest_column_find(p->table.table, c->field.name);
    bool make = i >= 0 && (c->field.steps > 0 || pgvalue_known(p->table.table->column[i].oid)); /* else it is a tsvector */
    if (make) buf_puts(b->out, "to_tsvector(");
    if (make) put_config(b, c);
    int r = rest_put_field(b, p, &c->field, c->parameter, NULL);
    if (r != 0) return r;
    if (make) buf_putc(b->out, ')');
    buf_printf(b->out, " @@ %s(", operators[c->op].sql);
    put_config(b, c);
    rest_put_text(b, c->value, c->parameter);
    buf_puts(b->out, "::text)");
    return 0;
}

static int put_operator(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c)
{
    uint32_t oid;
    int r = rest_put_field(b, p, &c->field, c->parameter, &oid);
    if (r != 0) return r;
    if (!suits(operators[c->op].suits, oid)) return refuse_operator(b, p, c, oid);
    if (c->op == REST_IS) return put_is(b, p, c, oid);
    bool any = c->op == REST_IN || c->quantifier == REST_ANY_OF, all = c->quantifier == REST_ALL_OF;
    buf_putc(b->out, ' ');
    buf_puts(b->out, operators[c->op].sql);
    buf_puts(b->out, any ? " ANY (" : all ? " ALL (" : " ");
    rest_put_text(b, c->value, c->parameter);
    if (any || all) buf_putc(b->out, ')');
    return 0;
}

/* "jobs=is.null": nothing is embedded there. NULL: the test is about a column. */
static const struct rest_plan *embedded_test(const struct rest_plan *p, const struct rest_condition *c)
{
    if (c->op != REST_IS || c->is > REST_IS_NOT_NULL || c->field.steps > 0) return NULL;
    const struct rest_level *level = rest_level_find(p->level, c->field.name);
    return level ? rest_plan_of(p, level) : NULL;
}

static int put_exists(struct rest_builder *b, const struct rest_plan *p)
{
    buf_puts(b->out, "EXISTS (SELECT");
    int r = rest_put_from(b, p);
    buf_putc(b->out, ')');
    return r;
}

static int put_condition(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c);

static int put_test(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c)
{
    const struct rest_plan *embedded = embedded_test(p, c);
    if (embedded) {
        buf_puts(b->out, c->is == REST_IS_NULL ? "NOT " : "");
        return put_exists(b, embedded);
    }
    return c->op >= REST_FTS ? put_search(b, p, c) : put_operator(b, p, c);
}

static int put_parts(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c)
{
    int r = 0;
    for (const struct rest_condition *part = c->first; part && r == 0; part = part->next) {
        if (part != c->first) buf_puts(b->out, c->kind == REST_AND ? " AND " : " OR ");
        r = put_condition(b, p, part);
    }
    return r;
}

static int put_condition(struct rest_builder *b, const struct rest_plan *p, const struct rest_condition *c)
{
    buf_puts(b->out, c->negated ? "NOT (" : "(");
    int r = c->kind == REST_TEST ? put_test(b, p, c) : put_parts(b, p, c);
    buf_putc(b->out, ')');
    return r;
}

/* ---- WHERE ---- */

static void put_and(struct rest_builder *b, bool *begun)
{
    buf_puts(b->out, *begun ? " AND " : " WHERE ");
    *begun = true;
}

static void put_equal(struct rest_builder *b, unsigned alias, const char *column, unsigned other, const char *other_column)
{
    put_column(b, alias, column);
    buf_puts(b->out, " = ");
    put_column(b, other, other_column);
}

/* The rows of `from`, under its alias, that `key` joins with those of `to`. */
static void put_key(struct rest_builder *b, const struct rest_key *key, unsigned from, unsigned to, bool *begun)
{
    for (size_t i = 0; i < key->columns; i++) {
        put_and(b, begun);
        put_equal(b, from, key->column[i], to, key->to_column[i]);
    }
}

static void put_join(struct rest_builder *b, const struct rest_plan *p, bool *begun)
{
    if (!p->parent) return;
    if (p->far) {
        put_key(b, p->key, p->between, p->parent->alias, begun);
        put_key(b, p->far, p->between, p->alias, begun);
    } else if (p->forward) {
        put_key(b, p->key, p->parent->alias, p->alias, begun);
    } else {
        put_key(b, p->key, p->alias, p->parent->alias, begun);
    }
}

static void put_not_deleted(struct rest_builder *b, const struct table *t, unsigned alias, bool *begun)
{
    if (!t->deleted_at) return;
    put_and(b, begun);
    put_column(b, alias, t->deleted_at->name);
    buf_puts(b->out, " IS NULL");
}

int rest_put_where(struct rest_builder *b, const struct rest_plan *p)
{
    bool begun = false;
    int r = 0;
    put_join(b, p, &begun);
    put_not_deleted(b, p->table.table, p->alias, &begun);
    if (p->far) put_not_deleted(b, p->between_table, p->between, &begun);
    for (const struct rest_condition *c = p->level->where.first; c && r == 0; c = c->next) {
        put_and(b, &begun);
        r = put_condition(b, p, c);
    }
    for (const struct rest_plan *child = p->first; child && r == 0; child = child->next) {
        if (!child->level->inner) continue;
        put_and(b, &begun);
        r = put_exists(b, child);
    }
    return r;
}

int rest_put_from(struct rest_builder *b, const struct rest_plan *p)
{
    buf_puts(b->out, " FROM ");
    table_quote(b->out, p->table.table->schema, p->table.table->name);
    buf_puts(b->out, " AS ");
    rest_put_number(b->out, 't', p->alias);
    if (p->far) {
        buf_puts(b->out, ", ");
        table_quote(b->out, p->far->schema, p->far->table);
        buf_printf(b->out, " AS t%u", p->between);
    }
    return rest_put_where(b, p);
}
