/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include "base/ascii.h"

#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, so that formatting takes the first that divides. */
static const struct unit size_units[] = {
    {"T", (int64_t)1 << 40}, {"G", (int64_t)1 << 30}, {"M", (int64_t)1 << 20}, {"K", (int64_t)1 << 10}, {"", 1},
};

enum { US_PER_MS = 1000 };

/* In microseconds. The first name of a factor is the one that formatting uses. */
static const struct unit duration_units[] = {
    {"w", (int64_t)604800000000},
    {"d", (int64_t)86400000000},
    {"h", (int64_t)3600000000},
    {"min", 60000000},
    {"m", 60000000},
    {"s", 1000000},
    {"ms", 1000},
    {"us", 1},
};

enum {
    SIZE_UNITS = sizeof(size_units) / sizeof(size_units[0]),
    DURATION_UNITS = sizeof(duration_units) / sizeof(duration_units[0])
};

int num_parse_u64(struct slice text, uint64_t *ret_value)
{
    if (text.len == 0) return NUM_E_SYNTAX;
    uint64_t value = 0;
    bool over = false;
    for (size_t i = 0; i < text.len; i++) {
        if (!ascii_is_digit(text.p[i])) return NUM_E_SYNTAX;
        over |= __builtin_mul_overflow(value, (uint64_t)10, &value);
        over |= __builtin_add_overflow(value, (uint64_t)(text.p[i] - '0'), &value);
    }
    if (over) return NUM_E_RANGE;
    *ret_value = value;
    return 0;
}

int num_parse_i64(struct slice text, int64_t *ret_value)
{
    bool negative = text.len > 0 && text.p[0] == '-';
    if (text.len > 0 && (text.p[0] == '-' || text.p[0] == '+')) text = (struct slice){text.p + 1, text.len - 1};
    uint64_t magnitude;
    int r = num_parse_u64(text, &magnitude);
    if (r) return r;
    if (magnitude > (uint64_t)INT64_MAX + negative) return NUM_E_RANGE;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

/* Cut a number off the front of *text, and the white space behind it. */
static int take_number(struct slice *text, int64_t *ret_value)
{
    size_t n = 0;
    while (n < text->len && ascii_is_digit(text->p[n]))
        n++;
    uint64_t value;
    int r = num_parse_u64((struct slice){text->p, n}, &value);
    if (r) return r;
    if (value > INT64_MAX) return NUM_E_RANGE;
    *ret_value = (int64_t)value;
    *text = slice_trim((struct slice){text->p + n, text->len - n});
    return 0;
}

int num_parse_size(struct slice text, int64_t *ret_bytes)
{
    int64_t value;
    text = slice_trim(text);
    int r = take_number(&text, &value);
    if (r) return r;
    int64_t factor = 1;
    for (int i = 0; i < SIZE_UNITS - 1 && text.len > 0; i++) {
        if (!slice_equal_nocase((struct slice){text.p, 1}, slice_of(size_units[i].name))) continue;
        factor = size_units[i].factor;
        text = (struct slice){text.p + 1, text.len - 1};
        if (slice_equal_nocase(text, SLICE("iB"))) text.len = 0;
        break;
    }
    if (text.len > 0 && !slice_equal_nocase(text, SLICE("B"))) return NUM_E_SYNTAX;
    if (__builtin_mul_overflow(value, factor, &value)) return NUM_E_RANGE;
    *ret_bytes = value;
    return 0;
}

/* Cut a unit off the front of *text; nothing at all means seconds. Its factor, or 0. */
static int64_t take_duration_unit(struct slice *text)
{
    size_t n = 0;
    while (n < text->len && text->p[n] >= 'a' && text->p[n] <= 'z')
        n++;
    struct slice name = {text->p, n};
    *text = slice_trim((struct slice){text->p + n, text->len - n});
    if (n == 0) return text->len == 0 ? 1000 * US_PER_MS : 0;
    for (int i = 0; i < DURATION_UNITS; i++)
        if (slice_equal(name, slice_of(duration_units[i].name))) return duration_units[i].factor;
    return 0;
}

int num_parse_duration(struct slice text, int64_t *ret_ms)
{
    text = slice_trim(text);
    int64_t sum_us = 0;
    do {
        int64_t value;
        int r = take_number(&text, &value);
        if (r) return r;
        int64_t factor = take_duration_unit(&text);
        if (factor == 0) return NUM_E_SYNTAX;
        if (__builtin_mul_overflow(value, factor, &value) || __builtin_add_overflow(sum_us, value, &sum_us)) return NUM_E_RANGE;
    } while (text.len > 0);
    *ret_ms = sum_us / US_PER_MS + (sum_us % US_PER_MS != 0);
    return 0;
}

/* `value` in the first unit that divides it. */
static void format(int64_t value, const struct unit *units, char ret_text[32])
{
    while (value % units->factor != 0)
        units++;
    snprintf(ret_text, 32, "%lld%s", (long long)(value / units->factor), units->name);
}

void num_format_size(int64_t bytes, char ret_text[32])
{
    if (bytes == 0)
        memcpy(ret_text, "0", 2);
    else
        format(bytes, size_units, ret_text);
}

void num_format_duration(int64_t ms, char ret_text[32])
{
    int64_t us;
    if (ms == 0)
        memcpy(ret_text, "0", 2);
    else if (__builtin_mul_overflow(ms, (int64_t)US_PER_MS, &us))
        snprintf(ret_text, 32, "%lldms", (long long)ms); /* more than parsing takes; shown all the same */
    else
        format(us, duration_units, ret_text);
}

int num_write_i64(int64_t value, char *ret_text)
{
    char digits[NUM_I64_MAX], *at = digits + sizeof digits;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    for (; magnitude >= 100; magnitude /= 100) {
        unsigned two = (unsigned)(magnitude % 100);
        *--at = (char)('0' + two % 10);
        *--at = (char)('0' + two / 10);
    }
    if (magnitude >= 10) *--at = (char)('0' + magnitude % 10);
    *--at = (char)('0' + (magnitude >= 10 ? magnitude / 10 : magnitude));
    int len = 0;
    if (value < 0) ret_text[len++] = '-';
    size_t n = (size_t)(digits + sizeof digits - at);
    memcpy(ret_text + len, at, n);
    return len + (int)n;
}
