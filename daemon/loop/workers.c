/* SPDX-License-Identifier: MIT */
#include "loop/workers.h"

#include "loop/pulse.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Finished jobs wake the loop by an eventfd of our own. uv_async_send is not for threads that are niced: while one is between its
 * two steps libuv's loop spins and yields until it comes to the second, and to be preempted in between is just what happens to it,
 * since the first wakes the loop (libuv 1.44: a sched_yield or more for every job, and more on a busy machine).
 */
enum { LOOK_MS = 1000 }; /* a job that takes longer is looked at: does its thread live? */

struct worker {
    struct workers *all;
    pthread_t thread;
    _Atomic pid_t tid;
    _Atomic uint64_t turns; /* odd while it is at a job */
    /* The loop's: what it saw there last, and since when nothing else. */
    uint64_t seen_turns, seen_bytes;
    int64_t since_ms;
};

struct workers {
    struct loop *loop;
    uv_poll_t poll; /* of `wake` */
    int wake;
    unsigned n;
    int nice;

    pthread_mutex_t lock; /* over everything up to `finished_one` */
    struct list queue[WORKER_PRIORITIES];
    struct list finished; /* ran, `done` not yet called */
    bool stopping;
    pthread_cond_t wanted;       /* a job was queued, or stopping */
    pthread_cond_t finished_one; /* for workers_free, which waits */

    unsigned pending;        /* the loop's */
    uint64_t finished_count; /* the loop's */
    struct worker worker[];
};

static struct worker_job *pop(struct list *head)
{
    if (list_empty(head)) return NULL;
    struct worker_job *job = container_of(head->next, struct worker_job, link);
    list_remove(&job->link);
    return job;
}

static struct worker_job *next_job(struct workers *w)
{
    for (int p = 0; p < WORKER_PRIORITIES; p++) {
        struct worker_job *job = pop(&w->queue[p]);
        if (job) return job;
    }
    return NULL;
}

/* The loop is woken without the lock, which it would only wait for. And by everyone: who was here before may be preempted. */
static void hand_back(struct workers *w, struct worker_job *job)
{
    pthread_mutex_lock(&w->lock);
    list_append(&w->finished, &job->link);
    pthread_cond_signal(&w->finished_one);
    pthread_mutex_unlock(&w->lock);
    (void)eventfd_write(w->wake, 1); /* it fails only when 2^64 wakes wait already */
}

static void *work(void *arg)
{
    struct worker *me = arg;
    struct workers *w = me->all;
    pid_t tid = (pid_t)syscall(SYS_gettid);
    atomic_store(&me->tid, tid);
    /* On Linux nice is a thread's own. A failure (a sandbox without setpriority) costs latency, not correctness. */
    setpriority(PRIO_PROCESS, (id_t)tid, w->nice);
    pthread_mutex_lock(&w->lock);
    for (;;) {
        struct worker_job *job = next_job(w);
        if (!job) {
            if (w->stopping) break;
            pthread_cond_wait(&w->wanted, &w->lock);
            continue;
        }
        pthread_mutex_unlock(&w->lock);
        atomic_fetch_add(&me->turns, 1);
        job->run(job);
        atomic_fetch_add(&me->turns, 1);
        hand_back(w, job);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Hands finished jobs back one by one, so that a `done` which frees the pool (and so drains it itself) leaves nothing half taken.
 */
static void drain(struct workers *w)
{
    for (;;) {
        pthread_mutex_lock(&w->lock);
        struct worker_job *job = pop(&w->finished);
        pthread_mutex_unlock(&w->lock);
        if (!job) return;
        w->finished_count++;
        if (--w->pending == 0 && !uv_is_closing((uv_handle_t *)&w->poll)) uv_unref((uv_handle_t *)&w->poll);
        job->done(job);
    }
}

static void woken(uv_poll_t *handle, int status, int events)
{
    (void)status, (void)events;
    struct workers *w = handle->data;
    eventfd_t wakes;
    (void)eventfd_read(w->wake, &wakes); /* before the list is looked at: what comes later wakes again */
    drain(w);
}

static void join(struct workers *w, unsigned started)
{
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < started; i++)
        pthread_join(w->worker[i].thread, NULL);
}

static void closed(uv_handle_t *handle)
{
    struct workers *w = handle->data;
    pthread_cond_destroy(&w->finished_one);
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    close(w->wake);
    free(w);
}

/* Signals belong to the loop's thread: threads inherit the mask, so everything is blocked while they are made. */
static int start_threads(struct workers *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = 0;
    unsigned started = 0;
    while (started < w->n && !(r = pthread_create(&w->worker[started].thread, NULL, work, &w->worker[started])))
        started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r) join(w, started);
    return -r;
}

static int watch(struct loop *l, struct workers *w)
{
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake < 0) return -errno;
    w->poll.data = w;
    int r = uv_poll_init(loop_uv(l), &w->poll, w->wake);
    if (r < 0) {
        close(w->wake);
        return r;
    }
    r = uv_poll_start(&w->poll, UV_READABLE, woken);
    assert(r == 0); /* it fails for a handle that is closing only */
    uv_unref((uv_handle_t *)&w->poll);
    return r;
}

int workers_new(struct loop *l, unsigned n, int nice, struct workers **ret_workers)
{
    if (n == 0) n = uv_available_parallelism();
    struct workers *w = calloc(1, sizeof *w + n * sizeof w->worker[0]);
    if (!w) return -ENOMEM;
    for (unsigned i = 0; i < n; i++)
        w->worker[i].all = w;
    w->loop = l;
    w->n = n;
    w->nice = nice;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wanted, NULL);
    pthread_cond_init(&w->finished_one, NULL);
    for (int p = 0; p < WORKER_PRIORITIES; p++)
        list_init(&w->queue[p]);
    list_init(&w->finished);
    int r = watch(l, w);
    if (r < 0) {
        free(w);
        return r;
    }
    r = start_threads(w);
    if (r < 0) {
        uv_close((uv_handle_t *)&w->poll, closed);
        return r;
    }
    *ret_workers = w;
    return 0;
}

void workers_free(struct workers *w)
{
    if (!w) return;
    /* A `done` may submit again: go on until nothing is left. */
    while (w->pending > 0) {
        pthread_mutex_lock(&w->lock);
        while (list_empty(&w->finished))
            pthread_cond_wait(&w->finished_one, &w->lock);
        pthread_mutex_unlock(&w->lock);
        drain(w);
    }
    join(w, w->n);
    uv_close((uv_handle_t *)&w->poll, closed);
}

void workers_submit(struct workers *w, struct worker_job *job)
{
    if (w->pending++ == 0) uv_ref((uv_handle_t *)&w->poll);
    pthread_mutex_lock(&w->lock);
    list_init(&job->link);
    list_append(&w->queue[job->priority], &job->link);
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->lock);
}

unsigned workers_count(const struct workers *w)
{
    return w->n;
}

unsigned workers_pending(const struct workers *w)
{
    return w->pending;
}

uint64_t workers_finished(const struct workers *w)
{
    return w->finished_count;
}

/* For how long it has been at its job without a sign of life. */
static int64_t silent_ms(struct worker *me, int64_t now)
{
    uint64_t turns = atomic_load(&me->turns);
    if (turns % 2 == 0 || turns != me->seen_turns) {
        me->seen_turns = turns;
        me->since_ms = now;
        return 0;
    }
    if (now - me->since_ms < LOOK_MS) return now - me->since_ms;
    struct pulse p = {0};
    /* Where the kernel does not tell nobody is suspected: a restart in the middle of a long copy would only begin it anew. */
    if (pulse_read(atomic_load(&me->tid), &p) < 0 || p.disk || p.bytes != me->seen_bytes) {
        me->seen_bytes = p.bytes;
        me->since_ms = now;
    }
    return now - me->since_ms;
}

int64_t workers_silent_ms(struct workers *w)
{
    int64_t longest = 0, now = loop_now_ms(w->loop);
    for (unsigned i = 0; i < w->n; i++) {
        int64_t ms = silent_ms(&w->worker[i], now);
        if (ms > longest) longest = ms;
    }
    return longest;
}
