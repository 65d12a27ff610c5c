/* SPDX-License-Identifier: MIT */
/*
 * The words of an expression, as PostgreSQL's "Lexical Structure" cuts them: all at once, so that the parser may look ahead and
 * skip what is in parentheses. Words, strings and comments begin and end as config/token.h says; numbers and operators are cut
 * here.
 *
 * Thread: any.
 */
#ifndef CETLD_EXPR_LEX_H
#define CETLD_EXPR_LEX_H

#include "expr/expr.h"

enum word_kind {
    WORD_END,
    WORD_NAME,
    WORD_QUOTED, /* a name in double quotes */
    WORD_STRING, /* 'a', E'a', $$a$$ */
    WORD_NUMBER,
    WORD_OPERATOR, /* + - * / < > = ~ ! @ # % ^ & | ` ? and their runs */
    WORD_SIGN,     /* ( ) [ ] , ; : . :: and every other byte */
};

struct word {
    enum word_kind kind;
    struct slice text;
    size_t at;
    size_t partner; /* of ( and [ : the index of what closes it, and back */
};

/**
 * Cut the text; the last word is WORD_END. Quotes, comments and parentheses are closed, and there is no NUL and no ; in it. 0,
 * EXPR_E_SYNTAX, EXPR_E_SERVER (strings of bits, U&''), -ENOMEM.
 */
must_check int lex_words(struct slice text, struct arena *arena, struct expr_mistake *ret_mistake, const struct word **ret_word,
                         size_t *ret_words);

/** The value of a string literal, in the arena. 0, EXPR_E_SYNTAX, -ENOMEM. */
must_check int lex_string(const struct word *w, struct arena *arena, struct expr_mistake *ret_mistake, struct slice *ret_value);

/** A byte that operators are made of. */
static inline bool lex_is_operator(char c)
{
    return c && strchr("+-*/<>=~!@#%^&|`?", c);
}

bool word_is_sign(const struct word *w, const char *sign);
bool word_is_operator(const struct word *w, const char *op);
/** An unquoted name that is this lower-case word. */
bool word_is(const struct word *w, const char *name);
/** One of the words in a list that NULL ends. */
bool word_is_any(const struct word *w, const char *const *names);
static inline bool word_is_name(const struct word *w)
{
    return w->kind == WORD_NAME || w->kind == WORD_QUOTED;
}
/** The name it stands for, folded and cut to what PostgreSQL's identifiers hold, in the arena; {NULL, 0} without memory. */
struct slice word_name(const struct word *w, struct arena *arena);

/** Fill the mistake and hand `code` back. */
int mistake_at(struct expr_mistake *m, size_t at, int code, const char *format, ...) printf_like(4, 5);

#endif
