/* SPDX-License-Identifier: MIT */
#include "expr/parser.h"

#include "expr/tree.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN_MAX = 60 };

bool parser_take_sign(struct parser *p, const char *sign)
{
    bool is = word_is_sign(peek(p), sign);
    p->now += is;
    return is;
}

bool parser_take_word(struct parser *p, const char *word)
{
    bool is = word_is(peek(p), word);
    p->now += is;
    return is;
}

int parser_expect_sign(struct parser *p, const char *sign)
{
    char expected[16];
    snprintf(expected, sizeof expected, "'%s'", sign);
    return parser_take_sign(p, sign) ? 0 : parser_unexpected(p, expected);
}

int parser_expect_word(struct parser *p, const char *word, const char *shown)
{
    return parser_take_word(p, word) ? 0 : parser_unexpected(p, shown);
}

bool parser_at_query(const struct parser *p)
{
    const struct word *w = peek(p), *next = peek_next(p);
    return word_is(w, "select") || (word_is(w, "with") && word_is_name(next)) || (word_is(w, "values") && word_is_sign(next, "("));
}

void parser_skip_group(struct parser *p)
{
    p->now = peek(p)->partner + 1;
}

void parser_beyond(struct parser *p, size_t at, const char *format, ...)
{
    if (p->beyond) return;
    p->beyond = true;
    char what[200];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    mistake_at(&p->server, at, EXPR_E_SERVER, "only the server can evaluate %s", what);
}

/* ---- what to write instead ---- */

bool parser_came(const struct parser *p, const char *op)
{
    for (size_t i = 0; i < p->now; i++)
        if (word_is_operator(&p->word[i], op)) return true;
    return false;
}

static bool is_comparison(const struct word *w)
{
    static const char *const ops[] = {"=", "<", ">", "<=", ">=", "<>", "!=", NULL};
    for (size_t i = 0; ops[i]; i++)
        if (word_is_operator(w, ops[i])) return true;
    return false;
}

static const char *hint(const struct parser *p)
{
    const struct word *w = peek(p), *before = p->now > 0 ? w - 1 : w;
    if (parser_came(p, "&&")) return "; for && write AND";
    if (is_comparison(w) && parser_came(p, "||")) return "; || joins texts: where one of two conditions is meant write OR";
    if (word_is_operator(w, "=") && w != before && before->kind == WORD_OPERATOR) return "; equal is =, not equal is <>";
    if (word_is_operator(w, "&") || word_is_operator(w, "&&")) return "; for && write AND";
    if (word_is_operator(w, "?") || parser_came(p, "?")) return "; for a ? b : c write CASE WHEN a THEN b ELSE c END";
    if (word_is_sign(w, ":") || word_is_sign(w, "$")) return "; there are no parameters: write the value itself";
    if (word_is_sign(w, ",") && w != before && before->kind == WORD_NUMBER && w[1].kind == WORD_NUMBER)
        return "; a number has a point before its decimals: 1.5";
    if (word_is(w, "where")) return "; write the condition alone";
    if (word_is(w, "select")) return "; write the value alone: the columns' names are known";
    if (word_is(w, "not") && word_is(w + 1, "null")) return "; write IS NOT NULL";
    if (word_is(w, "empty")) return "; an empty text is ''";
    if (word_is_operator(w, "=>")) return "; greater or equal is >=";
    if (word_is_operator(w, "%") && (word_is(before, "like") || word_is(before, "ilike")))
        return "; a pattern stands in single quotes: '%x%'";
    if (word_is_sign(w, "{")) return "; a function's arguments stand in ( )";
    if (w->kind == WORD_STRING && w->text.p[0] == '\'' && w != before && before->kind == WORD_STRING)
        return "; a quote inside a string is written twice: 'it''s'";
    if (word_is_operator(w, "`") || parser_came(p, "`") || word_is_sign(w, "[")) return "; names stand in double quotes";
    return "";
}

int parser_unexpected(struct parser *p, const char *expected)
{
    const struct word *w = peek(p);
    const char *more = hint(p);
    if (w->kind == WORD_END)
        return mistake_at(p->mistake, w->at, EXPR_E_SYNTAX, "the expression ends where %s was expected%s", expected, more);
    const char *quote = w->kind == WORD_STRING || w->kind == WORD_QUOTED ? "" : "'";
    return mistake_at(p->mistake, w->at, EXPR_E_SYNTAX, "found %s" SLICE_FMT "%s where %s was expected%s", quote,
                      SLICE_ARG(slice_cut_utf8(w->text, SHOWN_MAX)), quote, expected, more);
}

/* ---- nodes ---- */

int parser_node(struct parser *p, enum expr_kind kind, size_t start, struct expr_node *const *arg, size_t args,
                struct expr_node **ret_node)
{
    size_t from = p->word[start].at, end = p->now > start ? p->word[p->now - 1].at + p->word[p->now - 1].text.len : from;
    struct expr_node *n = tree_node(p->arena, kind, from, arg, args);
    if (!n) return -ENOMEM;
    n->text = (struct slice){p->text.p + from, end - from};
    if (n->nodes > EXPR_NODES_MAX) parser_beyond(p, from, "an expression of more than %d parts", EXPR_NODES_MAX);
    if (n->depth > EXPR_DEPTH_MAX) parser_beyond(p, from, "an expression of more than %d levels", EXPR_DEPTH_MAX);
    *ret_node = n;
    return 0;
}

int parser_call(struct parser *p, const char *name, size_t start, struct expr_node *const *arg, size_t args,
                struct expr_node **ret_node)
{
    int r = parser_node(p, EXPR_CALL, start, arg, args, ret_node);
    if (r == 0) (*ret_node)->name = slice_of(name);
    return r;
}

int parser_literal(struct parser *p, size_t start, struct slice value, struct expr_node **ret_node)
{
    int r = parser_node(p, EXPR_CONSTANT, start, NULL, 0, ret_node);
    if (r) return r;
    (*ret_node)->unknown = true;
    (*ret_node)->value.s = value;
    return 0;
}

int nodes_add(struct nodes *list, struct expr_node *node, struct arena *arena)
{
    if (list->n == list->room) {
        size_t room = list->room ? 2 * list->room : 4;
        struct expr_node **grown = arena_array(arena, room, sizeof *grown);
        if (!grown) return -ENOMEM;
        if (list->n > 0) memcpy(grown, list->node, list->n * sizeof(struct expr_node *));
        list->node = grown;
        list->room = room;
    }
    list->node[list->n++] = node;
    return 0;
}
