/* SPDX-License-Identifier: MIT */
/*
 * The parser's parts: parse.c has operators by precedence, operand.c what they stand between, special.c the calls with a syntax of
 * their own, parser.c what they all use. A recursive descent; what is PostgreSQL's syntax and not ours is noted (parser_beyond) and
 * skipped or parsed on, so that a mistake behind it is found all the same.
 *
 * Inside expr/. Thread: any.
 */
#ifndef CETLD_EXPR_PARSER_H
#define CETLD_EXPR_PARSER_H

#include "expr/lex.h"

struct parser {
    struct slice text;
    struct arena *arena;
    struct expr_mistake *mistake;
    const struct word *word;
    size_t now;     /* index of the word that comes next */
    unsigned depth; /* of the recursion */
    bool beyond;    /* something of it is the server's */
    struct expr_mistake server;
};

/* PostgreSQL's levels of precedence, the weakest first. */
enum level {
    LEVEL_NONE,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_NOT,
    LEVEL_IS,
    LEVEL_COMPARE,
    LEVEL_BETWEEN,
    LEVEL_OPERATOR,
    LEVEL_ADD,
    LEVEL_MULTIPLY,
    LEVEL_POWER,
    LEVEL_AT,
    LEVEL_COLLATE,
    LEVEL_SIGN,
};

/* What an operand of BETWEEN and POSITION may be, up to their AND and IN. */
enum grammar { GRAMMAR_WHOLE, GRAMMAR_BOUND };

static inline const struct word *peek(const struct parser *p)
{
    return &p->word[p->now];
}
static inline const struct word *peek_next(const struct parser *p)
{
    return &p->word[p->now + (peek(p)->kind != WORD_END)];
}
/** Is it that sign or word? Then it is taken. */
bool parser_take_sign(struct parser *p, const char *sign);
bool parser_take_word(struct parser *p, const char *word);
must_check int parser_expect_sign(struct parser *p, const char *sign);
must_check int parser_expect_word(struct parser *p, const char *word, const char *shown);
/** EXPR_E_SYNTAX: what comes next is not what was expected ("an operand"). */
int parser_unexpected(struct parser *p, const char *expected);
/** Only the server can evaluate that; the first such thing is told when the rest has turned out to be without mistakes. */
void parser_beyond(struct parser *p, size_t at, const char *format, ...) printf_like(3, 4);
/** Was there such an operator already? */
bool parser_came(const struct parser *p, const char *op);
/** Behind what closes the parenthesis that comes next. */
void parser_skip_group(struct parser *p);
/** SELECT, WITH, VALUES. */
bool parser_at_query(const struct parser *p);

/** A node that begins at the word `start` and ends before the next one. 0 or -ENOMEM. */
must_check int parser_node(struct parser *p, enum expr_kind kind, size_t start, struct expr_node *const *arg, size_t args,
                           struct expr_node **ret_node);
must_check int parser_call(struct parser *p, const char *name, size_t start, struct expr_node *const *arg, size_t args,
                           struct expr_node **ret_node);
/** A constant of unknown type. */
must_check int parser_literal(struct parser *p, size_t start, struct slice value, struct expr_node **ret_node);

/* A list that grows in the arena. */
struct nodes {
    struct expr_node **node;
    size_t n, room;
};
must_check int nodes_add(struct nodes *list, struct expr_node *node, struct arena *arena);

/** An expression of operators that bind at least as strongly as `least`. */
must_check int parse_expr(struct parser *p, enum level least, enum grammar grammar, struct expr_node **ret_node);
/** expr, expr, … ; one at least. */
must_check int parse_list(struct parser *p, struct nodes *list);
/** What operators stand between, with the casts and subscripts behind it. */
must_check int parse_operand(struct parser *p, struct expr_node **ret_node);
/** The name of a type. TYPE_OTHER when it is none of ours. */
must_check int parse_type(struct parser *p, struct type *ret_type, struct slice *ret_text);
/** CASE, CAST(…), COALESCE(…), EXTRACT(… FROM …), …: false when what comes next is none of them. */
bool parse_special(struct parser *p, int *ret_result, struct expr_node **ret_node);

/** The number that a literal stands for, after its sign has changed. */
must_check int number_set(struct parser *p, struct expr_node *node, struct slice digits);

#endif
