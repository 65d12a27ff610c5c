/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/loop.h"
#include "loop/timer.h"

#include <semaphore.h>
#include <time.h>

#include <cmocka.h>

struct chain {
    struct loop *loop;
    struct loop_deferred deferred, other;
    int runs;
};

static void run_three_times(struct loop_deferred *d)
{
    struct chain *c = container_of(d, struct chain, deferred);
    if (++c->runs < 3) loop_defer(c->loop, d);
}

static void deferred_work_runs_after_the_caller_returned_and_may_defer_itself_again(void **state)
{
    (void)state;
    struct chain c = {0};
    assert_int_equal(loop_new(&c.loop), 0);
    loop_deferred_init(&c.deferred, run_three_times);
    loop_defer(c.loop, &c.deferred);
    loop_defer(c.loop, &c.deferred);
    assert_int_equal(c.runs, 0);
    loop_run(c.loop);
    assert_int_equal(c.runs, 3);
    loop_free(c.loop);
}

static void take_back_the_other(struct loop_deferred *d)
{
    struct chain *c = container_of(d, struct chain, deferred);
    c->runs++;
    loop_undefer(&c->other);
}

static void must_not_run(struct loop_deferred *d)
{
    (void)d;
    fail();
}

static void what_is_undeferred_in_the_same_turn_does_not_run(void **state)
{
    (void)state;
    struct chain c = {0};
    assert_int_equal(loop_new(&c.loop), 0);
    loop_deferred_init(&c.deferred, take_back_the_other);
    loop_deferred_init(&c.other, must_not_run);
    loop_defer(c.loop, &c.deferred);
    loop_defer(c.loop, &c.other);
    loop_run(c.loop);
    assert_int_equal(c.runs, 1);
    loop_free(c.loop);
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

static void spin_20_ms(void *ctx)
{
    (void)ctx;
    uint64_t until = uv_hrtime() + 20 * 1000 * 1000;
    while (uv_hrtime() < until)
        ;
}

/* How many took longer than the last bound that is not above `us`. */
static unsigned turns_beyond(const struct loop *l, int64_t us)
{
    struct histogram_view turns = histogram_look(loop_turns(l));
    unsigned i = 0;
    while (i + 1 < HISTOGRAM_BOUNDS && histogram_bound_us(i + 1) <= us)
        i++;
    return (unsigned)(turns.count - turns.up_to[i]);
}

static void a_busy_callback_is_measured_as_a_stall_and_waiting_is_not(void **state)
{
    (void)state;
    struct loop *l;
    struct timer *end, *busy;
    assert_int_equal(loop_new(&l), 0);
    assert_int_equal(timer_new(l, stop, l, &end), 0);
    assert_int_equal(timer_new(l, spin_20_ms, NULL, &busy), 0);
    timer_start(busy, 10);
    timer_start(end, 300);
    loop_run(l);
    assert_true(turns_beyond(l, 20000) >= 1);
    assert_int_equal(turns_beyond(l, 250000), 0);
    timer_free(busy);
    timer_free(end);
    loop_free(l);
}

static void wait_for_it(uv_work_t *work)
{
    sem_wait(work->data);
}

static void worked(uv_work_t *work, int status)
{
    (void)work, (void)status;
}

static void who_cannot_be_called_off_gets_a_second_and_then_the_loop_is_left_to_him(void **state)
{
    (void)state;
    static struct loop *l; /* stays */
    static uv_work_t work, short_work;
    static sem_t go;
    sem_init(&go, 0, 0);
    work.data = short_work.data = &go;
    assert_int_equal(loop_new(&l), 0);
    assert_int_equal(uv_queue_work(loop_uv(l), &work, wait_for_it, worked), 0);
    assert_false(loop_free(l));
    sem_post(&go);
    struct loop *other;
    assert_int_equal(loop_new(&other), 0);
    assert_int_equal(uv_queue_work(loop_uv(other), &short_work, wait_for_it, worked), 0);
    sem_post(&go);
    assert_true(loop_free(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deferred_work_runs_after_the_caller_returned_and_may_defer_itself_again),
        cmocka_unit_test(what_is_undeferred_in_the_same_turn_does_not_run),
        cmocka_unit_test(who_cannot_be_called_off_gets_a_second_and_then_the_loop_is_left_to_him),
        cmocka_unit_test(a_busy_callback_is_measured_as_a_stall_and_waiting_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
