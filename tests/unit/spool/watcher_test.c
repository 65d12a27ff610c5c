/* SPDX-License-Identifier: MIT */
/* When a file is complete, and what becomes of its name once it was reported. */
#include "watching.h"

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
        TEST(a_file_moved_in_and_out_again_is_named_when_it_comes_back),
        TEST(a_file_replaced_under_its_name_is_named_again),
        TEST(a_taken_file_is_not_named_twice),
        TEST(a_taken_file_that_stays_is_doubted_in_the_end),
        TEST(what_was_turned_down_is_named_again_in_the_old_order),
        TEST(a_refused_file_is_named_again_when_it_is_mended),
        TEST(a_file_mended_before_the_refusal_arrives_is_named_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
