/* SPDX-License-Identifier: MIT */
#include "loop/inotify.h"

#include <stdlib.h>
#include <unistd.h>

/* One read a turn; the descriptor stays readable while there is more, so others get their turn in between. */
enum { READ_BYTES = 16384 };

struct inotify {
    uv_poll_t poll;
    int fd;
    inotify_fn fn;
    void *ctx;
    char events[READ_BYTES] __attribute__((aligned(__alignof__(struct inotify_event))));
};

static void readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct inotify *i = poll->data;
    ssize_t n = read(i->fd, i->events, sizeof i->events);
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(const void *)(i->events + at);
        i->fn(i->ctx, event);
        if (uv_is_closing((uv_handle_t *)&i->poll)) return;
        at += (ssize_t)(sizeof *event + event->len);
    }
}

static void closed(uv_handle_t *handle)
{
    struct inotify *i = handle->data;
    close(i->fd);
    free(i);
}

int inotify_new(struct loop *l, inotify_fn fn, void *ctx, struct inotify **ret_inotify)
{
    struct inotify *i = calloc(1, sizeof *i);
    if (!i) return -ENOMEM;
    i->fn = fn;
    i->ctx = ctx;
    i->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int r = i->fd < 0 ? -errno : uv_poll_init(loop_uv(l), &i->poll, i->fd);
    if (r < 0) {
        if (i->fd >= 0) close(i->fd);
        free(i);
        return r;
    }
    i->poll.data = i;
    r = uv_poll_start(&i->poll, UV_READABLE, readable);
    if (r < 0) {
        inotify_free(i);
        return r;
    }
    *ret_inotify = i;
    return 0;
}

void inotify_free(struct inotify *i)
{
    if (i) uv_close((uv_handle_t *)&i->poll, closed);
}

int inotify_add(struct inotify *i, const char *path, uint32_t mask)
{
    int wd = inotify_add_watch(i->fd, path, mask);
    return wd < 0 ? -errno : wd;
}

void inotify_remove(struct inotify *i, int wd)
{
    inotify_rm_watch(i->fd, wd);
}
