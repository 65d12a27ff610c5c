/* SPDX-License-Identifier: MIT */
/*
 * Of build.h the part about who may do what: [token NAME] with the hash that its file holds, [jwt] with its keys, [role NAME].
 *
 * Thread: any.
 */
#ifndef CETLD_CONFIG_BUILD_ACCESS_H
#define CETLD_CONFIG_BUILD_ACCESS_H

#include "config/builder.h"

/** All of them, once datasets, rollups and derives are known. 0 or -ENOMEM. */
must_check int build_access(struct builder *b);
/** "100/s", "6000/min", "1000/h"; "" is none. False: it is none of these. */
must_check bool build_rate(struct slice text, struct config_rate *ret_rate);
/** The same of a section's `rate`; what is none goes to the mistakes. */
void build_check_rate(struct builder *b, const struct ini_section *s, const char *text, struct config_rate *ret_rate);
/** "2027-01-31" (the end of that day, UTC) or "2027-01-31T12:00:00Z", in seconds since 1970; "" is never, INT64_MAX. */
must_check bool build_expiry(struct slice text, int64_t *ret_s);

#endif
