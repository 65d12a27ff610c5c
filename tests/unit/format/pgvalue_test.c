/* SPDX-License-Identifier: MIT */
/* What values look like is proven by tests/differential/test_pgvalue.py; here stands what a server would not send. */
#include "format/pgvalue.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

enum {
    OID_BOOL = 16,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_JSON = 114,
    OID_TIME = 1083,
    OID_NUMERIC = 1700,
    OID_JSONB = 3802,
    OID_BYTEA = 17
};

static int json(uint32_t oid, struct slice value, const char *expected)
{
    struct buf out;
    buf_init(&out, 1 << 10);
    int r = pgvalue_json(&out, oid, value);
    if (r == 0) assert_string_equal(buf_cstr(&out), expected);
    buf_done(&out);
    return r;
}

static void values_become_json(void **state)
{
    (void)state;
    assert_int_equal(json(OID_BOOL, SLICE("\1"), "true"), 0);
    assert_int_equal(json(OID_INT4, SLICE("\xff\xff\xff\xfe"), "-2"), 0);
    assert_int_equal(json(OID_TEXT, SLICE("a\"b"), "\"a\\\"b\""), 0);
    assert_int_equal(json(OID_NUMERIC, SLICE("\0\1\0\0\x40\0\0\2\0\1"), "-1.00"), 0);
    assert_int_equal(json(OID_NUMERIC, SLICE("\0\0\0\0\xc0\0\0\0"), "\"NaN\""), 0);
    assert_int_equal(json(OID_JSONB, SLICE("\1{}"), "{}"), 0);
}

static void stored_json_stays_on_one_line(void **state)
{
    (void)state;
    assert_int_equal(json(OID_JSON, SLICE("{\r\n\t\"a\": \"\\n\"}\n"), "{   \"a\": \"\\n\"} "), 0);
}

static void malformed_bytes_are_refused(void **state)
{
    (void)state;
    assert_int_equal(json(OID_INT4, SLICE("\0\0\0"), ""), ERROR_PROTOCOL);
    assert_int_equal(json(OID_JSONB, SLICE("\2{}"), ""), ERROR_PROTOCOL);
    assert_int_equal(json(OID_JSONB, SLICE(""), ""), ERROR_PROTOCOL);
    assert_int_equal(json(OID_NUMERIC, SLICE("\0\2\0\0\0\0\0\0\0\1"), ""), ERROR_PROTOCOL);
    assert_int_equal(json(OID_NUMERIC, SLICE("\0\1\0\0\0\0\0\0\x27\x10"), ""), ERROR_PROTOCOL); /* a digit of 10000 */
    assert_int_equal(json(OID_TIME, SLICE("\xff\xff\xff\xff\xff\xff\xff\xff"), ""), ERROR_PROTOCOL);
}

static void other_types_are_not_known(void **state)
{
    (void)state;
    assert_true(pgvalue_known(OID_NUMERIC));
    assert_false(pgvalue_known(OID_BYTEA));
    assert_false(pgvalue_known(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_json),
        cmocka_unit_test(stored_json_stays_on_one_line),
        cmocka_unit_test(malformed_bytes_are_refused),
        cmocka_unit_test(other_types_are_not_known),
    };
    return cmocka_run_group_tests_name("format/pgvalue", tests, NULL, NULL);
}
