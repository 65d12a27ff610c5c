/* SPDX-License-Identifier: MIT */
#include "config/token_reader.h"

enum { SHOWN_BYTES = 60 };

void token_advance(struct token_reader *r)
{
    struct slice before = r->rest;
    r->now = token_next(&r->rest);
    r->new_line = before.len > 0 && memchr(before.p, '\n', (size_t)(r->now.text.p - before.p));
}

struct token_reader token_reader_of(struct slice text, struct arena *arena, struct error *err)
{
    struct token_reader r = {.rest = text, .arena = arena, .err = err};
    token_advance(&r);
    return r;
}

int token_unexpected(struct token_reader *r, const char *expected)
{
    if (r->now.kind == TOKEN_END) return error_set(r->err, TOKEN_E_SYNTAX, "it ends where %s was expected", expected);
    if (r->now.kind == TOKEN_BAD) return error_set(r->err, TOKEN_E_SYNTAX, "a quote or a comment is not closed");
    return error_set(r->err, TOKEN_E_SYNTAX, "found '" SLICE_FMT "' where %s was expected",
                     SLICE_ARG(slice_cut_utf8(r->now.text, SHOWN_BYTES)), expected);
}

int token_take_sign(struct token_reader *r, const char *sign, const char *expected)
{
    if (!token_is_sign(r->now, sign)) return token_unexpected(r, expected);
    token_advance(r);
    return 0;
}

int token_take_word(struct token_reader *r, const char *word, const char *expected)
{
    if (!token_is_word(r->now, word)) return token_unexpected(r, expected);
    token_advance(r);
    return 0;
}

int token_take_name(struct token_reader *r, const char *expected, const char **ret_name)
{
    if (!token_is_name(r->now)) return token_unexpected(r, expected);
    const char *name = token_name(r->now, r->arena);
    if (!name) return -ENOMEM;
    if (!*name) return token_unexpected(r, expected);
    token_advance(r);
    *ret_name = name;
    return 0;
}
