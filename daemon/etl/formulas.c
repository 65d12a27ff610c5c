/* SPDX-License-Identifier: MIT */
#include "etl/formulas.h"

#include "base/name.h"
#include "config/token.h"
#include "data/type_name.h"

#include <locale.h>
#include <stdio.h>

enum { FORMULAS_BLOCK = 16 * 1024, FORMULAS_MAX = 16 * 1024 * 1024, SLIP_DISTANCE = 2 };

/* One expression of the configuration. */
struct formula {
    const char *option; /* "expr" */
    const char *text;
    const struct config_place *place;
    const struct table_column *column; /* whose it is; NULL: the filter */
    struct expr_node *tree;            /* NULL: the server's already by its syntax */
    bool wrong;                        /* it was told already */
};

struct resolving {
    const struct config_dataset *config;
    const struct table *t;
    struct arena *arena;
    formulas_mistake mistake;
    void *ctx;
    struct formulas *f;
    struct formula *expr, *check; /* of each column; text NULL: none */
    struct formula filter;
    struct expr_name *name; /* the scope: inputs, then columns */
};

bool formulas_wanted(const struct config_dataset *config)
{
    bool any = config && (*config->filter || config->inputs.n > 0);
    for (size_t i = 0; config && i < config->n_columns; i++)
        any |= *config->column[i].expr || *config->column[i].check;
    return any;
}

static void tell(const struct resolving *m, struct formula *f, size_t at, const char *words)
{
    char text[ERROR_TEXT_MAX];
    unsigned line, column;
    f->wrong = true;
    expr_place(slice_of(f->text), at, &line, &column);
    snprintf(text, sizeof text, "%s%s%s, line %u, column %u: %s", f->column ? f->column->name : "", f->column ? ": " : "",
             f->option, line, column, words);
    m->mistake(m->ctx, f->place, text);
}

/* ---- what there is ---- */

static bool is_made(const struct resolving *m, size_t column)
{
    return m->expr[column].text;
}

static bool is_from_file(const struct resolving *m, size_t column)
{
    const struct table_column *c = &m->t->column[column];
    return !is_made(m, column) && !c->generated && !c->lineage;
}

static int find_input(const struct resolving *m, const char *name, int column)
{
    for (size_t i = 0; i < m->f->inputs; i++)
        if (m->f->input[i].column == column && strcmp(m->f->input[i].name, name) == 0) return (int)i;
    return -1;
}

static int parse(struct resolving *m, struct formula *f)
{
    struct expr_mistake wrong;
    if (!f->text) return 0;
    int r = expr_parse(slice_of(f->text), m->arena, &wrong, &f->tree);
    if (r == EXPR_E_SYNTAX) tell(m, f, wrong.at, wrong.why.text);
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

struct naming {
    struct resolving *m;
    struct formula *f;
};

/* A name in the `expr` of a column: it is an input, or becomes one. */
static int use_name(void *ctx, const struct expr_node *node)
{
    struct naming *n = ctx;
    struct resolving *m = n->m;
    char words[ERROR_TEXT_MAX];
    const char *name = arena_cstr(m->arena, node->name);
    if (!name) return -ENOMEM;
    bool own = strcmp(name, n->f->column->name) == 0;
    int column = table_find(m->t, name);
    if (!own && column >= 0) {
        const struct table_column *c = &m->t->column[column];
        const char *why =
            is_made(m, (size_t)column)
                ? "is computed itself; an expression reads what comes from the file: declare its cell as an input of another name"
            : c->generated ? "is made by the server"
            : c->lineage   ? "is cetld's own; write filename() or line()"
                           : NULL;
        if (!why) return 0;
        snprintf(words, sizeof words, "column %s %s", name, why);
        tell(m, n->f, node->at, words);
        return 0;
    }
    if (find_input(m, name, -1) >= 0) return 0;
    const char *slip = own ? NULL : slip_of(m, name);
    if (slip) {
        snprintf(words, sizeof words,
                 "there is no column %s; did you mean %s? (A cell of the file is declared by inputs = %s text)", name, slip, name);
        tell(m, n->f, node->at, words);
        return 0;
    }
    m->f->input[m->f->inputs++] =
        (struct formulas_input){.name = name, .type = {TYPE_TEXT, -1}, .column = -1, .reader = n->f->column->name};
    return 0;
}

/* ---- names and types ---- */

/*
 * What names mean for one formula. A name that means something else there, or nothing, is "" in the scope, which no name is.
 * The cell that has the name of a column that an expression makes is that expression's only.
 */
static void make_scope(struct resolving *m, const struct formula *f, struct expr_scope *ret_scope)
{
    const struct formulas *all = m->f;
    bool computes = strcmp(f->option, "expr") == 0;
    for (size_t i = 0; i < all->inputs; i++) {
        const struct formulas_input *in = &all->input[i];
        bool cell = in->column < 0 && table_find(m->t, in->name) >= 0;
        bool visible = computes ? !cell || strcmp(in->name, f->column->name) == 0 : in->column < 0 && !cell;
        bool bytewise = in->column >= 0 ? m->t->column[in->column].bytewise : m->t->bytewise;
        m->name[i] = (struct expr_name){.name = visible ? in->name : "",
                                        .type = in->type,
                                        .bytewise = bytewise || type_info(in->type.id)->fixed,
                                        .collate = in->column >= 0 && m->t->column[in->column].collate};
    }
    for (size_t i = 0; i < m->t->columns; i++) {
        const struct table_column *c = &m->t->column[i];
        bool visible = !computes && (is_made(m, i) || is_from_file(m, i));
        m->name[all->inputs + i] =
            (struct expr_name){.name = visible ? c->name : "", .type = c->type, .bytewise = c->bytewise, .collate = c->collate};
    }
    *ret_scope = (struct expr_scope){
        .name = m->name, .names = all->inputs + m->t->columns, .ctype_known = m->t->ctype_known, .bytewise = m->t->bytewise};
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
    if (r == EXPR_E_NAME || r == EXPR_E_TYPE || r == EXPR_E_SYNTAX) tell(m, f, wrong.at, wrong.why.text);
    if (r == EXPR_E_SERVER && !m->f->server) {
        m->f->server = arena_cstr(m->arena, slice_of(wrong.why.text));
        m->f->server_place = f->place;
    }
    return r < 0 ? r : 0;
}

static int check_column(struct resolving *m, size_t i)
{
    const struct table_column *c = &m->t->column[i];
    struct transform_column *to = &m->f->column[i];
    int input = find_input(m, c->name, (int)i);
    *to = (struct transform_column){
        .name = c->name, .type = c->type, .input = input >= 0 ? (size_t)input : 0, .not_null = c->not_null};
    if (m->expr[i].text && (c->generated || table_column_is_own(c))) {
        tell(m, &m->expr[i], 0,
             c->generated ? "the column is GENERATED, so the server makes its values" : "the column is cetld's own");
        return 0;
    }
    int r = check(m, &m->expr[i], &(struct expr_want){.type = c->type}, &to->value);
    return r == 0 ? check(m, &m->check[i], &(struct expr_want){.condition = true}, &to->check) : r;
}

static int gather(struct resolving *m)
{
    const struct config_dataset *config = m->config;
    m->expr = arena_array(m->arena, m->t->columns + 1, sizeof *m->expr);
    m->check = arena_array(m->arena, m->t->columns + 1, sizeof *m->check);
    m->f->column = arena_array(m->arena, m->t->columns + 1, sizeof *m->f->column);
    if (!m->expr || !m->check || !m->f->column) return -ENOMEM;
    for (size_t i = 0; i < m->t->columns; i++) {
        const struct table_column *c = &m->t->column[i];
        const struct config_column *own = config_column(config, c->name);
        if (own && *own->expr)
            m->expr[i] = (struct formula){.option = "expr", .text = own->expr, .place = &own->expr_place, .column = c};
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

int formulas_resolve(const struct config_dataset *config, const struct table *t, struct arena *a, formulas_mistake mistake,
                     void *ctx, struct formulas **ret_formulas)
{
    struct resolving m = {.config = config, .t = t, .arena = a, .mistake = mistake, .ctx = ctx};
    m.f = arena_zalloc(a, sizeof *m.f);
    int r = m.f ? gather(&m) : -ENOMEM;
    if (r == 0) r = make_room(&m);
    if (r == 0) r = add_declared(&m);
    for (size_t i = 0; i < t->columns && r == 0; i++)
        if (m.expr[i].text && m.expr[i].tree) r = expr_each_name(m.expr[i].tree, use_name, &(struct naming){&m, &m.expr[i]});
    for (size_t i = 0; i < t->columns && r == 0; i++)
        r = check_column(&m, i);
    if (r == 0) r = check(&m, &m.filter, &(struct expr_want){.condition = true}, &m.f->filter);
    if (r == 0) *ret_formulas = m.f;
    return r;
}

/* ---- what they read ---- */

static bool is_name(struct token t, const char *name)
{
    if (t.kind != TOKEN_QUOTED_NAME) return token_is_word(t, name);
    size_t i = 1;
    for (; i + 1 < t.text.len && t.text.p[i] == *name; i++, name++)
        i += *name == '"';
    return i + 1 == t.text.len && *name == '\0';
}

static bool text_names(const struct transform_expr *e, const char *name)
{
    struct slice rest = e->text;
    if (!rest.p) return false;
    for (struct token t = token_next(&rest); t.kind != TOKEN_END && t.kind != TOKEN_BAD; t = token_next(&rest))
        if (is_name(t, name)) return true;
    return false;
}

static bool server_reads(const struct formulas *f, const struct table *t, size_t column)
{
    const char *name = t->column[column].name;
    bool reads = text_names(&f->filter, name);
    for (size_t i = 0; i < t->columns && !reads; i++)
        reads = text_names(&f->column[i].value, name) || text_names(&f->column[i].check, name);
    return reads;
}

bool formulas_read(const struct formulas *f, const struct table *t, size_t column)
{
    if (f->server) return server_reads(f, t, column);
    size_t at = f->inputs + column;
    bool reads = f->filter.expr && expr_uses(f->filter.expr, at);
    for (size_t i = 0; i < t->columns && !reads; i++)
        reads = f->column[i].check.expr && expr_uses(f->column[i].check.expr, at);
    for (size_t k = 0; k < f->inputs; k++)
        for (size_t i = 0; f->input[k].column == (int)column && i < t->columns && !reads; i++)
            reads = f->column[i].value.expr && expr_uses(f->column[i].value.expr, k);
    return reads;
}

void formulas_describe(const struct formulas *f, const char *dataset, struct buf *out)
{
    buf_printf(out, "dataset %s: its expressions run ", dataset);
    if (!f->server) {
        buf_puts(out, "on the workers\n");
    } else {
        buf_printf(out, "in the server, behind a stage, because of %s:%d: %s\n", f->server_place->file, f->server_place->line,
                   f->server);
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
    int r = formulas_resolve(d->config, &d->table, &d->arena, break_dataset, d, &f);
    d->formulas = f;
    return r;
}

/* ---- without the database ---- */

/* The table that `columns` declares, as far as its words say. */
static int declared_table(const struct config_dataset *d, struct arena *a, struct table *ret_table)
{
    struct table t = {.schema = d->schema, .name = d->table, .columns = d->columns.n, .ctype_known = true, .bytewise = true};
    t.column = arena_array(a, t.columns + 1, sizeof *t.column);
    if (!t.column) return -ENOMEM;
    for (size_t i = 0; i < t.columns; i++) {
        struct table_column *c = &t.column[i];
        *c = (struct table_column){.name = d->columns.item[i], .sql_type = d->column_types.item[i], .bytewise = true};
        c->known = type_by_name(slice_of(c->sql_type), &c->type) == 0;
        if (!c->known) c->type = (struct type){TYPE_OTHER, -1};
    }
    *ret_table = t;
    return 0;
}

static void add_mistake(void *ctx, const struct config_place *place, const char *text)
{
    mistakes_add(ctx, *place, "%s", text);
}

static void ignore_mistake(void *ctx, const struct config_place *place, const char *text)
{
    (void)ctx, (void)place, (void)text;
}

/* The formulas of each dataset, by what is declared: either their mistakes, or (NULL) where they run. */
static int look_at_declared(const struct config *config, struct mistakes *mistakes, struct buf *out)
{
    int r = 0;
    for (size_t i = 0; i < config->n_datasets && r == 0; i++) {
        const struct config_dataset *d = &config->datasets[i];
        struct arena a;
        struct table t;
        struct formulas *f;
        if (!formulas_wanted(d) || d->columns.n == 0) continue;
        arena_init(&a, FORMULAS_BLOCK, FORMULAS_MAX);
        r = declared_table(d, &a, &t);
        if (r == 0) r = formulas_resolve(d, &t, &a, mistakes ? add_mistake : ignore_mistake, mistakes, &f);
        if (r == 0 && out) formulas_describe(f, d->name, out);
        arena_done(&a);
    }
    return r;
}

int formulas_describe_config(const struct config *config, struct buf *out)
{
    int r = look_at_declared(config, NULL, out);
    return r < 0 ? r : buf_check(out);
}

int formulas_load_config(const char *path, enum config_presence presence, struct mistakes *mistakes, struct config **ret_config)
{
    struct config *config;
    int r = config_load(path, presence, mistakes, &config);
    if (r != 0) return r;
    r = look_at_declared(config, mistakes, NULL);
    if (r == 0 && mistakes->n > 0) r = CONFIG_E_INVALID;
    if (r == 0) {
        *ret_config = config;
    } else {
        config_unref(config);
    }
    return r;
}
