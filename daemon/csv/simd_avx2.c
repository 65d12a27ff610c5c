/* SPDX-License-Identifier: MIT */
/* The one file that is compiled with -mavx2: nothing here may run before simd_variant has asked the processor, but simd_avx2
 * itself. */
#include "csv/simd.h"

#ifdef __AVX2__
#include <immintrin.h>

enum { VECTOR = 32 };

static __m256i load(const char *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static uint64_t bits(__m256i v)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(v);
}

/* Bit i: byte i of the block whose halves are low and high is the character that fills c. */
static uint64_t match(__m256i low, __m256i high, __m256i c)
{
    return bits(_mm256_cmpeq_epi8(low, c)) | bits(_mm256_cmpeq_epi8(high, c)) << VECTOR;
}

static void structure(const char *p, size_t blocks, const struct simd_set *set, struct simd_masks *ret_masks)
{
    const __m256i quote = _mm256_set1_epi8(set->quote), delimiter = _mm256_set1_epi8(set->delimiter);
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    for (size_t b = 0; b < blocks; b++, p += SIMD_BLOCK) {
        __m256i low = load(p), high = load(p + VECTOR);
        ret_masks[b] = (struct simd_masks){
            .quote = match(low, high, quote),
            .delimiter = match(low, high, delimiter),
            .lf = match(low, high, lf),
            .cr = match(low, high, cr),
        };
    }
}

static size_t count(struct slice s, char c)
{
    const __m256i wanted = _mm256_set1_epi8(c), zero = _mm256_setzero_si256();
    size_t i = 0;
    __m256i sums = zero;
    while (s.len - i >= VECTOR) {
        /* A lane counts 255 matches at most before it would wrap. */
        __m256i lanes = zero;
        for (int k = 0; k < 255 && s.len - i >= VECTOR; k++, i += VECTOR)
            lanes = _mm256_sub_epi8(lanes, _mm256_cmpeq_epi8(load(s.p + i), wanted));
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(lanes, zero));
    }
    uint64_t quarter[4];
    _mm256_storeu_si256((__m256i *)quarter, sums);
    size_t n = (size_t)(quarter[0] + quarter[1] + quarter[2] + quarter[3]);
    for (; i < s.len; i++)
        n += s.p[i] == c;
    return n;
}

static size_t first_high(struct slice s)
{
    size_t i = 0;
    for (; s.len - i >= VECTOR; i += VECTOR) {
        uint64_t high = bits(load(s.p + i));
        if (high) return i + (unsigned)__builtin_ctzll(high);
    }
    while (i < s.len && (unsigned char)s.p[i] < 0x80)
        i++;
    return i;
}

static size_t first_nul_or_high(struct slice s)
{
    const __m256i one = _mm256_set1_epi8(1);
    size_t i = 0;
    for (; s.len - i >= VECTOR; i += VECTOR) {
        /* Signed, NUL and all bytes above 0x7f are less than one. */
        uint64_t found = bits(_mm256_cmpgt_epi8(one, load(s.p + i)));
        if (found) return i + (unsigned)__builtin_ctzll(found);
    }
    while (i < s.len && (signed char)s.p[i] > 0)
        i++;
    return i;
}

static size_t copy_ascii(char *to, struct slice s)
{
    size_t i = 0;
    for (; s.len - i >= VECTOR; i += VECTOR) {
        __m256i v = load(s.p + i);
        _mm256_storeu_si256((__m256i *)(to + i), v);
        uint64_t high = bits(v);
        if (high) return i + (unsigned)__builtin_ctzll(high);
    }
    for (; i < s.len && (unsigned char)s.p[i] < 0x80; i++)
        to[i] = s.p[i];
    return i;
}

static const struct simd_ops avx2 = {
    .name = "avx2",
    .structure = structure,
    .count = count,
    .first_high = first_high,
    .first_nul_or_high = first_nul_or_high,
    .copy_ascii = copy_ascii,
};

const struct simd_ops *simd_avx2(void)
{
    return &avx2;
}
#else
const struct simd_ops *simd_avx2(void)
{
    return NULL;
}
#endif
