/* SPDX-License-Identifier: MIT */
#include "loop/pulse.h"

#include "base/fs.h"
#include "base/num.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 64, FILE_BYTES = 4096 };

/* A file of the thread's folder, which the caller frees. */
static int read_task(pid_t tid, const char *name, char **ret_text)
{
    char path[PATH_BYTES];
    size_t len;
    snprintf(path, sizeof path, "/proc/self/task/%d/%s", (int)tid, name);
    return fs_read_small(AT_FDCWD, path, FILE_BYTES, ret_text, &len);
}

/* The number behind "key: ". */
static int number_of(const char *text, const char *key, uint64_t *ret_number)
{
    const char *at = strstr(text, key);
    if (!at) return -EBADMSG;
    at += strlen(key);
    struct slice digits = {at, strspn(at, "0123456789")};
    return num_parse_u64(digits, ret_number) == 0 ? 0 : -EBADMSG;
}

int pulse_read(pid_t tid, struct pulse *ret_pulse)
{
    char *io = NULL, *stat = NULL;
    uint64_t in = 0, out = 0;
    int r = read_task(tid, "io", &io);
    if (r == 0) r = read_task(tid, "stat", &stat);
    if (r == 0) r = number_of(io, "rchar: ", &in);
    if (r == 0) r = number_of(io, "wchar: ", &out);
    /* "TID (NAME) STATE …"; the name may have parentheses. */
    const char *name_end = r == 0 ? strrchr(stat, ')') : NULL;
    if (r == 0 && (!name_end || name_end[1] != ' ')) r = -EBADMSG;
    if (r == 0) *ret_pulse = (struct pulse){.bytes = in + out, .disk = name_end[2] == 'D'};
    free(io);
    free(stat);
    return r;
}
