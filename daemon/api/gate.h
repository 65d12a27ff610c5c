/* SPDX-License-Identifier: MIT */
/*
 * A number of places, and a queue for them: first come, first served. It keeps answers that may take long from taking every
 * connection of a pool.
 *
 *     gate_enter(g, &w, 5000);    `got` says whether there is a place; then, at the end,
 *     gate_leave(g);
 *
 * Thread: loop.
 */
#ifndef CETLD_API_GATE_H
#define CETLD_API_GATE_H

#include "base/list.h"
#include "loop/loop.h"

#include <stdbool.h>

struct gate;
/** One who waits; embed it in the owner, and prepare it by list_init(&w->link). */
struct gate_wait {
    struct list link;
    /* Entered: a place is yours until gate_leave. Not entered: the time is over. Never called before gate_enter returned. */
    void (*got)(struct gate_wait *w, bool entered);
    int64_t deadline_ms; /* the gate's: loop time */
};

/** `places` is at least 1. 0 or -ENOMEM. */
must_check int gate_new(struct loop *l, unsigned places, struct gate **ret_gate);
/** Nobody waits any more. NULL is fine. */
void gate_free(struct gate *g);
/** All who wait at one gate say the same time-out. */
void gate_enter(struct gate *g, struct gate_wait *w, int64_t timeout_ms);
/** A place at once, when one is free and nobody waits for it. */
bool gate_try(struct gate *g);
/** No longer wanted: `got` will not be called. Harmless when `w` does not wait. */
void gate_cancel(struct gate_wait *w);
void gate_leave(struct gate *g);
/** How many wait. */
unsigned gate_waiting(const struct gate *g);

#endif
