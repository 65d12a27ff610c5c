/* SPDX-License-Identifier: MIT */
#include "api/event_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **state)
{
    struct event_text *t = malloc(sizeof *t);
    event_text_init(t);
    *state = t;
    return 0;
}

static int tear_down(void **state)
{
    event_text_done(*state);
    free(*state);
    return 0;
}

/* Everything but the time, which comes last. */
static void says(struct slice json, const char *expected)
{
    size_t len = strlen(expected);
    assert_true(json.len > len);
    assert_memory_equal(json.p, expected, len);
}

static void a_file_that_is_nowhere_yet_has_no_id_and_no_counts(void **state)
{
    struct event_new e =
        event_text_file(*state, &(struct observed_file){.dataset = "orders", .name = "a\n.csv", .state = "unreadable"});
    says(e.json, "{\"id\":null,\"state\":\"unreadable\",\"dataset\":\"orders\",\"name\":\"a\\\\n.csv\",\"error\":null,\"at\":\"");
    assert_string_equal(e.kind, "file");
    assert_string_equal(e.dataset, "orders");
    assert_false(e.passing);
}

static void the_error_is_what_not_everybody_is_told(void **state)
{
    const struct observed_derive d = {.name = "daily", .error = "bad \"value\"", .rows = -1};
    struct event_new e = event_text_derive(*state, &d);
    says(e.json, "{\"dataset\":\"daily\",\"state\":\"failed\",\"error\":\"bad \\\"value\\\"\",\"at\":\"");
    assert_true(slice_equal(e.words, SLICE(",\"error\":\"bad \\\"value\\\"\"")));
    e = event_text_derive(*state, &(struct observed_derive){.name = "daily", .rows = 7, .duration_ms = 12});
    says(e.json, "{\"dataset\":\"daily\",\"state\":\"fresh\",\"rows\":7,\"duration_ms\":12,\"error\":null,\"at\":\"");
}

static void progress_is_of_the_moment(void **state)
{
    static char dataset[] = "orders";
    struct arrival a = {.dataset = dataset};
    struct event_new e = event_text_progress(*state, &a, (struct load_progress){.bytes = 10, .rows = 2});
    assert_true(e.passing && strstr(e.json.p, "\"bytes_read\":10,\"rows_read\":2}"));
}

static void what_is_too_large_is_no_event(void **state)
{
    char *why = malloc(EVENT_TEXT_MAX + 1);
    memset(why, 'x', EVENT_TEXT_MAX);
    why[EVENT_TEXT_MAX] = '\0';
    struct event_new e = event_text_file(*state, &(struct observed_file){.dataset = "orders", .state = "failed", .why = why});
    assert_null(e.json.p);
    says(event_text_version(*state, "orders", 3).json, "{\"dataset\":\"orders\",\"version\":3,\"at\":\"");
    free(why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_is_nowhere_yet_has_no_id_and_no_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_error_is_what_not_everybody_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(progress_is_of_the_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_large_is_no_event, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
