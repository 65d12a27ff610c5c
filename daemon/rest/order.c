/* SPDX-License-Identifier: MIT */
#include "rest/order.h"

#include "rest/where.h"

#include <inttypes.h>

enum {
    OID_JSON = 114,
    /* A page's size is a constant of its statement, not a parameter: PostgreSQL takes an unknown LIMIT for a tenth of the rows,
     * finds the plan for any value too dear, and plans each call anew, which costs as much as ten rows do. Larger ones cost
     * more than their plan, and a client that tries them all would fill the session with statements. */
    LIMIT_CONSTANT_MAX = 100,
};

static bool is_ordered_by(const struct rest_ordering *o, const char *column)
{
    for (size_t i = 0; i < o->n; i++)
        if (!o->term[i].relation.p && o->term[i].field.steps == 0 && slice_equal(o->term[i].field.name, slice_of(column)))
            return true;
    return false;
}

void rest_ordering_find(const struct rest_plan *p, bool with_key, struct rest_ordering *ret)
{
    const struct table *t = p->table.table;
    ret->n = p->level->orders;
    for (size_t i = 0; i < ret->n; i++)
        ret->term[i] = p->level->order[i];
    ret->whole = t->keys > 0;
    for (size_t i = 0; i < t->keys && with_key; i++) {
        const char *column = t->column[t->key[i]].name;
        if (is_ordered_by(ret, column)) continue;
        if (ret->n == sizeof ret->term / sizeof *ret->term) {
            ret->whole = false;
            return;
        }
        ret->term[ret->n++] = (struct rest_order){.field = {.name = slice_of(column)}};
    }
}

/* Of an embedded to-one resource. */
static int put_related(struct rest_builder *b, const struct rest_plan *p, const struct rest_order *o)
{
    const struct rest_level *level = rest_level_find(p->level, o->relation);
    const struct rest_plan *related = level ? rest_plan_of(p, level) : NULL;
    struct slice name = rest_shown(o->relation);
    if (!related)
        return rest_refuse(b->err, 400, "PGRST108", "name it in select, as select=*,NAME(*)",
                           "the parameter order: \"%.*s\" is not an embedded resource in this request", (int)name.len, name.p);
    if (related->to_many)
        return rest_refuse(b->err, 400, "PGRST118", NULL, "the parameter order: a row of %s has many of \"%.*s\"", p->table.name,
                           (int)name.len, name.p);
    buf_puts(b->out, "(SELECT ");
    int r = rest_put_field(b, related, &o->field, SLICE("order"), NULL);
    if (r == 0) r = rest_put_from(b, related);
    buf_putc(b->out, ')');
    return r;
}

static int put_term(struct rest_builder *b, const struct rest_plan *p, const struct rest_order *o)
{
    uint32_t oid;
    if (o->relation.p) return put_related(b, p, o);
    int r = rest_put_field(b, p, &o->field, SLICE("order"), &oid);
    struct slice name = rest_shown(o->field.name);
    if (r == 0 && oid == OID_JSON)
        return rest_refuse(b->err, 400, "42883", "name a part of it as text, COLUMN->>KEY",
                           "the parameter order: %.*s is json, which has no order", (int)name.len, name.p);
    return r;
}

int rest_put_ordering(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *ordering)
{
    int r = 0;
    for (size_t i = 0; i < ordering->n && r == 0; i++) {
        const struct rest_order *o = &ordering->term[i];
        buf_puts(b->out, i ? ", " : " ORDER BY ");
        r = put_term(b, p, o);
        if (o->descending) buf_puts(b->out, " DESC");
        if (o->nulls_said) buf_puts(b->out, o->nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
    return r;
}

/* ---- after ---- */

static const struct slice AFTER = {"after", 5};

static bool may_be_null(const struct rest_plan *p, const struct rest_order *o)
{
    int i = rest_column_find(p->table.table, o->field.name);
    return o->field.steps > 0 || i < 0 || !p->table.table->column[i].not_null;
}

static bool nulls_first(const struct rest_order *o)
{
    return o->nulls_said ? o->nulls_first : o->descending;
}

/* All columns are never NULL, and go in one direction: a comparison of rows, which an index serves. */
static bool is_plain(const struct rest_plan *p, const struct rest_ordering *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (may_be_null(p, &o->term[i]) || o->term[i].descending != o->term[0].descending) return false;
    return true;
}

static int put_plain_after(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o,
                           const struct rest_value *after)
{
    int r = 0;
    for (size_t i = 0; i < o->n && r == 0; i++) {
        buf_puts(b->out, i ? ", " : "(");
        r = put_term(b, p, &o->term[i]);
    }
    buf_puts(b->out, o->term[0].descending ? ") < " : ") > ");
    for (size_t i = 0; i < o->n; i++) {
        buf_puts(b->out, i ? ", " : "(");
        rest_put_text(b, after[i].text, AFTER);
    }
    buf_putc(b->out, ')');
    return r;
}

/* Behind the value in the order of this term; `or_equal`: or the same. */
static int put_behind(struct rest_builder *b, const struct rest_plan *p, const struct rest_order *o, const struct rest_value *v,
                      bool or_equal)
{
    int r;
    if (v->null) {
        if (or_equal && nulls_first(o)) {
            buf_puts(b->out, "true");
            return 0;
        }
        if (!or_equal && !nulls_first(o)) {
            buf_puts(b->out, "false");
            return 0;
        }
        r = put_term(b, p, o);
        buf_puts(b->out, nulls_first(o) ? " IS NOT NULL" : " IS NULL");
        return r;
    }
    buf_putc(b->out, '(');
    r = put_term(b, p, o);
    buf_puts(b->out, o->descending ? (or_equal ? " <= " : " < ") : (or_equal ? " >= " : " > "));
    rest_put_text(b, v->text, AFTER);
    if (may_be_null(p, o) && !nulls_first(o) && r == 0) {
        buf_puts(b->out, " OR ");
        r = put_term(b, p, o);
        buf_puts(b->out, " IS NULL");
    }
    buf_putc(b->out, ')');
    return r;
}

static int put_same(struct rest_builder *b, const struct rest_plan *p, const struct rest_order *o, const struct rest_value *v)
{
    int r = put_term(b, p, o);
    if (v->null) {
        buf_puts(b->out, " IS NULL");
    } else {
        buf_puts(b->out, " = ");
        rest_put_text(b, v->text, AFTER);
    }
    return r;
}

/* a behind, or a the same and (b behind, or b the same and (…)): with a bound on the first that an index serves. */
static int put_mixed_after(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o,
                           const struct rest_value *after)
{
    int r = put_behind(b, p, &o->term[0], &after[0], true);
    buf_puts(b->out, " AND ");
    for (size_t i = 0; i < o->n && r == 0; i++) {
        buf_putc(b->out, '(');
        r = put_behind(b, p, &o->term[i], &after[i], false);
        if (i + 1 == o->n || r != 0) break;
        buf_puts(b->out, " OR (");
        r = put_same(b, p, &o->term[i], &after[i]);
        buf_puts(b->out, " AND ");
    }
    for (size_t i = 0; i < o->n; i++)
        buf_puts(b->out, i + 1 == o->n ? ")" : "))");
    return r;
}

bool rest_ordering_follows(const struct rest_ordering *o)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->term[i].relation.p) return false;
    return o->whole && o->n > 0;
}

int rest_put_after(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o, const struct rest_query *q,
                   bool where_begun)
{
    if (!rest_ordering_follows(o))
        return rest_refuse(b->err, 400, "PGRST100", "use limit and offset",
                           "the parameter after: rows of %s cannot be told apart by this order: %s", p->table.name,
                           p->table.table->keys ? "it is of another resource's columns" : "there is no primary key");
    if (q->afters != o->n)
        return rest_refuse(b->err, 400, "PGRST100",
                           "take the URL from the header Link, or name the values of the order's columns, then of the key's",
                           "the parameter after: %zu values, where the order has %zu columns", q->afters, o->n);
    buf_puts(b->out, where_begun ? " AND (" : " WHERE (");
    int r = is_plain(p, o) ? put_plain_after(b, p, o, q->after) : put_mixed_after(b, p, o, q->after);
    buf_putc(b->out, ')');
    return r;
}

int rest_put_cursors(struct rest_builder *b, const struct rest_plan *p, const struct rest_ordering *o)
{
    int r = 0;
    for (size_t i = 0; i < o->n && r == 0; i++) {
        buf_puts(b->out, ", ");
        r = put_term(b, p, &o->term[i]);
        buf_puts(b->out, "::text");
    }
    return r;
}

void rest_put_limit(struct rest_builder *b, const struct rest_level *level)
{
    if (level->limit != REST_ALL) {
        buf_puts(b->out, " LIMIT ");
        if (level->limit <= LIMIT_CONSTANT_MAX)
            buf_printf(b->out, "%" PRId64, level->limit);
        else
            rest_put_param(b, db_int8(level->limit), (struct slice){NULL, 0});
    }
    if (level->offset) {
        buf_puts(b->out, " OFFSET ");
        rest_put_param(b, db_int8(level->offset), (struct slice){NULL, 0});
    }
}
