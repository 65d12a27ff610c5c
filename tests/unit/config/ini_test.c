/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct subject {
    struct arena arena;
    struct ini ini;
    struct mistakes mistakes;
};

static void begin(struct subject *s)
{
    arena_init(&s->arena, 4096, 64 << 20);
    ini_init(&s->ini, &s->arena);
    mistakes_init(&s->mistakes);
}

static void end(struct subject *s)
{
    mistakes_done(&s->mistakes);
    arena_done(&s->arena);
}

static void add(struct subject *s, const char *file, struct slice text)
{
    assert_int_equal(ini_read(&s->ini, file, text, &s->mistakes), 0);
}

static void expect(const struct subject *s, const char *section, const char *key, const char *value)
{
    for (const struct ini_section *i = s->ini.first; i; i = i->next) {
        char name[200];
        snprintf(name, sizeof(name), SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(i->kind), i->name.len ? " " : "", SLICE_ARG(i->name));
        if (strcmp(name, section) != 0) continue;
        const struct ini_entry *e = ini_entry(i, key);
        if (!e) fail_msg("no %s in [%s]", key, section);
        if (!slice_equal(e->value, slice_of(value))) fail_msg("%s is '" SLICE_FMT "', not '%s'", key, SLICE_ARG(e->value), value);
        return;
    }
    fail_msg("no [%s]", section);
}

static void expect_mistake(struct slice text, const char *want)
{
    struct subject s;
    begin(&s);
    add(&s, "f", text);
    if (s.mistakes.stored != 1 || !strstr(s.mistakes.text[0], want))
        fail_msg("%zu mistakes, the first '%s', wanted '%s'", s.mistakes.n, s.mistakes.stored ? s.mistakes.text[0] : "", want);
    end(&s);
}

static void values_are_raw(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "f", SLICE("[daemon]\nspool = /a b # not a comment \\n \"x\" = y\nempty=\n[dataset  my name ]\nk=v"));
    assert_int_equal(s.mistakes.n, 0);
    expect(&s, "daemon", "spool", "/a b # not a comment \\n \"x\" = y");
    expect(&s, "daemon", "empty", "");
    expect(&s, "dataset my name", "k", "v");
    end(&s);
}

static void indented_lines_go_on_with_the_value(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "f", SLICE("[dataset a]\ncolumns =\n    x int,\n# a comment\n\n\ty text  \n  \nmode = append\n"));
    assert_int_equal(s.mistakes.n, 0);
    expect(&s, "dataset a", "columns", "x int,\ny text");
    expect(&s, "dataset a", "mode", "append");
    end(&s);
}

static void comments_begin_only_at_the_start_of_a_line(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "f", SLICE("# a\n; b\n[s]\n#k = 1\nk = 2 ; stays\n"));
    assert_int_equal(s.mistakes.n, 0);
    expect(&s, "s", "k", "2 ; stays");
    end(&s);
}

static void crlf_a_bom_and_a_missing_last_line_end_are_fine(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "f", SLICE("\xef\xbb\xbf[s]\r\nk = v\r\n  w\r\n\r\nl = x"));
    assert_int_equal(s.mistakes.n, 0);
    expect(&s, "s", "k", "v\nw");
    expect(&s, "s", "l", "x");
    end(&s);
}

static void places_are_those_of_the_key(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "a.conf", SLICE("\n[s]\n\nk =\n  v\n"));
    const struct ini_entry *e = ini_entry(s.ini.first, "k");
    assert_int_equal(s.ini.first->place.line, 2);
    assert_int_equal(e->place.line, 4);
    assert_string_equal(e->place.file, "a.conf");
    end(&s);
}

static void a_later_file_overrides_key_by_key(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "a", SLICE("[s]\nk = 1\nl = 1\n"));
    add(&s, "b", SLICE("[s]\nk = 2\n[t]\nm = 3\n"));
    assert_int_equal(s.mistakes.n, 0);
    expect(&s, "s", "k", "2");
    expect(&s, "s", "l", "1");
    expect(&s, "t", "m", "3");
    assert_string_equal(ini_entry(s.ini.first, "k")->place.file, "b");
    assert_string_equal(ini_entry(s.ini.first, "l")->place.file, "a");
    end(&s);
}

static void twice_in_one_file_is_a_mistake(void **state)
{
    (void)state;
    expect_mistake(SLICE("[s]\nk = 1\nk = 2\n"), "f:3: key 'k' is given already, at line 2");
    expect_mistake(SLICE("[s]\nk = 1\n[t]\n[s]\nk = 2\n  more\n"), "f:4: section [s] is there already, at line 1");
}

static void what_is_neither_key_nor_section_is_named(void **state)
{
    (void)state;
    expect_mistake(SLICE("[s]\nword\n  more\n"), "f:2: expected 'key = value'");
    expect_mistake(SLICE("[s]\n= v\n"), "f:2: expected 'key = value'");
    expect_mistake(SLICE("[s\nk = 1\nl = 1\n"), "f:1: a section is written");
    expect_mistake(SLICE("[s] x\n"), "f:1: a section is written");
    expect_mistake(SLICE("k = 1\nl = 2\n"), "f:1: a key must stand below a section");
    expect_mistake(SLICE("[s]\n  k = 1\n  l = 2\n"), "f:2: an indented line goes on");
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    expect_mistake(SLICE("[s]\nk = a\0b\nl = \0\n"), "f:2: a NUL byte");
    expect_mistake(SLICE("[s]\nk = \xff\xfe\n"), "f:2: this line is not UTF-8");
}

static void one_mistake_does_not_hide_the_next(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "f", SLICE("[s]\nbad\nk = 1\nworse\n"));
    assert_int_equal(s.mistakes.n, 2);
    expect(&s, "s", "k", "1");
    end(&s);
}

static void an_empty_file_is_empty(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    add(&s, "f", SLICE(""));
    add(&s, "g", (struct slice){"\n\n#\n", 4});
    assert_int_equal(s.mistakes.n, 0);
    assert_null(s.ini.first);
    end(&s);
}

static void a_huge_line_is_one_value_and_a_huge_file_a_mistake(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    char *text = malloc(INI_FILE_MAX + 1);
    memset(text, 'x', INI_FILE_MAX + 1);
    memcpy(text, "[s]\nk = ", 8);
    add(&s, "f", (struct slice){text, INI_FILE_MAX});
    assert_int_equal(s.mistakes.n, 0);
    assert_int_equal(ini_entry(s.ini.first, "k")->value.len, INI_FILE_MAX - 8);
    add(&s, "g", (struct slice){text, INI_FILE_MAX + 1});
    assert_int_equal(s.mistakes.n, 1);
    free(text);
    end(&s);
}

static void too_many_sections_are_refused(void **state)
{
    (void)state;
    struct subject s;
    begin(&s);
    char *text = malloc(20 * (INI_SECTIONS_MAX + 1));
    size_t len = 0;
    for (int i = 0; i <= INI_SECTIONS_MAX; i++)
        len += (size_t)sprintf(text + len, "[a %d]\n", i);
    add(&s, "f", (struct slice){text, len});
    assert_int_equal(s.mistakes.n, 1);
    free(text);
    end(&s);
}

static void any_bytes_are_survived(void **state)
{
    (void)state;
    unsigned seed = 99;
    for (int round = 0; round < 3000; round++) {
        char text[120];
        size_t len = (size_t)(rand_r(&seed) % 120);
        for (size_t i = 0; i < len; i++)
            text[i] = "[]=\n\n \tab#;\r\xc3\xa9.\"'"[rand_r(&seed) % 18];
        struct subject s;
        begin(&s);
        add(&s, "f", (struct slice){text, len});
        end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_raw),
        cmocka_unit_test(indented_lines_go_on_with_the_value),
        cmocka_unit_test(comments_begin_only_at_the_start_of_a_line),
        cmocka_unit_test(crlf_a_bom_and_a_missing_last_line_end_are_fine),
        cmocka_unit_test(places_are_those_of_the_key),
        cmocka_unit_test(a_later_file_overrides_key_by_key),
        cmocka_unit_test(twice_in_one_file_is_a_mistake),
        cmocka_unit_test(what_is_neither_key_nor_section_is_named),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(one_mistake_does_not_hide_the_next),
        cmocka_unit_test(an_empty_file_is_empty),
        cmocka_unit_test(a_huge_line_is_one_value_and_a_huge_file_a_mistake),
        cmocka_unit_test(too_many_sections_are_refused),
        cmocka_unit_test(any_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
