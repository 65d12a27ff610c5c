/* SPDX-License-Identifier: MIT */
/*
 * The worker pool: own threads (niced, signals blocked), a queue that is linked through the callers' own jobs (their budget bounds
 * it), one eventfd for what is finished. Not libuv's pool, which getaddrinfo and fs calls share. A job is self-contained: between
 * submit and done only the worker touches it.
 *
 *     struct my_job { struct worker_job job; … };
 *     j->job.run = run_on_worker;  j->job.done = back_on_loop;
 *     workers_submit(w, &j->job);
 *
 * Jobs of equal priority run in the order of submission. Every submitted job's `done` is called exactly once, on the loop, in no
 * certain order.
 *
 * Thread: loop, but for `run`.
 */
#ifndef CETLD_LOOP_WORKERS_H
#define CETLD_LOOP_WORKERS_H

#include "base/list.h"
#include "loop/loop.h"

enum worker_priority { WORKER_URGENT, WORKER_NORMAL, WORKER_PRIORITIES };

struct worker_job {
    struct list link;                     /* the pool's while it is submitted */
    void (*run)(struct worker_job *job);  /* on a worker thread */
    void (*done)(struct worker_job *job); /* on the loop; the job may be freed there */
    enum worker_priority priority;
};

struct workers;
/** `n` threads (0: one a core), niced by `nice`. */
must_check int workers_new(struct loop *l, unsigned n, int nice, struct workers **ret_workers);
/** Waits for the jobs that run, calls `done` for all that were submitted (those not begun run to their end too). NULL is fine. */
void workers_free(struct workers *w);
void workers_submit(struct workers *w, struct worker_job *job);
unsigned workers_count(const struct workers *w);
/** Jobs submitted and not yet done. */
unsigned workers_pending(const struct workers *w);
/** Jobs finished since the start. */
uint64_t workers_finished(const struct workers *w);
/**
 * The longest that a worker has been at its present job without a sign of life, for the watchdog, which asks now and then: 0 where
 * all rest or work. To read or write a file, or to wait for the disk, is one (pulse.h), so a long copy may take its time.
 */
int64_t workers_silent_ms(struct workers *w);

#endif
