/* SPDX-License-Identifier: MIT */
#include "expr/parser.h"

enum { RECURSION_MAX = 4 * EXPR_DEPTH_MAX };

int parse_list(struct parser *p, struct nodes *list)
{
    do {
        struct expr_node *item;
        int r = parse_expr(p, LEVEL_OR, GRAMMAR_WHOLE, &item);
        if (r == 0) r = nodes_add(list, item, p->arena);
        if (r) return r;
    } while (parser_take_sign(p, ","));
    return 0;
}

/* ---- operators ---- */

static const char *const between_words[] = {"between", "in", "like", "ilike", "similar", NULL};

static enum level operator_level(struct slice op)
{
    static const struct {
        const char *op;
        enum level level;
    } levels[] = {
        {"^", LEVEL_POWER},    {"*", LEVEL_MULTIPLY}, {"/", LEVEL_MULTIPLY}, {"%", LEVEL_MULTIPLY}, {"+", LEVEL_ADD},
        {"-", LEVEL_ADD},      {"<", LEVEL_COMPARE},  {">", LEVEL_COMPARE},  {"=", LEVEL_COMPARE},  {"<=", LEVEL_COMPARE},
        {">=", LEVEL_COMPARE}, {"<>", LEVEL_COMPARE}, {"!=", LEVEL_COMPARE},
    };
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (slice_equal(op, slice_of(levels[i].op))) return levels[i].level;
    return slice_equal(op, SLICE("=>")) ? LEVEL_NONE : LEVEL_OPERATOR;
}

static enum level word_level(const struct parser *p)
{
    static const char *const is_words[] = {"is", "isnull", "notnull", NULL};
    const struct word *w = peek(p);
    if (w->kind == WORD_OPERATOR) return operator_level(w->text);
    if (word_is(w, "or")) return LEVEL_OR;
    if (word_is(w, "and")) return LEVEL_AND;
    if (word_is_any(w, is_words)) return LEVEL_IS;
    if (word_is_any(w, between_words)) return LEVEL_BETWEEN;
    if (word_is(w, "not") && word_is_any(peek_next(p), between_words)) return LEVEL_BETWEEN;
    if (word_is(w, "at")) return LEVEL_AT;
    if (word_is(w, "collate")) return LEVEL_COLLATE;
    if (word_is(w, "operator") && word_is_sign(peek_next(p), "(")) return LEVEL_OPERATOR;
    return LEVEL_NONE;
}

/* No two of them side by side: a < b < c. */
static int check_alone(struct parser *p, enum level level)
{
    if (word_level(p) != level) return 0;
    const char *chain = level == LEVEL_COMPARE && !parser_came(p, "&&") && !parser_came(p, "||")
                            ? "an AND, an OR or the end (comparisons do not chain: a < b AND b < c)"
                            : "an AND, an OR or the end";
    return parser_unexpected(p, chain);
}

static int add_flat(struct nodes *list, enum expr_kind kind, struct expr_node *item, struct arena *arena)
{
    if (item->kind != kind) return nodes_add(list, item, arena);
    int r = 0;
    for (size_t i = 0; i < item->args && r == 0; i++)
        r = nodes_add(list, item->arg[i], arena);
    return r;
}

/* left AND b AND c … */
static int parse_logic(struct parser *p, enum level level, size_t start, struct expr_node **io_left)
{
    enum expr_kind kind = level == LEVEL_AND ? EXPR_AND : EXPR_OR;
    struct nodes list = {0};
    int r = add_flat(&list, kind, *io_left, p->arena);
    while (r == 0 && parser_take_word(p, level == LEVEL_AND ? "and" : "or")) {
        struct expr_node *item;
        r = parse_expr(p, level + 1, GRAMMAR_WHOLE, &item);
        if (r == 0) r = add_flat(&list, kind, item, p->arena);
    }
    return r ? r : parser_node(p, kind, start, list.node, list.n, io_left);
}

/* op ANY (…): skipped. */
static bool skip_any(struct parser *p)
{
    static const char *const words[] = {"any", "all", "some", NULL};
    if (!word_is_any(peek(p), words) || !word_is_sign(peek_next(p), "(")) return false;
    parser_beyond(p, peek(p)->at, "'" SLICE_FMT " (…)'", SLICE_ARG(peek(p)->text));
    p->now++;
    parser_skip_group(p);
    return true;
}

static const char *instead_of(struct slice op)
{
    static const char *const instead[][2] = {{"==", "="}, {"===", "="}, {"!==", "<>"}, {"=~", "~"}, {"=!", "<>"}, {"=<", "<="}};
    for (size_t i = 0; i < sizeof instead / sizeof instead[0]; i++)
        if (slice_equal(op, slice_of(instead[i][0]))) return instead[i][1];
    return NULL;
}

static int parse_binary(struct parser *p, enum level level, enum grammar grammar, size_t start, struct expr_node **io_left)
{
    const struct word *w = peek(p);
    const char *instead = w->kind == WORD_OPERATOR ? instead_of(w->text) : NULL;
    if (instead)
        return mistake_at(p->mistake, w->at, EXPR_E_SYNTAX, "there is no operator " SLICE_FMT "; write %s", SLICE_ARG(w->text),
                          instead);
    struct slice op = word_is_operator(w, "!=") ? SLICE("<>") : w->text;
    p->now++;
    if (w->kind != WORD_OPERATOR) { /* OPERATOR(schema.+) */
        parser_beyond(p, w->at, "OPERATOR(…)");
        parser_skip_group(p);
    }
    if (skip_any(p)) return 0;
    struct expr_node *arg[2] = {*io_left, NULL};
    int r = parse_expr(p, level + 1, grammar, &arg[1]);
    if (r == 0 && level == LEVEL_COMPARE) r = check_alone(p, level);
    if (r == 0) r = parser_node(p, EXPR_CALL, start, arg, 2, io_left);
    if (r) return r;
    (*io_left)->name = op;
    (*io_left)->at = w->at;
    return 0;
}

static int negate_if(struct parser *p, bool negate, size_t start, struct expr_node **io_node)
{
    return negate ? parser_node(p, EXPR_NOT, start, io_node, 1, io_node) : 0;
}

static int parse_between(struct parser *p, size_t start, struct expr_node **io_left)
{
    struct expr_node *arg[3] = {*io_left};
    if (word_is(peek(p), "symmetric")) parser_beyond(p, peek(p)->at, "BETWEEN SYMMETRIC");
    if (!parser_take_word(p, "symmetric")) parser_take_word(p, "asymmetric");
    int r = parse_expr(p, LEVEL_COMPARE, GRAMMAR_BOUND, &arg[1]);
    if (r == 0) r = parser_expect_word(p, "and", "the AND of BETWEEN");
    if (r == 0) r = parse_expr(p, LEVEL_BETWEEN + 1, GRAMMAR_WHOLE, &arg[2]);
    if (r == 0) r = check_alone(p, LEVEL_BETWEEN);
    if (r == 0) r = parser_call(p, "between", start, arg, 3, io_left);
    if (r == 0) (*io_left)->form = EXPR_FORM_BETWEEN;
    return r;
}

static int parse_in(struct parser *p, size_t start, struct expr_node **io_left)
{
    struct nodes list = {0};
    int r = nodes_add(&list, *io_left, p->arena);
    if (r) return r;
    if (!word_is_sign(peek(p), "(")) return parser_unexpected(p, "the '(' of IN");
    size_t open = p->now++;
    if (parser_at_query(p)) {
        parser_beyond(p, peek(p)->at, "a subquery");
        p->now = p->word[open].partner + 1;
        return 0;
    }
    r = parse_list(p, &list);
    if (r == 0) r = parser_expect_sign(p, ")");
    if (r == 0) r = parser_call(p, "in", start, list.node, list.n, io_left);
    if (r == 0) (*io_left)->form = EXPR_FORM_IN;
    return r;
}

/* LIKE, ILIKE, SIMILAR TO; `op` NULL: the server's. */
static int parse_like(struct parser *p, const char *op, size_t at, size_t start, struct expr_node **io_left)
{
    struct expr_node *arg[2] = {*io_left}, *escape[2];
    if (skip_any(p)) return 0;
    size_t pattern = p->now;
    int r = parse_expr(p, LEVEL_BETWEEN + 1, GRAMMAR_WHOLE, &arg[1]);
    if (r == 0 && parser_take_word(p, "escape")) {
        escape[0] = arg[1];
        r = parse_expr(p, LEVEL_BETWEEN + 1, GRAMMAR_WHOLE, &escape[1]);
        if (r == 0) r = parser_call(p, "like_escape", pattern, escape, 2, &arg[1]);
    }
    if (r == 0) r = check_alone(p, LEVEL_BETWEEN);
    if (r == 0) r = parser_call(p, op ? op : "similar", start, arg, 2, io_left);
    if (r == 0) (*io_left)->at = at;
    return r;
}

static int parse_between_level(struct parser *p, size_t start, struct expr_node **io_left)
{
    size_t at = peek(p)->at;
    bool negate = parser_take_word(p, "not");
    if (parser_take_word(p, "like")) return parse_like(p, negate ? "!~~" : "~~", at, start, io_left);
    if (parser_take_word(p, "ilike")) return parse_like(p, negate ? "!~~*" : "~~*", at, start, io_left);
    int r;
    if (parser_take_word(p, "similar")) {
        parser_beyond(p, at, "SIMILAR TO");
        r = parser_expect_word(p, "to", "the TO of SIMILAR TO");
        return r ? r : parse_like(p, NULL, at, start, io_left);
    }
    r = parser_take_word(p, "between") ? parse_between(p, start, io_left) : (p->now++, parse_in(p, start, io_left));
    return r ? r : negate_if(p, negate, start, io_left);
}

static int parse_is(struct parser *p, size_t start, struct expr_node **io_left)
{
    const struct word *w = peek(p);
    if (parser_take_word(p, "isnull")) return parser_node(p, EXPR_IS_NULL, start, io_left, 1, io_left);
    bool negate = parser_take_word(p, "notnull");
    int r;
    if (negate) {
        r = parser_node(p, EXPR_IS_NULL, start, io_left, 1, io_left);
        return r ? r : negate_if(p, negate, start, io_left);
    }
    p->now++; /* IS */
    negate = parser_take_word(p, "not");
    struct expr_node *arg[2] = {*io_left};
    static const char *const servers[] = {"document", "json", "normalized", "nfc", "nfd", "nfkc", "nfkd", "of", NULL};
    if (parser_take_word(p, "null")) {
        r = parser_node(p, EXPR_IS_NULL, start, arg, 1, io_left);
    } else if (parser_take_word(p, "unknown")) {
        r = parser_node(p, EXPR_IS_NULL, start, arg, 1, io_left);
        if (r == 0) (*io_left)->form = EXPR_FORM_IS_UNKNOWN;
    } else if (parser_take_word(p, "true")) {
        r = parser_node(p, EXPR_IS_TRUE, start, arg, 1, io_left);
    } else if (parser_take_word(p, "false")) {
        r = parser_node(p, EXPR_IS_FALSE, start, arg, 1, io_left);
    } else if (parser_take_word(p, "distinct")) {
        r = parser_expect_word(p, "from", "the FROM of IS DISTINCT FROM");
        if (r == 0) r = parse_expr(p, LEVEL_IS + 1, GRAMMAR_WHOLE, &arg[1]);
        if (r == 0) r = check_alone(p, LEVEL_IS);
        if (r == 0) r = parser_node(p, EXPR_DISTINCT, start, arg, 2, io_left);
    } else if (word_is_any(peek(p), servers)) {
        parser_beyond(p, w->at, "IS " SLICE_FMT, SLICE_ARG(peek(p)->text));
        while (word_is_any(peek(p), servers) ||
               word_is_any(peek(p), (const char *const[]){"value", "object", "array", "scalar", NULL}))
            p->now++;
        if (word_is_sign(peek(p), "(")) parser_skip_group(p);
        r = 0;
    } else {
        r = parser_unexpected(p, "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM behind IS");
    }
    return r ? r : negate_if(p, negate, start, io_left);
}

/* AT TIME ZONE zone: timezone(zone, left). */
static int parse_at(struct parser *p, enum grammar grammar, size_t start, struct expr_node **io_left)
{
    const struct word *w = peek(p);
    p->now++;
    if (parser_take_word(p, "local")) {
        parser_beyond(p, w->at, "AT LOCAL");
        return 0;
    }
    struct expr_node *arg[2] = {NULL, *io_left};
    int r = parser_expect_word(p, "time", "the TIME ZONE of AT TIME ZONE");
    if (r == 0) r = parser_expect_word(p, "zone", "the ZONE of AT TIME ZONE");
    if (r == 0) r = parse_expr(p, LEVEL_AT + 1, grammar, &arg[0]);
    if (r == 0) r = parser_call(p, "timezone", start, arg, 2, io_left);
    if (r == 0) (*io_left)->at = w->at;
    return r;
}

static int parse_collate(struct parser *p)
{
    parser_beyond(p, peek(p)->at, "COLLATE");
    p->now++;
    do {
        if (!word_is_name(peek(p))) return parser_unexpected(p, "the name of a collation");
        p->now++;
    } while (parser_take_sign(p, "."));
    return 0;
}

static int parse_infix(struct parser *p, enum level level, enum grammar grammar, size_t start, struct expr_node **io_left)
{
    switch (level) {
    case LEVEL_OR:
    case LEVEL_AND: return parse_logic(p, level, start, io_left);
    case LEVEL_IS: return parse_is(p, start, io_left);
    case LEVEL_BETWEEN: return parse_between_level(p, start, io_left);
    case LEVEL_AT: return parse_at(p, grammar, start, io_left);
    case LEVEL_COLLATE: return parse_collate(p);
    default: return parse_binary(p, level, grammar, start, io_left);
    }
}

/* -5 is a number, and so is -(-5). */
static int parse_sign(struct parser *p, enum grammar grammar, struct expr_node **ret_node)
{
    size_t start = p->now++;
    bool minus = word_is_operator(&p->word[start], "-");
    struct expr_node *arg;
    int r = parse_expr(p, LEVEL_SIGN, grammar, &arg);
    if (r || arg->form != EXPR_FORM_NUMBER) return r ? r : parser_call(p, minus ? "-" : "+", start, &arg, 1, ret_node);
    *ret_node = arg;
    if (!minus) return 0;
    char *text = arena_alloc(p->arena, arg->name.len + 1);
    if (!text) return -ENOMEM;
    bool negative = arg->name.p[0] == '-';
    text[0] = '-';
    memcpy(text + 1, arg->name.p, arg->name.len);
    return number_set(p, arg, (struct slice){text + (negative ? 2 : 0), arg->name.len + (negative ? -1 : 1)});
}

static int parse_prefix(struct parser *p, enum grammar grammar, struct expr_node **ret_node)
{
    const struct word *w = peek(p);
    size_t start = p->now;
    struct expr_node *arg;
    int r;
    if (word_is(w, "not") && grammar == GRAMMAR_WHOLE) {
        p->now++;
        r = parse_expr(p, LEVEL_NOT, grammar, &arg);
        return r ? r : parser_node(p, EXPR_NOT, start, &arg, 1, ret_node);
    }
    if (w->kind != WORD_OPERATOR) return parse_operand(p, ret_node);
    if (word_is_operator(w, "-") || word_is_operator(w, "+")) return parse_sign(p, grammar, ret_node);
    if (w->text.p[0] == '!' && w->text.len == 1)
        return mistake_at(p->mistake, w->at, EXPR_E_SYNTAX, "there is no operator ! before an operand; write NOT");
    if (operator_level(w->text) != LEVEL_OPERATOR || instead_of(w->text) || word_is_operator(w, "||") ||
        word_is_operator(w, "&&") || word_is_operator(w, "`"))
        return parser_unexpected(p, "an operand");
    p->now++;
    r = parse_expr(p, LEVEL_OPERATOR + 1, grammar, &arg);
    if (r == 0) r = parser_call(p, "", start, &arg, 1, ret_node);
    if (r == 0) (*ret_node)->name = w->text;
    return r;
}

int parse_expr(struct parser *p, enum level least, enum grammar grammar, struct expr_node **ret_node)
{
    if (p->depth == RECURSION_MAX) {
        parser_beyond(p, peek(p)->at, "an expression of more than %d levels", EXPR_DEPTH_MAX);
        return EXPR_E_SERVER;
    }
    p->depth++;
    size_t start = p->now;
    struct expr_node *left = NULL;
    int r = parse_prefix(p, grammar, &left);
    while (r == 0) {
        enum level level = word_level(p);
        bool bound = grammar == GRAMMAR_BOUND && level <= LEVEL_BETWEEN && level != LEVEL_COMPARE;
        if (level == LEVEL_NONE || level < least || bound) break;
        r = parse_infix(p, level, grammar, start, &left);
    }
    p->depth--;
    if (r == 0) *ret_node = left;
    return r;
}

int expr_parse(struct slice text, struct arena *arena, struct expr_mistake *ret_mistake, struct expr_node **ret_tree)
{
    struct parser p = {.text = text, .arena = arena, .mistake = ret_mistake};
    size_t words;
    int server = lex_words(text, arena, &p.server, &p.word, &words);
    if (server == EXPR_E_SYNTAX || server < 0) {
        *ret_mistake = p.server;
        return server;
    }
    struct expr_node *tree = NULL;
    int r = server;
    if (r == 0) r = parse_expr(&p, LEVEL_OR, GRAMMAR_WHOLE, &tree);
    if (r == 0 && peek(&p)->kind != WORD_END) r = parser_unexpected(&p, "an operator or the end");
    if (r == EXPR_E_SERVER || (r == 0 && p.beyond)) {
        *ret_mistake = p.server;
        return EXPR_E_SERVER;
    }
    if (r) return r;
    *ret_tree = tree;
    return 0;
}
