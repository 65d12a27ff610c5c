/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/clock.h"
#include "base/glob.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static bool match(const char *glob, const char *text)
{
    return glob_match(slice_of(glob), slice_of(text));
}

static void stars_and_question_marks_stop_at_slashes(void **state)
{
    (void)state;
    assert_true(match("orders_*.csv", "orders_1.csv"));
    assert_true(match("orders_*.csv", "orders_.csv"));
    assert_true(match("*", ""));
    assert_false(match("*", "a/b"));
    assert_false(match("?", "/"));
    assert_false(match("?", ""));
    assert_true(match("a?c", "abc"));
    assert_true(match("*a*b*", "xxaxxbxx"));
    assert_false(match("*a*b", "xxbxxa"));
    assert_false(match("orders", "orders.csv"));
    assert_true(match("", ""));
    assert_false(match("", "x"));
}

static void two_stars_cross_slashes(void **state)
{
    (void)state;
    assert_true(match("**", "a/b/c"));
    assert_true(match("in/**.csv", "in/a/b/c.csv"));
    assert_true(match("**/x*z", "a/b/xyz"));
    assert_true(match("**/x*z", "xaz/b/x/xyz"));
    assert_false(match("**/x*z", "a/xb/z"));
}

static void sets_have_ranges_and_negation(void **state)
{
    (void)state;
    assert_true(match("[a-c]1", "b1"));
    assert_false(match("[a-c]1", "d1"));
    assert_true(match("[!a-c]", "d"));
    assert_true(match("[^a-c]", "d"));
    assert_false(match("[!a-c]", "a"));
    assert_false(match("[!a]", "/"));
    assert_true(match("[]x]", "]"));
    assert_true(match("[*]", "*"));
    assert_false(match("[*]", "a"));
    assert_true(match("[a-]", "-"));
    assert_true(match("[\x80-\xff]", "\xc3"));
    assert_true(match("[abc", "[abc"));
    assert_false(match("[z-a]", "m"));
}

static void parts_take_at_least_one_byte_of_a_component(void **state)
{
    (void)state;
    assert_true(match("{year}/{month}.csv", "2024/01.csv"));
    assert_false(match("{year}/x.csv", "/x.csv"));
    assert_false(match("{year}.csv", "20/24.csv"));
    assert_true(match("s_{year}_{month}.csv", "s_2024_01_x.csv"));
    assert_true(match("{open", "{open"));
}

static void bytes_are_bytes(void **state)
{
    (void)state;
    assert_true(glob_match(SLICE("a*b"), SLICE("a\0\n\xff"
                                               "b")));
    assert_true(glob_match(SLICE("a?b"), SLICE("a\0b")));
    assert_true(glob_match((struct slice){NULL, 0}, (struct slice){NULL, 0}));
    assert_false(match("A.csv", "a.csv"));
}

static void a_glob_without_a_slash_matches_the_last_component(void **state)
{
    (void)state;
    assert_true(glob_match_file(SLICE("*.csv"), SLICE("a.csv")));
    assert_true(glob_match_file(SLICE("*.csv"), SLICE("sub/dir/a.csv")));
    assert_true(glob_match_file(SLICE("sub/*.csv"), SLICE("sub/a.csv")));
    assert_false(glob_match_file(SLICE("sub/*.csv"), SLICE("a.csv")));
    assert_false(glob_match_file(SLICE("sub/*.csv"), SLICE("other/sub/a.csv")));
}

static void validity_is_told(void **state)
{
    (void)state;
    assert_true(glob_valid(SLICE("a/**/[!x]*{year}.csv")));
    assert_false(glob_valid(SLICE("[abc")));
    assert_false(glob_valid(SLICE("{abc")));
    assert_false(glob_valid(SLICE("{}")));
    assert_false(glob_valid(SLICE("{a b}")));
}

static void assert_parts(const char *glob, const char *path, const char *wanted)
{
    struct glob_part part[GLOB_PARTS_MAX];
    size_t n = 0;
    char got[256] = "";
    assert_true(glob_capture(slice_of(glob), slice_of(path), part, &n));
    for (size_t i = 0; i < n; i++)
        snprintf(got + strlen(got), sizeof(got) - strlen(got), SLICE_FMT "=" SLICE_FMT "%s", SLICE_ARG(part[i].name),
                 SLICE_ARG(part[i].text), part[i].is_hive ? "! " : " ");
    assert_string_equal(got, wanted);
}

static void parts_tell_what_they_matched(void **state)
{
    (void)state;
    assert_parts("sales/year={year}/{month}/*.csv", "sales/year=2024/01/a.csv", "year=2024! month=01 ");
    assert_parts("sales_{region}.csv", "any/folder/sales_north.csv", "region=north ");
    assert_parts("{a}_{b}.csv", "x_y_z.csv", "a=x b=y_z ");
    assert_parts("*{a}-{b}", "xx-y-z", "a=xx b=y-z ");
    assert_parts("**/{a}x{b}/**z", "p/qxr/s/txu/z/z", "a=q b=r ");
    assert_parts("**/{a}x{b}z", "p/qxr/s/txuuz", "a=t b=uu ");
    assert_parts("a*.csv", "a.csv", "");
    struct glob_part part[GLOB_PARTS_MAX];
    size_t n;
    assert_false(glob_capture(SLICE("{a}.csv"), SLICE(".csv"), part, &n));
}

static void parts_have_names_of_their_own_and_are_few(void **state)
{
    (void)state;
    assert_false(glob_valid(SLICE("{a}/{b}/{a}")));
    assert_true(glob_valid(SLICE("{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}")));
    assert_false(glob_valid(SLICE("{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}{m}{n}{o}{p}{q}")));
}

static void a_hostile_glob_takes_no_time(void **state)
{
    (void)state;
    char text[4096], glob[200];
    memset(text, 'a', sizeof(text));
    for (size_t i = 0; i < sizeof(glob); i++)
        glob[i] = i % 2 ? '*' : 'a';
    glob[sizeof(glob) - 1] = 'b';
    int64_t begin = clock_mono_us();
    assert_false(glob_match((struct slice){glob, sizeof(glob)}, (struct slice){text, sizeof(text)}));
    assert_true(clock_mono_us() - begin < 2000000);
}

/* The oracle is fnmatch(3) with FNM_PATHNAME, over random short patterns of what both know. */
static void it_agrees_with_fnmatch(void **state)
{
    (void)state;
    static const char *const bits[] = {"*", "?", "a", "b", "/", "[ab]", "[!a]"};
    unsigned seed = 4711;
    for (int round = 0; round < 200000; round++) {
        char glob[64] = "", text[8] = "";
        for (int n = rand_r(&seed) % 6; n > 0; n--) {
            const char *bit = bits[rand_r(&seed) % 7];
            size_t len = strlen(glob);
            if (bit[0] == '*' && len && glob[len - 1] == '*') continue; /* ours means more */
            strcat(glob, bit);
        }
        for (int i = 0, n = rand_r(&seed) % 7; i < n; i++)
            text[i] = "ab/"[rand_r(&seed) % 3];
        bool want = fnmatch(glob, text, FNM_PATHNAME | FNM_NOESCAPE) == 0;
        if (match(glob, text) != want) fail_msg("'%s' on '%s': fnmatch says %d", glob, text, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_and_question_marks_stop_at_slashes),
        cmocka_unit_test(two_stars_cross_slashes),
        cmocka_unit_test(sets_have_ranges_and_negation),
        cmocka_unit_test(parts_take_at_least_one_byte_of_a_component),
        cmocka_unit_test(bytes_are_bytes),
        cmocka_unit_test(a_glob_without_a_slash_matches_the_last_component),
        cmocka_unit_test(validity_is_told),
        cmocka_unit_test(parts_tell_what_they_matched),
        cmocka_unit_test(parts_have_names_of_their_own_and_are_few),
        cmocka_unit_test(a_hostile_glob_takes_no_time),
        cmocka_unit_test(it_agrees_with_fnmatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
