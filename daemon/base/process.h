/* SPDX-License-Identifier: MIT */
/*
 * What this process takes of the machine, from /proc and getrusage(2): cheap enough to be asked for on the loop.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_PROCESS_H
#define CETLD_BASE_PROCESS_H

#include <stdint.h>

struct process_use {
    int64_t cpu_us;         /* user's and system's, since the start */
    int64_t resident_bytes; /* 0: not known */
    int64_t open_fds, max_fds;
};
struct process_use process_look(void);

#endif
