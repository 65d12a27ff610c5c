/* SPDX-License-Identifier: MIT */
/*
 * The loop: one uv loop on one thread, which owns every socket, descriptor watch and timer of the daemon. This wrapper adds
 * one-shot deferral and the measure of its turns (how late it comes round), which /metrics shows.
 *
 * Thread: loop.
 */
#ifndef CETLD_LOOP_LOOP_H
#define CETLD_LOOP_LOOP_H

#include "base/error.h"
#include "base/histogram.h"
#include "base/list.h"

#include <stdint.h>
#include <uv.h>

struct loop;

/** Something to do once the present callbacks have returned; embed it in the owner. */
struct loop_deferred {
    struct list link;
    void (*run)(struct loop_deferred *d); /* the owner may be freed there */
};

/** The caller frees with loop_free once nothing is open any more. */
must_check int loop_new(struct loop **ret_loop);
/**
 * Runs close callbacks that are due; asserts that no handle is left. NULL is fine. False: a thread of libuv's is still at something
 * that cannot be called off (a name that no server resolves). It gets a second; then the loop is left to it as it is, and the
 * process ends by _exit(2), since exit(3) would wait for the thread.
 */
bool loop_free(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);
/** Runs until loop_stop or until nothing is left to wait for. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/** The loop's idea of now, monotonic milliseconds. */
int64_t loop_now_ms(struct loop *l);
/** Prepare `d`; afterwards loop_defer and loop_undefer may be called at any time, also twice. */
void loop_deferred_init(struct loop_deferred *d, void (*run)(struct loop_deferred *d));
/** Run `d` once in the next turn, never before this returned. Already deferred: nothing changes. Keeps the loop running. */
void loop_defer(struct loop *l, struct loop_deferred *d);
void loop_undefer(struct loop_deferred *d);
/** The turns, each without the time it waited for events: how late somebody was served. */
const struct histogram *loop_turns(const struct loop *l);

#endif
