/* SPDX-License-Identifier: MIT */
#include "loop/timer.h"

#include <stdlib.h>

struct timer {
    uv_timer_t handle;
    timer_fn fn;
    void *ctx;
};

int timer_new(struct loop *l, timer_fn fn, void *ctx, struct timer **ret_timer)
{
    struct timer *t = malloc(sizeof *t);
    if (!t) return -ENOMEM;
    *t = (struct timer){.fn = fn, .ctx = ctx};
    uv_timer_init(loop_uv(l), &t->handle);
    t->handle.data = t;
    *ret_timer = t;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    free(handle->data);
}

void timer_free(struct timer *t)
{
    if (t) uv_close((uv_handle_t *)&t->handle, closed);
}

static void fired(uv_timer_t *handle)
{
    struct timer *t = handle->data;
    t->fn(t->ctx);
}

static void start(struct timer *t, int64_t after_ms, int64_t every_ms)
{
    /* The loop's time is that of the turn's begin: a timer started late in a long turn would fire early. */
    uv_update_time(t->handle.loop);
    uv_timer_start(&t->handle, fired, after_ms > 0 ? (uint64_t)after_ms : 0, every_ms > 0 ? (uint64_t)every_ms : 0);
}

void timer_start(struct timer *t, int64_t after_ms)
{
    start(t, after_ms, 0);
}

void timer_repeat(struct timer *t, int64_t every_ms)
{
    start(t, every_ms, every_ms);
}

void timer_stop(struct timer *t)
{
    if (t) uv_timer_stop(&t->handle);
}

bool timer_active(const struct timer *t)
{
    return t && uv_is_active((const uv_handle_t *)&t->handle);
}
