/* SPDX-License-Identifier: MIT */
#include "placed.h"

#include <sys/resource.h>

static void the_folders_are_made_with_their_modes(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(folder_stat(f->dir, "incoming").st_mode & 07777, 02770);
    assert_int_equal(folder_stat(f->dir, "work").st_mode & 07777, 0750);
    place_close(&f->place);
    folder_chmod(f->dir, "incoming", 0700);
    struct error err;
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    assert_int_equal(folder_stat(f->dir, "incoming").st_mode & 07777, 0700);
}

static void a_second_daemon_is_told_who_holds_the_spool(void **state)
{
    struct fixture *f = *state;
    struct place second;
    struct error err;
    char pid[32];
    snprintf(pid, sizeof(pid), "pid %d", (int)getpid());
    assert_int_equal(place_open(&second, f->dir, &err), -EBUSY);
    assert_non_null(strstr(err.text, pid));
    place_close(&f->place);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
}

static void tokens_rise_also_after_a_restart_with_the_clock_turned_back(void **state)
{
    struct fixture *f = *state;
    char last[PLACE_TOKEN_MAX] = "", token[PLACE_TOKEN_MAX];
    for (int i = 0; i < 10000; i++) {
        place_token(&f->place, token);
        assert_true(strncmp(last, token, 16) < 0);
        memcpy(last, token, sizeof(last));
    }
    folder_mkdir(f->dir, "work/00ffffffffffffff-01234567");
    place_close(&f->place);
    assert_int_equal(place_open(&f->place, f->dir, NULL), 0);
    place_token(&f->place, token);
    assert_true(strncmp("00ffffffffffffff", token, 16) < 0);
    folder_write(f->dir, "work/01ffffffffffffff-01234567=a.csv", "1");
    place_close(&f->place);
    assert_int_equal(place_open(&f->place, f->dir, NULL), 0);
    place_token(&f->place, token);
    assert_true(strncmp("01ffffffffffffff", token, 16) < 0);
}

static void folders_that_were_removed_are_made_again(void **state)
{
    struct fixture *f = *state;
    folder_rmdir(f->dir, "work");
    folder_rmdir(f->dir, "done");
    folder_write(f->dir, "incoming/a.csv", "1");
    struct place_file file = claimed(f, "a.csv");
    finish(f, &file, PLACE_DONE, "", "a.csv");
    assert_true(folder_has(f->dir, "done/a.csv"));
}

static void a_claimed_file_is_opened_as_it_is_then(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "incoming/a.csv", "1");
    struct place_file file = claimed(f, "a.csv");
    char path[64];
    snprintf(path, sizeof(path), "work/%s=a.csv", file.token);
    folder_write(f->dir, path, "1\n2\n");
    assert_file(f, &file, "1\n2\n");
    assert_int_equal(file.st.st_size, 4);
    place_file_close(&file);
    assert_int_equal(file.fd, -1);
    assert_file(f, &file, "1\n2\n");
    finish(f, &file, PLACE_DONE, "", "a.csv");
}

static void more_files_wait_than_there_are_descriptors(void **state)
{
    struct fixture *f = *state;
    enum { FILES = 200, DESCRIPTORS = 64 };
    struct rlimit before;
    struct place_file file[FILES], again[FILES];
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    for (int i = 0; i < FILES; i++) {
        char path[64];
        snprintf(path, sizeof(path), "incoming/%d.csv", i);
        folder_write(f->dir, path, "1");
    }
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){DESCRIPTORS, before.rlim_max}), 0);
    int claimed_files = 0, recovered = 0;
    for (int i = 0; i < FILES; i++) {
        char name[64];
        snprintf(name, sizeof(name), "%d.csv", i);
        claimed_files += claim(f, name, NULL, &file[i]) == 0;
    }
    if (claimed_files == FILES) recovered = recover(f, again);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(claimed_files, FILES);
    assert_int_equal(recovered, FILES);
    for (int i = 0; i < FILES; i++) {
        assert_true(fs_stat_same(&file[i].st, &again[i].st));
        place_file_done(&file[i]);
        place_file_done(&again[i]);
    }
}

static void what_is_no_file_any_more_is_not_opened(void **state)
{
    struct fixture *f = *state;
    struct error err;
    folder_write(f->dir, "incoming/a.csv", "1");
    struct place_file file = claimed(f, "a.csv");
    char path[64];
    snprintf(path, sizeof(path), "work/%s=a.csv", file.token);
    assert_int_equal(unlink(folder_path(f->dir, path)), 0);
    assert_int_equal(place_reopen(&f->place, &file, &err), PLACE_E_GONE);
    assert_non_null(strstr(err.text, file.token));
    assert_int_equal(symlink("/etc/passwd", folder_path(f->dir, path)), 0);
    assert_int_equal(place_reopen(&f->place, &file, &err), PLACE_E_NOT_REGULAR);
    assert_int_equal(unlink(folder_path(f->dir, path)), 0);
    assert_int_equal(mkfifo(folder_path(f->dir, path), 0600), 0);
    assert_int_equal(place_reopen(&f->place, &file, &err), PLACE_E_NOT_REGULAR);
    assert_int_equal(file.fd, -1);
    place_file_done(&file);
}

static void the_same_name_twice_never_overwrites(void **state)
{
    struct fixture *f = *state;
    const char *want[] = {"a.csv", "a.1.csv", "a.2.csv"};
    for (int i = 0; i < 3; i++) {
        char content[2] = {(char)('0' + i), 0};
        folder_write(f->dir, "incoming/a.csv", content);
        struct place_file file = claimed(f, "a.csv");
        finish(f, &file, PLACE_DONE, "", want[i]);
    }
    assert_int_equal(folder_count(f->dir, "done"), 3);
}

static void a_failed_file_and_its_errors_stay_a_pair(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "failed/a.csv.errors.csv", "of another file\n");
    folder_write(f->dir, "incoming/a.csv", "1");
    struct place_file file = claimed(f, "a.csv");
    finish(f, &file, PLACE_FAILED, "line,error\n2,bad\n", "a.1.csv");
    assert_true(folder_has(f->dir, "failed/a.1.csv"));
    assert_true(folder_has(f->dir, "failed/a.1.csv.errors.csv"));
    assert_int_equal(folder_stat(f->dir, "failed/a.csv.errors.csv").st_size, strlen("of another file\n"));
}

static void finishing_again_after_a_crash_changes_nothing(void **state)
{
    struct fixture *f = *state;
    /* The crash came after the errors were written and before the file was moved. */
    folder_write(f->dir, "failed/a.csv.errors.csv", "line,error\n");
    folder_write(f->dir, "incoming/a.csv", "1");
    struct place_file file = claimed(f, "a.csv");
    char name[NAME_MAX + 1];
    assert_int_equal(place_finish(&f->place, &file, PLACE_FAILED, SLICE("line,error\n"), name), 0);
    assert_string_equal(name, "a.csv");
    finish(f, &file, PLACE_FAILED, "line,error\n", "a.csv");
    assert_int_equal(folder_count(f->dir, "failed"), 2);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void done_may_lie_on_another_file_system(void **state)
{
    struct fixture *f = *state;
    char *other;
    move_away(f, "done", &other);
    folder_write(f->dir, "incoming/a.csv", "1");
    struct place_file file = claimed(f, "a.csv");
    finish(f, &file, PLACE_DONE, "", "a.csv");
    assert_true(folder_has(other, "a.csv"));
    folder_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(the_folders_are_made_with_their_modes),
        PLACE_TEST(a_second_daemon_is_told_who_holds_the_spool),
        PLACE_TEST(tokens_rise_also_after_a_restart_with_the_clock_turned_back),
        PLACE_TEST(folders_that_were_removed_are_made_again),
        PLACE_TEST(a_claimed_file_is_opened_as_it_is_then),
        PLACE_TEST(more_files_wait_than_there_are_descriptors),
        PLACE_TEST(what_is_no_file_any_more_is_not_opened),
        PLACE_TEST(the_same_name_twice_never_overwrites),
        PLACE_TEST(a_failed_file_and_its_errors_stay_a_pair),
        PLACE_TEST(finishing_again_after_a_crash_changes_nothing),
        PLACE_TEST(done_may_lie_on_another_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
