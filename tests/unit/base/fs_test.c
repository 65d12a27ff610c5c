/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fs.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A private folder, and its descriptor; removed by teardown, also after a failed test. */
struct place {
    char path[64];
    int dir;
};

static int make_place(void **state, const char *root)
{
    struct place *p = calloc(1, sizeof(*p));
    snprintf(p->path, sizeof(p->path), "%s/fs_test.XXXXXX", root);
    if (!mkdtemp(p->path)) return -1;
    p->dir = fs_open_dir(AT_FDCWD, p->path);
    *state = p;
    return p->dir < 0;
}

static int setup(void **state)
{
    return make_place(state, "/tmp");
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    struct place *p = *state;
    close(p->dir);
    int r = nftw(p->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(p);
    return r;
}

static void put(int dir, const char *name, const char *content)
{
    assert_int_equal(fs_write_small(dir, name, 0640, slice_of(content)), 0);
}

static void expect(int dir, const char *name, const char *content)
{
    cleanup_free char *text = NULL;
    size_t len;
    assert_int_equal(fs_read_small(dir, name, 1 << 20, &text, &len), 0);
    assert_string_equal(text, content);
    assert_int_equal(len, strlen(content));
}

static bool exists(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void missing_folders_are_made_with_the_mode(void **state)
{
    struct place *p = *state;
    char path[128];
    snprintf(path, sizeof(path), "%s/a/b/c", p->path);
    mode_t old = umask(077);
    assert_int_equal(fs_mkdir_all(path, 02770), 0);
    umask(old);
    assert_int_equal(fs_mkdir_all(path, 0700), 0);
    struct stat st;
    assert_int_equal(fstatat(p->dir, "a/b/c", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 02770);
    put(p->dir, "file", "");
    snprintf(path, sizeof(path), "%s/file/x", p->path);
    assert_int_equal(fs_mkdir_all(path, 0700), -ENOTDIR);
}

static void a_symlink_is_no_folder_and_no_file(void **state)
{
    struct place *p = *state;
    assert_int_equal(symlinkat("/etc", p->dir, "link"), 0);
    assert_int_equal(symlinkat("/etc/passwd", p->dir, "file"), 0);
    assert_true(fs_open_dir(p->dir, "link") < 0);
    char *text = NULL;
    size_t len;
    assert_int_equal(fs_read_small(p->dir, "file", 1 << 20, &text, &len), -ELOOP);
    assert_null(text);
}

static void a_rename_never_overwrites(void **state)
{
    struct place *p = *state;
    put(p->dir, "a", "A");
    put(p->dir, "b", "B");
    assert_int_equal(fs_rename_noreplace(p->dir, "a", p->dir, "b"), -EEXIST);
    expect(p->dir, "b", "B");
    assert_int_equal(fs_rename_noreplace(p->dir, "a", p->dir, "c"), 0);
    expect(p->dir, "c", "A");
    assert_int_equal(fs_rename_noreplace(p->dir, "nothing", p->dir, "d"), -ENOENT);
}

static void expect_alternative(const char *name, unsigned n, const char *want)
{
    char got[NAME_MAX + 1];
    fs_alternative_name(name, n, got);
    assert_string_equal(got, want);
}

static void alternatives_are_numbered_before_the_extension(void **state)
{
    (void)state;
    expect_alternative("orders.csv", 0, "orders.csv");
    expect_alternative("orders.csv", 1, "orders.1.csv");
    expect_alternative("orders", 12, "orders.12");
    expect_alternative(".hidden", 1, ".hidden.1");
    expect_alternative("a.b.csv", 3, "a.b.3.csv");
}

static void alternatives_of_long_names_still_fit(void **state)
{
    (void)state;
    char name[NAME_MAX + 1], got[NAME_MAX + 1];
    memset(name, 'x', NAME_MAX);
    name[NAME_MAX] = '\0';
    memcpy(name + NAME_MAX - 4, ".csv", 4);
    fs_alternative_name(name, 123, got);
    assert_int_equal(strlen(got), NAME_MAX);
    assert_string_equal(got + NAME_MAX - 8, ".123.csv");
    /* "é" would be cut in two: both bytes go */
    memcpy(name + NAME_MAX - 9, "\xc3\xa9", 2);
    fs_alternative_name(name, 123, got);
    assert_int_equal(strlen(got), NAME_MAX - 1);
}

static void a_move_takes_the_next_free_name(void **state)
{
    struct place *p = *state;
    char name[NAME_MAX + 1];
    put(p->dir, "a.csv", "1");
    put(p->dir, "b.csv", "2");
    put(p->dir, "b.1.csv", "3");
    assert_int_equal(fs_move_unique(&(struct fs_move){p->dir, "a.csv", p->dir, "b.csv", NULL, NULL}, name), 0);
    assert_string_equal(name, "b.2.csv");
    expect(p->dir, "b.2.csv", "1");
    expect(p->dir, "b.csv", "2");
    assert_false(exists(p->dir, "a.csv"));
    assert_int_equal(fs_move_unique(&(struct fs_move){p->dir, "a.csv", p->dir, "b.csv", NULL, NULL}, NULL), -ENOENT);
}

static void a_move_across_file_systems_keeps_content_mode_and_time(void **state)
{
    struct place *p = *state;
    void *other_state = NULL;
    if (make_place(&other_state, "/dev/shm")) skip();
    struct place *other = other_state;
    struct stat here, there;
    assert_int_equal(fstat(p->dir, &here) | fstat(other->dir, &there), 0);
    bool same = here.st_dev == there.st_dev;
    put(p->dir, "a.csv", "content");
    put(other->dir, "a.csv", "taken");
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000, .tv_nsec = 5000}};
    assert_int_equal(utimensat(p->dir, "a.csv", times, 0), 0);
    char name[NAME_MAX + 1] = "";
    int r = fs_move_unique(&(struct fs_move){p->dir, "a.csv", other->dir, "a.csv", NULL, NULL}, name);
    cleanup_free char *text = NULL;
    size_t len;
    int read = fs_read_small(other->dir, "a.1.csv", 100, &text, &len);
    int stated = fstatat(other->dir, "a.1.csv", &there, 0);
    assert_int_equal(teardown(&other_state), 0);
    assert_int_equal(r | read | stated, 0);
    assert_string_equal(name, "a.1.csv");
    assert_string_equal(text, "content");
    assert_int_equal(there.st_mode & 07777, 0640);
    assert_int_equal(there.st_mtim.tv_sec, 1000000000);
    assert_false(exists(p->dir, "a.csv"));
    if (same) skip();
}

struct copying {
    int from, to, rc;
    struct fs_pace pace;
};

static void *copy_in_thread(void *ctx)
{
    struct copying *c = ctx;
    c->rc = fs_copy(c->from, c->to, &c->pace);
    return NULL;
}

static void a_copy_tells_how_far_it_is_while_it_runs(void **state)
{
    struct place *p = *state;
    enum { SIZE = 1024 * 1024, HALF = SIZE / 2 };
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct copying c = {.from = openat(p->dir, "long", O_RDWR | O_CREAT | O_CLOEXEC, 0600), .to = ends[1]};
    assert_true(c.from >= 0);
    assert_int_equal(ftruncate(c.from, SIZE), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, copy_in_thread, &c), 0);
    cleanup_free char *bytes = malloc(SIZE);
    size_t got = 0;
    while (got < HALF)
        got += (size_t)read(ends[0], bytes + got, HALF - got);
    while (atomic_load(&c.pace.copied) == 0) /* the pipe holds less than the other half: it cannot be through */
        sched_yield();
    assert_true(atomic_load(&c.pace.copied) < SIZE);
    while (got < SIZE)
        got += (size_t)read(ends[0], bytes + got, SIZE - got);
    pthread_join(thread, NULL);
    assert_int_equal(c.rc, 0);
    assert_int_equal(c.pace.copied, SIZE);
    close(ends[0]);
    close(ends[1]);
    close(c.from);
}

static void a_copy_that_is_to_stop_leaves_everything_as_it_was(void **state)
{
    struct place *p = *state;
    void *other_state = NULL;
    struct fs_pace pace = {.stop = true};
    cleanup_fd int from = openat(p->dir, "from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cleanup_fd int to = openat(p->dir, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(from, "x", 1), 1);
    assert_int_equal(fs_copy(from, to, &pace), -ECANCELED);
    if (make_place(&other_state, "/dev/shm")) skip();
    struct place *other = other_state;
    int r = fs_move_unique(&(struct fs_move){p->dir, "from", other->dir, "a.csv", &pace, "part"}, NULL);
    bool moved = exists(other->dir, "a.csv"), left = exists(other->dir, "part");
    assert_int_equal(teardown(&other_state), 0);
    assert_true(r == -ECANCELED || r == 0); /* 0: /dev/shm is the same file system here */
    assert_int_equal(moved, r == 0);
    assert_false(left);
    assert_int_equal(exists(p->dir, "from"), r != 0);
}

static void a_long_copy_is_whole(void **state)
{
    struct place *p = *state;
    const off_t size = (off_t)70 * 1024 * 1024 + 5; /* over the points at which it is written to disk */
    cleanup_fd int from = openat(p->dir, "from", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cleanup_fd int to = openat(p->dir, "to", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(from, size), 0);
    assert_int_equal(pwrite(from, "end", 3, size - 3), 3);
    assert_int_equal(fs_copy(from, to, NULL), 0);
    char end[3];
    assert_int_equal(lseek(to, 0, SEEK_END), size);
    assert_int_equal(fs_pread_full(to, end, 3, size - 3), 3);
    assert_memory_equal(end, "end", 3);
}

static void what_is_no_regular_file_is_not_copied_across_file_systems(void **state)
{
    struct place *p = *state;
    void *other_state = NULL;
    if (make_place(&other_state, "/dev/shm")) skip();
    struct place *other = other_state;
    struct stat here, there;
    assert_int_equal(fstat(p->dir, &here) | fstat(other->dir, &there), 0);
    int fifo = -1, link = -1;
    assert_int_equal(mkfifoat(p->dir, "fifo", 0600) | symlinkat("/etc/passwd", p->dir, "link"), 0);
    if (here.st_dev != there.st_dev) {
        fifo = fs_move_unique(&(struct fs_move){p->dir, "fifo", other->dir, "fifo", NULL, NULL}, NULL);
        link = fs_move_unique(&(struct fs_move){p->dir, "link", other->dir, "link", NULL, NULL}, NULL);
    }
    bool moved = exists(other->dir, "fifo") || exists(other->dir, "link");
    assert_int_equal(teardown(&other_state), 0);
    if (here.st_dev == there.st_dev) skip();
    assert_int_equal(fifo, -EINVAL);
    assert_int_equal(link, -ELOOP);
    assert_false(moved);
    assert_true(exists(p->dir, "fifo"));
}

static void a_small_file_is_replaced_whole_and_has_a_ceiling(void **state)
{
    struct place *p = *state;
    put(p->dir, "f", "long old content");
    put(p->dir, "f", "new");
    expect(p->dir, "f", "new");
    assert_false(exists(p->dir, "f.tmp"));
    char *text = NULL;
    size_t len;
    assert_int_equal(fs_read_small(p->dir, "f", 3, &text, &len), 0);
    free(text);
    text = NULL;
    assert_int_equal(fs_read_small(p->dir, "f", 2, &text, &len), ERROR_TOO_BIG);
    assert_null(text);
    assert_int_equal(fs_read_small(p->dir, "none", 2, &text, &len), -ENOENT);
    assert_int_equal(fs_write_small(p->dir, "no/folder", 0600, SLICE("x")), -ENOENT);
}

static void files_that_say_size_zero_are_read_to_their_end(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(fs_read_small(AT_FDCWD, "/proc/self/maps", 1 << 20, &text, &len), 0);
    assert_true(len > 100);
    assert_int_equal(strlen(text), len);
    free(text);
}

static void a_short_file_gives_fewer_bytes(void **state)
{
    struct place *p = *state;
    put(p->dir, "f", "0123456789");
    cleanup_fd int fd = openat(p->dir, "f", O_RDONLY | O_CLOEXEC);
    char bytes[20];
    assert_int_equal(fs_pread_full(fd, bytes, sizeof(bytes), 3), 7);
    assert_memory_equal(bytes, "3456789", 7);
    assert_int_equal(fs_pread_full(fd, bytes, sizeof(bytes), 10), 0);
    assert_int_equal(fs_pread_full(-1, bytes, 1, 0), -EBADF);
}

static void a_changed_file_is_not_the_same(void **state)
{
    struct place *p = *state;
    struct stat before, after;
    put(p->dir, "f", "a");
    assert_int_equal(fstatat(p->dir, "f", &before, 0), 0);
    assert_true(fs_stat_same(&before, &before));
    put(p->dir, "f", "ab");
    assert_int_equal(fstatat(p->dir, "f", &after, 0), 0);
    assert_false(fs_stat_same(&before, &after));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(missing_folders_are_made_with_the_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(a_symlink_is_no_folder_and_no_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rename_never_overwrites, setup, teardown),
        cmocka_unit_test_setup_teardown(alternatives_are_numbered_before_the_extension, setup, teardown),
        cmocka_unit_test_setup_teardown(alternatives_of_long_names_still_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(a_move_takes_the_next_free_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_move_across_file_systems_keeps_content_mode_and_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_tells_how_far_it_is_while_it_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_copy_is_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_that_is_to_stop_leaves_everything_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_not_copied_across_file_systems, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_file_is_replaced_whole_and_has_a_ceiling, setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_say_size_zero_are_read_to_their_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_file_gives_fewer_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_changed_file_is_not_the_same, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
