/* SPDX-License-Identifier: MIT */
/*
 * PostgreSQL's numeric in the bytes of numeric_send (i16 ndigits, weight, sign, dscale, then base-10000 digits, all big-endian):
 * its text, its order, and exact sums.
 *
 * A sum adds everyday numbers (up to four base-10000 digits, at most two of them behind the point) in a 128-bit integer that counts
 * 10^-8. For others it keeps one int64 a base-10000 place and adds digits without carrying; carries are settled now and then, and
 * when it is read.
 * NaN and the infinities are counted apart: the sum of what holds NaN, or both infinities, is NaN. As in PostgreSQL the scale of a
 * sum is the greatest of its values' scales.
 *
 *     struct decimal_sum s = {0};
 *     r = decimal_sum_reserve(&s, value, &arena);
 *     decimal_sum_add(&s, value);
 *     r = decimal_sum_read(&s, &arena, &bytes);
 *
 * Sources: PostgreSQL manual, "Arbitrary Precision Numbers"; numeric_send.
 *
 * Thread: any, one at a time.
 */
#ifndef CETLD_DATA_DECIMAL_H
#define CETLD_DATA_DECIMAL_H

#include "base/arena.h"
#include "base/buf.h"

#include <endian.h>

enum decimal_class { DECIMAL_MINUS_INFINITY, DECIMAL_FINITE, DECIMAL_INFINITY, DECIMAL_NAN };

enum { DECIMAL_BASE = 10000, DECIMAL_BASE_DIGITS = 4, DECIMAL_HEAD = 8 };

/** The header of a value and its digits; `digit` points into the value. */
struct decimal {
    enum decimal_class class;
    bool negative;
    int32_t n;         /* base-10000 digits */
    int32_t weight;    /* the first digit counts 10000^weight */
    int32_t scale;     /* decimal digits behind the point when shown */
    const char *digit; /* n of two bytes, big-endian */
};

/** The bytes are a well-formed numeric. The functions below take only such. */
bool decimal_valid(struct slice value);
enum decimal_class decimal_class(struct slice value);
struct decimal decimal_open(struct slice value);
static inline uint32_t decimal_digit(const struct decimal *d, int32_t i)
{
    return (uint32_t)(unsigned char)d->digit[2 * i] << 8 | (unsigned char)d->digit[2 * i + 1];
}
/** As numeric_out: 1.50, -0.001, NaN, -Infinity. */
void decimal_text(struct slice value, struct buf *out);
/** numeric_cmp's order: -Infinity, numbers, Infinity, NaN; 1.0 equals 1.00. Negative, 0, positive. */
int decimal_compare(struct slice a, struct slice b);

struct decimal_sum {
    __int128 small; /* in 10^-8: 10^14 everyday numbers fit */
    int64_t *slot;  /* slot[i] counts 10000^(lowest + i); NULL: nothing finite but zeros so far */
    int32_t lowest, slots;
    int32_t scale;
    uint32_t pending; /* additions since the carries were settled */
    uint64_t infinities, minus_infinities, nans;
};

/** Room for adding `value`. 0 or -ENOMEM; the sum is unchanged in value. Slots are the arena's; those grown out of stay there. */
must_check int decimal_sum_reserve(struct decimal_sum *s, struct slice value, struct arena *arena);
/** Add a value that room was reserved for. */
void decimal_sum_add_any(struct decimal_sum *s, struct slice value);

enum { DECIMAL_SMALL_DIGITS = 4, DECIMAL_SMALL_BEHIND = 2, DECIMAL_SMALL_WEIGHT_MAX = 3 };

/** An everyday number in 10^-8. False: it is none. */
static inline bool decimal_small(struct slice value, __int128 *ret_small, int32_t *ret_scale)
{
    static const uint64_t unit[] = {1, 10000, 100000000, UINT64_C(1000000000000), UINT64_C(10000000000000000), 0};
    uint64_t head;
    memcpy(&head, value.p, sizeof(head));
    head = be64toh(head);
    uint32_t n = (uint32_t)(head >> 48), sign = (uint32_t)(head >> 16) & 0xffff;
    int32_t weight = (int16_t)(head >> 32), last = weight - (int32_t)n + 1;
    if (n > DECIMAL_SMALL_DIGITS || sign & ~0x4000U || weight > DECIMAL_SMALL_WEIGHT_MAX) return false;
    int64_t v = 0;
    for (uint32_t i = 0; i < n; i++) {
        const unsigned char *digit = (const unsigned char *)value.p + DECIMAL_HEAD + 2 * i;
        v = v * DECIMAL_BASE + (digit[0] << 8 | digit[1]);
    }
    if (n > 0 && (last < -DECIMAL_SMALL_BEHIND || last > DECIMAL_SMALL_WEIGHT_MAX - 1)) return false;
    *ret_small = n ? (__int128)(sign ? -v : v) * (__int128)unit[last + DECIMAL_SMALL_BEHIND] : 0;
    *ret_scale = (int32_t)(head & 0xffff);
    return true;
}

/* The 1 to 4 base-10000 digits of a value whose first eight bytes are `head`, the first at the top. A value is at least eight bytes
 * long, so the last eight may be read whatever it is; those that are no digits are moved out. */
static inline uint64_t decimal_lanes(struct slice value, uint64_t head)
{
    uint64_t last;
    memcpy(&last, value.p + value.len - sizeof(last), sizeof(last));
    return be64toh(last) << (64 - 16 * (head >> 48));
}

static inline uint64_t decimal_head(struct slice value)
{
    uint64_t head;
    memcpy(&head, value.p, sizeof(head));
    return be64toh(head);
}

/* The number that four base-10000 digits are */
static inline uint64_t decimal_join(uint64_t lanes)
{
    const uint64_t odd = UINT64_C(0x0000ffff0000ffff);
    uint64_t halves = (lanes >> 16 & odd) * DECIMAL_BASE + (lanes & odd);
    return (halves >> 32) * (DECIMAL_BASE * DECIMAL_BASE) + (uint32_t)halves;
}

/** A number below 10^8 with digits down to 10^-8 at most, in 10^-8: most everyday numbers. False: it is none, or 0. */
static inline bool decimal_short(struct slice value, int64_t *ret_short)
{
    uint64_t head = decimal_head(value), sign = head >> 16 & 0xffff;
    uint32_t down = 1U - (uint32_t)(int16_t)(head >> 32); /* places that the first digit stands below 10000 */
    if ((head >> 48) - 1 >= DECIMAL_SMALL_DIGITS || down > 3 || sign & ~UINT64_C(0x4000)) return false;
    uint64_t lanes = decimal_lanes(value, head), moved = lanes >> 16 * down;
    if (moved << 16 * down != lanes) return false;
    int64_t v = (int64_t)decimal_join(moved);
    *ret_short = sign ? -v : v;
    return true;
}

/** decimal_compare where both are above 0 and have up to four digits. False: it is for decimal_compare. */
static inline bool decimal_compare_short(struct slice a, struct slice b, int *ret_order)
{
    uint64_t x = decimal_head(a), y = decimal_head(b);
    if ((x | y) & UINT64_C(0xffff0000) || (x >> 48) - 1 >= DECIMAL_SMALL_DIGITS || (y >> 48) - 1 >= DECIMAL_SMALL_DIGITS)
        return false;
    int16_t weight_x = (int16_t)(x >> 32), weight_y = (int16_t)(y >> 32);
    x = decimal_lanes(a, x);
    y = decimal_lanes(b, y);
    if (x >> 48 == 0 || y >> 48 == 0) return false; /* the form allows zeros at the front */
    *ret_order = weight_x != weight_y ? (weight_x > weight_y ? 1 : -1) : (x > y) - (x < y);
    return true;
}

/** decimal_sum_reserve has nothing to do. */
static inline bool decimal_sum_roomy(struct slice value)
{
    uint64_t head = decimal_head(value), sign = head >> 16 & 0xffff;
    int32_t n = (int32_t)(head >> 48), weight = (int16_t)(head >> 32);
    /* decimal_small without the digits, of nearly all that there is */
    if (n <= DECIMAL_SMALL_DIGITS && weight < DECIMAL_SMALL_WEIGHT_MAX && weight - n + 1 >= -DECIMAL_SMALL_BEHIND &&
        !(sign & ~UINT64_C(0x4000)))
        return true;
    __int128 small;
    int32_t scale;
    int64_t v;
    return decimal_short(value, &v) || decimal_small(value, &small, &scale);
}

static inline void decimal_sum_add(struct decimal_sum *s, struct slice value)
{
    __int128 small;
    int32_t scale;
    int64_t v;
    if (decimal_short(value, &v)) {
        s->small += v;
        scale = (int32_t)(decimal_head(value) & 0xffff);
        if (scale > s->scale) s->scale = scale;
        return;
    }
    if (!decimal_small(value, &small, &scale)) {
        decimal_sum_add_any(s, value);
        return;
    }
    s->small += small;
    if (scale > s->scale) s->scale = scale;
}
/** The same for another sum, which stays what it is in value. */
must_check int decimal_sum_reserve_sum(struct decimal_sum *s, const struct decimal_sum *more, struct arena *arena);
void decimal_sum_add_sum(struct decimal_sum *s, const struct decimal_sum *more);
/** The sum in the bytes of numeric_send, in the arena. 0, -ENOMEM, or -ERANGE: more digits than a numeric can have. */
must_check int decimal_sum_read(struct decimal_sum *s, struct arena *arena, struct slice *ret_value);

enum { DECIMAL_INT_MAX = DECIMAL_HEAD + 2 * 10 };
/** The integer high * 2^64 + low (two's complement) as a numeric of scale 0; returns its bytes, at most DECIMAL_INT_MAX. */
size_t decimal_of_int128(int64_t high, uint64_t low, char ret_value[DECIMAL_INT_MAX]);

#endif
