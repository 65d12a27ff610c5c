/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "config/build_access.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define ITEMS "[dataset items]\ncolumns = id int\n[rollup items.daily]\ngroup = id\nmeasure = count(*) as n\n"
#define HASH "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

/* A folder with the file `hash`, which $CREDENTIALS_DIRECTORY names. */
static char folder[64];

static void put(const char *content)
{
    char path[100];
    snprintf(path, sizeof path, "%s/hash", folder);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(content, f);
    fclose(f);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/cetld-token-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    put(HASH "\n");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char path[100];
    snprintf(path, sizeof path, "%s/hash", folder);
    unlink(path);
    rmdir(folder);
    unsetenv("CREDENTIALS_DIRECTORY");
    return 0;
}

static struct config *parse(const char *text)
{
    struct mistakes m;
    struct config *c = NULL;
    mistakes_init(&m);
    int r = config_parse("f", slice_of(text), &m, &c);
    if (r) fail_msg("%d: %s", r, m.stored ? m.text[0] : "");
    mistakes_done(&m);
    return c;
}

/* The one mistake is at `line` and says `want`. */
static void expect_mistake(const char *text, int line, const char *want)
{
    struct mistakes m;
    struct config *c = NULL;
    char where[32];
    mistakes_init(&m);
    snprintf(where, sizeof where, "f:%d: ", line);
    assert_int_equal(config_parse("f", slice_of(text), &m, &c), CONFIG_E_INVALID);
    if (m.n != 1 || strncmp(m.text[0], where, strlen(where)) != 0 || !strstr(m.text[0], want))
        fail_msg("%zu: %s, not: %s%s", m.n, m.text[0], where, want);
    mistakes_done(&m);
}

static void its_values_and_defaults(void **state)
{
    (void)state;
    struct config *c = parse(ITEMS "[token a]\nhash_file = %d/hash\nallow = items: read, items_daily: read, ingest\n");
    assert_int_equal(c->n_tokens, 1);
    const struct config_token *t = &c->tokens[0];
    assert_string_equal(t->name, "a");
    assert_string_equal(t->role, "");
    assert_int_equal(t->hash[0], 0x2c);
    assert_int_equal(t->hash[31], 0xae);
    assert_true(t->expires_s == INT64_MAX);
    assert_int_equal(t->rate.count, 0);
    assert_int_equal(t->allow.n, 3);
    config_unref(c);
}

static void hash_as_sha256sum_writes_it_is_taken(void **state)
{
    (void)state;
    put("2C26B46B68FFC68FF99B453C1D30413413422D706483BFA0F98A5E886266E7AE  -\n");
    struct config *c = parse("[token a]\nhash_file = %d/hash\nallow = read\n");
    assert_int_equal(c->tokens[0].hash[31], 0xae);
    config_unref(c);
}

static void what_is_no_hash_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "secret", HASH "00", "zz26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put(bad[i]);
        expect_mistake("[token a]\nallow = read\nhash_file = %d/hash\n", 3, "64 hexadecimal digits; cetld --new-token");
    }
    expect_mistake("[token a]\nallow = read\nhash_file = %d/gone\n", 3, "cannot be read");
    expect_mistake("[token a]\nallow = read\n", 1, "needs the file with its hash");
}

static void names_that_do_not_exist_are_refused(void **state)
{
    (void)state;
    expect_mistake(ITEMS "[token a]\nhash_file = %d/hash\nallow = item: read\n", 8,
                   "no dataset, rollup, derive or exposed table 'item' (did you mean 'items'?)");
    expect_mistake(ITEMS "[token a]\nhash_file = %d/hash\nallow = zzz: read\n", 8, "one that is inferred needs a section");
    expect_mistake(ITEMS "[token a]\nhash_file = %d/hash\nallow = report x: read\n", 8, "there is no report 'x'");
    expect_mistake(ITEMS "[token a]\nhash_file = %d/hash\nallow = items: reed\n", 8, "did you mean 'read'?");
    expect_mistake(ITEMS "[token a]\nhash_file = %d/hash\n", 6, "of no use");
}

static void exposed_tables_are_names(void **state)
{
    (void)state;
    struct config *c = parse("[api]\nexpose = reporting.daily_view\n[token a]\nhash_file = %d/hash\nallow = daily_view: read\n");
    config_unref(c);
}

static void two_tokens_with_one_hash_are_refused(void **state)
{
    (void)state;
    expect_mistake("[token a]\nhash_file = %d/hash\nallow = read\n[token b]\nhash_file = %d/hash\nallow = write\n", 4, "[token a]");
}

static void rates(void **state)
{
    (void)state;
    struct config_rate r;
    assert_true(build_rate(SLICE("100/s"), &r) && r.count == 100 && r.per_ms == 1000);
    assert_true(build_rate(SLICE("6 / min"), &r) && r.count == 6 && r.per_ms == 60000);
    assert_true(build_rate(SLICE(""), &r) && r.count == 0);
    static const char *const bad[] = {"100", "0/s", "-1/s", "1/m", "1/", "/s", "1/s/s", "x/s", "1000000001/s", "1.5/s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (build_rate(slice_of(bad[i]), &r)) fail_msg("%s", bad[i]);
    expect_mistake("[token a]\nhash_file = %d/hash\nallow = read\nrate = fast\n", 4, "rate: 'fast' is no rate");
}

static void expiries(void **state)
{
    (void)state;
    int64_t s;
    assert_true(build_expiry(SLICE("2027-01-31"), &s) && s == 1801440000);
    assert_true(build_expiry(SLICE("2027-01-31T12:00:01Z"), &s) && s == 1801396801);
    assert_true(build_expiry(SLICE(""), &s) && s == INT64_MAX);
    static const char *const bad[] = {"2027",
                                      "2027-02-29",
                                      "2027-13-01",
                                      "2027-1-1",
                                      "2027-01-31T12:00:00",
                                      "2027-01-31 12:00:00Z",
                                      "2027-01-31T24:00:00Z",
                                      "2027-01-31x",
                                      "2027-01-31T12:00:00Zx"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (build_expiry(slice_of(bad[i]), &s)) fail_msg("%s", bad[i]);
    expect_mistake("[token a]\nhash_file = %d/hash\nallow = read\nexpires = soon\n", 4, "expires: 'soon' is no date");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(its_values_and_defaults),
        T(hash_as_sha256sum_writes_it_is_taken),
        T(what_is_no_hash_is_refused),
        T(names_that_do_not_exist_are_refused),
        T(exposed_tables_are_names),
        T(two_tokens_with_one_hash_are_refused),
        T(rates),
        T(expiries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
