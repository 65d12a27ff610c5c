/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file that holds a shared access signature. */
static char secret[] = "/tmp/build_store_test.XXXXXX";

static int set_up(void **state)
{
    (void)state;
    static const char sas[] = "sv=2024-01-01&sig=abc%3D\n";
    int fd = mkstemp(secret);
    if (fd < 0) return -1;
    ssize_t n = write(fd, sas, strlen(sas));
    close(fd);
    return n == (ssize_t)strlen(sas) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(secret);
}

static int parse(const char *text, struct mistakes *m, struct config **ret_config)
{
    mistakes_init(m);
    return config_parse("f", slice_of(text), m, ret_config);
}

static void a_store_is_for_whole_buckets_and_accounts(void **state)
{
    (void)state;
    struct mistakes m;
    struct config *c = NULL;
    int r = parse("[store any]\nurl = s3:\n[store bucket]\nurl = s3://bucket\n[store deep]\nurl = s3://bucket/a\n"
                  "[store acme]\nurl = azure://acme\n[store box]\nurl = azure://box/\n",
                  &m, &c);
    if (r) fail_msg("%d: %s", r, m.stored ? m.text[0] : "");
    static const struct {
        const char *url, *name;
    } cases[] = {
        {"s3://bucket/k", "bucket"},     {"s3://bucket", "bucket"},  {"s3://bucket-of-others/k", "any"},
        {"s3://bucket/a/k", "deep"},     {"s3://bucket/ab", "deep"}, {"s3://b/k", "any"},
        {"azure://acme/c/k", "acme"},    {"azure://acme", "acme"},   {"azure://acmeevil/c/k", NULL},
        {"azure://acme.evil/c/k", NULL}, {"azure://acm/c/k", NULL},  {"azure://box/c", "box"},
        {"azure://boxes/c", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct config_store *s = config_store_for(c, cases[i].url);
        if (strcmp(s ? s->name : "none", cases[i].name ? cases[i].name : "none") != 0)
            fail_msg("%s: %s", cases[i].url, s ? s->name : "none");
    }
    config_unref(c);
    mistakes_done(&m);
}

static void a_shared_access_signature_names_its_account(void **state)
{
    (void)state;
    static const struct {
        const char *rest;
        bool fine;
    } cases[] = {
        {"azure:", false},
        {"azure:/", false},
        {"azure://", false},
        {"azure:///", false},
        {"azure://acme", true},
        {"azure://acme/box", true},
        {"azure:\nendpoint = http://127.0.0.1:1/acme", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mistakes m;
        struct config *c = NULL;
        char text[300];
        snprintf(text, sizeof text, "[store s]\nsecret_file = %s\nurl = %s\n", secret, cases[i].rest);
        int r = parse(text, &m, &c);
        if ((r == 0) != cases[i].fine) fail_msg("%s: %d", cases[i].rest, r);
        if (r) assert_string_equal(m.text[0], "f:3: url: a shared access signature is of one account; name it: azure://ACCOUNT");
        config_unref(c);
        mistakes_done(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_is_for_whole_buckets_and_accounts),
        cmocka_unit_test(a_shared_access_signature_names_its_account),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
