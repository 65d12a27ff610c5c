/* SPDX-License-Identifier: MIT */
#include "base/fs.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { COPY_BYTES = 256 * 1024, COPY_SYNC_BYTES = 32 * 1024 * 1024, ALTERNATIVES_MAX = 1000000, EXTENSION_MAX = 32 };

/* fsync of the folder that holds `path`. */
static int sync_parent(int at, const char *path)
{
    cleanup_free char *parent = strdup(path);
    if (!parent) return -ENOMEM;
    char *slash = strrchr(parent, '/');
    if (slash) slash[slash == parent] = '\0';
    cleanup_fd int dir = openat(at, slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -errno : fs_sync_dir(dir);
}

/* mkdir of one folder; fine when there is one already. Looked at first: systemd's RestrictSUIDSGID= refuses mkdir with 2770 even
 * then. */
static int make_dir(const char *path, mode_t mode)
{
    struct stat st;
    if (stat(path, &st) < 0) {
        if (mkdir(path, mode) == 0) {
            /* The caller means this mode, whatever the umask: incoming/ is 2770. */
            if (chmod(path, mode) < 0) return -errno;
            /* Then it outlasts a power cut. Who may make a folder need not be let to open the one around it. */
            int r = sync_parent(AT_FDCWD, path);
            return r == -EACCES || r == -EINVAL ? 0 : r;
        }
        if (errno != EEXIST || stat(path, &st) < 0) return -errno;
    }
    return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int fs_mkdir_all(const char *path, mode_t mode)
{
    cleanup_free char *copy = strdup(path);
    if (!copy) return -ENOMEM;
    for (char *slash = *copy ? strchr(copy + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int r = make_dir(copy, mode);
        if (r < 0) return r;
        *slash = '/';
    }
    return make_dir(copy, mode);
}

int fs_open_dir(int at, const char *path)
{
    int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int fs_sync_dir(int dir)
{
    return fsync(dir) == 0 ? 0 : -errno;
}

int fs_rename_noreplace(int from_dir, const char *from, int to_dir, const char *to)
{
    if (renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -errno;
    /* Some network file systems do not know the flag. Between the two calls the file has both names, never none. */
    if (linkat(from_dir, from, to_dir, to, 0) < 0) return -errno;
    if (unlinkat(from_dir, from, 0) == 0 || errno == ENOENT) return 0;
    int r = -errno;
    unlinkat(to_dir, to, 0);
    return r;
}

void fs_alternative_name(const char *name, unsigned n, char *ret_name)
{
    const char *dot = strrchr(name, '.');
    struct slice stem = slice_of(name), extension = {NULL, 0};
    char number[16] = "";
    if (n > 0) {
        if (dot && dot != name && strlen(dot) <= EXTENSION_MAX) {
            extension = slice_of(dot);
            stem.len -= extension.len;
        }
        snprintf(number, sizeof(number), ".%u", n);
    }
    stem = slice_cut_utf8(stem, NAME_MAX - strlen(number) - extension.len);
    snprintf(ret_name, NAME_MAX + 1, SLICE_FMT "%s" SLICE_FMT, SLICE_ARG(stem), number, SLICE_ARG(extension));
}

/* Rename to the first alternative of `to` that is free. */
static int rename_unique(const struct fs_move *m, char ret_name[NAME_MAX + 1])
{
    for (unsigned n = 0; n < ALTERNATIVES_MAX; n++) {
        char name[NAME_MAX + 1];
        fs_alternative_name(m->to, n, name);
        int r = fs_rename_noreplace(m->from_dir, m->from, m->to_dir, name);
        if (r == -EEXIST) continue;
        if (r == 0) memcpy(ret_name, name, sizeof(name));
        return r;
    }
    return -EEXIST;
}

int fs_keeps_free(int fd, uint64_t min_free, uint64_t more)
{
    struct statvfs fs;
    if (min_free == 0) return 0;
    if (fstatvfs(fd, &fs) < 0) return -errno;
    uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
    return room < more || room - more < min_free ? -ENOSPC : 0;
}

int fs_copy(int from, int to, struct fs_pace *pace)
{
    cleanup_free char *bytes = malloc(COPY_BYTES);
    if (!bytes) return -ENOMEM;
    for (off_t offset = 0;;) {
        if (pace && atomic_load_explicit(&pace->stop, memory_order_relaxed)) return -ECANCELED;
        ssize_t n = fs_pread_full(from, bytes, COPY_BYTES, offset);
        if (n < 0) return (int)n;
        if (n == 0) return 0;
        int r = pace ? fs_keeps_free(to, pace->min_free, (uint64_t)n) : 0;
        if (r == 0) r = fs_write_all(to, bytes, (size_t)n);
        if (r < 0) return r;
        offset += n;
        if (offset % COPY_SYNC_BYTES == 0 && fdatasync(to) < 0) return -errno;
        if (pace) atomic_fetch_add_explicit(&pace->copied, (uint64_t)n, memory_order_relaxed);
    }
}

/* Content, permissions and mtime of `from` (whose state was `before`) on disk in `to`; -EBUSY when `from` changed meanwhile. */
static int copy_synced(int from, int to, const struct stat *before, struct fs_pace *pace)
{
    int r = fs_copy(from, to, pace);
    if (r < 0) return r;
    struct stat after;
    if (fstat(from, &after) < 0) return -errno;
    if (!fs_stat_same(before, &after)) return -EBUSY;
    const struct timespec times[2] = {before->st_atim, before->st_mtim};
    if (fchmod(to, before->st_mode & 0777) < 0 || futimens(to, times) < 0 || fsync(to) < 0) return -errno;
    return 0;
}

/*
 * The move across file systems. The copy has a hidden name, always the same for the same source, until it is whole: after a crash
 * there is either the source alone (and a leftover that the next try overwrites) or the source and a whole copy, never a part.
 */
static int copy_unique(const struct fs_move *m, char ret_name[NAME_MAX + 1])
{
    cleanup_fd int from = openat(m->from_dir, m->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (from < 0) return -errno;
    struct stat st;
    if (fstat(from, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode)) return -EINVAL;
    char own[64];
    snprintf(own, sizeof(own), ".move-%jx-%jx.part", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    const char *part = m->part ? m->part : own;
    cleanup_fd int to = openat(m->to_dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0) return -errno;
    int r = copy_synced(from, to, &st, m->pace);
    if (r == 0) r = rename_unique(&(struct fs_move){m->to_dir, part, m->to_dir, m->to, NULL, NULL}, ret_name);
    if (r < 0) {
        unlinkat(m->to_dir, part, 0);
        return r;
    }
    r = fs_sync_dir(m->to_dir);
    if (r < 0) return r;
    return unlinkat(m->from_dir, m->from, 0) == 0 ? 0 : -errno;
}

int fs_move_unique(const struct fs_move *m, char *ret_name)
{
    char name[NAME_MAX + 1];
    int r = rename_unique(m, name);
    if (r == -EXDEV) r = copy_unique(m, name);
    if (r == 0 && ret_name) memcpy(ret_name, name, sizeof(name));
    return r;
}

int fs_write_all(int fd, const void *p, size_t n)
{
    for (const char *at = p; n > 0;) {
        ssize_t wrote = write(fd, at, n);
        if (wrote < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        at += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

ssize_t fs_pread_full(int fd, void *p, size_t n, off_t offset)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = pread(fd, (char *)p + got, n - got, offset + (off_t)got);
        if (r == 0) break;
        if (r < 0) {
            if (errno == EINTR) continue;
            return -errno;
        }
        got += (size_t)r;
    }
    return (ssize_t)got;
}

int fs_read_fd(int fd, size_t max, char **ret_text, size_t *ret_len)
{
    /* Until the end rather than by st_size: files under /proc and descriptors of pipes say 0. */
    cleanup_free char *text = NULL;
    size_t len = 0, cap = 0;
    for (;;) {
        if (len == cap) {
            cap = cap ? cap * 2 : 4096;
            char *grown = realloc(text, cap + 1);
            if (!grown) return -ENOMEM;
            text = grown;
        }
        ssize_t n = read(fd, text + len, cap - len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -errno;
        if (n == 0) break;
        len += (size_t)n;
        if (len > max) return ERROR_TOO_BIG;
    }
    text[len] = '\0';
    *ret_text = steal_ptr(&text);
    *ret_len = len;
    return 0;
}

int fs_read_small(int at, const char *path, size_t max, char **ret_text, size_t *ret_len)
{
    cleanup_fd int fd = openat(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return -errno;
    return fs_read_fd(fd, max, ret_text, ret_len);
}

int fs_write_small(int at, const char *path, mode_t mode, struct slice content)
{
    cleanup_free char *temporary = NULL;
    if (asprintf(&temporary, "%s.tmp", path) < 0) return -ENOMEM;
    cleanup_fd int fd = openat(at, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) return -errno;
    int r = fs_write_all(fd, content.p, content.len);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || renameat(at, temporary, at, path) < 0)) r = -errno;
    if (r < 0) {
        unlinkat(at, temporary, 0);
        return r;
    }
    return sync_parent(at, path);
}

int fs_stat_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}
