/* SPDX-License-Identifier: MIT */
#include "config/lookup.h"

#include "config/token_reader.h"

/* [table.]name */
struct operand {
    const char *table; /* NULL: none */
    const char *name;
};

static int take_operand(struct token_reader *p, const char *expected, struct operand *ret_operand)
{
    struct operand o = {0};
    int r = token_take_name(p, expected, &o.name);
    if (r == 0 && token_is_sign(p->now, ".")) {
        token_advance(p);
        o.table = o.name;
        r = token_take_name(p, "a column", &o.name);
    }
    if (r == 0) *ret_operand = o;
    return r;
}

/* dataset.column = name, or the other way round */
static int take_pair(struct token_reader *p, const char *dataset, struct lookup_pair *ret_pair)
{
    struct operand a = {0}, b = {0};
    int r = take_operand(p, "DATASET.COLUMN = NAME", &a);
    if (r != 0) return r;
    if (!token_is_sign(p->now, "=")) return token_unexpected(p, "'='");
    token_advance(p);
    r = take_operand(p, a.table ? "a column or an input" : "DATASET.COLUMN", &b);
    if (r != 0) return r;
    struct operand of = a.table ? a : b, name = a.table ? b : a;
    if (!of.table)
        return error_set(p->err, LOOKUP_E_SYNTAX, "'%s = %s' has no column of %s; write %s.%s = %s", a.name, b.name, dataset,
                         dataset, a.name, b.name);
    if (name.table)
        return error_set(p->err, LOOKUP_E_SYNTAX, "both sides of '%s.%s = %s.%s' have a dataset; write %s.COLUMN = NAME", a.table,
                         a.name, b.table, b.name, dataset);
    if (strcmp(of.table, dataset) != 0)
        return error_set(p->err, LOOKUP_E_SYNTAX, "'%s.%s' is not of %s, which is looked into; write %s.%s", of.table, of.name,
                         dataset, dataset, of.name);
    *ret_pair = (struct lookup_pair){of.name, name.name};
    return 0;
}

static int take_pairs(struct token_reader *p, struct lookup *l)
{
    struct lookup_pair *pair = arena_array(p->arena, LOOKUP_KEYS_MAX, sizeof *pair);
    if (!pair) return -ENOMEM;
    l->pair = pair;
    for (;;) {
        if (l->n == LOOKUP_KEYS_MAX) return error_set(p->err, LOOKUP_E_SYNTAX, "more than %d pairs of columns", LOOKUP_KEYS_MAX);
        int r = take_pair(p, l->dataset, &pair[l->n++]);
        if (r != 0) return r;
        for (size_t i = 0; i + 1 < l->n; i++)
            if (strcmp(pair[i].column, pair[l->n - 1].column) == 0)
                return error_set(p->err, LOOKUP_E_SYNTAX, "%s.%s is there twice", l->dataset, pair[i].column);
        if (p->now.kind == TOKEN_END) return 0;
        if (!token_is_word(p->now, "and")) return token_unexpected(p, "'and' or the end");
        token_advance(p);
    }
}

int lookup_parse(struct slice text, struct arena *arena, struct error *err, struct lookup *ret_lookup)
{
    struct token_reader p = token_reader_of(text, arena, err);
    struct operand of = {0};
    struct lookup l = {0};
    int r = take_operand(&p, "DATASET.COLUMN on DATASET.KEY = NAME", &of);
    if (r != 0) return r;
    if (!of.table)
        return error_set(err, LOOKUP_E_SYNTAX, "'%s' has no dataset before it; write DATASET.%s on DATASET.KEY = NAME", of.name,
                         of.name);
    if (!token_is_word(p.now, "on")) return token_unexpected(&p, "'on'");
    token_advance(&p);
    l.dataset = of.table;
    l.column = of.name;
    r = take_pairs(&p, &l);
    if (r == 0) *ret_lookup = l;
    return r;
}
