/* SPDX-License-Identifier: MIT */
/*
 * How often each may ask: token buckets, one for each who asks (a token, a subject, an address). A bucket holds what may come at
 * once and fills up evenly. The table is bounded: where it is full the one that has not been asked for longest goes, and begins
 * anew with a full bucket.
 *
 * Thread: loop.
 */
#ifndef CETLD_API_RATES_H
#define CETLD_API_RATES_H

#include "config/config.h"

struct rates;
enum { RATES_KEY = 16 };

/** 0 or -ENOMEM. */
must_check int rates_new(struct rates **ret_rates);
/** NULL is fine. */
void rates_free(struct rates *r);
/** May `key` ask now? 0: yes, and it is counted. Else in how many seconds (at least 1). A rate without a count has no limit. */
must_check int64_t rates_take(struct rates *r, const uint8_t key[RATES_KEY], const struct config_rate *rate, int64_t now_ms);

#endif
