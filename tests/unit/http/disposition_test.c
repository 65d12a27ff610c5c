/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/disposition.h"

#include <cmocka.h>

static void expect(struct slice name, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    http_disposition(&out, name);
    assert_string_equal(buf_cstr(&out), want);
    buf_done(&out);
}

static void plain_names_stay_as_they_are(void **state)
{
    (void)state;
    expect(SLICE("hires_2021.csv"), "attachment; filename=\"hires_2021.csv\"");
    expect(SLICE("two words.csv"), "attachment; filename=\"two words.csv\"");
}

static void other_characters_are_said_twice(void **state)
{
    (void)state;
    expect(SLICE("Zo\xc3\xab.csv"), "attachment; filename=\"Zo_.csv\"; filename*=UTF-8''Zo%C3%AB.csv");
    expect(SLICE("100%.csv"), "attachment; filename=\"100_.csv\"; filename*=UTF-8''100%25.csv");
    expect(SLICE("\xb2"), "attachment; filename=\"_\"; filename*=UTF-8''_");
    expect(SLICE("a\xff.csv"), "attachment; filename=\"a_.csv\"; filename*=UTF-8''a_.csv");
}

static void name_is_never_a_path_and_never_breaks_the_field(void **state)
{
    (void)state;
    expect(SLICE("../etc/passwd"), "attachment; filename=\"_etc_passwd\"");
    expect(SLICE("C:\\x"), "attachment; filename=\"C__x\"");
    expect(SLICE("a\"; b=\"c\r\nX: 1"), "attachment; filename=\"a_; b=_c__X_ 1\"");
    expect(SLICE("a\0b"), "attachment; filename=\"a_b\"");
    expect(SLICE(" .. "), "attachment; filename=\"download\"");
    expect(SLICE(""), "attachment; filename=\"download\"");
}

static void long_names_are_cut_at_a_character(void **state)
{
    (void)state;
    char name[600];
    struct buf out;
    for (size_t i = 0; i < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xab", 2);
    buf_init(&out, 4096);
    http_disposition(&out, (struct slice){name, 599});
    assert_int_equal(buf_check(&out), 0);
    assert_int_equal(out.len, strlen("attachment; filename=\"\"; filename*=UTF-8''") + 100 + 600);
    buf_reset(&out);
    memset(name, 'a', sizeof name);
    memcpy(name + 595, ".csv", 4);
    http_disposition(&out, (struct slice){name, 599});
    assert_int_equal(out.len, strlen("attachment; filename=\"\"") + 200);
    assert_true(slice_ends(buf_slice(&out), SLICE("aaa.csv\"")));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_stay_as_they_are),
        cmocka_unit_test(other_characters_are_said_twice),
        cmocka_unit_test(name_is_never_a_path_and_never_breaks_the_field),
        cmocka_unit_test(long_names_are_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
