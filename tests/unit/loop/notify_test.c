/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "loop/notify.h"
#include "loop/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* What systemd would be: a datagram socket in a private folder. */
struct manager {
    char folder[32];
    struct sockaddr_un address;
    int fd;
    struct loop *loop;
    struct notify *notify;
    bool alive;
};

static bool alive(void *ctx)
{
    return ((struct manager *)ctx)->alive;
}

static void set_up(struct manager *m, const char *watchdog_usec)
{
    *m = (struct manager){.folder = "/tmp/notify-XXXXXX", .alive = true};
    assert_non_null(mkdtemp(m->folder));
    m->address.sun_family = AF_UNIX;
    snprintf(m->address.sun_path, sizeof m->address.sun_path, "%s/socket", m->folder);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&m->address, sizeof m->address), 0);
    setenv("NOTIFY_SOCKET", m->address.sun_path, 1);
    if (watchdog_usec)
        setenv("WATCHDOG_USEC", watchdog_usec, 1);
    else
        unsetenv("WATCHDOG_USEC");
    assert_int_equal(loop_new(&m->loop), 0);
    assert_int_equal(notify_new(m->loop, alive, m, &m->notify), 0);
}

static void tear_down(struct manager *m)
{
    notify_free(m->notify);
    loop_free(m->loop);
    close(m->fd);
    unlink(m->address.sun_path);
    rmdir(m->folder);
    unsetenv("NOTIFY_SOCKET");
}

/* The next datagram, or "" when none waits. */
static const char *heard(struct manager *m, char text[256])
{
    ssize_t n = recv(m->fd, text, 255, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void states_are_told_and_an_unchanged_status_is_not(void **state)
{
    (void)state;
    struct manager m;
    char text[256];
    set_up(&m, NULL);
    notify_ready(m.notify);
    assert_string_equal(heard(&m, text), "READY=1");
    notify_status(m.notify, "%d files\nREADY=1", 3);
    assert_string_equal(heard(&m, text), "STATUS=3 files\\nREADY=1");
    notify_status(m.notify, "%d files\nREADY=1", 3);
    notify_stopping(m.notify);
    assert_string_equal(heard(&m, text), "STOPPING=1");
    notify_reloading(m.notify);
    assert_non_null(strstr(heard(&m, text), "RELOADING=1\nMONOTONIC_USEC="));
    tear_down(&m);
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

static void run_for(struct manager *m, int64_t ms)
{
    struct timer *t;
    assert_int_equal(timer_new(m->loop, stop, m->loop, &t), 0);
    timer_start(t, ms);
    loop_run(m->loop);
    timer_free(t);
}

static void the_watchdog_is_fed_only_while_the_workers_are_alive(void **state)
{
    (void)state;
    struct manager m;
    char text[256];
    set_up(&m, "30000");
    run_for(&m, 100);
    int fed = 0;
    while (strcmp(heard(&m, text), "WATCHDOG=1") == 0)
        fed++;
    assert_true(fed >= 3);
    m.alive = false;
    run_for(&m, 100);
    assert_string_equal(heard(&m, text), "");
    tear_down(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_told_and_an_unchanged_status_is_not),
        cmocka_unit_test(the_watchdog_is_fed_only_while_the_workers_are_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
