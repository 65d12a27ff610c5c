/* SPDX-License-Identifier: MIT */
#include "csv/simd.h"

#ifdef __SSE2__
#include "csv/simd_index.h"

#include <emmintrin.h>

enum { VECTOR = 16 };

static __m128i load(const char *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* Bit i: byte i of v is the character that fills c. */
static uint64_t match(__m128i v, __m128i c)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, c));
}

static void structure(const char *p, size_t blocks, const struct simd_set *set, struct simd_masks *ret_masks)
{
    const __m128i quote = _mm_set1_epi8(set->quote), delimiter = _mm_set1_epi8(set->delimiter);
    const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    for (size_t b = 0; b < blocks; b++, p += SIMD_BLOCK) {
        struct simd_masks m = {0};
        for (unsigned i = 0; i < SIMD_BLOCK; i += VECTOR) {
            __m128i v = load(p + i);
            m.quote |= match(v, quote) << i;
            m.delimiter |= match(v, delimiter) << i;
            m.lf |= match(v, lf) << i;
            m.cr |= match(v, cr) << i;
        }
        ret_masks[b] = m;
    }
}

static void index_cells(const char *p, size_t blocks, const struct simd_set *set, struct simd_index *x)
{
    struct simd_index_state s;
    struct simd_index found = *x; /* a copy that no store can change */
    simd_index_begin(&s, &found);
    for (size_t b = 0; b < blocks; b++) {
        struct simd_masks m;
        structure(p + b * SIMD_BLOCK, 1, set, &m);
        if (!simd_index_block(&s, &found, &m, simd_prefix_xor(m.quote), (uint32_t)(b * SIMD_BLOCK))) break;
    }
    *x = found;
}

static size_t count(struct slice s, char c)
{
    const __m128i wanted = _mm_set1_epi8(c), zero = _mm_setzero_si128();
    size_t i = 0;
    __m128i sums = zero;
    while (s.len - i >= VECTOR) {
        /* A lane counts 255 matches at most before it would wrap. */
        __m128i lanes = zero;
        for (int k = 0; k < 255 && s.len - i >= VECTOR; k++, i += VECTOR)
            lanes = _mm_sub_epi8(lanes, _mm_cmpeq_epi8(load(s.p + i), wanted));
        sums = _mm_add_epi64(sums, _mm_sad_epu8(lanes, zero));
    }
    uint64_t half[2];
    _mm_storeu_si128((__m128i *)half, sums);
    size_t n = (size_t)(half[0] + half[1]);
    for (; i < s.len; i++)
        n += s.p[i] == c;
    return n;
}

static size_t first_high(struct slice s)
{
    size_t i = 0;
    for (; s.len - i >= VECTOR; i += VECTOR) {
        unsigned high = (unsigned)_mm_movemask_epi8(load(s.p + i));
        if (high) return i + (unsigned)__builtin_ctz(high);
    }
    while (i < s.len && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

static size_t first_nul_or_high(struct slice s)
{
    const __m128i one = _mm_set1_epi8(1);
    size_t i = 0;
    for (; s.len - i >= VECTOR; i += VECTOR) {
        /* Signed, NUL and all bytes above 0x7f are less than one. */
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(load(s.p + i), one));
        if (found) return i + (unsigned)__builtin_ctz(found);
    }
    while (i < s.len && (signed char)s.p[i] > 0)
        i++;
    return i;
}

static size_t copy_ascii(char *to, struct slice s)
{
    size_t i = 0;
    for (; s.len - i >= VECTOR; i += VECTOR) {
        __m128i v = load(s.p + i);
        _mm_storeu_si128((__m128i *)(to + i), v);
        unsigned high = (unsigned)_mm_movemask_epi8(v);
        if (high) return i + (unsigned)__builtin_ctz(high);
    }
    for (; i < s.len && (unsigned char)s.p[i] < 0x80; i++)
        to[i] = s.p[i];
    return i;
}

static size_t text_prefix(struct slice s);

static const struct simd_ops sse2 = {
    .name = "sse2",
    .structure = structure,
    .index = index_cells,
    .count = count,
    .first_high = first_high,
    .first_nul_or_high = first_nul_or_high,
    .copy_ascii = copy_ascii,
    .text_prefix = text_prefix,
};

/* The lookups of the AVX2 variant need SSSE3. */
static size_t text_prefix(struct slice s)
{
    return simd_text_rest(&sse2, s, 0);
}

const struct simd_ops *simd_sse2(void)
{
    return &sse2;
}
#else
const struct simd_ops *simd_sse2(void)
{
    return NULL;
}
#endif
