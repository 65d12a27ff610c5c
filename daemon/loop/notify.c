/* SPDX-License-Identifier: MIT */
#include "loop/notify.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/timer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { STATUS_MAX = 1024, US_PER_MS = 1000 };

struct notify {
    bool (*alive)(void *ctx);
    void *ctx;
    struct timer *watchdog; /* NULL: nobody watches */
    int64_t limit_ms;
    char status[STATUS_MAX];
};

static void feed(void *ctx)
{
    struct notify *n = ctx;
    if (!n->alive || n->alive(n->ctx)) sd_notify(0, "WATCHDOG=1");
}

int notify_new(struct loop *l, bool (*alive)(void *ctx), void *ctx, struct notify **ret_notify)
{
    struct notify *n = calloc(1, sizeof *n);
    if (!n) return -ENOMEM;
    n->alive = alive;
    n->ctx = ctx;
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) > 0) {
        int r = timer_new(l, feed, n, &n->watchdog);
        if (r < 0) {
            free(n);
            return r;
        }
        n->limit_ms = (int64_t)(limit_us / US_PER_MS);
        int64_t every_ms = (int64_t)(limit_us / 3 / US_PER_MS);
        timer_repeat(n->watchdog, every_ms > 0 ? every_ms : 1);
    }
    *ret_notify = n;
    return 0;
}

void notify_free(struct notify *n)
{
    if (!n) return;
    timer_free(n->watchdog);
    free(n);
}

void notify_ready(struct notify *n)
{
    (void)n;
    sd_notify(0, "READY=1");
}

void notify_reloading(struct notify *n)
{
    (void)n;
    /* The time is what Type=notify-reload (systemd 253) orders messages by. */
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_us());
}

void notify_stopping(struct notify *n)
{
    (void)n;
    sd_notify(0, "STOPPING=1");
}

int64_t notify_watchdog_ms(const struct notify *n)
{
    return n->limit_ms;
}

void notify_status(struct notify *n, const char *format, ...)
{
    char text[STATUS_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* A newline would begin another assignment of the protocol, and what is no UTF-8 be thrown away. */
    char shown[STATUS_MAX];
    log_escape(slice_of(text), shown, sizeof shown);
    if (strcmp(shown, n->status) == 0) return;
    memcpy(n->status, shown, sizeof shown);
    sd_notifyf(0, "STATUS=%s", shown);
}
