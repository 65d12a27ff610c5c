/* SPDX-License-Identifier: MIT */
#include "base/slice.h"

#include "base/ascii.h"

#include <stdint.h>

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.p[i]) != fold(b.p[i])) return false;
    return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && (suffix.len == 0 || memcmp(s.p + (s.len - suffix.len), suffix.p, suffix.len) == 0);
}

struct slice slice_trim_slow(struct slice s)
{
    while (s.len > 0 && ascii_is_space(s.p[0]))
        s.p++, s.len--;
    while (s.len > 0 && ascii_is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    if (order) return order;
    return (a.len > b.len) - (a.len < b.len);
}

struct slice slice_cut(struct slice *rest, char separator)
{
    struct slice part = *rest;
    const char *at = part.len ? memchr(part.p, separator, part.len) : NULL;
    if (!at) {
        *rest = (struct slice){NULL, 0};
        return part;
    }
    part.len = (size_t)(at - part.p);
    *rest = (struct slice){at + 1, rest->len - part.len - 1};
    return part;
}

/* What may begin a character, and what its second byte may be: Unicode 15, table 3-7. Everything behind is 80..BF. */
static const struct lead {
    unsigned char first, last, second_min, second_max, len;
} leads[] = {
    {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

size_t slice_char_len(struct slice s)
{
    if (s.len == 0) return 0;
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        const struct lead *l = &leads[i];
        if (p[0] < l->first || p[0] > l->last) continue;
        if (s.len < l->len) return 0;
        if (l->len > 1 && (p[1] < l->second_min || p[1] > l->second_max)) return 0;
        for (size_t k = 2; k < l->len; k++)
            if ((p[k] & 0xc0) != 0x80) return 0;
        return l->len;
    }
    return 0;
}

struct slice slice_cut_utf8(struct slice s, size_t max_bytes)
{
    if (s.len > max_bytes) s.len = max_bytes;
    /* The last character begins at most three bytes before the last byte. */
    for (size_t back = 1; back <= 4 && back <= s.len; back++) {
        unsigned char c = (unsigned char)s.p[s.len - back];
        if ((c & 0xc0) == 0x80) continue;
        size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        if (want > back) s.len -= back;
        break;
    }
    return s;
}
