/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/config.h"
#include "config/value.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static const struct value_choice colours[] = {{"red", 1}, {"green", 2}, {"rot", 1}, {NULL, 0}};

/* Any field there is. */
union field {
    const char *text[2];
    int64_t number;
    int choice;
    struct config_list list;
    char c;
    struct config_budget budget;
};

/* `text` becomes `want` when it is read and written; a refusal becomes "! words". What is written reads back to the same. */
static void expect(const struct value_rule *rule, const char *text, const char *want)
{
    struct arena arena;
    struct error err = {0};
    struct buf out;
    union field field;
    arena_init(&arena, 1024, 1 << 20);
    buf_init(&out, 8192);
    memset(&field, 0, sizeof(field));
    int r = value_parse(rule, slice_of(text), &(struct value_context){&arena, &err}, &field);
    assert_true(r == 0 || r == VALUE_E_INVALID);
    if (r)
        buf_printf(&out, "! %s", err.text);
    else
        value_format(rule, &field, &out);
    if (strcmp(buf_cstr(&out), want) != 0) fail_msg("'%s' became '%s', not '%s'", text, buf_cstr(&out), want);
    if (r == 0 && strcmp(text, want) != 0) expect(rule, want, want);
    buf_done(&out);
    arena_done(&arena);
}

static void becomes(enum value_type type, const char *text, const char *want)
{
    const struct value_rule mode = {.type = type, .min = 0, .max = 0777},
                            other = {.type = type, .min = 1, .max = 100000, .choices = colours};
    expect(type == VALUE_MODE ? &mode : &other, text, want);
}

static void numbers_have_a_range(void **state)
{
    (void)state;
    becomes(VALUE_COUNT, "12", "12");
    becomes(VALUE_COUNT, "0", "! '0' is not a number, 1 to 100000");
    becomes(VALUE_COUNT, "100001", "! '100001' is not a number, 1 to 100000");
    becomes(VALUE_COUNT, "x", "! 'x' is not a number, 1 to 100000");
    becomes(VALUE_COUNT, "", "! '' is not a number, 1 to 100000");
    becomes(VALUE_COUNT, "99999999999999999999", "! '99999999999999999999' is not a number, 1 to 100000");
}

static void sizes_and_durations_have_units(void **state)
{
    (void)state;
    becomes(VALUE_SIZE, "64 KiB", "64K");
    becomes(VALUE_SIZE, "1G", "! '1G' is not a size in bytes (K, M, G, T), 1 to 100000");
    becomes(VALUE_DURATION, "1500ms", "1500ms");
    becomes(VALUE_DURATION, "60s", "1min");
    becomes(VALUE_DURATION, "soon", "! 'soon' is not a duration (us, ms, s, min, h, d, w), 1ms to 100s");
}

static void modes_are_octal(void **state)
{
    (void)state;
    becomes(VALUE_MODE, "0660", "0660");
    becomes(VALUE_MODE, "660", "0660");
    becomes(VALUE_MODE, "0888", "! '0888' is not an octal mode, 0000 to 0777");
    becomes(VALUE_MODE, "1777", "! '1777' is not an octal mode, 0000 to 0777");
    becomes(VALUE_MODE, "", "! '' is not an octal mode, 0000 to 0777");
}

static void choices_are_listed_and_written_by_their_first_name(void **state)
{
    (void)state;
    becomes(VALUE_CHOICE, "green", "green");
    becomes(VALUE_CHOICE, "rot", "red");
    becomes(VALUE_CHOICE, "Red", "! 'Red' is not red, green or rot");
}

static void zones_are_loaded_by_name(void **state)
{
    (void)state;
    becomes(VALUE_ZONE, "Europe/Paris", "Europe/Paris");
    becomes(VALUE_ZONE, "UTC", "UTC");
    becomes(VALUE_ZONE, "", "");
    becomes(VALUE_ZONE, "Europe/Pariss", "! there is no time zone 'Europe/Pariss'; one is named like Europe/Paris");
    becomes(VALUE_ZONE, "Europe", "! 'Europe' is a region, not a time zone; one is named like Europe/Paris");
    becomes(VALUE_ZONE, "../../etc/passwd", "! there is no time zone '../../etc/passwd'; one is named like Europe/Paris");
}

static void lists_are_by_comma_or_line(void **state)
{
    (void)state;
    becomes(VALUE_LIST, " a, b c ,,\n d\n", "a, b c, d");
    becomes(VALUE_LIST, "", "");
    becomes(VALUE_GLOBS, "a_*.csv, {year}/[a-z].csv", "a_*.csv, {year}/[a-z].csv");
    becomes(VALUE_GLOBS, "ok, [a",
            "! '[a' is not a glob: a [ or { is not closed, {\xe2\x80\xa6} holds no name or one that came before, or there are more "
            "than 16; a literal one is written [[] or [{]");
}

static void lists_have_a_ceiling(void **state)
{
    (void)state;
    char text[3000] = "";
    for (int i = 0; i < 1025; i++)
        strcat(text, "a,");
    becomes(VALUE_LIST, text, "! more than 1024 items");
}

static void addresses_are_checked(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:8080", "[::1]:0", "localhost:65535", "unix:/run/x.sock", "[::]:80", "*:80"};
    static const char *const bad[] = {"8080",          ":8080",    "h:65536",    "h:",    "h:x",
                                      "::1:80",        "[::1:80",  "unix:run/x", "unix:", "h:-1",
                                      "127.0.0.1x:80", "[::g]:80", "[]:80",      "[:80",  "[127.0.0.1]:80"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        becomes(VALUE_ADDRESSES, good[i], good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct arena arena;
        struct config_list list;
        arena_init(&arena, 16384, 1 << 20);
        int r = value_parse(&(struct value_rule){.type = VALUE_ADDRESSES}, slice_of(bad[i]), &(struct value_context){&arena, NULL},
                            &list);
        arena_done(&arena);
        if (r != VALUE_E_INVALID) fail_msg("'%s' was taken", bad[i]);
    }
    becomes(VALUE_ADDRESSES, "example.org:80",
            "! 'example.org:80' is not the address of a host; names other than localhost are not looked up");
    becomes(VALUE_ADDRESSES, ":80",
            "! ':80' is not complete: write 0.0.0.0:port for every IPv4 address, [::]:port for every address");
}

static void a_delimiter_is_one_character_or_a_word(void **state)
{
    (void)state;
    becomes(VALUE_DELIMITER, "auto", "auto");
    becomes(VALUE_DELIMITER, "tab", "tab");
    becomes(VALUE_DELIMITER, ";", ";");
    becomes(VALUE_DELIMITER, "",
            "! '' is not a delimiter: auto, tab, space, or one ASCII character that is no letter and no digit");
    becomes(VALUE_DELIMITER, "\xc3\xa9",
            "! '\xc3\xa9' is not a delimiter: auto, tab, space, or one ASCII character that is no letter and no digit");
    becomes(VALUE_DELIMITER, "space", "space");
    becomes(VALUE_DELIMITER, "a",
            "! 'a' is not a delimiter: auto, tab, space, or one ASCII character that is no letter and no digit");
    becomes(VALUE_QUOTE, "1", "! '1' is not auto, none, or one ASCII character that is no letter and no digit");
    becomes(VALUE_QUOTE, "'", "'");
    becomes(VALUE_QUOTE, "auto", "auto");
    becomes(VALUE_QUOTE, "none", "none");
    becomes(VALUE_ESCAPE, "auto", "auto");
    becomes(VALUE_ESCAPE, "none", "none");
    becomes(VALUE_ESCAPE, "\\", "\\");
    becomes(VALUE_ESCAPE, "xx", "! 'xx' is not auto, none, or one ASCII character");
    becomes(VALUE_LINES, "auto", "auto");
    becomes(VALUE_LINES, "3", "3");
    becomes(VALUE_QUOTE, "''",
            "! '"
            "'"
            "'"
            "' is not auto, none, or one ASCII character that is no letter and no digit");
}

static void budgets_are_rows_or_a_percentage(void **state)
{
    (void)state;
    becomes(VALUE_BUDGET, "0", "0");
    becomes(VALUE_BUDGET, "10", "10");
    becomes(VALUE_BUDGET, "1%", "1%");
    becomes(VALUE_BUDGET, "0.50 %", "0.5%");
    becomes(VALUE_BUDGET, "100%", "100%");
    becomes(VALUE_BUDGET, "100.1%", "! '100.1%' is not at most 100%");
    becomes(VALUE_BUDGET, "-1", "! '-1' is not a number of rows, or a percentage such as 1% or 0.5%");
    becomes(VALUE_BUDGET, "%", "! '%' is not a number of rows, or a percentage such as 1% or 0.5%");
    becomes(VALUE_BUDGET, "1e1%", "! '1e1%' is not a number of rows, or a percentage such as 1% or 0.5%");
    becomes(VALUE_BUDGET, "1.%", "! '1.%' is not a number of rows, or a percentage such as 1% or 0.5%");
}

static void tables_are_names_of_sql(void **state)
{
    (void)state;
    becomes(VALUE_TABLE, "Orders", "\"public\".\"orders\"");
    becomes(VALUE_TABLE, "sales . \"My \"\"T", "! 'sales . \"My \"\"T' is not a table: schema.table, as SQL writes names");
    becomes(VALUE_TABLE, "sales . \"My \"\"T\"", "\"sales\".\"My \"\"T\"");
    becomes(VALUE_TABLE, "a.b.c", "! 'a.b.c' is not a table: schema.table, as SQL writes names");
    becomes(VALUE_TABLE, "", "! '' is not a table: schema.table, as SQL writes names");
    becomes(VALUE_TABLE, "cetl.file",
            "! 'cetl.file' is not a table for your data: the schemas cetl and pg_\xe2\x80\xa6 have other uses");
    becomes(VALUE_TABLE, "pg_catalog.x",
            "! 'pg_catalog.x' is not a table for your data: the schemas cetl and pg_\xe2\x80\xa6 have other uses");
}

static void texts_are_one_line_and_sql_is_any(void **state)
{
    (void)state;
    becomes(VALUE_TEXT, "a \\ b % c", "a \\ b % c");
    becomes(VALUE_TEXT, "a\nb = c", "! 'a\nb = c' is not one line; an indented line goes on with the value above it");
    becomes(VALUE_SQL, "a", "a");
}

static void what_may_be_a_secret_in_a_url_is_not_shown(void **state)
{
    (void)state;
    becomes(VALUE_URL, "https://h/a", "https://h/a");
    becomes(VALUE_URL, "s3://b/a?c", "s3://b/a?c");
    const char *url = "https://h/a?b=c?d";
    struct buf out;
    buf_init(&out, 64);
    value_format(&(struct value_rule){.type = VALUE_URL}, &url, &out);
    assert_string_equal(buf_cstr(&out), "https://h/a?…");
    buf_done(&out);
}

static void sql_is_written_with_indented_lines(void **state)
{
    (void)state;
    struct buf out;
    const char *sql = "a int,\nb int";
    buf_init(&out, 100);
    value_format(&(struct value_rule){.type = VALUE_SQL}, &sql, &out);
    assert_string_equal(buf_cstr(&out), "a int,\n    b int");
    buf_done(&out);
}

static void touch(const char *folder, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
}

/* systemd names the files of a folder that LoadCredential= gives by its own name, `_`, and theirs. */
static void a_credential_is_found_by_its_name_or_by_that_of_the_folder_it_was_loaded_with(void **state)
{
    (void)state;
    static const char *const names[] = {"alone", "cetl_ci.sha256", "cetl_alone", "cetl_sub_key"};
    static const char *const want[][2] = {
        {"%d/alone", "alone"}, {"%d/ci.sha256", "cetl_ci.sha256"}, {"%d/sub/key", "cetl_sub_key"}, {"%d/none", "none"}};
    char folder[] = "/tmp/cetld-value.XXXXXX", path[PATH_MAX];
    assert_non_null(mkdtemp(folder));
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        touch(folder, names[i]);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, want[i][1]);
        becomes(VALUE_PATH, want[i][0], path);
    }
    unsetenv("CREDENTIALS_DIRECTORY");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(folder), 0);
}

static void paths_are_absolute_and_may_name_the_credentials_folder(void **state)
{
    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    becomes(VALUE_PATH, "/a b", "/a b");
    becomes(VALUE_PATH, "", "");
    becomes(VALUE_PATH, "/100%%", "/100%%");
    becomes(VALUE_PATH, "a/b", "! 'a/b' is not an absolute path; begin it with /");
    becomes(VALUE_PATH, "/a%x", "! '/a%x' is not understood: write %d for the credentials folder, %% for a percent sign");
    becomes(VALUE_PATH, "/a%", "! '/a%' is not understood: write %d for the credentials folder, %% for a percent sign");
    becomes(VALUE_PATH, "%d/x", "/etc/cetl/credentials/x");
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/c", 1);
    becomes(VALUE_PATH, "%d/x", "/run/credentials/c/x");
    unsetenv("CREDENTIALS_DIRECTORY");
    char text[5000];
    memset(text, '/', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct arena arena;
    const char *path = NULL;
    arena_init(&arena, 1024, 1 << 20);
    assert_int_equal(
        value_parse(&(struct value_rule){.type = VALUE_PATH}, slice_of(text), &(struct value_context){&arena, NULL}, &path),
        VALUE_E_INVALID);
    arena_done(&arena);
}

static void without_memory_nothing_is_written(void **state)
{
    (void)state;
    struct arena arena;
    const char *path = "before";
    arena_init(&arena, 1024, 0);
    assert_int_equal(
        value_parse(&(struct value_rule){.type = VALUE_TEXT}, SLICE("x"), &(struct value_context){&arena, NULL}, &path), -ENOMEM);
    assert_string_equal(path, "before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_a_range),
        cmocka_unit_test(sizes_and_durations_have_units),
        cmocka_unit_test(modes_are_octal),
        cmocka_unit_test(choices_are_listed_and_written_by_their_first_name),
        cmocka_unit_test(zones_are_loaded_by_name),
        cmocka_unit_test(lists_are_by_comma_or_line),
        cmocka_unit_test(lists_have_a_ceiling),
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(a_delimiter_is_one_character_or_a_word),
        cmocka_unit_test(budgets_are_rows_or_a_percentage),
        cmocka_unit_test(tables_are_names_of_sql),
        cmocka_unit_test(texts_are_one_line_and_sql_is_any),
        cmocka_unit_test(what_may_be_a_secret_in_a_url_is_not_shown),
        cmocka_unit_test(sql_is_written_with_indented_lines),
        cmocka_unit_test(paths_are_absolute_and_may_name_the_credentials_folder),
        cmocka_unit_test(a_credential_is_found_by_its_name_or_by_that_of_the_folder_it_was_loaded_with),
        cmocka_unit_test(without_memory_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
