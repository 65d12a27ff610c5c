/* SPDX-License-Identifier: MIT */
#include "csv/simd.h"

#include "csv/simd_index.h"

#include <endian.h>

/* The scalar variant works on words of eight bytes, so that machines without a variant of their own are not left with bytes. */
static const uint64_t ones = 0x0101010101010101, lows = 0x7f7f7f7f7f7f7f7f, highs = 0x8080808080808080;

/* Eight bytes, the first one lowest. */
static uint64_t load_word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

/* The top bit of each byte that is zero. Exact: the sum carries into no neighbour. */
static uint64_t zero_bytes(uint64_t w)
{
    return ~(((w & lows) + lows) | w | lows);
}

/* Top bits of eight bytes, gathered into the lowest eight bits: the product moves the bit of byte i to bit 56 + i. */
static uint64_t gather(uint64_t tops)
{
    return ((tops >> 7) * 0x0102040810204080) >> 56;
}

static uint64_t match(uint64_t w, char c)
{
    return gather(zero_bytes(w ^ (ones * (unsigned char)c)));
}

static struct simd_masks scalar_masks(const char *p, const struct simd_set *set)
{
    struct simd_masks m = {0};
    for (unsigned i = 0; i < SIMD_BLOCK; i += 8) {
        uint64_t w = load_word(p + i);
        m.quote |= match(w, set->quote) << i;
        m.delimiter |= match(w, set->delimiter) << i;
        m.lf |= match(w, '\n') << i;
        m.cr |= match(w, '\r') << i;
    }
    return m;
}

static void scalar_structure(const char *p, size_t blocks, const struct simd_set *set, struct simd_masks *ret_masks)
{
    for (size_t b = 0; b < blocks; b++, p += SIMD_BLOCK)
        ret_masks[b] = scalar_masks(p, set);
}

static void scalar_index(const char *p, size_t blocks, const struct simd_set *set, struct simd_index *x)
{
    struct simd_index_state s;
    struct simd_index found = *x; /* a copy that no store can change */
    simd_index_begin(&s, &found);
    for (size_t b = 0; b < blocks; b++) {
        struct simd_masks m = scalar_masks(p + b * SIMD_BLOCK, set);
        if (!simd_index_block(&s, &found, &m, simd_prefix_xor(m.quote), (uint32_t)(b * SIMD_BLOCK))) break;
    }
    *x = found;
}

static size_t scalar_count(struct slice s, char c)
{
    size_t n = 0, i = 0;
    for (; s.len - i >= 8; i += 8)
        n += (size_t)__builtin_popcountll(zero_bytes(load_word(s.p + i) ^ (ones * (unsigned char)c)));
    for (; i < s.len; i++)
        n += s.p[i] == c;
    return n;
}

static size_t scalar_first_high(struct slice s)
{
    size_t i = 0;
    while (s.len - i >= 8 && !(load_word(s.p + i) & highs))
        i += 8;
    while (i < s.len && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

static size_t scalar_first_nul_or_high(struct slice s)
{
    size_t i = 0;
    for (; s.len - i >= 8; i += 8) {
        uint64_t w = load_word(s.p + i);
        if ((w & highs) | zero_bytes(w)) break;
    }
    while (i < s.len && s.p[i] != '\0' && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

static size_t scalar_copy_ascii(char *to, struct slice s)
{
    size_t n = scalar_first_high(s);
    if (n) memcpy(to, s.p, n);
    return n;
}

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

/* Where the character begins that the bytes before i leave incomplete; i when they leave none. They are valid so far. */
static size_t begin_of_char(struct slice s, size_t i)
{
    for (size_t back = 1; back <= 3 && back <= i; back++) {
        unsigned char c = (unsigned char)s.p[i - back];
        if (continues(c)) continue;
        size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return len > back ? i - back : i;
    }
    return i;
}

size_t simd_text_rest(const struct simd_ops *ops, struct slice s, size_t known)
{
    size_t i = begin_of_char(s, known);
    while (i < s.len) {
        i += ops->first_nul_or_high((struct slice){s.p + i, s.len - i});
        while (i < s.len && (unsigned char)s.p[i] >= 0x80) {
            size_t n = high_char_len((const unsigned char *)s.p + i, s.len - i);
            if (n == 0) return i;
            i += n;
        }
        if (i < s.len && s.p[i] == '\0') break;
    }
    return i;
}

static size_t scalar_text_prefix(struct slice s);

static const struct simd_ops scalar = {
    .name = "scalar",
    .structure = scalar_structure,
    .index = scalar_index,
    .count = scalar_count,
    .first_high = scalar_first_high,
    .first_nul_or_high = scalar_first_nul_or_high,
    .copy_ascii = scalar_copy_ascii,
    .text_prefix = scalar_text_prefix,
};

static size_t scalar_text_prefix(struct slice s)
{
    return simd_text_rest(&scalar, s, 0);
}

#ifdef __x86_64__
/* What simd_avx2.c is compiled for. Every processor with AVX2 has the others, too, but a virtual machine may hide them. */
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt") &&
           __builtin_cpu_supports("pclmul");
}
#endif

const struct simd_ops *simd_variant(enum simd_variant v)
{
    switch (v) {
    case SIMD_SCALAR: return &scalar;
#ifdef __x86_64__
    case SIMD_SSE2: return simd_sse2();
    case SIMD_AVX2: return has_avx2() ? simd_avx2() : NULL;
#endif
    default: return NULL;
    }
}

const struct simd_ops *simd_best(void)
{
    for (int v = SIMD_VARIANTS - 1; v > SIMD_SCALAR; v--) {
        const struct simd_ops *ops = simd_variant((enum simd_variant)v);
        if (ops) return ops;
    }
    return &scalar;
}

void simd_structure_tail(const struct simd_ops *ops, struct slice tail, const struct simd_set *set, struct simd_masks *ret_masks)
{
    if (tail.len == SIMD_BLOCK) {
        ops->structure(tail.p, 1, set, ret_masks);
        return;
    }
    char block[SIMD_BLOCK] = {0};
    if (tail.len) memcpy(block, tail.p, tail.len);
    ops->structure(block, 1, set, ret_masks);
    uint64_t valid = ((uint64_t)1 << tail.len) - 1;
    ret_masks->quote &= valid;
    ret_masks->delimiter &= valid;
    ret_masks->lf &= valid;
    ret_masks->cr &= valid;
}
