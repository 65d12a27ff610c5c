/* SPDX-License-Identifier: MIT */
#include "rest/columns.h"

#include "format/pgvalue.h"
#include "rest/order.h"
#include "rest/where.h"

enum { OID_TEXT = 25, OID_JSONB = 3802, COLUMNS_FIRST = 16 };

/* A level whose columns are spread into those of its parent: the value is looked up through all of them. */
struct spread {
    const struct rest_plan *plan;
    const struct spread *above;
};

static int add_column(struct rest_columns *m, struct rest_column c)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : COLUMNS_FIRST;
        struct rest_column *more = arena_array(m->b->arena, cap, sizeof *more);
        if (!more) return -ENOMEM;
        if (m->n > 0) memcpy(more, m->column, m->n * sizeof *more);
        m->column = more;
        m->cap = cap;
    }
    m->column[m->n++] = c;
    return 0;
}

/* Where a list of columns stands: of the root they are noted and cast, of an embedded level they are named. */
struct items {
    bool embedded;
    size_t n;
};

static void put_comma(struct rest_columns *m, struct items *l)
{
    buf_puts(m->b->out, l->n++ ? ", " : " ");
}

static void open_spread(struct rest_columns *m, const struct spread *s)
{
    if (!s) return;
    open_spread(m, s->above);
    buf_puts(m->b->out, "(SELECT ");
}

static int close_spread(struct rest_columns *m, const struct spread *s)
{
    int r = 0;
    for (; s && r == 0; s = s->above) {
        r = rest_put_from(m->b, s->plan);
        buf_putc(m->b->out, ')');
    }
    return r;
}

/* Around the value of a type that is not ours, for the root: the server writes it. */
static void open_value(struct rest_columns *m, const struct items *l, uint32_t oid)
{
    if (!l->embedded && !pgvalue_known(oid) && m->json) buf_puts(m->b->out, "to_jsonb(");
}

static int close_value(struct rest_columns *m, struct items *l, uint32_t oid, struct slice name)
{
    if (l->embedded) {
        buf_puts(m->b->out, " AS ");
        rest_put_name(m->b, name);
        return 0;
    }
    if (!pgvalue_known(oid)) buf_puts(m->b->out, m->json ? ")::text" : "::text");
    return add_column(m, (struct rest_column){.name = name, .oid = pgvalue_known(oid) ? oid : 0});
}

/* The name of a value without an alias: its column's, or the last key's on its path. */
static struct slice field_name(const struct rest_field *f)
{
    for (size_t i = f->steps; i > 0; i--)
        if (!f->step[i - 1].index) return f->step[i - 1].key;
    return f->name;
}

/* SQL's own words for types of ours; any other name is an identifier. */
static const struct {
    const char *name;
    uint32_t oid;
} sql_types[] = {
    {"text", 25},
    {"int", 23},
    {"integer", 23},
    {"int4", 23},
    {"bigint", 20},
    {"int8", 20},
    {"smallint", 21},
    {"int2", 21},
    {"numeric", 1700},
    {"decimal", 1700},
    {"real", 700},
    {"float4", 700},
    {"float8", 701},
    {"float", 701},
    {"double precision", 701},
    {"boolean", 16},
    {"bool", 16},
    {"date", 1082},
    {"timestamp", 1114},
    {"timestamptz", 1184},
    {"time", 1083},
    {"uuid", 2950},
    {"json", 114},
    {"jsonb", 3802},
    {"varchar", 1043},
    {"character varying", 1043},
    {"timestamp with time zone", 1184},
    {"timestamp without time zone", 1114},
};

/* The text of the type in SQL when it is one of them. */
static const char *find_type(struct slice name, uint32_t *ret_oid)
{
    for (size_t i = 0; i < sizeof sql_types / sizeof *sql_types; i++) {
        if (!slice_equal_nocase(name, slice_of(sql_types[i].name))) continue;
        *ret_oid = sql_types[i].oid;
        return sql_types[i].name;
    }
    *ret_oid = 0;
    return NULL;
}

static void put_cast(struct rest_columns *m, struct slice name)
{
    uint32_t oid;
    const char *known = find_type(name, &oid);
    bool array = slice_ends(name, SLICE("[]"));
    buf_puts(m->b->out, "::");
    if (known) {
        buf_puts(m->b->out, known);
        return;
    }
    struct slice element = array ? slice_trim((struct slice){name.p, name.len - 2}) : name;
    known = find_type(element, &oid);
    if (known)
        buf_puts(m->b->out, known);
    else
        rest_put_name(m->b, element);
    if (array) buf_puts(m->b->out, "[]");
}

static uint32_t selected_oid(const struct rest_plan *p, const struct rest_select *s)
{
    const struct rest_field *f = &s->field;
    uint32_t oid = 0;
    if (s->cast.p) {
        (void)find_type(s->cast, &oid);
        return oid;
    }
    if (f->steps > 0) return f->step[f->steps - 1].text ? OID_TEXT : OID_JSONB;
    int i = rest_column_find(p->table.table, f->name);
    return i >= 0 ? p->table.table->column[i].oid : 0;
}

static int put_column(struct rest_columns *m, const struct rest_plan *p, const struct rest_select *s, struct items *l,
                      const struct spread *spread)
{
    uint32_t oid = selected_oid(p, s);
    if (++m->all > REST_COLUMNS_MAX)
        return rest_refuse(m->b->err, 400, "PGRST100", NULL, "the parameter select: more than %d columns", REST_COLUMNS_MAX);
    put_comma(m, l);
    open_value(m, l, oid);
    open_spread(m, spread);
    int r = rest_put_field(m->b, p, &s->field, SLICE("select"), NULL);
    if (r == 0 && s->cast.p) put_cast(m, s->cast);
    if (r == 0) r = close_spread(m, spread);
    if (r != 0) return r;
    struct slice name = s->alias.p ? s->alias : field_name(&s->field);
    return close_value(m, l, oid, name);
}

static int put_all(struct rest_columns *m, const struct rest_plan *p, struct items *l, const struct spread *spread)
{
    const struct table *t = p->table.table;
    int r = 0;
    for (size_t i = 0; i < t->columns && r == 0; i++) {
        if (t->column[i].lineage) continue;
        struct rest_select s = {.field = {.name = slice_of(t->column[i].name)}};
        r = put_column(m, p, &s, l, spread);
    }
    return r;
}

static int put_list(struct rest_columns *m, const struct rest_plan *p, struct items *l, const struct spread *spread);

/* Of an embedded level. */
static int put_order(struct rest_columns *m, const struct rest_plan *p)
{
    struct rest_ordering o;
    if (!p->to_many) return 0;
    rest_ordering_find(p, p->level->orders == 0 || p->level->limit != REST_ALL || p->level->offset, &o);
    return rest_put_ordering(m->b, p, &o);
}

/* "orders(count)": how many there are, where no column has that name. */
static bool is_count(const struct rest_plan *p)
{
    const struct rest_select *s = p->level->select;
    return p->to_many && s && !s->next && s->kind == REST_COLUMN && s->field.steps == 0 && !s->cast.p &&
           slice_equal(s->field.name, SLICE("count")) && rest_column_find(p->table.table, s->field.name) < 0;
}

static int put_number(struct rest_columns *m, const struct rest_plan *p)
{
    const struct rest_select *s = p->level->select;
    buf_puts(m->b->out, "(SELECT json_agg(e.*) FROM (SELECT count(*) AS ");
    rest_put_name(m->b, s->alias.p ? s->alias : s->field.name);
    int r = rest_put_from(m->b, p);
    buf_puts(m->b->out, ") AS e)");
    return r;
}

/* "(SELECT … AS e)": an object, or an array of them. Nothing is put for a level without columns. */
static int put_rows(struct rest_columns *m, const struct rest_plan *p)
{
    struct items inner = {.embedded = true};
    if (is_count(p)) return put_number(m, p);
    buf_puts(m->b->out,
             p->to_many ? "(SELECT coalesce(json_agg(e.*), '[]') FROM (SELECT" : "(SELECT row_to_json(e.*) FROM (SELECT");
    int r = put_list(m, p, &inner, NULL);
    if (r == 0) r = rest_put_from(m->b, p);
    if (r == 0) r = put_order(m, p);
    rest_put_limit(m->b, p->level);
    buf_puts(m->b->out, ") AS e)");
    return r;
}

static bool has_columns(const struct rest_plan *p)
{
    for (const struct rest_select *s = p->level->select; s; s = s->next)
        if (s->kind != REST_EMBED || has_columns(rest_plan_of(p, s->embed))) return true;
    return false;
}

static int put_embedded(struct rest_columns *m, const struct rest_plan *p, struct items *l, const struct spread *spread)
{
    if (!has_columns(p)) return 0;
    if (p->level->spread) return put_list(m, p, l, &(struct spread){p, spread});
    bool strip = m->stripped && !l->embedded;
    put_comma(m, l);
    open_spread(m, spread);
    if (strip) buf_puts(m->b->out, "json_strip_nulls(");
    int r = put_rows(m, p);
    if (strip) buf_putc(m->b->out, ')');
    if (r == 0) r = close_spread(m, spread);
    if (r != 0) return r;
    struct slice name = rest_level_name(p->level);
    if (l->embedded) {
        buf_puts(m->b->out, " AS ");
        rest_put_name(m->b, name);
        return 0;
    }
    buf_puts(m->b->out, "::text");
    return add_column(m, (struct rest_column){.name = name, .json = true});
}

static int put_list(struct rest_columns *m, const struct rest_plan *p, struct items *l, const struct spread *spread)
{
    int r = 0;
    for (const struct rest_select *s = p->level->select; s && r == 0; s = s->next) {
        switch (s->kind) {
        case REST_STAR: r = put_all(m, p, l, spread); break;
        case REST_COLUMN: r = put_column(m, p, s, l, spread); break;
        case REST_EMBED: r = put_embedded(m, rest_plan_of(p, s->embed), l, spread); break;
        }
    }
    return r;
}

int rest_put_columns(struct rest_columns *m, const struct rest_plan *root, bool first)
{
    struct items top = {.n = !first};
    int r = put_list(m, root, &top, NULL);
    if (r == 0 && m->n == 0) r = rest_refuse(m->b->err, 400, "PGRST100", NULL, "the parameter select names no column");
    return r;
}
