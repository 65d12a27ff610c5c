/* SPDX-License-Identifier: MIT */
#include "http/parameters.h"

#include "base/ascii.h"

#include <string.h>

static bool is_token_char(char c)
{
    return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

bool http_is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.p[i])) return false;
    return s.len > 0;
}

static void skip(struct slice *s, size_t n)
{
    s->p += n;
    s->len -= n;
}

static void skip_space(struct slice *s)
{
    while (s->len > 0 && (*s->p == ' ' || *s->p == '\t'))
        skip(s, 1);
}

struct slice http_parameters_begin(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && rest->p[n] != ';')
        n++;
    struct slice first = slice_trim((struct slice){rest->p, n});
    skip(rest, n);
    return first;
}

/* Behind the opening quote. False: there is no closing one, or what may not stand between them. */
static bool read_quoted(struct slice *rest, char *store, struct slice *ret_value)
{
    size_t n = 0;
    while (rest->len > 0 && *rest->p != '"') {
        if (*rest->p == '\\') skip(rest, 1);
        if (rest->len == 0 || ((unsigned char)*rest->p < ' ' && *rest->p != '\t') || *rest->p == 0x7f) return false;
        store[n++] = *rest->p;
        skip(rest, 1);
    }
    if (rest->len == 0) return false;
    skip(rest, 1);
    *ret_value = (struct slice){store, n};
    return true;
}

static struct slice read_token(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->len && is_token_char(rest->p[n]))
        n++;
    struct slice token = {rest->p, n};
    skip(rest, n);
    return token;
}

enum http_parameters_verdict http_parameters_next(struct slice *rest, char *store, struct http_field_parameter *ret_parameter)
{
    do { /* "; ;" is none */
        skip_space(rest);
        if (rest->len == 0) return HTTP_PARAMETERS_END;
        if (*rest->p != ';') return HTTP_PARAMETERS_BAD;
        skip(rest, 1);
        skip_space(rest);
    } while (rest->len == 0 || *rest->p == ';');
    struct http_field_parameter p = {.name = read_token(rest)};
    if (p.name.len == 0 || rest->len == 0 || *rest->p != '=') return HTTP_PARAMETERS_BAD;
    skip(rest, 1);
    if (rest->len > 0 && *rest->p == '"') {
        skip(rest, 1);
        if (!read_quoted(rest, store, &p.value)) return HTTP_PARAMETERS_BAD;
    } else {
        p.value = read_token(rest);
        if (p.value.len == 0) return HTTP_PARAMETERS_BAD;
    }
    *ret_parameter = p;
    return HTTP_PARAMETERS_ONE;
}
