/* SPDX-License-Identifier: MIT */
#include "placed.h"

static void a_file_of_a_subfolder_keeps_its_path_over_a_crash(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "incoming/eu");
    folder_mkdir(f->dir, "incoming/eu/2024");
    folder_write(f->dir, "incoming/eu/2024/a.csv", "1");
    struct place_file file = claimed(f, "eu/2024/a.csv"), again[2];
    place_file_done(&file);
    assert_int_equal(recover(f, again), 1);
    assert_string_equal(again[0].path, "eu/2024/a.csv");
    assert_string_equal(again[0].name, "a.csv");
    assert_int_equal(again[0].fd, -1);
    assert_file(f, &again[0], "1");
    folder_rmdir(f->dir, "incoming/eu/2024");
    finish(f, &again[0], PLACE_INCOMING, "", "a.csv");
    assert_true(folder_has(f->dir, "incoming/eu/2024/a.csv"));
}

static void claimed_files_are_found_again_in_the_order_of_their_arrival(void **state)
{
    struct fixture *f = *state;
    struct place_file again[9];
    for (int i = 0; i < 8; i++) {
        char path[64];
        snprintf(path, sizeof(path), "incoming/%c.csv", 'h' - i);
        folder_write(f->dir, path, "1");
        struct place_file file = claimed(f, path + strlen("incoming/"));
        place_file_done(&file);
    }
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/.part", "half");
    assert_int_equal(recover(f, again), 8);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(again[i].name[0], 'h' - i);
        place_file_done(&again[i]);
    }
    assert_int_equal(folder_count(f->dir, "work"), 8);
}

static void what_cannot_be_opened_any_more_goes_back(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    char path[600];
    snprintf(path, sizeof(path), "%s/work/0000000000000001-01234567/l.csv", f->dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof(path), "%s/work/0000000000000002-01234567=m.csv", f->dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    struct place_file again[1];
    assert_int_equal(recover(f, again), 0);
    assert_true(folder_has(f->dir, "incoming/l.csv"));
    assert_true(folder_has(f->dir, "incoming/m.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_an_older_version_had_claimed_is_taken_up(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/old=1.csv", "1");
    folder_write(f->dir, "work/0000000000000002-01234567=new=2.csv", "2");
    folder_write(f->dir, "work/0000000000000003-01234567=", "no name");
    folder_write(f->dir, "work/0000000000000004-01234567x=a.csv", "no token");
    struct place_file again[2];
    assert_int_equal(recover(f, again), 2);
    assert_string_equal(again[0].token, "0000000000000001-01234567");
    assert_file(f, &again[0], "1");
    finish(f, &again[0], PLACE_DONE, "", "old=1.csv");
    assert_string_equal(again[1].token, "0000000000000002-01234567");
    assert_file(f, &again[1], "2");
    finish(f, &again[1], PLACE_INCOMING, "", "new=2.csv");
    assert_true(folder_has(f->dir, "incoming/new=2.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 2);
}

static void a_copy_whose_source_is_still_there_is_thrown_away(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "incoming/a.csv", "1");
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/.path", "a.csv");
    folder_write(f->dir, "work/0000000000000001-01234567/.copy", "1");
    struct stat st = folder_stat(f->dir, "incoming/a.csv");
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    char path[600];
    snprintf(path, sizeof(path), "%s/work/0000000000000001-01234567/.copy", f->dir);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    struct place_file again[1];
    assert_int_equal(recover(f, again), 0);
    assert_int_equal(folder_count(f->dir, "work"), 0);
    assert_true(folder_has(f->dir, "incoming/a.csv"));
}

static void a_copy_whose_source_is_gone_is_the_file(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/.path", "sub/a.csv");
    folder_write(f->dir, "work/0000000000000001-01234567/.copy", "1");
    struct place_file again[1];
    assert_int_equal(recover(f, again), 1);
    assert_string_equal(again[0].path, "sub/a.csv");
    assert_string_equal(again[0].name, "a.csv");
    place_file_done(&again[0]);
}

/* recover() with what it logs in ret_log. */
static int recover_logged(struct fixture *f, struct place_file *ret_files, char ret_log[4096])
{
    char path[600];
    snprintf(path, sizeof(path), "%s/log", f->dir);
    int saved = dup(STDERR_FILENO), log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(saved >= 0 && log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    int n = recover(f, ret_files);
    assert_true(dup2(saved, STDERR_FILENO) >= 0);
    ssize_t len = pread(log, ret_log, 4095, 0);
    assert_true(len >= 0);
    ret_log[len] = '\0';
    close(saved);
    close(log);
    return n;
}

static void a_token_that_cannot_be_taken_up_is_said_and_does_not_stop_the_others(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "work/0000000000000001-00000000", "a file where a folder should be");
    folder_mkdir(f->dir, "work/0000000000000002-00000000");
    folder_write(f->dir, "work/0000000000000002-00000000/.path", "a.csv");
    folder_write(f->dir, "work/0000000000000002-00000000/.copy", "1");
    folder_write(f->dir, "work/0000000000000002-00000000/a.csv", "2");
    folder_mkdir(f->dir, "work/0000000000000003-00000000");
    folder_write(f->dir, "work/0000000000000003-00000000/.path", "");
    folder_write(f->dir, "work/0000000000000003-00000000/of_a_subfolder.csv", "1");
    folder_mkdir(f->dir, "work/0000000000000004-00000000");
    folder_write(f->dir, "work/0000000000000004-00000000/good.csv", "1");
    folder_write(f->dir, "work/0000000000000005-00000000=a.csv", "1");
    folder_write(f->dir, "work/0000000000000005-00000000=b.csv", "1");
    struct place_file again[4];
    char text[4096];
    assert_int_equal(recover_logged(f, again, text), 1);
    assert_string_equal(again[0].name, "good.csv");
    place_file_done(&again[0]);
    for (int i = 1; i <= 3; i++) {
        char token[64], *said;
        snprintf(token, sizeof(token), "work/000000000000000%d-00000000 is not loaded", i);
        said = strstr(text, token);
        assert_non_null(said);
        assert_non_null(strstr(said, "mend: "));
        assert_null(strstr(said + 1, token));
    }
    const char *first = strstr(text, "work/0000000000000005-00000000=a.csv; then"),
               *second = strstr(text, "work/0000000000000005-00000000=b.csv; then");
    assert_true(first && second && strstr(text, "the same token"));
    assert_int_equal(folder_count(f->dir, "work"), 6);
}

static void a_half_written_path_is_not_the_file(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "work/0000000000000001-00000000");
    folder_write(f->dir, "work/0000000000000001-00000000/.path.tmp", "sub/a.c");
    folder_mkdir(f->dir, "work/0000000000000002-00000000");
    folder_write(f->dir, "work/0000000000000002-00000000/.path.tmp", "b.c");
    folder_write(f->dir, "work/0000000000000002-00000000/b.csv", "1");
    struct place_file again[2];
    assert_int_equal(recover(f, again), 1);
    assert_int_equal(folder_count(f->dir, "work"), 1);
    finish(f, &again[0], PLACE_DONE, "", "b.csv");
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void a_token_folder_without_permission_does_not_stop_the_others(void **state)
{
    struct fixture *f = *state;
    if (getuid() != 0) skip();
    folder_mkdir(f->dir, "work/0000000000000001-00000000");
    folder_mkdir(f->dir, "work/0000000000000002-00000000");
    folder_write(f->dir, "work/0000000000000002-00000000/good.csv", "1");
    folder_chmod(f->dir, "work/0000000000000001-00000000", 0700);
    folder_chown(f->dir, "work", FOLDER_NOBODY);
    folder_chown(f->dir, "work/0000000000000002-00000000", FOLDER_NOBODY);
    pid_t child = folder_fork_nobody();
    if (child == 0) {
        struct place_file again[2], *next = again;
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(quiet, STDERR_FILENO);
        if (place_recover(&f->place, take_found, &next, NULL) != 0) _exit(1);
        _exit(next - again == 1 ? 0 : 2);
    }
    folder_wait(child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_file_of_a_subfolder_keeps_its_path_over_a_crash),
        PLACE_TEST(claimed_files_are_found_again_in_the_order_of_their_arrival),
        PLACE_TEST(what_cannot_be_opened_any_more_goes_back),
        PLACE_TEST(what_an_older_version_had_claimed_is_taken_up),
        PLACE_TEST(a_copy_whose_source_is_still_there_is_thrown_away),
        PLACE_TEST(a_copy_whose_source_is_gone_is_the_file),
        PLACE_TEST(a_token_that_cannot_be_taken_up_is_said_and_does_not_stop_the_others),
        PLACE_TEST(a_half_written_path_is_not_the_file),
        PLACE_TEST(a_token_folder_without_permission_does_not_stop_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
