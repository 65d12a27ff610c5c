/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sched_setattr(2) in its first version; older C libraries do not know it. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice_ns, deadline_ns, period_ns;
};
enum { POLICY_OTHER = 0, RESET_ON_FORK = 1, SLICE_NS = 200000, PATIENCE_MS = 1000 };

struct loop {
    uv_loop_t uv;
    uv_idle_t idle;       /* active while something is deferred: the loop does not sleep then */
    uv_prepare_t prepare; /* once a turn, which it measures; does not keep the loop running */
    uv_timer_t patience;  /* loop_free's */
    struct list deferred;
    uint64_t turn_began_ns;
    uint64_t idle_before_ns; /* uv_metrics_idle_time at that moment */
    struct histogram turns;
};

static void run_deferred(uv_idle_t *handle)
{
    struct loop *l = handle->data;
    /* What is deferred from here on belongs to the next turn; or a job that defers itself again would never let sockets in. */
    struct list now;
    list_init(&now);
    while (!list_empty(&l->deferred)) {
        struct list *first = l->deferred.next;
        list_remove(first);
        list_append(&now, first);
    }
    while (!list_empty(&now)) {
        struct loop_deferred *d = container_of(now.next, struct loop_deferred, link);
        list_remove(&d->link);
        d->run(d);
    }
    if (list_empty(&l->deferred)) uv_idle_stop(&l->idle);
}

/* Runs just before the loop waits. I/O callbacks run inside the wait's phase, so the idle time is taken from libuv's own measure.
 */
static void measure_turn(uv_prepare_t *handle)
{
    struct loop *l = handle->data;
    uint64_t now = uv_hrtime(), idle = uv_metrics_idle_time(&l->uv);
    if (l->turn_began_ns) {
        uint64_t turn = now - l->turn_began_ns, waited = idle - l->idle_before_ns;
        uint64_t busy = turn > waited ? turn - waited : 0;
        histogram_observe(&l->turns, (int64_t)(busy / 1000));
    }
    l->turn_began_ns = now;
    l->idle_before_ns = idle;
}

int loop_new(struct loop **ret_loop)
{
    struct loop *l = calloc(1, sizeof *l);
    if (!l) return -ENOMEM;
    int r = uv_loop_init(&l->uv);
    if (r < 0) {
        free(l);
        return r;
    }
    uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME);
    list_init(&l->deferred);
    uv_idle_init(&l->uv, &l->idle);
    uv_prepare_init(&l->uv, &l->prepare);
    l->idle.data = l->prepare.data = l;
    uv_prepare_start(&l->prepare, measure_turn);
    uv_unref((uv_handle_t *)&l->prepare);
    *ret_loop = l;
    return 0;
}

static void lose_patience(uv_timer_t *timer)
{
    bool *lost = timer->data;
    *lost = true;
}

bool loop_free(struct loop *l)
{
    if (!l) return true;
    bool lost = false;
    uv_timer_init(&l->uv, &l->patience);
    l->patience.data = &lost;
    uv_update_time(&l->uv);
    uv_timer_start(&l->patience, lose_patience, PATIENCE_MS, 0);
    /* Close callbacks may defer, and what is deferred may close; a name that is still being resolved cannot be called off. */
    do
        uv_run(&l->uv, l->uv.active_reqs.count > 0 ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    while (!list_empty(&l->deferred) || l->uv.closing_handles || (l->uv.active_reqs.count > 0 && !lost));
    if (l->uv.active_reqs.count > 0) return false;
    uv_close((uv_handle_t *)&l->patience, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    int r = uv_loop_close(&l->uv);
    assert(r == 0);
    (void)r;
    free(l);
    return true;
}

uv_loop_t *loop_uv(struct loop *l)
{
    return &l->uv;
}

/*
 * A turn is short, and who is served by it waits: with a slice shorter than others' the thread gets a core as soon as it is woken
 * (sched_setattr, for SCHED_OTHER since Linux 6.12). A failure costs latency only.
 */
static void be_prompt(void)
{
    struct scheduling s = {.size = sizeof s,
                           .policy = POLICY_OTHER,
                           .flags = RESET_ON_FORK,
                           .nice = getpriority(PRIO_PROCESS, 0),
                           .slice_ns = SLICE_NS};
    syscall(SYS_sched_setattr, 0, &s, 0);
}

void loop_run(struct loop *l)
{
    be_prompt();
    l->turn_began_ns = 0;
    uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

int64_t loop_now_ms(struct loop *l)
{
    return (int64_t)uv_now(&l->uv);
}

void loop_deferred_init(struct loop_deferred *d, void (*run)(struct loop_deferred *d))
{
    list_init(&d->link);
    d->run = run;
}

void loop_defer(struct loop *l, struct loop_deferred *d)
{
    if (!list_empty(&d->link)) return;
    list_append(&l->deferred, &d->link);
    uv_idle_start(&l->idle, run_deferred);
}

void loop_undefer(struct loop_deferred *d)
{
    list_remove(&d->link);
}

const struct histogram *loop_turns(const struct loop *l)
{
    return &l->turns;
}
