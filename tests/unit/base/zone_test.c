/* SPDX-License-Identifier: MIT */
/* cmocka.h needs the four before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/zone.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_arena(void **state)
{
    struct arena *a = malloc(sizeof(*a));
    assert_non_null(a);
    arena_init(a, 1 << 12, 1 << 24);
    *state = a;
    return 0;
}

static int close_arena(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static const struct zone *load(struct arena *arena, const char *name)
{
    struct error err;
    const struct zone *z;
    int r = zone_load(name, arena, &err, &z);
    if (r) fail_msg("%s: %s", name, err.text);
    assert_string_equal(zone_name(z), name);
    return z;
}

static void a_gap_is_read_by_the_offset_before_it_and_an_overlap_by_the_one_behind(void **state)
{
    const struct zone *z = load(*state, "Europe/Paris");
    enum { MARCH = 1711843200 + 3600, OCTOBER = 1729990800 };     /* the changes, in the wall clock's and unix seconds */
    assert_int_equal(zone_offset(z, MARCH + 3600 - 1), 3600);     /* 01:59:59 */
    assert_int_equal(zone_offset(z, MARCH + 3600), 3600);         /* 02:00:00, never shown */
    assert_int_equal(zone_offset(z, MARCH + 2 * 3600 - 1), 3600); /* 02:59:59, never shown */
    assert_int_equal(zone_offset(z, MARCH + 2 * 3600), 7200);     /* 03:00:00 */
    assert_int_equal(zone_offset(z, OCTOBER + 3600 - 1), 7200);   /* 01:59:59 */
    assert_int_equal(zone_offset(z, OCTOBER + 3600), 3600);       /* 02:00:00, shown twice */
    assert_int_equal(zone_offset(z, OCTOBER + 2 * 3600), 3600);   /* 03:00:00 */
}

static void the_far_future_repeats_every_400_years(void **state)
{
    const struct zone *z = load(*state, "America/New_York");
    const int64_t cycle = INT64_C(146097) * 86400, summer = 1720000000, winter = 1736000000;
    for (int64_t i = 0; i < 700; i++) {
        assert_int_equal(zone_offset(z, summer + i * cycle), -14400);
        assert_int_equal(zone_offset(z, winter + i * cycle), -18000);
    }
}

static void before_the_first_transition_is_local_mean_time(void **state)
{
    assert_int_equal(zone_offset(load(*state, "Europe/Paris"), INT64_C(-60000000000)), 561);
    assert_int_equal(zone_offset(load(*state, "UTC"), INT64_C(-60000000000)), 0);
    assert_int_equal(zone_offset(load(*state, "Asia/Kolkata"), INT64_C(9000000000000)), 19800);
}

static void what_is_no_zone_is_told(void **state)
{
    static const char *const names[] = {
        "",          "Europe/Pariss", "Europe",         "../../etc/passwd", "/etc/passwd", "Europe/../UTC",
        "tzdata.zi", "zone1970.tab",  "Europe/Paris\n", "Europe//Paris",    "right/UTC"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct error err = {.text = ""};
        const struct zone *z;
        assert_int_equal(zone_load(names[i], *state, &err, &z), ZONE_E_UNKNOWN);
        assert_non_null(strstr(err.text, "time zone"));
    }
}

/* A file whose every prefix, and every damaged byte, is refused or read, but never read beyond. */
static void damaged_files_are_refused(void **state)
{
    char folder[] = "/tmp/cetld-zone-XXXXXX", path[64], bytes[8192];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/Broken", folder);
    int fd = open("/usr/share/zoneinfo/Europe/Paris", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t len = read(fd, bytes, sizeof(bytes));
    close(fd);
    assert_in_range(len, 500, sizeof(bytes) - 1);
    setenv("TZDIR", folder, 1);
    unsigned refused = 0;
    for (ssize_t i = 0; i < 2 * len; i += i % 2 ? 6 : 1) {
        char damaged[sizeof(bytes)];
        memcpy(damaged, bytes, (size_t)len);
        if (i >= len) damaged[i - len] = (char)(damaged[i - len] + 0x55);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, damaged, i < len ? (size_t)i : (size_t)len), i < len ? i : len);
        close(fd);
        struct error err;
        const struct zone *z;
        int r = zone_load("Broken", *state, &err, &z);
        if (r == 0) {
            for (int64_t at = -20000000000; at < 20000000000; at += 1000000007)
                zone_offset(z, at);
        } else {
            assert_int_equal(r, ZONE_E_UNKNOWN);
            refused++;
            if (i < len) assert_non_null(strstr(err.text, "damaged"));
        }
        arena_reset(*state);
    }
    assert_true(refused > (unsigned)len / 4);
    unlink(path);
    rmdir(folder);
    unsetenv("TZDIR");
}

static void a_machine_without_zones_is_told_what_to_install(void **state)
{
    setenv("TZDIR", "/nonexistent", 1);
    struct error err;
    const struct zone *z;
    assert_int_equal(zone_load("Europe/Paris", *state, &err, &z), ZONE_E_UNKNOWN);
    assert_non_null(strstr(err.text, "tzdata"));
    unsetenv("TZDIR");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_gap_is_read_by_the_offset_before_it_and_an_overlap_by_the_one_behind, open_arena,
                                        close_arena),
        cmocka_unit_test_setup_teardown(the_far_future_repeats_every_400_years, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(before_the_first_transition_is_local_mean_time, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(what_is_no_zone_is_told, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(damaged_files_are_refused, open_arena, close_arena),
        cmocka_unit_test_setup_teardown(a_machine_without_zones_is_told_what_to_install, open_arena, close_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
