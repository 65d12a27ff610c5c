/* SPDX-License-Identifier: MIT */
/*
 * Decimal digits, eight at a time in a 64-bit word: the fast ways into integers, numerics, floats, dates and times. They take the
 * everyday forms only; who calls has a slower way for everything else, and for what is wrong.
 *
 * A word has the text's first byte lowest, as a little-endian load gives it. Nothing is read beyond the text, but by what is called
 * roomy: there the 16 bytes before the text's end may be read, too, whatever stands in them. That takes the choice by the text's
 * length away, which no processor can foresee.
 *
 * Source of digits_value: D. Lemire, "Number Parsing at a Gigabyte per Second", 2021 (SIMD within a register).
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_DIGITS_H
#define CETLD_DATA_DIGITS_H

#include "base/slice.h"

#include <endian.h>
#include <stdint.h>

enum { DIGITS_WORD = 8 };
#define DIGITS_ZEROS UINT64_C(0x3030303030303030)

enum { DIGITS_TENS = 20 };
/** 10^0 … 10^19: all that fit. */
extern const uint64_t digits_ten[DIGITS_TENS];

/** Eight bytes. */
static inline uint64_t digits_eight(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

/** 1 to 8 bytes, at the word's end; '0' before them. */
static inline uint64_t digits_load(const char *p, size_t n)
{
    uint64_t v;
    if (n == DIGITS_WORD) return digits_eight(p);
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, p, sizeof(first));
        memcpy(&last, p + n - 4, sizeof(last));
        v = (uint64_t)le32toh(first) | (uint64_t)le32toh(last) << (8 * (n - 4));
    } else {
        v = (uint64_t)(unsigned char)p[0] | (uint64_t)(unsigned char)p[n / 2] << (8 * (n / 2)) |
            (uint64_t)(unsigned char)p[n - 1] << (8 * (n - 1));
    }
    return v << (8 * (DIGITS_WORD - n)) | DIGITS_ZEROS >> (8 * n);
}

/** All eight bytes are digits. */
static inline bool digits_all(uint64_t v)
{
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    return ((v & high) | ((v + UINT64_C(0x0606060606060606)) & high) >> 4) == UINT64_C(0x3333333333333333);
}

/** What eight digits say. */
static inline uint32_t digits_value(uint64_t v)
{
    v -= DIGITS_ZEROS;
    v = v * 10 + (v >> 8); /* pairs, in every second byte */
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    return (uint32_t)(((v & pairs) * UINT64_C(0x000f424000000064) + ((v >> 16) & pairs) * UINT64_C(0x0000271000000001)) >> 32);
}

/** 1 to 19 digits and nothing else. */
static inline bool digits_parse(const char *p, size_t n, uint64_t *ret_value)
{
    uint64_t sum = 0;
    if (n == 0 || n > 19) return false;
    if (n > 2 * DIGITS_WORD) {
        uint64_t v = digits_load(p, n - 2 * DIGITS_WORD);
        if (!digits_all(v)) return false;
        sum = (uint64_t)digits_value(v) * UINT64_C(100000000);
        p += n - 2 * DIGITS_WORD;
        n = 2 * DIGITS_WORD;
    }
    if (n > DIGITS_WORD) {
        uint64_t v = digits_load(p, n - DIGITS_WORD);
        if (!digits_all(v)) return false;
        sum = (sum + digits_value(v)) * UINT64_C(100000000);
        p += n - DIGITS_WORD;
        n = DIGITS_WORD;
    }
    uint64_t v = digits_load(p, n);
    if (!digits_all(v)) return false;
    *ret_value = sum + digits_value(v);
    return true;
}

/*
 * Roomy words hold what the digits say and not their characters: 0 in place of what stands before the text, and something above 9
 * where there is no digit.
 */

/** The n bytes (1 to 8) that end at `end`. */
static inline uint64_t digits_roomy(const char *end, size_t n)
{
    unsigned before = (unsigned)(8 * (DIGITS_WORD - n));
    return (digits_eight(end - DIGITS_WORD) ^ DIGITS_ZEROS) >> before << before;
}

/** All eight are digits. */
static inline bool digits_roomy_all(uint64_t v)
{
    return ((v | (v + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080)) == 0;
}

/** What they say. */
static inline uint32_t digits_roomy_value(uint64_t v)
{
    v = v * 10 + (v >> 8); /* pairs, in every second byte */
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    return (uint32_t)(((v & pairs) * UINT64_C(0x000f424000000064) + ((v >> 16) & pairs) * UINT64_C(0x0000271000000001)) >> 32);
}

/** 1 to 16 digits and nothing else, roomy. */
static inline bool digits_parse_roomy(const char *p, size_t n, uint64_t *ret_value)
{
    if (n - 1 >= 2 * DIGITS_WORD) return false;
    uint64_t last = digits_roomy(p + n, n < DIGITS_WORD ? n : DIGITS_WORD);
    if (!digits_roomy_all(last)) return false;
    uint64_t value = digits_roomy_value(last);
    if (n > DIGITS_WORD) {
        uint64_t first = digits_roomy(p + n - DIGITS_WORD, n - DIGITS_WORD);
        if (!digits_roomy_all(first)) return false;
        value += (uint64_t)digits_roomy_value(first) * UINT64_C(100000000);
    }
    *ret_value = value;
    return true;
}

/** A number written plainly: value = (negative ? -1 : 1) * mantissa / 10^scale. */
struct digits_number {
    uint64_t mantissa; /* at most 16 digits */
    unsigned scale;    /* digits behind the point */
    bool negative;
};

/** Where '.' stands in the word: the high bit of its byte, or of the first such byte; 0: nowhere. */
static inline uint64_t digits_point(uint64_t v)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t other = v ^ ones * '.';
    uint64_t found = (other - ones) & ~other & ones << 7;
    return found & (0 - found);
}

/** Take the point out of the word (`at`: digits_point's answer) and put `fill` before what stood before it. */
static inline uint64_t digits_close(uint64_t v, uint64_t at, uint64_t fill)
{
    uint64_t before = (at >> 7) - 1, behind = ~(before << 8 | 0xff);
    return (v & behind) | (v & before) << 8 | fill;
}

/** [sign] digits [. digits], with at least one digit on either side, in at most 16 bytes beside the sign. */
static inline bool digits_number(struct slice s, struct digits_number *ret_number)
{
    struct digits_number n = {0};
    if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+')) {
        n.negative = s.p[0] == '-';
        s.p++, s.len--;
    }
    if (s.len == 0 || s.len > 2 * DIGITS_WORD || s.p[0] == '.' || s.p[s.len - 1] == '.') return false;
    uint64_t first = DIGITS_ZEROS, last;
    if (s.len <= DIGITS_WORD) {
        last = digits_load(s.p, s.len);
    } else {
        first = digits_load(s.p, s.len - DIGITS_WORD);
        last = digits_eight(s.p + s.len - DIGITS_WORD);
    }
    uint64_t point = digits_point(last);
    if (point) {
        n.scale = (unsigned)__builtin_clzll(point) / 8;
        last = digits_close(last, point, first >> 56);
        first = first << 8 | '0';
    } else if (s.len > DIGITS_WORD && (point = digits_point(first))) {
        n.scale = DIGITS_WORD + (unsigned)__builtin_clzll(point) / 8;
        first = digits_close(first, point, '0');
    }
    /* A second point is no digit. */
    if (!digits_all(last)) return false;
    n.mantissa = digits_value(last);
    if (s.len > DIGITS_WORD) {
        if (!digits_all(first)) return false;
        n.mantissa += (uint64_t)digits_value(first) * UINT64_C(100000000);
    }
    *ret_number = n;
    return true;
}

/* Where the point stands in a roomy word, as digits_point says it. */
static inline uint64_t digits_roomy_point(uint64_t v)
{
    return digits_point(v ^ DIGITS_ZEROS);
}

/** The same, roomy. */
__attribute__((always_inline)) static inline bool digits_number_roomy(struct slice s, struct digits_number *ret_number)
{
    bool negative = s.p[0] == '-';
    s.p += negative;
    s.len -= negative;
    if (s.len - 1 >= 2 * DIGITS_WORD || s.p[0] == '.' || s.p[s.len - 1] == '.') return false;
    uint64_t first = 0, last = digits_roomy(s.p + s.len, s.len < DIGITS_WORD ? s.len : DIGITS_WORD);
    if (s.len > DIGITS_WORD) first = digits_roomy(s.p + s.len - DIGITS_WORD, s.len - DIGITS_WORD);
    uint64_t point = digits_roomy_point(last);
    unsigned scale = 0;
    if (point) {
        scale = (unsigned)__builtin_clzll(point) / 8;
        last = digits_close(last, point, first >> 56);
        first <<= 8;
    } else if (s.len > DIGITS_WORD && (point = digits_roomy_point(first))) {
        scale = DIGITS_WORD + (unsigned)__builtin_clzll(point) / 8;
        first = digits_close(first, point, 0);
    }
    /* A second point is no digit. */
    if (!digits_roomy_all(last)) return false;
    uint64_t mantissa = digits_roomy_value(last);
    if (s.len > DIGITS_WORD) {
        if (!digits_roomy_all(first)) return false;
        mantissa += (uint64_t)digits_roomy_value(first) * UINT64_C(100000000);
    }
    ret_number->mantissa = mantissa;
    ret_number->scale = scale;
    ret_number->negative = negative;
    return true;
}

#endif
