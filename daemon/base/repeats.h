/* SPDX-License-Identifier: MIT */
/*
 * What was said how often in the last minute, so that the log is not flooded with one thing: at most so many of a kind are
 * admitted, and the others are counted.
 *
 *     if (repeats_admit(&r, key, 5, now_us, text)) …write it…
 *     while (repeats_over(&r, now_us, text, &left_out)) …write how many were left out…       now and then
 *
 * The table is bounded. What finds no room in it is admitted.
 *
 * Thread: the owner's.
 */
#ifndef CETLD_BASE_REPEATS_H
#define CETLD_BASE_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

enum { REPEATS_KINDS = 64, REPEATS_TEXT = 256 };

struct repeats {
    struct {
        uint64_t key;
        int64_t until_us; /* the end of its minute; 0: free */
        unsigned said, left_out;
        char text[REPEATS_TEXT]; /* the first one that was left out, cut */
    } kind[REPEATS_KINDS];
};

/** May one more of that kind be said now? */
bool repeats_admit(struct repeats *r, uint64_t key, unsigned most, int64_t now_us, const char *text);
/** One whose minute is over, with how many were left out and what the first of them was. False: there is none. */
bool repeats_over(struct repeats *r, int64_t now_us, char ret_text[REPEATS_TEXT], unsigned *ret_left_out);

#endif
