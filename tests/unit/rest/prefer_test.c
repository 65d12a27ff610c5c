/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "rest/prefer.h"

#include <cmocka.h>

static void assert_applied(const char *field, const char *applied)
{
    struct rest_prefer p;
    struct rest_error err;
    struct buf out;
    buf_init(&out, 1000);
    assert_int_equal(rest_prefer_parse(slice_of(field), &p, &err), 0);
    rest_prefer_applied(&out, &p);
    assert_string_equal(out.len ? buf_cstr(&out) : "", applied);
    buf_done(&out);
}

static void what_is_known_is_applied(void **state)
{
    (void)state;
    assert_applied(NULL, "");
    assert_applied("count=exact", "count=exact");
    assert_applied("return=representation,resolution=merge-duplicates , missing=default",
                   "resolution=merge-duplicates, missing=default, return=representation");
    assert_applied("Return=\"headers-only\"; x=1, count=planned, count=exact", "return=headers-only, count=planned");
    assert_applied("handling=lenient, foo=bar, count=all, , =", "handling=lenient");
    assert_applied("max-affected=5", "");
    assert_applied("max-affected=5, handling=strict", "handling=strict, max-affected=5");
}

static void strict_handling_refuses_what_is_not_known(void **state)
{
    (void)state;
    struct rest_prefer p;
    struct rest_error err;
    assert_int_equal(rest_prefer_parse(SLICE("count=all, handling=strict"), &p, &err), REST_E_QUERY);
    assert_string_equal(err.code, "PGRST122");
    assert_string_equal(err.message, "the preference \"count=all\" is not known, and handling=strict was asked for");
}

static void assert_range(const char *range, int64_t limit, int64_t offset, int64_t want_limit, int64_t want_offset)
{
    struct rest_level root = {.limit = limit, .offset = offset};
    struct rest_error err;
    assert_int_equal(rest_range_apply(slice_of(range), (struct slice){NULL, 0}, &root, &err), 0);
    assert_int_equal(root.limit, want_limit);
    assert_int_equal(root.offset, want_offset);
}

static void range_and_limit_meet(void **state)
{
    (void)state;
    assert_range(NULL, REST_ALL, 0, REST_ALL, 0);
    assert_range("0-9", REST_ALL, 0, 10, 0);
    assert_range("items=10-19", REST_ALL, 0, 10, 10);
    assert_range("10-", REST_ALL, 0, REST_ALL, 10);
    assert_range("0-9", 5, 0, 5, 0);
    assert_range("0-4", 10, 2, 3, 2);
    assert_range("20-29", 10, 0, 0, 20);
    assert_range("5-", 10, 0, 5, 5);
    assert_range("5-", INT64_MAX, 7, INT64_MAX, 7);
}

static void ranges_of_other_units_mean_nothing(void **state)
{
    (void)state;
    static const char *const ranges[] = {"bytes=0-9", "x", "-5", "1", "", "0-9,20-29", "0-99999999999999999999"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        assert_range(ranges[i], 3, 4, 3, 4);
    struct rest_level root = {.limit = REST_ALL};
    struct rest_error err;
    assert_int_equal(rest_range_apply(SLICE("0-9"), SLICE("pages"), &root, &err), 0);
    assert_int_equal(root.limit, REST_ALL);
}

static void range_that_ends_before_it_begins_is_416(void **state)
{
    (void)state;
    struct rest_level root = {.limit = REST_ALL};
    struct rest_error err;
    assert_int_equal(rest_range_apply(SLICE("9-0"), SLICE("items"), &root, &err), REST_E_QUERY);
    assert_int_equal(err.status, 416);
}

static void assert_content_range(int64_t offset, int64_t rows, int64_t total, const char *text, int status)
{
    struct buf out;
    buf_init(&out, 100);
    rest_range_write(&out, offset, rows, total);
    assert_string_equal(buf_cstr(&out), text);
    assert_int_equal(rest_range_status(offset, rows, total), status);
    buf_done(&out);
}

static void content_range_says_what_is_there(void **state)
{
    (void)state;
    assert_content_range(0, 10, -1, "0-9/*", 200);
    assert_content_range(0, 0, -1, "*/*", 200);
    assert_content_range(0, 0, 0, "*/0", 200);
    assert_content_range(0, 10, 10, "0-9/10", 200);
    assert_content_range(10, 5, 100, "10-14/100", 206);
    assert_content_range(100, 0, 100, "*/100", 206);
    assert_content_range(101, 0, 100, "*/100", 416);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_is_applied),
        cmocka_unit_test(strict_handling_refuses_what_is_not_known),
        cmocka_unit_test(range_and_limit_meet),
        cmocka_unit_test(ranges_of_other_units_mean_nothing),
        cmocka_unit_test(range_that_ends_before_it_begins_is_416),
        cmocka_unit_test(content_range_says_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
