/* SPDX-License-Identifier: MIT */
/*
 * A timer that lives apart from its owner, so that an owner may drop it anywhere, also in its callback.
 *
 *     struct timer *t;  timer_new(loop, on_tick, self, &t);
 *     timer_start(t, 500);            once, in 500 ms; starting again moves it
 *     timer_free(t);                  never called back afterwards
 *
 * Thread: loop.
 */
#ifndef CETLD_LOOP_TIMER_H
#define CETLD_LOOP_TIMER_H

#include "loop/loop.h"

#include <stdbool.h>

struct timer;
typedef void (*timer_fn)(void *ctx);

must_check int timer_new(struct loop *l, timer_fn fn, void *ctx, struct timer **ret_timer);
void timer_free(struct timer *t);
void timer_start(struct timer *t, int64_t after_ms);
/** Every `every_ms` from now on. */
void timer_repeat(struct timer *t, int64_t every_ms);
void timer_stop(struct timer *t);
bool timer_active(const struct timer *t);

#endif
