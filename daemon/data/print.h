/* SPDX-License-Identifier: MIT */
/*
 * Values as text, as PostgreSQL's output functions print them under DateStyle ISO, time zone UTC and extra_float_digits 1.
 *
 * Sources: PostgreSQL manual, "Data Types"; proven against a server by tests/differential/test_pgvalue.py.
 *
 * Thread: any. A full buffer shows in buf_check only.
 */
#ifndef CETLD_DATA_PRINT_H
#define CETLD_DATA_PRINT_H

#include "base/buf.h"
#include "data/type.h"

/** A value in memory; a bool is t or f. */
void print_value(struct buf *out, enum type_id id, union value v);

void print_int(struct buf *out, int64_t v);
/** NaN, Infinity and -Infinity are words. */
void print_float4(struct buf *out, float v);
void print_float8(struct buf *out, double v);
/** Days since 2000-01-01, or infinity. */
void print_date(struct buf *out, int64_t days);
/** Microseconds since midnight: HH:MM:SS and up to six decimals, without zeros at the end. */
void print_time(struct buf *out, int64_t us);
/** Microseconds since 2000-01-01, or infinity; `between` date and time, `zone` behind the time. */
void print_moment(struct buf *out, int64_t us, char between, const char *zone);
/** 16 bytes. */
void print_uuid(struct buf *out, struct slice bytes);

#endif
