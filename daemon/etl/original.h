/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file that the ledger knows, as they were dropped: in work/ (its load has just ended), done/ or failed/, where they
 * may have another number in their name.
 *
 * Thread: any. Everything blocks.
 */
#ifndef CETLD_ETL_ORIGINAL_H
#define CETLD_ETL_ORIGINAL_H

#include "base/digest.h"
#include "spool/place.h"

struct original {
    const char *token;
    const char *name; /* the last component, bytes */
    int64_t bytes;    /* -1: not known */
    bool has_sum;     /* else `sum` is computed */
    uint8_t sum[DIGEST_BYTES];
};

enum { ORIGINAL_E_GONE = 1 };
/**
 * A descriptor that the caller closes. `thorough`: every candidate's digest is looked at; else the first of its name and size is
 * taken, which is the right one nearly always. 0; ORIGINAL_E_GONE; or negative.
 */
must_check int original_open(const struct place *p, struct original *o, bool thorough, int *ret_fd, uint64_t *ret_bytes);

#endif
