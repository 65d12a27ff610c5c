/* SPDX-License-Identifier: MIT */
#include "data/decimal_wide.h"

#include "data/decimal_math.h"

#include <stdlib.h>

enum { HEAD = DECIMAL_HEAD / 2, ROOM = HEAD + 1, SIGN_MINUS = 0x4000 };

/* A result that is being made, in the machine's byte order; the header is put before its first digit at last. */
struct wide {
    uint16_t *group; /* base-10000 digits, with room for the header and a carry before them */
    int32_t n;
    int32_t weight; /* of group[0] */
    int32_t scale;
    bool negative;
};

/* n zeros */
static int wide_new(struct wide *w, int32_t n, struct arena *arena)
{
    uint16_t *p = arena_zalloc(arena, (size_t)(ROOM + n) * sizeof(*p));
    if (!p) return -ENOMEM;
    w->group = p + ROOM;
    w->n = n;
    return 0;
}

static int wide_finish(struct wide *w, struct slice *ret_value)
{
    while (w->n > 0 && w->group[0] == 0)
        w->group++, w->n--, w->weight--;
    while (w->n > 0 && w->group[w->n - 1] == 0)
        w->n--;
    if (w->n > 0 && w->weight > DECIMAL_WEIGHT_MAX) return DECIMAL_E_OVERFLOW;
    uint16_t *start = w->group - HEAD;
    start[0] = (uint16_t)w->n;
    start[1] = w->n ? (uint16_t)w->weight : 0;
    start[2] = w->n && w->negative ? SIGN_MINUS : 0;
    start[3] = (uint16_t)w->scale;
    for (int32_t i = 0; i < HEAD + w->n; i++)
        start[i] = htobe16(start[i]);
    *ret_value = (struct slice){(const char *)start, (size_t)(HEAD + w->n) * sizeof(*start)};
    return 0;
}

/* Where a carry was added to group[i], which is in the room or behind it */
static void carry_on(struct wide *w, int32_t i)
{
    for (; w->group[i] >= DECIMAL_BASE; i--) {
        w->group[i] = (uint16_t)(w->group[i] - DECIMAL_BASE);
        w->group[i - 1]++;
    }
    if (i < 0) w->group--, w->n++, w->weight++;
}

/* To `scale` digits behind the point */
static void wide_round(struct wide *w, int32_t scale, enum decimal_direction direction)
{
    static const uint16_t unit[DECIMAL_BASE_DIGITS] = {10000, 1000, 100, 10};
    bool away = direction == (w->negative ? DECIMAL_DOWN : DECIMAL_UP);
    int64_t digits = ((int64_t)w->weight + 1) * DECIMAL_BASE_DIGITS + scale; /* that stay, from group[0] on */
    w->scale = scale > 0 ? scale : 0;
    if (w->n == 0 || digits >= (int64_t)w->n * DECIMAL_BASE_DIGITS) return;
    if (digits < 0) {
        /* What is not 0 rounds away to the one digit that `scale` has a place for. */
        w->weight += (int32_t)((-digits + DECIMAL_BASE_DIGITS - 1) / DECIMAL_BASE_DIGITS);
        digits = ((int64_t)w->weight + 1) * DECIMAL_BASE_DIGITS + scale;
        w->n = 1;
        w->group[0] = away; /* a number above 0 and below half */
    }
    int32_t keep = (int32_t)(digits / DECIMAL_BASE_DIGITS), part = (int32_t)(digits % DECIMAL_BASE_DIGITS);
    uint16_t cut = (uint16_t)(w->group[keep] % unit[part]);
    bool more = cut != 0;
    for (int32_t i = keep + 1; away && !more && i < w->n; i++)
        more = w->group[i] != 0;
    bool up = direction == DECIMAL_NEAREST ? cut >= unit[part] / 2 : away && more;
    w->group[keep] = (uint16_t)(w->group[keep] - cut);
    w->n = keep + (part != 0);
    if (!up) return;
    int32_t at = keep - (part == 0);
    w->group[at] = (uint16_t)(w->group[at] + (part ? unit[part] : 1));
    carry_on(w, at);
}

int decimal_wide_round(const struct decimal *a, int32_t scale, enum decimal_direction direction, struct arena *arena,
                       struct slice *ret_value)
{
    struct wide w = {.weight = a->weight, .scale = a->scale, .negative = a->negative};
    int r = wide_new(&w, a->n, arena);
    if (r) return r;
    for (int32_t i = 0; i < a->n; i++)
        w.group[i] = (uint16_t)decimal_digit(a, i);
    wide_round(&w, scale, direction);
    return wide_finish(&w, ret_value);
}

static int compare(const struct decimal *a, const struct decimal *b)
{
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    return slice_compare((struct slice){a->digit, 2 * (size_t)a->n}, (struct slice){b->digit, 2 * (size_t)b->n});
}

static int32_t lowest(const struct decimal *d)
{
    return d->weight - d->n + 1;
}

/* Sum or difference of the magnitudes; a is not the smaller one. Neither is 0. */
static int combine(const struct decimal *a, const struct decimal *b, struct wide *w, struct arena *arena)
{
    int32_t low = lowest(a) < lowest(b) ? lowest(a) : lowest(b);
    bool minus = a->negative != b->negative;
    w->weight = a->weight;
    int r = wide_new(w, a->weight - low + 1, arena);
    if (r) return r;
    for (int32_t i = 0; i < a->n; i++)
        w->group[i] = (uint16_t)decimal_digit(a, i);
    int32_t shift = a->weight - b->weight, carry = 0, i = shift + b->n - 1;
    for (; i >= shift || carry; i--) {
        int32_t digit = i >= shift ? (int32_t)decimal_digit(b, i - shift) : 0;
        int32_t v = minus ? w->group[i] - digit - carry : w->group[i] + digit + carry;
        carry = v < 0 || v >= DECIMAL_BASE;
        w->group[i] = (uint16_t)(carry ? v + (minus ? DECIMAL_BASE : -DECIMAL_BASE) : v);
    }
    if (i < -1) w->group--, w->n++, w->weight++;
    return 0;
}

int decimal_wide_add(const struct decimal *a, const struct decimal *b, struct arena *arena, struct slice *ret_value)
{
    int32_t scale = a->scale > b->scale ? a->scale : b->scale;
    if (b->n == 0 || (a->n > 0 && compare(a, b) < 0)) {
        const struct decimal *smaller = a;
        a = b;
        b = smaller;
    }
    /* Now a is 0 only where both are, or a is the one that is 0. */
    if (a->n == 0) {
        struct decimal other = *b;
        other.scale = scale;
        return decimal_wide_round(&other, scale, DECIMAL_TO_ZERO, arena, ret_value);
    }
    struct wide w = {.scale = scale, .negative = a->negative};
    int r = combine(a, b, &w, arena);
    return r ? r : wide_finish(&w, ret_value);
}

int decimal_wide_mul(const struct decimal *a, const struct decimal *b, struct arena *arena, struct slice *ret_value)
{
    struct wide w = {.weight = a->weight + b->weight + 1, .negative = a->negative != b->negative, .scale = a->scale + b->scale};
    bool zero = a->n == 0 || b->n == 0;
    if (!zero && a->weight + b->weight > DECIMAL_WEIGHT_MAX) return DECIMAL_E_OVERFLOW;
    int r = wide_new(&w, zero ? 0 : a->n + b->n, arena);
    if (r) return r;
    for (int32_t i = a->n - 1; !zero && i >= 0; i--) {
        uint32_t factor = decimal_digit(a, i), carry = 0;
        uint16_t *to = w.group + i + b->n;
        for (int32_t k = b->n - 1; k >= 0; k--, to--) {
            carry += *to + factor * decimal_digit(b, k);
            *to = (uint16_t)(carry % DECIMAL_BASE);
            carry /= DECIMAL_BASE;
        }
        *to = (uint16_t)carry;
    }
    if (w.scale > DECIMAL_SCALE_MAX) wide_round(&w, DECIMAL_SCALE_MAX, DECIMAL_NEAREST);
    return wide_finish(&w, ret_value);
}

/* Two natural numbers for the division, most significant digit first */
enum { SCRATCH_SMALL = 64 };
struct scratch {
    uint32_t small[SCRATCH_SMALL];
    uint32_t *dividend, *divisor;
    int32_t m, n;     /* digits; the dividend's first is 0 */
    uint32_t factor;  /* both were multiplied by it, so that the divisor's first digit is at least half the base */
    uint32_t *memory; /* NULL: in `small` */
};

/* Digit i of the number is source's digit i - 1 for the dividend (padded with zeros, or cut), i for the divisor. */
static int scratch_init(struct scratch *s, const struct decimal *a, int32_t m, const struct decimal *b, int32_t n)
{
    *s = (struct scratch){.m = m, .n = n};
    size_t all = (size_t)m + (size_t)n;
    if (all > SCRATCH_SMALL && !(s->memory = calloc(all, sizeof(*s->memory)))) return -ENOMEM;
    s->dividend = s->memory ? s->memory : s->small;
    s->divisor = s->dividend + m;
    s->factor = DECIMAL_BASE / (decimal_digit(b, 0) + 1);
    uint32_t carry = 0;
    for (int32_t i = m - 1; i >= 0; i--) {
        if (i > 0 && i <= a->n) carry += decimal_digit(a, i - 1) * s->factor;
        s->dividend[i] = carry % DECIMAL_BASE;
        carry /= DECIMAL_BASE;
    }
    for (int32_t i = n - 1; i >= 0; i--) {
        if (i < b->n) carry += decimal_digit(b, i) * s->factor;
        s->divisor[i] = carry % DECIMAL_BASE;
        carry /= DECIMAL_BASE;
    }
    return 0;
}

static void scratch_done(struct scratch *s)
{
    free(s->memory);
}

/* Subtract `digit` times the divisor at `at`; whether that was too much. */
static bool subtract(uint32_t *at, const uint32_t *divisor, int32_t n, uint32_t digit)
{
    uint32_t borrow = 0;
    for (int32_t i = n; i > 0; i--) {
        uint32_t take = divisor[i - 1] * digit + borrow, low = take % DECIMAL_BASE;
        borrow = take / DECIMAL_BASE;
        if (at[i] < low) at[i] += DECIMAL_BASE, borrow++;
        at[i] -= low;
    }
    bool over = at[0] < borrow;
    at[0] += (over ? DECIMAL_BASE : 0) - borrow;
    return over;
}

static void add_back(uint32_t *at, const uint32_t *divisor, int32_t n)
{
    uint32_t carry = 0;
    for (int32_t i = n; i > 0; i--) {
        carry += at[i] + divisor[i - 1];
        at[i] = carry % DECIMAL_BASE;
        carry /= DECIMAL_BASE;
    }
    at[0] = (at[0] + carry) % DECIMAL_BASE;
}

/* The quotient's m - n digits (NULL: not wanted); the dividend becomes the remainder. */
static void divide(struct scratch *s, uint16_t *ret_quotient)
{
    uint32_t first = s->divisor[0], second = s->n > 1 ? s->divisor[1] : 0;
    for (int32_t i = 0; i < s->m - s->n; i++) {
        uint32_t *at = s->dividend + i;
        uint32_t head = at[0] * DECIMAL_BASE + at[1], digit = head / first, rest = head % first;
        if (digit >= DECIMAL_BASE) rest += (digit - (DECIMAL_BASE - 1)) * first, digit = DECIMAL_BASE - 1;
        while (s->n > 1 && rest < DECIMAL_BASE && digit * second > rest * DECIMAL_BASE + at[2])
            digit--, rest += first;
        if (digit && subtract(at, s->divisor, s->n, digit)) {
            add_back(at, s->divisor, s->n);
            digit--;
        }
        if (ret_quotient) ret_quotient[i] = (uint16_t)digit;
    }
}

int decimal_wide_div(const struct decimal *a, const struct decimal *b, int32_t scale, struct arena *arena, struct slice *ret_value)
{
    struct wide w = {.weight = a->weight - b->weight, .negative = a->negative != b->negative, .scale = scale};
    /* One digit more than is kept rounds; what is behind it cannot change that. */
    int32_t digits = w.weight + 1 + (scale + DECIMAL_BASE_DIGITS - 1) / DECIMAL_BASE_DIGITS + 1;
    if (a->n == 0 || digits < 1) digits = 0;
    int r = wide_new(&w, digits, arena);
    if (r) return r;
    if (digits) {
        struct scratch s;
        if ((r = scratch_init(&s, a, digits + b->n, b, b->n))) return r;
        divide(&s, w.group);
        scratch_done(&s);
    }
    wide_round(&w, scale, DECIMAL_NEAREST);
    return wide_finish(&w, ret_value);
}

int decimal_wide_mod(const struct decimal *a, const struct decimal *b, struct arena *arena, struct slice *ret_value)
{
    struct wide w = {.scale = a->scale > b->scale ? a->scale : b->scale, .negative = a->negative};
    int32_t low = a->n == 0 || lowest(b) < lowest(a) ? lowest(b) : lowest(a);
    int32_t m = a->n ? a->weight - low + 2 : 0, n = b->weight - low + 1;
    if (m <= n) { /* a is the smaller one by its digits, or 0 */
        int r = decimal_wide_round(a, w.scale, DECIMAL_TO_ZERO, arena, ret_value);
        return r;
    }
    struct scratch s;
    int r = scratch_init(&s, a, m, b, n);
    if (r) return r;
    divide(&s, NULL);
    w.weight = low + n - 1;
    r = wide_new(&w, n, arena);
    uint32_t rest = 0;
    for (int32_t i = m - n; !r && i < m; i++) {
        rest = rest * DECIMAL_BASE + s.dividend[i];
        w.group[i - (m - n)] = (uint16_t)(rest / s.factor);
        rest %= s.factor;
    }
    scratch_done(&s);
    return r ? r : wide_finish(&w, ret_value);
}
