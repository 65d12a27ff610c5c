/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/counters.h"

#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

static void counters_add_and_gauges_are_set(void **state)
{
    (void)state;
    struct counters c = {0};
    counters_add(&c, COUNTER_ROWS_READ, 5);
    counters_add(&c, COUNTER_ROWS_READ, 2);
    counters_set(&c, COUNTER_MEMORY_USED, 9);
    assert_int_equal(counters_get(&c, COUNTER_ROWS_READ), 7);
    assert_int_equal(counters_get(&c, COUNTER_MEMORY_USED), 9);
    assert_int_equal(counters_get(&c, COUNTER_ROWS_LOADED), 0);
}

static void every_counter_has_a_name_of_its_own_and_each_family_help(void **state)
{
    (void)state;
    for (int i = 0; i < COUNTER_N; i++) {
        const struct counter_info *info = counters_info(i);
        assert_int_equal(strncmp(info->name, "cetl_", 5), 0);
        assert_true(strcmp(info->kind, "counter") == 0 || strcmp(info->kind, "gauge") == 0);
        size_t family = strcspn(info->name, "{");
        int first = 1;
        for (int j = 0; j < i; j++) {
            const char *other = counters_info(j)->name;
            assert_string_not_equal(other, info->name);
            if (strcspn(other, "{") == family && strncmp(other, info->name, family) == 0) first = 0;
        }
        assert_int_equal(info->help[0] != 0, first);
        /* Prometheus: what only rises ends in _total */
        assert_int_equal(strcmp(info->kind, "counter") == 0, strncmp(info->name + family - 6, "_total", 6) == 0);
    }
}

static void every_histogram_has_a_name_of_its_own_and_each_family_help(void **state)
{
    (void)state;
    for (int i = 0; i < HISTOGRAM_N; i++) {
        const struct counter_info *info = counters_histogram_info(i);
        size_t family = strcspn(info->name, "{");
        assert_int_equal(strncmp(info->name, "cetl_", 5), 0);
        assert_int_equal(strncmp(info->name + family - 8, "_seconds", 8), 0); /* Prometheus: the unit ends the name */
        assert_string_equal(info->kind, "histogram");
        bool same = i > 0 && strncmp(counters_histogram_info(i - 1)->name, info->name, family) == 0;
        assert_int_equal(info->help[0] != 0, !same);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(counters_histogram_info(j)->name, info->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_add_and_gauges_are_set),
        cmocka_unit_test(every_counter_has_a_name_of_its_own_and_each_family_help),
        cmocka_unit_test(every_histogram_has_a_name_of_its_own_and_each_family_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
