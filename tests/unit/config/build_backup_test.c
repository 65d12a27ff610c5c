/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_backup.h"

#include <cmocka.h>

static void expect_mistake(const char *text, const char *words)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f", slice_of(text), &m, &c), CONFIG_E_INVALID);
    assert_int_equal(m.n, 1);
    assert_string_equal(m.text[0], words);
    mistakes_done(&m);
}

static void its_values_and_defaults(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f",
                                  SLICE("[backup a]\nto = /b\n"
                                        "[backup more]\nto = s3://b/c\nevery = 6h\nat = 02:30:15\ntables = x, public.y\n"),
                                  &m, &c),
                     0);
    assert_int_equal(c->n_backups, 2);
    assert_string_equal(c->backups[0].table.item[0], "*");
    assert_int_equal(c->backups[0].every_ms, 86400000);
    assert_int_equal(c->backups[0].at_ms, -1);
    assert_int_equal(c->backups[1].at_ms, 9015000);
    assert_int_equal(c->backups[1].table.n, 2);
    config_unref(c);
    mistakes_done(&m);
}

static void a_time_of_the_day_has_two_digits_each(void **state)
{
    (void)state;
    static const char *const wrong[] = {"2:30", "24:00", "12:60", "12", "12:30:60", "12:30:00:00", "-1:30", "12:3x", "12:", ":30"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[80], words[120];
        snprintf(text, sizeof text, "[backup a]\nto = /b\nat = %s\n", wrong[i]);
        snprintf(words, sizeof words, "f:3: at: '%s' is no time of the day (UTC) such as 02:30", wrong[i]);
        expect_mistake(text, words);
    }
}

static void times_of_the_day_come_every_day_or_some_times_in_it(void **state)
{
    (void)state;
    static const char words[] = "f:4: every: together with `at` it is a part of a day, such as 6h, or some days, such as 7d";
    expect_mistake("[backup a]\nto = /b\nat = 02:30\nevery = 7h\n", words);
    expect_mistake("[backup a]\nto = /b\nat = 02:30\nevery = 25h\n", words);
}

static void names_and_places_can_be_such(void **state)
{
    (void)state;
    expect_mistake("[backup A b]\nto = /b\n",
                   "f:1: a backup's name is lower-case words joined by '_' that begin with a letter; write [backup a_b]");
    expect_mistake("[backup a]\nto = azure://x/\n", "f:2: to: it names no container: azure://ACCOUNT/CONTAINER/…");
    expect_mistake("[backup a]\nto = ftp://x/\n",
                   "f:2: to: 'ftp://x/' is no absolute path of a folder, and no s3://BUCKET/… or azure://ACCOUNT/CONTAINER/…");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_values_and_defaults),
        cmocka_unit_test(a_time_of_the_day_has_two_digits_each),
        cmocka_unit_test(times_of_the_day_come_every_day_or_some_times_in_it),
        cmocka_unit_test(names_and_places_can_be_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
