/* SPDX-License-Identifier: MIT */
/*
 * A watcher on a private incoming/, and what it reported, in order.
 *
 *     start(f);                             past the first scan
 *     folder_write(f->dir, "incoming/…", …);
 *     wait_seen(f, 1);                      f->seen[0] is its path
 */
#ifndef CETLD_TESTS_SPOOL_WATCHING_H
#define CETLD_TESTS_SPOOL_WATCHING_H

#include "base/clock.h"
#include "folder.h"
#include "loop/timer.h"
#include "spool/watcher.h"

enum { SETTLE_MS = 60, RESCAN_MS = 100000, UNCLOSED_MS = 700, DEADLINE_MS = 20000, SEEN_MAX = 40000 };

struct fixture {
    char *dir, *incoming;
    struct loop *loop;
    struct watcher *watcher;
    struct timer *poll;
    struct watcher_config config;
    struct counters counters;
    char *seen[SEEN_MAX];
    int n, scans, room; /* room: how many more are taken */
    bool take;          /* remove what is taken, as a claim would */
    bool (*until)(struct fixture *f);
    int64_t deadline_ms;
    int want, polls;
    bool met;
};

static inline int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static inline bool on_complete(void *ctx, const char *path)
{
    struct fixture *f = ctx;
    assert_true(f->n < SEEN_MAX);
    f->seen[f->n++] = strdup(path);
    if (f->room == 0) return false;
    f->room--;
    if (f->take) remove(folder_path(f->incoming, path));
    return true;
}

static inline void on_scanned(void *ctx)
{
    struct fixture *f = ctx;
    f->scans++;
}

static inline void on_poll(void *ctx)
{
    struct fixture *f = ctx;
    f->polls++;
    f->met = f->until(f);
    if (f->met || now_ms() > f->deadline_ms) loop_stop(f->loop);
}

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->dir = folder_new(NULL);
    assert_true(asprintf(&f->incoming, "%s/incoming", f->dir) > 0);
    folder_mkdir(f->dir, "incoming");
    f->room = SEEN_MAX;
    f->config = (struct watcher_config){.path = f->incoming,
                                        .settle_ms = SETTLE_MS,
                                        .rescan_ms = RESCAN_MS,
                                        .unclosed_ms = UNCLOSED_MS,
                                        .counters = &f->counters,
                                        .complete = on_complete,
                                        .scanned = on_scanned,
                                        .ctx = f};
    assert_int_equal(loop_new(&f->loop), 0);
    assert_int_equal(timer_new(f->loop, on_poll, f, &f->poll), 0);
    *state = f;
    return 0;
}

static inline void forget(struct fixture *f)
{
    while (f->n > 0)
        free(f->seen[--f->n]);
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    forget(f);
    watcher_free(f->watcher);
    timer_free(f->poll);
    loop_free(f->loop);
    folder_free(f->dir);
    free(f->incoming);
    free(f);
    return 0;
}

/* Run the loop until the condition holds; false after `within_ms`. */
static inline bool run_until(struct fixture *f, bool (*until)(struct fixture *f), int64_t within_ms)
{
    f->until = until;
    f->met = false;
    f->deadline_ms = now_ms() + within_ms;
    timer_repeat(f->poll, 1);
    loop_run(f->loop);
    timer_stop(f->poll);
    return f->met;
}

static inline bool has_scanned(struct fixture *f)
{
    return f->scans >= f->want;
}

static inline bool has_seen(struct fixture *f)
{
    return f->n >= f->want;
}

static inline bool never(struct fixture *f)
{
    (void)f;
    return false;
}

/* Start, and go past the first scan. */
static inline void start(struct fixture *f)
{
    assert_int_equal(watcher_new(f->loop, &f->config, &f->watcher), 0);
    f->want = 1;
    assert_true(run_until(f, has_scanned, DEADLINE_MS));
}

static inline void wait_seen(struct fixture *f, int n)
{
    f->want = n;
    if (!run_until(f, has_seen, DEADLINE_MS)) fail_msg("%d of %d reported, the last %s", f->n, n, f->n ? f->seen[f->n - 1] : "-");
    assert_int_equal(f->n, n);
}

static inline void wait_scans(struct fixture *f, int n)
{
    f->want = n;
    assert_true(run_until(f, has_scanned, DEADLINE_MS));
}

/* Nothing more comes for so long. The one thing that cannot be polled for. */
static inline void stays_quiet(struct fixture *f, int64_t ms)
{
    int n = f->n;
    assert_false(run_until(f, never, ms));
    if (f->n != n) fail_msg("reported %s", f->seen[n]);
}

static inline void set_mtime(struct fixture *f, const char *path, time_t t)
{
    const struct timespec times[2] = {{.tv_sec = t}, {.tv_sec = t}};
    assert_int_equal(utimensat(AT_FDCWD, folder_path(f->incoming, path), times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline int open_new(struct fixture *f, const char *path)
{
    int fd = open(folder_path(f->incoming, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

static inline void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

#endif
