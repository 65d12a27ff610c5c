/* SPDX-License-Identifier: MIT */
#include "api/cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct counters counters;

static struct cache *cache_of(size_t max)
{
    struct cache *c;
    assert_int_equal(cache_new(max, &counters, &c), 0);
    return c;
}

static void put(struct cache *c, const char *key, const char *body, int64_t version)
{
    struct cache_answer a = {.status = 200, .media_type = SLICE("text/csv"), .etag = SLICE("\"1\""), .body = slice_of(body)};
    a.set = (struct version_set){.n = 1, .key = {{VERSION_DATASET, 7}}, .version = {{version, 1}}};
    cache_put(c, slice_of(key), &a);
}

static bool has(struct cache *c, const char *key, const char *body)
{
    struct cache_entry *e = cache_find(c, slice_of(key));
    bool same = e && slice_equal(cache_entry_answer(e)->body, slice_of(body));
    cache_entry_unref(e);
    return same;
}

static void what_was_put_is_found(void **state)
{
    (void)state;
    struct cache *c = cache_of(100000);
    put(c, "a", "1", 5);
    put(c, "b", "2", 6);
    struct cache_entry *e = cache_find(c, SLICE("a"));
    const struct cache_answer *a = cache_entry_answer(e);
    assert_int_equal(a->status, 200);
    assert_string_equal(a->media_type.p, "text/csv");
    assert_string_equal(a->body.p, "1");
    assert_int_equal(a->set.version[0].number, 5);
    cache_entry_unref(e);
    assert_true(has(c, "b", "2"));
    assert_null(cache_find(c, SLICE("c")));
    cache_free(c);
}

static void a_new_answer_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    struct cache *c = cache_of(100000);
    put(c, "a", "old", 5);
    size_t bytes = cache_bytes(c);
    struct cache_entry *held = cache_find(c, SLICE("a"));
    put(c, "a", "new", 6);
    assert_true(has(c, "a", "new"));
    assert_int_equal(cache_bytes(c), bytes);
    assert_string_equal(cache_entry_answer(held)->body.p, "old");
    cache_drop(c, held);
    assert_true(has(c, "a", "new"));
    cache_entry_unref(held);
    cache_free(c);
}

static void its_bytes_never_pass_the_bound_and_the_longest_unused_goes_first(void **state)
{
    (void)state;
    enum { MAX = 64000 };
    struct cache *c = cache_of(MAX);
    char key[16], body[2001];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(c, key, body, i);
        put(c, key, body, i);
        assert_true(cache_bytes(c) <= MAX);
        assert_int_equal(counters_get(&counters, COUNTER_CACHE_BYTES), cache_bytes(c));
        assert_true(has(c, "k0", body));
        assert_true(has(c, key, body));
    }
    assert_false(has(c, "k1", body));
    assert_true(cache_bytes(c) > MAX / 2);
    cache_clear(c);
    assert_int_equal(cache_bytes(c), 0);
    cache_free(c);
}

static void who_comes_once_throws_out_nobody(void **state)
{
    (void)state;
    struct cache *c = cache_of(16000);
    char key[16], body[1001];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    int kept = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        put(c, key, body, i);
        kept += has(c, key, body);
    }
    assert_true(kept > 4 && kept < 16 && has(c, "k0", body) && !has(c, "k999", body));
    put(c, "k999", body, 1000);
    assert_true(has(c, "k999", body));
    struct cache_entry *stale = cache_find(c, SLICE("k0"));
    cache_drop(c, stale);
    cache_entry_unref(stale);
    put(c, "k0", body, 1001); /* a newer answer to the same question */
    assert_true(has(c, "k0", body));
    cache_free(c);
}

static void an_answer_that_is_too_large_is_not_kept_nor_the_one_before(void **state)
{
    (void)state;
    struct cache *c = cache_of(16000);
    char body[4001];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    put(c, "a", "small", 1);
    put(c, "a", body, 2);
    assert_null(cache_find(c, SLICE("a")));
    cache_free(c);
    c = cache_of(0);
    put(c, "a", "", 1);
    assert_null(cache_find(c, SLICE("a")));
    cache_free(c);
}

static void sets_are_equal_by_tables_versions_and_birth(void **state)
{
    (void)state;
    struct version_set a = {.n = 2, .key = {{VERSION_DATASET, 1}, {VERSION_DERIVE, 1}}, .version = {{5, 9}, {6, 9}}}, b = a;
    assert_true(version_set_equal(&a, &b));
    b.version[1].number++;
    assert_false(version_set_equal(&a, &b));
    b = a;
    b.version[0].born++;
    assert_false(version_set_equal(&a, &b));
    b = a;
    b.key[1].kind = VERSION_DATASET;
    assert_false(version_set_equal(&a, &b));
    b = a;
    b.n = 1;
    assert_false(version_set_equal(&a, &b));
}

static void packed_form_counts(void **state)
{
    (void)state;
    struct cache *c = cache_of(40000);
    put(c, "a", "1", 5);
    put(c, "b", "2", 5);
    size_t before = cache_bytes(c);
    struct cache_entry *e = cache_find(c, SLICE("b"));
    struct http_kept *kept = cache_entry_kept(e);
    assert_true(slice_equal(kept->body, SLICE("2")));
    cache_grew(c, e);
    assert_int_equal(cache_bytes(c), before);
    kept->packed = malloc(2000);
    kept->packed_len = 2000;
    cache_grew(c, e);
    cache_grew(c, e);
    assert_int_equal(cache_bytes(c), before + 2000);
    cache_entry_unref(e);
    /* It makes others go, and at last itself. */
    e = cache_find(c, SLICE("a"));
    kept = cache_entry_kept(e);
    kept->packed = malloc(39990);
    kept->packed_len = 39990;
    cache_grew(c, e);
    assert_int_equal(cache_bytes(c), 0);
    assert_null(cache_find(c, SLICE("b")));
    cache_drop(c, e);
    cache_entry_unref(e);
    cache_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found),
        cmocka_unit_test(a_new_answer_takes_the_place_of_the_old_one),
        cmocka_unit_test(its_bytes_never_pass_the_bound_and_the_longest_unused_goes_first),
        cmocka_unit_test(who_comes_once_throws_out_nobody),
        cmocka_unit_test(an_answer_that_is_too_large_is_not_kept_nor_the_one_before),
        cmocka_unit_test(sets_are_equal_by_tables_versions_and_birth),
        cmocka_unit_test(packed_form_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
