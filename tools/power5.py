#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Prints daemon/data/power5.h: the first 128 bits of the powers of five, for data/type_float.c."""

LOWEST, HIGHEST = -342, 308
ROUNDED_UP = -27  # 5^27 is the last power below 2^64: see section 8 of the paper that type_float.h names


def first_bits(q):
    """5^q scaled by a power of two into [2^127, 2^128): truncated, or where the division needs it (-27 <= q < 0) rounded up."""
    if q >= 0:
        power = 5 ** q
        return power << 128 - power.bit_length() if power.bit_length() <= 128 else power >> power.bit_length() - 128
    divisor = 5 ** -q
    return (1 << 127 + divisor.bit_length()) // divisor + (q >= ROUNDED_UP)


print("/* SPDX-License-Identifier: MIT */")
print("/* Made by tools/power5.py: the first 128 bits of 5^q, high word first, truncated, for -27 <= q < 0 rounded up. */")
print("#ifndef CETLD_DATA_POWER5_H\n#define CETLD_DATA_POWER5_H\n\n#include <stdint.h>\n")
print("enum { POWER5_LOWEST = %d, POWER5_HIGHEST = %d };\n" % (LOWEST, HIGHEST))
print("/* clang-format off */")
print("static const uint64_t power5[POWER5_HIGHEST - POWER5_LOWEST + 1][2] = {")
for q in range(LOWEST, HIGHEST + 1):
    bits = first_bits(q)
    assert bits >> 127 == 1
    print("    {0x%016x, 0x%016x}, /* %d */" % (bits >> 64, bits & (1 << 64) - 1, q))
print("};\n/* clang-format on */\n\n#endif")
