/* SPDX-License-Identifier: MIT */
/* Folders below incoming/, incoming/ itself, and many files at once. */
#include "watching.h"

#include <sys/mount.h>
#include <sys/resource.h>

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
        TEST(a_subfolder_filled_before_it_is_watched_is_found),
        TEST(a_folder_moved_in_is_found_and_one_moved_out_is_forgotten),
        TEST(a_link_to_a_folder_is_a_name_and_not_entered),
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
