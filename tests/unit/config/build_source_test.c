/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_source.h"

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
                                  SLICE("[source events]\nurl = https://h/e.zip?a=b\n"
                                        "[source more]\nurl = http://h/\nevery = 0\ndataset = events\nsize_max = 1M\n"),
                                  &m, &c),
                     0);
    assert_int_equal(c->n_sources, 2);
    assert_string_equal(c->sources[0].url, "https://h/e.zip?a=b");
    assert_string_equal(c->sources[0].dataset, "events");
    assert_int_equal(c->sources[0].every_ms, 3600000);
    assert_string_equal(c->sources[1].dataset, "events");
    assert_int_equal(c->sources[1].every_ms, 0);
    assert_int_equal(c->sources[1].bytes_max, 1 << 20);
    config_unref(c);
    mistakes_done(&m);
}

static void an_address_is_one_of_http(void **state)
{
    (void)state;
    expect_mistake("[source a]\n", "f:1: a source needs an address: url = https://…, s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER");
    expect_mistake("[source a]\nurl = ftp://h/x\n", "f:2: url: it does not begin with https:// or http://");
    expect_mistake("[source a]\nurl = https://me:secret@h/x\n",
                   "f:2: url: it holds a user's name; leave it out, since others read this");
    expect_mistake("[source a]\nurl = https://h/a b\n",
                   "f:2: url: it holds a blank, a line end, or a byte that is not ASCII; escape it as %20");
}

static void names_can_be_names(void **state)
{
    (void)state;
    expect_mistake("[source A b]\nurl = http://h/x\ndataset = d\n",
                   "f:1: a source's name is lower-case words joined by '_' that begin with a letter; write [source a_b]");
    expect_mistake("[source a]\nurl = http://h/x\ndataset = ../x\n", "f:3: dataset: '../x' can be no dataset's name; write x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_values_and_defaults),
        cmocka_unit_test(an_address_is_one_of_http),
        cmocka_unit_test(names_can_be_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
