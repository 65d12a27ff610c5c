/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t time_us(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

/* The second number of statm (proc(5)), in pages. */
static int64_t resident_bytes(void)
{
    char text[128];
    cleanup_fd int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0) return 0;
    text[n] = '\0';
    char *second;
    strtoll(text, &second, 10);
    return strtoll(second, NULL, 10) * sysconf(_SC_PAGESIZE);
}

/* Without the one that lists them. */
static int64_t open_fds(void)
{
    DIR *fds = opendir("/proc/self/fd");
    int64_t n = -1;
    if (!fds) return 0;
    for (const struct dirent *entry; (entry = readdir(fds));)
        n += entry->d_name[0] != '.';
    closedir(fds);
    return n;
}

struct process_use process_look(void)
{
    struct rusage use = {0};
    struct rlimit fds = {0};
    getrusage(RUSAGE_SELF, &use);
    getrlimit(RLIMIT_NOFILE, &fds);
    return (struct process_use){.cpu_us = time_us(use.ru_utime) + time_us(use.ru_stime),
                                .resident_bytes = resident_bytes(),
                                .open_fds = open_fds(),
                                .max_fds = (int64_t)fds.rlim_cur};
}
