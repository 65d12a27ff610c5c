/* SPDX-License-Identifier: MIT */
#include "expr/lex.h"

#include "base/ascii.h"
#include "base/name.h"
#include "config/token.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN_MAX = 60 };

int mistake_at(struct expr_mistake *m, size_t at, int code, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    m->at = at;
    return error_set(&m->why, code, "%s", text);
}

static size_t digits(struct slice s, size_t at)
{
    size_t n = 0;
    while (at + n < s.len && ascii_is_digit(s.p[at + n]))
        n++;
    return n;
}

/* 1, 1.5, .5, 1., 1e-3: its bytes. "1..2" is 1 and two points. */
static size_t number_len(struct slice s)
{
    size_t n = digits(s, 0);
    if (n < s.len && s.p[n] == '.' && !(n > 0 && n + 1 < s.len && s.p[n + 1] == '.')) n += 1 + digits(s, n + 1);
    if (n < s.len && (s.p[n] == 'e' || s.p[n] == 'E')) {
        size_t sign = n + 1 < s.len && (s.p[n + 1] == '-' || s.p[n + 1] == '+');
        size_t power = digits(s, n + 1 + sign);
        if (power > 0) n += 1 + sign + power;
    }
    return n;
}

/* A run ends before a comment; one of several signs ends in + or - only where it has one of ~ ! @ # % ^ & | ` ? before it. */
static size_t operator_len(struct slice s)
{
    size_t n = 0;
    bool special = false;
    for (; n < s.len && lex_is_operator(s.p[n]); n++) {
        struct slice rest = {s.p + n, s.len - n};
        if (slice_starts(rest, SLICE("--")) || slice_starts(rest, SLICE("/*"))) break;
        special |= strchr("~!@#%^&|`?", s.p[n]) != NULL;
    }
    while (n > 1 && !special && (s.p[n - 1] == '+' || s.p[n - 1] == '-'))
        n--;
    return n;
}

static bool in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || ascii_is_digit(c) ||
           (unsigned char)c >= 0x80;
}

static int cut_number(struct slice from, struct word *w, struct expr_mistake *m)
{
    *w = (struct word){.kind = WORD_NUMBER, .text = {from.p, number_len(from)}, .at = w->at};
    size_t n = w->text.len;
    if (n == from.len || !in_name(from.p[n])) return 0;
    while (n < from.len && in_name(from.p[n]))
        n++;
    struct slice all = slice_cut_utf8((struct slice){from.p, n}, SHOWN_MAX);
    bool radix = from.p[0] == '0' && strchr("xXoObB", from.p[1]);
    if (radix || from.p[w->text.len] == '_')
        return mistake_at(m, w->at, EXPR_E_SERVER, "the number " SLICE_FMT " is for the server to read", SLICE_ARG(all));
    return mistake_at(m, w->at, EXPR_E_SYNTAX,
                      "'" SLICE_FMT "' is no number and no name; write a name that begins with a digit in double quotes",
                      SLICE_ARG(all));
}

/* What a quote makes of the letter before it, in the server alone. */
static int check_prefix(const struct word *w, struct slice behind, struct expr_mistake *m)
{
    bool quote = slice_starts(behind, SLICE("'"));
    if (quote && w->text.len == 1 && strchr("bBxXnN", w->text.p[0]))
        return mistake_at(m, w->at, EXPR_E_SERVER, "the string " SLICE_FMT "'…' is the server's", SLICE_ARG(w->text));
    if (w->text.len == 1 && strchr("uU", w->text.p[0]) && (slice_starts(behind, SLICE("&'")) || slice_starts(behind, SLICE("&\""))))
        return mistake_at(m, w->at, EXPR_E_SERVER, "the string U&'…' is the server's");
    return 0;
}

static int next_word(struct slice text, struct slice *rest, struct word *w, struct expr_mistake *m)
{
    static const enum word_kind kinds[] = {
        [TOKEN_END] = WORD_END,       [TOKEN_NAME] = WORD_NAME,     [TOKEN_QUOTED_NAME] = WORD_QUOTED,
        [TOKEN_STRING] = WORD_STRING, [TOKEN_NUMBER] = WORD_NUMBER, [TOKEN_SIGN] = WORD_SIGN};
    struct token t = token_next(rest);
    size_t at = (size_t)(t.text.p - text.p);
    struct slice from = {t.text.p, text.len - at};
    *w = (struct word){.at = at, .text = t.text};
    if (t.kind == TOKEN_BAD)
        return mistake_at(m, at, EXPR_E_SYNTAX,
                          from.p[0] == '/' ? "a comment is not closed"
                          : from.p[0] == '\''
                              ? "the quote is not closed that is opened here; one inside a string is written twice: 'it''s'"
                              : "the quote is not closed that is opened here");
    w->kind = kinds[t.kind];
    int r = 0;
    if (w->kind == WORD_NUMBER || (token_is_sign(t, ".") && from.len > 1 && ascii_is_digit(from.p[1]))) {
        r = cut_number(from, w, m);
    } else if (w->kind == WORD_SIGN && lex_is_operator(from.p[0])) {
        w->kind = WORD_OPERATOR;
        w->text.len = operator_len(from);
    } else if (w->kind == WORD_NAME) {
        r = check_prefix(w, *rest, m);
    } else if (w->kind == WORD_QUOTED && t.text.len == 2) {
        r = mistake_at(m, at, EXPR_E_SYNTAX, "the name in double quotes is empty; an empty text is ''");
    } else if (token_is_sign(t, ";")) {
        r = mistake_at(m, at, EXPR_E_SYNTAX, "a ';' does not belong in an expression");
    }
    *rest = (struct slice){w->text.p + w->text.len, text.len - at - w->text.len};
    return r;
}

/* Tell each opening word its partner. `open` has room for all words. */
static int pair_up(struct word *word, size_t n, size_t *open, struct expr_mistake *m)
{
    size_t depth = 0;
    for (size_t i = 0; i < n; i++) {
        bool round = word_is_sign(&word[i], ")");
        if (word_is_sign(&word[i], "(") || word_is_sign(&word[i], "[")) open[depth++] = i;
        if (!round && !word_is_sign(&word[i], "]")) continue;
        if (depth == 0 || word[open[depth - 1]].text.p[0] != (round ? '(' : '['))
            return mistake_at(m, word[i].at, EXPR_E_SYNTAX, "found '" SLICE_FMT "', which closes nothing", SLICE_ARG(word[i].text));
        word[i].partner = open[--depth];
        word[open[depth]].partner = i;
    }
    if (depth > 0)
        return mistake_at(m, word[open[depth - 1]].at, EXPR_E_SYNTAX, "the '" SLICE_FMT "' is not closed that is opened here",
                          SLICE_ARG(word[open[depth - 1]].text));
    return 0;
}

/* Counting first keeps the words in one array. */
static int cut(struct slice text, struct word *word, struct expr_mistake *m, size_t *ret_n)
{
    struct slice rest = text;
    int later = 0; /* what the server may know is told when the rest of the text has turned out to be closed */
    struct expr_mistake beyond = {0};
    for (size_t n = 0;; n++) {
        struct word w;
        int r = next_word(text, &rest, &w, later ? &beyond : m);
        if (r == EXPR_E_SYNTAX) {
            if (later) *m = beyond;
            return r;
        }
        if (r) later = r;
        if (word) word[n] = w;
        *ret_n = n + 1;
        if (w.kind == WORD_END) return word ? later : 0;
    }
}

int lex_words(struct slice text, struct arena *arena, struct expr_mistake *ret_mistake, const struct word **ret_word,
              size_t *ret_words)
{
    const char *nul = text.len > 0 ? memchr(text.p, 0, text.len) : NULL;
    if (nul)
        return mistake_at(ret_mistake, (size_t)(nul - text.p), EXPR_E_SYNTAX, "a byte of zero does not belong in an expression");
    if (!text.p) text.p = "";
    size_t n = 0;
    int r = cut(text, NULL, ret_mistake, &n);
    if (r) return r;
    struct word *word = arena_array(arena, n, sizeof *word);
    size_t *open = arena_array(arena, n, sizeof *open);
    if (!word || !open) return -ENOMEM;
    struct expr_mistake server;
    r = cut(text, word, &server, &n);
    int paired = pair_up(word, n, open, ret_mistake);
    if (paired) return paired;
    if (r) *ret_mistake = server;
    *ret_word = word;
    *ret_words = n;
    return r;
}

bool word_is_sign(const struct word *w, const char *sign)
{
    return w->kind == WORD_SIGN && slice_equal(w->text, slice_of(sign));
}

bool word_is_operator(const struct word *w, const char *op)
{
    return w->kind == WORD_OPERATOR && slice_equal(w->text, slice_of(op));
}

bool word_is(const struct word *w, const char *name)
{
    return w->kind == WORD_NAME && slice_equal_nocase(w->text, slice_of(name));
}

bool word_is_any(const struct word *w, const char *const *names)
{
    for (; w->kind == WORD_NAME && *names; names++)
        if (word_is(w, *names)) return true;
    return false;
}

struct slice word_name(const struct word *w, struct arena *arena)
{
    struct token t = {w->kind == WORD_QUOTED ? TOKEN_QUOTED_NAME : TOKEN_NAME, w->text};
    return slice_cut_utf8(slice_of(token_name(t, arena)), NAME_MAX_BYTES);
}
