/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/clock.h"

#include <cmocka.h>

static void expect(int64_t us, const char *want)
{
    char text[CLOCK_ISO_MAX];
    clock_iso(us, text);
    assert_string_equal(text, want);
}

static void times_are_written_as_to_jsonb_writes_them(void **state)
{
    (void)state;
    expect(0, "1970-01-01T00:00:00+00:00");
    expect(1706702400123456, "2024-01-31T12:00:00.123456+00:00");
    expect(1706702400120000, "2024-01-31T12:00:00.12+00:00");
    expect(1706702400000001, "2024-01-31T12:00:00.000001+00:00");
    expect(1706702410000000, "2024-01-31T12:00:10+00:00");
}

static void times_before_1970_count_backwards(void **state)
{
    (void)state;
    expect(-1, "1969-12-31T23:59:59.999999+00:00");
    expect(-1000000, "1969-12-31T23:59:59+00:00");
}

static void the_monotonic_clock_never_goes_back(void **state)
{
    (void)state;
    int64_t last = clock_mono_us();
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= last);
        last = now;
    }
    assert_true(clock_real_us() > (int64_t)1600000000 * 1000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_as_to_jsonb_writes_them),
        cmocka_unit_test(times_before_1970_count_backwards),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
