/* SPDX-License-Identifier: MIT */
/* Calls with a syntax of their own. */
#include "expr/parser.h"

static int parse_any(struct parser *p, struct expr_node **ret_node)
{
    return parse_expr(p, LEVEL_OR, GRAMMAR_WHOLE, ret_node);
}

/* CASE [a] WHEN b THEN c … [ELSE d] END */
static int parse_case(struct parser *p, size_t start, struct expr_node **ret_node)
{
    struct nodes list = {0};
    struct expr_node *item;
    int r = 0;
    bool simple = !word_is(peek(p), "when");
    if (simple) {
        r = parse_any(p, &item);
        if (r == 0) r = nodes_add(&list, item, p->arena);
    }
    if (r == 0 && !word_is(peek(p), "when")) r = parser_unexpected(p, "a WHEN of CASE");
    while (r == 0 && parser_take_word(p, "when")) {
        r = parse_any(p, &item);
        if (r == 0) r = nodes_add(&list, item, p->arena);
        if (r == 0) r = parser_expect_word(p, "then", "the THEN of CASE");
        if (r == 0) r = parse_any(p, &item);
        if (r == 0) r = nodes_add(&list, item, p->arena);
    }
    if (r == 0 && parser_take_word(p, "else")) {
        r = parse_any(p, &item);
        if (r == 0) r = nodes_add(&list, item, p->arena);
    }
    if (r == 0) r = parser_expect_word(p, "end", "the END of CASE");
    if (r == 0) r = parser_node(p, EXPR_CASE, start, list.node, list.n, ret_node);
    if (r == 0 && simple) (*ret_node)->form = EXPR_FORM_CASE_OF;
    return r;
}

static int parse_cast(struct parser *p, size_t start, struct expr_node **ret_node)
{
    struct type type;
    struct slice text = {0};
    struct expr_node *arg;
    int r = parse_any(p, &arg);
    if (r == 0) r = parser_expect_word(p, "as", "the AS of CAST");
    if (r == 0) r = parse_type(p, &type, &text);
    if (r == 0) r = parser_expect_sign(p, ")");
    if (r == 0) r = parser_node(p, EXPR_CAST, start, &arg, 1, ret_node);
    if (r) return r;
    (*ret_node)->type = type;
    (*ret_node)->name = text;
    return 0;
}

static int parse_kind(struct parser *p, enum expr_kind kind, size_t start, struct expr_node **ret_node)
{
    struct nodes list = {0};
    int r = parse_list(p, &list);
    if (r == 0 && kind == EXPR_NULLIF && list.n != 2)
        return mistake_at(p->mistake, p->word[start].at, EXPR_E_SYNTAX, "NULLIF takes two arguments, here are %zu", list.n);
    if (r == 0) r = parser_expect_sign(p, ")");
    return r ? r : parser_node(p, kind, start, list.node, list.n, ret_node);
}

static int parse_coalesce(struct parser *p, size_t start, struct expr_node **ret_node)
{
    return parse_kind(p, EXPR_COALESCE, start, ret_node);
}

static int parse_nullif(struct parser *p, size_t start, struct expr_node **ret_node)
{
    return parse_kind(p, EXPR_NULLIF, start, ret_node);
}

static int parse_greatest(struct parser *p, size_t start, struct expr_node **ret_node)
{
    return parse_kind(p, EXPR_GREATEST, start, ret_node);
}

static int parse_least(struct parser *p, size_t start, struct expr_node **ret_node)
{
    return parse_kind(p, EXPR_LEAST, start, ret_node);
}

static int end_call(struct parser *p, const char *name, size_t start, struct expr_node *const *arg, size_t args,
                    struct expr_node **ret_node)
{
    int r = parser_expect_sign(p, ")");
    return r ? r : parser_call(p, name, start, arg, args, ret_node);
}

/* EXTRACT(field FROM a) */
static int parse_extract(struct parser *p, size_t start, struct expr_node **ret_node)
{
    struct expr_node *arg[2];
    const struct word *w = peek(p);
    size_t field = p->now;
    struct slice name;
    int r = 0;
    if (!word_is_name(w) && w->kind != WORD_STRING) return parser_unexpected(p, "what to extract (YEAR, MONTH, DAY, …)");
    if (w->kind == WORD_STRING)
        r = lex_string(w, p->arena, p->mistake, &name);
    else if (!(name = word_name(w, p->arena)).p)
        r = -ENOMEM;
    p->now++;
    if (r == 0) r = parser_literal(p, field, name, &arg[0]);
    if (r == 0) r = parser_expect_word(p, "from", "the FROM of EXTRACT");
    if (r == 0) r = parse_any(p, &arg[1]);
    return r ? r : end_call(p, "extract", start, arg, 2, ret_node);
}

/* TRIM([BOTH|LEADING|TRAILING] [chars] FROM a), TRIM(a, chars) */
static int parse_trim(struct parser *p, size_t start, struct expr_node **ret_node)
{
    const char *name = "btrim";
    if (parser_take_word(p, "leading"))
        name = "ltrim";
    else if (parser_take_word(p, "trailing"))
        name = "rtrim";
    else
        parser_take_word(p, "both");
    struct nodes chars = {0}, list = {0};
    int r = 0;
    bool from = parser_take_word(p, "from");
    if (!from) r = parse_list(p, &chars);
    if (r == 0 && !from && chars.n == 1) from = parser_take_word(p, "from");
    if (r == 0 && !from) return end_call(p, name, start, chars.node, chars.n, ret_node);
    if (r == 0) r = parse_list(p, &list);
    for (size_t i = 0; r == 0 && i < chars.n; i++)
        r = nodes_add(&list, chars.node[i], p->arena);
    return r ? r : end_call(p, name, start, list.node, list.n, ret_node);
}

static int make_one(struct parser *p, struct expr_node **ret_node)
{
    int r = parser_node(p, EXPR_CONSTANT, p->now, NULL, 0, ret_node);
    return r ? r : number_set(p, *ret_node, SLICE("1"));
}

static int to_integer(struct parser *p, struct expr_node **io_node)
{
    int r = parser_node(p, EXPR_CAST, p->now, io_node, 1, io_node);
    if (r) return r;
    (*io_node)->type = (struct type){TYPE_INT4, -1};
    (*io_node)->name = SLICE("integer");
    return 0;
}

/* SUBSTRING(a FROM b FOR c), in any order; SUBSTRING(a, b, c) */
static int parse_substring(struct parser *p, size_t start, struct expr_node **ret_node)
{
    struct nodes list = {0};
    struct expr_node *from = NULL, *count = NULL;
    int r = parse_list(p, &list);
    if (r) return r;
    if (word_is(peek(p), "similar")) {
        parser_beyond(p, peek(p)->at, "SUBSTRING … SIMILAR");
        while (!word_is_sign(peek(p), ")"))
            p->now += word_is_sign(peek(p), "(") ? peek(p)->partner - p->now + 1 : 1;
    }
    for (int i = 0; i < 2 && r == 0 && list.n == 1; i++) {
        if (!from && parser_take_word(p, "from"))
            r = parse_any(p, &from);
        else if (!count && parser_take_word(p, "for"))
            r = parse_any(p, &count);
    }
    if (r == 0 && count && !from) {
        r = make_one(p, &from);
        if (r == 0) r = to_integer(p, &count);
    }
    if (r == 0 && from) r = nodes_add(&list, from, p->arena);
    if (r == 0 && count) r = nodes_add(&list, count, p->arena);
    return r ? r : end_call(p, "substring", start, list.node, list.n, ret_node);
}

/* POSITION(b IN a): position(a, b) */
static int parse_position(struct parser *p, size_t start, struct expr_node **ret_node)
{
    struct expr_node *arg[2];
    int r = parse_expr(p, LEVEL_COMPARE, GRAMMAR_BOUND, &arg[1]);
    if (r == 0) r = parser_expect_word(p, "in", "the IN of POSITION");
    if (r == 0) r = parse_expr(p, LEVEL_COMPARE, GRAMMAR_BOUND, &arg[0]);
    return r ? r : end_call(p, "position", start, arg, 2, ret_node);
}

/* OVERLAY(a PLACING b FROM c FOR d), OVERLAY(a, b, c, d) */
static int parse_overlay(struct parser *p, size_t start, struct expr_node **ret_node)
{
    static const char *const words[] = {"placing", "from", "for"};
    struct nodes list = {0};
    int r = parse_list(p, &list);
    for (size_t i = 0; i < 3 && r == 0 && list.n == i + 1 && parser_take_word(p, words[i]); i++) {
        struct expr_node *item;
        r = parse_any(p, &item);
        if (r == 0) r = nodes_add(&list, item, p->arena);
    }
    return r ? r : end_call(p, "overlay", start, list.node, list.n, ret_node);
}

bool parse_special(struct parser *p, int *ret_result, struct expr_node **ret_node)
{
    static const struct {
        const char *word;
        int (*parse)(struct parser *p, size_t start, struct expr_node **ret_node); /* behind the parenthesis */
    } calls[] = {
        {"cast", parse_cast},         {"coalesce", parse_coalesce}, {"nullif", parse_nullif}, {"greatest", parse_greatest},
        {"least", parse_least},       {"extract", parse_extract},   {"trim", parse_trim},     {"substring", parse_substring},
        {"position", parse_position}, {"overlay", parse_overlay},
    };
    size_t start = p->now;
    if (parser_take_word(p, "case")) {
        *ret_result = parse_case(p, start, ret_node);
        return true;
    }
    if (!word_is_sign(peek_next(p), "(")) return false;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (!word_is(peek(p), calls[i].word)) continue;
        p->now += 2;
        *ret_result = calls[i].parse(p, start, ret_node);
        return true;
    }
    return false;
}
