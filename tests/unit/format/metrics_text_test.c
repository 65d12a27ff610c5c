/* SPDX-License-Identifier: MIT */
#include "format/metrics_text.h"

/* cmocka.h needs the others before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

static struct counters counters;

static const char *text(struct buf *out)
{
    buf_init(out, 1 << 16);
    metrics_text(&counters, out);
    assert_int_equal(buf_check(out), 0);
    return buf_cstr(out);
}

static void every_counter_has_its_sample(void **state)
{
    (void)state;
    for (int id = 0; id < COUNTER_N; id++)
        counters_set(&counters, (enum counter_id)id, id + 1000);
    struct buf out;
    const char *all = text(&out);
    for (int id = 0; id < COUNTER_N; id++) {
        char line[128];
        snprintf(line, sizeof(line), "\n%s %d\n", counters_info((enum counter_id)id)->name, id + 1000);
        assert_non_null(strstr(all, line));
    }
    buf_done(&out);
}

static void help_and_type_stand_once_before_a_family(void **state)
{
    (void)state;
    struct buf out;
    const char *all = text(&out);
    const char *type = strstr(all, "# TYPE cetl_files_total counter\n");
    const char *help = strstr(all, "# HELP cetl_files_total Files that reached a final state.\n");
    assert_non_null(type);
    assert_non_null(help);
    assert_true(help < type && type < strstr(all, "cetl_files_total{"));
    assert_null(strstr(type + 1, "# TYPE cetl_files_total "));
    buf_done(&out);
}

/* Prometheus refuses a family that is explained twice, as it would be were its rows apart in the table. */
static void no_family_is_explained_twice(void **state)
{
    (void)state;
    struct buf out;
    const char *all = text(&out);
    for (const char *type = strstr(all, "# TYPE "); type; type = strstr(type + 1, "# TYPE ")) {
        char line[128];
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(type, "\n"), type);
        assert_null(strstr(type + 1, line));
    }
    buf_done(&out);
}

static void gauges_may_be_negative(void **state)
{
    (void)state;
    counters_set(&counters, COUNTER_FILES_QUEUED, -1);
    struct buf out;
    assert_non_null(strstr(text(&out), "\ncetl_files_queued -1\n"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_has_its_sample),
        cmocka_unit_test(help_and_type_stand_once_before_a_family),
        cmocka_unit_test(no_family_is_explained_twice),
        cmocka_unit_test(gauges_may_be_negative),
    };
    return cmocka_run_group_tests_name("format/metrics_text", tests, NULL, NULL);
}
