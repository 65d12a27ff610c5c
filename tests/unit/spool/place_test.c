/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "base/fs.h"
#include "folder.h"
#include "spool/hold.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

struct fixture {
    char *dir;
    struct place place;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->dir = folder_new(NULL);
    struct error err;
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

static int claim(struct fixture *f, const char *path, struct error *err, struct place_file *ret_file)
{
    char token[PLACE_TOKEN_MAX];
    place_token(&f->place, token);
    return place_claim(&f->place, &(struct place_wish){.path = path, .token = token, .durable = true}, err, ret_file);
}

static struct place_file claimed(struct fixture *f, const char *path)
{
    struct error err = {0};
    struct place_file file;
    if (claim(f, path, &err, &file) != 0) fail_msg("%s", err.text);
    return file;
}

static void assert_content(int fd, const char *want)
{
    char text[256] = "";
    assert_true(fs_pread_full(fd, text, sizeof(text) - 1, 0) >= 0);
    assert_string_equal(text, want);
}

static void assert_file(struct fixture *f, struct place_file *file, const char *want)
{
    struct error err = {0};
    if (place_reopen(&f->place, file, &err) != 0) fail_msg("%s", err.text);
    assert_content(file->fd, want);
}

static void finish(struct fixture *f, struct place_file *file, enum place_target target, const char *errors, const char *want_name)
{
    char name[NAME_MAX + 1];
    assert_int_equal(place_finish(&f->place, file, target, slice_of(errors), name), 0);
    assert_string_equal(name, want_name);
    place_file_done(file);
}

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

static void a_claimed_file_lies_behind_its_token_and_holds_no_descriptor(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "incoming/a.csv", "x\n1\n");
    struct place_file file = claimed(f, "a.csv");
    assert_string_equal(file.name, "a.csv");
    assert_string_equal(file.path, "a.csv");
    assert_false(folder_has(f->dir, "incoming/a.csv"));
    char path[64];
    snprintf(path, sizeof(path), "work/%s=a.csv", file.token);
    struct stat st = folder_stat(f->dir, path);
    assert_int_equal(file.fd, -1);
    assert_file(f, &file, "x\n1\n");
    assert_true(fs_stat_same(&st, &file.st));
    finish(f, &file, PLACE_DONE, "", "a.csv");
    assert_true(folder_has(f->dir, "done/a.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void take_found(void *ctx, struct place_file *f)
{
    struct place_file **next = ctx;
    **next = *f;
    (*next)++;
}

static int recover(struct fixture *f, struct place_file *ret_files)
{
    struct place_file *next = ret_files;
    struct error err = {0};
    place_close(&f->place);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    if (place_recover(&f->place, take_found, &next, &err) != 0) fail_msg("%s", err.text);
    return (int)(next - ret_files);
}

static void names_are_bytes(void **state)
{
    struct fixture *f = *state;
    char longest[NAME_MAX + 1];
    memset(longest, 'n', NAME_MAX);
    longest[NAME_MAX] = '\0';
    enum { ROOM = NAME_MAX - PLACE_TOKEN_MAX };
    char too_long_behind_a_token[NAME_MAX + 1] = "a", just_short_enough[NAME_MAX + 1] = "b";
    memset(too_long_behind_a_token + 1, 'n', ROOM);
    memset(just_short_enough + 1, 'n', ROOM - 1);
    const char *names[] = {"-rf",
                           "=",
                           "=a=b.csv",
                           "0000000000000001-01234567=x.csv",
                           just_short_enough,
                           too_long_behind_a_token,
                           "two\nlines.csv",
                           "\xff\xfe.csv",
                           "a b'c\"d.csv",
                           "..csv",
                           "%s%n.csv",
                           longest};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[600];
        snprintf(path, sizeof(path), "incoming/%s", names[i]);
        folder_write(f->dir, path, "1");
        struct place_file file = claimed(f, names[i]);
        assert_string_equal(file.name, names[i]);
        assert_int_equal(file.flat, names[i] != too_long_behind_a_token && names[i] != longest);
        assert_file(f, &file, "1");
        place_file_done(&file);
        assert_int_equal(recover(f, &file), 1);
        assert_string_equal(file.name, names[i]);
        assert_string_equal(file.path, names[i]);
        finish(f, &file, PLACE_FAILED, "line,error\n", names[i]);
        snprintf(path, sizeof(path), "failed/%s", names[i]);
        assert_true(folder_has(f->dir, path));
    }
    assert_int_equal(folder_count(f->dir, "failed"), 2 * (int)(sizeof(names) / sizeof(names[0])));
}

static void paths_that_lead_out_are_no_paths(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "secret.csv", "1");
    struct place_file file;
    const char *paths[] = {"../secret.csv", "..", ".", "", "a/../../secret.csv", "/etc/passwd", "a//b"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int r = claim(f, paths[i], NULL, &file);
        if (r == 0) fail_msg("claimed %s", paths[i]);
    }
    assert_true(folder_has(f->dir, "secret.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_is_not_there_is_gone(void **state)
{
    struct fixture *f = *state;
    struct place_file file;
    assert_int_equal(claim(f, "none.csv", NULL, &file), PLACE_E_GONE);
    assert_int_equal(claim(f, "no/folder.csv", NULL, &file), PLACE_E_GONE);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void only_regular_files_are_claimed(void **state)
{
    struct fixture *f = *state;
    char path[600];
    folder_mkdir(f->dir, "incoming/folder.csv");
    snprintf(path, sizeof(path), "%s/incoming/fifo.csv", f->dir);
    assert_int_equal(mkfifo(path, 0666), 0);
    snprintf(path, sizeof(path), "%s/incoming/link.csv", f->dir);
    assert_int_equal(symlink("/etc/shadow", path), 0);
    snprintf(path, sizeof(path), "%s/incoming/dangling.csv", f->dir);
    assert_int_equal(symlink("nowhere", path), 0);
    cleanup_fd int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/incoming/s.csv", f->dir);
    assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);

    const struct {
        const char *name, *kind;
    } cases[] = {{"folder.csv", "a directory"},
                 {"fifo.csv", "a FIFO"},
                 {"link.csv", "a symbolic link"},
                 {"dangling.csv", "a symbolic link"},
                 {"s.csv", "a socket"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct place_file file;
        struct error err;
        assert_int_equal(claim(f, cases[i].name, &err, &file), PLACE_E_NOT_REGULAR);
        assert_non_null(strstr(err.text, cases[i].kind));
        assert_true(file.st.st_ino != 0);
    }
    assert_int_equal(folder_count(f->dir, "incoming"), 5);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void a_folder_that_is_a_symbolic_link_is_not_entered(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "else");
    folder_write(f->dir, "else/a.csv", "1");
    char path[600];
    snprintf(path, sizeof(path), "%s/incoming/sub", f->dir);
    assert_int_equal(symlink("../else", path), 0);
    struct place_file file;
    assert_int_equal(claim(f, "sub/a.csv", NULL, &file), PLACE_E_GONE);
    assert_true(folder_has(f->dir, "else/a.csv"));
}

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

static void a_claim_without_descriptors_succeeds_later_with_its_token(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, none;
    struct error err;
    char token[PLACE_TOKEN_MAX];
    struct place_file file;
    folder_write(f->dir, "incoming/a.csv", "1");
    place_token(&f->place, token);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = dup(STDERR_FILENO);
    close(lowest);
    for (int more = 0; more < 3; more++) { /* it fails at one call after the other */
        none = (struct rlimit){(rlim_t)(lowest + more), before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int r = place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = token, .durable = true, .again = more > 0},
                            &err, &file);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(r, -EMFILE);
    }
    if (place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = token, .durable = true, .again = true}, &err,
                    &file) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(file.token, token);
    finish(f, &file, PLACE_DONE, "", "a.csv");
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void a_claim_that_is_repeated_finds_what_it_had_moved(void **state)
{
    struct fixture *f = *state;
    struct error err;
    folder_mkdir(f->dir, "incoming/eu");
    folder_write(f->dir, "incoming/eu/a.csv", "1");
    struct place_file file = claimed(f, "eu/a.csv"), again;
    if (place_claim(&f->place, &(struct place_wish){.path = "eu/a.csv", .token = file.token, .durable = true, .again = true}, &err,
                    &again) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(again.path, "eu/a.csv");
    assert_true(fs_stat_same(&again.st, &file.st));
    finish(f, &again, PLACE_DONE, "", "a.csv");
    assert_int_equal(place_claim(&f->place,
                                 &(struct place_wish){.path = "eu/a.csv", .token = file.token, .durable = true, .again = true},
                                 &err, &again),
                     PLACE_E_GONE);
    place_file_done(&file);
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

static void a_claim_that_is_repeated_does_not_take_another_file_under_its_token(void **state)
{
    struct fixture *f = *state;
    struct error err;
    char token[PLACE_TOKEN_MAX];
    struct place_file file;
    folder_write(f->dir, "incoming/a.csv", "new");
    for (int form = 0; form < 2; form++) {
        char path[128];
        place_token(&f->place, token);
        snprintf(path, sizeof(path), "work/%s", token);
        if (form == 1) folder_mkdir(f->dir, path);
        snprintf(path, sizeof(path), form == 0 ? "work/%s=a.csv" : "work/%s/a.csv", token);
        folder_write(f->dir, path, "moved before");
        if (place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = token, .durable = true, .again = true}, &err,
                        &file) != 0)
            fail_msg("%s", err.text);
        assert_file(f, &file, "moved before");
        assert_true(folder_has(f->dir, "incoming/a.csv"));
        finish(f, &file, PLACE_DONE, "", form == 0 ? "a.csv" : "a.1.csv");
    }
    place_token(&f->place, token);
    assert_int_equal(place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = token, .durable = true}, &err, &file),
                     0);
    finish(f, &file, PLACE_DONE, "", "a.2.csv");
    assert_int_equal(folder_count(f->dir, "work"), 0);
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

/* incoming/ (or another folder) on another file system, by a link; skips the test where there is none. */
static void move_away(struct fixture *f, const char *name, char **ret_other)
{
    *ret_other = folder_new("/dev/shm");
    struct stat here = folder_stat(f->dir, "."), there = folder_stat(*ret_other, ".");
    if (here.st_dev == there.st_dev) {
        folder_free(*ret_other);
        skip();
    }
    char path[600];
    folder_rmdir(f->dir, name);
    snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(symlink(*ret_other, path), 0);
}

static void a_claim_across_file_systems_copies_and_removes(void **state)
{
    struct fixture *f = *state;
    char *other;
    move_away(f, "incoming", &other);
    folder_mkdir(f->dir, "incoming/sub");
    folder_write(f->dir, "incoming/sub/a.csv", "x\n1\n");
    struct stat before = folder_stat(f->dir, "incoming/sub/a.csv");
    struct place_file file = claimed(f, "sub/a.csv");
    assert_file(f, &file, "x\n1\n");
    assert_int_equal(file.st.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    assert_false(folder_has(f->dir, "incoming/sub/a.csv"));
    assert_int_equal(f->place.pace.copied, 4);
    finish(f, &file, PLACE_INCOMING, "", "a.csv");
    assert_int_equal(f->place.pace.copied, 8);
    assert_true(folder_has(f->dir, "incoming/sub/a.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
    folder_free(other);
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

static void a_copy_is_kept_while_incoming_is_not_there(void **state)
{
    struct fixture *f = *state;
    struct place_file again;
    struct error err;
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/.path", "a.csv");
    folder_write(f->dir, "work/0000000000000001-01234567/.copy", "1");
    folder_rmdir(f->dir, "incoming");
    assert_int_equal(place_claim(&f->place,
                                 &(struct place_wish){.path = "a.csv", .token = "0000000000000001-01234567", .again = true}, &err,
                                 &again),
                     PLACE_E_GONE);
    assert_true(folder_has(f->dir, "work/0000000000000001-01234567/.copy"));
    folder_mkdir(f->dir, "incoming");
    if (place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = "0000000000000001-01234567", .again = true}, &err,
                    &again) != 0)
        fail_msg("%s", err.text);
    assert_file(f, &again, "1");
    finish(f, &again, PLACE_DONE, "", "a.csv");
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

/* Takes libc's place in this program: the descriptors' names as they are synced. */
static char synced[64][64];
static unsigned syncs;
int fsync(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    const char *slash = strrchr(path, '/');
    snprintf(synced[syncs++ % 64], sizeof(synced[0]), "%.63s", slash ? slash + 1 : path);
    return (int)syscall(SYS_fsync, fd);
}

static void where_a_file_of_a_subfolder_came_from_is_on_disk_before_it_moves(void **state)
{
    struct fixture *f = *state;
    folder_mkdir(f->dir, "incoming/eu");
    folder_write(f->dir, "incoming/eu/a.csv", "1");
    char token[PLACE_TOKEN_MAX];
    struct place_file file;
    place_token(&f->place, token);
    syncs = 0;
    assert_int_equal(place_claim(&f->place, &(struct place_wish){.path = "eu/a.csv", .token = token}, NULL, &file), 0);
    assert_int_equal(syncs, 2);
    assert_non_null(strstr(synced[0], ".path"));
    assert_string_equal(synced[1], token);
    finish(f, &file, PLACE_DONE, "", "a.csv");
    folder_write(f->dir, "incoming/a.csv", "1");
    syncs = 0;
    place_token(&f->place, token);
    assert_int_equal(place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = token}, NULL, &file), 0);
    assert_int_equal(syncs, 0); /* its name tells */
    finish(f, &file, PLACE_DONE, "", "a.1.csv");
}

/* The rest runs as a user whom permissions bind. */
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

struct refusal {
    const char *name;
    mode_t file_mode, folder_mode;
    uid_t owner;
    gid_t group;
    const char *want;
};

static void check_refusal(struct fixture *f, const struct refusal *c)
{
    struct place_file file;
    struct error err = {0};
    int r = claim(f, c->name, &err, &file);
    if (r != PLACE_E_UNREADABLE || !strstr(err.text, c->want)) {
        fprintf(stderr, "%s: %d, %s\n", c->name, r, err.text);
        _exit(1);
    }
    if (folder_count(f->dir, "work") != 0) _exit(2);
}

static void unreadable_is_said_with_the_command_that_mends_it(void **state)
{
    struct fixture *f = *state;
    if (getuid() != 0) skip();
    const struct refusal cases[] = {
        {"ours.csv", 0000, 0770, FOLDER_NOBODY, FOLDER_NOBODY, "chmod u+r "},
        {"group.csv", 0600, 0770, 0, FOLDER_NOBODY, "chmod g+r "},
        {"alien.csv", 0600, 0770, 0, 0, "chown :"},
        {"odd name.csv", 0600, 0770, 0, 0, "odd name.csv'"},
        {"folder.csv", 0644, 0750, 0, 0, "chmod g+rwx "},
        {"sticky.csv", 0644, 01770, 0, 0, "chmod -t "},
    };
    folder_chown(f->dir, "work", FOLDER_NOBODY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[64];
        snprintf(path, sizeof(path), "incoming/%s", cases[i].name);
        folder_write(f->dir, path, "1");
        assert_int_equal(chown(folder_path(f->dir, path), cases[i].owner, cases[i].group), 0);
        folder_chmod(f->dir, path, cases[i].file_mode);
        assert_int_equal(chown(folder_path(f->dir, "incoming"), 0, FOLDER_NOBODY), 0);
        folder_chmod(f->dir, "incoming", cases[i].folder_mode);
        pid_t child = folder_fork_nobody();
        if (child == 0) {
            check_refusal(f, &cases[i]);
            _exit(0);
        }
        folder_wait(child);
        assert_true(folder_has(f->dir, path));
        assert_int_equal(unlink(folder_path(f->dir, path)), 0);
    }
}

static void a_source_that_cannot_be_removed_is_not_loaded(void **state)
{
    struct fixture *f = *state;
    if (getuid() != 0) skip();
    char *other;
    move_away(f, "incoming", &other);
    folder_write(other, "a.csv", "1");
    folder_chmod(other, "a.csv", 0644);
    folder_chmod(other, ".", 0755);
    folder_chown(f->dir, "work", FOLDER_NOBODY);
    pid_t child = folder_fork_nobody();
    if (child == 0) {
        check_refusal(f, &(struct refusal){.name = "a.csv", .want = "chmod g+rwx "});
        _exit(0);
    }
    folder_wait(child);
    assert_true(folder_has(other, "a.csv"));
    folder_free(other);
}

static void *replace_for_ever(void *ctx)
{
    struct fixture *f = ctx;
    for (int i = 0; i < 3000; i++) {
        folder_write(f->dir, "incoming/.next", "1");
        char to[600];
        snprintf(to, sizeof(to), "%s/incoming/a.csv", f->dir);
        rename(folder_path(f->dir, "incoming/.next"), to);
    }
    return NULL;
}

static void a_file_that_is_replaced_while_it_is_claimed_is_whole_or_gone(void **state)
{
    struct fixture *f = *state;
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, replace_for_ever, f), 0);
    int taken = 0;
    for (int i = 0; i < 3000; i++) {
        char token[PLACE_TOKEN_MAX];
        struct place_file file;
        struct error err;
        place_token(&f->place, token);
        int r = place_claim(&f->place, &(struct place_wish){.path = "a.csv", .token = token}, &err, &file);
        if (r == PLACE_E_GONE) continue;
        if (r != 0) fail_msg("%s", err.text);
        ino_t claimed_ino = file.st.st_ino;
        assert_file(f, &file, "1");
        assert_true(file.st.st_ino == claimed_ino);
        assert_int_equal(place_finish(&f->place, &file, PLACE_DONE, (struct slice){NULL, 0}, NULL), 0);
        unlink(folder_path(f->dir, "done/a.csv"));
        place_file_done(&file);
        taken++;
    }
    pthread_join(writer, NULL);
    assert_true(taken > 0);
}

static struct hold held(struct fixture *f, enum place_target from, const char *name, const char *path)
{
    struct error err = {0};
    struct hold hold;
    struct hold_wish w = {.from = from, .name = name, .path = path, .anyway = true};
    if (hold_take(&f->place, &w, &err, &hold) != 0) fail_msg("%s", err.text);
    return hold;
}

static void a_finished_file_is_claimed_again_where_it_was_dropped(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "done/a.1.csv", "rows");
    struct hold hold = held(f, PLACE_DONE, "a.1.csv", "shop/a.csv");
    char token[PLACE_TOKEN_MAX], dropped_meanwhile[PLACE_TOKEN_MAX];
    memcpy(token, hold.file.token, sizeof token);
    assert_false(folder_has(f->dir, "done/a.1.csv"));
    place_token(&f->place, dropped_meanwhile);
    struct error err = {0};
    struct place_file file, found;
    if (hold_claim(&f->place, &hold, &err, &file) != 0) fail_msg("%s", err.text);
    assert_true(strcmp(token, dropped_meanwhile) < 0 && strcmp(dropped_meanwhile, file.token) < 0);
    assert_string_equal(file.path, "shop/a.csv");
    assert_true(file.anyway);
    assert_int_equal(file.st.st_size, 4);
    /* A start that finds it in work/ knows the same. */
    assert_int_equal(recover(f, &found), 1);
    assert_string_equal(found.token, file.token);
    assert_string_equal(found.path, "shop/a.csv");
    assert_true(found.anyway);
    place_file_done(&file);
    finish(f, &found, PLACE_DONE, "", "a.csv");
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_was_held_and_not_claimed_goes_back(void **state)
{
    struct fixture *f = *state;
    folder_write(f->dir, "failed/a.2.csv", "rows");
    struct hold hold = held(f, PLACE_FAILED, "a.2.csv", "shop/a.csv");
    assert_int_equal(hold_release(&f->place, &hold), 0);
    assert_true(folder_has(f->dir, "failed/a.2.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void a_start_puts_back_what_was_held(void **state)
{
    struct fixture *f = *state;
    struct place_file found[1];
    folder_write(f->dir, "failed/a.csv", "1");
    folder_write(f->dir, "done/a.csv", "2");
    struct hold one = held(f, PLACE_FAILED, "a.csv", "shop/a.csv"), other = held(f, PLACE_DONE, "a.csv", "shop/a.csv");
    assert_int_equal(folder_count(f->dir, "done") + folder_count(f->dir, "failed"), 0);
    assert_int_equal(recover(f, found), 0);
    assert_true(folder_has(f->dir, "failed/a.csv"));
    assert_true(folder_has(f->dir, "done/a.csv"));
    assert_int_equal(folder_count(f->dir, "work"), 0);
    place_file_done(&one.file);
    place_file_done(&other.file);
}

/* done/ may lie on another file system: the copy into work/ is not a file before it is whole. */
static void a_half_copy_of_what_was_to_be_held_is_no_file(void **state)
{
    struct fixture *f = *state;
    struct place_file found[1];
    folder_mkdir(f->dir, "work/0000000000000001-01234567");
    folder_write(f->dir, "work/0000000000000001-01234567/.path", "a.csv");
    folder_write(f->dir, "work/0000000000000001-01234567/.part", "half");
    assert_int_equal(recover(f, found), 0);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

static void what_is_held_may_come_from_another_file_system(void **state)
{
    struct fixture *f = *state;
    char *other;
    move_away(f, "done", &other);
    folder_write(f->dir, "done/a.csv", "rows");
    struct hold hold = held(f, PLACE_DONE, "a.csv", "a.csv");
    assert_int_equal(folder_count(other, "."), 0);
    struct error err = {0};
    struct place_file file;
    if (hold_claim(&f->place, &hold, &err, &file) != 0) fail_msg("%s", err.text);
    assert_file(f, &file, "rows");
    finish(f, &file, PLACE_DONE, "", "a.csv");
    folder_free(other);
}

static void what_is_no_file_is_not_held(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct hold hold;
    struct hold_wish gone = {.from = PLACE_DONE, .name = "gone.csv", .path = "gone.csv"};
    assert_int_equal(hold_take(&f->place, &gone, &err, &hold), PLACE_E_GONE);
    struct hold_wish outside = {.from = PLACE_DONE, .name = "../incoming/a.csv", .path = "a.csv"};
    assert_int_equal(hold_take(&f->place, &outside, &err, &hold), -EINVAL);
    struct hold_wish ours = {.from = PLACE_DONE, .name = "a.csv", .path = "x/.anyway"};
    assert_int_equal(hold_take(&f->place, &ours, &err, &hold), -EINVAL);
    folder_write(f->dir, "done/a.csv", "1");
    struct stat st = folder_stat(f->dir, "done/a.csv");
    folder_write(f->dir, "done/a.csv", "other bytes");
    struct hold_wish changed = {.from = PLACE_DONE, .name = "a.csv", .path = "a.csv", .st = &st};
    assert_int_equal(hold_take(&f->place, &changed, &err, &hold), PLACE_E_GONE);
    assert_int_equal(folder_count(f->dir, "work"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_folders_are_made_with_their_modes),
        TEST(a_second_daemon_is_told_who_holds_the_spool),
        TEST(tokens_rise_also_after_a_restart_with_the_clock_turned_back),
        TEST(a_claimed_file_lies_behind_its_token_and_holds_no_descriptor),
        TEST(names_are_bytes),
        TEST(paths_that_lead_out_are_no_paths),
        TEST(what_is_not_there_is_gone),
        TEST(only_regular_files_are_claimed),
        TEST(a_folder_that_is_a_symbolic_link_is_not_entered),
        TEST(a_file_of_a_subfolder_keeps_its_path_over_a_crash),
        TEST(claimed_files_are_found_again_in_the_order_of_their_arrival),
        TEST(what_cannot_be_opened_any_more_goes_back),
        TEST(a_claimed_file_is_opened_as_it_is_then),
        TEST(more_files_wait_than_there_are_descriptors),
        TEST(what_is_no_file_any_more_is_not_opened),
        TEST(a_claim_without_descriptors_succeeds_later_with_its_token),
        TEST(a_claim_that_is_repeated_finds_what_it_had_moved),
        TEST(a_claim_that_is_repeated_does_not_take_another_file_under_its_token),
        TEST(what_an_older_version_had_claimed_is_taken_up),
        TEST(the_same_name_twice_never_overwrites),
        TEST(a_failed_file_and_its_errors_stay_a_pair),
        TEST(finishing_again_after_a_crash_changes_nothing),
        TEST(folders_that_were_removed_are_made_again),
        TEST(a_claim_across_file_systems_copies_and_removes),
        TEST(done_may_lie_on_another_file_system),
        TEST(a_copy_whose_source_is_still_there_is_thrown_away),
        TEST(a_copy_is_kept_while_incoming_is_not_there),
        TEST(a_copy_whose_source_is_gone_is_the_file),
        TEST(a_token_that_cannot_be_taken_up_is_said_and_does_not_stop_the_others),
        TEST(a_half_written_path_is_not_the_file),
        TEST(where_a_file_of_a_subfolder_came_from_is_on_disk_before_it_moves),
        TEST(a_token_folder_without_permission_does_not_stop_the_others),
        TEST(unreadable_is_said_with_the_command_that_mends_it),
        TEST(a_source_that_cannot_be_removed_is_not_loaded),
        TEST(a_finished_file_is_claimed_again_where_it_was_dropped),
        TEST(what_was_held_and_not_claimed_goes_back),
        TEST(a_start_puts_back_what_was_held),
        TEST(a_half_copy_of_what_was_to_be_held_is_no_file),
        TEST(what_is_held_may_come_from_another_file_system),
        TEST(what_is_no_file_is_not_held),
        TEST(a_file_that_is_replaced_while_it_is_claimed_is_whole_or_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
