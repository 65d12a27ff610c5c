/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "csv/simd.h"
#include "guarded.h"

#include <cmocka.h>

/* The lengths around every vector's width, and enough for a lane of the count to wrap. */
enum { LEN_MAX = 330, LONG = 255 * 32 * 3 + 17 };

static uint32_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

/* Sound text of all lengths of characters, with a wrong byte now and then. */
static void fill_text(uint64_t *seed, struct slice at)
{
    static const char *const characters[] = {"a",
                                             "\x7f",
                                             "\xc2\x80",
                                             "\xdf\xbf",
                                             "\xe0\xa0\x80",
                                             "\xed\x9f\xbf",
                                             "\xee\x80\x80",
                                             "\xef\xbf\xbf",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf",
                                             "\xe4\xbd\xa0",
                                             "b"};
    static const char *const faults[] = {
        "\x80",     "\xc0\x80", "\xc1",         "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80", "\xe4\xbd", "\xf0\x90\x80", "\xff",         "\xc3",         "\xbf\xbf"};
    char *p = (char *)at.p;
    bool faulty = next_random(seed) % 2;
    for (size_t i = 0; i < at.len;) {
        const char *c = faulty && next_random(seed) % 40 == 0 ? faults[next_random(seed) % 13] : characters[next_random(seed) % 12];
        size_t n = strlen(c) < at.len - i ? strlen(c) : at.len - i;
        memcpy(p + i, c, n);
        i += n;
    }
}

/* Three kinds: any byte, the bytes that matter, and nearly all plain. */
static void fill(uint64_t *seed, struct slice at)
{
    static const char hostile[] = {'"', ',', '\n', '\r', '\0', '\x7f', '\x80', '\xff', '\x01', '"' ^ 1, ',' ^ 1, '"' ^ '\x80'};
    char *p = (char *)at.p;
    uint32_t kind = next_random(seed) % 3;
    for (size_t i = 0; i < at.len; i++) {
        uint32_t r = next_random(seed);
        p[i] = kind == 0 ? (char)r : kind == 1 || r % 64 == 0 ? hostile[r / 64 % sizeof hostile] : 'a';
    }
}

static uint64_t naive_mask(const char *p, size_t n, char c)
{
    uint64_t m = 0;
    for (size_t i = 0; i < n; i++)
        m |= (uint64_t)(p[i] == c) << i;
    return m;
}

static void check_masks(const struct simd_masks *m, struct slice block, const struct simd_set *set)
{
    assert_true(m->quote == naive_mask(block.p, block.len, set->quote));
    assert_true(m->delimiter == naive_mask(block.p, block.len, set->delimiter));
    assert_true(m->lf == naive_mask(block.p, block.len, '\n'));
    assert_true(m->cr == naive_mask(block.p, block.len, '\r'));
}

/* simd_ops.index, byte by byte */
struct naive_index {
    uint32_t behind[LEN_MAX];
    size_t n, lines;
    bool multiline;
};

static void naive_index(const char *p, size_t len, const struct simd_set *set, struct naive_index *x)
{
    enum { START, PLAIN, QUOTED, CLOSED } state = START;
    bool blank = true, doubled = false, cr = false; /* blank: a record begins */
    *x = (struct naive_index){0};
    for (size_t i = 0; i < len; i++) {
        char c = p[i];
        if (cr && c != '\n') return;
        if (state == QUOTED) {
            if (c == '\n') x->multiline = true;
            if (c == set->quote) state = CLOSED;
            continue;
        }
        if (blank && (c == '\n' || c == '\r')) return;
        blank = false;
        if (c == set->quote) {
            if (state == PLAIN) return;
            doubled |= state == CLOSED;
            state = QUOTED;
        } else if (c == set->delimiter || c == '\n') {
            x->behind[x->n++] = (uint32_t)(i + 1) | (doubled ? SIMD_INDEX_DOUBLED : 0);
            x->lines += c == '\n';
            blank = c == '\n';
            state = START;
            doubled = false;
        } else if (state == CLOSED && c != '\r') {
            return;
        } else {
            state = PLAIN;
        }
        cr = c == '\r';
    }
}

static void check_index(const struct simd_ops *ops, struct slice input)
{
    static const struct simd_set sets[] = {{'"', ','}, {'\'', '\t'}};
    for (size_t k = 0; k < 2; k++) {
        uint32_t behind[LEN_MAX + 2 * SIMD_BLOCK];
        struct simd_index x = {.behind = behind, .max = LEN_MAX + 2 * SIMD_BLOCK};
        struct naive_index want;
        ops->index(input.p, input.len / SIMD_BLOCK, &sets[k], &x);
        naive_index(input.p, input.len / SIMD_BLOCK * SIMD_BLOCK, &sets[k], &want);
        assert_int_equal(x.n, want.n);
        assert_memory_equal(behind, want.behind, x.n * sizeof(*behind));
        assert_int_equal(x.lines, want.lines);
        assert_true(x.multiline || !want.multiline);
    }
}

/* Rows that are sound but for a byte now and then */
static void fill_rows(uint64_t *seed, struct slice at)
{
    static const char *const piece[] = {"\"a, b\",", "\"\"\"\"\n",        "1,", "22\n", "\"\",",
                                        "abc\r\n",   "\"x\ny\"\"z\"\r\n", ",",  "3,"};
    char *p = (char *)at.p;
    bool faulty = next_random(seed) % 2;
    for (size_t i = 0; i < at.len;) {
        const char *c = piece[next_random(seed) % 9];
        size_t n = strlen(c) < at.len - i ? strlen(c) : at.len - i;
        memcpy(p + i, c, n);
        i += n;
        if (faulty && next_random(seed) % 20 == 0) p[i - 1] = "\",\n\rx"[next_random(seed) % 5];
    }
}

static size_t naive_first(struct slice s, bool nul_too)
{
    size_t i = 0;
    while (i < s.len && (unsigned char)s.p[i] < 0x80 && !(nul_too && s.p[i] == '\0'))
        i++;
    return i;
}

static size_t naive_count(struct slice s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.p[i] == c;
    return n;
}

/* By decoding, as RFC 3629 tells; nothing of the variants' ways in it. */
static size_t naive_text(struct slice s)
{
    size_t i = 0;
    while (i < s.len && s.p[i] != '\0') {
        unsigned char lead = (unsigned char)s.p[i];
        size_t n = lead < 0x80 ? 1 : (lead & 0xe0) == 0xc0 ? 2 : (lead & 0xf0) == 0xe0 ? 3 : (lead & 0xf8) == 0xf0 ? 4 : 0;
        if (n == 0 || s.len - i < n) break;
        uint32_t c = n == 1 ? lead : lead & (0x7fu >> n);
        bool continued = true;
        for (size_t k = 1; k < n; k++) {
            continued &= ((unsigned char)s.p[i + k] & 0xc0) == 0x80;
            c = c << 6 | ((unsigned char)s.p[i + k] & 0x3f);
        }
        size_t shortest = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        if (!continued || n != shortest || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) break;
        i += n;
    }
    return i;
}

/* `input` is filled with random bytes and ends at the forbidden page; so does the target of the copy. */
static void check_all(const struct simd_ops *ops, struct slice input, struct slice target)
{
    static const struct simd_set sets[] = {{'"', ','}, {'\'', '\t'}, {'\xff', '\0'}};
    for (size_t k = 0; k < sizeof(sets) / sizeof(sets[0]); k++) {
        struct simd_masks masks[LEN_MAX / SIMD_BLOCK + 1], tail;
        size_t blocks = input.len / SIMD_BLOCK, rest = input.len % SIMD_BLOCK;
        ops->structure(input.p + rest, blocks, &sets[k], masks);
        for (size_t b = 0; b < blocks; b++)
            check_masks(&masks[b], (struct slice){input.p + rest + b * SIMD_BLOCK, SIMD_BLOCK}, &sets[k]);
        simd_structure_tail(ops, (struct slice){input.p + input.len - rest, rest}, &sets[k], &tail);
        check_masks(&tail, (struct slice){input.p + input.len - rest, rest}, &sets[k]);
    }
    assert_int_equal(ops->count(input, '\n'), naive_count(input, '\n'));
    assert_int_equal(ops->count(input, '\0'), naive_count(input, '\0'));
    assert_int_equal(ops->first_high(input), naive_first(input, false));
    assert_int_equal(ops->first_nul_or_high(input), naive_first(input, true));
    size_t copied = ops->copy_ascii((char *)target.p, input);
    assert_int_equal(copied, naive_first(input, false));
    if (copied) assert_memory_equal(target.p, input.p, copied);
    assert_int_equal(ops->text_prefix(input), naive_text(input));
}

static void check_variant(enum simd_variant v)
{
    const struct simd_ops *ops = simd_variant(v);
    if (!ops) {
        skip();
        return;
    }
    struct guarded in, out;
    guarded_init(&in, LEN_MAX);
    guarded_init(&out, LEN_MAX);
    uint64_t seed = 3;
    for (size_t len = 0; len <= LEN_MAX; len++) {
        struct slice input = {in.map + in.room - len, len}, target = {out.map + out.room - len, len};
        for (int round = 0; round < 60; round++) {
            fill(&seed, input);
            check_all(ops, input, target);
            check_index(ops, input);
            fill_text(&seed, input);
            check_all(ops, input, target);
            fill_rows(&seed, input);
            check_index(ops, input);
        }
    }
    guarded_done(&in);
    guarded_done(&out);
}

static void scalar_equals_the_naive_loop(void **state)
{
    (void)state;
    check_variant(SIMD_SCALAR);
}

static void sse2_equals_the_naive_loop(void **state)
{
    (void)state;
    check_variant(SIMD_SSE2);
}

static void avx2_equals_the_naive_loop(void **state)
{
    (void)state;
    check_variant(SIMD_AVX2);
}

static void each_byte_value_is_told_from_every_other(void **state)
{
    (void)state;
    char block[256];
    for (int i = 0; i < 256; i++)
        block[i] = (char)i;
    for (int v = SIMD_SCALAR; v < SIMD_VARIANTS; v++) {
        const struct simd_ops *ops = simd_variant((enum simd_variant)v);
        if (!ops) continue;
        for (int c = 0; c < 256; c++) {
            struct simd_masks m[4];
            ops->structure(block, 4, &(struct simd_set){(char)c, (char)(c ^ 0x80)}, m);
            for (int b = 0; b < 4; b++)
                assert_true(m[b].quote == (c / 64 == b ? (uint64_t)1 << c % 64 : 0));
            assert_int_equal(ops->count((struct slice){block, 256}, (char)c), 1);
        }
    }
}

static void long_runs_are_counted_without_wrapping(void **state)
{
    (void)state;
    struct guarded g;
    guarded_init(&g, LONG);
    struct slice s = {g.map + g.room - LONG, LONG};
    memset((char *)s.p, '\n', LONG);
    for (int v = SIMD_SCALAR; v < SIMD_VARIANTS; v++) {
        const struct simd_ops *ops = simd_variant((enum simd_variant)v);
        if (!ops) continue;
        assert_int_equal(ops->count(s, '\n'), LONG);
        assert_int_equal(ops->count(s, 'x'), 0);
        assert_int_equal(ops->first_nul_or_high(s), LONG);
    }
    guarded_done(&g);
}

static void the_index_ends_before_it_is_full(void **state)
{
    (void)state;
    enum { BLOCKS = 8, FULL = 3 * SIMD_BLOCK };
    char text[BLOCKS * SIMD_BLOCK];
    memset(text, ',', sizeof text);
    for (int v = SIMD_SCALAR; v < SIMD_VARIANTS; v++) {
        const struct simd_ops *ops = simd_variant((enum simd_variant)v);
        if (!ops) continue;
        uint32_t behind[FULL + 1];
        behind[FULL] = 4711;
        struct simd_index x = {.behind = behind, .max = FULL};
        ops->index(text, BLOCKS, &(struct simd_set){'"', ','}, &x);
        assert_int_equal(x.n, 2 * SIMD_BLOCK);
        assert_int_equal(behind[FULL], 4711);
    }
}

static void best_is_one_of_the_variants(void **state)
{
    (void)state;
    bool found = false;
    for (int v = SIMD_SCALAR; v < SIMD_VARIANTS; v++)
        found |= simd_best() == simd_variant((enum simd_variant)v);
    assert_true(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalar_equals_the_naive_loop),
        cmocka_unit_test(sse2_equals_the_naive_loop),
        cmocka_unit_test(avx2_equals_the_naive_loop),
        cmocka_unit_test(each_byte_value_is_told_from_every_other),
        cmocka_unit_test(long_runs_are_counted_without_wrapping),
        cmocka_unit_test(the_index_ends_before_it_is_full),
        cmocka_unit_test(best_is_one_of_the_variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
