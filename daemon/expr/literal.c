/* SPDX-License-Identifier: MIT */
/* String literals: 'a''b', E'a\n', $tag$a$tag$. */
#include "expr/lex.h"

/* Bytes that are written to a buffer that is large enough: no escape is shorter than what it stands for. */
struct writer {
    char *p;
    size_t n;
};

static void put(struct writer *w, char c)
{
    w->p[w->n++] = c;
}

/* False: no character. */
static bool put_char(struct writer *w, uint32_t c)
{
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return false;
    if (c < 0x80) {
        put(w, (char)c);
    } else if (c < 0x800) {
        put(w, (char)(0xc0 | c >> 6));
        put(w, (char)(0x80 | (c & 0x3f)));
    } else {
        if (c < 0x10000) put(w, (char)(0xe0 | c >> 12));
        if (c >= 0x10000) put(w, (char)(0xf0 | c >> 18));
        if (c >= 0x10000) put(w, (char)(0x80 | (c >> 12 & 0x3f)));
        put(w, (char)(0x80 | (c >> 6 & 0x3f)));
        put(w, (char)(0x80 | (c & 0x3f)));
    }
    return true;
}

static int digit_of(char c, unsigned base)
{
    int d = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
    return d < (int)base ? d : -1;
}

/* At most `max` digits at *at. Their number. */
static size_t read_digits(struct slice s, size_t *at, size_t max, unsigned base, uint32_t *ret_value)
{
    size_t n = 0;
    uint32_t v = 0;
    for (; n < max && *at < s.len && digit_of(s.p[*at], base) >= 0; n++, (*at)++)
        v = v * base + (uint32_t)digit_of(s.p[*at], base);
    *ret_value = v;
    return n;
}

/* Four or eight digits behind \u or \U; the second half of a surrogate pair follows as an escape of its own. */
static bool unescape_unicode(struct slice s, size_t *at, struct writer *w)
{
    uint32_t c, low;
    size_t want = s.p[*at - 1] == 'u' ? 4 : 8;
    if (read_digits(s, at, want, 16, &c) != want) return false;
    if (c >= 0xd800 && c < 0xdc00 && *at + 2 <= s.len && s.p[*at] == '\\' && (s.p[*at + 1] | 0x20) == 'u') {
        *at += 2;
        want = s.p[*at - 1] == 'u' ? 4 : 8;
        if (read_digits(s, at, want, 16, &low) != want || low < 0xdc00 || low > 0xdfff) return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    return put_char(w, c);
}

/* Behind the backslash. False: no character. */
static bool unescape(struct slice s, size_t *at, struct writer *w)
{
    uint32_t v = 0;
    char c = s.p[(*at)++];
    if (c == 'u' || c == 'U') return unescape_unicode(s, at, w);
    if (c == 'x' && *at < s.len && digit_of(s.p[*at], 16) >= 0) {
        read_digits(s, at, 2, 16, &v);
    } else if (digit_of(c, 8) >= 0) {
        (*at)--;
        read_digits(s, at, 3, 8, &v);
        v &= 0xff;
    } else {
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        const char *found = strchr(from, c);
        v = (unsigned char)(found ? to[found - from] : c);
    }
    if (v == 0) return false;
    put(w, (char)v);
    return true;
}

static bool is_utf8(struct slice s)
{
    while (s.len > 0) {
        size_t n = slice_char_len(s);
        if (n == 0) return false;
        s = (struct slice){s.p + n, s.len - n};
    }
    return true;
}

int lex_string(const struct word *word, struct arena *arena, struct expr_mistake *ret_mistake, struct slice *ret_value)
{
    struct slice s = word->text;
    struct writer w = {arena_alloc(arena, s.len), 0};
    if (!w.p) return -ENOMEM;
    bool valid = true;
    if (s.p[0] == '$') {
        size_t tag = (size_t)((const char *)memchr(s.p + 1, '$', s.len - 1) - s.p) + 1;
        w.n = s.len - 2 * tag;
        memcpy(w.p, s.p + tag, w.n);
    } else {
        bool escapes = s.p[0] != '\'';
        size_t end = s.len - 1;
        struct slice inside = {s.p, end};
        for (size_t at = escapes ? 2 : 1; at < end && valid;) {
            if (escapes && s.p[at] == '\\') {
                at++;
                valid = at < end && unescape(inside, &at, &w);
            } else {
                if (s.p[at] == '\'') at++;
                put(&w, s.p[at++]);
            }
        }
    }
    struct slice value = {w.p, w.n};
    if (!valid || !is_utf8(value))
        return mistake_at(ret_mistake, word->at, EXPR_E_SYNTAX,
                          "the string is no text: an escape or a byte of it is no character of UTF-8");
    *ret_value = value;
    return 0;
}
