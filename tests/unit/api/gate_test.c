/* SPDX-License-Identifier: MIT */
#include "../http/bench.h"
#include "api/gate.h"

enum { LONG_MS = 20000, GUESTS = 3 };

struct guest {
    struct gate_wait wait;
    unsigned entered, refused;
};

struct state {
    struct bench bench; /* for its loop */
    struct gate *gate;
    struct guest guest[GUESTS];
};

static void got(struct gate_wait *w, bool entered)
{
    struct guest *guest = container_of(w, struct guest, wait);
    if (entered)
        guest->entered++;
    else
        guest->refused++;
}

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    assert_int_equal(loop_new(&s->bench.loop), 0);
    assert_int_equal(gate_new(s->bench.loop, 1, &s->gate), 0);
    for (int i = 0; i < GUESTS; i++) {
        s->guest[i].wait.got = got;
        list_init(&s->guest[i].wait.link);
    }
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;
    gate_free(s->gate);
    loop_run(s->bench.loop);
    loop_free(s->bench.loop);
    free(s);
    return 0;
}

static void places_go_out_in_the_order_of_arrival(void **state)
{
    struct state *s = *state;
    for (int i = 0; i < GUESTS; i++)
        gate_enter(s->gate, &s->guest[i].wait, LONG_MS);
    assert_int_equal(s->guest[0].entered, 0); /* not before gate_enter returned */
    for (int i = 0; i < GUESTS; i++) {
        bench_until(&s->bench, s->guest[i].entered == 1);
        assert_int_equal(gate_waiting(s->gate), GUESTS - 1 - i);
        gate_leave(s->gate);
    }
}

static void place_is_not_taken_before_those_who_wait(void **state)
{
    struct state *s = *state;
    assert_true(gate_try(s->gate));
    assert_false(gate_try(s->gate));
    gate_enter(s->gate, &s->guest[0].wait, LONG_MS);
    gate_leave(s->gate);
    assert_false(gate_try(s->gate));
    bench_until(&s->bench, s->guest[0].entered == 1);
    gate_leave(s->gate);
    assert_true(gate_try(s->gate));
}

static void who_waits_too_long_is_told_so(void **state)
{
    struct state *s = *state;
    assert_true(gate_try(s->gate));
    for (int i = 0; i < GUESTS; i++)
        gate_enter(s->gate, &s->guest[i].wait, 20);
    bench_until(&s->bench, s->guest[0].refused + s->guest[1].refused + s->guest[2].refused == GUESTS);
    assert_int_equal(gate_waiting(s->gate), 0);
}

static void who_does_not_want_it_any_more_is_not_called(void **state)
{
    struct state *s = *state;
    assert_true(gate_try(s->gate));
    gate_enter(s->gate, &s->guest[0].wait, LONG_MS);
    gate_enter(s->gate, &s->guest[1].wait, LONG_MS);
    gate_cancel(&s->guest[0].wait);
    gate_cancel(&s->guest[0].wait);
    gate_leave(s->gate);
    bench_until(&s->bench, s->guest[1].entered == 1);
    assert_int_equal(s->guest[0].entered + s->guest[0].refused, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(places_go_out_in_the_order_of_arrival),
        T(place_is_not_taken_before_those_who_wait),
        T(who_waits_too_long_is_told_so),
        T(who_does_not_want_it_any_more_is_not_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
