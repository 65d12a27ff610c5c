/* SPDX-License-Identifier: MIT */
#include "base/repeats.h"

#include <stdio.h>
#include <string.h>

enum { MINUTE_US = 60 * 1000000 };

/* Its place; else one that is free, or whose minute is over and of which nothing is left to be told; else -1. */
static int find(const struct repeats *r, uint64_t key, int64_t now_us)
{
    int room = -1;
    for (int i = 0; i < REPEATS_KINDS; i++) {
        bool used = r->kind[i].until_us != 0;
        if (used && r->kind[i].key == key) return i;
        if (!used || (r->kind[i].until_us <= now_us && r->kind[i].left_out == 0)) room = i;
    }
    return room;
}

bool repeats_admit(struct repeats *r, uint64_t key, unsigned most, int64_t now_us, const char *text)
{
    int i = find(r, key, now_us);
    if (i < 0) return true;
    bool fresh = r->kind[i].until_us == 0 || r->kind[i].key != key || (r->kind[i].until_us <= now_us && r->kind[i].left_out == 0);
    if (fresh) {
        r->kind[i].key = key;
        r->kind[i].until_us = now_us + MINUTE_US;
        r->kind[i].said = r->kind[i].left_out = 0;
    }
    if (r->kind[i].said < most) {
        r->kind[i].said++;
        return true;
    }
    if (r->kind[i].left_out++ == 0) snprintf(r->kind[i].text, REPEATS_TEXT, "%s", text);
    return false;
}

bool repeats_over(struct repeats *r, int64_t now_us, char ret_text[REPEATS_TEXT], unsigned *ret_left_out)
{
    for (int i = 0; i < REPEATS_KINDS; i++) {
        if (r->kind[i].until_us == 0 || r->kind[i].until_us > now_us || r->kind[i].left_out == 0) continue;
        memcpy(ret_text, r->kind[i].text, REPEATS_TEXT);
        *ret_left_out = r->kind[i].left_out;
        r->kind[i].until_us = 0;
        return true;
    }
    return false;
}
