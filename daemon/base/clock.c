/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { US_PER_S = 1000000 };

static int64_t now_us(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (int64_t)t.tv_sec * US_PER_S + t.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

int64_t clock_real_us(void)
{
    return now_us(CLOCK_REALTIME);
}

void clock_iso(int64_t real_us, char ret_text[CLOCK_ISO_MAX])
{
    int64_t us = real_us % US_PER_S;
    time_t seconds = (time_t)(real_us / US_PER_S);
    if (us < 0) {
        us += US_PER_S;
        seconds--;
    }
    struct tm t = {0};
    gmtime_r(&seconds, &t);
    size_t n = strftime(ret_text, CLOCK_ISO_MAX, "%Y-%m-%dT%H:%M:%S", &t);
    if (us) {
        n += (size_t)snprintf(ret_text + n, CLOCK_ISO_MAX - n, ".%06d", (int)us);
        while (ret_text[n - 1] == '0')
            n--;
    }
    snprintf(ret_text + n, CLOCK_ISO_MAX - n, "+00:00");
}
