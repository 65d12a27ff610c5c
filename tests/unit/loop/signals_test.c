/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/signals.h"
#include "loop/timer.h"

#include <signal.h>
#include <unistd.h>

#include <cmocka.h>

struct caught {
    struct loop *loop;
    struct timer *watch; /* keeps the loop running, and ends a test that hangs */
    int terminates, reloads, wanted;
};

static void count(struct caught *c, int *what)
{
    (*what)++;
    if (c->terminates + c->reloads == c->wanted) loop_stop(c->loop);
}

static void terminate(void *ctx)
{
    struct caught *c = ctx;
    count(c, &c->terminates);
}

static void reload(void *ctx)
{
    struct caught *c = ctx;
    count(c, &c->reloads);
}

static void give_up(void *ctx)
{
    struct caught *c = ctx;
    loop_stop(c->loop);
}

static void term_and_int_ask_for_the_end_hup_for_a_reload_and_pipe_is_ignored(void **state)
{
    (void)state;
    struct caught c = {.wanted = 3};
    struct signals *s;
    assert_int_equal(loop_new(&c.loop), 0);
    assert_int_equal(timer_new(c.loop, give_up, &c, &c.watch), 0);
    timer_start(c.watch, 5000);
    assert_int_equal(signals_new(c.loop, &(struct signals_handler){terminate, reload, &c}, &s), 0);
    kill(getpid(), SIGPIPE);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGINT);
    kill(getpid(), SIGHUP);
    loop_run(c.loop);
    assert_int_equal(c.terminates, 2);
    assert_int_equal(c.reloads, 1);
    signals_free(s);
    timer_free(c.watch);
    loop_free(c.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(term_and_int_ask_for_the_end_hup_for_a_reload_and_pipe_is_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
