/* SPDX-License-Identifier: MIT */
#include "base/cleanup.h"
#include "placed.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

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

struct refusal {
    const char *name;
    mode_t file_mode, folder_mode;
    uid_t owner;
    gid_t group;
    const char *want;
};

/* By a user whom permissions bind. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_claimed_file_lies_behind_its_token_and_holds_no_descriptor),
        PLACE_TEST(names_are_bytes),
        PLACE_TEST(paths_that_lead_out_are_no_paths),
        PLACE_TEST(what_is_not_there_is_gone),
        PLACE_TEST(only_regular_files_are_claimed),
        PLACE_TEST(a_folder_that_is_a_symbolic_link_is_not_entered),
        PLACE_TEST(a_claim_without_descriptors_succeeds_later_with_its_token),
        PLACE_TEST(a_claim_that_is_repeated_finds_what_it_had_moved),
        PLACE_TEST(a_claim_that_is_repeated_does_not_take_another_file_under_its_token),
        PLACE_TEST(a_claim_across_file_systems_copies_and_removes),
        PLACE_TEST(a_copy_is_kept_while_incoming_is_not_there),
        PLACE_TEST(where_a_file_of_a_subfolder_came_from_is_on_disk_before_it_moves),
        PLACE_TEST(unreadable_is_said_with_the_command_that_mends_it),
        PLACE_TEST(a_source_that_cannot_be_removed_is_not_loaded),
        PLACE_TEST(a_file_that_is_replaced_while_it_is_claimed_is_whole_or_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
