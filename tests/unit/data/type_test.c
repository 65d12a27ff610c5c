/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "data/type.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>

static void every_type_is_found_by_its_oid(void **state)
{
    (void)state;
    for (size_t i = 0; i < TYPE_OTHER; i++) {
        enum type_id id = TYPE_N;
        assert_int_equal(type_by_oid(type_info((enum type_id)i)->oid, &id), 0);
        assert_int_equal(id, i);
    }
    enum type_id unchanged = TYPE_TEXT;
    assert_int_equal(type_by_oid(600, &unchanged), TYPE_E_UNKNOWN);
    assert_int_equal(type_by_oid(0, &unchanged), TYPE_E_UNKNOWN);
    assert_int_equal(unchanged, TYPE_TEXT);
}

static void sql_names_carry_their_typmod(void **state)
{
    (void)state;
    static const struct {
        struct type type;
        const char *sql;
    } names[] = {
        {{TYPE_INT8, -1}, "bigint"},
        {{TYPE_NUMERIC, -1}, "numeric"},
        {{TYPE_NUMERIC, (12 << 16 | 2) + 4}, "numeric(12,2)"},
        {{TYPE_NUMERIC, (3 << 16 | 0x7fe) + 4}, "numeric(3,-2)"},
        {{TYPE_VARCHAR, 14}, "character varying(10)"},
        {{TYPE_BPCHAR, 5}, "character(1)"},
        {{TYPE_BPCHAR, -1}, "bpchar"},
        {{TYPE_TIME, 3}, "time(3) without time zone"},
        {{TYPE_TIMESTAMPTZ, 0}, "timestamp(0) with time zone"},
        {{TYPE_TIMESTAMP, -1}, "timestamp without time zone"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[64];
        assert_string_equal(type_sql(names[i].type, text), names[i].sql);
    }
}

static void what_was_expected_is_said_by_type_and_code(void **state)
{
    (void)state;
    char text[128];
    const struct type_input number = {.type = {TYPE_NUMERIC, (5 << 16 | 2) + 4}};
    assert_string_equal(type_expected(&number, TYPE_E_SYNTAX, text), "a number such as 12.34");
    assert_string_equal(type_expected(&number, TYPE_E_RANGE, text), "a number that fits numeric(5,2)");
    const struct type_input small = {.type = {TYPE_INT2, -1}};
    assert_string_equal(type_expected(&small, TYPE_E_RANGE, text), "a whole number from -32768 to 32767");
    const struct type_input name = {.type = {TYPE_VARCHAR, 14}};
    assert_string_equal(type_expected(&name, TYPE_E_LENGTH, text), "at most 10 characters");
    struct type_format *format;
    assert_int_equal(type_format_new(SLICE("DD/MM/YYYY"), NULL, &format), 0);
    const struct type_input date = {.type = {TYPE_DATE, -1}, .format = format};
    assert_string_equal(type_expected(&date, TYPE_E_SYNTAX, text), "text in the form DD/MM/YYYY");
    type_format_free(format);
}

static void faults_have_postgresqls_sqlstate(void **state)
{
    (void)state;
    assert_string_equal(type_sqlstate(TYPE_INT4, TYPE_E_SYNTAX), "22P02");
    assert_string_equal(type_sqlstate(TYPE_INT4, TYPE_E_RANGE), "22003");
    assert_string_equal(type_sqlstate(TYPE_DATE, TYPE_E_SYNTAX), "22007");
    assert_string_equal(type_sqlstate(TYPE_TIMESTAMPTZ, TYPE_E_RANGE), "22008");
    assert_string_equal(type_sqlstate(TYPE_VARCHAR, TYPE_E_LENGTH), "22001");
}

/* No text, however damaged, is read beyond its end; each is a value or a documented code. */
static void damaged_texts_are_values_or_codes(void **state)
{
    (void)state;
    static const char *const seeds[] = {"2024-01-31 12:00:00.123456+05:30",
                                        "Wed, 31 Jan 2024 12:00:00 GMT",
                                        "-123.456e-78",
                                        "{\"a\": [1, \"\\ud83d\\ude00\"]}",
                                        "123e4567-e89b-12d3-a456-426614174000",
                                        "true",
                                        "Infinity",
                                        "20240131T120000Z",
                                        "1/31/2024 1:30 PM"};
    struct arena arena;
    arena_init(&arena, 4096, PARSE_ARENA_MAX);
    uint64_t dice = 88172645463325252U;
    for (int i = 0; i < 20000; i++) {
        char text[64];
        dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
        int len = snprintf(text, sizeof(text), "%s", seeds[dice % (sizeof(seeds) / sizeof(seeds[0]))]);
        for (unsigned k = 0; k < 1 + (dice >> 16) % 3; k++)
            text[(dice >> (20 + 8 * k)) % (unsigned)len] = " 09-+/:.eETZ{}[]\"\\u,aAn\t\n\x01\xc3"[(dice >> (12 + 5 * k)) % 27];
        len -= (int)((dice >> 50) % 4);
        for (size_t t = 0; t < TYPE_N; t++) {
            union value v;
            const struct type_input in = {.type = {(enum type_id)t, -1}};
            int r = parse_text(&in, (struct slice){text, (size_t)len}, &arena, &v);
            assert_in_range(r, 0, TYPE_E_LENGTH);
        }
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void any_text_is_one_of_another_type(void **state)
{
    (void)state;
    static const char text[] = " {1,2}\n\t\\";
    const struct type_input in = {.type = {TYPE_OTHER, -1}};
    union value v;
    assert_int_equal(type_parse(&in, slice_of(text), NULL, &v), 0);
    assert_true(slice_equal(v.s, slice_of(text)));
    assert_int_equal(type_parse(&in, (struct slice){NULL, 0}, NULL, &v), 0);
    assert_int_equal(v.s.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_found_by_its_oid),
        cmocka_unit_test(sql_names_carry_their_typmod),
        cmocka_unit_test(what_was_expected_is_said_by_type_and_code),
        cmocka_unit_test(faults_have_postgresqls_sqlstate),
        cmocka_unit_test(any_text_is_one_of_another_type),
        cmocka_unit_test(damaged_texts_are_values_or_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
