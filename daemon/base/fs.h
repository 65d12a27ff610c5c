/* SPDX-License-Identifier: MIT */
/*
 * Files and folders, relative to directory descriptors. Everything is O_CLOEXEC; nothing follows a symlink in the last component.
 *
 * Thread: any. These calls block: on the loop only rename, unlink and stat are allowed.
 */
#ifndef CETLD_BASE_FS_H
#define CETLD_BASE_FS_H

#include "base/error.h"
#include "base/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/** mkdir -p for the last components that are missing; those get `mode`. 0 or -errno. */
must_check int fs_mkdir_all(const char *path, mode_t mode);
/** A directory descriptor, or -errno. */
must_check int fs_open_dir(int at, const char *path);
/** fsync of a directory. 0 or -errno. */
must_check int fs_sync_dir(int dir);
/** rename that never overwrites (renameat2 RENAME_NOREPLACE, or link + unlink where it is missing). 0 or -errno (-EEXIST, -EXDEV).
 */
must_check int fs_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to);
/**
 * The n-th name to try when `name` is taken: n 0 is the name itself, then a number before the last dot (orders.1.csv); the stem is
 * cut so that 255 bytes hold. ret_name holds NAME_MAX + 1 bytes.
 */
void fs_alternative_name(const char *name, unsigned n, char *ret_name);
/** 0 where `more` bytes leave so many free on the disk of fd; else -ENOSPC, or -errno. `min_free` 0: it is not asked. */
must_check int fs_keeps_free(int fd, uint64_t min_free, uint64_t more);
/** Of long copies: how far they are, and whether they are to end. Shared by as many as one likes; any thread. */
struct fs_pace {
    _Atomic uint64_t copied; /* bytes */
    _Atomic bool stop;       /* they end with -ECANCELED, and leave everything as if they had not begun */
    uint64_t min_free;       /* bytes of the disk that they write to that stay free, else -ENOSPC */
};
/**
 * Everything of `from`, from its start, to where `to` stands, written to disk every few MiB so that no fsync takes long. `pace` may
 * be NULL. 0 or -errno.
 */
must_check int fs_copy(int from, int to, struct fs_pace *pace);
struct fs_move {
    int from_dir;
    const char *from;
    int to_dir;
    const char *to;
    struct fs_pace *pace; /* as in fs_copy, or NULL */
    const char *part;     /* the name of a copy in to_dir that is not whole yet; NULL: a hidden one of its own */
};
/**
 * Move within or across file systems without overwriting: rename, else copy + fsync + unlink. When the name is taken the next free
 * fs_alternative_name is used. 0 or -errno (-EBUSY: the file changed while it was copied; it stays where it was); ret_name
 * (NAME_MAX + 1 bytes, may be NULL) gets the name that was given.
 */
must_check int fs_move_unique(const struct fs_move *m, char *ret_name);
/** Write the whole buffer, going on after EINTR and short writes. 0 or -errno. */
must_check int fs_write_all(int fd, const void *p, size_t n);
/** Up to n bytes at offset, going on after EINTR and short reads until n or the end. Bytes read, or -errno. */
must_check ssize_t fs_pread_full(int fd, void *p, size_t n, off_t offset);
/** Read a small file (at most max bytes) to a malloc'd, NUL-terminated string the caller frees. 0, -errno, ERROR_TOO_BIG. */
must_check int fs_read_small(int at, const char *path, size_t max, char **ret_text, size_t *ret_len);
/** The same from an open descriptor, from where it stands. */
must_check int fs_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len);
/** Replace a small file: temporary name, fsync, rename, fsync of the folder. 0 or -errno. */
must_check int fs_write_small(int at, const char *path, mode_t mode, struct slice content);
/** Same content as far as stat tells: size, mtime, ctime, inode, device. */
int fs_stat_same(const struct stat *a, const struct stat *b);

#endif
