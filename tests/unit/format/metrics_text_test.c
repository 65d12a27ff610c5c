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

static void histogram_is_cumulative_and_ends_with_everything(void **state)
{
    (void)state;
    counters_observe(&counters, HISTOGRAM_STAGE_COPY, 100);
    counters_observe(&counters, HISTOGRAM_STAGE_COPY, 2000000);
    counters_observe(&counters, HISTOGRAM_STAGE_COPY, (int64_t)3600 * 1000000);
    struct buf out;
    const char *all = text(&out);
    assert_non_null(
        strstr(all, "# TYPE cetl_load_stage_seconds histogram\ncetl_load_stage_seconds_bucket{stage=\"open\",le=\"0.0001\"} 0\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_bucket{stage=\"copy\",le=\"0.0001\"} 1\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_bucket{stage=\"copy\",le=\"1\"} 1\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_bucket{stage=\"copy\",le=\"2.5\"} 2\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_bucket{stage=\"copy\",le=\"1800\"} 2\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_bucket{stage=\"copy\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_sum{stage=\"copy\"} 3602.000100\n"));
    assert_non_null(strstr(all, "\ncetl_load_stage_seconds_count{stage=\"copy\"} 3\n"));
    assert_non_null(strstr(all, "\ncetl_file_seconds_bucket{le=\"0.0001\"} 0\n"));
    assert_non_null(strstr(all, "\ncetl_file_seconds_count 0\n"));
    buf_done(&out);
}

static void label_may_hold_any_byte(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    metrics_sample(&out, "x");
    metrics_label(&out, "a", "say \"hi\"\\\n{}");
    metrics_label(&out, "b", "2");
    metrics_value(&out, 7);
    assert_string_equal(buf_cstr(&out), "x{a=\"say \\\"hi\\\"\\\\\\n{}\",b=\"2\",} 7\n");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_counter_has_its_sample),
        cmocka_unit_test(help_and_type_stand_once_before_a_family),
        cmocka_unit_test(no_family_is_explained_twice),
        cmocka_unit_test(gauges_may_be_negative),
        cmocka_unit_test(histogram_is_cumulative_and_ends_with_everything),
        cmocka_unit_test(label_may_hold_any_byte),
    };
    return cmocka_run_group_tests_name("format/metrics_text", tests, NULL, NULL);
}
