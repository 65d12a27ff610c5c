/* SPDX-License-Identifier: MIT */
/*
 * Integers from text and back; sizes and durations with units.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_NUM_H
#define CETLD_BASE_NUM_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { NUM_E_SYNTAX = 1, NUM_E_RANGE = 2 };

/** Decimal, optional sign, nothing else around it. 0, NUM_E_SYNTAX, NUM_E_RANGE. */
must_check int num_parse_i64(struct slice text, int64_t *ret_value);
/** Decimal digits only. 0, NUM_E_SYNTAX, NUM_E_RANGE. */
must_check int num_parse_u64(struct slice text, uint64_t *ret_value);
/** Bytes: a number with an optional K, M, G or T (powers of 1024; "B" and "iB" may follow). */
must_check int num_parse_size(struct slice text, int64_t *ret_bytes);
/**
 * Milliseconds: a number with us, ms, s, min (or m), h, d, w; several may stand together (1h 30min); none: seconds.
 * Parts of a millisecond are rounded up, so that only 0 becomes 0.
 */
must_check int num_parse_duration(struct slice text, int64_t *ret_ms);
/** The shortest text that num_parse_size / num_parse_duration read back to the same. ret_text holds 32 bytes. */
void num_format_size(int64_t bytes, char ret_text[32]);
void num_format_duration(int64_t ms, char ret_text[32]);

enum { NUM_I64_MAX = 20 };
/** Writes decimal digits (not terminated) and returns their number, at most NUM_I64_MAX. */
int num_write_i64(int64_t value, char *ret_text);

/** a + b and a * b for sizes; false on overflow. */
static inline bool num_add(size_t a, size_t b, size_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}
static inline bool num_mul(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}

#endif
