/* SPDX-License-Identifier: MIT */
#include "data/type_number.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

/* Any beginning of a word stands for it, from its shortest unambiguous one. */
static const struct bool_word {
    struct slice word;
    size_t shortest;
    bool value;
} bool_words[] = {
    {{"true", 4}, 1, true}, {{"false", 5}, 1, false}, {{"yes", 3}, 1, true}, {{"no", 2}, 1, false},
    {{"on", 2}, 2, true},   {{"off", 3}, 2, false},   {{"1", 1}, 1, true},   {{"0", 1}, 1, false},
};

int type_number_bool(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in, (void)arena;
    struct slice s = slice_trim(text);
    for (size_t i = 0; i < sizeof(bool_words) / sizeof(bool_words[0]); i++) {
        const struct bool_word *w = &bool_words[i];
        if (s.len < w->shortest || s.len > w->word.len) continue;
        if (!slice_equal_nocase(s, (struct slice){w->word.p, s.len})) continue;
        ret_value->i = w->value;
        return 0;
    }
    return TYPE_E_SYNTAX;
}

int type_number_int(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)arena;
    static const uint64_t max[TYPE_N] = {[TYPE_INT2] = INT16_MAX, [TYPE_INT4] = INT32_MAX, [TYPE_INT8] = INT64_MAX};
    struct slice s = slice_trim(text);
    bool negative = s.len > 0 && s.p[0] == '-';
    if (negative || (s.len > 0 && s.p[0] == '+')) s.p++, s.len--;
    if (s.len == 0) return TYPE_E_SYNTAX;
    uint64_t v = 0;
    bool over = false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9) return TYPE_E_SYNTAX;
        over |= __builtin_mul_overflow(v, 10U, &v);
        over |= __builtin_add_overflow(v, digit, &v);
    }
    if (over || v > max[in->type.id] + negative) return TYPE_E_RANGE;
    ret_value->i = (int64_t)(negative ? 0 - v : v);
    return 0;
}

/* mantissa * 10^exponent, exactly */
struct decimal {
    uint64_t mantissa;
    int exponent;
    bool negative;
};

/*
 * The everyday form of a number: sign, up to 19 digits with a point among them, an exponent of up to three digits. Anything else
 * (longer ones, NaN, hexadecimal) is left to strtod.
 */
static bool scan_decimal(struct slice s, struct decimal *ret_decimal)
{
    struct decimal d = {0};
    const char *p = s.p, *end = s.p + s.len;
    if (p < end && (*p == '-' || *p == '+')) d.negative = *p++ == '-';
    const char *digits = p;
    for (; p < end && (unsigned)(*p - '0') <= 9; p++)
        d.mantissa = d.mantissa * 10 + (unsigned)(*p - '0');
    ptrdiff_t n = p - digits;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        for (; p < end && (unsigned)(*p - '0') <= 9; p++)
            d.mantissa = d.mantissa * 10 + (unsigned)(*p - '0');
        n += p - fraction;
        d.exponent = n <= 19 ? (int)(fraction - p) : 0;
    }
    if (n == 0 || n > 19) return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        bool minus = ++p < end && *p == '-';
        if (minus || (p < end && *p == '+')) p++;
        if (p == end || end - p > 3) return false;
        int e = 0;
        for (; p < end && (unsigned)(*p - '0') <= 9; p++)
            e = e * 10 + (*p - '0');
        d.exponent += minus ? -e : e;
    }
    if (p != end) return false;
    *ret_decimal = d;
    return true;
}

/*
 * strtod or strtof in the C locale on a terminated copy. newlocale hands out glibc's built-in object for "C": nothing is allocated.
 * PostgreSQL takes what strtod takes, and calls a result of zero or infinity with ERANGE out of range, but not a subnormal.
 */
static int parse_by_libc(struct slice s, bool single, struct arena *arena, double *ret_value)
{
    char small[104];
    char *text = small;
    if (s.len == 0 || memchr(s.p, '\0', s.len)) return TYPE_E_SYNTAX;
    if (s.len < sizeof(small)) {
        memcpy(small, s.p, s.len);
        small[s.len] = '\0';
    } else if (!(text = arena_cstr(arena, s))) {
        return -ENOMEM;
    }
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c) return -ENOMEM;
    char *end;
    errno = 0;
    double v = single ? (double)strtof_l(text, &end, c) : strtod_l(text, &end, c);
    int e = errno;
    freelocale(c);
    if (end == text || *end != '\0') return TYPE_E_SYNTAX;
    if (e == ERANGE && (v == 0 || isinf(v))) return TYPE_E_RANGE;
    *ret_value = v;
    return 0;
}

/*
 * When mantissa and power of ten are both exact in the type, one multiplication or division rounds once, and so rightly
 * (W. D. Clinger, "How to read floating point numbers accurately", 1990).
 */
int type_number_float8(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in;
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct slice s = slice_trim(text);
    struct decimal d;
    if (!scan_decimal(s, &d) || d.mantissa > (UINT64_C(1) << 53) || d.exponent > 22 || d.exponent < -22)
        return parse_by_libc(s, false, arena, &ret_value->f);
    double v = (double)d.mantissa;
    v = d.exponent < 0 ? v / power[-d.exponent] : v * power[d.exponent];
    ret_value->f = d.negative ? -v : v;
    return 0;
}

int type_number_float4(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in;
    static const float power[] = {1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F, 1e8F, 1e9F, 1e10F};
    struct slice s = slice_trim(text);
    struct decimal d;
    if (!scan_decimal(s, &d) || d.mantissa > (UINT64_C(1) << 24) || d.exponent > 10 || d.exponent < -10)
        return parse_by_libc(s, true, arena, &ret_value->f);
    float v = (float)d.mantissa;
    v = d.exponent < 0 ? v / power[-d.exponent] : v * power[d.exponent];
    ret_value->f = (double)(d.negative ? -v : v);
    return 0;
}
