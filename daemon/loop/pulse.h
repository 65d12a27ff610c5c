/* SPDX-License-Identifier: MIT */
/*
 * The signs of life of a thread of this process, as the kernel sees them (proc(5): /proc/self/task/TID/io and …/stat). They tell
 * one that hangs (it waits for a lock, a pipe, or spins) from one that only takes long: a copy moves bytes, an fsync waits for a
 * disk.
 *
 * Thread: any.
 */
#ifndef CETLD_LOOP_PULSE_H
#define CETLD_LOOP_PULSE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct pulse {
    uint64_t bytes; /* read and written since the thread began */
    bool disk;      /* it sleeps uninterruptibly, as who waits for a disk does */
};

/** 0, or negative where the kernel does not tell. */
must_check int pulse_read(pid_t tid, struct pulse *ret_pulse);

#endif
