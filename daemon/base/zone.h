/* SPDX-License-Identifier: MIT */
/*
 * Time zones of the IANA database: what the wall clocks of a place show. Read from the system's compiled files (Debian: package
 * tzdata, /usr/share/zoneinfo; TZDIR in the environment names another folder).
 *
 * A zone is its transitions, those of the file and 400 years of those that the file's rule gives for the time behind them. After
 * these everything repeats, because the Gregorian calendar does, weekdays included. Immutable once loaded.
 *
 *     r = zone_load("Europe/Paris", &arena, &err, &zone);
 *     utc = local - zone_offset(zone, local);
 *
 * Source: RFC 8536, The Time Zone Information Format (TZif); POSIX, the environment variable TZ.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_ZONE_H
#define CETLD_BASE_ZONE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdint.h>

struct zone;

enum { ZONE_E_UNKNOWN = 1 }; /* no such zone, or a file that is none */

/** The zone is the arena's. 0; ZONE_E_UNKNOWN with the words in err; -ENOMEM, or -errno of a file that cannot be read. */
must_check int zone_load(const char *name, struct arena *arena, struct error *err, const struct zone **ret_zone);
const char *zone_name(const struct zone *z);

/**
 * How far the wall clock is east of UTC, in seconds, when it shows `local_s`: seconds since 1970-01-01 00:00:00 on that clock. What
 * it shows twice (clocks go back) is the second time; what it never shows (they go forward) is read by the offset before: as
 * PostgreSQL does.
 */
int32_t zone_offset(const struct zone *z, int64_t local_s);

#endif
