/* SPDX-License-Identifier: MIT */
/*
 * What systemd is told (sd_notify): READY, RELOADING, STATUS, STOPPING, and the watchdog's keep-alive. Does nothing when
 * NOTIFY_SOCKET is not set.
 *
 * The watchdog is fed from the loop at a third of WATCHDOG_USEC, and only while `alive` says that the workers get on.
 *
 * Thread: loop.
 */
#ifndef CETLD_LOOP_NOTIFY_H
#define CETLD_LOOP_NOTIFY_H

#include "loop/loop.h"

#include <stdbool.h>

struct notify;
must_check int notify_new(struct loop *l, bool (*alive)(void *ctx), void *ctx, struct notify **ret_notify);
void notify_free(struct notify *n);
void notify_ready(struct notify *n);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);
/** WATCHDOG_USEC, in milliseconds; 0: nobody watches. */
int64_t notify_watchdog_ms(const struct notify *n);
/** Sent when it differs from the last one. */
void notify_status(struct notify *n, const char *format, ...) printf_like(2, 3);

#endif
