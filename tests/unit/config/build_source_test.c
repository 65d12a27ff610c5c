/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    expect_mistake(
        "[source a]\n",
        "f:1: a source needs an address: url = https://…, s3://BUCKET/PREFIX, azure://ACCOUNT/CONTAINER/PREFIX or file:///FOLDER");
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

static const char *written(char path[static 64], const char *text)
{
    snprintf(path, 64, "/tmp/cetld-source-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

static void secrets_come_from_files(void **state)
{
    (void)state;
    char token[64], address[64], password[64], text[512];
    snprintf(text, sizeof text,
             "[source a]\nurl_file = %s\ntoken_file = %s\n"
             "[source b]\nurl = http://127.0.0.1/x\nuser = me\npassword_file = %s\n"
             "[source c]\nurl = http://h/x\nplain_http = yes\ntoken_file = %s\n",
             written(address, "https://h/x?sig=y\n"), written(token, "abc"), written(password, "p: \xc3\xa4\r\n"), token);
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    assert_int_equal(config_parse("f", slice_of(text), &m, &c), 0);
    assert_string_equal(c->sources[0].target, "https://h/x?sig=y");
    assert_string_equal(c->sources[0].token, "abc");
    assert_string_equal(c->sources[1].target, "http://127.0.0.1/x");
    assert_string_equal(c->sources[1].password, "p: \xc3\xa4");
    config_unref(c);
    mistakes_done(&m);
    unlink(token), unlink(address), unlink(password);
}

/* The pattern with the path where it has a %s. */
static void with_path(char *ret_text, size_t size, const char *pattern, const char *path)
{
    const char *at = strstr(pattern, "%s");
    if (at)
        snprintf(ret_text, size, "%.*s%s%s", (int)(at - pattern), pattern, path, at + 2);
    else
        snprintf(ret_text, size, "%s", pattern);
}

/* `options` has a %s for the file. */
static void expect_mistake_of(const char *options, const char *secret, const char *words)
{
    char path[64], text[512], what[512];
    with_path(text, sizeof text, options, written(path, secret));
    with_path(what, sizeof what, words, path);
    expect_mistake(text, what);
    unlink(path);
}

static void what_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    expect_mistake("[source a]\nurl = https://h/x\ntoken_file = /nowhere\n",
                   "f:3: token_file: /nowhere cannot be read: No such file or directory");
    expect_mistake_of("[source a]\nurl = https://h/x\ntoken_file = %s\n", "\n",
                      "f:3: token_file: %s is empty; write the secret into it");
    expect_mistake_of("[source a]\nurl = https://h/x\ntoken_file = %s\n", "a\r\nX-Evil: b",
                      "f:3: token_file: the token holds a blank, or a byte that is not ASCII");
    expect_mistake_of("[source a]\nurl = https://h/x\nuser = a:b\npassword_file = %s\n", "x",
                      "f:3: user: a name that is sent so has no ':' and no control character");
    expect_mistake_of("[source a]\nurl = https://h/x\nuser = a\npassword_file = %s\n", "x\ny",
                      "f:4: password_file: the password holds a control character; it is one line");
    expect_mistake_of("[source a]\nurl = https://h/x\npassword_file = %s\n", "x",
                      "f:3: there is a password_file, but no user whose password that is");
    expect_mistake("[source a]\nurl = https://h/x\nuser = me\n",
                   "f:3: there is a user, but no password_file: the file that holds its password");
    expect_mistake_of("[source a]\nurl = https://h/x\nuser = me\ntoken_file = %s\n", "x",
                      "f:4: token_file and user are both there; a request bears a token, or a name and a password");
    expect_mistake_of("[source a]\nurl = s3://b/x\ntoken_file = %s\n", "x",
                      "f:3: token_file is for https:// and http://; the keys of stores stand in [store]");
    expect_mistake_of("[source a]\nurl = https://h/x\nurl_file = %s\n", "https://h/x",
                      "f:3: url and url_file are both there; give one of them");
    expect_mistake_of("[source a]\nurl_file = %s\n", "ftp://secret", "f:2: url_file: it does not begin with https:// or http://");
    expect_mistake_of(
        "[source a]\nurl = http://127.0.0.1.example.org/x\ntoken_file = %s\n", "x",
        "f:3: token_file would go to another machine by http://, where everybody on the way can read it; write https://, "
        "or, if it must be, plain_http = yes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_values_and_defaults),
        cmocka_unit_test(an_address_is_one_of_http),
        cmocka_unit_test(names_can_be_names),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(what_cannot_be_sent_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
