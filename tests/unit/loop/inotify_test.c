/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/inotify.h"
#include "loop/timer.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct watch {
    char folder[32];
    struct loop *loop;
    struct timer *limit;
    struct inotify *inotify;
    int wd;
    int events, free_at;
    uint32_t wanted; /* the mask that ends the test */
    char name[64];   /* of the last event */
};

static void give_up(void *ctx)
{
    loop_stop(ctx);
}

static void happened(void *ctx, const struct inotify_event *event)
{
    struct watch *w = ctx;
    w->events++;
    if (w->events == w->free_at) {
        inotify_free(w->inotify);
        w->inotify = NULL;
        loop_stop(w->loop);
        return;
    }
    if (!(event->mask & w->wanted)) return;
    assert_int_equal(event->wd, event->mask & IN_Q_OVERFLOW ? -1 : w->wd);
    if (event->len) snprintf(w->name, sizeof w->name, "%s", event->name);
    w->wanted = 0;
    loop_stop(w->loop);
}

static void set_up(struct watch *w)
{
    *w = (struct watch){.folder = "/tmp/inotify-XXXXXX"};
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(loop_new(&w->loop), 0);
    assert_int_equal(timer_new(w->loop, give_up, w->loop, &w->limit), 0);
    timer_start(w->limit, 10000);
    assert_int_equal(inotify_new(w->loop, happened, w, &w->inotify), 0);
    w->wd = inotify_add(w->inotify, w->folder, IN_CLOSE_WRITE | IN_CREATE | IN_DELETE);
    assert_true(w->wd >= 0);
}

static void touch(struct watch *w, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
}

static void tear_down(struct watch *w)
{
    inotify_free(w->inotify);
    timer_free(w->limit);
    loop_free(w->loop);
    rmdir(w->folder);
}

static void a_closed_file_is_told_with_its_name(void **state)
{
    (void)state;
    struct watch w;
    set_up(&w);
    w.wanted = IN_CLOSE_WRITE;
    touch(&w, "orders.csv");
    loop_run(w.loop);
    assert_string_equal(w.name, "orders.csv");
    tear_down(&w);
}

static void the_watcher_may_be_freed_in_its_callback_with_events_unread(void **state)
{
    (void)state;
    struct watch w;
    set_up(&w);
    w.free_at = 2;
    for (int i = 0; i < 100; i++)
        touch(&w, "x");
    loop_run(w.loop);
    assert_int_equal(w.events, 2);
    tear_down(&w);
}

static void a_removed_watch_is_silent_and_a_missing_path_is_an_error(void **state)
{
    (void)state;
    struct watch w;
    set_up(&w);
    assert_int_equal(inotify_add(w.inotify, "/nonexistent/folder", IN_CREATE), -ENOENT);
    inotify_remove(w.inotify, w.wd);
    w.wanted = IN_IGNORED;
    touch(&w, "x");
    loop_run(w.loop);
    assert_int_equal(w.events, 1);
    tear_down(&w);
}

static void an_overflow_of_the_queue_is_told_without_a_watch(void **state)
{
    (void)state;
    struct watch w;
    set_up(&w);
    FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    int limit = 0;
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &limit), 1);
    fclose(f);
    w.wanted = IN_Q_OVERFLOW;
    timer_start(w.limit, 60000); /* so many files take their time */
    for (int i = 0; i < limit / 2 + 1; i++)
        touch(&w, i % 2 ? "a" : "b"); /* three events each, unlike their neighbours */
    loop_run(w.loop);
    assert_int_equal(w.wanted, 0);
    tear_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_closed_file_is_told_with_its_name),
        cmocka_unit_test(the_watcher_may_be_freed_in_its_callback_with_events_unread),
        cmocka_unit_test(a_removed_watch_is_silent_and_a_missing_path_is_an_error),
        cmocka_unit_test(an_overflow_of_the_queue_is_told_without_a_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
