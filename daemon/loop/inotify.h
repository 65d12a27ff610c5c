/* SPDX-License-Identifier: MIT */
/*
 * An inotify descriptor of our own on uv_poll: libuv's watcher never asks for IN_CLOSE_WRITE and hides IN_Q_OVERFLOW.
 *
 * Thread: loop.
 */
#ifndef CETLD_LOOP_INOTIFY_H
#define CETLD_LOOP_INOTIFY_H

#include "loop/loop.h"

#include <sys/inotify.h>

struct inotify;
/** `event->wd` is -1 with IN_Q_OVERFLOW. */
typedef void (*inotify_fn)(void *ctx, const struct inotify_event *event);

must_check int inotify_new(struct loop *l, inotify_fn fn, void *ctx, struct inotify **ret_inotify);
void inotify_free(struct inotify *i);
/** Watch a path. The watch descriptor (>= 0) or -errno. */
must_check int inotify_add(struct inotify *i, const char *path, uint32_t mask);
void inotify_remove(struct inotify *i, int wd);

#endif
