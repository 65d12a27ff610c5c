/* SPDX-License-Identifier: MIT */
/* The one file that is compiled with -mavx2 -mbmi -mpopcnt -mpclmul: nothing here may run before simd_variant has asked the
 * processor, but simd_avx2 itself. */
#include "csv/simd.h"

#if defined(__AVX2__) && defined(__BMI__) && defined(__POPCNT__) && defined(__PCLMUL__)
#include "csv/simd_index.h"

#include <immintrin.h>
#include <stdbool.h>

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

/* The product without carries by all ones: bit i is the xor of the bits 0 to i. */
static uint64_t prefix_xor(uint64_t m)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_set_epi64x(0, (long long)m), _mm_set1_epi8((char)0xff), 0));
}

static void index_cells(const char *p, size_t blocks, const struct simd_set *set, struct simd_index *x)
{
    const __m256i quote = _mm256_set1_epi8(set->quote), delimiter = _mm256_set1_epi8(set->delimiter);
    const __m256i lf = _mm256_set1_epi8('\n'), cr = _mm256_set1_epi8('\r');
    struct simd_index_state s;
    struct simd_index found = *x; /* a copy that no store can change */
    simd_index_begin(&s, &found);
    for (size_t b = 0; b < blocks; b++) {
        __m256i low = load(p + b * SIMD_BLOCK), high = load(p + b * SIMD_BLOCK + VECTOR);
        const struct simd_masks m = {
            .quote = match(low, high, quote),
            .delimiter = match(low, high, delimiter),
            .lf = match(low, high, lf),
            .cr = match(low, high, cr),
        };
        if (!simd_index_block(&s, &found, &m, prefix_xor(m.quote), (uint32_t)(b * SIMD_BLOCK))) break;
    }
    *x = found;
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

/*
 * UTF-8 by lookup: Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte", 2020. Each pair of neighbours is
 * classified by three nibbles (both of the first byte, the high one of the second); what all three lookups have in common is a
 * fault. Only "two continuations" may also be right: behind the lead of three or four bytes it must be there.
 */
enum {
    SHORT = 1,           /* a lead without its continuation */
    LONG = 2,            /* a continuation behind ASCII */
    OVERLONG_3 = 4,      /* E0 80..9F */
    LARGE = 8,           /* F4 90.., F5.. */
    SURROGATE = 16,      /* ED A0.. */
    OVERLONG_2 = 32,     /* C0, C1 */
    LARGE_1000 = 64,     /* F5..FF 80..8F */
    OVERLONG_4 = 64,     /* F0 80..8F */
    CONTINUATIONS = 128, /* two of them */
    CARRY = SHORT | LONG | CONTINUATIONS,
};

/* clang-format off */
static const unsigned char first_high_nibble[16] = {
    LONG, LONG, LONG, LONG, LONG, LONG, LONG, LONG, CONTINUATIONS, CONTINUATIONS, CONTINUATIONS, CONTINUATIONS,
    SHORT | OVERLONG_2, SHORT, SHORT | OVERLONG_3 | SURROGATE, SHORT | LARGE | LARGE_1000 | OVERLONG_4,
};
static const unsigned char first_low_nibble[16] = {
    CARRY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4, CARRY | OVERLONG_2, CARRY, CARRY, CARRY | LARGE, CARRY | LARGE | LARGE_1000,
    CARRY | LARGE | LARGE_1000, CARRY | LARGE | LARGE_1000, CARRY | LARGE | LARGE_1000, CARRY | LARGE | LARGE_1000,
    CARRY | LARGE | LARGE_1000, CARRY | LARGE | LARGE_1000, CARRY | LARGE | LARGE_1000,
    CARRY | LARGE | LARGE_1000 | SURROGATE, CARRY | LARGE | LARGE_1000, CARRY | LARGE | LARGE_1000,
};
static const unsigned char second_high_nibble[16] = {
    SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT, SHORT,
    LONG | OVERLONG_2 | CONTINUATIONS | OVERLONG_3 | LARGE_1000 | OVERLONG_4, LONG | OVERLONG_2 | CONTINUATIONS | OVERLONG_3 | LARGE,
    LONG | OVERLONG_2 | CONTINUATIONS | SURROGATE | LARGE, LONG | OVERLONG_2 | CONTINUATIONS | SURROGATE | LARGE,
    SHORT, SHORT, SHORT, SHORT,
};
/* clang-format on */

static __m256i table(const unsigned char nibble[16])
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)nibble));
}

/* The bytes that stand n before those of v; `before` is the vector in front of it. */
#define SHIFTED(v, before, n) _mm256_alignr_epi8(v, _mm256_permute2x128_si256(before, v, 0x21), 16 - (n))

static size_t text_prefix(struct slice s)
{
    const __m256i first_high_table = table(first_high_nibble), first_low_table = table(first_low_nibble);
    const __m256i second_high_table = table(second_high_nibble), low_nibble = _mm256_set1_epi8(0x0f), zero = _mm256_setzero_si256();
    const __m256i third = _mm256_set1_epi8(0xe0 - 0x80), fourth = _mm256_set1_epi8((char)(0xf0 - 0x80));
    __m256i before = zero; /* zero: as if ASCII stood there */
    size_t i = 0;
    bool open = false; /* the vector before may end inside a character */
    for (; s.len - i >= VECTOR; i += VECTOR) {
        __m256i v = load(s.p + i), fault = _mm256_cmpeq_epi8(v, zero);
        bool high = bits(v) != 0;
        if (high || open) {
            __m256i one = SHIFTED(v, before, 1);
            __m256i a = _mm256_shuffle_epi8(first_high_table, _mm256_and_si256(_mm256_srli_epi16(one, 4), low_nibble));
            __m256i b = _mm256_shuffle_epi8(first_low_table, _mm256_and_si256(one, low_nibble));
            __m256i c = _mm256_shuffle_epi8(second_high_table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low_nibble));
            __m256i pairs = _mm256_and_si256(_mm256_and_si256(a, b), c);
            __m256i behind_lead =
                _mm256_or_si256(_mm256_subs_epu8(SHIFTED(v, before, 2), third), _mm256_subs_epu8(SHIFTED(v, before, 3), fourth));
            __m256i wanted = _mm256_and_si256(behind_lead, _mm256_set1_epi8((char)CONTINUATIONS));
            fault = _mm256_or_si256(fault, _mm256_xor_si256(wanted, pairs));
        }
        if (!_mm256_testz_si256(fault, fault)) break;
        before = v;
        open = high;
    }
    return simd_text_rest(simd_avx2(), s, i);
}

static const struct simd_ops avx2 = {
    .name = "avx2",
    .structure = structure,
    .index = index_cells,
    .count = count,
    .first_high = first_high,
    .first_nul_or_high = first_nul_or_high,
    .copy_ascii = copy_ascii,
    .text_prefix = text_prefix,
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
