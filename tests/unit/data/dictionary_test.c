/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "data/dictionary.h"

#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 16 << 20 };

static const struct type int8 = {TYPE_INT8, -1}, text = {TYPE_TEXT, -1};

static struct dictionary *dictionary_of(const struct type *key, size_t keys, size_t max)
{
    struct dictionary *d = NULL;
    struct error err;
    const struct dictionary_spec spec = {.key = key, .keys = keys, .value = &text, .values = 1, .bytes_max = max};
    assert_int_equal(dictionary_new(&spec, &err, &d), 0);
    return d;
}

/* The row's value is the text, or NULL. */
static int add(struct dictionary *d, const union value *key, const char *value)
{
    const bool no[2] = {false, false}, null = !value;
    const union value v = {.s = slice_of(value)};
    return dictionary_add(d, &(struct dictionary_row){key, no, &v, &null});
}

static uint32_t find(const struct dictionary *d, const union value *key, size_t keys, bool null)
{
    union value v[2];
    bool no[2] = {false, false};
    uint32_t row = 0, found = 77;
    struct batch_column column[2];
    const struct batch_column *at[2];
    for (size_t k = 0; k < keys; k++) {
        v[k] = key[k];
        no[k] = null;
        column[k] = (struct batch_column){.value = &v[k], .null = &no[k]};
        at[k] = &column[k];
    }
    dictionary_find(d, at, &(struct dictionary_rows){&row, 1}, &found);
    return found;
}

static void expect(const struct dictionary *d, uint32_t found, const char *value)
{
    bool null;
    assert_int_not_equal(found, DICTIONARY_MISSED);
    assert_int_not_equal(found, DICTIONARY_NULL);
    union value v = dictionary_value(d, found, 0, &null);
    assert_int_equal(null, !value);
    if (value) assert_true(slice_equal(v.s, slice_of(value)));
}

static void many_rows_are_found_by_their_keys_and_others_are_not(void **state)
{
    (void)state;
    struct dictionary *d = dictionary_of(&int8, 1, MAX);
    enum { N = 20000 };
    char value[32];
    for (int64_t i = 0; i < N; i++) {
        snprintf(value, sizeof value, "value %lld", (long long)i);
        assert_int_equal(add(d, &(union value){.i = 3 * i}, i % 7 ? value : NULL), 0);
    }
    assert_int_equal(dictionary_rows(d), N);
    assert_true(dictionary_bytes(d) < MAX && dictionary_bytes(d) > N * sizeof(union value));
    assert_int_equal(dictionary_longest(d, 0), strlen("value 10000"));
    for (int64_t i = 0; i < N; i++) {
        snprintf(value, sizeof value, "value %lld", (long long)i);
        expect(d, find(d, &(union value){.i = 3 * i}, 1, false), i % 7 ? value : NULL);
        assert_int_equal(find(d, &(union value){.i = 3 * i + 1}, 1, false), DICTIONARY_MISSED);
    }
    assert_int_equal(find(d, &(union value){.i = 3}, 1, true), DICTIONARY_NULL);
    dictionary_free(d);
}

static void keys_of_two_columns_are_told_apart(void **state)
{
    (void)state;
    struct dictionary *d = dictionary_of((const struct type[]){text, int8}, 2, MAX);
    assert_int_equal(add(d, (union value[]){{.s = SLICE("a")}, {.i = 1}}, "a1"), 0);
    assert_int_equal(add(d, (union value[]){{.s = SLICE("a")}, {.i = 2}}, "a2"), 0);
    assert_int_equal(add(d, (union value[]){{.s = SLICE("")}, {.i = 2}}, "2"), 0);
    assert_int_equal(add(d, (union value[]){{.s = SLICE("a")}, {.i = 2}}, "again"), 0); /* the first stays */
    expect(d, find(d, (union value[]){{.s = SLICE("a")}, {.i = 2}}, 2, false), "a2");
    expect(d, find(d, (union value[]){{.s = SLICE("")}, {.i = 2}}, 2, false), "2");
    assert_int_equal(find(d, (union value[]){{.s = SLICE("b")}, {.i = 2}}, 2, false), DICTIONARY_MISSED);
    assert_int_equal(find(d, (union value[]){{.s = SLICE("A")}, {.i = 1}}, 2, false), DICTIONARY_MISSED);
    dictionary_free(d);
}

static void numerics_are_equal_whatever_their_scale_and_chars_whatever_their_blanks(void **state)
{
    (void)state;
    const struct type numeric = {TYPE_NUMERIC, -1}, bpchar = {TYPE_BPCHAR, -1};
    struct arena a;
    union value one, same, other;
    arena_init(&a, 4096, 1 << 20);
    const struct type_input in = {.type = numeric};
    assert_int_equal(type_parse(&in, SLICE("1.5"), &a, &one), 0);
    assert_int_equal(type_parse(&in, SLICE("1.500"), &a, &same), 0);
    assert_int_equal(type_parse(&in, SLICE("1.501"), &a, &other), 0);
    struct dictionary *d = dictionary_of(&numeric, 1, MAX);
    assert_int_equal(add(d, &one, "x"), 0);
    expect(d, find(d, &same, 1, false), "x");
    assert_int_equal(find(d, &other, 1, false), DICTIONARY_MISSED);
    dictionary_free(d);
    d = dictionary_of(&bpchar, 1, MAX);
    assert_int_equal(add(d, &(union value){.s = SLICE("ab  ")}, "x"), 0);
    expect(d, find(d, &(union value){.s = SLICE("ab")}, 1, false), "x");
    dictionary_free(d);
    arena_done(&a);
}

static void what_does_not_fit_is_full_and_stays_below_its_ceiling(void **state)
{
    (void)state;
    enum { SMALL = 512 * 1024 };
    struct dictionary *d = dictionary_of(&int8, 1, SMALL);
    int r = 0;
    for (int64_t i = 0; r == 0 && i < 1000000; i++) {
        r = add(d, &(union value){.i = i}, "a text of some bytes");
        assert_true(r != 0 || dictionary_bytes(d) <= SMALL);
    }
    assert_int_equal(r, DICTIONARY_E_FULL);
    dictionary_free(d);
}

static void keys_of_types_without_an_equality_are_refused(void **state)
{
    (void)state;
    const struct type json = {TYPE_JSON, -1};
    struct dictionary *d = NULL;
    struct error err;
    assert_int_not_equal(dictionary_new(&(struct dictionary_spec){.key = &json, .keys = 1, .bytes_max = MAX}, &err, &d), 0);
    assert_true(dictionary_comparable(TYPE_INT2, TYPE_INT8) && dictionary_comparable(TYPE_VARCHAR, TYPE_TEXT));
    assert_false(dictionary_comparable(TYPE_INT8, TYPE_NUMERIC) || dictionary_comparable(TYPE_TEXT, TYPE_BPCHAR) ||
                 dictionary_comparable(TYPE_DATE, TYPE_TIMESTAMP));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_rows_are_found_by_their_keys_and_others_are_not),
        cmocka_unit_test(keys_of_two_columns_are_told_apart),
        cmocka_unit_test(numerics_are_equal_whatever_their_scale_and_chars_whatever_their_blanks),
        cmocka_unit_test(what_does_not_fit_is_full_and_stays_below_its_ceiling),
        cmocka_unit_test(keys_of_types_without_an_equality_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
