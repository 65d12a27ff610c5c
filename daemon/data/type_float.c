/* SPDX-License-Identifier: MIT */
#include "data/type_float.h"

#include "base/ascii.h"
#include "data/digits.h"
#include "data/power5.h"
#include "data/type_rows.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

/* mantissa * 10^exponent; where digits were dropped the number is above it and below (mantissa + 1) * 10^exponent, or equal */
struct scanned {
    uint64_t mantissa; /* at most 19 digits */
    int exponent;
    bool negative, dropped;
};
enum { DIGITS_KEPT = 19, EXPONENT_DIGITS = 6 };

/* What IEEE 754 and the method's proof say of a format */
struct format {
    int fraction_bits;
    int bias;                /* of the exponent */
    int exponent_max;        /* stored exponent of infinity */
    int exact_power;         /* 10^this is exact */
    int half_low, half_high; /* between these exponents a product can lie exactly between two floats */
};
static const struct format float8 = {52, 1023, 0x7ff, 22, -4, 23}, float4 = {23, 127, 0xff, 10, -17, 10};

/* Digits from p on; leading zeros do not count. `scale`: how far the exponent goes down with each digit that is kept. */
static const char *take_digits(const char *p, const char *end, int scale, struct scanned *n, int *kept)
{
    for (; p < end && ascii_is_digit(*p); p++) {
        if (*kept < DIGITS_KEPT) {
            n->mantissa = n->mantissa * 10 + (unsigned)(*p - '0');
            *kept += n->mantissa != 0;
            n->exponent -= scale;
        } else {
            n->dropped |= *p != '0';
            n->exponent += 1 - scale;
        }
    }
    return p;
}

/* Sign, digits with a point among them, and an exponent. Anything else is left to strtod, also what is too long to count. */
static bool scan(struct slice s, struct scanned *ret_scanned)
{
    struct scanned n = {0};
    const char *p = s.p, *end = s.p + s.len;
    if (s.len > INT32_MAX / 2) return false;
    if (p < end && (*p == '-' || *p == '+')) n.negative = *p++ == '-';
    int kept = 0;
    const char *start = p;
    p = take_digits(p, end, 0, &n, &kept);
    ptrdiff_t digits = p - start;
    if (p < end && *p == '.') {
        start = ++p;
        p = take_digits(p, end, 1, &n, &kept);
        digits += p - start;
    }
    if (digits == 0) return false;
    if (p < end && (*p | 0x20) == 'e') {
        bool minus = ++p < end && *p == '-';
        if (minus || (p < end && *p == '+')) p++;
        if (p == end || end - p > EXPONENT_DIGITS) return false;
        int e = 0;
        for (; p < end && ascii_is_digit(*p); p++)
            e = e * 10 + (*p - '0');
        n.exponent += minus ? -e : e;
    }
    if (p != end) return false;
    *ret_scanned = n;
    return true;
}

/*
 * The bits, without the sign, of the float nearest to mantissa * 10^exponent. False: not known, or not a normal number.
 * mantissa > 0.
 */
static bool nearest(const struct format *f, uint64_t mantissa, int exponent, uint64_t *ret_bits)
{
    if (exponent < POWER5_LOWEST || exponent > POWER5_HIGHEST) return false;
    int shift = __builtin_clzll(mantissa);
    mantissa <<= shift;
    const uint64_t *power = power5[exponent - POWER5_LOWEST];
    unsigned __int128 product = (unsigned __int128)mantissa * power[0];
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    /* Below the bits that count (fraction, leading, half, and one for the product's first bit being 0) all ones: a carry from the
     * power's second word may change them. */
    uint64_t below = UINT64_MAX >> (f->fraction_bits + 3);
    if ((high & below) == below) {
        uint64_t more = (uint64_t)((unsigned __int128)mantissa * power[1] >> 64);
        low += more;
        high += low < more;
        if (low == UINT64_MAX && (exponent < -27 || exponent > 55)) return false;
    }
    int first = (int)(high >> 63);
    int drop = first + 64 - f->fraction_bits - 3;
    uint64_t bits = high >> drop; /* fraction, leading bit, and one to round by */
    /* floor(log2(10^exponent)) = floor(exponent * log2(10)), by an integer approximation that holds for |exponent| < 1650 */
    int binary = ((217706 * exponent) >> 16) + 63 + first - shift + f->bias;
    if (binary <= 0) return false;
    /* Exactly halfway: to even, that is down here, since rounding up is what comes next. */
    if (low <= 1 && exponent >= f->half_low && exponent <= f->half_high && (bits & 3) == 1 && bits << drop == high) bits--;
    bits = (bits + (bits & 1)) >> 1;
    if (bits >> (f->fraction_bits + 1)) {
        bits >>= 1;
        binary++;
    }
    if (binary >= f->exponent_max) return false;
    *ret_bits = (bits & ~(UINT64_C(1) << f->fraction_bits)) | (uint64_t)binary << f->fraction_bits;
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

/* What the text says, when it is one of the everyday forms */
static bool read_text(struct slice s, struct scanned *ret_scanned)
{
    struct digits_number n;
    if (!digits_number(s, &n)) return scan(s, ret_scanned);
    *ret_scanned = (struct scanned){.mantissa = n.mantissa, .exponent = -(int)n.scale, .negative = n.negative};
    return true;
}

/* The bits of the nearest float, when the first 128 bits of the power are enough to tell. */
static bool read_bits(const struct format *f, const struct scanned *n, uint64_t *ret_bits)
{
    if (n->mantissa == 0 || !nearest(f, n->mantissa, n->exponent, ret_bits)) return false;
    uint64_t above;
    return !n->dropped || (nearest(f, n->mantissa + 1, n->exponent, &above) && above == *ret_bits);
}

/* Powers of ten that are exact */
static const double exact_power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* One division of exact numbers rounds once. */
static inline bool plain_double(const struct digits_number *n, double *ret_value)
{
    if (n->mantissa > UINT64_C(1) << 53) return false;
    double exact = (double)(int64_t)n->mantissa / exact_power[n->scale];
    *ret_value = n->negative ? -exact : exact;
    return true;
}

int type_float_double(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in;
    struct slice s = slice_trim(text);
    struct digits_number plain;
    if (digits_number(s, &plain) && plain_double(&plain, &ret_value->f)) return 0;
    struct scanned n;
    uint64_t bits;
    if (!read_text(s, &n)) return parse_by_libc(s, false, arena, &ret_value->f);
    double v;
    if (n.mantissa <= UINT64_C(1) << 53 && n.exponent <= float8.exact_power && n.exponent >= -float8.exact_power && !n.dropped) {
        v = (double)n.mantissa;
        v = n.exponent < 0 ? v / exact_power[-n.exponent] : v * exact_power[n.exponent];
    } else if (read_bits(&float8, &n, &bits)) {
        memcpy(&v, &bits, sizeof(v));
    } else {
        return parse_by_libc(s, false, arena, &ret_value->f);
    }
    ret_value->f = n.negative ? -v : v;
    return 0;
}

int type_float_double_rows(const struct type_input *in, const struct type_rows *column, struct arena *arena)
{
    const struct type_rows rows = *column; /* a copy that no store can change */
    size_t room = type_rows_room(&rows);
    for (size_t i = 0; i < rows.rows; i++) {
        if (rows.null[i]) continue;
        struct slice s = rows.value[i].s;
        struct digits_number n;
        if (type_rows_roomy(&rows, room, s) && digits_number_roomy(s, &n) && plain_double(&n, &rows.value[i].f)) continue;
        int r = type_rows_one(in, &rows, i, type_float_double, arena);
        if (r) return r;
    }
    return 0;
}

int type_float_single(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value)
{
    (void)in;
    static const float power[] = {1e0F, 1e1F, 1e2F, 1e3F, 1e4F, 1e5F, 1e6F, 1e7F, 1e8F, 1e9F, 1e10F};
    struct slice s = slice_trim(text);
    struct scanned n;
    uint64_t bits;
    if (!read_text(s, &n)) return parse_by_libc(s, true, arena, &ret_value->f);
    float v;
    if (n.mantissa <= UINT64_C(1) << 24 && n.exponent <= float4.exact_power && n.exponent >= -float4.exact_power && !n.dropped) {
        v = (float)n.mantissa;
        v = n.exponent < 0 ? v / power[-n.exponent] : v * power[n.exponent];
    } else if (read_bits(&float4, &n, &bits)) {
        uint32_t word = (uint32_t)bits;
        memcpy(&v, &word, sizeof(v));
    } else {
        return parse_by_libc(s, true, arena, &ret_value->f);
    }
    ret_value->f = (double)(n.negative ? -v : v);
    return 0;
}
