/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "http/trace.h"

#include <cmocka.h>

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void valid_fields_name_their_trace(void **state)
{
    (void)state;
    static const char *const fields[] = {
        "00-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-00",
        "00-" TRACE "-" PARENT "-ff",
        "cc-" TRACE "-" PARENT "-01", /* a version to come */
        "cc-" TRACE "-" PARENT "-01-what-the-future-brings",
    };
    char id[HTTP_TRACE_ID + 1];
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        assert_true(http_trace_parse(slice_of(fields[i]), id));
        assert_string_equal(id, TRACE);
    }
}

static void what_is_not_valid_is_as_if_it_were_not_there(void **state)
{
    (void)state;
    static const char *const fields[] = {
        NULL,
        "",
        "00",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-01-more",
        "00-" TRACE "-" PARENT "-01.",
        "cc-" TRACE "-" PARENT "-01.",
        "ff-" TRACE "-" PARENT "-01",
        "0x-" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-0g",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "_" PARENT "-01",
        "00-" TRACE "-" PARENT "_01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01, 00-" TRACE "-" PARENT "-01",
        "00-'; drop table x; --aaaaaaaaaaaaa-" PARENT "-01",
    };
    char id[HTTP_TRACE_ID + 1] = "untouched";
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (http_trace_parse(slice_of(fields[i]), id)) fail_msg("%s", fields[i]);
    assert_string_equal(id, "untouched");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_fields_name_their_trace),
        cmocka_unit_test(what_is_not_valid_is_as_if_it_were_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
