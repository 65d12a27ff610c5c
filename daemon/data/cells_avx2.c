/* SPDX-License-Identifier: MIT */
/* Compiled as csv/simd_avx2.c is: nothing here may run before simd_variant has asked the processor. */
#include "data/cells.h"

#if defined(__AVX2__) && defined(__BMI__)
#include "base/civil.h"
#include "data/type_numeric.h"

#include <endian.h>
#include <immintrin.h>
#include <stdbool.h>

enum { VECTOR = 16, WORD = 8 };

static __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

/* What a column asks of its cells, and what follows from it; each loop has its part. */
struct wish {
    uint64_t most;        /* integers: the greatest */
    unsigned whole, tail; /* numerics: digits before the point, and behind it, that need no rounding */
    int scale;            /* of all numerics; -1: each has its own */
    __m128i marks;        /* timestamps: what stands between the digits */
};

/* One text, VECTOR bytes before whose end may be read. False: it is left. */
typedef bool take_one(const struct wish *w, struct slice text, union value *ret_value, char *room);

/* The loop over a column's cells, into which `take` is inlined. */
__attribute__((always_inline)) static inline size_t take_rows(const struct wish *wish, const struct cells *cells,
                                                              union value *value, char *room, uint16_t *left, take_one *take)
{
    const uint32_t offset = UINT32_C(0x7fffffff); /* without SIMD_INDEX_DOUBLED: the text then has a quote, and is left */
    const struct wish w = *wish;                  /* copies that no store can change */
    const struct reader_rows rows = *cells->rows;
    const bool last = cells->at + 1 == rows.cells;
    const uint32_t *behind = rows.behind + cells->at;
    const size_t before = (size_t)(rows.text - cells->memory), first = before < VECTOR ? VECTOR - before : 0;
    size_t n = 0;
    for (size_t i = 0; i < rows.rows; i++, behind += rows.cells) {
        size_t from = behind[0] & offset, to = (behind[1] & offset) - 1;
        if (last) to -= to > from && rows.text[to - 1] == '\r';
        const struct slice text = {rows.text + from, to - from};
        if (to < first || !take(&w, text, &value[i], room + i * CELLS_ROOM)) left[n++] = (uint16_t)i;
    }
    return n;
}

/* The vector's last n bytes. */
static inline __m128i last_bytes(__m128i v, size_t n)
{
    static const unsigned char window[2 * VECTOR] = {
        [VECTOR] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
    return _mm_and_si128(v, load(window + n));
}

/* Digits in place of their characters; others become greater than 9. */
static inline __m128i digits(__m128i v)
{
    return _mm_xor_si128(v, _mm_set1_epi8('0'));
}

/* No byte is above that of `most`. */
static inline bool within(__m128i v, __m128i most)
{
    __m128i over = _mm_subs_epu8(v, most);
    return _mm_testz_si128(over, over);
}

/* Sixteen digits as eight numbers below 100 */
static inline __m128i pairs(__m128i v)
{
    return _mm_maddubs_epi16(v, _mm_set1_epi16(10 | 1 << 8));
}

/* These as four below 10000 */
static inline __m128i fours(__m128i v)
{
    return _mm_madd_epi16(pairs(v), _mm_set1_epi32(100 | 1 << 16));
}

/* ---- integers ---- */

static inline bool take_int(const struct wish *w, struct slice text, union value *ret_value, char *room)
{
    (void)room;
    size_t sign = text.p[0] == '-', n = text.len - sign;
    if (n - 1 >= VECTOR) return false;
    __m128i v = last_bytes(digits(load(text.p + text.len - VECTOR)), n);
    if (!within(v, _mm_set1_epi8(9))) return false;
    v = fours(v);
    v = _mm_madd_epi16(_mm_packus_epi32(v, v), _mm_set1_epi32(10000 | 1 << 16));
    uint64_t eights = (uint64_t)_mm_cvtsi128_si64(v), number = (uint32_t)eights * UINT64_C(100000000) + (eights >> 32);
    if (number > w->most + sign) return false;
    ret_value->i = (int64_t)((number ^ (0 - sign)) + sign);
    return true;
}

static size_t take_ints(const struct type_input *in, const struct cells *cells, union value *value, char *room, uint16_t *left)
{
    const struct wish w = {.most = in->type.id == TYPE_INT2 ? INT16_MAX : in->type.id == TYPE_INT4 ? INT32_MAX : INT64_MAX};
    return take_rows(&w, cells, value, room, left, take_int);
}

/* ---- numerics ---- */

/* Eight digits on either side of the point at byte `at`, as base-10000 digits of two big-endian bytes each, the first one lowest;
 * false: not all of them are digits. */
static inline bool groups_around(__m128i v, size_t at, uint64_t *ret_groups)
{
    /* From `at` on: the eight bytes that end before it, and the eight behind it; what lies outside becomes 0. */
    static const signed char around[VECTOR + 1][VECTOR] = {
#define BYTE(i) ((i) < 0 || (i) >= VECTOR ? -1 : (i))
#define AROUND(at)                                                                                                                 \
    {                                                                                                                              \
        BYTE((at)-8),   BYTE((at)-7),   BYTE((at)-6),   BYTE((at)-5),   BYTE((at)-4),   BYTE((at)-3),                              \
        BYTE((at)-2),   BYTE((at)-1),   BYTE((at) + 1), BYTE((at) + 2), BYTE((at) + 3), BYTE((at) + 4),                            \
        BYTE((at) + 5), BYTE((at) + 6), BYTE((at) + 7), BYTE((at) + 8)}
        AROUND(0), AROUND(1),  AROUND(2),  AROUND(3),  AROUND(4),  AROUND(5),  AROUND(6),  AROUND(7),  AROUND(8),
        AROUND(9), AROUND(10), AROUND(11), AROUND(12), AROUND(13), AROUND(14), AROUND(15), AROUND(16),
#undef AROUND
#undef BYTE
    };
    const __m128i turned = _mm_setr_epi8(1, 0, 5, 4, 9, 8, 13, 12, -1, -1, -1, -1, -1, -1, -1, -1);
    v = _mm_shuffle_epi8(v, load(around[at]));
    if (!within(v, _mm_set1_epi8(9))) return false;
    *ret_groups = (uint64_t)_mm_cvtsi128_si64(_mm_shuffle_epi8(fours(v), turned));
    return true;
}

/* Up to eight digits before the point and behind it: two base-10000 digits each */
static inline bool take_numeric(const struct wish *w, struct slice text, union value *ret_value, char *room)
{
    enum { GROUPS = 4, GROUP_BITS = 16, BEFORE = 2 };
    size_t sign = text.p[0] == '-', n = text.len - sign;
    uint64_t word;
    if (n - 1 >= VECTOR) return false;
    __m128i v = last_bytes(digits(load(text.p + text.len - VECTOR)), n);
    uint32_t points = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('.' ^ '0'))) | 1 << VECTOR;
    size_t at = (size_t)__builtin_ctz(points), tail = at < VECTOR ? VECTOR - 1 - at : 0, whole = n - (VECTOR - at);
    if (whole - 1 >= w->whole || tail > w->tail || !groups_around(v, at, &word)) return false;
    uint64_t head = (uint64_t)(w->scale < 0 ? (int)tail : w->scale), groups = 0, *to = (void *)room;
    if (word != 0) {
        unsigned zeros = (unsigned)__builtin_ctzll(word) / GROUP_BITS;
        groups = GROUPS - zeros - (unsigned)__builtin_clzll(word) / GROUP_BITS;
        head |= groups << 48 | (uint64_t)(uint16_t)(BEFORE - 1 - zeros) << 32 | sign << 30;
        to[1] = word >> (GROUP_BITS * zeros);
    }
    to[0] = htobe64(head);
    ret_value->s.p = room;
    ret_value->s.len = WORD + 2 * groups;
    return true;
}

static size_t take_numerics(const struct type_input *in, const struct cells *cells, union value *value, char *room, uint16_t *left)
{
    struct wish w = {.whole = WORD, .tail = WORD, .scale = -1};
    int precision, scale;
    if (type_numeric_typmod(in->type.typmod, &precision, &scale)) {
        w.scale = scale > 0 ? scale : 0;
        w.whole = scale >= 0 && precision > scale ? (unsigned)(precision - scale) : 0;
        w.whole = w.whole < WORD ? w.whole : WORD;
        w.tail = w.scale < WORD ? (unsigned)w.scale : WORD;
    }
    return take_rows(&w, cells, value, room, left, take_numeric);
}

/* ---- dates and timestamps ---- */

/* The date of four numbers in 16 bits each: the year's two halves, month and day; false: there is none such, or it is a leap day.
 */
static inline bool date_of(uint64_t numbers, int32_t *ret_days)
{
    static const unsigned char days[1 + CIVIL_MONTHS] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint32_t year = (uint32_t)(numbers & 0xffff) * 100 + (uint32_t)(numbers >> 16 & 0xffff);
    uint32_t month = (uint32_t)(numbers >> 32 & 0xffff), day = (uint32_t)(numbers >> 48);
    if (year == 0 || month > CIVIL_MONTHS || day - 1 >= days[month]) return false;
    *ret_days = civil_to_days_usual((struct civil){(int32_t)year, (int32_t)month, (int32_t)day});
    return true;
}

/* yyyy-mm-dd hh:mm:ss: sixteen bytes, and three behind them */
static inline bool take_timestamp(const struct wish *w, struct slice text, union value *ret_value, char *room)
{
    enum { LEN = 19, MARKS = 1 << 4 | 1 << 7 | 1 << 10 | 1 << 13 };
    const __m128i order = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1);
    const __m128i zeros = _mm_setr_epi8('0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', 0, 0);
    const __m128i most = _mm_setr_epi16(99, 99, 12, 31, 23, 59, 59, 0);
    const __m128i seconds = _mm_setr_epi16(0, 0, 0, 0, 3600, 60, 1, 0);
    (void)room;
    if (text.len != LEN || text.p[VECTOR] != ':') return false;
    __m128i v = load(text.p);
    if ((_mm_movemask_epi8(_mm_cmpeq_epi8(v, w->marks)) & MARKS) != MARKS) return false;
    uint16_t second;
    memcpy(&second, text.p + VECTOR + 1, sizeof(second));
    v = _mm_xor_si128(_mm_insert_epi16(_mm_shuffle_epi8(v, order), second, 6), zeros);
    if (!within(v, _mm_set1_epi8(9))) return false;
    v = pairs(v);
    if (!within(v, most)) return false;
    int32_t days;
    if (!date_of((uint64_t)_mm_cvtsi128_si64(v), &days)) return false;
    uint64_t time = (uint64_t)_mm_extract_epi64(_mm_madd_epi16(v, seconds), 1);
    int64_t second_of_day = (int64_t)((uint32_t)time + (time >> 32));
    ret_value->i = (days * (CIVIL_US_PER_DAY / CIVIL_US_PER_SECOND) + second_of_day) * CIVIL_US_PER_SECOND;
    return true;
}

static size_t take_timestamps(const struct type_input *in, const struct cells *cells, union value *value, char *room,
                              uint16_t *left)
{
    enum { BLANK = 10 };
    (void)in;
    const struct reader_rows *rows = cells->rows;
    const uint32_t *behind = rows->behind + cells->at;
    size_t from = behind[0] & UINT32_C(0x7fffffff), to = (behind[1] & UINT32_C(0x7fffffff)) - 1;
    char blank = to - from > BLANK && rows->text[from + BLANK] == 'T' ? 'T' : ' '; /* a column has one or the other */
    const struct wish w = {.marks = _mm_setr_epi8(0, 0, 0, 0, '-', 0, 0, '-', 0, 0, blank, 0, 0, ':', 0, 0)};
    return take_rows(&w, cells, value, room, left, take_timestamp);
}

/* yyyy-mm-dd */
static inline bool take_date(const struct wish *w, struct slice text, union value *ret_value, char *room)
{
    enum { LEN = 10 };
    const __m128i order = _mm_setr_epi8(6, 7, 8, 9, 11, 12, 14, 15, -1, -1, -1, -1, -1, -1, -1, -1);
    (void)w, (void)room;
    if (text.len != LEN || text.p[4] != '-' || text.p[7] != '-') return false;
    __m128i v = _mm_shuffle_epi8(digits(load(text.p + LEN - VECTOR)), order);
    int32_t days;
    if (!within(v, _mm_set1_epi8(9)) || !date_of((uint64_t)_mm_cvtsi128_si64(pairs(v)), &days)) return false;
    ret_value->i = days;
    return true;
}

static size_t take_dates(const struct type_input *in, const struct cells *cells, union value *value, char *room, uint16_t *left)
{
    (void)in;
    return take_rows(&(struct wish){0}, cells, value, room, left, take_date);
}

static cells_take *const takers[TYPE_N] = {
    [TYPE_INT2] = take_ints,
    [TYPE_INT4] = take_ints,
    [TYPE_INT8] = take_ints,
    [TYPE_NUMERIC] = take_numerics,
    [TYPE_DATE] = take_dates,
    [TYPE_TIMESTAMP] = take_timestamps,
    [TYPE_TIMESTAMPTZ] = take_timestamps,
};

cells_take *cells_avx2(const struct type_input *in)
{
    return takers[in->type.id];
}
#else
cells_take *cells_avx2(const struct type_input *in)
{
    (void)in;
    return NULL;
}
#endif
