/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/digits.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A text whose last byte is the last one that may be read */
struct guard {
    char *page;
    size_t size;
};

static int map_guard(void **state)
{
    struct guard *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    g->size = (size_t)sysconf(_SC_PAGESIZE);
    g->page = mmap(NULL, 2 * g->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g->page != MAP_FAILED);
    assert_int_equal(mprotect(g->page + g->size, g->size, PROT_NONE), 0);
    *state = g;
    return 0;
}

static int unmap_guard(void **state)
{
    struct guard *g = *state;
    munmap(g->page, 2 * g->size);
    free(g);
    return 0;
}

static struct slice at_the_end(const struct guard *g, const char *text)
{
    size_t len = strlen(text);
    char *p = g->page + g->size - len;
    memcpy(p, text, len);
    return (struct slice){p, len};
}

static void integers_of_1_to_19_digits_are_read(void **state)
{
    static const char digits[] = "9081726354453627189";
    for (size_t n = 1; n <= 19; n++) {
        char text[32];
        snprintf(text, sizeof(text), "%.*s", (int)n, digits);
        uint64_t v = 0;
        struct slice s = at_the_end(*state, text);
        assert_true(digits_parse(s.p, s.len, &v));
        assert_int_equal(v, strtoull(text, NULL, 10));
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                if (c >= '0' && c <= '9') continue;
                char kept = s.p[at];
                ((char *)s.p)[at] = (char)c;
                assert_false(digits_parse(s.p, s.len, &v));
                ((char *)s.p)[at] = kept;
            }
    }
    uint64_t v;
    assert_false(digits_parse("", 0, &v));
    assert_false(digits_parse("12345678901234567890", 20, &v));
    assert_false(digits_parse("1234567890123456789012345678901234567890", 40, &v));
}

static void a_point_is_found_at_every_place(void **state)
{
    for (size_t n = 3; n <= 16; n++)
        for (size_t point = 1; point + 1 < n; point++) {
            char text[32], joined[32];
            snprintf(text, sizeof(text), "%.*s", (int)n, "1234567890123456");
            memcpy(joined, text, point);
            snprintf(joined + point, sizeof(joined) - point, "%s", text + point + 1);
            text[point] = '.';
            struct digits_number number;
            assert_true(digits_number(at_the_end(*state, text), &number));
            assert_int_equal(number.mantissa, strtoull(joined, NULL, 10));
            assert_int_equal(number.scale, n - 1 - point);
            assert_false(number.negative);
            for (size_t second = point + 1; second + 1 < n; second++) {
                char kept = text[second];
                text[second] = '.';
                assert_false(digits_number(at_the_end(*state, text), &number));
                text[second] = kept;
            }
        }
}

static void what_is_no_plain_number_is_left_to_others(void **state)
{
    static const char *const texts[] = {
        "",   "-",  "+",   ".",   "-.",  ".5",    "5.",        "1e5",       "1.2.3",    "--1",     "1-", "12345678901234567",
        " 1", "1 ", "NaN", "1,5", "0x1", "1.5e3", "12345678.", ".12345678", "1234567:", "1234567/"};
    struct digits_number number;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (digits_number(at_the_end(*state, texts[i]), &number)) fail_msg("\"%s\" is taken", texts[i]);
}

static void a_sign_is_read(void **state)
{
    struct digits_number number;
    assert_true(digits_number(at_the_end(*state, "-0012.50"), &number));
    assert_true(number.negative);
    assert_int_equal(number.mantissa, 1250);
    assert_int_equal(number.scale, 2);
    assert_true(digits_number(at_the_end(*state, "+7"), &number));
    assert_false(number.negative);
    assert_int_equal(number.scale, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(integers_of_1_to_19_digits_are_read, map_guard, unmap_guard),
        cmocka_unit_test_setup_teardown(a_point_is_found_at_every_place, map_guard, unmap_guard),
        cmocka_unit_test_setup_teardown(what_is_no_plain_number_is_left_to_others, map_guard, unmap_guard),
        cmocka_unit_test_setup_teardown(a_sign_is_read, map_guard, unmap_guard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
