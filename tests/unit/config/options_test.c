/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/cleanup.h"
#include "base/name.h"
#include "config/config.h"
#include "config/options.h"

#include <string.h>

#include <cmocka.h>

enum { SAMPLE_MAX = 1 << 16 };

/* Malloc'd. */
static char *sample(void)
{
    char *text = calloc(1, SAMPLE_MAX);
    FILE *f = fmemopen(text, SAMPLE_MAX, "w");
    options_print_sample(f);
    fclose(f);
    return text;
}

static void the_checked_in_sample_shows_every_option(void **state)
{
    (void)state;
    cleanup_free char *want = sample();
    cleanup_free char *have = calloc(1, SAMPLE_MAX);
    cleanup_file FILE *f = fopen("conf/cetl.conf", "r");
    assert_non_null(f);
    assert_true(fread(have, 1, SAMPLE_MAX - 1, f) > 0);
    if (strcmp(have, want) != 0)
        fail_msg("%s", "conf/cetl.conf is not what the option table says: cetld --sample-config > conf/cetl.conf");
}

static void the_sample_is_a_configuration_with_nothing_but_defaults(void **state)
{
    (void)state;
    cleanup_free char *text = sample();
    struct mistakes m;
    struct config *c = NULL, *empty = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("sample", slice_of(text), &m, &c), 0);
    assert_int_equal(config_parse("empty", SLICE(""), &m, &empty), 0);
    struct buf a, b;
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    config_print(c, &a);
    config_print(empty, &b);
    assert_string_equal(buf_cstr(&a), buf_cstr(&b));
    buf_done(&a);
    buf_done(&b);
    config_unref(c);
    config_unref(empty);
    mistakes_done(&m);
}

/* Every '#key = default' of the plain sections without its '#'. */
static void the_sample_uncommented_is_valid(void **state)
{
    (void)state;
    cleanup_free char *text = sample();
    char *named = strstr(text, "#[dataset");
    assert_non_null(named);
    size_t len = (size_t)(named - text), n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '#' || text[i + 1] == ' ' || text[i + 1] == '\n') text[n++] = text[i];
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    int r = config_parse("sample", (struct slice){text, n}, &m, &c);
    if (r) fail_msg("%s", m.text[0]);
    config_unref(c);
    mistakes_done(&m);
}

static void names_are_unique_and_written_alike(void **state)
{
    (void)state;
    for (int s = 0; s < OPTION_SECTIONS; s++) {
        for (const struct option *o = options_section(s)->options; o->name; o++) {
            char normal[NAME_MAX_BYTES + 1];
            name_normalise(slice_of(o->name), normal);
            assert_string_equal(normal, o->name);
            assert_ptr_equal(options_find(s, slice_of(o->name)), o);
            assert_true(strlen(o->prose) > 10 && o->prose[strlen(o->prose) - 1] != ' ');
        }
    }
    assert_null(options_find(OPTION_DAEMON, SLICE("url")));
}

static void no_two_options_fill_the_same_field(void **state)
{
    (void)state;
    for (int s = 0; s < OPTION_SECTIONS; s++)
        for (const struct option *o = options_section(s)->options; o->name; o++)
            for (const struct option *other = options_section(s)->options; other != o; other++)
                assert_int_not_equal(o->offset, other->offset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checked_in_sample_shows_every_option),
        cmocka_unit_test(the_sample_is_a_configuration_with_nothing_but_defaults),
        cmocka_unit_test(the_sample_uncommented_is_valid),
        cmocka_unit_test(names_are_unique_and_written_alike),
        cmocka_unit_test(no_two_options_fill_the_same_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
