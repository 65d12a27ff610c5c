/* SPDX-License-Identifier: MIT */
/*
 * The words of PostgreSQL's syntax ("Lexical Structure" in its manual), as far as configuration values need them: where a name, a
 * string or a comment begins and ends. Not a check: the server has the last word on SQL.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_TOKEN_H
#define CETLD_CONFIG_TOKEN_H

#include "base/arena.h"
#include "base/slice.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,        /* amount, numeric, AS */
    TOKEN_QUOTED_NAME, /* "Order ID" */
    TOKEN_STRING,      /* 'day', E'\n', $$text$$ */
    TOKEN_NUMBER,
    TOKEN_SIGN, /* one byte, or :: */
    TOKEN_BAD,  /* a quote or a comment that is not closed; text is the rest */
};

struct token {
    enum token_kind kind;
    struct slice text; /* as written */
};

/** Cut the next token off *rest; white space and comments before it are skipped. */
struct token token_next(struct slice *rest);
bool token_is_sign(struct token t, const char *sign);
/** An unquoted name that is this lower-case word. */
bool token_is_word(struct token t, const char *word);
static inline bool token_is_name(struct token t)
{
    return t.kind == TOKEN_NAME || t.kind == TOKEN_QUOTED_NAME;
}
/** The name it stands for: ASCII letters folded to lower case, or what the double quotes say. In the arena; NULL without memory. */
char *token_name(struct token t, struct arena *arena);

#endif
