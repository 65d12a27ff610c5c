/* SPDX-License-Identifier: MIT */
#include "api/event_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int set_up(void **state)
{
    struct event_ring *r = malloc(sizeof *r);
    event_ring_init(r, "abc");
    *state = r;
    return 0;
}

static int tear_down(void **state)
{
    event_ring_done(*state);
    free(*state);
    return 0;
}

static void push(struct event_ring *r, const char *json)
{
    event_ring_push(r, &(struct event_new){.dataset = "orders", .kind = "file", .json = slice_of(json)});
}

static bool resumes(const struct event_ring *r, const char *id, uint64_t *ret_seq)
{
    return event_ring_resume(r, slice_of(id), ret_seq);
}

static void an_event_stands_as_it_goes_over_the_wire(void **state)
{
    struct event_ring *r = *state;
    push(r, "{}");
    event_ring_push(r, &(struct event_new){.dataset = "people", .kind = "progress", .json = SLICE("{1}"), .passing = true});
    const struct event *first = event_ring_at(r, 1), *second = event_ring_at(r, 2);
    assert_true(slice_equal(event_text(first), SLICE("id: abc-1\nevent: file\ndata: {}\n\n")));
    assert_true(slice_equal(event_dataset(first), SLICE("orders")));
    assert_true(slice_equal(event_text(second), SLICE("event: progress\ndata: {1}\n\n")));
    assert_true(second->passing && !first->passing);
    assert_null(event_ring_at(r, 3));
}

static void words_for_some_are_found_in_the_text(void **state)
{
    struct event_ring *r = *state;
    struct slice json = SLICE("{\"a\":1,\"error\":\"b\",\"c\":2}");
    event_ring_push(r, &(struct event_new){.dataset = "orders", .kind = "file", .json = json, .words = {json.p + 6, 12}});
    const struct event *e = event_ring_at(r, 1);
    assert_true(slice_equal((struct slice){event_text(e).p + e->words_at, e->words_len}, SLICE(",\"error\":\"b\"")));
    push(r, "{}");
    assert_int_equal(event_ring_at(r, 2)->words_len, 0);
}

static void the_oldest_make_room(void **state)
{
    struct event_ring *r = *state;
    for (int i = 0; i < EVENT_RING_MAX + 10; i++)
        push(r, "{}");
    assert_null(event_ring_at(r, 10));
    assert_non_null(event_ring_at(r, 11));
    assert_int_equal(r->count, EVENT_RING_MAX);
}

static void its_bytes_are_bounded(void **state)
{
    struct event_ring *r = *state;
    char *large = malloc(EVENT_RING_BYTES / 4);
    memset(large, 'x', EVENT_RING_BYTES / 4);
    for (int i = 0; i < 10; i++) {
        event_ring_push(r, &(struct event_new){.dataset = "", .kind = "file", .json = {large, EVENT_RING_BYTES / 4}});
        assert_true(r->bytes <= EVENT_RING_BYTES);
    }
    assert_int_equal(r->count, 3);
    free(large);
}

static void what_is_larger_than_the_ring_is_lost(void **state)
{
    struct event_ring *r = *state;
    char *large = malloc(EVENT_RING_BYTES);
    memset(large, 'x', EVENT_RING_BYTES);
    push(r, "{}");
    event_ring_push(r, &(struct event_new){.dataset = "", .kind = "file", .json = {large, EVENT_RING_BYTES}});
    assert_int_equal(r->count, 0);
    assert_int_equal(r->bytes, 0);
    assert_int_equal(r->end, 3);
    push(r, "{}");
    assert_non_null(event_ring_at(r, 3));
    free(large);
}

static void a_client_goes_on_behind_what_it_had(void **state)
{
    struct event_ring *r = *state;
    uint64_t seq = 0;
    assert_true(resumes(r, "abc-0", &seq));
    assert_int_equal(seq, 1);
    for (int i = 0; i < 5; i++)
        push(r, "{}");
    assert_true(resumes(r, "abc-0", &seq));
    assert_true(resumes(r, "abc-3", &seq));
    assert_int_equal(seq, 4);
    assert_true(resumes(r, "abc-5", &seq));
    assert_int_equal(seq, 6);
}

static void a_client_that_was_away_too_long_is_told(void **state)
{
    struct event_ring *r = *state;
    uint64_t seq;
    for (int i = 0; i < EVENT_RING_MAX + 10; i++)
        push(r, "{}");
    assert_false(resumes(r, "abc-9", &seq));
    assert_true(resumes(r, "abc-10", &seq));
    event_ring_skip(r);
    assert_false(resumes(r, "abc-4106", &seq));
    assert_true(resumes(r, "abc-4107", &seq));
}

static void ids_that_are_none_of_ours_are_not_taken(void **state)
{
    static const char *const bad[] = {"",
                                      "abc",
                                      "abc-",
                                      "abd-1",
                                      "abc-7",
                                      "abc--1",
                                      "abc-1x",
                                      "abc-1 ",
                                      "ABC-1",
                                      "-1",
                                      "1",
                                      "abc-1-1",
                                      "abc-99999999999999999999",
                                      "abc-9223372036854775807"};
    struct event_ring *r = *state;
    uint64_t seq;
    push(r, "{}");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (resumes(r, bad[i], &seq)) fail_msg("%s was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        T(an_event_stands_as_it_goes_over_the_wire),
        T(words_for_some_are_found_in_the_text),
        T(the_oldest_make_room),
        T(its_bytes_are_bounded),
        T(what_is_larger_than_the_ring_is_lost),
        T(a_client_goes_on_behind_what_it_had),
        T(a_client_that_was_away_too_long_is_told),
        T(ids_that_are_none_of_ours_are_not_taken),
#undef T
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
