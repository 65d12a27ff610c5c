/* SPDX-License-Identifier: MIT */
#include "data/type_name.h"

#include "base/num.h"
#include "config/token.h"

#include <string.h>

enum { WORDS_MAX = 64, MODIFIERS_MAX = 2 };

/* A name without its modifiers, words in lower case with one blank between them. */
struct spelling {
    char words[WORDS_MAX];
    int64_t modifier[MODIFIERS_MAX];
    size_t modifiers;
};

static int add_word(struct spelling *s, struct slice word)
{
    size_t n = strlen(s->words);
    if (n + word.len + 2 > sizeof s->words) return TYPE_E_UNKNOWN;
    if (n > 0) s->words[n++] = ' ';
    for (size_t i = 0; i < word.len; i++)
        s->words[n + i] = (char)(word.p[i] >= 'A' && word.p[i] <= 'Z' ? word.p[i] | 0x20 : word.p[i]);
    s->words[n + word.len] = '\0';
    return 0;
}

/* Behind its '('. */
static int read_modifiers(struct spelling *s, struct slice *rest)
{
    for (;;) {
        struct token number = token_next(rest), next = token_next(rest);
        bool negative = token_is_sign(number, "-");
        if (negative) {
            number = next;
            next = token_next(rest);
        }
        if (number.kind != TOKEN_NUMBER || s->modifiers == MODIFIERS_MAX) return TYPE_E_UNKNOWN;
        int64_t *to = &s->modifier[s->modifiers++];
        if (num_parse_i64(number.text, to) != 0) return TYPE_E_RANGE;
        if (negative) *to = -*to;
        if (token_is_sign(next, ")")) return 0;
        if (!token_is_sign(next, ",")) return TYPE_E_UNKNOWN;
    }
}

static int read_spelling(struct slice text, struct spelling *s)
{
    struct slice rest = text;
    *s = (struct spelling){0};
    for (;;) {
        struct token t = token_next(&rest);
        int r = TYPE_E_UNKNOWN;
        if (t.kind == TOKEN_END) return s->words[0] ? 0 : TYPE_E_UNKNOWN;
        if (t.kind == TOKEN_NAME) r = add_word(s, t.text);
        if (token_is_sign(t, "(") && s->words[0] && s->modifiers == 0) r = read_modifiers(s, &rest);
        if (r != 0) return r;
    }
}

/* ---- modifiers: none, a length, digits behind the second, precision and scale ---- */

static int no_modifier(const struct spelling *s, int32_t *ret_typmod)
{
    *ret_typmod = -1;
    return s->modifiers == 0 ? 0 : TYPE_E_RANGE;
}

enum {
    TYPMOD_HEADER = 4,
    LENGTH_MAX = 10485760,
    TIME_DIGITS = 6,
    PRECISION_MAX = 1000,
    SCALE_MAX = 1000,
    FLOAT4_BITS = 24,
    FLOAT8_BITS = 53
};

static int length(const struct spelling *s, int32_t *ret_typmod)
{
    *ret_typmod = -1;
    if (s->modifiers == 0) return 0;
    if (s->modifiers > 1 || s->modifier[0] < 1 || s->modifier[0] > LENGTH_MAX) return TYPE_E_RANGE;
    *ret_typmod = (int32_t)s->modifier[0] + TYPMOD_HEADER;
    return 0;
}

/* char is char(1) */
static int blank_padded(const struct spelling *s, int32_t *ret_typmod)
{
    int r = length(s, ret_typmod);
    if (s->modifiers == 0) *ret_typmod = 1 + TYPMOD_HEADER;
    return r;
}

static int second_digits(const struct spelling *s, int32_t *ret_typmod)
{
    *ret_typmod = -1;
    if (s->modifiers == 0) return 0;
    if (s->modifiers > 1 || s->modifier[0] < 0) return TYPE_E_RANGE;
    *ret_typmod = s->modifier[0] > TIME_DIGITS ? TIME_DIGITS : (int32_t)s->modifier[0]; /* as PostgreSQL, with a warning */
    return 0;
}

static int precision_scale(const struct spelling *s, int32_t *ret_typmod)
{
    *ret_typmod = -1;
    if (s->modifiers == 0) return 0;
    int64_t precision = s->modifier[0], scale = s->modifiers > 1 ? s->modifier[1] : 0;
    if (precision < 1 || precision > PRECISION_MAX || scale < -SCALE_MAX || scale > SCALE_MAX) return TYPE_E_RANGE;
    *ret_typmod = (int32_t)(precision << 16 | (scale & 0x7ff)) + TYPMOD_HEADER;
    return 0;
}

static const struct {
    const char *words;
    enum type_id id;
    int (*modify)(const struct spelling *s, int32_t *ret_typmod);
} names[] = {
    {"bool", TYPE_BOOL, no_modifier},
    {"boolean", TYPE_BOOL, no_modifier},
    {"smallint", TYPE_INT2, no_modifier},
    {"int2", TYPE_INT2, no_modifier},
    {"smallserial", TYPE_INT2, no_modifier},
    {"serial2", TYPE_INT2, no_modifier},
    {"int", TYPE_INT4, no_modifier},
    {"integer", TYPE_INT4, no_modifier},
    {"int4", TYPE_INT4, no_modifier},
    {"serial", TYPE_INT4, no_modifier},
    {"serial4", TYPE_INT4, no_modifier},
    {"bigint", TYPE_INT8, no_modifier},
    {"int8", TYPE_INT8, no_modifier},
    {"bigserial", TYPE_INT8, no_modifier},
    {"serial8", TYPE_INT8, no_modifier},
    {"numeric", TYPE_NUMERIC, precision_scale},
    {"decimal", TYPE_NUMERIC, precision_scale},
    {"dec", TYPE_NUMERIC, precision_scale},
    {"real", TYPE_FLOAT4, no_modifier},
    {"float4", TYPE_FLOAT4, no_modifier},
    {"double precision", TYPE_FLOAT8, no_modifier},
    {"float8", TYPE_FLOAT8, no_modifier},
    {"date", TYPE_DATE, no_modifier},
    {"time", TYPE_TIME, second_digits},
    {"time without time zone", TYPE_TIME, second_digits},
    {"timestamp", TYPE_TIMESTAMP, second_digits},
    {"timestamp without time zone", TYPE_TIMESTAMP, second_digits},
    {"timestamptz", TYPE_TIMESTAMPTZ, second_digits},
    {"timestamp with time zone", TYPE_TIMESTAMPTZ, second_digits},
    {"uuid", TYPE_UUID, no_modifier},
    {"json", TYPE_JSON, no_modifier},
    {"jsonb", TYPE_JSONB, no_modifier},
    {"text", TYPE_TEXT, no_modifier},
    {"varchar", TYPE_VARCHAR, length},
    {"character varying", TYPE_VARCHAR, length},
    {"char varying", TYPE_VARCHAR, length},
    {"char", TYPE_BPCHAR, blank_padded},
    {"character", TYPE_BPCHAR, blank_padded},
    {"bpchar", TYPE_BPCHAR, length},
};

/* float is float8; float(1) to float(24) are float4. */
static int by_bits(const struct spelling *s, struct type *ret_type)
{
    int64_t bits = s->modifiers ? s->modifier[0] : FLOAT8_BITS;
    *ret_type = (struct type){bits > FLOAT4_BITS ? TYPE_FLOAT8 : TYPE_FLOAT4, -1};
    return s->modifiers > 1 || bits < 1 || bits > FLOAT8_BITS ? TYPE_E_RANGE : 0;
}

int type_by_name(struct slice text, struct type *ret_type)
{
    struct spelling s;
    int r = read_spelling(text, &s);
    if (r != 0) return r;
    if (strcmp(s.words, "float") == 0) return by_bits(&s, ret_type);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].words, s.words) != 0) continue;
        ret_type->id = names[i].id;
        return names[i].modify(&s, &ret_type->typmod);
    }
    return TYPE_E_UNKNOWN;
}
