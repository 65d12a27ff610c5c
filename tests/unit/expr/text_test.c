/* SPDX-License-Identifier: MIT */
/* Expected is what PostgreSQL 15 answered; tests/differential/test_functions.py asks it about many more. */
/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "calls.h"
/* clang-format on */

static void comparisons_are_bytewise(void **state)
{
    (void)state;
    assert_call("=", "text ä", "text ä", "true");
    assert_call("<>", "text a", "text a ", "true");
    assert_call("<", "text Z", "text a", "true");
    assert_call(">", "text ä", "text z", "true");
    assert_call("<=", "text a", "text a", "true");
    assert_call(">=", "text a", "text b", "false");
}

static void blanks_at_the_end_do_not_count_in_a_char(void **state)
{
    (void)state;
    assert_call("=", "bpchar a  ", "bpchar a", "true");
    assert_call("<", "bpchar a  ", "bpchar a", "false");
    assert_call("length", "bpchar ä  ", NULL, "1");
}

static void lengths_are_characters_or_octets(void **state)
{
    (void)state;
    assert_call("length", "text äöü", NULL, "3");
    assert_call("char_length", "text 日本", NULL, "2");
    assert_call("octet_length", "text äöü", NULL, "6");
    assert_call("bit_length", "text a", NULL, "8");
    assert_call("length", "text ", NULL, "0");
}

static void case_is_ascii_in_the_c_locale(void **state)
{
    (void)state;
    assert_call("lower", "text ÄBC", NULL, "Äbc");
    assert_call("upper", "text äbc", NULL, "äBC");
    assert_call("initcap", "text hello wORLD-x", NULL, "Hello World-X");
    assert_call("initcap", "text éa", NULL, "éA");
}

static void trim_takes_a_set_of_characters(void **state)
{
    (void)state;
    assert_call("btrim", "text   a  ", NULL, "a");
    assert_call("btrim", "text xäyäx", "text äx", "y");
    assert_call("ltrim", "text xxyx", "text x", "yx");
    assert_call("rtrim", "text xxyx", "text x", "xxy");
    assert_call("btrim", "text abc", "text ", "abc");
}

static void a_substring_may_start_before_the_text(void **state)
{
    (void)state;
    assert_call("substr", "text äbcd", "int4 2", "bcd");
    assert_call3("substr", "text abcd", "int4 -1", "int4 4", "ab");
    assert_call3("substring", "text abcd", "int4 2", "int4 2", "bc");
    assert_call3("substr", "text abcd", "int4 2147483647", "int4 2147483647", "");
    assert_call3("substr", "text abcd", "int4 3", "int4 2147483647", "cd");
    assert_call3("substr", "text abcd", "int4 1", "int4 -1", "22011 negative substring length not allowed");
}

static void left_and_right_count_from_either_end(void **state)
{
    (void)state;
    assert_call("left", "text äbc", "int4 2", "äb");
    assert_call("left", "text äbc", "int4 -1", "äb");
    assert_call("right", "text abä", "int4 2", "bä");
    assert_call("right", "text abä", "int4 -1", "bä");
    assert_call("right", "text abc", "int4 -2147483648", "abc");
    assert_call("left", "text abc", "int4 -9", "");
}

static void split_part_counts_from_either_end(void **state)
{
    (void)state;
    assert_call3("split_part", "text a,b,c", "text ,", "int4 2", "b");
    assert_call3("split_part", "text a,b,c", "text ,", "int4 -1", "c");
    assert_call3("split_part", "text a,b,c", "text ,", "int4 4", "");
    assert_call3("split_part", "text abc", "text ", "int4 1", "abc");
    assert_call3("split_part", "text a", "text ,", "int4 0", "22023 field position must not be zero");
}

static void replace_position_and_translate(void **state)
{
    (void)state;
    assert_call3("replace", "text abcabc", "text bc", "text ä", "aäaä");
    assert_call3("replace", "text abc", "text ", "text x", "abc");
    assert_call("strpos", "text äbc", "text c", "3");
    assert_call("position", "text abc", "text ", "1");
    assert_call("strpos", "text abc", "text x", "0");
    assert_call3("translate", "text 12345", "text 143", "text ax", "a2x5");
    assert_call("starts_with", "text abc", "text ab", "true");
    assert_call("ascii", "text ä", NULL, "228");
}

static void padding_counts_characters(void **state)
{
    (void)state;
    assert_call("lpad", "text ä", "int4 3", "  ä");
    assert_call3("lpad", "text ab", "int4 5", "text äx", "äxäab");
    assert_call3("rpad", "text ab", "int4 5", "text äx", "abäxä");
    assert_call3("lpad", "text abc", "int4 2", "text x", "ab");
    assert_call3("rpad", "text abc", "int4 9", "text ", "abc");
    assert_call("lpad", "text a", "int4 -1", "");
    assert_call3("lpad", "text a", "int4 268435455", "text x", "54000 requested length too large");
}

static void texts_are_joined_repeated_reversed(void **state)
{
    (void)state;
    assert_call("||", "text a", "text ä", "aä");
    assert_call("||", "text a", "text NULL", "NULL");
    assert_call("repeat", "text ab", "int4 3", "ababab");
    assert_call("repeat", "text ab", "int4 -1", "");
    assert_call("repeat", "text ab", "int4 1073741823", "54000 requested length too large");
    assert_call("reverse", "text aäb", NULL, "bäa");
}

static void like_matches_the_whole_text(void **state)
{
    (void)state;
    assert_call("~~", "text abc", "text a%", "true");
    assert_call("~~", "text abc", "text _b_", "true");
    assert_call("~~", "text äbc", "text _bc", "true");
    assert_call("~~", "text abc", "text b", "false");
    assert_call("~~", "text a%c", "text a\\%c", "true");
    assert_call("!~~", "text abc", "text %c", "false");
    assert_call("~~*", "text ABC", "text abc", "true");
    assert_call("!~~*", "text abc", "text ABC", "false");
    assert_call("~~", "text aab", "text %ab", "true");
    assert_call("~~", "text ", "text %", "true");
}

static void a_pattern_that_ends_in_the_escape_fails_where_it_is_reached(void **state)
{
    (void)state;
    assert_call("~~", "text ab", "text a\\", "22025 LIKE pattern must not end with escape character");
    assert_call("~~", "text a", "text a\\", "false");
    assert_call("~~", "text a", "text %_\\", "22025 LIKE pattern must not end with escape character");
    assert_call("like_escape", "text a#%\\", "text #", "a\\%\\\\");
    assert_call("like_escape", "text a", "text ##", "22025 invalid escape string");
}

/* n times `filler`, with what is before and behind it, as a value of type text; static, one for each `which` */
static const char *long_text(int which, size_t n, const char *before, char filler, const char *behind)
{
    enum { TEXTS = 2, TEXT_MAX = 1 << 18 };
    static char text[TEXTS][TEXT_MAX];
    size_t len = (size_t)snprintf(text[which], TEXT_MAX, "text %s", before);
    memset(text[which] + len, filler, n);
    strcpy(text[which] + len + n, behind);
    return text[which];
}

static void hours_of_work_are_refused(void **state)
{
    (void)state;
    static const char refused[] =
        "54000 two texts are so long that comparing each part of one with each of the other would take minutes";
    const char *text = long_text(0, 60000, "", 'a', "");
    assert_call("~~", text, long_text(1, 30000, "%", 'a', "b%"), refused);
    assert_call("~~", text, long_text(1, 30000, "%", 'a', "%"), "true");
    assert_call("btrim", text, long_text(1, 60000, "", 'b', "a"), refused);
    assert_call("btrim", "text aXa", long_text(1, 60000, "", 'b', "a"), "X");
    text = long_text(0, 200000, "", 'a', "");
    assert_call3("translate", text, long_text(1, 30000, "", 'b', "a"), "text ", refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_of_work_are_refused),
        cmocka_unit_test(comparisons_are_bytewise),
        cmocka_unit_test(blanks_at_the_end_do_not_count_in_a_char),
        cmocka_unit_test(lengths_are_characters_or_octets),
        cmocka_unit_test(case_is_ascii_in_the_c_locale),
        cmocka_unit_test(trim_takes_a_set_of_characters),
        cmocka_unit_test(a_substring_may_start_before_the_text),
        cmocka_unit_test(left_and_right_count_from_either_end),
        cmocka_unit_test(split_part_counts_from_either_end),
        cmocka_unit_test(replace_position_and_translate),
        cmocka_unit_test(padding_counts_characters),
        cmocka_unit_test(texts_are_joined_repeated_reversed),
        cmocka_unit_test(like_matches_the_whole_text),
        cmocka_unit_test(a_pattern_that_ends_in_the_escape_fails_where_it_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
