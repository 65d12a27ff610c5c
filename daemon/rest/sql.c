/* SPDX-License-Identifier: MIT */
#include "rest/sql.h"

#include "base/ascii.h"
#include "format/pgvalue.h"
#include "rest/order.h"
#include "rest/where.h"

#include <stdlib.h>

struct making {
    struct rest_builder b;
    const struct rest_ask *ask;
    struct arena *arena;
    struct rest_plan *root;
    struct rest_columns columns;
};

static void put_source(struct making *m)
{
    const struct table *t = m->ask->table.table;
    buf_puts(m->b.out, " FROM ");
    if (m->ask->source)
        buf_puts(m->b.out, m->ask->source);
    else
        table_quote(m->b.out, t->schema, t->name);
    buf_puts(m->b.out, " AS ");
    rest_put_number(m->b.out, 't', m->root->alias);
}

static bool is_page(const struct rest_query *q)
{
    return q->root.limit != REST_ALL || q->root.offset > 0 || q->after;
}

/* Rows of one file of the ledger; the table bears lineage. */
static void put_file(struct making *m)
{
    if (!m->ask->file) return;
    buf_printf(m->b.out, "%st%u." TABLE_LINEAGE_FILE " = ", m->b.out->len ? " AND " : " WHERE ", m->root->alias);
    rest_put_param(&m->b, db_int8(m->ask->file), (struct slice){NULL, 0});
}

/* The page: SELECT … FROM … WHERE … ORDER BY … LIMIT … OFFSET … */
static int put_page(struct making *m, struct slice where, struct rest_statement *s)
{
    const struct rest_query *q = m->ask->query;
    struct rest_ordering o;
    rest_ordering_find(m->root, q->root.orders == 0 || is_page(q), &o);
    buf_puts(m->b.out, s->total ? "SELECT true" : "SELECT");
    int r = rest_put_columns(&m->columns, m->root, !s->total);
    if (r != 0) return r;
    if (m->ask->cursors && q->root.limit > 0 && rest_ordering_follows(&o)) {
        s->cursors = o.n;
        r = rest_put_cursors(&m->b, m->root, &o);
    }
    put_source(m);
    buf_put(m->b.out, where);
    if (r == 0 && q->after) r = rest_put_after(&m->b, m->root, &o, q, where.len > 0);
    if (r == 0) r = rest_put_ordering(&m->b, m->root, &o);
    if (o.n == 0 && m->ask->file) buf_printf(m->b.out, " ORDER BY t%u." TABLE_LINEAGE_LINE, m->root->alias);
    if (m->ask->no_rows)
        buf_puts(m->b.out, " LIMIT 0");
    else
        rest_put_limit(&m->b, &q->root);
    return r;
}

static void put_count(struct making *m, struct slice where)
{
    bool estimated = m->ask->count == REST_COUNT_ESTIMATED;
    buf_puts(m->b.out, estimated ? "(SELECT count(*) AS n FROM (SELECT" : "(SELECT count(*) AS n");
    put_source(m);
    buf_put(m->b.out, where);
    if (estimated) buf_printf(m->b.out, " LIMIT %d) AS few", REST_COUNTED + 1);
    buf_puts(m->b.out, ") AS c");
}

static int put_statement(struct making *m, struct slice where, struct rest_statement *s)
{
    if (m->ask->with) buf_puts(m->b.out, m->ask->with);
    if (!s->total) return put_page(m, where, s);
    buf_puts(m->b.out, "SELECT c.n, p.* FROM ");
    put_count(m, where);
    buf_puts(m->b.out, " LEFT JOIN LATERAL (");
    int r = put_page(m, where, s);
    buf_puts(m->b.out, ") AS p ON true");
    return r;
}

static const char *kept(struct making *m, struct buf *text)
{
    return buf_check(text) == 0 ? arena_cstr(m->arena, buf_slice(text)) : NULL;
}

static int make(struct making *m, struct buf *where, struct buf *sql, struct rest_statement *s)
{
    const struct rest_ask *ask = m->ask;
    s->total = ask->count == REST_COUNT_EXACT || ask->count == REST_COUNT_ESTIMATED;
    m->b.out = where;
    int r = rest_put_where(&m->b, m->root);
    if (r != 0) return r;
    put_file(m);
    if (ask->count == REST_COUNT_PLANNED || ask->count == REST_COUNT_ESTIMATED) {
        s->plan_params = m->b.params;
        m->b.out = sql;
        buf_puts(sql, "EXPLAIN (FORMAT JSON) SELECT");
        put_source(m);
        buf_put(sql, buf_slice(where));
        s->plan_sql = kept(m, sql);
        if (!s->plan_sql) return -ENOMEM;
        buf_reset(sql);
    }
    m->b.out = sql;
    r = put_statement(m, buf_slice(where), s);
    return r == 0 ? rest_builder_check(&m->b) : r;
}

int rest_statement_make(const struct rest_ask *ask, struct arena *arena, struct rest_statement *ret_statement,
                        struct rest_error *err)
{
    struct making m = {.ask = ask, .arena = arena};
    struct rest_statement s = {.limit = ask->query->root.limit, .offset = ask->query->root.offset};
    struct buf where, sql;
    int r = rest_plan_make(ask->scope, &ask->query->root, ask->table, arena, &m.root, &s.tables, err);
    if (r != 0) return r;
    buf_init(&where, REST_SQL_MAX);
    buf_init(&sql, REST_SQL_MAX);
    rest_builder_init(&m.b, arena, err, &sql);
    m.columns = (struct rest_columns){.b = &m.b, .json = ask->json, .stripped = ask->stripped};
    if (ask->before) {
        m.b.param = ask->before->param;
        m.b.name = ask->before->name;
        m.b.params = ask->before->params;
        m.b.cap = ask->before->cap;
    }
    r = make(&m, &where, &sql, &s);
    if (r == 0) {
        s.sql = kept(&m, &sql);
        s.param = m.b.param;
        s.param_name = m.b.name;
        s.params = m.b.params;
        s.column = m.columns.column;
        s.columns = m.columns.n;
        if (!s.sql) r = -ENOMEM;
    }
    buf_done(&where);
    buf_done(&sql);
    if (r == 0) *ret_statement = s;
    return r;
}

static void put_over(struct rest_builder *b, const struct rest_over *over, struct rest_column *column)
{
    for (size_t i = 0; i < over->columns; i++) {
        column[i] = over->column[i];
        column[i].name = arena_copy(b->arena, column[i].name);
        if (!column[i].name.p) b->failed = -ENOMEM;
        bool known = pgvalue_known(column[i].oid);
        buf_puts(b->out, i ? ", " : "SELECT ");
        if (!known && over->json) buf_puts(b->out, "to_jsonb(");
        rest_put_name(b, column[i].name);
        if (!known) buf_puts(b->out, over->json ? ")::text" : "::text");
        if (!known) column[i].oid = 0;
    }
    buf_printf(b->out, " FROM %s%s", over->from, over->no_rows ? " LIMIT 0" : "");
}

/* A parameter with bytes of the arena's. */
static void put_own(struct rest_builder *b, struct db_param p)
{
    bool bytes = p.value.p && p.value.len > 0;
    if (bytes) p.value = arena_copy(b->arena, p.value);
    if (bytes && !p.value.p) b->failed = -ENOMEM;
    rest_put_param(b, p, (struct slice){NULL, 0});
}

int rest_statement_over(const struct rest_over *over, struct arena *arena, struct rest_statement *ret_statement)
{
    struct rest_error err;
    struct rest_builder b;
    struct buf sql, unused;
    struct rest_column *column = arena_array(arena, over->columns, sizeof *column);
    if (!column) return -ENOMEM;
    buf_init(&sql, REST_SQL_MAX);
    buf_init(&unused, REST_SQL_MAX);
    rest_builder_init(&b, arena, &err, &unused);
    for (size_t i = 0; i < over->params; i++)
        put_own(&b, over->param[i]);
    b.out = &sql;
    put_over(&b, over, column);
    int r = rest_builder_check(&b);
    if (r == 0) {
        *ret_statement = (struct rest_statement){.sql = arena_cstr(arena, buf_slice(&sql)),
                                                 .param = b.param,
                                                 .param_name = b.name,
                                                 .params = b.params,
                                                 .column = column,
                                                 .columns = over->columns,
                                                 .limit = REST_ALL};
        if (!ret_statement->sql) r = -ENOMEM;
    }
    buf_done(&sql);
    buf_done(&unused);
    return r;
}

void rest_after_write(struct buf *out, const struct rest_value *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct slice text = value[i].text;
        if (i > 0) buf_putc(out, ',');
        bool plain = text.len > 0 && text.p[0] != '"' && !memchr(text.p, ',', text.len) && !slice_equal(text, SLICE("null"));
        if (value[i].null || plain) {
            buf_put(out, value[i].null ? SLICE("null") : text);
            continue;
        }
        buf_putc(out, '"');
        for (size_t k = 0; k < text.len; k++) {
            if (text.p[k] == '"' || text.p[k] == '\\') buf_putc(out, '\\');
            buf_putc(out, text.p[k]);
        }
        buf_putc(out, '"');
    }
}

/* ---- what the server says ---- */

int64_t rest_plan_rows(struct slice json)
{
    static const char word[] = "\"Plan Rows\":";
    for (size_t i = 0; i + sizeof word < json.len; i++) {
        if (memcmp(json.p + i, word, sizeof word - 1) != 0) continue;
        int64_t rows = 0;
        for (i += sizeof word - 1; i < json.len && json.p[i] == ' '; i++) {
        }
        for (; i < json.len && ascii_is_digit(json.p[i]) && rows < INT64_MAX / 16; i++)
            rows = rows * 10 + (json.p[i] - '0');
        return rows;
    }
    return -1;
}

struct slice rest_param_at_fault(const struct rest_statement *s, const char *context)
{
    for (const char *at = context ? strchr(context, '$') : NULL; at; at = strchr(at + 1, '$')) {
        size_t n = strtoul(at + 1, NULL, 10);
        if (n >= 1 && n <= s->params) return s->param_name[n - 1];
    }
    return (struct slice){NULL, 0};
}
