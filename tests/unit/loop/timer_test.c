/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/timer.h"

#include <cmocka.h>

struct subject {
    struct loop *loop;
    struct timer *timer;
    int fired, free_at;
};

static void fired(void *ctx)
{
    struct subject *s = ctx;
    if (++s->fired == s->free_at) timer_free(s->timer);
}

static struct subject *set_up(struct subject *s)
{
    assert_int_equal(loop_new(&s->loop), 0);
    assert_int_equal(timer_new(s->loop, fired, s, &s->timer), 0);
    return s;
}

static void a_started_timer_fires_once_and_not_early(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){.free_at = 0});
    uint64_t before = uv_hrtime();
    timer_start(s->timer, 30);
    assert_true(timer_active(s->timer));
    loop_run(s->loop);
    assert_int_equal(s->fired, 1);
    assert_true(uv_hrtime() - before >= 29 * 1000 * 1000);
    assert_false(timer_active(s->timer));
    timer_free(s->timer);
    loop_free(s->loop);
}

static void a_repeating_timer_may_be_freed_in_its_callback(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){.free_at = 3});
    timer_repeat(s->timer, 1);
    loop_run(s->loop);
    assert_int_equal(s->fired, 3);
    loop_free(s->loop);
}

static void a_freed_timer_is_never_called(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){.free_at = 0});
    timer_start(s->timer, 0);
    timer_free(s->timer);
    loop_run(s->loop);
    assert_int_equal(s->fired, 0);
    loop_free(s->loop);
}

static void starting_again_moves_the_timer(void **state)
{
    (void)state;
    struct subject *s = set_up(&(struct subject){.free_at = 0});
    timer_start(s->timer, 3600 * 1000);
    timer_start(s->timer, 1);
    loop_run(s->loop);
    assert_int_equal(s->fired, 1);
    timer_free(s->timer);
    loop_free(s->loop);
}

static void null_timers_are_fine(void **state)
{
    (void)state;
    timer_stop(NULL);
    timer_free(NULL);
    assert_false(timer_active(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_started_timer_fires_once_and_not_early),
        cmocka_unit_test(a_repeating_timer_may_be_freed_in_its_callback),
        cmocka_unit_test(a_freed_timer_is_never_called),
        cmocka_unit_test(starting_again_moves_the_timer),
        cmocka_unit_test(null_timers_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
