/* SPDX-License-Identifier: MIT */
/*
 * A spool of its own for each test of what happens to files in it: PLACE_TEST(name) opens one before the test, `struct fixture` is
 * its state, and removes it afterwards.
 */
#ifndef CETLD_TESTS_SPOOL_PLACED_H
#define CETLD_TESTS_SPOOL_PLACED_H

#include "base/fs.h"
#include "folder.h"
#include "spool/place.h"

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

struct fixture {
    char *dir;
    struct place place;
};

static inline int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->dir = folder_new(NULL);
    struct error err;
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *f = *state;
    place_close(&f->place);
    folder_free(f->dir);
    free(f);
    return 0;
}

/* What lies at that path of incoming/, under a token of its own. */
static inline int claim(struct fixture *f, const char *path, struct error *err, struct place_file *ret_file)
{
    char token[PLACE_TOKEN_MAX];
    place_token(&f->place, token);
    return place_claim(&f->place, &(struct place_wish){.path = path, .token = token, .durable = true}, err, ret_file);
}

/* The same, which must succeed. */
static inline struct place_file claimed(struct fixture *f, const char *path)
{
    struct error err = {0};
    struct place_file file;
    if (claim(f, path, &err, &file) != 0) fail_msg("%s", err.text);
    return file;
}

static inline void assert_content(int fd, const char *want)
{
    char text[256] = "";
    assert_true(fs_pread_full(fd, text, sizeof(text) - 1, 0) >= 0);
    assert_string_equal(text, want);
}

/* Opened anew, it has that content, which is short. */
static inline void assert_file(struct fixture *f, struct place_file *file, const char *want)
{
    struct error err = {0};
    if (place_reopen(&f->place, file, &err) != 0) fail_msg("%s", err.text);
    assert_content(file->fd, want);
}

/* It goes to the target, under the wanted name. */
static inline void finish(struct fixture *f, struct place_file *file, enum place_target target, const char *errors,
                          const char *want_name)
{
    char name[NAME_MAX + 1];
    assert_int_equal(place_finish(&f->place, file, target, slice_of(errors), name), 0);
    assert_string_equal(name, want_name);
    place_file_done(file);
}

static inline void take_found(void *ctx, struct place_file *f)
{
    struct place_file **next = ctx;
    **next = *f;
    (*next)++;
}

/* A start: what is found again in work/. How many. */
static inline int recover(struct fixture *f, struct place_file *ret_files)
{
    struct place_file *next = ret_files;
    struct error err = {0};
    place_close(&f->place);
    assert_int_equal(place_open(&f->place, f->dir, &err), 0);
    if (place_recover(&f->place, take_found, &next, &err) != 0) fail_msg("%s", err.text);
    return (int)(next - ret_files);
}

/* incoming/ (or another folder) on another file system, by a link; skips the test where there is none. */
static inline void move_away(struct fixture *f, const char *name, char **ret_other)
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

#endif
