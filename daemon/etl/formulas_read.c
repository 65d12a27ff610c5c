/* SPDX-License-Identifier: MIT */
/* Which columns the formulas of a dataset read: on the workers by their trees, of the server's by their words. */
#include "config/token.h"
#include "etl/formulas.h"

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
    for (size_t k = 0; k < f->read; k++)
        for (size_t i = 0; f->input[k].column == (int)column && i < t->columns && !reads; i++)
            reads = f->column[i].value.expr && expr_uses(f->column[i].value.expr, k);
    for (size_t i = 0; i < f->lookups && !reads; i++)
        for (size_t k = 0; k < f->lookup[i].config->lookup.n && !reads; k++)
            reads = f->input[f->lookup[i].key[k]].column == (int)column;
    return reads;
}
