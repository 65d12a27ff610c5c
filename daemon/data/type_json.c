/* SPDX-License-Identifier: MIT */
#include "data/type_json.h"

#include "base/ascii.h"
#include "data/type_numeric.h"

/* What may come next */
enum expect {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* behind [ */
    EXPECT_NAME,
    EXPECT_NAME_OR_END, /* behind { */
    EXPECT_COLON,
    EXPECT_COMMA_OR_END,
    EXPECT_NOTHING,
};

struct scanner {
    const char *p, *end;
    bool strict; /* jsonb */
    struct arena *arena;
    enum expect expect;
    unsigned depth;
    unsigned char object[TYPE_JSON_DEPTH / 8]; /* a bit a level: { or [ */
};

static bool in_object(const struct scanner *s)
{
    return s->object[(s->depth - 1) / 8] >> (s->depth - 1) % 8 & 1;
}

static void after_value(struct scanner *s)
{
    s->expect = s->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static bool open_level(struct scanner *s)
{
    if (s->depth == TYPE_JSON_DEPTH) return false;
    bool object = *s->p++ == '{';
    unsigned char bit = (unsigned char)(1U << s->depth % 8);
    unsigned char *byte = &s->object[s->depth / 8];
    *byte = (unsigned char)(object ? *byte | bit : *byte & ~bit);
    s->depth++;
    s->expect = object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
    return true;
}

static bool close_level(struct scanner *s)
{
    bool object = *s->p == '}';
    bool allowed = s->expect == EXPECT_COMMA_OR_END || s->expect == (object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END);
    if (!s->depth || !allowed || in_object(s) != object) return false;
    s->p++;
    s->depth--;
    after_value(s);
    return true;
}

/* Four hexadecimal digits */
static bool take_hex(struct scanner *s, unsigned *ret_unit)
{
    if (s->end - s->p < 4) return false;
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = ascii_hex(*s->p++);
        if (digit < 0) return false;
        v = v << 4 | (unsigned)digit;
    }
    *ret_unit = v;
    return true;
}

/* Behind the backslash. *surrogate: a high one was read just before, and must be followed by a low one. */
static bool take_escape(struct scanner *s, bool *surrogate)
{
    if (s->p == s->end) return false;
    char c = *s->p++;
    if (c != 'u') return strchr("\"\\/bfnrt", c) && c != '\0' && !*surrogate;
    unsigned unit;
    if (!take_hex(s, &unit)) return false;
    if (!s->strict) return true;
    bool low = unit >= 0xdc00 && unit <= 0xdfff;
    if (unit == 0 || low != *surrogate) return false;
    *surrogate = unit >= 0xd800 && unit <= 0xdbff;
    return true;
}

/* From behind the opening quote to behind the closing one */
static bool take_string(struct scanner *s)
{
    bool surrogate = false;
    while (s->p < s->end) {
        unsigned char c = (unsigned char)*s->p++;
        if (c == '\\') {
            if (!take_escape(s, &surrogate)) return false;
            continue;
        }
        if (surrogate || c < 0x20) return false;
        if (c == '"') return true;
    }
    return false;
}

static size_t count_digits(const struct scanner *s)
{
    const char *p = s->p;
    while (p < s->end && ascii_is_digit(*p))
        p++;
    return (size_t)(p - s->p);
}

static int take_number(struct scanner *s)
{
    const char *start = s->p;
    if (*s->p == '-') s->p++;
    size_t n = count_digits(s);
    if (n == 0 || (n > 1 && *s->p == '0')) return TYPE_E_SYNTAX;
    s->p += n;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!(n = count_digits(s))) return TYPE_E_SYNTAX;
        s->p += n;
    }
    if (s->p < s->end && (*s->p | 0x20) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-')) s->p++;
        if (!(n = count_digits(s))) return TYPE_E_SYNTAX;
        s->p += n;
    }
    /* A number of this size without an exponent always fits; the others are tried. */
    size_t len = (size_t)(s->p - start);
    if (!s->strict || (len < 1000 && !memchr(start, 'e', len) && !memchr(start, 'E', len))) return 0;
    union value unused;
    return type_numeric_parse(&(struct type_input){.type = {TYPE_NUMERIC, -1}}, (struct slice){start, len}, s->arena, &unused);
}

static bool take_word(struct scanner *s)
{
    static const struct slice words[] = {{"true", 4}, {"false", 5}, {"null", 4}};
    struct slice rest = {s->p, (size_t)(s->end - s->p)};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!slice_starts(rest, words[i])) continue;
        s->p += words[i].len;
        return true;
    }
    return false;
}

static int take_value(struct scanner *s)
{
    if (s->expect != EXPECT_VALUE && s->expect != EXPECT_VALUE_OR_END) return TYPE_E_SYNTAX;
    char c = *s->p;
    if (c == '{' || c == '[') return open_level(s) ? 0 : TYPE_E_RANGE;
    int r = 0;
    if (c == '"') {
        s->p++;
        r = take_string(s) ? 0 : TYPE_E_SYNTAX;
    } else if (c == '-' || ascii_is_digit(c)) {
        r = take_number(s);
    } else {
        r = take_word(s) ? 0 : TYPE_E_SYNTAX;
    }
    after_value(s);
    return r;
}

static int take_token(struct scanner *s)
{
    switch (*s->p) {
    case ' ':
    case '\t':
    case '\n':
    case '\r': s->p++; return 0;
    case '}':
    case ']': return close_level(s) ? 0 : TYPE_E_SYNTAX;
    case ':':
        if (s->expect != EXPECT_COLON) return TYPE_E_SYNTAX;
        s->p++;
        s->expect = EXPECT_VALUE;
        return 0;
    case ',':
        if (s->expect != EXPECT_COMMA_OR_END) return TYPE_E_SYNTAX;
        s->p++;
        s->expect = in_object(s) ? EXPECT_NAME : EXPECT_VALUE;
        return 0;
    default: break;
    }
    if (s->expect != EXPECT_NAME && s->expect != EXPECT_NAME_OR_END) return take_value(s);
    if (*s->p++ != '"' || !take_string(s)) return TYPE_E_SYNTAX;
    s->expect = EXPECT_COLON;
    return 0;
}

int type_json_parse(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    struct scanner s = {.p = text.p, .end = text.p + text.len, .strict = in->type.id == TYPE_JSONB, .arena = arena};
    while (s.p < s.end) {
        int r = take_token(&s);
        if (r) return r;
    }
    if (s.expect != EXPECT_NOTHING) return TYPE_E_SYNTAX;
    ret_value->s = text;
    return 0;
}
