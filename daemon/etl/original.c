/* SPDX-License-Identifier: MIT */
#include "etl/original.h"

#include "base/cleanup.h"
#include "base/fs.h"
#include "spool/token.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALTERNATIVES_MISSED = 32 };

/* 0: it is the one, and open; ORIGINAL_E_GONE: it is not; or negative. */
static int look(int dir, const char *path, struct original *o, bool thorough, int *ret_fd, uint64_t *ret_bytes)
{
    struct stat st;
    cleanup_fd int fd = openat(dir, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    /* A long name does not fit behind a token: then its file is not there, but in a folder of the token's. */
    if (fd < 0) return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG ? ORIGINAL_E_GONE : -errno;
    if (fstat(fd, &st) < 0) return -errno;
    if (!S_ISREG(st.st_mode) || (o->bytes >= 0 && (int64_t)st.st_size != o->bytes)) return ORIGINAL_E_GONE;
    if (thorough || !o->has_sum) {
        uint8_t sum[DIGEST_BYTES];
        int r = digest_of_file(fd, sum);
        if (r < 0) return r;
        if (o->has_sum && !digest_equal(sum, o->sum)) return ORIGINAL_E_GONE;
        memcpy(o->sum, sum, sizeof sum);
    }
    *ret_bytes = (uint64_t)st.st_size;
    *ret_fd = steal_fd(&fd);
    return 0;
}

/* The names that place_finish may have given it, in their order. Some numbers may be gone again. */
static int look_in(const struct place *p, const char *folder, struct original *o, bool thorough, int *ret_fd, uint64_t *ret_bytes)
{
    cleanup_fd int dir = place_folder(p, folder);
    if (dir < 0) return dir == -ENOENT ? ORIGINAL_E_GONE : dir;
    unsigned missed = 0;
    for (unsigned n = 0; missed < ALTERNATIVES_MISSED; n++) {
        char name[NAME_MAX + 1];
        struct stat st;
        fs_alternative_name(o->name, n, name);
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            missed++;
            continue;
        }
        missed = 0;
        int r = look(dir, name, o, thorough, ret_fd, ret_bytes);
        if (r != ORIGINAL_E_GONE) return r;
    }
    return ORIGINAL_E_GONE;
}

int original_open(const struct place *p, struct original *o, bool thorough, int *ret_fd, uint64_t *ret_bytes)
{
    char path[TOKEN_PATH_MAX];
    int r = ORIGINAL_E_GONE;
    /* In the order of its way, so that it is not missed between two looks. */
    if (token_flat_path(o->token, o->name, path)) r = look(p->root, path, o, thorough, ret_fd, ret_bytes);
    if (r == ORIGINAL_E_GONE && token_path(o->token, o->name, path)) r = look(p->root, path, o, thorough, ret_fd, ret_bytes);
    if (r == ORIGINAL_E_GONE) r = look_in(p, "done", o, thorough, ret_fd, ret_bytes);
    if (r == ORIGINAL_E_GONE) r = look_in(p, "failed", o, thorough, ret_fd, ret_bytes);
    return r;
}
