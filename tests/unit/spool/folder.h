/* SPDX-License-Identifier: MIT */
/*
 * A private temporary folder for a test, and short ways to put things into it. Everything asserts. Paths are below the folder.
 */
#ifndef CETLD_TESTS_SPOOL_FOLDER_H
#define CETLD_TESTS_SPOOL_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { FOLDER_NOBODY = 65534 };

/** Below `parent`, or TMPDIR, or /tmp. Freed and removed by folder_free. */
static inline char *folder_new(const char *parent)
{
    char *path = NULL;
    if (!parent) parent = getenv("TMPDIR");
    assert_true(asprintf(&path, "%s/cetld-test-XXXXXX", parent ? parent : "/tmp") > 0);
    assert_non_null(mkdtemp(path));
    assert_int_equal(chmod(path, 0755), 0);
    return path;
}

static inline int folder_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static inline void folder_free(char *dir)
{
    nftw(dir, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    free(dir);
}

/** Valid until the next but three. */
static inline const char *folder_path(const char *dir, const char *path)
{
    static __thread char text[4][5000];
    static __thread unsigned next;
    char *t = text[next++ % 4];
    snprintf(t, sizeof(text[0]), "%s/%s", dir, path);
    return t;
}

static inline void folder_write(const char *dir, const char *path, const char *content)
{
    int fd = open(folder_path(dir, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_int_equal(close(fd), 0);
}

static inline void folder_mkdir(const char *dir, const char *path)
{
    assert_int_equal(mkdir(folder_path(dir, path), 0755), 0);
}

static inline void folder_rmdir(const char *dir, const char *path)
{
    assert_int_equal(rmdir(folder_path(dir, path)), 0);
}

static inline void folder_chmod(const char *dir, const char *path, mode_t mode)
{
    assert_int_equal(chmod(folder_path(dir, path), mode), 0);
}

static inline void folder_chown(const char *dir, const char *path, unsigned id)
{
    assert_int_equal(chown(folder_path(dir, path), id, id), 0);
}

static inline void folder_rename(const char *dir, const char *from, const char *to)
{
    assert_int_equal(rename(folder_path(dir, from), folder_path(dir, to)), 0);
}

static inline bool folder_has(const char *dir, const char *path)
{
    struct stat st;
    return lstat(folder_path(dir, path), &st) == 0;
}

static inline struct stat folder_stat(const char *dir, const char *path)
{
    struct stat st;
    assert_int_equal(stat(folder_path(dir, path), &st), 0);
    return st;
}

/** Entries of a folder, or -1. */
static inline int folder_count(const char *dir, const char *path)
{
    DIR *d = opendir(folder_path(dir, path));
    if (!d) return -1;
    int n = -2; /* . and .. */
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/** fork; the child is nobody and ends with _exit. */
static inline pid_t folder_fork_nobody(void)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0 && (setgroups(0, NULL) < 0 || setgid(FOLDER_NOBODY) < 0 || setuid(FOLDER_NOBODY) < 0)) _exit(3);
    return child;
}

/** The child must have ended with 0. */
static inline void folder_wait(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
