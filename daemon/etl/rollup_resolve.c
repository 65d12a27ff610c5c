/* SPDX-License-Identifier: MIT */
/* A rollup of the configuration over its dataset's table: which columns, which partials, and what its own table is. */
#include "config/token.h"
#include "etl/rollup.h"

#include <stdio.h>

static const enum aggregate_function function_of[] = {[ROLLUP_COUNT_ALL] = AGGREGATE_COUNT_ALL,
                                                      [ROLLUP_COUNT] = AGGREGATE_COUNT,
                                                      [ROLLUP_SUM] = AGGREGATE_SUM,
                                                      [ROLLUP_MIN] = AGGREGATE_MIN,
                                                      [ROLLUP_MAX] = AGGREGATE_MAX,
                                                      [ROLLUP_BOOL_AND] = AGGREGATE_AND,
                                                      [ROLLUP_BOOL_OR] = AGGREGATE_OR};
static const enum aggregate_key_kind kind_of[] = {
    [ROLLUP_KEY_COLUMN] = AGGREGATE_KEY_COLUMN, [ROLLUP_KEY_DATE] = AGGREGATE_KEY_DATE, [ROLLUP_KEY_TRUNC] = AGGREGATE_KEY_TRUNC};

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

/* The columns that an expression may read: every name in it that is one. */
static int note_names(const struct resolution *r, const char *sql, bool *uses)
{
    struct slice rest = slice_of(sql);
    for (struct token t = token_next(&rest); t.kind != TOKEN_END && t.kind != TOKEN_BAD; t = token_next(&rest)) {
        if (!token_is_name(t)) continue;
        const char *name = token_name(t, r->arena);
        if (!name) return -ENOMEM;
        int c = table_find(r->source, name);
        if (c >= 0) uses[c] = true;
    }
    return 0;
}

static int resolve_keys(const struct resolution *r, struct aggregate_key *key, struct dataset_rollup *out)
{
    const struct rollup_keys *keys = &r->config->keys;
    for (size_t i = 0; i < keys->n; i++) {
        int e;
        if (keys->item[i].kind == ROLLUP_KEY_EXPR) {
            out->how = ROLLUP_STAGED;
            e = note_names(r, keys->item[i].sql, out->uses);
        } else {
            key[i] = (struct aggregate_key){.kind = kind_of[keys->item[i].kind], .unit = keys->item[i].unit};
            e = find_column(r, keys->item[i].column, &key[i].column);
            if (e == 0) out->uses[key[i].column] = true;
        }
        if (e != 0) return e;
    }
    return 0;
}

/* Where it is known, also, which measures only the server can compute. */
static int resolve_measures(const struct resolution *r, size_t *column, struct dataset_rollup *out)
{
    const struct rollup_measures *measures = &r->config->measures;
    for (size_t i = 0; i < measures->n; i++) {
        const struct rollup_measure *m = &measures->item[i];
        int e = m->sql ? note_names(r, m->sql, out->uses) : 0;
        if (m->column) e = find_column(r, m->column, &column[i]);
        if (e != 0) return e;
        if (m->column) out->uses[column[i]] = true;
        bool single = m->function == ROLLUP_AVG && r->source->column[column[i]].type.id == TYPE_FLOAT4; /* its sum has 24 bits */
        if ((m->sql || single) && out->how == ROLLUP_MERGED) out->how = ROLLUP_COUNTED;
    }
    return 0;
}

/* The partials: what of the source's columns. Of measures that the server computes only the keys are wanted. */
static int resolve_spec(const struct resolution *r, const struct aggregate_key *key, const size_t *column,
                        struct dataset_rollup *out)
{
    const struct config_rollup *c = r->config;
    struct aggregate_measure *measure = arena_array(r->arena, 2 * c->measures.n + 1, sizeof *measure);
    struct type *type = arena_array(r->arena, r->source->columns + 1, sizeof *type);
    out->state = arena_array(r->arena, 2 * c->measures.n + 1, sizeof *out->state);
    if (!measure || !type || !out->state) return -ENOMEM;
    for (size_t i = 0; i < r->source->columns; i++)
        type[i] = r->source->column[i].type;
    size_t n = 0, hidden = c->keys.n + c->measures.n;
    for (size_t i = 0; i < c->measures.n && out->how == ROLLUP_MERGED; i++) {
        const struct rollup_measure *m = &c->measures.item[i];
        bool avg = m->function == ROLLUP_AVG;
        measure[n] = (struct aggregate_measure){avg ? AGGREGATE_SUM : function_of[m->function], column[i]};
        out->state[n++] = (struct rollup_state){avg ? ROLLUP_SUM : m->function, avg ? hidden++ : c->keys.n + i};
        if (!avg) continue;
        measure[n] = (struct aggregate_measure){AGGREGATE_COUNT, column[i]};
        out->state[n++] = (struct rollup_state){ROLLUP_COUNT, hidden++};
    }
    out->spec = (struct aggregate_spec){
        .key = key, .keys = c->keys.n, .measure = measure, .measures = n, .type = type, .columns = r->source->columns};
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

/* The same, of a type that only the server knows. */
static int add_unknown(const struct resolution *r, struct table *t, const char *name)
{
    struct table_column *c = &t->column[t->columns++];
    *c = (struct table_column){.name = arena_cstr(r->arena, slice_of(name)), .sql_type = "", .bytewise = true, .format = ""};
    return c->name ? 0 : -ENOMEM;
}

static int add_keys(const struct resolution *r, const struct dataset_rollup *rollup, struct table *t)
{
    const struct config_rollup *c = r->config;
    struct type type;
    int e = 0;
    for (size_t i = 0; i < c->keys.n && e == 0; i++) {
        t->key[t->keys++] = i;
        bool expr = c->keys.item[i].kind == ROLLUP_KEY_EXPR;
        if (!expr) e = aggregate_key_type(&rollup->spec, i, r->err, &type);
        if (e == 0) e = expr ? add_unknown(r, t, c->keys.item[i].alias) : add_column(r, t, c->keys.item[i].alias, type);
    }
    return e;
}

/* An avg has its own column, and its sum and count behind all others. */
static int add_measures(const struct resolution *r, const struct dataset_rollup *rollup, struct table *t)
{
    const struct config_rollup *c = r->config;
    struct type type = {0};
    int e = 0;
    for (size_t i = 0, n = 0; i < c->measures.n && e == 0; i++) {
        const struct rollup_measure *m = &c->measures.item[i];
        bool avg = m->function == ROLLUP_AVG;
        e = check_text_order(r, &rollup->spec.measure[n]);
        if (e == 0) e = aggregate_measure_type(&rollup->spec, n, r->err, &type);
        if (avg && type.id != TYPE_FLOAT8) type = (struct type){TYPE_NUMERIC, -1};
        if (e == 0) e = add_column(r, t, m->alias, type);
        n += avg ? 2 : 1;
    }
    for (size_t n = 0; n < rollup->spec.measures && e == 0; n++) {
        if (rollup->state[n].column < c->keys.n + c->measures.n) continue;
        char name[32];
        snprintf(name, sizeof name, ROLLUP_STATE_COLUMN, rollup->state[n].column - c->keys.n - c->measures.n);
        e = aggregate_measure_type(&rollup->spec, n, r->err, &type);
        if (e == 0) e = add_column(r, t, name, type);
        if (e == 0) t->column[t->columns - 1].lineage = true;
    }
    return e;
}

static int resolve_table(const struct resolution *r, struct dataset_rollup *rollup)
{
    const struct config_rollup *c = r->config;
    struct table *t = &rollup->table;
    *t = (struct table){.schema = r->source->schema, .name = c->table};
    t->column = arena_array(r->arena, c->keys.n + 3 * c->measures.n + 1, sizeof *t->column);
    t->key = arena_array(r->arena, c->keys.n + 1, sizeof *t->key);
    if (!t->column || !t->key) return -ENOMEM;
    rollup->described = rollup->how == ROLLUP_MERGED;
    int e = add_keys(r, rollup, t);
    if (e == 0 && rollup->described) e = add_measures(r, rollup, t);
    for (size_t i = 0; i < c->measures.n && e == 0 && !rollup->described; i++)
        e = add_unknown(r, t, c->measures.item[i].alias);
    if (e != AGGREGATE_E_TYPE) return e;
    struct error why = *r->err;
    return error_set(r->err, ROLLUP_E_TYPE, "%s:%d: rollup %s: %s", c->place.file, c->place.line, c->name, why.text);
}

int rollup_resolve(const struct config_rollup *config, const struct table *source, struct arena *a, struct error *err,
                   struct dataset_rollup *ret_rollup)
{
    struct resolution r = {config, source, a, err};
    struct dataset_rollup out = {.config = config, .how = ROLLUP_MERGED};
    struct aggregate_key *key = arena_array(a, config->keys.n + 1, sizeof *key);
    size_t *column = arena_array(a, config->measures.n + 1, sizeof *column);
    out.uses = arena_array(a, source->columns + 1, sizeof *out.uses);
    if (source->deleted_at && !source->deleted_at->stamp) out.how = ROLLUP_COUNTED; /* a file may bring deleted rows */
    if (!key || !column || !out.uses) return -ENOMEM;
    int e = resolve_keys(&r, key, &out);
    if (e == 0) e = resolve_measures(&r, column, &out);
    if (e == 0) e = resolve_spec(&r, key, column, &out);
    if (e == 0) e = resolve_table(&r, &out);
    if (e == 0) *ret_rollup = out;
    return e;
}

/* One column, as the server has it. */
static int take_type(const struct config_rollup *c, bool key, uint32_t oid, int typmod, struct table_column *column,
                     struct arena *a, struct error *err)
{
    char sql[64];
    enum type_id id;
    bool known = type_by_oid(oid, &id) == 0;
    if (!known || (key && (id == TYPE_JSON || id == TYPE_JSONB)))
        return error_set(err, ROLLUP_E_TYPE,
                         "%s:%d: rollup %s: %s has a type (%s%lu) that a rollup cannot %s; cast it, to text perhaps", c->place.file,
                         c->place.line, c->name, column->name, known ? type_info(id)->name : "its oid is ",
                         known ? 0UL : (unsigned long)oid, key ? "group by" : "hold");
    column->type = (struct type){id, typmod};
    column->oid = oid;
    column->known = true;
    column->sql_type = arena_cstr(a, slice_of(type_sql(column->type, sql)));
    return column->sql_type ? 0 : -ENOMEM;
}

int rollup_take_types(struct dataset_rollup *r, const PGresult *rows, struct arena *a, struct error *err)
{
    struct table *t = &r->table;
    for (size_t i = 0; i < t->columns; i++) {
        int e = take_type(r->config, i < t->keys, PQftype(rows, (int)i), PQfmod(rows, (int)i), &t->column[i], a, err);
        if (e != 0) return e;
    }
    r->described = true;
    return 0;
}
