/* SPDX-License-Identifier: MIT */
#include "rest/plan.h"

#include "base/name.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAYS_SHOWN = 8 };

struct planning {
    const struct rest_scope *scope;
    struct arena *arena;
    struct rest_error *err;
    struct rest_tables *tables;
    unsigned aliases;
};

/* One way from a table to another. */
struct way {
    struct rest_table table;
    const struct rest_key *key, *far;
    struct rest_table between; /* with far */
    bool forward;
};

struct search {
    const struct rest_scope *scope;
    const struct rest_level *level;
    struct rest_table from;
    struct way way[WAYS_SHOWN];
    size_t ways; /* that there are; perhaps more than are kept */
};

/* ---- columns ---- */

int rest_column_find(const struct table *t, struct slice name)
{
    char text[REST_NAME_MAX + 1];
    if (name.len > REST_NAME_MAX || memchr(name.p, 0, name.len)) return -1;
    memcpy(text, name.p, name.len);
    text[name.len] = '\0';
    int i = table_find(t, text);
    return i >= 0 && !t->column[i].lineage ? i : -1;
}

int rest_column_unknown(const struct rest_table *t, struct slice name, struct slice parameter, struct rest_error *err)
{
    char hint[200] = "GET /v1 lists the columns";
    struct slice shown = rest_shown(name), by = rest_shown(parameter);
    struct name_nearest near = name_nearest_to(name);
    for (size_t i = 0; i < t->table->columns; i++)
        if (!t->table->column[i].lineage) name_nearest_offer(&near, t->table->column[i].name);
    if (near.best) snprintf(hint, sizeof hint, "perhaps \"%s\" is meant", near.best);
    return rest_refuse(err, 400, "42703", hint, "the parameter %.*s: %s has no column \"%.*s\"", (int)by.len, by.p, t->name,
                       (int)shown.len, shown.p);
}

/* ---- ways ---- */

static bool is(const char *text, struct slice name)
{
    return slice_equal(slice_of(text), name);
}

static bool same_table(const char *schema, const char *name, const struct table *t)
{
    return strcmp(schema, t->schema) == 0 && strcmp(name, t->name) == 0;
}

/* Of its columns on one side: the only one. */
static bool is_only(const char *const *column, size_t n, struct slice name)
{
    return n == 1 && is(column[0], name);
}

static void add(struct search *s, struct way w)
{
    if (s->ways < WAYS_SHOWN) s->way[s->ways] = w;
    s->ways++;
}

static void try_forward(struct search *s, const struct rest_key *k)
{
    struct slice name = s->level->name, hint = s->level->hint;
    struct way w = {.key = k, .forward = true};
    if (!same_table(k->schema, k->table, s->from.table)) return;
    if (!s->scope->find_table(s->scope->ctx, k->to_schema, k->to_table, &w.table)) return;
    bool self = w.table.table == s->from.table;
    bool by_column = is_only(k->column, k->columns, name);
    if (!is(w.table.name, name) && !is(k->name, name) && !by_column) return;
    if (hint.p && !is(k->name, hint) && !is_only(k->column, k->columns, hint) && (self || !is_only(k->to_column, k->columns, hint)))
        return;
    add(s, w);
}

static void try_backward(struct search *s, const struct rest_key *k)
{
    struct slice name = s->level->name, hint = s->level->hint;
    struct way w = {.key = k};
    if (!same_table(k->to_schema, k->to_table, s->from.table)) return;
    if (!s->scope->find_table(s->scope->ctx, k->schema, k->table, &w.table) || !is(w.table.name, name)) return;
    bool self = w.table.table == s->from.table;
    if (hint.p && !is(k->name, hint) && !is_only(k->to_column, k->columns, hint) && (self || !is_only(k->column, k->columns, hint)))
        return;
    add(s, w);
}

/* A table whose key is made of references to both. */
static void try_between(struct search *s, const struct rest_key *k)
{
    struct slice name = s->level->name, hint = s->level->hint;
    struct way w = {.key = k};
    if (!k->in_key || !same_table(k->to_schema, k->to_table, s->from.table)) return;
    if (!s->scope->find_table(s->scope->ctx, k->schema, k->table, &w.between)) return;
    for (size_t i = 0; i < s->scope->keys; i++) {
        const struct rest_key *far = &s->scope->key[i];
        if (far == k || !far->in_key || !same_table(far->schema, far->table, w.between.table)) continue;
        if (!s->scope->find_table(s->scope->ctx, far->to_schema, far->to_table, &w.table) || !is(w.table.name, name)) continue;
        if (hint.p && !is(w.between.name, hint) && !is(far->name, hint)) continue;
        w.far = far;
        add(s, w);
    }
}

static const char *shown_columns(const char *const *column, size_t n, char *ret_text, size_t size)
{
    size_t at = 0;
    ret_text[0] = '\0';
    for (size_t i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(ret_text + at, size - at, "%s%s", i ? ", " : "", column[i]);
    return ret_text;
}

static int refuse_many(const struct search *s, struct rest_error *err)
{
    struct slice name = rest_shown(s->level->name);
    rest_refuse(err, 300, "PGRST201", "say which one: NAME!CONSTRAINT(…)",
                "the parameter select: there is more than one way from %s to \"%.*s\"", s->from.name, (int)name.len, name.p);
    size_t at = 0, size = sizeof err->details;
    for (size_t i = 0; i < s->ways && i < WAYS_SHOWN && at < size; i++) {
        const struct way *w = &s->way[i];
        char columns[200], to[200];
        shown_columns(w->key->column, w->key->columns, columns, sizeof columns);
        shown_columns(w->key->to_column, w->key->columns, to, sizeof to);
        at += (size_t)snprintf(err->details + at, size - at, "%s%s: %s(%s) refers to %s(%s)", i ? "; " : "",
                               w->far ? w->between.name : w->key->name, w->key->table, columns, w->key->to_table, to);
    }
    return REST_E_QUERY;
}

static int refuse_none(const struct search *s, struct rest_error *err)
{
    struct slice name = rest_shown(s->level->name), hint = rest_shown(s->level->hint);
    struct name_nearest near = name_nearest_to(s->level->name);
    char advice[200] = "what is embedded must be a readable table that a foreign key joins with this one";
    for (size_t i = 0; i < s->scope->keys; i++) {
        struct rest_table t;
        const struct rest_key *k = &s->scope->key[i];
        if (same_table(k->schema, k->table, s->from.table) && s->scope->find_table(s->scope->ctx, k->to_schema, k->to_table, &t))
            name_nearest_offer(&near, t.name);
        if (same_table(k->to_schema, k->to_table, s->from.table) && s->scope->find_table(s->scope->ctx, k->schema, k->table, &t))
            name_nearest_offer(&near, t.name);
    }
    if (near.best && !is(near.best, s->level->name)) snprintf(advice, sizeof advice, "perhaps \"%s\" is meant", near.best);
    return rest_refuse(err, 400, "PGRST200", advice, "the parameter select: no foreign key joins %s with \"%.*s\"%s%.*s%s",
                       s->from.name, (int)name.len, name.p, hint.len ? " by \"" : "", (int)hint.len, hint.p ? hint.p : "",
                       hint.len ? "\"" : "");
}

/* ---- plans ---- */

static void note(struct planning *p, struct rest_table t)
{
    for (size_t i = 0; i < p->tables->n; i++)
        if (p->tables->table[i].table == t.table) return;
    p->tables->table[p->tables->n++] = t;
}

static int find_way(struct planning *p, struct rest_plan *plan)
{
    struct search s = {.scope = p->scope, .level = plan->level, .from = plan->parent->table};
    for (size_t i = 0; i < p->scope->keys; i++) {
        try_forward(&s, &p->scope->key[i]);
        try_backward(&s, &p->scope->key[i]);
        try_between(&s, &p->scope->key[i]);
    }
    if (s.ways == 0) return refuse_none(&s, p->err);
    if (s.ways > 1) return refuse_many(&s, p->err);
    const struct way *w = &s.way[0];
    plan->table = w->table;
    plan->key = w->key;
    plan->far = w->far;
    plan->forward = w->forward;
    plan->to_many = !w->forward && (w->far || !w->key->unique);
    if (w->far) {
        plan->between = p->aliases++;
        plan->between_table = w->between.table;
        note(p, w->between);
    }
    return 0;
}

static int plan_level(struct planning *p, struct rest_plan *plan);

static int plan_embedded(struct planning *p, struct rest_plan *parent, const struct rest_level *level, struct rest_plan **ret_plan)
{
    struct rest_plan *plan = arena_zalloc(p->arena, sizeof *plan);
    if (!plan) return -ENOMEM;
    plan->level = level;
    plan->parent = parent;
    plan->alias = p->aliases++;
    int r = find_way(p, plan);
    if (r != 0) return r;
    struct slice name = rest_shown(level->name);
    if (level->spread && plan->to_many)
        return rest_refuse(p->err, 400, "PGRST119", "leave the three dots out",
                           "the parameter select: a row of %s has many of \"%.*s\", so"
                           " that their columns cannot be spread",
                           parent->table.name, (int)name.len, name.p);
    note(p, plan->table);
    *ret_plan = plan;
    return plan_level(p, plan);
}

static int plan_level(struct planning *p, struct rest_plan *plan)
{
    struct rest_plan **at = &plan->first;
    for (const struct rest_select *s = plan->level->select; s; s = s->next) {
        if (s->kind != REST_EMBED) continue;
        int r = plan_embedded(p, plan, s->embed, at);
        if (r != 0) return r;
        at = &(*at)->next;
    }
    return 0;
}

int rest_plan_make(const struct rest_scope *scope, const struct rest_level *root, struct rest_table table, struct arena *arena,
                   struct rest_plan **ret_plan, struct rest_tables *ret_tables, struct rest_error *err)
{
    struct planning p = {.scope = scope, .arena = arena, .err = err, .tables = ret_tables};
    struct rest_plan *plan = arena_zalloc(arena, sizeof *plan);
    if (!plan) return -ENOMEM;
    ret_tables->n = 0;
    plan->level = root;
    plan->table = table;
    plan->alias = p.aliases++;
    note(&p, table);
    int r = plan_level(&p, plan);
    if (r == 0) *ret_plan = plan;
    return r;
}

struct rest_plan *rest_plan_of(const struct rest_plan *p, const struct rest_level *level)
{
    for (struct rest_plan *child = p->first; child; child = child->next)
        if (child->level == level) return child;
    return NULL;
}
