/* SPDX-License-Identifier: MIT */
/*
 * Time. Durations and deadlines use the monotonic clock, shown times the real one.
 *
 * Thread: any.
 */
#ifndef CETLD_BASE_CLOCK_H
#define CETLD_BASE_CLOCK_H

#include <stdint.h>

/** CLOCK_MONOTONIC in microseconds. */
int64_t clock_mono_us(void);
/** CLOCK_REALTIME in microseconds since 1970-01-01 UTC. */
int64_t clock_real_us(void);

enum { CLOCK_ISO_MAX = 40 };
/**
 * RFC 3339 in UTC with up to microseconds, as PostgreSQL's to_jsonb writes a timestamptz: 2024-01-31T12:00:00.123456+00:00. A
 * fraction of zero is left out, and so are zeros at its end.
 */
void clock_iso(int64_t real_us, char ret_text[CLOCK_ISO_MAX]);

#endif
