/* SPDX-License-Identifier: MIT */
#include "csv/utf8.h"

#include "csv/simd.h"

static bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

static bool between(unsigned char c, unsigned char min, unsigned char max)
{
    return c >= min && c <= max;
}

/*
 * Bytes of the character above U+007F at p, 0 when it is not valid. The second byte's range is what shuts out overlong forms (after
 * E0, F0), surrogates (after ED) and what lies behind U+10FFFF (after F4): RFC 3629, section 4. slice_char_len walks a table of
 * those ranges, which is too slow for a file of Chinese.
 */
static size_t high_char_len(const unsigned char *p, size_t n)
{
    unsigned char lead = p[0];
    if (lead < 0xc2) return 0;
    if (lead < 0xe0) return n >= 2 && continues(p[1]) ? 2 : 0;
    if (lead < 0xf0) {
        bool ok = n >= 3 && between(p[1], lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) && continues(p[2]);
        return ok ? 3 : 0;
    }
    if (lead > 0xf4) return 0;
    bool ok = n >= 4 && between(p[1], lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) && continues(p[2]) && continues(p[3]);
    return ok ? 4 : 0;
}

size_t utf8_prefix(struct slice s)
{
    const struct simd_ops *ops = simd_best();
    size_t i = 0;
    while (i < s.len) {
        i += ops->first_high((struct slice){s.p + i, s.len - i});
        while (i < s.len && (unsigned char)s.p[i] >= 0x80) {
            size_t n = high_char_len((const unsigned char *)s.p + i, s.len - i);
            if (n == 0) return i;
            i += n;
        }
    }
    return i;
}
