/* SPDX-License-Identifier: MIT */
#include "config/token.h"

#include "base/ascii.h"

static bool begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
    return begins_name(c) || ascii_is_digit(c) || c == '$';
}

/* Bytes of the nested comment at the start of s, or 0 when it is not closed. */
static size_t comment_len(struct slice s)
{
    int depth = 0;
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.p[i] == '/' && s.p[i + 1] == '*')
            depth++, i++;
        else if (s.p[i] == '*' && s.p[i + 1] == '/' && (i++, --depth == 0))
            return i + 1;
    }
    return 0;
}

/* Without white space and comments at its start; an open comment stays. */
static struct slice skip(struct slice s)
{
    for (;;) {
        size_t n = 0;
        if (s.len > 0 && ascii_is_space(s.p[0]))
            n = 1;
        else if (slice_starts(s, SLICE("--")))
            while (n < s.len && s.p[n] != '\n')
                n++;
        else if (slice_starts(s, SLICE("/*")))
            n = comment_len(s);
        if (n == 0) return s;
        s = (struct slice){s.p + n, s.len - n};
    }
}

/* Bytes up to and with the closing quote, which is open at s.p[at]; doubled it stands for itself. 0 when it is not closed. */
static size_t quoted_len(struct slice s, size_t at, bool backslashes)
{
    char quote = s.p[at];
    for (size_t i = at + 1; i < s.len; i++) {
        if (backslashes && s.p[i] == '\\')
            i++;
        else if (s.p[i] == quote && i + 1 < s.len && s.p[i + 1] == quote)
            i++;
        else if (s.p[i] == quote)
            return i + 1;
    }
    return 0;
}

/* $tag$ … $tag$: its bytes, 0 when it is not closed, 1 when it is only a dollar sign. */
static size_t dollar_len(struct slice s)
{
    size_t tag = 1;
    while (tag < s.len && in_name(s.p[tag]) && s.p[tag] != '$')
        tag++;
    if (tag >= s.len || s.p[tag] != '$' || ascii_is_digit(s.p[1])) return 1;
    tag++;
    const char *end = memmem(s.p + tag, s.len - tag, s.p, tag);
    return end ? (size_t)(end - s.p) + tag : 0;
}

static size_t run_len(struct slice s, bool (*belongs)(char))
{
    size_t n = 0;
    while (n < s.len && belongs(s.p[n]))
        n++;
    return n;
}

static bool in_number(char c)
{
    return in_name(c) || c == '.';
}

struct token token_next(struct slice *rest)
{
    struct slice s = *rest = skip(*rest);
    struct token t = {TOKEN_SIGN, {s.p, 1}};
    if (s.len == 0) return (struct token){TOKEN_END, s};
    if ((s.p[0] == 'e' || s.p[0] == 'E') && s.len > 1 && s.p[1] == '\'')
        t = (struct token){TOKEN_STRING, {s.p, quoted_len(s, 1, true)}};
    else if (begins_name(s.p[0]))
        t = (struct token){TOKEN_NAME, {s.p, run_len(s, in_name)}};
    else if (s.p[0] == '"')
        t = (struct token){TOKEN_QUOTED_NAME, {s.p, quoted_len(s, 0, false)}};
    else if (s.p[0] == '\'')
        t = (struct token){TOKEN_STRING, {s.p, quoted_len(s, 0, false)}};
    else if (s.p[0] == '$' && dollar_len(s) != 1)
        t = (struct token){TOKEN_STRING, {s.p, dollar_len(s)}};
    else if (ascii_is_digit(s.p[0]))
        t = (struct token){TOKEN_NUMBER, {s.p, run_len(s, in_number)}};
    else if (slice_starts(s, SLICE("::")))
        t.text.len = 2;
    else if (slice_starts(s, SLICE("/*")))
        t.text.len = 0;
    if (t.text.len == 0) t = (struct token){TOKEN_BAD, s};
    *rest = (struct slice){s.p + t.text.len, s.len - t.text.len};
    return t;
}

bool token_is_sign(struct token t, const char *sign)
{
    return t.kind == TOKEN_SIGN && slice_equal(t.text, slice_of(sign));
}

bool token_is_word(struct token t, const char *word)
{
    return t.kind == TOKEN_NAME && slice_equal_nocase(t.text, slice_of(word));
}

char *token_name(struct token t, struct arena *arena)
{
    char *name = arena_cstr(arena, t.text);
    if (!name) return NULL;
    size_t len = 0;
    if (t.kind == TOKEN_QUOTED_NAME) {
        for (size_t i = 1; i + 1 < t.text.len; i++) {
            name[len++] = t.text.p[i];
            if (t.text.p[i] == '"') i++;
        }
        name[len] = '\0';
    } else {
        for (; name[len]; len++)
            if (name[len] >= 'A' && name[len] <= 'Z') name[len] = (char)(name[len] - 'A' + 'a');
    }
    return name;
}
