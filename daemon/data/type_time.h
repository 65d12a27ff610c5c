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

#endif
