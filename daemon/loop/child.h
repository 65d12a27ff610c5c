/* SPDX-License-Identifier: MIT */
/*
 * Another program, run beside the daemon: without a shell, niced, with what it writes in a file.
 *
 *     struct child *c;
 *     child_start(loop, &(struct child_config){.file = "/usr/bin/cetl", .args = args, .words = fd, .ended = on_end, .ctx = self},
 * &c); … on_end(self, status, signal), once: c is gone then      or child_free(c): it runs on, or it was killed, and nobody is told
 *
 * Thread: loop.
 */
#ifndef CETLD_LOOP_CHILD_H
#define CETLD_LOOP_CHILD_H

#include "loop/loop.h"

struct child;
struct child_config {
    const char *file;
    const char *const *args; /* as execve's: the first is the name, NULL ends them */
    const char *const *set;  /* NAME=VALUE that its environment has beside ours, NULL ends them; NULL: none */
    int words;               /* a descriptor for what it writes; its standard input is empty */
    int keep;                /* one more, which it gets as 3, for the locks that are on it; -1: none */
    int nice;
    void (*ended)(void *ctx, int64_t status, int signal);
    void *ctx;
};

/** Everything is copied; descriptors may be closed afterwards. 0, -errno (there is no such program), -ENOMEM. */
must_check int child_start(struct loop *l, const struct child_config *config, struct child **ret_child);
void child_kill(struct child *c, int signal);
/** `ended` is not called any more. NULL is fine. */
void child_free(struct child *c);

/** The path of a program that is installed together with this one: beside it, or in ../bin. malloc'd; -ENOENT; -ENOMEM. */
must_check int child_beside(const char *name, char **ret_path);

#endif
