/* SPDX-License-Identifier: MIT */
/*
 * date, time, timestamp and timestamptz from text: with a template when in->format is set, else as type_datetime.h says. A time
 * zone in a text for date, time or timestamp is read and ignored, and so is a time in a text for date, as PostgreSQL does.
 *
 * A text for timestamptz that names no zone is the time of in->zone's wall clock.
 *
 * Thread: any.
 */
#ifndef CETLD_DATA_TYPE_TIME_H
#define CETLD_DATA_TYPE_TIME_H

#include "data/type.h"

must_check int type_time_date(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
must_check int type_time_time(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
/** timestamp and timestamptz by in->type.id. */
must_check int type_time_timestamp(const struct type_input *in, struct slice text, struct arena *arena, union value *ret_value);
/** The same for a column */
must_check int type_time_date_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);
must_check int type_time_timestamp_rows(const struct type_input *in, const struct type_rows *rows, struct arena *arena);
/** yyyy-mm-dd hh:mm:ss (or with a T) in digits, and nothing else: it has no zone. */
bool type_time_is_plain(struct slice text);

/* What PostgreSQL can hold: dates from 4714-11-24 BC to 5874897-12-31, timestamps from there to 294276-12-31. */
#define TYPE_TIME_DATE_FIRST INT64_C(-2451545)
#define TYPE_TIME_DATE_END INT64_C(2145031949)
#define TYPE_TIME_FIRST INT64_C(-211813488000000000)
#define TYPE_TIME_END INT64_C(9223371331200000000)
/** To time(digits) or timestamp(digits), half away from zero; a typmod below 0 or above 5 changes nothing. Finite values. */
int64_t type_time_round(int64_t us, int32_t digits);

#endif
