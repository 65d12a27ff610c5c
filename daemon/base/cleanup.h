/* SPDX-License-Identifier: MIT */
/*
 * Scope-bound release, by the compiler's cleanup attribute. A variable marked this way is released when it goes out of scope;
 * steal_fd / steal_ptr hand it on instead.
 *
 *     cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
 *     …
 *     *ret_fd = steal_fd(&fd);
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_CLEANUP_H
#define CETLD_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_ptr(void *p)
{
    free(*(void **)p);
}
static inline void cleanup_close_fd(const int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}
static inline void cleanup_close_file(FILE **f)
{
    if (*f) fclose(*f);
}
static inline void cleanup_close_dir(DIR **d)
{
    if (*d) closedir(*d);
}
#define cleanup(fn) __attribute__((cleanup(fn)))
#define cleanup_free cleanup(cleanup_free_ptr)
#define cleanup_fd cleanup(cleanup_close_fd)
#define cleanup_file cleanup(cleanup_close_file)
#define cleanup_dir cleanup(cleanup_close_dir)

static inline int steal_fd(int *fd)
{
    int v = *fd;
    *fd = -1;
    return v;
}
static inline void *steal_ptr_any(void *p)
{
    void *v = *(void **)p;
    *(void **)p = NULL;
    return v;
}
#define steal_ptr(p) ((__typeof__(*(p)))steal_ptr_any(p))

#endif
