/* SPDX-License-Identifier: MIT */
#include "base/clock.h"
#include "folder.h"
#include "loop/timer.h"
#include "spool/watcher.h"

#include <sys/mount.h>
#include <sys/resource.h>

enum { SETTLE_MS = 60, RESCAN_MS = 100000, UNCLOSED_MS = 700, DEADLINE_MS = 20000, SEEN_MAX = 40000 };

/* A watcher on a private incoming/ and what it reported, in order. */
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

static int64_t now_ms(void)
{
    return clock_mono_us() / 1000;
}

static bool on_complete(void *ctx, const char *path)
{
    struct fixture *f = ctx;
    assert_true(f->n < SEEN_MAX);
    f->seen[f->n++] = strdup(path);
    if (f->room == 0) return false;
    f->room--;
    if (f->take) remove(folder_path(f->incoming, path));
    return true;
}

static void on_scanned(void *ctx)
{
    struct fixture *f = ctx;
    f->scans++;
}

static void on_poll(void *ctx)
{
    struct fixture *f = ctx;
    f->polls++;
    f->met = f->until(f);
    if (f->met || now_ms() > f->deadline_ms) loop_stop(f->loop);
}

static int set_up(void **state)
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

static void forget(struct fixture *f)
{
    while (f->n > 0)
        free(f->seen[--f->n]);
}

static int tear_down(void **state)
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
static bool run_until(struct fixture *f, bool (*until)(struct fixture *f), int64_t within_ms)
{
    f->until = until;
    f->met = false;
    f->deadline_ms = now_ms() + within_ms;
    timer_repeat(f->poll, 1);
    loop_run(f->loop);
    timer_stop(f->poll);
    return f->met;
}

static bool has_scanned(struct fixture *f)
{
    return f->scans >= f->want;
}

static bool has_seen(struct fixture *f)
{
    return f->n >= f->want;
}

static bool never(struct fixture *f)
{
    (void)f;
    return false;
}

/* Start, and go past the first scan. */
static void start(struct fixture *f)
{
    assert_int_equal(watcher_new(f->loop, &f->config, &f->watcher), 0);
    f->want = 1;
    assert_true(run_until(f, has_scanned, DEADLINE_MS));
}

static void wait_seen(struct fixture *f, int n)
{
    f->want = n;
    if (!run_until(f, has_seen, DEADLINE_MS)) fail_msg("%d of %d reported, the last %s", f->n, n, f->n ? f->seen[f->n - 1] : "-");
    assert_int_equal(f->n, n);
}

static void wait_scans(struct fixture *f, int n)
{
    f->want = n;
    assert_true(run_until(f, has_scanned, DEADLINE_MS));
}

/* Nothing more comes for so long. The one thing that cannot be polled for. */
static void stays_quiet(struct fixture *f, int64_t ms)
{
    int n = f->n;
    assert_false(run_until(f, never, ms));
    if (f->n != n) fail_msg("reported %s", f->seen[n]);
}

static void set_mtime(struct fixture *f, const char *path, time_t t)
{
    const struct timespec times[2] = {{.tv_sec = t}, {.tv_sec = t}};
    assert_int_equal(utimensat(AT_FDCWD, folder_path(f->incoming, path), times, AT_SYMLINK_NOFOLLOW), 0);
}

static int open_new(struct fixture *f, const char *path)
{
    int fd = open(folder_path(f->incoming, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void the_first_scan_reports_in_the_order_of_mtime_and_name(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *name;
        time_t mtime;
    } files[] = {{"c.csv", 1000}, {"b.csv", 2000}, {"a.csv", 2000}, {"z/d.csv", 1500}, {"future.csv", 99999999999}, {"old.csv", 0}};
    const char *want[] = {"old.csv", "c.csv", "z/d.csv", "a.csv", "b.csv", "future.csv"};
    folder_mkdir(f->incoming, "z");
    for (size_t i = 0; i < 6; i++) {
        folder_write(f->incoming, files[i].name, "1");
        set_mtime(f, files[i].name, files[i].mtime);
    }
    start(f);
    assert_int_equal(f->n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(f->seen[i], want[i]);
}

static void a_file_moved_in_is_complete_at_once(void **state)
{
    struct fixture *f = *state;
    f->config.settle_ms = 100000;
    folder_write(f->dir, "a.csv", "1");
    start(f);
    folder_rename(f->dir, "a.csv", "incoming/a.csv");
    wait_seen(f, 1);
    assert_string_equal(f->seen[0], "a.csv");
}

static void a_closed_file_is_complete_after_settle(void **state)
{
    struct fixture *f = *state;
    start(f);
    folder_write(f->incoming, "a.csv", "1");
    int64_t written = now_ms();
    wait_seen(f, 1);
    assert_true(now_ms() - written >= SETTLE_MS - 2);
}

static void a_shorter_settle_is_for_what_waits_already_too(void **state)
{
    struct fixture *f = *state;
    start(f);
    watcher_set_times(f->watcher, 3600000, RESCAN_MS);
    folder_write(f->incoming, "b.csv", "1");
    folder_write(f->incoming, "a.csv", "1");
    stays_quiet(f, 2 * SETTLE_MS);
    watcher_set_times(f->watcher, SETTLE_MS, RESCAN_MS);
    wait_seen(f, 2);
    assert_string_equal(f->seen[0], "b.csv");
}

static void every_line_appended_by_the_shell_starts_settle_again(void **state)
{
    struct fixture *f = *state;
    f->config.settle_ms = 400;
    start(f);
    int64_t last = 0;
    for (int i = 0; i < 12; i++) {
        int fd = open_new(f, "a.csv");
        put(fd, "1\n");
        close(fd);
        last = now_ms();
        stays_quiet(f, 50);
    }
    wait_seen(f, 1);
    assert_true(now_ms() - last >= 398);
}

static void a_file_that_is_written_and_not_closed_waits_longer(void **state)
{
    struct fixture *f = *state;
    start(f);
    int fd = open_new(f, "a.csv");
    put(fd, "1\n");
    int64_t written = now_ms();
    stays_quiet(f, 4 * SETTLE_MS);
    wait_seen(f, 1);
    assert_true(now_ms() - written >= UNCLOSED_MS - 2);
    close(fd);
}

static void a_file_that_grows_is_not_complete_before_it_is_closed(void **state)
{
    struct fixture *f = *state;
    start(f);
    int fd = open_new(f, "a.csv");
    for (int i = 0; i < 40; i++) {
        put(fd, "1\n");
        stays_quiet(f, UNCLOSED_MS / 20);
    }
    watcher_rescan(f->watcher);
    stays_quiet(f, SETTLE_MS * 3);
    close(fd);
    wait_seen(f, 1);
}

static void a_file_made_and_still_empty_waits_for_its_writer(void **state)
{
    struct fixture *f = *state;
    start(f);
    int fd = open_new(f, "a.csv");
    stays_quiet(f, 4 * SETTLE_MS);
    put(fd, "1\n");
    close(fd);
    wait_seen(f, 1);
}

static void a_found_file_that_grows_is_not_complete(void **state)
{
    struct fixture *f = *state;
    f->config.settle_ms = 300;
    int fd = open_new(f, "a.csv");
    put(fd, "1\n");
    assert_int_equal(watcher_new(f->loop, &f->config, &f->watcher), 0);
    stays_quiet(f, 150);
    put(fd, "2\n"); /* the watcher is up: an event says that somebody writes */
    stays_quiet(f, 400);
    close(fd);
    wait_seen(f, 1);
}

static void a_hard_link_is_complete_after_settle(void **state)
{
    struct fixture *f = *state;
    f->config.unclosed_ms = 100000;
    folder_write(f->dir, "a.csv", "1");
    start(f);
    assert_int_equal(link(folder_path(f->dir, "a.csv"), folder_path(f->incoming, "a.csv")), 0);
    wait_seen(f, 1);
}

static void unfinished_names_wait_for_another_name(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {".a.csv", "a.csv.part", "a.tmp", "a.csv~", ".hidden"};
    for (size_t i = 0; i < 4; i++)
        folder_write(f->incoming, names[i], "1");
    folder_mkdir(f->incoming, ".hidden");
    folder_write(f->incoming, ".hidden/x.csv", "1");
    start(f);
    for (size_t i = 0; i < 4; i++)
        folder_write(f->incoming, names[i], "12");
    stays_quiet(f, 3 * SETTLE_MS);
    folder_rename(f->incoming, "a.csv.part", "a.csv");
    wait_seen(f, 1);
    assert_string_equal(f->seen[0], "a.csv");
}

static void names_are_bytes(void **state)
{
    struct fixture *f = *state;
    char longest[NAME_MAX + 1];
    memset(longest, '\xff', NAME_MAX);
    longest[NAME_MAX] = '\0';
    const char *names[] = {"-rf", "two\nlines.csv", "\xff\xfe.csv", "%s%n.csv", longest};
    start(f);
    for (int i = 0; i < 5; i++) {
        folder_write(f->dir, "x", "1");
        assert_int_equal(rename(folder_path(f->dir, "x"), folder_path(f->incoming, names[i])), 0);
        wait_seen(f, i + 1);
        assert_string_equal(f->seen[i], names[i]);
    }
}

static void a_subfolder_filled_before_it_is_watched_is_found(void **state)
{
    struct fixture *f = *state;
    start(f);
    folder_mkdir(f->incoming, "a");
    folder_mkdir(f->incoming, "a/b");
    folder_mkdir(f->incoming, "a/b/c");
    folder_write(f->incoming, "a/b/c/x.csv", "1");
    folder_write(f->incoming, "a/y.csv", "1");
    wait_seen(f, 2);
    /* And from now on it is watched. */
    folder_write(f->dir, "z.csv", "1");
    folder_rename(f->dir, "z.csv", "incoming/a/b/c/z.csv");
    wait_seen(f, 3);
    assert_string_equal(f->seen[2], "a/b/c/z.csv");
}

static void a_folder_moved_in_is_found_and_one_moved_out_is_forgotten(void **state)
{
    struct fixture *f = *state;
    start(f);
    folder_mkdir(f->dir, "a");
    folder_write(f->dir, "a/x.csv", "1");
    folder_rename(f->dir, "a", "incoming/a");
    wait_seen(f, 1);
    assert_string_equal(f->seen[0], "a/x.csv");
    folder_rename(f->dir, "incoming/a", "b");
    folder_write(f->dir, "b/y.csv", "1");
    stays_quiet(f, 3 * SETTLE_MS);
    folder_rename(f->dir, "b", "incoming/c");
    wait_seen(f, 3);
}

static void a_link_to_a_folder_is_a_name_and_not_entered(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "else");
    folder_write(f->dir, "else/x.csv", "1");
    assert_int_equal(symlink("../else", folder_path(f->incoming, "l")), 0);
    start(f);
    assert_int_equal(f->n, 1);
    assert_string_equal(f->seen[0], "l");
}

static void a_file_moved_in_and_out_again_is_named_when_it_comes_back(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "a.csv", "1");
    start(f);
    folder_rename(f->dir, "a.csv", "incoming/a.csv");
    folder_rename(f->dir, "incoming/a.csv", "a.csv");
    stays_quiet(f, 2 * SETTLE_MS);
    folder_rename(f->dir, "a.csv", "incoming/a.csv");
    wait_seen(f, 1);
}

static void a_file_replaced_under_its_name_is_named_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    folder_write(f->incoming, "a.csv", "1");
    wait_seen(f, 1);
    folder_write(f->dir, "b", "2");
    folder_rename(f->dir, "b", "incoming/a.csv");
    wait_seen(f, 2);
}

static void a_taken_file_is_not_named_twice(void **state)
{
    struct fixture *f = *state;
    f->config.unclosed_ms = 100000;
    folder_write(f->incoming, "a.csv", "1");
    start(f);
    assert_int_equal(f->n, 1);
    for (int i = 0; i < 3; i++) {
        watcher_rescan(f->watcher);
        stays_quiet(f, 2 * SETTLE_MS);
    }
    watcher_retry(f->watcher, "a.csv");
    watcher_resume(f->watcher);
    wait_seen(f, 2);
}

static void a_taken_file_that_stays_is_doubted_in_the_end(void **state)
{
    struct fixture *f = *state;
    f->config.rescan_ms = 50;
    folder_write(f->incoming, "a.csv", "1");
    start(f);
    int64_t taken = now_ms();
    wait_seen(f, 2);
    assert_true(now_ms() - taken >= UNCLOSED_MS - SETTLE_MS);
}

static void what_was_turned_down_is_named_again_in_the_old_order(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"c", "a", "b"};
    for (int i = 0; i < 3; i++) {
        folder_write(f->incoming, names[i], "1");
        set_mtime(f, names[i], 1000 + i);
    }
    f->room = 0;
    start(f);
    assert_int_equal(f->n, 3);
    watcher_rescan(f->watcher);
    wait_seen(f, 6);
    f->room = 2;
    watcher_resume(f->watcher);
    wait_seen(f, 9);
    for (int i = 0; i < 9; i++)
        assert_string_equal(f->seen[i], names[i % 3]);
    watcher_resume(f->watcher);
    wait_seen(f, 10);
    assert_string_equal(f->seen[9], "b");
}

static void a_refused_file_is_named_again_when_it_is_mended(void **state)
{
    struct fixture *f = *state;
    f->config.rescan_ms = 50;
    folder_write(f->incoming, "a.csv", "1");
    folder_chmod(f->incoming, "a.csv", 0000);
    start(f);
    struct stat st = folder_stat(f->incoming, "a.csv");
    watcher_refused(f->watcher, "a.csv", &st);
    stays_quiet(f, 4 * SETTLE_MS);
    folder_chmod(f->incoming, "a.csv", 0644);
    wait_seen(f, 2);
}

static void a_file_mended_before_the_refusal_arrives_is_named_again(void **state)
{
    struct fixture *f = *state;
    folder_write(f->incoming, "a.csv", "1");
    start(f);
    struct stat st = folder_stat(f->incoming, "a.csv");
    st.st_ctim.tv_sec--;
    watcher_refused(f->watcher, "a.csv", &st);
    wait_seen(f, 2);
}

static void a_burst_that_overflows_the_queue_loses_no_file(void **state)
{
    struct fixture *f = *state;
    int n = 17000, missing = 0; /* two events each, and the queue holds 16384 by default */
    f->take = true;
    start(f);
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%05d.csv", i);
        folder_write(f->incoming, name, "1");
    }
    f->want = n;
    run_until(f, has_seen, DEADLINE_MS);
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%05d.csv", i);
        missing += folder_has(f->incoming, name);
    }
    assert_int_equal(missing, 0);
    assert_int_equal(f->n, n);
    assert_true(counters_get(&f->counters, COUNTER_INOTIFY_OVERFLOWS) > 0);
    wait_scans(f, 2);
}

static void incoming_removed_and_made_again_is_watched_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    folder_rmdir(f->dir, "incoming");
    stays_quiet(f, 2);
    folder_mkdir(f->dir, "incoming");
    folder_write(f->incoming, "a.csv", "1");
    wait_seen(f, 1);
    folder_write(f->dir, "b.csv", "1");
    folder_rename(f->dir, "b.csv", "incoming/b.csv");
    wait_seen(f, 2);
}

static bool incoming_is_there(struct fixture *f)
{
    return folder_has(f->dir, "incoming");
}

static void incoming_moved_away_is_made_anew(void **state)
{
    struct fixture *f = *state;
    start(f);
    folder_rename(f->dir, "incoming", "old");
    assert_true(run_until(f, incoming_is_there, DEADLINE_MS));
    assert_int_equal(folder_stat(f->dir, "incoming").st_mode & 07777, 02770);
    wait_scans(f, 2);
    folder_write(f->dir, "old/x.csv", "1");
    folder_write(f->incoming, "a.csv", "1");
    wait_seen(f, 1);
    assert_string_equal(f->seen[0], "a.csv");
}

static void incoming_mounted_over_and_unmounted_is_followed(void **state)
{
    struct fixture *f = *state;
    f->config.rescan_ms = 50; /* a mount is no event */
    start(f);
    if (mount("none", f->incoming, "tmpfs", 0, "size=1m") < 0) skip();
    folder_write(f->incoming, "a.csv", "1");
    wait_seen(f, 1);
    int r = umount(f->incoming); /* the watcher holds no descriptor of it */
    if (r < 0) umount2(f->incoming, MNT_DETACH);
    assert_int_equal(r, 0);
    wait_scans(f, 2);
    folder_write(f->incoming, "b.csv", "1");
    wait_seen(f, 2);
}

static void more_names_than_are_kept_are_reported_oldest_first_and_once(void **state)
{
    struct fixture *f = *state;
    int n = 100;
    f->config.entries_max = 16;
    f->take = true;
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%d.csv", (i * 37) % n);
        folder_write(f->incoming, name, "1");
        set_mtime(f, name, 1000 + (i * 37) % n);
    }
    assert_int_equal(watcher_new(f->loop, &f->config, &f->watcher), 0);
    wait_seen(f, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(atoi(f->seen[i]), i);
    stays_quiet(f, 2 * SETTLE_MS);
}

static void what_moves_in_while_the_first_scan_settles_comes_behind_it(void **state)
{
    struct fixture *f = *state;
    f->config.settle_ms = 300;
    folder_write(f->incoming, "first.csv", "1");
    folder_write(f->dir, "second.csv", "1");
    assert_int_equal(watcher_new(f->loop, &f->config, &f->watcher), 0);
    stays_quiet(f, 100);
    set_mtime(f, "../second.csv", 0);
    folder_rename(f->dir, "second.csv", "incoming/second.csv");
    wait_seen(f, 2);
    assert_string_equal(f->seen[0], "first.csv");
}

static void a_large_folder_does_not_stall_the_loop(void **state)
{
    struct fixture *f = *state;
    int n = 12000;
    f->config.unclosed_ms = 100000;
    f->config.settle_ms = 10;
    for (int i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "%05d.csv", i);
        folder_write(f->incoming, name, "");
    }
    start(f);
    assert_int_equal(f->n, n);
    /* Others had their turns meanwhile: scan, second look and reports take 3 ms at a time. */
    assert_true(f->polls > 8);
    watcher_rescan(f->watcher);
    stays_quiet(f, 500);
}

static void without_watches_the_scans_find_the_files(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    /* No descriptor for inotify: what max_user_instances and max_user_watches do for good. */
    int next = dup(0);
    close(next);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    f->config.rescan_ms = 50;
    int r = watcher_new(f->loop, &f->config, &f->watcher);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(r, 0);
    wait_scans(f, 1);
    folder_write(f->incoming, "a.csv", "1");
    wait_seen(f, 1);
}

static void a_folder_that_may_not_be_read_is_read_when_it_is_mended(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->incoming, "a");
    folder_write(f->incoming, "a/x.csv", "1");
    if (getuid() != 0) {
        folder_chmod(f->incoming, "a", 0000);
        start(f);
        assert_int_equal(f->n, 0);
        folder_chmod(f->incoming, "a", 0755);
        wait_seen(f, 1);
        return;
    }
    /* Root reads everything: a child looks as somebody whom permissions bind, while we mend. */
    folder_chmod(f->incoming, "a", 0700);
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = folder_fork_nobody();
    if (child == 0) {
        /* A loop does not live through fork. */
        if (loop_new(&f->loop) != 0 || timer_new(f->loop, on_poll, f, &f->poll) != 0) _exit(1);
        if (watcher_new(f->loop, &f->config, &f->watcher) != 0) _exit(1);
        f->want = 1;
        if (!run_until(f, has_scanned, DEADLINE_MS) || f->n != 0) _exit(2);
        if (write(ready[1], "1", 1) != 1) _exit(3);
        _exit(run_until(f, has_seen, DEADLINE_MS) && !strcmp(f->seen[0], "a/x.csv") ? 0 : 4);
    }
    char byte;
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    folder_chmod(f->incoming, "a", 0755);
    folder_wait(child);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_scan_reports_in_the_order_of_mtime_and_name),
        TEST(a_file_moved_in_is_complete_at_once),
        TEST(a_closed_file_is_complete_after_settle),
        TEST(a_shorter_settle_is_for_what_waits_already_too),
        TEST(every_line_appended_by_the_shell_starts_settle_again),
        TEST(a_file_that_is_written_and_not_closed_waits_longer),
        TEST(a_file_that_grows_is_not_complete_before_it_is_closed),
        TEST(a_file_made_and_still_empty_waits_for_its_writer),
        TEST(a_found_file_that_grows_is_not_complete),
        TEST(a_hard_link_is_complete_after_settle),
        TEST(unfinished_names_wait_for_another_name),
        TEST(names_are_bytes),
        TEST(a_subfolder_filled_before_it_is_watched_is_found),
        TEST(a_folder_moved_in_is_found_and_one_moved_out_is_forgotten),
        TEST(a_link_to_a_folder_is_a_name_and_not_entered),
        TEST(a_file_moved_in_and_out_again_is_named_when_it_comes_back),
        TEST(a_file_replaced_under_its_name_is_named_again),
        TEST(a_taken_file_is_not_named_twice),
        TEST(a_taken_file_that_stays_is_doubted_in_the_end),
        TEST(what_was_turned_down_is_named_again_in_the_old_order),
        TEST(a_refused_file_is_named_again_when_it_is_mended),
        TEST(a_file_mended_before_the_refusal_arrives_is_named_again),
        TEST(a_burst_that_overflows_the_queue_loses_no_file),
        TEST(incoming_removed_and_made_again_is_watched_again),
        TEST(incoming_moved_away_is_made_anew),
        TEST(incoming_mounted_over_and_unmounted_is_followed),
        TEST(more_names_than_are_kept_are_reported_oldest_first_and_once),
        TEST(what_moves_in_while_the_first_scan_settles_comes_behind_it),
        TEST(a_large_folder_does_not_stall_the_loop),
        TEST(without_watches_the_scans_find_the_files),
        TEST(a_folder_that_may_not_be_read_is_read_when_it_is_mended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
