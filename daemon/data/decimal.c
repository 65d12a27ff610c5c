/* SPDX-License-Identifier: MIT */
#include "data/decimal.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum { SIGN_PLUS = 0x0000, SIGN_MINUS = 0x4000, SIGN_NAN = 0xc000, SIGN_INFINITY = 0xd000, SIGN_MINUS_INFINITY = 0xf000 };
enum { SCALE_MAX = 0x3fff };

static uint32_t get16(const char *p)
{
    return (uint32_t)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

static void put16(char *p, uint32_t v)
{
    p[0] = (char)(v >> 8);
    p[1] = (char)v;
}

static const struct {
    uint32_t sign;
    enum decimal_class class;
    const char *text;
} specials[] = {
    {SIGN_NAN, DECIMAL_NAN, "NaN"},
    {SIGN_INFINITY, DECIMAL_INFINITY, "Infinity"},
    {SIGN_MINUS_INFINITY, DECIMAL_MINUS_INFINITY, "-Infinity"},
};
enum { SPECIALS = sizeof(specials) / sizeof(specials[0]) };

bool decimal_valid(struct slice value)
{
    if (value.len < DECIMAL_HEAD) return false;
    uint32_t n = get16(value.p), sign = get16(value.p + 4), scale = get16(value.p + 6);
    if (value.len != DECIMAL_HEAD + 2 * (size_t)n || scale > SCALE_MAX) return false;
    for (int i = 0; i < SPECIALS; i++)
        if (sign == specials[i].sign) return n == 0;
    if (sign != SIGN_PLUS && sign != SIGN_MINUS) return false;
    for (uint32_t i = 0; i < n; i++)
        if (get16(value.p + DECIMAL_HEAD + 2 * i) >= DECIMAL_BASE) return false;
    return true;
}

enum decimal_class decimal_class(struct slice value)
{
    uint32_t sign = get16(value.p + 4);
    for (int i = 0; i < SPECIALS; i++)
        if (sign == specials[i].sign) return specials[i].class;
    return DECIMAL_FINITE;
}

struct decimal decimal_open(struct slice value)
{
    assert(value.len >= DECIMAL_HEAD);
    struct decimal d = {
        .class = decimal_class(value),
        .negative = get16(value.p + 4) == SIGN_MINUS,
        .n = (int32_t)get16(value.p),
        .weight = (int16_t)get16(value.p + 2),
        .scale = (int32_t)get16(value.p + 6),
        .digit = value.p + DECIMAL_HEAD,
    };
    /* The form allows zeros at both ends, though the server sends none. */
    for (; d.n > 0 && decimal_digit(&d, 0) == 0; d.n--, d.weight--)
        d.digit += 2;
    while (d.n > 0 && decimal_digit(&d, d.n - 1) == 0)
        d.n--;
    if (d.n == 0) d.negative = false;
    return d;
}

/* The base-10000 digit that counts 10000^weight. */
static uint32_t digit_at(const struct decimal *d, int32_t weight)
{
    int32_t i = d->weight - weight;
    return i >= 0 && i < d->n ? decimal_digit(d, i) : 0;
}

static void put_four(struct buf *out, uint32_t digits, int from, int to)
{
    char text[DECIMAL_BASE_DIGITS] = {(char)('0' + digits / 1000), (char)('0' + digits / 100 % 10), (char)('0' + digits / 10 % 10),
                                      (char)('0' + digits % 10)};
    buf_append(out, text + from, (size_t)(to - from));
}

void decimal_text(struct slice value, struct buf *out)
{
    struct decimal d = decimal_open(value);
    for (int i = 0; i < SPECIALS; i++) {
        if (specials[i].class != d.class) continue;
        buf_puts(out, specials[i].text);
        return;
    }
    if (d.negative) buf_putc(out, '-');
    int32_t weight = d.n > 0 && d.weight > 0 ? d.weight : 0;
    uint32_t first = digit_at(&d, weight);
    put_four(out, first, first >= 1000 ? 0 : first >= 100 ? 1 : first >= 10 ? 2 : 3, DECIMAL_BASE_DIGITS);
    while (weight-- > 0)
        put_four(out, digit_at(&d, weight), 0, DECIMAL_BASE_DIGITS);
    if (d.scale == 0) return;
    buf_putc(out, '.');
    for (int32_t left = d.scale; left > 0; left -= DECIMAL_BASE_DIGITS, weight--)
        put_four(out, digit_at(&d, weight), 0, left < DECIMAL_BASE_DIGITS ? left : DECIMAL_BASE_DIGITS);
}

static int compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
    if (a->n == 0 || b->n == 0) return (a->n > 0) - (b->n > 0);
    if (a->weight != b->weight) return a->weight < b->weight ? -1 : 1;
    /* Big-endian digits of the same weight compare as bytes do. */
    return slice_compare((struct slice){a->digit, 2 * (size_t)a->n}, (struct slice){b->digit, 2 * (size_t)b->n});
}

int decimal_compare(struct slice a, struct slice b)
{
    struct decimal x = decimal_open(a), y = decimal_open(b);
    if (x.class != y.class) return x.class < y.class ? -1 : 1;
    if (x.class != DECIMAL_FINITE) return 0;
    if (x.negative != y.negative) return x.negative ? -1 : 1;
    int order = compare_magnitudes(&x, &y);
    return x.negative ? -order : order;
}

/* Sums. A slot's share of settled carries is below the base, every addition brings less than the base more: int64 holds 2^49 of
 * them. */
enum { SETTLE_EVERY = 1 << 30, SLOTS_SPARE = 3 };

/* The highest slot that is not 0, or -1. */
static int32_t top_slot(const struct decimal_sum *s)
{
    int32_t top = s->slots - 1;
    while (top >= 0 && s->slot[top] == 0)
        top--;
    return top;
}

/* Make the slots cover 10000^lowest … 10000^highest, with room for carries above. */
static int cover(struct decimal_sum *s, int32_t lowest, int32_t highest, struct arena *arena)
{
    if (s->slot && lowest >= s->lowest && highest < s->lowest + s->slots - SLOTS_SPARE) return 0;
    if (s->slot) {
        int32_t top = s->lowest + s->slots - 1 - SLOTS_SPARE;
        lowest = lowest < s->lowest ? lowest : s->lowest;
        highest = highest > top ? highest : top;
    }
    int32_t slots = highest - lowest + 1 + SLOTS_SPARE;
    int64_t *slot = arena_array(arena, (size_t)slots, sizeof(*slot));
    if (!slot) return -ENOMEM;
    if (s->slot) memcpy(slot + (s->lowest - lowest), s->slot, (size_t)s->slots * sizeof(*slot));
    s->slot = slot;
    s->lowest = lowest;
    s->slots = slots;
    return 0;
}

/* Bring every slot but the last into (-base, base). */
static void settle(struct decimal_sum *s)
{
    for (int32_t i = 0; i + 1 < s->slots; i++) {
        s->slot[i + 1] += s->slot[i] / DECIMAL_BASE;
        s->slot[i] %= DECIMAL_BASE;
    }
    s->pending = 0;
}

int decimal_sum_reserve(struct decimal_sum *s, struct slice value, struct arena *arena)
{
    __int128 small;
    int32_t scale;
    if (decimal_small(value, &small, &scale)) return 0;
    struct decimal d = decimal_open(value);
    if (d.n == 0) return 0;
    return cover(s, d.weight - d.n + 1, d.weight, arena);
}

void decimal_sum_add_any(struct decimal_sum *s, struct slice value)
{
    struct decimal d = decimal_open(value);
    switch (d.class) {
    case DECIMAL_MINUS_INFINITY: s->minus_infinities++; return;
    case DECIMAL_INFINITY: s->infinities++; return;
    case DECIMAL_NAN: s->nans++; return;
    case DECIMAL_FINITE: break;
    }
    if (d.scale > s->scale) s->scale = d.scale;
    if (d.n == 0) return;
    int64_t sign = d.negative ? -1 : 1;
    int64_t *slot = s->slot + (d.weight - s->lowest);
    for (int32_t i = 0; i < d.n; i++)
        *slot-- += sign * (int64_t)decimal_digit(&d, i);
    if (++s->pending >= SETTLE_EVERY) settle(s);
}

int decimal_sum_reserve_sum(struct decimal_sum *s, const struct decimal_sum *more, struct arena *arena)
{
    int32_t top = top_slot(more);
    return top < 0 ? 0 : cover(s, more->lowest, more->lowest + top, arena);
}

void decimal_sum_add_sum(struct decimal_sum *s, const struct decimal_sum *more)
{
    s->infinities += more->infinities;
    s->minus_infinities += more->minus_infinities;
    s->nans += more->nans;
    s->small += more->small;
    if (more->scale > s->scale) s->scale = more->scale;
    int32_t top = top_slot(more);
    if (top < 0) return;
    int64_t *slot = s->slot + (more->lowest - s->lowest);
    for (int32_t i = 0; i <= top; i++)
        slot[i] += more->slot[i];
    /* Both sides held what less than SETTLE_EVERY additions brought; begin to count anew. */
    settle(s);
}

static int read_special(const struct decimal_sum *s, struct arena *arena, struct slice *ret_value)
{
    uint32_t sign = s->nans || (s->infinities && s->minus_infinities) ? SIGN_NAN
                    : s->infinities                                   ? SIGN_INFINITY
                                                                      : SIGN_MINUS_INFINITY;
    char *p = arena_zalloc(arena, DECIMAL_HEAD);
    if (!p) return -ENOMEM;
    put16(p + 4, sign);
    *ret_value = (struct slice){p, DECIMAL_HEAD};
    return 0;
}

/*
 * Settled slots may differ in sign; the sum has that of its highest slot that is not 0. Borrow from above until all have it. The
 * sum's sign, -1 or 1.
 */
static int64_t unify_signs(struct decimal_sum *s)
{
    int32_t top = top_slot(s);
    int64_t sign = top >= 0 && s->slot[top] < 0 ? -1 : 1;
    for (int32_t i = 0; i < top; i++) {
        if (s->slot[i] * sign >= 0) continue;
        s->slot[i] += sign * DECIMAL_BASE;
        s->slot[i + 1] -= sign;
    }
    return sign;
}

enum { SMALL_SLOTS = 10 }; /* base-10000 digits of 128 bits */

/* The integer goes to the slots, which cover it. */
static void spill(struct decimal_sum *s)
{
    __int128 rest = s->small;
    for (int32_t place = -DECIMAL_SMALL_BEHIND; rest != 0; place++, rest /= DECIMAL_BASE)
        s->slot[place - s->lowest] += (int64_t)(rest % DECIMAL_BASE);
    s->small = 0;
}

/* The sum in its slots */
static int read_slots(struct decimal_sum *s, struct arena *arena, struct slice *ret_value)
{
    settle(s);
    int64_t sign = unify_signs(s);
    int32_t top = top_slot(s), bottom = 0;
    while (bottom < top && s->slot[bottom] == 0)
        bottom++;
    int32_t n = top - bottom + 1, weight = n > 0 ? s->lowest + top : 0;
    if (weight > INT16_MAX) return -ERANGE;
    char *p = arena_alloc(arena, DECIMAL_HEAD + 2 * (size_t)n);
    if (!p) return -ENOMEM;
    put16(p, (uint32_t)n);
    put16(p + 2, (uint32_t)weight & 0xffff);
    put16(p + 4, n > 0 && sign < 0 ? SIGN_MINUS : SIGN_PLUS);
    put16(p + 6, (uint32_t)s->scale);
    for (int32_t i = 0; i < n; i++)
        put16(p + DECIMAL_HEAD + 2 * i, (uint32_t)(s->slot[top - i] * sign));
    *ret_value = (struct slice){p, DECIMAL_HEAD + 2 * (size_t)n};
    return 0;
}

int decimal_sum_read(struct decimal_sum *s, struct arena *arena, struct slice *ret_value)
{
    if (s->nans || s->infinities || s->minus_infinities) return read_special(s, arena, ret_value);
    if (s->slot && s->small) {
        int r = cover(s, -DECIMAL_SMALL_BEHIND, SMALL_SLOTS - DECIMAL_SMALL_BEHIND - 1, arena);
        if (r) return r;
        spill(s);
    }
    if (s->slot) return read_slots(s, arena, ret_value);
    int64_t slot[SMALL_SLOTS + SLOTS_SPARE] = {0};
    struct decimal_sum small = {
        .small = s->small, .slot = slot, .lowest = -DECIMAL_SMALL_BEHIND, .slots = SMALL_SLOTS + SLOTS_SPARE, .scale = s->scale};
    spill(&small);
    return read_slots(&small, arena, ret_value);
}

/* limb (most significant first) /= base; the remainder. */
static uint32_t divide(uint32_t limb[4])
{
    uint64_t rest = 0;
    for (int i = 0; i < 4; i++) {
        rest = rest << 32 | limb[i];
        limb[i] = (uint32_t)(rest / DECIMAL_BASE);
        rest %= DECIMAL_BASE;
    }
    return (uint32_t)rest;
}

size_t decimal_of_int128(int64_t high, uint64_t low, char ret_value[DECIMAL_INT_MAX])
{
    uint64_t top = (uint64_t)high;
    if (high < 0) {
        low = -low;
        top = ~top + (low == 0);
    }
    uint32_t limb[4] = {(uint32_t)(top >> 32), (uint32_t)top, (uint32_t)(low >> 32), (uint32_t)low};
    uint32_t digit[10];
    int n = 0;
    while (limb[0] | limb[1] | limb[2] | limb[3])
        digit[n++] = divide(limb);
    int zeros = 0;
    while (zeros < n && digit[zeros] == 0)
        zeros++;
    put16(ret_value, (uint32_t)(n - zeros));
    put16(ret_value + 2, n > 0 ? (uint32_t)(n - 1) : 0);
    put16(ret_value + 4, high < 0 ? SIGN_MINUS : SIGN_PLUS);
    put16(ret_value + 6, 0);
    char *to = ret_value + DECIMAL_HEAD;
    for (int i = n; i-- > zeros; to += 2)
        put16(to, digit[i]);
    return (size_t)(to - ret_value);
}
