/* SPDX-License-Identifier: MIT */
#include "base/name.h"
#include "data/type_name.h"
#include "db/query.h"
#include "etl/formulas_private.h"

#include <stdio.h>

enum { SLIP_DISTANCE = 2, FORMULA_BYTES_MAX = 64 * 1024 };

bool formulas_wanted(const struct config_dataset *config)
{
    bool any = config && (*config->filter || config->inputs.n > 0);
    for (size_t i = 0; config && i < config->n_columns; i++)
        any |= *config->column[i].expr || *config->column[i].check || *config->column[i].lookup_sql;
    return any;
}

static void put_where(const char *column, const char *option, struct slice text, size_t at, char ret_where[FORMULAS_WHERE_MAX])
{
    unsigned line, place;
    expr_place(text, at, &line, &place);
    snprintf(ret_where, FORMULAS_WHERE_MAX, "%s%s%s, line %u, column %u: ", column ? column : "", column ? ": " : "", option, line,
             place);
}

const struct config_place *formulas_where(const struct config_dataset *config, struct slice text, size_t at,
                                          char ret_where[FORMULAS_WHERE_MAX])
{
    const struct config_place *place = text.p == config->filter ? &config->filter_place : NULL;
    if (place) put_where(NULL, "filter", text, at, ret_where);
    for (size_t i = 0; i < config->n_columns && !place; i++) {
        const struct config_column *c = &config->column[i];
        if (text.p != c->expr && text.p != c->check) continue;
        place = text.p == c->expr ? &c->expr_place : &c->check_place;
        put_where(c->name, text.p == c->expr ? "expr" : "check", text, at, ret_where);
    }
    return place;
}

/* Of a lookup, whose place is known by the line of the file alone. */
static void tell_lookup(const struct resolving *m, struct formula *f, const char *words)
{
    char text[ERROR_TEXT_MAX + 128];
    f->wrong = true;
    snprintf(text, sizeof text, "%.63s: lookup: %s", f->column->name, words);
    m->mistake(m->ctx, f->place, text);
}

void formulas_tell(const struct resolving *m, struct formula *f, size_t at, const char *words)
{
    char text[ERROR_TEXT_MAX], where[FORMULAS_WHERE_MAX];
    if (strcmp(f->option, "lookup") == 0) return tell_lookup(m, f, words);
    f->wrong = true;
    put_where(f->column ? f->column->name : NULL, f->option, slice_of(f->text), at, where);
    snprintf(text, sizeof text, "%s%s", where, words);
    m->mistake(m->ctx, f->place, text);
}

/* ---- what there is ---- */

static bool is_made(const struct resolving *m, size_t column)
{
    return m->expr[column].text || m->lookup[column].text;
}

static bool is_from_file(const struct resolving *m, size_t column)
{
    const struct table_column *c = &m->t->column[column];
    return !is_made(m, column) && !c->generated && !c->lineage;
}

int formulas_find_input(const struct resolving *m, const char *name, int column)
{
    for (size_t i = 0; i < m->f->inputs; i++)
        if (m->f->input[i].column == column && strcmp(m->f->input[i].name, name) == 0) return (int)i;
    return -1;
}

static int parse(struct resolving *m, struct formula *f)
{
    struct expr_mistake wrong;
    char words[ERROR_TEXT_MAX];
    if (!f->text) return 0;
    if (strlen(f->text) > FORMULA_BYTES_MAX) {
        snprintf(words, sizeof words,
                 "the expression has %zu bytes; at most %d are read: put it in a function or a view of the database",
                 strlen(f->text), FORMULA_BYTES_MAX);
        formulas_tell(m, f, 0, words);
        f->text = NULL;
        return 0;
    }
    int r = expr_parse(slice_of(f->text), m->arena, &wrong, &f->tree);
    if (r == EXPR_E_SYNTAX) formulas_tell(m, f, wrong.at, wrong.why.text);
    if (r == EXPR_E_SYNTAX) f->text = NULL;
    if (r != EXPR_E_SERVER) return r < 0 ? r : 0;
    f->tree = NULL;
    if (!m->f->server) {
        m->f->server = arena_cstr(m->arena, slice_of(wrong.why.text));
        m->f->server_place = f->place;
    }
    return m->f->server ? 0 : -ENOMEM;
}

static int count_name(void *ctx, const struct expr_node *name)
{
    (void)name;
    ++*(size_t *)ctx;
    return 0;
}

/* An array of inputs that is never too small. */
static int make_room(struct resolving *m)
{
    size_t room = m->t->columns + m->config->inputs.n + 1;
    for (size_t i = 0; i < m->t->columns; i++)
        if (m->expr[i].text && m->expr[i].tree) (void)expr_each_name(m->expr[i].tree, count_name, &room);
    for (size_t i = 0; i < m->config->n_columns; i++)
        room += m->config->column[i].lookup.n + 1;
    m->f->input = arena_array(m->arena, room, sizeof *m->f->input);
    m->name = arena_array(m->arena, room + m->t->columns, sizeof *m->name);
    return m->f->input && m->name ? 0 : -ENOMEM;
}

static int add_declared(struct resolving *m)
{
    for (size_t i = 0; i < m->t->columns; i++)
        if (is_from_file(m, i))
            m->f->input[m->f->inputs++] =
                (struct formulas_input){.name = m->t->column[i].name, .type = m->t->column[i].type, .column = (int)i};
    for (size_t i = 0; i < m->config->inputs.n; i++) {
        struct type type = {TYPE_TEXT, -1};
        if (type_by_name(slice_of(m->config->input_types.item[i]), &type) != 0) {
            char text[ERROR_TEXT_MAX];
            snprintf(text, sizeof text,
                     "inputs: %s: no type that can be read here: %s; read it as text and cast it in the expression",
                     m->config->inputs.item[i], m->config->input_types.item[i]);
            m->mistake(m->ctx, &m->config->place, text);
        }
        m->f->input[m->f->inputs++] = (struct formulas_input){.name = m->config->inputs.item[i], .type = type, .column = -1};
    }
    return 0;
}

/* The name that a person may have meant, or NULL. */
static const char *slip_of(const struct resolving *m, const char *name)
{
    struct name_nearest nearest = name_nearest_to(slice_of(name));
    for (size_t i = 0; i < m->t->columns; i++)
        name_nearest_offer(&nearest, m->t->column[i].name);
    for (size_t i = 0; i < m->config->inputs.n; i++)
        name_nearest_offer(&nearest, m->config->inputs.item[i]);
    return nearest.best && nearest.distance <= SLIP_DISTANCE ? nearest.best : NULL;
}

int formulas_use_name(void *ctx, const struct expr_node *node)
{
    const struct formulas_naming *n = ctx;
    struct resolving *m = n->m;
    char words[ERROR_TEXT_MAX];
    const char *name = arena_cstr(m->arena, node->name);
    if (!name) return -ENOMEM;
    bool own = strcmp(name, n->f->column->name) == 0;
    int column = table_find(m->t, name);
    if (!own && column >= 0) {
        const struct table_column *c = &m->t->column[column];
        bool looked_up = m->lookup[column].text, computes = strcmp(n->f->option, "expr") == 0;
        const char *why =
            looked_up && computes ? NULL
            : looked_up           ? "is looked up itself; a lookup's key is what comes from the file"
            : is_made(m, (size_t)column)
                ? "is computed itself; an expression reads what comes from the file: declare its cell as an input of another name"
            : c->generated ? "is made by the server"
            : c->lineage   ? "is cetld's own; write filename() or line()"
                           : NULL;
        if (!why) return 0;
        snprintf(words, sizeof words, "column %s %s", name, why);
        formulas_tell(m, n->f, node->at, words);
        return 0;
    }
    if (formulas_find_input(m, name, -1) >= 0) return 0;
    const char *slip = own ? NULL : slip_of(m, name);
    if (slip) {
        snprintf(words, sizeof words,
                 "there is no column %s; did you mean %s? (A cell of the file is declared by inputs = %s text)", name, slip, name);
        formulas_tell(m, n->f, node->at, words);
        return 0;
    }
    m->f->input[m->f->inputs++] =
        (struct formulas_input){.name = name, .type = {TYPE_TEXT, -1}, .column = -1, .reader = n->f->column->name};
    return 0;
}

/* ---- names and types ---- */

/* Whose values an input has: of the table, or of a dimension; NULL: it has no collation but the database's. */
static const struct table_column *column_of(const struct resolving *m, size_t input)
{
    const struct formulas *f = m->f;
    if (input < f->read) return f->input[input].column >= 0 ? &m->t->column[f->input[input].column] : NULL;
    const struct formulas_lookup *l = &f->lookup[input - f->read];
    return l->dimension ? &l->dimension->table.column[table_find(&l->dimension->table, l->config->lookup.column)] : NULL;
}

/*
 * What names mean for one formula. A name that means something else there, or nothing, is "" in the scope, which no name is.
 * The cell that has the name of a column that an expression makes is that expression's only.
 */
static void make_scope(struct resolving *m, const struct formula *f, struct expr_scope *ret_scope)
{
    const struct formulas *all = m->f;
    bool computes = strcmp(f->option, "expr") == 0 || strcmp(f->option, "lookup") == 0;
    for (size_t i = 0; i < all->inputs; i++) {
        const struct formulas_input *in = &all->input[i];
        bool cell = in->column < 0 && table_find(m->t, in->name) >= 0;
        bool own = computes && strcmp(f->option, "lookup") != 0 && strcmp(in->name, f->column->name) == 0;
        bool visible = computes ? !cell || own : in->column < 0 && !cell;
        const struct table_column *c = column_of(m, i);
        bool bytewise = c ? c->bytewise : m->t->bytewise;
        m->name[i] = (struct expr_name){.name = visible ? in->name : "",
                                        .type = in->type,
                                        .bytewise = bytewise || type_info(in->type.id)->fixed,
                                        .collate = c && c->collate};
    }
    for (size_t i = 0; i < m->t->columns; i++) {
        const struct table_column *c = &m->t->column[i];
        bool visible = !computes && (is_made(m, i) || is_from_file(m, i));
        m->name[all->inputs + i] =
            (struct expr_name){.name = visible ? c->name : "", .type = c->type, .bytewise = c->bytewise, .collate = c->collate};
    }
    *ret_scope = (struct expr_scope){.name = m->name,
                                     .names = all->inputs + m->t->columns,
                                     .table = m->t->name,
                                     .own_calls = m->t->own_calls,
                                     .ctype_known = m->t->ctype_known,
                                     .bytewise = m->t->bytewise};
}

static int check(struct resolving *m, struct formula *f, const struct expr_want *want, struct transform_expr *ret_expr)
{
    struct expr_scope scope;
    struct expr_mistake wrong;
    if (!f->text) return 0;
    ret_expr->text = slice_of(f->text);
    if (!f->tree || f->wrong) return 0;
    make_scope(m, f, &scope);
    int r = expr_check(f->tree, &scope, want, m->arena, &wrong, &ret_expr->expr);
    if (r == EXPR_E_NAME || r == EXPR_E_TYPE || r == EXPR_E_SYNTAX) formulas_tell(m, f, wrong.at, wrong.why.text);
    if (r == EXPR_E_SERVER && !m->f->server) {
        m->f->server = arena_cstr(m->arena, slice_of(wrong.why.text));
        m->f->server_place = f->place;
    }
    return r < 0 ? r : 0;
}

/* What is found is assigned to the column, as by an INSERT: where the types differ, by an expression that is its name. */
static int check_looked_up(struct resolving *m, size_t i, struct transform_column *to)
{
    const struct table_column *c = &m->t->column[i];
    const struct type found = m->f->input[to->input].type;
    int r = 0;
    if (!m->lookup[i].wrong && (found.id != c->type.id || (c->type.typmod != -1 && c->type.typmod != found.typmod))) {
        struct buf name;
        buf_init(&name, ERROR_TEXT_MAX);
        db_quote_identifier(&name, slice_of(c->name));
        struct formula f = m->lookup[i];
        f.text = buf_check(&name) == 0 ? arena_cstr(m->arena, buf_slice(&name)) : NULL;
        buf_done(&name);
        r = f.text ? parse(m, &f) : -ENOMEM;
        if (r == 0) r = check(m, &f, &(struct expr_want){.type = c->type}, &to->value);
    }
    to->value.text = slice_of(m->lookup[i].text);
    return r == 0 ? check(m, &m->check[i], &(struct expr_want){.condition = true}, &to->check) : r;
}

static int check_column(struct resolving *m, size_t i)
{
    const struct table_column *c = &m->t->column[i];
    struct transform_column *to = &m->f->column[i];
    int input = formulas_find_input(m, c->name, (int)i);
    *to = (struct transform_column){
        .name = c->name, .type = c->type, .input = input >= 0 ? (size_t)input : 0, .not_null = c->not_null};
    if (is_made(m, i) && (c->generated || table_column_is_own(c))) {
        formulas_tell(m, m->expr[i].text ? &m->expr[i] : &m->lookup[i], 0,
                      c->generated ? "the column is GENERATED, so the server makes its values" : "the column is cetld's own");
        return 0;
    }
    if (m->lookup[i].text) return check_looked_up(m, i, to);
    int r = check(m, &m->expr[i], &(struct expr_want){.type = c->type}, &to->value);
    return r == 0 ? check(m, &m->check[i], &(struct expr_want){.condition = true}, &to->check) : r;
}

static int gather(struct resolving *m)
{
    const struct config_dataset *config = m->config;
    m->expr = arena_array(m->arena, m->t->columns + 1, sizeof *m->expr);
    m->check = arena_array(m->arena, m->t->columns + 1, sizeof *m->check);
    m->lookup = arena_array(m->arena, m->t->columns + 1, sizeof *m->lookup);
    m->f->column = arena_array(m->arena, m->t->columns + 1, sizeof *m->f->column);
    m->f->lookup = arena_array(m->arena, config->n_columns + 1, sizeof *m->f->lookup);
    m->f->source = arena_array(m->arena, config->n_columns + 1, sizeof *m->f->source);
    if (!m->expr || !m->check || !m->lookup || !m->f->column || !m->f->lookup || !m->f->source) return -ENOMEM;
    for (size_t i = 0; i < m->t->columns; i++) {
        const struct table_column *c = &m->t->column[i];
        const struct config_column *own = config_column(config, c->name);
        if (own && *own->expr)
            m->expr[i] = (struct formula){.option = "expr", .text = own->expr, .place = &own->expr_place, .column = c};
        if (own && own->lookup.dataset)
            m->lookup[i] = (struct formula){.option = "lookup", .text = own->lookup_sql, .place = &own->lookup_place, .column = c};
        if (own && *own->check)
            m->check[i] = (struct formula){.option = "check", .text = own->check, .place = &own->check_place, .column = c};
    }
    if (*config->filter) m->filter = (struct formula){.option = "filter", .text = config->filter, .place = &config->filter_place};
    int r = parse(m, &m->filter);
    for (size_t i = 0; i < m->t->columns && r == 0; i++) {
        r = parse(m, &m->expr[i]);
        if (r == 0) r = parse(m, &m->check[i]);
    }
    return r;
}

int formulas_resolve(const struct config_dataset *config, const struct formulas_tables *tables, struct arena *a,
                     formulas_mistake mistake, void *ctx, struct formulas **ret_formulas)
{
    const struct table *t = tables->own;
    struct resolving m = {.config = config, .t = t, .dimensions = tables->dimensions, .arena = a, .mistake = mistake, .ctx = ctx};
    m.f = arena_zalloc(a, sizeof *m.f);
    int r = m.f ? gather(&m) : -ENOMEM;
    if (r == 0) r = make_room(&m);
    if (r == 0) r = add_declared(&m);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        if (m.expr[i].text && m.expr[i].tree)
            r = expr_each_name(m.expr[i].tree, formulas_use_name, &(struct formulas_naming){&m, &m.expr[i]});
    if (r == 0) r = formulas_add_lookups(&m);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        r = check_column(&m, i);
    if (r == 0) r = check(&m, &m.filter, &(struct expr_want){.condition = true}, &m.f->filter);
    if (r == 0) *ret_formulas = m.f;
    return r;
}

void formulas_describe(const struct formulas *f, const char *dataset, struct buf *out)
{
    const char *what = f->lookups > 0 ? "its lookups and expressions" : "its expressions";
    if (f->server) {
        buf_printf(out, "dataset %s: %s run in the server, behind a stage, because of %s:%d: %s\n", dataset, what,
                   f->server_place->file, f->server_place->line, f->server);
    } else if (f->lookups > 0) {
        buf_printf(out,
                   "dataset %s: its expressions run on the workers, its lookups in memory up to lookup_max, else both in the "
                   "server, behind a stage\n",
                   dataset);
    } else {
        buf_printf(out, "dataset %s: its expressions run on the workers\n", dataset);
    }
}

static void break_dataset(void *ctx, const struct config_place *place, const char *text)
{
    dataset_break(ctx, "%s:%d: %s", place->file, place->line, text);
}

int formulas_of_dataset(struct dataset *d)
{
    struct formulas *f = NULL;
    if (!formulas_wanted(d->config)) return 0;
    const struct formulas_tables tables = {&d->table, &d->dimensions};
    int r = formulas_resolve(d->config, &tables, &d->arena, break_dataset, d, &f);
    d->formulas = f;
    return r;
}
