/* SPDX-License-Identifier: MIT */
#include "base/name.h"
#include "etl/dimension.h"
#include "etl/formulas_private.h"

#include <stdio.h>

/* A column of a dimension, or -1 and the mistake is told. */
static int find_in(const struct resolving *m, struct formula *f, const struct dataset_dimension *in, const char *name)
{
    char words[ERROR_TEXT_MAX];
    int at = table_find(&in->table, name);
    if (at >= 0) return at;
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < in->table.columns; i++)
        name_nearest_offer(&nearest, in->table.column[i].name);
    snprintf(words, sizeof words, "the table of %s has no column %s%s%s%s", in->name, name, nearest.best ? "; did you mean " : "",
             nearest.best ? nearest.best : "", nearest.best ? "?" : "");
    formulas_tell(m, f, 0, words);
    return -1;
}

/* dimension.key = name must be an operation that there is. */
static int check_pair(struct resolving *m, struct formula *f, const struct formulas_lookup *l, size_t k)
{
    static const char text[] = "a = b";
    const struct lookup_pair *pair = &l->config->lookup.pair[k];
    const struct table_column *c = &l->dimension->table.column[table_find(&l->dimension->table, pair->column)];
    const struct formulas_input *in = &m->f->input[l->key[k]];
    const struct expr_name name[] = {{.name = "a", .type = c->type, .bytewise = true},
                                     {.name = "b", .type = in->type, .bytewise = true}};
    const struct expr_scope scope = {.name = name, .names = 2, .ctype_known = true};
    struct expr_mistake wrong;
    struct expr_node *tree;
    const struct expr *expr;
    int r = expr_parse(slice_of(text), m->arena, &wrong, &tree);
    if (r == 0) r = expr_check(tree, &scope, &(struct expr_want){.condition = true}, m->arena, &wrong, &expr);
    if (r == EXPR_E_TYPE) {
        char words[ERROR_TEXT_MAX], type[64];
        snprintf(words, sizeof words, "%s.%s is %s, and %s is %s, which it cannot be compared with%s%s%s%s", l->dimension->name,
                 pair->column, c->sql_type, in->name, in->type.id == TYPE_OTHER ? "of another type" : type_sql(in->type, type),
                 in->column < 0 ? "; declare inputs = " : "", in->column < 0 ? in->name : "", in->column < 0 ? " " : "",
                 in->column < 0 ? c->sql_type : "");
        formulas_tell(m, f, 0, words);
    }
    return r < 0 ? r : 0;
}

static int check_dimension(struct resolving *m, struct formula *f, const struct formulas_lookup *l)
{
    const struct lookup *config = &l->config->lookup;
    bool found = find_in(m, f, l->dimension, config->column) >= 0;
    for (size_t k = 0; k < config->n; k++)
        found = find_in(m, f, l->dimension, config->pair[k].column) >= 0 && found;
    if (!found) return 0;
    /* What is only declared has no oid: of its constraints nothing is known yet. */
    if (l->dimension->table.oid && !dimension_is_unique(l->dimension, config)) {
        char words[ERROR_TEXT_MAX];
        snprintf(
            words, sizeof words,
            "%s%s of %s %s neither its primary key nor unique, so that several rows could be found; name its key behind `on`, or "
            "add a unique constraint",
            config->pair[0].column, config->n > 1 ? " and the others" : "", l->dimension->name, config->n > 1 ? "are" : "is");
        formulas_tell(m, f, 0, words);
        return 0;
    }
    int r = 0;
    for (size_t k = 0; k < config->n && r == 0; k++)
        r = check_pair(m, f, l, k);
    return r;
}

/* Its keys are inputs, or become some. */
static int use_keys(struct resolving *m, size_t column)
{
    struct formula *f = &m->lookup[column];
    const struct config_column *config = config_column(m->config, f->column->name);
    for (size_t k = 0; k < config->lookup.n; k++) {
        const struct expr_node name = {.name = slice_of(config->lookup.pair[k].name)};
        int r = formulas_use_name(&(struct formulas_naming){m, f}, &name);
        if (r != 0) return r;
    }
    return 0;
}

/* All inputs that come from the file are known: what is found follows them. */
static int add_lookup(struct resolving *m, size_t column)
{
    struct formula *f = &m->lookup[column];
    struct formulas_lookup *l = &m->f->lookup[m->f->lookups];
    if (f->wrong) return 0;
    *l = (struct formulas_lookup){.column = column, .input = m->f->inputs, .config = config_column(m->config, f->column->name)};
    const struct lookup *config = &l->config->lookup;
    l->dimension = dimension_find(m->dimensions, config->dataset);
    l->key = arena_array(m->arena, config->n, sizeof *l->key);
    if (!l->key) return -ENOMEM;
    for (size_t k = 0; k < config->n; k++) {
        const char *name = config->pair[k].name;
        bool own = strcmp(name, f->column->name) == 0;
        int of_table = own ? -1 : formulas_find_input(m, name, table_find(m->t, name));
        l->key[k] = (size_t)(of_table >= 0 ? of_table : formulas_find_input(m, name, -1));
    }
    int r = l->dimension ? check_dimension(m, f, l) : 0;
    if (r < 0 || f->wrong) return r;
    int value = l->dimension ? table_find(&l->dimension->table, config->column) : -1;
    struct type type = value >= 0 ? l->dimension->table.column[value].type : (struct type){TYPE_OTHER, -1};
    m->f->input[m->f->inputs++] = (struct formulas_input){.name = f->column->name, .type = type, .column = (int)column};
    m->f->lookups++;
    return 0;
}

/* Why memory cannot tell whether keys are equal, or hold what is found; NULL: it can. */
static const char *unfit(const struct resolving *m, const struct formulas_lookup *l)
{
    const struct formulas *f = m->f;
    if (!l->dimension) return "nothing is known of the table that is looked into";
    if (f->input[l->input].type.id == TYPE_OTHER) return "a type that only the server knows is looked up";
    for (size_t k = 0; k < l->config->lookup.n; k++) {
        const struct table_column *c =
            &l->dimension->table.column[table_find(&l->dimension->table, l->config->lookup.pair[k].column)];
        const struct formulas_input *in = &f->input[l->key[k]];
        bool own = in->column >= 0 && m->t->column[in->column].collate && !m->t->column[in->column].bytewise;
        if (!dictionary_comparable(c->type.id, in->type.id) || c->type.id == TYPE_JSON || c->type.id == TYPE_JSONB)
            return "only the server compares keys of these types";
        if (own || (c->collate && !c->bytewise)) return "a key has a collation of its own";
    }
    return NULL;
}

static bool same_keys(const struct lookup *a, const struct lookup *b)
{
    bool same = a->n == b->n;
    for (size_t k = 0; k < a->n && same; k++)
        same = strcmp(a->pair[k].column, b->pair[k].column) == 0;
    return same;
}

/* Lookups into one table by the same key share what is read of it. */
static int add_source(struct resolving *m, struct formulas_lookup *l)
{
    struct formulas *f = m->f;
    const char *why = unfit(m, l);
    if (why && !f->server) {
        f->server = why;
        f->server_place = &l->config->lookup_place;
    }
    if (why) return 0;
    size_t s = 0, v = 0;
    while (s < f->sources && !(f->source[s].dimension == l->dimension && same_keys(f->source[s].by, &l->config->lookup)))
        s++;
    struct formulas_source *source = &f->source[s];
    if (s == f->sources) {
        *source = (struct formulas_source){.dimension = l->dimension, .by = &l->config->lookup};
        source->value = arena_array(m->arena, m->t->columns + 1, sizeof *source->value);
        if (!source->value) return -ENOMEM;
        f->sources++;
    }
    size_t column = (size_t)table_find(&l->dimension->table, l->config->lookup.column);
    while (v < source->values && source->value[v] != column)
        v++;
    source->value[v] = column;
    if (v == source->values) source->values++;
    l->source = s;
    l->value = v;
    return 0;
}

int formulas_add_lookups(struct resolving *m)
{
    int r = 0;
    for (size_t i = 0; i < m->t->columns && r == 0; i++)
        if (m->lookup[i].text) r = use_keys(m, i);
    m->f->read = m->f->inputs;
    for (size_t i = 0; i < m->t->columns && r == 0; i++)
        if (m->lookup[i].text) r = add_lookup(m, i);
    for (size_t i = 0; i < m->f->lookups && r == 0; i++)
        r = add_source(m, &m->f->lookup[i]);
    return r;
}
