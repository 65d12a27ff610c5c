/* SPDX-License-Identifier: MIT */
/*
 * Reading a value of the configuration token by token, one ahead, with the same words for the same mistakes.
 *
 *     struct token_reader r = token_reader_of(text, arena, err);
 *     e = token_take_name(&r, "a column", &name);
 *     if (e == 0) e = token_take_sign(&r, "=", "'='");
 *
 * A copy is a place to come back to. Memory is the arena's.
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_TOKEN_READER_H
#define CETLD_CONFIG_TOKEN_READER_H

#include "base/error.h"
#include "config/token.h"

enum { TOKEN_E_SYNTAX = 1 };

struct token_reader {
    struct slice rest;
    struct token now;
    bool new_line; /* one ends before `now` */
    struct arena *arena;
    struct error *err;
};

/** At the first token. */
struct token_reader token_reader_of(struct slice text, struct arena *arena, struct error *err);
void token_advance(struct token_reader *r);
/** TOKEN_E_SYNTAX, with the words for what stands there instead of `expected`. */
must_check int token_unexpected(struct token_reader *r, const char *expected);

/* Take what must be here, or say that `expected` was. 0, TOKEN_E_SYNTAX, or -ENOMEM. */
must_check int token_take_sign(struct token_reader *r, const char *sign, const char *expected);
must_check int token_take_word(struct token_reader *r, const char *word, const char *expected);
/** A name that is not empty, as token_name gives it. */
must_check int token_take_name(struct token_reader *r, const char *expected, const char **ret_name);

#endif
