/* SPDX-License-Identifier: MIT */
#include "api/gate.h"

#include "loop/timer.h"

#include <assert.h>
#include <stdlib.h>

struct gate {
    struct loop *loop;
    unsigned places;     /* free */
    struct list waiting; /* all with the same patience, so the first is the first whose time is over */
    struct timer *deadline;
    struct loop_deferred tend;
};

static struct gate_wait *first(const struct gate *g)
{
    return list_empty(&g->waiting) ? NULL : container_of(g->waiting.next, struct gate_wait, link);
}

static void let_in(struct gate_wait *w, bool entered)
{
    list_remove(&w->link);
    w->got(w, entered);
}

static bool is_over(const struct gate *g, const struct gate_wait *w)
{
    return w && w->deadline_ms <= loop_now_ms(g->loop);
}

static void tend(struct loop_deferred *d)
{
    struct gate *g = container_of(d, struct gate, tend);
    while (first(g) && g->places > 0) {
        g->places--;
        let_in(first(g), true);
    }
    while (is_over(g, first(g)))
        let_in(first(g), false);
    if (first(g))
        timer_start(g->deadline, first(g)->deadline_ms - loop_now_ms(g->loop));
    else
        timer_stop(g->deadline);
}

static void time_over(void *ctx)
{
    struct gate *g = ctx;
    tend(&g->tend);
}

int gate_new(struct loop *l, unsigned places, struct gate **ret_gate)
{
    assert(places > 0);
    struct gate *g = calloc(1, sizeof *g);
    if (!g) return -ENOMEM;
    g->loop = l;
    g->places = places;
    list_init(&g->waiting);
    loop_deferred_init(&g->tend, tend);
    int r = timer_new(l, time_over, g, &g->deadline);
    if (r < 0) {
        free(g);
        return r;
    }
    *ret_gate = g;
    return 0;
}

void gate_free(struct gate *g)
{
    if (!g) return;
    assert(list_empty(&g->waiting));
    loop_undefer(&g->tend);
    timer_free(g->deadline);
    free(g);
}

void gate_enter(struct gate *g, struct gate_wait *w, int64_t timeout_ms)
{
    w->deadline_ms = loop_now_ms(g->loop) + timeout_ms;
    list_append(&g->waiting, &w->link);
    loop_defer(g->loop, &g->tend);
}

bool gate_try(struct gate *g)
{
    if (g->places == 0 || first(g)) return false;
    g->places--;
    return true;
}

void gate_cancel(struct gate_wait *w)
{
    list_remove(&w->link); /* a timer that fires for nobody finds nobody */
}

void gate_leave(struct gate *g)
{
    g->places++;
    loop_defer(g->loop, &g->tend);
}

unsigned gate_waiting(const struct gate *g)
{
    unsigned n = 0;
    for (const struct list *l = g->waiting.next; l != &g->waiting; l = l->next)
        n++;
    return n;
}
