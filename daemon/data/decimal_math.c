/* SPDX-License-Identifier: MIT */
#include "data/decimal_math.h"

#include "data/decimal_wide.h"
#include "data/digits.h"

typedef unsigned __int128 u128;

enum {
    SIGN_PLUS = 0x0000,
    SIGN_MINUS = 0x4000,
    SIGN_NAN = 0xc000,
    SIGN_INFINITY = 0xd000,
    SIGN_MINUS_INFINITY = 0xf000,
    INFINITY_SCALE = 32, /* what numeric_send shows there */
    GROUPS_128 = 10,     /* base-10000 digits of 128 bits */
};

/* A number that is small enough for integers: v / 10000^behind, |v| < 10^16 */
struct small {
    int64_t v;
    int32_t behind;
    int32_t scale;
};
enum { SMALL_GROUPS = 4, SMALL_BEHIND = 4 };

static inline bool small_open(struct slice value, struct small *ret_small)
{
    uint64_t head = decimal_head(value);
    int32_t n = (int32_t)(head >> 48), weight = (int16_t)(head >> 32), last = n ? weight - n + 1 : 0;
    uint32_t sign = (uint32_t)(head >> 16) & 0xffff;
    if (n > SMALL_GROUPS || sign & ~(uint32_t)SIGN_MINUS || weight >= SMALL_GROUPS || last < -SMALL_BEHIND) return false;
    int64_t v = n ? (int64_t)decimal_join(decimal_lanes(value, head) >> (64 - 16 * n)) : 0;
    if (last > 0) v *= (int64_t)digits_ten[last * DECIMAL_BASE_DIGITS];
    *ret_small = (struct small){sign ? -v : v, last < 0 ? -last : 0, (int32_t)(head & 0xffff)};
    return true;
}

/* v's base-10000 digits, from `at` on downwards; the index of the first */
static inline int put_groups(uint64_t v, int at, uint16_t *group)
{
    for (; v; v /= DECIMAL_BASE)
        group[--at] = htobe16((uint16_t)(v % DECIMAL_BASE));
    return at;
}

static inline uint64_t head_of(int32_t n, int32_t weight, bool negative, int32_t scale)
{
    return htobe64(n ? (uint64_t)n << 48 | (uint64_t)(uint16_t)weight << 32 | (uint64_t)(negative ? SIGN_MINUS : SIGN_PLUS) << 16 |
                           (uint64_t)scale
                     : (uint64_t)scale);
}

/* What is rare has functions of its own, so that the everyday way needs no room on the stack. */
#define APART __attribute__((noinline)) static

#define SHORT_END UINT64_C(10000000000000000) /* four base-10000 digits end here */

/* What takes more than four base-10000 digits, zeros at its end included */
APART int pack_wide(bool negative, u128 magnitude, int32_t behind, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    uint16_t group[GROUPS_128];
    int first = GROUPS_128, end = GROUPS_128;
    if (magnitude >> 64) {
        const uint64_t half = SHORT_END;
        uint64_t low = (uint64_t)(magnitude % half);
        magnitude /= half;
        first = put_groups(low, first, group);
        while (first > GROUPS_128 - SMALL_GROUPS)
            group[--first] = 0;
        if (magnitude >> 64) {
            low = (uint64_t)(magnitude % half);
            magnitude /= half;
            first = put_groups(low, first, group);
            while (first > GROUPS_128 - 2 * SMALL_GROUPS)
                group[--first] = 0;
        }
    }
    first = put_groups((uint64_t)magnitude, first, group);
    int32_t weight = end - first - 1 - behind;
    while (end > first && group[end - 1] == 0)
        end--;
    size_t n = (size_t)(end - first);
    char *p = arena_alloc(arena, DECIMAL_HEAD + 2 * n);
    if (!p) return -ENOMEM;
    uint64_t head = head_of((int32_t)n, weight, negative, scale);
    memcpy(p, &head, sizeof(head));
    memcpy(p + DECIMAL_HEAD, group + first, 2 * n);
    *ret_value = (struct slice){p, DECIMAL_HEAD + 2 * n};
    return 0;
}

/* The base-10000 digits of v < 10^16, in lanes of 16 bits */
static inline uint64_t lanes_of(uint64_t v)
{
    uint32_t high = (uint32_t)(v / (DECIMAL_BASE * DECIMAL_BASE)), low = (uint32_t)(v % (DECIMAL_BASE * DECIMAL_BASE));
    return (uint64_t)(high / DECIMAL_BASE) << 48 | (uint64_t)(high % DECIMAL_BASE) << 32 | (uint64_t)(low / DECIMAL_BASE) << 16 |
           low % DECIMAL_BASE;
}

/* ± magnitude / 10000^behind, of a magnitude below SHORT_END */
static inline int pack_short(bool negative, uint64_t magnitude, int32_t behind, int32_t scale, struct arena *arena,
                             struct slice *ret_value)
{
    uint64_t lanes = lanes_of(magnitude);
    int32_t before = lanes ? __builtin_clzll(lanes) / 16 : SMALL_GROUPS; /* zeros at the front */
    int32_t n = lanes ? SMALL_GROUPS - before - __builtin_ctzll(lanes) / 16 : 0;
    char *p = arena_alloc(arena, DECIMAL_HEAD + sizeof(lanes));
    if (!p) return -ENOMEM;
    uint64_t head = head_of(n, SMALL_GROUPS - 1 - before - behind, negative, scale);
    lanes = n ? htobe64(lanes << 16 * before) : 0;
    memcpy(p, &head, sizeof(head));
    memcpy(p + DECIMAL_HEAD, &lanes, sizeof(lanes));
    *ret_value = (struct slice){p, DECIMAL_HEAD + 2 * (size_t)n};
    return 0;
}

/* The same of any magnitude; the weight is at most GROUPS_128. */
static int pack(bool negative, u128 magnitude, int32_t behind, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    return magnitude < SHORT_END ? pack_short(negative, (uint64_t)magnitude, behind, scale, arena, ret_value)
                                 : pack_wide(negative, magnitude, behind, scale, arena, ret_value);
}

static int pack_signed(__int128 v, int32_t behind, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    return pack(v < 0, v < 0 ? -(u128)v : (u128)v, behind, scale, arena, ret_value);
}

static int special(uint32_t sign, struct slice *ret_value)
{
    static const char nan[] = "\0\0\0\0\xc0\0\0", infinity[] = "\0\0\0\0\xd0\0\0\x20", minus[] = "\0\0\0\0\xf0\0\0\x20";
    const char *bytes = sign == SIGN_NAN ? nan : sign == SIGN_INFINITY ? infinity : minus;
    *ret_value = (struct slice){bytes, DECIMAL_HEAD};
    return 0;
}

static int infinity(bool negative, struct slice *ret_value)
{
    return special(negative ? SIGN_MINUS_INFINITY : SIGN_INFINITY, ret_value);
}

static int small_int(int64_t v, struct slice *ret_value)
{
    static const char minus[] = "\0\1\0\0\x40\0\0\0\0\1", zero[] = "\0\0\0\0\0\0\0", one[] = "\0\1\0\0\0\0\0\0\0\1";
    *ret_value = (struct slice){v < 0 ? minus : v ? one : zero, (size_t)(v ? DECIMAL_HEAD + 2 : DECIMAL_HEAD)};
    return 0;
}

static int sign_of(const struct decimal *d)
{
    if (d->class == DECIMAL_FINITE) return d->n == 0 ? 0 : d->negative ? -1 : 1;
    return d->class == DECIMAL_INFINITY ? 1 : -1;
}

static bool either_is(const struct decimal *a, const struct decimal *b, enum decimal_class class)
{
    return a->class == class || b->class == class;
}

/* The greater of their places behind the point; both numbers in that unit, below 10^32 */
static inline int32_t align(const struct small *a, const struct small *b, __int128 *ret_a, __int128 *ret_b)
{
    int32_t behind = a->behind > b->behind ? a->behind : b->behind;
    *ret_a = (__int128)a->v * (int64_t)digits_ten[(behind - a->behind) * DECIMAL_BASE_DIGITS];
    *ret_b = (__int128)b->v * (int64_t)digits_ten[(behind - b->behind) * DECIMAL_BASE_DIGITS];
    return behind;
}

static int32_t greater_scale(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int add_any(struct decimal a, struct decimal b, struct arena *arena, struct slice *ret_value)
{
    if (a.class == DECIMAL_FINITE && b.class == DECIMAL_FINITE) return decimal_wide_add(&a, &b, arena, ret_value);
    if (either_is(&a, &b, DECIMAL_NAN)) return special(SIGN_NAN, ret_value);
    if (a.class != DECIMAL_FINITE && b.class != DECIMAL_FINITE && a.class != b.class) return special(SIGN_NAN, ret_value);
    return infinity(either_is(&a, &b, DECIMAL_MINUS_INFINITY), ret_value);
}

int decimal_add(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value)
{
    struct small x, y;
    if (!small_open(a, &x) || !small_open(b, &y)) return add_any(decimal_open(a), decimal_open(b), arena, ret_value);
    __int128 u, v;
    int32_t behind = align(&x, &y, &u, &v);
    return pack_signed(u + v, behind, greater_scale(x.scale, y.scale), arena, ret_value);
}

int decimal_sub(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value)
{
    struct small x, y;
    if (!small_open(a, &x) || !small_open(b, &y)) {
        struct decimal minus = decimal_open(b);
        if (minus.class == DECIMAL_INFINITY || minus.class == DECIMAL_MINUS_INFINITY)
            minus.class = minus.class == DECIMAL_INFINITY ? DECIMAL_MINUS_INFINITY : DECIMAL_INFINITY;
        minus.negative = minus.n > 0 && !minus.negative;
        return add_any(decimal_open(a), minus, arena, ret_value);
    }
    __int128 u, v;
    int32_t behind = align(&x, &y, &u, &v);
    return pack_signed(u - v, behind, greater_scale(x.scale, y.scale), arena, ret_value);
}

APART int mul_any(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value)
{
    struct decimal m = decimal_open(a), n = decimal_open(b);
    if (m.class == DECIMAL_FINITE && n.class == DECIMAL_FINITE) return decimal_wide_mul(&m, &n, arena, ret_value);
    int sign = either_is(&m, &n, DECIMAL_NAN) ? 0 : sign_of(&m) * sign_of(&n);
    return sign ? infinity(sign < 0, ret_value) : special(SIGN_NAN, ret_value);
}

int decimal_mul(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value)
{
    struct small x, y;
    if (!small_open(a, &x) || !small_open(b, &y) || x.scale + y.scale > DECIMAL_SCALE_MAX) return mul_any(a, b, arena, ret_value);
    return pack_signed((__int128)x.v * y.v, x.behind + y.behind, x.scale + y.scale, arena, ret_value);
}

/*
 * The scale of a quotient: it shows at least 16 digits, counted in whole base-10000 digits from the first one that the leading
 * digits let expect.
 */
static int32_t quotient_scale(int32_t weight, bool may_be_less, int32_t a_scale, int32_t b_scale)
{
    enum { SIGNIFICANT = 16, SCALE_MAX = 1000 };
    int32_t scale = SIGNIFICANT - (weight - may_be_less) * DECIMAL_BASE_DIGITS;
    scale = greater_scale(greater_scale(scale, a_scale), greater_scale(b_scale, 0));
    return scale < SCALE_MAX ? scale : SCALE_MAX;
}

static inline int32_t small_weight(const struct small *s, uint64_t *ret_first)
{
    uint64_t v = (uint64_t)(s->v < 0 ? -s->v : s->v);
    int32_t weight = -s->behind;
    for (; v >= DECIMAL_BASE; v /= DECIMAL_BASE)
        weight++;
    *ret_first = v;
    return v ? weight : 0;
}

/* False: too many digits for integers */
static bool divide_small(const struct small *a, const struct small *b, struct arena *arena, int *ret_r, struct slice *ret_value)
{
    enum { DIGITS = 38, A_DIGITS = 16 }; /* of 127 bits; of a->v at most */
    uint64_t a_first, b_first;
    int32_t weight = small_weight(a, &a_first) - small_weight(b, &b_first);
    int32_t scale = quotient_scale(weight, a_first <= b_first, a->scale, b->scale);
    /* a / b * 10^scale is (a.v * 10^more) / b.v. */
    int32_t more = scale + (b->behind - a->behind) * DECIMAL_BASE_DIGITS;
    int32_t pad = (DECIMAL_BASE_DIGITS - scale % DECIMAL_BASE_DIGITS) % DECIMAL_BASE_DIGITS;
    u128 dividend = (u128)(a->v < 0 ? -a->v : a->v), divisor = (u128)(b->v < 0 ? -b->v : b->v);
    int32_t digits = A_DIGITS;
    while (digits > 0 && (uint64_t)dividend < digits_ten[digits - 1])
        digits--;
    if (more < 0 || more >= 2 * (DIGITS_TENS - 1) || digits + more + pad > DIGITS) return false;
    dividend *= digits_ten[more < DIGITS_TENS ? more : DIGITS_TENS - 1];
    if (more >= DIGITS_TENS) dividend *= digits_ten[more - (DIGITS_TENS - 1)];
    u128 quotient = dividend / divisor;
    if ((dividend % divisor) * 2 >= divisor) quotient++;
    *ret_r =
        pack((a->v < 0) != (b->v < 0), quotient * digits_ten[pad], (scale + pad) / DECIMAL_BASE_DIGITS, scale, arena, ret_value);
    return true;
}

static int divide_special(const struct decimal *a, const struct decimal *b, struct slice *ret_value)
{
    if (either_is(a, b, DECIMAL_NAN)) return special(SIGN_NAN, ret_value);
    if (a->class == DECIMAL_FINITE) return small_int(0, ret_value);
    if (b->class != DECIMAL_FINITE) return special(SIGN_NAN, ret_value);
    int sign = sign_of(a) * sign_of(b);
    return sign ? infinity(sign < 0, ret_value) : DECIMAL_E_DIVISION;
}

int decimal_div(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value)
{
    struct small x, y;
    int r;
    if (small_open(a, &x) && small_open(b, &y)) {
        if (y.v == 0) return DECIMAL_E_DIVISION;
        if (divide_small(&x, &y, arena, &r, ret_value)) return r;
    }
    struct decimal m = decimal_open(a), n = decimal_open(b);
    if (m.class != DECIMAL_FINITE || n.class != DECIMAL_FINITE) return divide_special(&m, &n, ret_value);
    if (n.n == 0) return DECIMAL_E_DIVISION;
    uint32_t m_first = m.n ? decimal_digit(&m, 0) : 0;
    int32_t scale = quotient_scale((m.n ? m.weight : 0) - n.weight, m_first <= decimal_digit(&n, 0), m.scale, n.scale);
    return decimal_wide_div(&m, &n, scale, arena, ret_value);
}

int decimal_mod(struct slice a, struct slice b, struct arena *arena, struct slice *ret_value)
{
    struct small x, y;
    if (small_open(a, &x) && small_open(b, &y)) {
        if (y.v == 0) return DECIMAL_E_DIVISION;
        __int128 u, v;
        int32_t behind = align(&x, &y, &u, &v);
        return pack_signed(u % v, behind, greater_scale(x.scale, y.scale), arena, ret_value);
    }
    struct decimal m = decimal_open(a), n = decimal_open(b);
    if (either_is(&m, &n, DECIMAL_NAN)) return special(SIGN_NAN, ret_value);
    if (sign_of(&n) == 0) return DECIMAL_E_DIVISION;
    if (m.class != DECIMAL_FINITE) return special(SIGN_NAN, ret_value);
    if (n.class == DECIMAL_FINITE) return decimal_wide_mod(&m, &n, arena, ret_value);
    *ret_value = a;
    return 0;
}

/* The same digits with another scale behind the point */
APART int rescale(struct slice a, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    char *p = arena_alloc(arena, a.len);
    if (!p) return -ENOMEM;
    memcpy(p, a.p, a.len);
    p[6] = (char)(scale >> 8);
    p[7] = (char)scale;
    *ret_value = (struct slice){p, a.len};
    return 0;
}

/* Without the last `cut` of its decimal digits, which become zeros; cut < DIGITS_TENS */
static inline u128 round_off(u128 v, int32_t cut, bool nearest, bool away)
{
    uint64_t unit = digits_ten[cut], rest = v >> 64 ? (uint64_t)(v % unit) : (uint64_t)v % unit;
    v -= rest;
    return (nearest ? rest && rest >= unit - rest : away && rest) ? v + unit : v;
}

/* `scale` is below the number's digits. */
static inline int round_small(const struct small *s, int32_t scale, enum decimal_direction direction, struct arena *arena,
                              struct slice *ret_value)
{
    bool negative = s->v < 0, away = direction == (negative ? DECIMAL_DOWN : DECIMAL_UP);
    u128 v =
        round_off((uint64_t)(negative ? -s->v : s->v), s->behind * DECIMAL_BASE_DIGITS - scale, direction == DECIMAL_NEAREST, away);
    return pack(negative, v, s->behind, scale > 0 ? scale : 0, arena, ret_value);
}

APART int to_scale_any(struct slice a, int32_t scale, enum decimal_direction direction, struct arena *arena,
                       struct slice *ret_value)
{
    struct decimal d = decimal_open(a);
    if (d.class == DECIMAL_FINITE) return decimal_wide_round(&d, scale, direction, arena, ret_value);
    *ret_value = a;
    return 0;
}

static inline int to_scale(struct slice a, int32_t scale, enum decimal_direction direction, struct arena *arena,
                           struct slice *ret_value)
{
    struct small s;
    if (scale < 0 || scale > DECIMAL_SCALE_MAX || !small_open(a, &s)) return to_scale_any(a, scale, direction, arena, ret_value);
    if (s.scale == scale) {
        *ret_value = a;
        return 0;
    }
    if (scale >= s.behind * DECIMAL_BASE_DIGITS) return rescale(a, scale, arena, ret_value);
    return round_small(&s, scale, direction, arena, ret_value);
}

/* Of round and trunc; below, there is no digit that could stay. */
static int32_t clamp_scale(int32_t scale)
{
    const int32_t least = -(DECIMAL_WEIGHT_MAX + 1) * DECIMAL_BASE_DIGITS - 1;
    return scale > DECIMAL_SCALE_MAX ? DECIMAL_SCALE_MAX : scale < least ? least : scale;
}

int decimal_round(struct slice a, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    return to_scale(a, clamp_scale(scale), DECIMAL_NEAREST, arena, ret_value);
}

int decimal_mul_round(struct slice a, struct slice b, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    struct small x, y;
    bool small = small_open(a, &x) && small_open(b, &y);
    int32_t behind = small ? x.behind + y.behind : 0, cut = behind * DECIMAL_BASE_DIGITS - scale;
    if (small && scale >= 0 && cut >= 0 && cut < DIGITS_TENS && x.scale + y.scale <= DECIMAL_SCALE_MAX) {
        bool negative = (x.v < 0) != (y.v < 0);
        uint64_t p = (uint64_t)(x.v < 0 ? -x.v : x.v), q = (uint64_t)(y.v < 0 ? -y.v : y.v), unit = digits_ten[cut];
        u128 v = (u128)p * q;
        if (unit >= SHORT_END || v >= SHORT_END - unit)
            return pack(negative, round_off(v, cut, true, false), behind, scale, arena, ret_value);
        uint64_t rounded = ((uint64_t)v + unit / 2) / unit * unit;
        return pack_short(negative, rounded, behind, scale, arena, ret_value);
    }
    struct slice product;
    int r = decimal_mul(a, b, arena, &product);
    return r ? r : decimal_round(product, scale, arena, ret_value);
}

int decimal_trunc(struct slice a, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    return to_scale(a, clamp_scale(scale), DECIMAL_TO_ZERO, arena, ret_value);
}

int decimal_ceil(struct slice a, struct arena *arena, struct slice *ret_value)
{
    return to_scale(a, 0, DECIMAL_UP, arena, ret_value);
}

int decimal_floor(struct slice a, struct arena *arena, struct slice *ret_value)
{
    return to_scale(a, 0, DECIMAL_DOWN, arena, ret_value);
}

int decimal_negate(struct slice a, struct arena *arena, struct slice *ret_value)
{
    struct decimal d = decimal_open(a);
    if (d.class == DECIMAL_NAN || (d.class == DECIMAL_FINITE && d.n == 0)) {
        *ret_value = a;
        return 0;
    }
    if (d.class != DECIMAL_FINITE) return infinity(d.class == DECIMAL_INFINITY, ret_value);
    char *p = arena_alloc(arena, a.len);
    if (!p) return -ENOMEM;
    memcpy(p, a.p, a.len);
    p[4] ^= SIGN_MINUS >> 8;
    *ret_value = (struct slice){p, a.len};
    return 0;
}

int decimal_abs(struct slice a, struct arena *arena, struct slice *ret_value)
{
    struct decimal d = decimal_open(a);
    if (d.negative || d.class == DECIMAL_MINUS_INFINITY) return decimal_negate(a, arena, ret_value);
    *ret_value = a;
    return 0;
}

int decimal_sign(struct slice a, struct arena *arena, struct slice *ret_value)
{
    (void)arena;
    struct decimal d = decimal_open(a);
    return d.class == DECIMAL_NAN ? special(SIGN_NAN, ret_value) : small_int(sign_of(&d), ret_value);
}

/* Decimal digits before the point; 0 or negative for numbers below 1 */
static int32_t digits_before(const struct decimal *d)
{
    uint32_t first = decimal_digit(d, 0);
    return d->weight * DECIMAL_BASE_DIGITS + 1 + (first >= 10) + (first >= 100) + (first >= 1000);
}

APART int fit_any(struct slice a, int precision, int scale, struct arena *arena, struct slice *ret_value)
{
    struct slice fit;
    int r = to_scale(a, scale, DECIMAL_NEAREST, arena, &fit);
    if (r) return r > 0 ? DECIMAL_E_FIELD : r;
    struct decimal d = decimal_open(fit);
    if (d.class == DECIMAL_INFINITY || d.class == DECIMAL_MINUS_INFINITY) return DECIMAL_E_FIELD;
    if (d.class == DECIMAL_FINITE && d.n > 0 && digits_before(&d) > precision - scale) return DECIMAL_E_FIELD;
    *ret_value = fit;
    return 0;
}

int decimal_fit(struct slice a, int precision, int scale, struct arena *arena, struct slice *ret_value)
{
    uint64_t head = decimal_head(a);
    int32_t before = ((int16_t)(head >> 32) + 1) * DECIMAL_BASE_DIGITS; /* digits before the point, at most */
    bool finite = !(head >> 16 & 0xffff & ~(uint64_t)SIGN_MINUS);
    if (!finite || (int)(head & 0xffff) != scale || before > precision - scale)
        return fit_any(a, precision, scale, arena, ret_value);
    *ret_value = a;
    return 0;
}

int decimal_to_i64(struct slice a, int64_t *ret_value)
{
    enum { GROUPS = 5 }; /* base-10000 digits of 64 bits */
    struct decimal d = decimal_open(a);
    if (d.n == 0 || d.weight < -1) {
        *ret_value = 0;
        return 0;
    }
    if (d.weight >= GROUPS) return DECIMAL_E_OVERFLOW;
    u128 v = 0;
    for (int32_t i = 0; i <= d.weight; i++)
        v = v * DECIMAL_BASE + (i < d.n ? decimal_digit(&d, i) : 0);
    if (d.weight + 1 < d.n && decimal_digit(&d, d.weight + 1) >= DECIMAL_BASE / 2) v++;
    if (v > (u128)INT64_MAX + d.negative) return DECIMAL_E_OVERFLOW;
    *ret_value = (int64_t)(d.negative ? 0 - (uint64_t)v : (uint64_t)v);
    return 0;
}

int decimal_of_scaled(int64_t v, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    int32_t behind = (scale + DECIMAL_BASE_DIGITS - 1) / DECIMAL_BASE_DIGITS;
    return pack_signed((__int128)v * (int64_t)digits_ten[behind * DECIMAL_BASE_DIGITS - scale], behind, scale, arena, ret_value);
}

struct slice decimal_infinity(bool negative)
{
    struct slice value;
    (void)infinity(negative, &value);
    return value;
}
