/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/workers.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { JOBS = 20000, NICE = 5 };

struct tally {
    struct loop *loop;
    struct workers *workers;
    int done;
    uint64_t sum;
    int resubmit; /* how many more jobs `done` submits */
    int order[8], ordered;
};
struct job {
    struct worker_job job;
    struct tally *tally;
    uint64_t in, out;
    int nice;
    int term_blocked;
};

static void run(struct worker_job *wj)
{
    struct job *j = container_of(wj, struct job, job);
    j->out = j->in * 2 + 1;
    j->nice = getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    j->term_blocked = sigismember(&mask, SIGTERM);
}

static void submit(struct tally *t, uint64_t in);

static void done(struct worker_job *wj)
{
    struct job *j = container_of(wj, struct job, job);
    struct tally *t = j->tally;
    assert_int_equal(j->out, j->in * 2 + 1);
    assert_int_equal(j->nice, NICE);
    assert_int_equal(j->term_blocked, 1);
    t->sum += j->out;
    t->done++;
    free(j);
    if (t->resubmit > 0) {
        t->resubmit--;
        submit(t, 1);
    }
}

static void submit(struct tally *t, uint64_t in)
{
    struct job *j = calloc(1, sizeof *j);
    assert_non_null(j);
    *j = (struct job){.job = {.run = run, .done = done, .priority = WORKER_NORMAL}, .tally = t, .in = in};
    workers_submit(t->workers, &j->job);
}

static void set_up(struct tally *t, unsigned threads)
{
    *t = (struct tally){0};
    assert_int_equal(loop_new(&t->loop), 0);
    assert_int_equal(workers_new(t->loop, threads, NICE, &t->workers), 0);
}

static void every_job_runs_and_is_done_exactly_once(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 4);
    uint64_t expected = 0;
    for (uint64_t i = 0; i < JOBS; i++) {
        submit(&t, i);
        expected += i * 2 + 1;
    }
    assert_int_equal(workers_pending(t.workers), JOBS);
    loop_run(t.loop);
    assert_int_equal(t.done, JOBS);
    assert_int_equal(t.sum, expected);
    assert_int_equal(workers_pending(t.workers), 0);
    assert_int_equal(workers_finished(t.workers), JOBS);
    workers_free(t.workers);
    loop_free(t.loop);
}

static void freeing_the_pool_finishes_what_was_submitted_also_from_done(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 2);
    t.resubmit = 50;
    for (uint64_t i = 0; i < 1000; i++)
        submit(&t, i);
    workers_free(t.workers);
    assert_int_equal(t.done, 1050);
    loop_free(t.loop);
}

static void an_idle_pool_does_not_keep_the_loop_running(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 0);
    assert_true(workers_count(t.workers) >= 1);
    loop_run(t.loop);
    submit(&t, 7);
    loop_run(t.loop);
    assert_int_equal(t.done, 1);
    workers_free(t.workers);
    loop_free(t.loop);
}

/* A gate holds the only thread while jobs of both priorities are queued behind it. */
struct gate {
    struct worker_job job;
    pthread_mutex_t lock;
};
struct ordered {
    struct worker_job job;
    struct tally *tally;
    int number;
};

static void run_gate(struct worker_job *job)
{
    struct gate *g = container_of(job, struct gate, job);
    pthread_mutex_lock(&g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_done(struct worker_job *job)
{
    (void)job;
}

static void run_ordered(struct worker_job *job)
{
    struct ordered *o = container_of(job, struct ordered, job);
    o->tally->order[o->tally->ordered++] = o->number; /* one thread only: no race */
}

static void urgent_jobs_overtake_and_equal_ones_keep_their_order(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 1);
    struct gate g = {.job = {.run = run_gate, .done = gate_done, .priority = WORKER_URGENT}, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_lock(&g.lock);
    workers_submit(t.workers, &g.job);
    struct ordered o[4];
    static const enum worker_priority priority[4] = {WORKER_NORMAL, WORKER_NORMAL, WORKER_URGENT, WORKER_URGENT};
    for (int i = 0; i < 4; i++) {
        o[i] = (struct ordered){.job = {.run = run_ordered, .done = gate_done, .priority = priority[i]}, .tally = &t, .number = i};
        workers_submit(t.workers, &o[i].job);
    }
    pthread_mutex_unlock(&g.lock);
    loop_run(t.loop);
    static const int expected[4] = {2, 3, 0, 1};
    assert_memory_equal(t.order, expected, sizeof expected);
    workers_free(t.workers);
    loop_free(t.loop);
}

struct last_one {
    struct worker_job job;
    struct workers *workers;
    int done;
};

static void free_the_pool(struct worker_job *job)
{
    struct last_one *o = container_of(job, struct last_one, job);
    o->done++;
    workers_free(o->workers);
}

static void the_pool_may_be_freed_in_done(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 2);
    struct last_one o = {.job = {.run = gate_done, .done = free_the_pool, .priority = WORKER_NORMAL}, .workers = t.workers};
    workers_submit(t.workers, &o.job);
    for (uint64_t i = 0; i < 100; i++)
        submit(&t, i);
    loop_run(t.loop);
    assert_int_equal(o.done, 1);
    assert_int_equal(t.done, 100);
    loop_free(t.loop);
}

/* Silence is asked for until it is as long as that, or `most` milliseconds are over; the longest that was told. */
static int64_t silence(struct tally *t, int64_t long_enough_ms, int64_t most_ms)
{
    int64_t longest = 0, began = loop_now_ms(t->loop);
    while (longest < long_enough_ms && loop_now_ms(t->loop) - began < most_ms) {
        uv_run(loop_uv(t->loop), UV_RUN_NOWAIT);
        int64_t ms = workers_silent_ms(t->workers);
        if (ms > longest) longest = ms;
        usleep(10000);
    }
    return longest;
}

static void a_worker_that_waits_for_ever_is_silent_and_one_that_rests_is_not(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 2);
    assert_int_equal(silence(&t, 1, 100), 0);
    struct gate g = {.job = {.run = run_gate, .done = gate_done, .priority = WORKER_URGENT}, .lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_mutex_lock(&g.lock);
    workers_submit(t.workers, &g.job);
    for (uint64_t i = 0; i < 1000; i++)
        submit(&t, i); /* the other worker gets on, and that hides nothing */
    assert_true(silence(&t, 2500, 10000) >= 2500);
    assert_int_equal(t.done, 1000);
    pthread_mutex_unlock(&g.lock);
    loop_run(t.loop);
    assert_int_equal(silence(&t, 1, 100), 0);
    workers_free(t.workers);
    loop_free(t.loop);
}

struct copy {
    struct worker_job job;
    _Atomic bool stop;
};

static void run_copy(struct worker_job *job)
{
    struct copy *c = container_of(job, struct copy, job);
    int from = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    char bytes[4096];
    while (!atomic_load(&c->stop) && read(from, bytes, sizeof bytes) > 0)
        usleep(1000);
    close(from);
}

static void a_long_copy_is_no_silence(void **state)
{
    (void)state;
    struct tally t;
    set_up(&t, 1);
    struct copy c = {.job = {.run = run_copy, .done = gate_done, .priority = WORKER_NORMAL}};
    workers_submit(t.workers, &c.job);
    assert_true(silence(&t, 1900, 4000) < 1900);
    atomic_store(&c.stop, true);
    loop_run(t.loop);
    workers_free(t.workers);
    loop_free(t.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_and_is_done_exactly_once),
        cmocka_unit_test(freeing_the_pool_finishes_what_was_submitted_also_from_done),
        cmocka_unit_test(an_idle_pool_does_not_keep_the_loop_running),
        cmocka_unit_test(urgent_jobs_overtake_and_equal_ones_keep_their_order),
        cmocka_unit_test(the_pool_may_be_freed_in_done),
        cmocka_unit_test(a_worker_that_waits_for_ever_is_silent_and_one_that_rests_is_not),
        cmocka_unit_test(a_long_copy_is_no_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
