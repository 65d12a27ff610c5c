/* SPDX-License-Identifier: MIT */
#include "leftover.h"

#include "base/cleanup.h"
#include "base/fs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

int leftover_hold(int dir)
{
    struct stat st;
    /* A file system that has no such locks: then nobody removes anything there either. */
    if (flock(dir, LOCK_EX | LOCK_NB) < 0) return errno == EWOULDBLOCK ? -EAGAIN : 0;
    return fstat(dir, &st) == 0 && st.st_nlink == 0 ? -EAGAIN : 0;
}

static void empty(int dir)
{
    int copy = fcntl(dir, F_DUPFD_CLOEXEC, 3);
    cleanup_dir DIR *files = copy < 0 ? NULL : fdopendir(copy);
    if (!files && copy >= 0) close(copy);
    for (const struct dirent *entry; files && (entry = readdir(files));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) unlinkat(dir, entry->d_name, 0);
}

static void remove_abandoned(int parent, const char *name, const char *unless)
{
    struct stat st;
    cleanup_fd int dir = fs_open_dir(parent, name);
    if (dir < 0 || fstat(dir, &st) < 0 || st.st_uid != geteuid()) return;
    if (flock(dir, LOCK_EX | LOCK_NB) < 0) return;
    if (unless && faccessat(dir, unless, F_OK, 0) == 0) return;
    empty(dir);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void leftover_sweep(const char *parent, const char *prefix, const char *unless)
{
    cleanup_fd int dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a symbolic link may lead there */
    int copy = dir < 0 ? -1 : fcntl(dir, F_DUPFD_CLOEXEC, 3);
    cleanup_dir DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries && copy >= 0) close(copy);
    for (const struct dirent *entry; entries && (entry = readdir(entries));)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) remove_abandoned(dir, entry->d_name, unless);
}
